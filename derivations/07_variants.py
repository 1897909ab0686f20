# %% [markdown]
# # 7. Two variants: N:M structured edges and input columns
#
# Two ways to prune that the paper does not have, and that hardware likes. In **N:M** pruning every group of M
# consecutive inputs of a node keeps N edges (2:4 is what sparse tensor cores run): the N largest $|w|$, or N at random.
# In **column** pruning whole inputs are cut off, from all nodes alike. The keep fraction is $p = N/M$, or the
# share of inputs kept.
#
# Across inputs $j$ the weights $(w_{ij}, w_{kj}, B_{nj})$ are iid Gaussian with covariances $Q, R, T$. All we need
# is therefore what happens at one input, or in one group of them.

# %%
from itertools import product

import numpy as np
import sympy as sp

from divprune_sym.gaussian import ERF, G, U, expectation
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.pruning import METHODS, Layer
from divprune_sym.pruning.methods.column_edge import ColumnEdge
from divprune_sym.pruning.methods.nm_edge import NMEdge, group_overlap, kept_square, rank_moment
from divprune_sym.pruning.methods.random_nm_edge import RandomNMEdge
from divprune_sym.pruning.variant import Pair, SymbolicEdgeMethod
from divprune_sym.specialized import specialized_state
from divprune_sym.specialized.formula import M, V, Z, specialized_error, specialized_overlaps

# %% [markdown]
# ## Columns: masks that coincide
#
# A kept input carries its products $w_i w_k$ and $w_i B_n$ whole. With a mask bit $m_i$ per node, independent of the
# weights, $Q'_{ik} = E[m_i m_k] Q_{ik}$ and $R'_{in} = E[m_i] R_{in}$. One law of $(m_i, m_k)$ for each method:

# %%
p = Pair().p
independent = {(a, b): (p if a else 1 - p) * (p if b else 1 - p) for a, b in product((0, 1), repeat=2)}
shared = {(0, 0): 1 - p, (1, 1): p}


def both_kept(law):
    return sp.factor(sum(a * b * probability for (a, b), probability in law.items()))


assert both_kept(independent) == p**2
assert both_kept(shared) == p

x = Pair()
columns, random_groups = ColumnEdge().limit(x), RandomNMEdge().limit(x)
assert columns.Q_ik == both_kept(shared) * x.Q_ik
assert random_groups.Q_ik == both_kept(independent) * x.Q_ik
assert columns.Q_ii == random_groups.Q_ii == p * x.Q_ii
assert columns.R_in == random_groups.R_in == p * x.R_in

# %% [markdown]
# Random N:M groups keep every edge with probability $p$, independently between nodes: as $N \to \infty$ they are random
# edges. Their masks within a group are dependent, but overlaps are sums over inputs, and only expectations of single
# inputs survive the limit.
#
# ## Magnitude N:M: order statistics of a group
#
# $z = w/\sqrt{Q_{ii}}$ is kept if at most $N - 1$ of the other $M - 1$ have larger $|z|$. With
# $G = \mathrm{erf}(|z|/\sqrt2)$, the probability that another is smaller,
# $\mu = E[z^2; \text{kept}] = E\big[z^2 \sum_{j<N} \binom{M-1}{j} (1-G)^j G^{M-1-j}\big]$: a combination of
# $E[z^2 G^k]$. Stein's lemma gives them. $G$ is uniform on $[0, 1]$, so $E[G^k] = 1/(k+1)$, and for even k
# our three rules apply as they are, since $G^k = g(z)^k$. Three fields y, a, b, all of them the same z:

# %%
fields = ("a", "b", "y")
variance_one = {covariance_symbol(first, second): 1 for first, second in product(fields, repeat=2)}
by_stein = expectation((U("y"), U("y"), G("a"), G("b")), ERF).closed_form.subs(variance_one)
print("E[z² G²] =", sp.simplify(by_stein))
assert sp.simplify(by_stein - rank_moment(2)) == 0

# %% [markdown]
# For any k, in two steps: $E[z \cdot z G^k] = E[G^k] + k E[|z| G^{k-1} g'(z)]$, and with $g'(z) = \sqrt{2/\pi}\,
# e^{-z^2/2}$ the last is an integral of $z e^{-z^2}$ times $G^{k-1}$ over half the line; by parts,
# $\int_0^\infty z e^{-z^2} G^{k-1} dz = \tfrac{k-1}{2} \sqrt{\tfrac2\pi} \int_0^\infty e^{-3z^2/2} G^{k-2} dz$
# (for $k = 1$ the boundary term 1/2 alone). SymPy can check what it can integrate, and quadrature the rest.

# %%
z = sp.Symbol("z", positive=True)
density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
uniform = sp.erf(z / sp.sqrt(2))
assert sp.simplify(sp.diff(uniform, z) - 2 * density) == 0
nodes, weights = np.polynomial.legendre.leggauss(200)
points, mass = 5 * (nodes + 1), 5 * weights
for k in range(7):
    integrand = sp.lambdify(z, 2 * z**2 * density * uniform**k, ["scipy", "numpy"])
    value = float(np.sum(mass * integrand(points)))
    print(f"E[z² G^{k}] = {value:.12f}")
    assert abs(value - float(sp.N(rank_moment(k)))) < 1e-12

# %% [markdown]
# The integrals $\int_0^\infty e^{-3z^2/2} \mathrm{erf}(z/\sqrt2)^k dz$ are elementary for $k \le 2$: every group of
# up to five has a closed form.

# %%
for n, m in ((1, 2), (1, 4), (2, 4), (3, 4), (2, 5)):
    closed = kept_square(n, m)
    print(f"{n}:{m}   μ = {closed} = {float(sp.N(closed)):.6f}")
assert kept_square(1, 2) == sp.Rational(1, 2) + 1 / sp.pi
assert sp.simplify(kept_square(2, 4) - sp.Rational(1, 2) - 2 / (sp.sqrt(3) * sp.pi)) == 0

# %% [markdown]
# Half of the edges without groups keep $m(1/2) = 0.929$ of the second moment, 2:4 keeps 0.868: the price of it.
#
# ## Two correlated nodes
#
# $\varphi(r) = E[xy; x \text{ kept}, y \text{ kept}]$ for groups $x, y$ of two nodes with correlation $r$. Independent
# nodes: $\varphi(0) = 0$, masks being even in the weights. Copies: their masks coincide, $\varphi(1) = \mu$. In between
# $\varphi$ is an integral over two variables. Mehler's expansion brackets it: $x_1 m_1(x)$ has Hermite coefficient
# $E[x_1^2 m_1] = \mu$ on $x_1$ and 0 on the others, in which it is even; it is odd altogether, and the squares of all
# coefficients add up to $E[x_1^2 m_1] = \mu$. So for $r \ge 0$
# $$\mu^2 r \le \varphi(r) \le \mu^2 r + (\mu - \mu^2) r^3.$$
# It is strict, and the integral respects it.

# %%
mu = float(sp.N(kept_square(2, 4)))
for r in np.linspace(0.05, 0.95, 10):
    value = group_overlap(float(r), 2, 4)
    assert mu**2 * r < value < mu**2 * r + (mu - mu**2) * r**3

# %% [markdown]
# And against groups drawn at random: with 10⁵ groups of a fixed seed the z-value exceeds 5 with probability 6·10⁻⁷.

# %%
rng = np.random.default_rng(7)
r = 0.8
first = rng.standard_normal((100_000, 4))
second = r * first + np.sqrt(1 - r * r) * rng.standard_normal(first.shape)
masks = [np.argsort(np.argsort(-np.abs(group), axis=1), axis=1) < 2 for group in (first, second)]
sampled = (first * second * masks[0] * masks[1]).mean(axis=1)
error = sampled.std() / np.sqrt(len(sampled))
print(f"φ(0.8) = {group_overlap(r, 2, 4):.5f}, sampled {sampled.mean():.5f} ± {error:.5f}")
assert abs(sampled.mean() - group_overlap(r, 2, 4)) < 5 * error
assert 0.02 * sampled.mean() > 5 * error

# %% [markdown]
# ## The specialized state
#
# Copies stay copies of each other under both variants, so nothing averages out: with $\mu$ in place of $p$ the two
# errors are one formula, and Z is not in it.

# %%
column_method, group_method = SymbolicEdgeMethod(ColumnEdge()), SymbolicEdgeMethod(NMEdge())
column_error = specialized_error(specialized_overlaps(column_method))
print("ε_g =", column_error)
half = group_method.fractions[2]
group_error = specialized_error(specialized_overlaps(group_method, half))
assert Z not in column_error.free_symbols
assert sp.simplify(group_error - column_error.subs(p, kept_square(2, 4))) == 0

# %% [markdown]
# Random edges differ in $Q'_{ik} = p^2 Q_{ik}$ between copies alone. As asin is increasing, they leave a smaller error
# than columns for every $0 < p < 1$ and $Z > 1$, and the same for $Z = 1$: independent masks average over copies.

# %%
random_error = specialized_error(specialized_overlaps(SymbolicEdgeMethod(RandomNMEdge())))
gap = (column_error - random_error) / (M * V**2)
expected = (1 - 1 / Z) / sp.pi * (sp.asin(p / (1 + p)) - sp.asin(p**2 / (1 + p)))
assert sp.simplify(gap - expected) == 0

state = specialized_state(2, 3, 4.0)
errors = {
    "column-edge": column_method.limit(state, 0.5).generalization_error(),
    "random-edge": METHODS["random-edge"].limit(state, 0.5).generalization_error(),
    "nm-edge": group_method.limit(state, 0.5).generalization_error(),
    "magnitude-edge": METHODS["magnitude-edge"].limit(state, 0.5).generalization_error(),
}
print("\n".join(f"{name:16s} {value:.4f}" for name, value in errors.items()))
assert errors["column-edge"] > errors["random-edge"] > errors["nm-edge"] > errors["magnitude-edge"]
exact = group_error.subs({M: 2, V: 4})
assert abs(errors["nm-edge"] - float(sp.N(exact))) < 1e-12

# %% [markdown]
# Finally the masks themselves, on one layer of 40 000 inputs whose second node has correlation 0.8 with the first:
# overlaps fluctuate by $O(1/\sqrt{N})$, below 0.02 with five standard deviations to spare.

# %%
first = rng.standard_normal(40_000)
second = 0.8 * first + 0.6 * rng.standard_normal(40_000)
layer = Layer.on_white_inputs(np.array([first, second]), np.ones(2))
pruned = layer.weights * group_method.draw(layer, 0.5, rng)[0]
overlaps = pruned @ pruned.T / 40_000
print(overlaps)
assert abs(overlaps[0, 0] - mu) < 0.05
assert abs(overlaps[0, 1] - group_overlap(0.8, 2, 4)) < 0.05

# %% [markdown]
# ## Magnitude and DPP edges between the ends
#
# At any time of training the same ensemble holds with other Q, R, T, and $\varphi(r)$ is needed at every correlation.
# For the two methods of the paper it is an integral in one variable (`pruning/moments/pair_kernel.py`, which also
# bounds its error). *Magnitude*: $\varphi(r) = 2(S(r) - S(-r))$ with $S(r) = E[xy; x > t, y > t]$. Price's theorem with
# $f(x) = x\,1(x > t)$, $f' = 1(x > t) + t\,\delta(x - t)$ gives its slope,
# $S' = L + 2t\,n(t) P(y > t \mid x = t) + t^2 n_2(t, t; r)$, and $L' = n_2(t, t; r)$ for $L = P(x > t, y > t)$.

# %%
t, B, A = sp.symbols("t B A", positive=True)
r = sp.Symbol("r", real=True)
L = sp.Function("L")(r)
both = sp.exp(-(t**2) / (1 + r)) / (2 * sp.pi * sp.sqrt(1 - r**2))
at_edge = sp.erfc(t * sp.sqrt((1 - r) / (1 + r)) / sp.sqrt(2)) / 2
n_t = sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi)
S = r * L + 2 * r * t * n_t * at_edge + (1 - r**2) * both
by_price = L + 2 * t * n_t * at_edge + t**2 * both
difference = sp.diff(S, r).subs(sp.Derivative(L, r), both) - by_price
for point in (
    {r: sp.Rational(1, 3), t: 2},
    {r: sp.Rational(-4, 5), t: sp.Rational(1, 2)},
    {r: sp.Rational(9, 10), t: 1},
):
    assert abs(sp.N(difference.subs(point), 30)) < 1e-25
assert sp.simplify(S.subs(L, sp.erfc(t / sp.sqrt(2)) ** 2 / 4).subs(r, 0) - n_t**2) == 0

# %% [markdown]
# *DPP*: $z\pi(z) = z - b^2 z/(b^2 + z^2)$, and $z/(b^2 + z^2) = \int_0^\infty e^{-bs} \sin(sz)\,ds$. Since
# $E[\sin(sx) \sin(uy)] = e^{-(s^2 + u^2)/2} \sinh(rsu)$, two of these average to an integral over a quarter plane,
# whose radial part in polar coordinates is elementary.

# %%
s, u, b, rho = sp.symbols("s u b rho", positive=True)
y = sp.Symbol("y", positive=True)  # both sides are odd
assert sp.simplify(sp.integrate(sp.exp(-b * s) * sp.sin(s * y), (s, 0, sp.oo)) - y / (b**2 + y**2)) == 0
cosines = (sp.exp(-(s**2 - 2 * r * s * u + u**2) / 2) - sp.exp(-(s**2 + 2 * r * s * u + u**2) / 2)) / 2
assert sp.simplify(cosines - (sp.exp(-(s**2 + u**2) / 2) * sp.sinh(r * s * u)).rewrite(sp.exp)) == 0
integrand = rho * sp.exp(-B * rho - A * rho**2 / 2)
root = (B + A * rho) / sp.sqrt(2 * A)
tail = sp.sqrt(sp.pi) * B / sp.sqrt(2 * A) * sp.exp(B**2 / (2 * A)) * sp.erfc(root)
antiderivative = (tail - sp.exp(-B * rho - A * rho**2 / 2)) / A
assert (
    sp.simplify(sp.expand_power_exp(sp.diff(antiderivative, rho) - integrand).rewrite(sp.exp).expand(power_exp=True))
    == 0
)
ray = -antiderivative.subs(rho, 0)  # it vanishes at infinity
z = B / sp.sqrt(2 * A)
assert sp.simplify(ray - (1 - sp.sqrt(sp.pi) * z * sp.exp(z**2) * sp.erfc(z)) / A) == 0
