# %% [markdown]
# # 1. Three rules give every integral
#
# Online learning of two-layer networks needs expectations of products of $g(u_a)$, $g'(u_i)$ and $u_y$ over
# jointly Gaussian fields $u$ of mean zero and covariance $C$, with $g(u) = \operatorname{erf}(u/\sqrt2)$
# (Saad & Solla, PRE 52, 4225 (1995); Biehl & Schwarze, J. Phys. A 28 (1995)).
# SymPy does not find them by integration. Three rules do: *tilting*, *Stein* and *Price*. Here each rule is proved,
# then the library applies them, and the results are compared with the published ones.

# %%
import sympy as sp

from divprune_sym.gaussian import ERF, G, expectation, integral
from divprune_sym.gaussian.shape import bell

u = sp.Symbol("u", real=True)
height, gamma = bell(ERF).height, bell(ERF).rate
assert sp.simplify(sp.diff(ERF.g(u), u) - height * sp.exp(-gamma * u**2 / 2)) == 0
print(f"g'(u) = {height} exp(-γu²/2) with γ = {gamma}, found by differentiating erf(u/√2)")


# %% [markdown]
# ## Tilting
#
# A factor $g'(u_i) = A e^{-\gamma u_i^2/2}$ times a Gaussian density is a Gaussian density again. With precision
# $P = C^{-1}$ the exponent becomes $-\tfrac12 u^\top (P + \gamma e_i e_i^\top) u$. The new covariance is
# (Sherman–Morrison) $\tilde C = C - \gamma\, C_{\cdot i} C_{i\cdot} / (1 + \gamma C_{ii})$, and the integral of the
# product is $A \sqrt{\det\tilde C/\det C} = A (1 + \gamma C_{ii})^{-1/2}$ (matrix determinant lemma).
#
# Both statements for three fields and any symbols; multiplied by $C$, $(P + \gamma e_i e_i^\top)\tilde C = 1$ reads
# $(1 + \gamma\, C e_i e_i^\top) \tilde C = C$.


# %%
def symmetric_matrix(name, size):
    return sp.Matrix(size, size, lambda p, q: sp.Symbol(f"{name}_{min(p, q)}{max(p, q)}", real=True))


def vanishes(expression):
    return sp.cancel(sp.together(expression)) == 0


C = symmetric_matrix("C", 3)
rate = sp.Symbol("gamma", positive=True)
e_i = sp.Matrix([1, 0, 0])
tilted = C - rate * C * e_i * e_i.T * C / (1 + rate * C[0, 0])
assert ((sp.eye(3) + rate * C * e_i * e_i.T) * tilted - C).applyfunc(sp.cancel) == sp.zeros(3)
assert vanishes(tilted.det() - C.det() / (1 + rate * C[0, 0]))

# %% [markdown]
# ## Stein
#
# The density $p(u) \propto e^{-u^\top P u/2}$ satisfies $C \nabla p = -u\,p$. Integration by parts of
# $E[u_y F] = -\int F \sum_a C_{ya}\,\partial_a p$ gives $E[u_y F(u)] = \sum_a C_{ya}\, E[\partial_a F]$.
# The field $y$ may itself be one of the $u_a$.

# %%
P = symmetric_matrix("P", 3)
x = sp.Matrix(sp.symbols("u:3", real=True))
density = sp.exp(-(x.T * P * x)[0] / 2)
gradient = sp.Matrix([sp.diff(density, component) / density for component in x])
assert all(vanishes(component) for component in P.inv() * gradient + x)

# %% [markdown]
# ## Price
#
# The density of two fields satisfies the heat equation $\partial p/\partial C_{ab} = \partial_a \partial_b\, p$.
# Two integrations by parts turn it into $\partial E[f(u_a) h(u_b)]/\partial C_{ab} = E[f'(u_a) h'(u_b)]$, which is
# integrated from $C_{ab} = 0$, where the fields are independent and odd functions average to zero.

# %%
a, b = sp.symbols("a b", real=True)
A, B, c = sp.symbols("A B c", real=True)
determinant = A * B - c**2
log_density = -(B * a**2 - 2 * c * a * b + A * b**2) / (2 * determinant) - sp.log(determinant) / 2
by_covariance = sp.diff(log_density, c)
by_fields = sp.diff(log_density, a, b) + sp.diff(log_density, a) * sp.diff(log_density, b)
assert vanishes(by_covariance - by_fields)

# %% [markdown]
# ## The four integrals
#
# The library reduces each expectation step by step; every printed line is one use of one rule.

# %%
derivations = {name: integral(name, ERF) for name in ("J2", "I2", "I3", "I4")}
for name, derivation in derivations.items():
    print(f"\n{name}\n{derivation}")


# %% [markdown]
# The published forms (Saad & Solla 1995, appendix), in $1 + C_{ii}$ and so on. For $I_4$ the argument of the arcsine
# is $\Lambda_0/\sqrt{\Lambda_1\Lambda_2}$ and the prefactor $1/\sqrt{\Lambda_4}$. The two forms of an integral have
# different square roots; at positive definite covariances both are positive, so equal squares, and equal signs at one
# point, make them equal.


# %%
def cov(p, q):
    first, second = sorted((p, q))
    return sp.Symbol(f"C_{first}{second}", **({"positive": True} if p == q else {"real": True}))


def published():
    ii, kk, aa, bb = (1 + cov(p, p) for p in "ikab")
    ik, ia, ib, ka, kb, ab = (cov(*pair) for pair in ("ik", "ia", "ib", "ka", "kb", "ab"))
    iy, ay = cov("i", "y"), cov("a", "y")
    L4 = ii * kk - ik**2
    L0 = L4 * ab - ka * kb * ii - ia * ib * kk + ik * ia * kb + ik * ib * ka
    L1 = L4 * aa - ka**2 * ii - ia**2 * kk + 2 * ik * ia * ka
    L2 = L4 * bb - kb**2 * ii - ib**2 * kk + 2 * ik * ib * kb
    root_3 = sp.sqrt(ii * aa - ia**2)
    return {
        "J2": 2 / sp.pi / sp.sqrt(ii * kk - ik**2),
        "I2": 2 / sp.pi * sp.asin(ab / sp.sqrt(aa * bb)),
        "I3": 2 / sp.pi / root_3 * (ay * ii - iy * ia) / ii,
        "I4": 4 / sp.pi**2 / sp.sqrt(L4) * sp.asin(L0 / sp.sqrt(L1 * L2)),
    }


def same(ours, theirs):
    """Equal prefactors and equal arguments of the arcsine, by their squares and their signs."""
    parts = [(ours, theirs)]
    if ours.has(sp.asin):
        (left,), (right,) = ours.atoms(sp.asin), theirs.atoms(sp.asin)
        parts = [(left.args[0], right.args[0]), (ours / left, theirs / right)]
    at_a_point = {cov(p, q): sp.Rational(3, 2) if p == q else sp.Rational(1, 3) for p in "ikaby" for q in "ikaby"}
    widened = {cov(p, p): sp.Symbol(f"D_{p}", positive=True) - 1 for p in "ikab"}  # D = 1 + C: fewer terms
    squares = [(p.subs(widened) ** 2 - q.subs(widened) ** 2, p / q) for p, q in parts]
    return all(vanishes(difference) and ratio.subs(at_a_point) > 0 for difference, ratio in squares)


for name, theirs in published().items():
    assert same(derivations[name].closed_form, theirs), name
assert not same(derivations["J2"].closed_form, 2 * published()["J2"])

# %% [markdown]
# ## I3 is linear in the covariances of the linear field
#
# $I_3 = E[g'(u_i)\, y\, g(u_a)] = \alpha_{ia} \operatorname{Cov}(y, u_i) + \beta_{ia} \operatorname{Cov}(y, u_a)$ with
# $\alpha_{ia} = E[g''_i g_a]$ and $\beta_{ia} = E[g'_i g'_a]$: Stein's lemma applied before tilting instead of after
# it. Every drift of the equations of motion is therefore a small matrix product.

# %%
alpha = expectation([G("i", 2), G("a")], ERF).closed_form
beta = expectation([G("i", 1), G("a", 1)], ERF).closed_form
by_parts = alpha * cov("i", "y") + beta * cov("a", "y")
assert sp.simplify(derivations["I3"].closed_form - by_parts) == 0

# %% [markdown]
# ## I4 is an I2 at a smaller covariance
#
# Tilting by $u_i$ and then by $u_k$ is one rank-2 downdate,
# $S^{(ik)} = C - C_{\cdot,ik} (1 + C_{ik,ik})^{-1} C_{ik,\cdot}$, with the factor
# $\tfrac2\pi \det(1 + C_{ik,ik})^{-1/2}$. The determinant depends on $(i,k)$ only, and $1/\sqrt{1 + S_{aa}}$ on
# $(i,k,a)$ only: one arcsine is all that is left for the innermost loop of the generated code.

# %%
fields = "ikab"
C4 = sp.Matrix(4, 4, lambda p, q: cov(fields[p], fields[q]))


def tilt(matrix, p):
    return matrix - matrix[:, p] * matrix[p, :] / (1 + matrix[p, p])


twice = tilt(tilt(C4, 0), 1)
block = sp.eye(2) + C4[:2, :2]
S = C4 - C4[:, :2] * block.inv() * C4[:2, :]
assert (twice - S).applyfunc(sp.cancel) == sp.zeros(4)
factor_of_both = (1 + C4[0, 0]) * (1 + tilt(C4, 0)[1, 1])
assert vanishes(factor_of_both - block.det())

I2_of_S = published()["I2"].subs(
    {cov("a", "a"): S[2, 2], cov("b", "b"): S[3, 3], cov("a", "b"): S[2, 3]}, simultaneous=True
)
assert same(derivations["I4"].closed_form, 2 / sp.pi / sp.sqrt(block.det()) * I2_of_S)

# %% [markdown]
# Every step and every closed form is also compared with quadrature of the definition, to 12 digits and for nearly
# singular covariances, in `tests/gaussian`.
