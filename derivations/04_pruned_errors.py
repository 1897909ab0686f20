# %% [markdown]
# # 04 · What pruning does to the order parameters
#
# A pruning method draws masks from the weights. In the Gaussian weight ensemble the incoming weights of one input,
# $(w_{1j} \dots w_{Kj}, B_{1j} \dots B_{Mj})$, are independent over $j$ and Gaussian with covariance
# $C = [[Q, R], [R^T, T]]$; with $N \to \infty$ inputs every pruned overlap is a Gaussian moment. An edge method
# enters only through $\pi(z)$, the probability that it keeps a weight of standardized value
# $z = w_{ij}/\sqrt{Q_{ii}}$, and the masks of different nodes are independent given the weights:
#
# $$Q'_{ii} = Q_{ii}\, E[z^2 \pi(z)], \quad R'_{in} = R_{in}\, E[z^2 \pi(z)], \quad
#   Q'_{ik} = \sqrt{Q_{ii} Q_{kk}}\; E[x\pi(x)\, y\pi(y)], \quad \mathrm{corr}(x, y) = r.$$
#
# Below: these moments for the three edge methods, then the generalization error of all six methods in the
# specialized state, down to the digits of the reference table.

# %%
from fractions import Fraction
from itertools import combinations

import mpmath as mp
import numpy as np
import sympy as sp

from divprune_sym.dpp import LEnsemble
from divprune_sym.gaussian import ERF, integral
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.pruning import METHODS
from divprune_sym.specialized import specialized_state

z, y, mu = sp.symbols("z y mu", real=True)
b, c, k, p, r, s, t, u = sp.symbols("b c k p r s t u", positive=True)


def density(x):
    """The standard normal density n(x)."""
    return sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)


def vanishes(expression):
    """Whether an expression simplifies to zero."""
    return sp.simplify(sp.expand(expression.rewrite(sp.erf))) == 0


# %% [markdown]
# ## Why π is all there is: the overlap with the teacher
#
# Regress a teacher weight on the student's: $B = (R/Q)\, w + e$ with $e$ independent of $w$, since both are Gaussian
# and uncorrelated. The mask depends on $w$ alone, so $E[w\pi B] = (R/Q)\, E[w^2 \pi]$. The same split,
# $y = r x + \sqrt{1 - r^2}\, e$, turns the product of two kept weights into one integral over $x$ of the smoothed
# $E[y\pi(y)]$, $y \sim N(\mu, s^2)$, at $\mu = r x$, $s^2 = 1 - r^2$. So three moments are needed of every method:
# $E[z^2\pi]$, $z\pi(z)$ and the smoothed one.

# %%
Q, R, T = sp.symbols("Q R T", positive=True)
slope = sp.Symbol("slope", real=True)
regression = sp.solve(R - slope * Q, slope)[0]
assert regression == R / Q  # Cov(B − slope·w, w) = 0
assert vanishes((R - r * Q).subs(r, regression))

# %% [markdown]
# ## Random edges: π = p

# %%
random_square = sp.integrate(p * z**2 * density(z), (z, -sp.oo, sp.oo))
random_smoothed = p * mu
random_product = sp.integrate(p * z * random_smoothed.subs(mu, r * z) * density(z), (z, -sp.oo, sp.oo))
assert random_square == p
assert vanishes(random_product - p**2 * r)

# %% [markdown]
# ## Magnitude: π = 1 for |z| > t
#
# The keep fraction $p = P(|z| > t)$ fixes $t = \Phi^{-1}(1 - p/2)$. A step in $|y|$ means two Gaussian tails.

# %%
magnitude_keep = sp.simplify(2 * sp.integrate(density(z), (z, t, sp.oo)))
magnitude_square = sp.simplify(2 * sp.integrate(z**2 * density(z), (z, t, sp.oo)))
assert vanishes(magnitude_keep - sp.erfc(t / sp.sqrt(2)))
assert vanishes(magnitude_square - (magnitude_keep + 2 * t * density(t)))  # m(p) = p + 2t n(t)

a = sp.Symbol("a", real=True)
tail = sp.integrate((mu + s * u) * density(u), (u, a, sp.oo))  # E[y; y > μ + s a]
assert vanishes(tail - (mu * sp.erfc(a / sp.sqrt(2)) / 2 + s * density(a)))
above = tail.subs(a, (t - mu) / s)
below = tail.subs({mu: -mu, a: (t + mu) / s}, simultaneous=True)  # y → −y
magnitude_smoothed = above - below
# s → 0 gives back z π(z): above t, and between −t and t
assert sp.limit(magnitude_smoothed.subs({mu: 3, t: 2}), s, 0, "+") == 3
assert sp.limit(magnitude_smoothed.subs({mu: 1, t: 2}), s, 0, "+") == 0

# %% [markdown]
# ## DPP edges: π = cz²/(1 + cz²)
#
# On white inputs the kernel of a node over its edges is $L = \mathrm{diag}(w_j^2)$, so that
# $P(S) \propto \prod_{j \in S} w_j^2$ with $|S| = k$: independent Bernoulli variables of odds $c\, w_j^2$, for any
# $c$, given that their sum is $k$ (conditional Poisson sampling). Choose $c$ such that the expected sum is $k$. Then
#
# $$\frac{P(j \in S)}{P(j \notin S)} = c\, w_j^2\,
#   \frac{P(\text{sum of the others} = k - 1)}{P(\text{sum of the others} = k)},$$
#
# and by the local central limit theorem the last ratio is $1 + O(1/N)$, because the sum has a variance of order $N$
# and both counts lie within a distance of order one of its mean. So $\pi = c z^2/(1 + c z^2) = z^2/(b^2 + z^2)$ with
# $c = 1/b^2$ (weights in units of $\sqrt{Q_{ii}}$), and by the same argument pairs become independent. The library's
# exact inclusion probabilities show the rate, on weights at the quantiles $(j - 1/2)/N$ of the normal law.


# %%
def distance_from_the_limit(inputs, kept):
    """N max_j |P(j ∈ S) − π_j|, π with the odds that make Σπ_j = k for these very weights."""
    w = np.array([float(mp.erfinv(2 * (j + 0.5) / inputs - 1)) for j in range(inputs)]) * np.sqrt(2.0)
    low, high = -40.0, 40.0
    for _ in range(200):
        odds = np.exp(0.5 * (low + high)) * w**2
        low, high = (0.5 * (low + high), high) if (odds / (1 + odds)).sum() < kept else (low, 0.5 * (low + high))
    return inputs * np.abs(LEnsemble.from_diagonal(w**2).inclusion(kept) - odds / (1 + odds)).max()


distances = [distance_from_the_limit(inputs, inputs // 4) for inputs in (100, 200, 400, 800)]
assert max(distances) < 1.05 * min(distances)  # the distance itself falls as 1/N

# %% [markdown]
# Partial fractions leave one transcendental moment, and an integral representation finds it:
# $1/(b^2 + z^2) = \int_0^\infty e^{-s(b^2 + z^2)} ds$ with $E\, e^{-s z^2} = (1 + 2s)^{-1/2}$. With $u^2 = 1 + 2s$:

# %%
keep_probability = z**2 / (b**2 + z**2)
assert vanishes(keep_probability - (1 - b**2 / (b**2 + z**2)))
assert vanishes(z**2 * keep_probability - (z**2 - b**2 * keep_probability))

decay = sp.integrate(sp.exp(-s * z**2) * density(z), (z, -sp.oo, sp.oo))
assert vanishes(decay - 1 / sp.sqrt(1 + 2 * s))
integrated = sp.integrate(sp.exp(-(b**2) * (u**2 - 1) / 2), (u, 1, sp.oo))  # ds = u du, and 1/u from E e^{−sz²}
resolvent = sp.sqrt(sp.pi / 2) / b * sp.exp(b**2 / 2) * sp.erfc(b / sp.sqrt(2))
assert vanishes(integrated - resolvent)
dpp_keep = 1 - b**2 * resolvent
dpp_square = 1 - b**2 * p  # E[z²π] = E[z²] − b² E[π]
# so that p = 1 − √(π/2) b erfcx(b/√2), with erfcx(x) = e^{x²} erfc(x)

# %% [markdown]
# The smoothed moment: $y^3/(b^2 + y^2) = y - b^2\, y/(b^2 + y^2)$, and the last factor is the imaginary part of
# $1/(b - iy) = \int_0^\infty e^{iky - bk} dk$. The Gaussian average puts $e^{ik\mu - k^2 s^2/2}$ under the integral,
# a half-sided Gaussian integral at the complex point $c = b - i\mu$: the Faddeeva function
# $\mathrm{w}(\zeta) = e^{-\zeta^2} \mathrm{erfc}(-i\zeta)$ at $\zeta = (\mu + ib)/(s\sqrt 2)$.

# %%
assert vanishes(y**3 / (b**2 + y**2) - (y - b**2 * y / (b**2 + y**2)))
assert vanishes(sp.im(1 / (b - sp.I * y)) - y / (b**2 + y**2))
half_sided = sp.integrate(sp.exp(-(k**2) * s**2 / 2 - c * k), (k, 0, sp.oo))  # analytic for Re c > 0
zeta = (mu + sp.I * b) / (s * sp.sqrt(2))
faddeeva = sp.exp(-(zeta**2)) * sp.erfc(-sp.I * zeta)
assert vanishes(half_sided.subs(c, b - sp.I * mu) - sp.sqrt(sp.pi / 2) / s * faddeeva)
# so that E[y/(b² + y²)] = Im √(π/2) w(ζ)/s

# %% [markdown]
# At $r = 1$, copies of one node, masks are still drawn independently: $E[z^2 \pi^2]$, whose last term is the
# derivative of the resolvent moment with respect to $b^2$.

# %%
F = sp.Function("F")(b)  # E[1/(b² + z²)]
assert vanishes(z**6 / (b**2 + z**2) ** 2 - (z**2 - 2 * b**2 + 3 * b**4 / (b**2 + z**2) - b**6 / (b**2 + z**2) ** 2))
dpp_copies = 1 - 2 * b**2 + 3 * b**4 * resolvent - b**6 * (-sp.diff(resolvent, b) / (2 * b))

# %% [markdown]
# ## The code against what was derived
#
# Every formula above in 60 digits against `keep_law`, from p = 10⁻⁶ to 1 − 10⁻⁶. The derived moments are evaluated
# at the code's own $t$ or $b$, after checking that it solves the equation for p. What the comparison may allow: $t$
# and $b$ come from solvers good to a few ε; a smoothed moment is a difference of terms of size |μ| + s, each good to
# SciPy's 10⁻¹³ (Faddeeva) or a few ε (normal tails).

# %%
mp.mp.dps = 60
POINTS = [(m, sd) for m in (-4.0, -0.7, 0.0, 0.3, 1.0, 2.5, 11.0) for sd in (2e-8, 1e-3, 0.4, 0.8, 1.0)]
FRACTIONS = (1e-6, 1e-4, 0.01, 1 / 6, 0.3, 0.5, 0.7, 5 / 6, 0.99, 1 - 1e-4, 1 - 1e-6)
ROUNDING = 2e-14  # relative: 100 ε
SMOOTH = 1e-13


def number(expression, **values):
    """A SymPy expression in mpmath arithmetic, values by name."""
    symbols = sorted(expression.free_symbols, key=str)
    return sp.lambdify(symbols, expression, "mpmath")(*[mp.mpf(values[x.name]) for x in symbols])


def smoothed_by_dpp(mean, sd, scale):
    """μ − b² E[y/(b² + y²)]; SymPy would rewrite erfc(−iζ) as 2 − erfc(iζ), which cancels."""
    point = number(zeta, mu=mean, s=sd, b=scale)
    transform = mp.im(mp.sqrt(mp.pi / 2) / sd * mp.exp(-(point**2)) * mp.erfc(-1j * point))
    return mean - mp.mpf(scale) ** 2 * transform


def derived_moments(method, law, keep):
    """P(kept), E[z²π], (μ, sd) ↦ E[yπ(y)] and z ↦ zπ(z), at the code's own t or b."""
    if method == "random-edge":
        q = mp.mpf(keep)
        return q, number(random_square, p=q), lambda m, sd: number(random_smoothed, mu=m, p=q), lambda m: q * m
    (at,) = law.breaks
    if method == "magnitude-edge":
        return (
            number(magnitude_keep, t=at),
            number(magnitude_square, t=at),
            lambda m, sd: number(magnitude_smoothed, mu=m, s=sd, t=at),
            lambda m: m if abs(m) > at else 0.0,
        )
    exact_keep = number(dpp_keep, b=at)
    return (
        exact_keep,
        number(dpp_square, b=at, p=exact_keep),  # b²p is near 1 for small p, but 60 digits survive that
        lambda m, sd: smoothed_by_dpp(m, sd, at),
        lambda m: number(z * keep_probability, z=m, b=at),
    )


for method in ("random-edge", "magnitude-edge", "dpp-edge"):
    for keep in FRACTIONS:
        law = METHODS[method].keep_law(keep)
        probability, square, smoothed, kept_at = derived_moments(method, law, keep)
        assert abs(probability / mp.mpf(keep) - 1) < ROUNDING
        assert abs(law.kept_square / square - 1) < ROUNDING
        for mean, sd in POINTS:
            error = law.smoothed(np.array([mean]), sd)[0] - smoothed(mean, sd)
            assert abs(error) < SMOOTH * (abs(mean) + sd), (method, keep, mean, sd, error)
            assert abs(law.kept(np.array([mean]))[0] - kept_at(mean)) <= ROUNDING * abs(mean)
        if method == "dpp-edge":
            assert abs(law.product(1.0) - number(dpp_copies, b=law.breaks[0])) < ROUNDING

# %% [markdown]
# And the products $E[x\pi(x)\,y\pi(y)]$ against an expansion that shares nothing with the code's quadrature. By
# Mehler's formula $E[f(x) f(y)] = \sum_n r^n a_n^2$ with the Hermite coefficients
# $a_n = E[f\, \mathrm{He}_n]/\sqrt{n!}$. For magnitude pruning, $f = x\, 1[|x| > t]$, Rodrigues' formula
# $n(x)\mathrm{He}_n(x) = -(n(x)\mathrm{He}_{n-1}(x))'$ and one partial integration give
# $\int_t^\infty x\, \mathrm{He}_n\, n = (t\, \mathrm{He}_{n-1}(t) + \mathrm{He}_{n-2}(t))\, n(t)$ for $n \ge 2$.

# %%
for order in range(2, 6):
    hermite = [sp.expand(2 ** sp.Rational(-n, 2) * sp.hermite(n, z / sp.sqrt(2))) for n in range(order + 1)]
    integrated = sp.integrate(z * hermite[order] * density(z), (z, t, sp.oo))
    assert vanishes(integrated - ((z * hermite[order - 1] + hermite[order - 2]) * density(z)).subs(z, t))


def mehler_magnitude(threshold, correlation):
    """Σ_n r^n a_n² over odd n, He_n/√n! by recurrence; summed until the tail, at most r^n Σa², is below 1e-20."""
    x, r_ = mp.mpf(threshold), mp.mpf(correlation)
    n_t = mp.npdf(x)
    total = r_ * (mp.erfc(x / mp.sqrt(2)) + 2 * x * n_t) ** 2
    before, last = mp.mpf(1), x  # He_0, He_1/√1!
    n = 1
    while abs(r_) ** n > mp.mpf(10) ** -20:
        before, last, n = last, (x * last - mp.sqrt(n) * before) / mp.sqrt(n + 1), n + 1
        if n % 2:
            older = (x * before - mp.sqrt(n) * last) / mp.sqrt(n - 1)  # He_{n−2}, the recurrence backwards
            a_n = 2 * n_t * (x * before / mp.sqrt(n) + older / mp.sqrt(n * (n - 1)))
            total += r_**n * a_n**2
    return total


mp.mp.dps = 30
for keep in (1e-4, 1 / 6, 0.5, 0.9):
    law = METHODS["magnitude-edge"].keep_law(keep)
    for correlation in (0.3, -0.6, 0.9):
        assert abs(law.product(correlation) - mehler_magnitude(law.breaks[0], correlation)) < ROUNDING

# %% [markdown]
# ## The error of the specialized state
#
# $K = ZM$ student nodes, $Z$ copies of each teacher node, $T = 1$, $v_i = v^*/Z$. From the derived
# $I_2 = \frac{2}{\pi} \arcsin \frac{C_{ab}}{\sqrt{(1 + C_{aa})(1 + C_{bb})}}$: fields of one group are equal,
# $I_2 = 1/3$, and fields of different groups independent, $I_2 = 0$. Keeping $k_n$ nodes of group $n$ leaves
# $v^* (k_n/Z - 1)$ as the total weight on field $n$.

# %%
I2 = integral("I2", ERF)
field_1, field_2 = I2.term.covariance.fields


def second_moment(C11, C12, C22):
    """I2 as derived, at given covariances."""
    entries = ((field_1, field_1, C11), (field_1, field_2, C12), (field_2, field_2, C22))
    return I2.closed_form.subs({covariance_symbol(i, j): C for i, j, C in entries})


assert second_moment(1, 1, 1) == sp.Rational(1, 3)
assert second_moment(1, 0, 1) == 0

Z, M, v = sp.symbols("Z M v", positive=True)
kept = sp.symbols("k1:4", nonnegative=True)  # three groups stand for M: no term couples groups
weights = [v * k_n / Z for k_n in kept] + [-v] * 3  # kept copies add up, then the teacher
moments = sp.zeros(6)
for i in range(6):
    for j in range(6):
        moments[i, j] = second_moment(1, 1 if (i - j) % 3 == 0 else 0, 1)
signed = sp.Matrix(weights)
error = sp.Rational(1, 2) * (signed.T * moments * signed)[0]
assert vanishes(error - v**2 / 6 * sum((1 - k_n / Z) ** 2 for k_n in kept))

# %% [markdown]
# ### Random and importance node
#
# All scores $|v_i|$ are equal, so importance is random: $k_n$ is hypergeometric, with mean $k/M$ and the variance
# below, for each of the $M$ groups.
#
# ### DPP node
#
# For $k \le M$ only sets with at most one node of a group have a determinant, and all of them have the same: $k$
# groups keep one node. For $k > M$ the limit law (derivation 05) takes one node of every group and completes it
# uniformly: $k_n = 1 + h_n$ with $h_n$ hypergeometric, $k - M$ out of $K - M$ nodes, $Z - 1$ in a group.
#
# All are rational functions, in units of $v^{*2}/6$.

# %%


def hypergeometric(drawn, groups, size):
    """Mean and variance of the number drawn from one of `groups` groups of `size`."""
    pool = groups * size
    share = sp.Integer(1) / groups
    return drawn * share, drawn * share * (1 - share) * (pool - drawn) / (pool - 1)


def random_node_error(k, M, Z):
    """E Σ_n (1 − k_n/Z)²."""
    mean, variance = hypergeometric(k, M, Z)
    return M * ((1 - mean / Z) ** 2 + variance / Z**2)


def dpp_node_error(k, M, Z):
    """The same under the k-DPP of L = Q, ε → 0."""
    if k <= M:
        return k * (1 - sp.Integer(1) / Z) ** 2 + M - k
    if Z == 1:
        return sp.Integer(0)
    mean, variance = hypergeometric(k - M, M, Z - 1) if M * (Z - 1) > 1 else (sp.Integer(k - M), sp.Integer(0))
    return M * ((1 - (1 + mean) / Z) ** 2 + variance / Z**2)


def enumerated(k, M, Z, weight):
    """E Σ_n (1 − k_n/Z)² over all subsets, each with weight(counts), in exact fractions."""
    total = mass = Fraction(0)
    for subset in combinations(range(M * Z), k):
        counts = [sum(i // Z == n for i in subset) for n in range(M)]
        total += weight(counts) * sum((1 - Fraction(k_n, Z)) ** 2 for k_n in counts)
        mass += weight(counts)
    return total / mass


def limit_weight(counts):
    """Σ over T ⊂ S with one node a group (or, below the rank, det L_S) for kernels of blocks of ones."""
    if sum(counts) <= len(counts):
        return Fraction(max(counts) <= 1)
    return Fraction(int(np.prod(counts)))


for groups, copies in ((2, 3), (3, 2), (2, 4), (4, 2), (1, 4), (3, 3), (2, 1)):
    for size in range(1, groups * copies + 1):
        state = specialized_state(groups, copies, 4.0)
        random = random_node_error(size, groups, copies) if groups * copies > 1 else 0
        diverse = dpp_node_error(size, groups, copies)
        assert Fraction(str(random)) == enumerated(size, groups, copies, lambda counts: Fraction(1))
        assert Fraction(str(diverse)) == enumerated(size, groups, copies, limit_weight)
        for name, value in (("random-node", random), ("importance-node", random), ("dpp-node", diverse)):
            found = METHODS[name].limit(state, size).generalization_error()
            # ε_g is a sum of (K+M)² terms of total size v*² M
            assert abs(found - 16 / 6 * float(value)) < 16 * groups * 20 * np.finfo(float).eps

# in closed form, for any M and Z
k_kept = sp.Symbol("k", positive=True)
gap = sp.factor(random_node_error(k_kept, M, Z) - (k_kept * (1 - 1 / Z) ** 2 + M - k_kept))
assert vanishes(gap - k_kept * (k_kept - 1) * (Z - 1) / (Z**2 * (M * Z - 1)))  # ≥ 0: DPP node is never worse, k ≤ M

# %% [markdown]
# ### Edges
#
# An edge method scales every diagonal overlap and every teacher overlap by $m = E[z^2\pi]$ and the overlap of two
# copies by $q = E[z^2\pi^2]$ (correlation one, masks drawn separately). Per group, with $Z$ copies of weight
# $v^*/Z$, there are $Z$ diagonal terms, $Z(Z - 1)$ pairs, $2Z$ cross terms and the teacher's $1/3$.

# %%
m, q = sp.symbols("m q", positive=True)
same, pair, cross = second_moment(m, m, m), second_moment(m, q, m), second_moment(m, m, 1)
edge_error = M * v**2 / 2 * (same / Z + (1 - 1 / Z) * pair - 2 * cross + sp.Rational(1, 3))
assert vanishes(edge_error.subs({m: 1, q: 1}))  # nothing pruned

assert number(random_product.subs(r, 1), p=0.25) == mp.mpf(0.25) ** 2  # q of random edges is p²


def edge_moments(method, keep):
    """(m, q) from the derived formulas, t or b solved in mpmath."""
    keep = mp.mpf(keep)
    if method == "random-edge":
        return keep, keep**2
    if method == "magnitude-edge":
        threshold = mp.sqrt(2) * mp.erfinv(1 - keep)
        square = number(magnitude_square, t=threshold)
        return square, square  # π² = π
    scale = mp.findroot(lambda x: number(dpp_keep, b=x) - keep, (mp.mpf("0.01"), mp.mpf(8)), solver="anderson")
    return number(dpp_square, b=scale, p=keep), number(dpp_copies, b=scale)


def derived_error(method, size, groups=2, copies=3, v_star=4):
    """ε_g of the specialized state, from the formulas of this page alone."""
    if method in ("random-node", "importance-node"):
        return v_star**2 * random_node_error(size, groups, copies) / 6
    if method == "dpp-node":
        return v_star**2 * dpp_node_error(size, groups, copies) / 6
    square, copied = edge_moments(method, mp.mpf(size) / (groups * copies))
    return number(edge_error, M=groups, Z=copies, v=v_star, m=square, q=copied)


# %% [markdown]
# ## The reference table
#
# M = 2, Z = 3, v* = 4, keeping k of 6 nodes or a fraction p = k/6 of the edges. The printed digits were computed
# elsewhere; the formulas of this page and the code each have to give all of them.

# %%
TABLE = {
    1: "3.8519 3.8519 3.7546 2.4050 2.3320",
    2: "2.6074 2.3704 2.5700 1.2039 1.0620",
    3: "1.6000 1.4815 1.6585 0.5555 0.4170",
    4: "0.8296 0.7901 0.9487 0.2050 0.1181",
    5: "0.2963 0.2963 0.4010 0.0424 0.0144",
}
COLUMNS = ("random-node", "dpp-node", "random-edge", "dpp-edge", "magnitude-edge")

reference = specialized_state(2, 3, 4.0)
for size, row in TABLE.items():
    derived = [float(derived_error(name, size)) for name in COLUMNS]
    limits = [
        METHODS[name].limit(reference, size if METHODS[name].unit == "node" else size / 6).generalization_error()
        for name in COLUMNS
    ]
    assert " ".join(f"{x:.4f}" for x in derived) == row
    assert " ".join(f"{x:.4f}" for x in limits) == row
    # arcsin at 1/2 and below has a slope below 2/√3, so rounding in m and q passes through almost unmagnified
    np.testing.assert_allclose(limits, derived, atol=16 * 2 * 100 * np.finfo(float).eps)
    print(size, row)
