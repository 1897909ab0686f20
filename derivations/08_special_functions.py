# %% [markdown]
# # 8. Special functions as polynomials
#
# Generated code spends most of its time in $\arcsin$, and compilers only vectorize arithmetic. So $\arcsin$, $\exp$
# and $\mathrm{erf}$ are polynomials there, evaluated without branches. Here they are fitted: minimax in the relative
# error of the function, by Remez' exchange. What is fitted is the text that is compiled, to the last digit.

# %%
import mpmath as mp

from divprune_sym.codegen.targets import special_source

mp.mp.dps = 45

# %% [markdown]
# ## Remez' exchange
#
# A polynomial $p$ of degree $n$ is the best one if the weighted error $w(f-p)$ reaches its largest size $n+2$ times
# with alternating signs. So: demand equal sizes at $n+2$ points, solve the linear equations, move each point to the
# extremum next to it, and repeat until the sizes are equal.


# %%
def minimax(f, weight, degree, low, high):
    """Coefficients of the polynomial of least max |weight (f − p)| on [low, high], constant first; that maximum."""
    count = degree + 2
    center, half = (low + high) / 2, (high - low) / 2
    points = [center - half * mp.cos(mp.pi * j / (count - 1)) for j in range(count)]
    grid = [center - half * mp.cos(mp.pi * j / (24 * count)) for j in range(24 * count + 1)]
    f_grid, w_grid = [f(x) for x in grid], [weight(x) for x in grid]
    for _ in range(12):
        equations = mp.matrix(count, count)
        for row, x in enumerate(points):
            for power in range(degree + 1):
                equations[row, power] = x**power
            equations[row, degree + 1] = (-1) ** row / weight(x)
        coefficients = list(mp.lu_solve(equations, mp.matrix([f(x) for x in points])))[: degree + 1]
        errors = [w * (y - mp.polyval(coefficients[::-1], x)) for x, y, w in zip(grid, f_grid, w_grid, strict=True)]
        extrema = []
        for x, error in zip(grid, errors, strict=True):
            if not extrema or (error > 0) != (extrema[-1][1] > 0):
                extrema.append((x, error))
            elif abs(error) > abs(extrema[-1][1]):
                extrema[-1] = (x, error)
        assert len(extrema) >= count
        while len(extrema) > count:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        points = [x for x, _ in extrema]
        sizes = [abs(error) for _, error in extrema]
        if max(sizes) < 1.01 * min(sizes):
            break
    return coefficients, max(map(abs, errors))


def horner(name, meaning, coefficients):
    """The text of a function that evaluates a polynomial."""
    *rest, highest = [repr(float(x)) for x in coefficients]
    lines = [f"    p = fma(p, t, {x})" for x in rest[:0:-1]]
    return "\n".join(
        [
            "@jit",
            f"def {name}(t):",
            f'    """{meaning}"""',
            f"    p = {highest}",
            *lines,
            f"    return fma(p, t, {rest[0]})",
        ]
    )


def fitted(name, meaning, coefficients, f, relative_to, low, high):
    """Check the text in `codegen/special.py`; the relative error that is left after rounding the coefficients."""
    text = horner(name, meaning, coefficients)
    assert text in special_source(), f"codegen/special.py should have\n{text}"
    rounded = [mp.mpf(float(x)) for x in coefficients]
    points = [low + (high - low) * j / mp.mpf(600) for j in range(601)]
    left = max(abs((f(x) - mp.polyval(rounded[::-1], x)) * relative_to(x)) for x in points)
    print(f"{name}: degree {len(coefficients) - 1}, relative error {mp.nstr(left * 2**53, 3)} · 2⁻⁵³")
    return left


UNIT = mp.mpf(2) ** -53

# %% [markdown]
# ## arcsin
#
# For $|x|\le\tfrac12$, $\arcsin x = x + x\,t\,P(t)$ with $t = x^2$; $t\,P(t)$ is below 0.048, so that its rounding
# errors hardly count. Beyond, $\arcsin x = \tfrac\pi2 - 2\arcsin\sqrt{(1-x)/2}$, where $(1-x)/2 \le \tfrac14$ is exact.


# %%
def asin_rest(t):
    if t < mp.mpf(10) ** -10:
        return mp.mpf(1) / 6 + 3 * t / 40 + 15 * t**2 / 336
    return (mp.asin(mp.sqrt(t)) / mp.sqrt(t) - 1) / t


def asin_share(t):
    """What a change of P does to arcsin x, relative."""
    return t / (1 + t * asin_rest(t))


P, _ = minimax(asin_rest, asin_share, 11, mp.mpf(10) ** -6, mp.mpf(1) / 4)
asin_left = fitted(
    "asin_series", "(asin(√t)/√t − 1)/t for 0 ≤ t ≤ ¼.", P, asin_rest, asin_share, mp.mpf(0), mp.mpf(1) / 4
)
assert asin_left < 0.2 * UNIT

# %% [markdown]
# Most arguments are far smaller: in wide networks, correlations of two different fields are. For $|x|\le\tfrac18$ half
# as many terms do. Which polynomial a number takes depends on that number alone, so that its bits do not depend on its
# neighbors; only the work does.

# %%
P, _ = minimax(asin_rest, asin_share, 5, mp.mpf(10) ** -7, mp.mpf(1) / 64)
short_left = fitted("asin_short", "The same for t ≤ 1/64.", P, asin_rest, asin_share, mp.mpf(0), mp.mpf(1) / 64)
assert short_left < 0.2 * UNIT

# %% [markdown]
# ## exp
#
# $x = n\ln 2 + r$ with $|r| \le \tfrac12\ln 2$, $\ln 2$ in two parts of which the first has 21 trailing zeros, so
# that $n\ln 2_{\rm hi}$ is exact; $e^r = 1 + (r + r^2 P(r))$.

# %%
LN2_HI = mp.mpf(float(mp.floor(mp.log(2) * 2**32) / 2**32))
LN2_LO = mp.mpf(float(mp.log(2) - LN2_HI))
assert float(LN2_HI).hex().endswith("00000p-1"), float(LN2_HI).hex()
assert abs(LN2_HI + LN2_LO - mp.log(2)) < 2e-26
assert all(repr(float(x)) in special_source() for x in (LN2_HI, LN2_LO, 1 / mp.log(2)))


def exp_rest(r):
    if abs(r) < mp.mpf(10) ** -8:
        return mp.mpf(1) / 2 + r / 6 + r**2 / 24 + r**3 / 120
    return (mp.exp(r) - 1 - r) / r**2


reach = mp.log(2) / 2 * (1 + mp.mpf(2) ** -20)
P, _ = minimax(exp_rest, lambda r: (r**2 + 1e-4) / mp.exp(r), 9, -reach, reach)
exp_left = fitted(
    "exp_series", "(exp t − 1 − t)/t² for |t| ≤ ½ ln 2.", P, exp_rest, lambda r: r**2 / mp.exp(r), -reach, reach
)
assert exp_left < 0.2 * UNIT

# %% [markdown]
# ## erf
#
# For $|x| \le 1$, $\mathrm{erf}\,x = x + x\,P(x^2)$. Beyond, $\mathrm{erf}\,x = 1 - \mathrm{erfc}\,x$ with
# $\mathrm{erfc}\,x = e^{-x^2} P(t)/(1 + 2x)$, $t = (x-a)/(x+a)$, up to $x = 6$, where erf is 1 to rounding. There
# erfc ≤ 0.16, so that its error counts little; hence a larger one is allowed.


# %%
def erf_rest(t):
    if t < mp.mpf(10) ** -12:
        return 2 / mp.sqrt(mp.pi) * (1 - t / 3 + t**2 / 10) - 1
    return mp.erf(mp.sqrt(t)) / mp.sqrt(t) - 1


P, _ = minimax(erf_rest, lambda t: 1 / (1 + erf_rest(t)), 12, mp.mpf(0), mp.mpf(1))
erf_left = fitted(
    "erf_series", "erf(√t)/√t − 1 for 0 ≤ t ≤ 1.", P, erf_rest, lambda t: 1 / (1 + erf_rest(t)), mp.mpf(0), mp.mpf(1)
)
assert erf_left < 0.2 * UNIT

# %%
CENTER = mp.mpf("2.25")


def scaled_erfc(t):
    x = CENTER * (1 + t) / (1 - t)
    return mp.exp(x**2) * mp.erfc(x) * (1 + 2 * x)


def erfc_share(t):
    """What a change of P does to erf x, relative."""
    x = CENTER * (1 + t) / (1 - t)
    return mp.exp(-(x**2)) / (1 + 2 * x) / mp.erf(x)


low, high = (1 - CENTER) / (1 + CENTER), (6 - CENTER) / (6 + CENTER)
P, _ = minimax(scaled_erfc, erfc_share, 13, low, high)
erfc_left = fitted(
    "erfc_series", "exp(x²) erfc(x) (1 + 2x) for x = 2.25 (1 + t)/(1 − t).", P, scaled_erfc, erfc_share, low, high
)
assert erfc_left < 0.2 * UNIT
assert mp.erfc(6) < UNIT / 2

# %% [markdown]
# The errors of the whole functions, with all roundings, are measured in `tests/codegen/test_special.py` against ball
# arithmetic at a million points each and at the edges: 1.3 ulp for $\\arcsin$, 1.1 ulp for $\\exp$ and erf, where 2 are
# promised.
