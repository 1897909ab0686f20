# %% [markdown]
# # 9. What masks should share
#
# An edge mask that does not look at weights changes overlaps by counting alone. If nodes $i$ and $k$ keep the fraction
# $p$ of the inputs each and both keep the fraction $c_{ik}$, then, as $N \to \infty$,
# $$Q'_{ii} = p\,Q_{ii}, \qquad R'_{in} = p\,R_{in}, \qquad Q'_{ik} = c_{ik}\,Q_{ik}.$$
# In the noiseless specialized state only copies of one teacher node overlap, and the error is
# $$e = 1 + \frac{6}{\pi}\Big[\frac1Z \arcsin\frac{p}{1+p} + \frac{1}{Z^2}\sum_{i \ne k} \arcsin\frac{c_{ik}}{1+p}\Big]
#   - \frac{12}{\pi} \arcsin\frac{p}{\sqrt{2(1+p)}}, \qquad e = \frac{6\,\varepsilon_g}{M v^{*2}},$$
# the sum over pairs of copies, averaged over teacher nodes. Copies that keep the same inputs make the same mistakes: to
# share less is to average more.

# %%
from itertools import combinations, product
from math import comb

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from divprune_sym.pruning import METHODS
from divprune_sym.pruning.methods.coordinated_edge import CoordinatedEdge, shared_fraction
from divprune_sym.specialized import specialized_state
from divprune_sym.specialized.formula import M, SpecializedOverlaps, V, Z, specialized_error

p, c = sp.symbols("p c", positive=True)
zero = sp.Integer(0)
whole = specialized_error(SpecializedOverlaps(p, c, zero, p, zero))
e = sp.expand(6 * whole / (M * V**2))
stated = 1 + 6 / sp.pi * (sp.asin(p / (1 + p)) / Z + (1 - 1 / Z) * sp.asin(c / (1 + p)))
stated -= 12 / sp.pi * sp.asin(p / sp.sqrt(2 * (1 + p)))
assert sp.simplify(sp.expand(stated) - e) == 0

# %% [markdown]
# ## How little can be shared
#
# Let $n_j$ of $Z$ nodes keep input $j$: $\sum_j n_j = pZN$ and $\sum_j n_j(n_j - 1) = N \sum_{i \ne k} c_{ik}$. Between
# two neighboring integers no third lies, so $(n - b)(n - b - 1) \ge 0$ for integers, and with $b = \lfloor pZ \rfloor$
# $$\frac{1}{Z(Z-1)} \sum_{i \ne k} c_{ik} \;\ge\; c_Z(p) = \frac{b\,(2pZ - b - 1)}{Z(Z - 1)},$$
# with equality where every input is kept by $b$ or $b + 1$ nodes. The arc sine is convex and increases for positive
# arguments: its mean is least where all $c_{ik}$ are equal, and as small as this. Both at once is possible: each input
# is kept by a uniform subset of $b$ or $b + 1$ nodes.

# %%
b, f, n = sp.symbols("b f n", integer=True, nonnegative=True)
mean_pairs = (1 - f) * b * (b - 1) + f * (b + 1) * b
assert sp.expand(mean_pairs - b * (2 * (b + f) - b - 1)) == 0
for size, count, kept in ((2, 4, 2), (2, 4, 3), (3, 4, 2), (3, 3, 2)):
    rows = [np.isin(np.arange(count), subset) for subset in combinations(range(count), kept)]
    least = min(
        np.mean([(first & second).mean() for first, second in combinations(mask, 2)])
        for mask in product(rows, repeat=size)
    )
    assert abs(least - shared_fraction(kept / count, size)) < 1e-12

# %% [markdown]
# This is the best law *told which nodes are copies*. A law that is told nothing treats all $K = MZ$ nodes of the layer
# alike. A pair of copies is then a pair like any other, the same argument holds with $K$ in place of $Z$, and
# $$p^2 - c_K(p) = \frac{p(1 - p)K - f(1 - f)}{K(K - 1)}, \qquad f = pK - b,$$
# is what it shares less than independent masks: between 0 and $p(1-p)/(K-1)$, nothing as $M \to \infty$.

# %%
K = sp.Symbol("K", positive=True)
gap = (p**2 - b * (2 * p * K - b - 1) / (K * (K - 1))).subs(b, p * K - f)
assert sp.simplify(gap - (p * (1 - p) * K - f * (1 - f)) / (K * (K - 1))) == 0

# %% [markdown]
# ## The method
#
# `coordinated-edge` is the first law where the state has exact copies; `CoordinatedEdge("layer")` is the second.

# %%
groups, copies, second = 2, 3, 4.0
state = specialized_state(groups, copies, second)
error = sp.lambdify((p, c, Z), e)
for keep in (0.2, 0.5, 0.75):
    for method, size in ((CoordinatedEdge(), copies), (CoordinatedEdge("layer"), groups * copies)):
        expected = groups * second**2 / 6 * error(keep, shared_fraction(keep, size), copies)
        assert abs(method.limit(state, keep).generalization_error() - expected) < 1e-12
        classes = method.mask_classes(state, keep).state
        assert abs(classes.fraction.sum() - 1) < 1e-12
        assert np.allclose(classes.covariance, method.limit(state, keep).covariance, atol=1e-12)

# %% [markdown]
# ## Against DPP nodes at equal parameter count
#
# For $p \le 1/Z$ copies share nothing. At $p = 1/2$ and $Z = 2$ they are complementary: no input is lost, each is seen
# by one of two copies.

# %%


def node_error(keep, groups, copies):
    """e of DPP nodes at k = pMZ."""
    if keep <= 1 / copies:
        return 1 - 2 * keep + keep / copies
    share = (groups - 1) / (groups * (copies - 1) - 1) if groups > 1 else 0.0
    return (1 - keep) ** 2 + (1 - keep) * (keep - 1 / copies) * share


def boundary(shared, copies, groups, low):
    """Where edges stop to be better, above `low`."""
    return brentq(
        lambda keep: error(keep, shared(keep), copies) - node_error(keep, groups, copies), low, 0.999, xtol=1e-12
    )


assert (
    abs(state.M * second**2 / 6 * node_error(0.5, 2, 3) - METHODS["dpp-node"].limit(state, 3).generalization_error())
    < 1e-12
)
print("Z   M    independent  coordinated   1 − 1/Z")
for copies in (2, 3, 4, 8):
    for groups in (1, 2, 10**6):
        alone = boundary(lambda keep: keep**2, copies, groups, 0.01)
        together = boundary(lambda keep, Z=copies: shared_fraction(keep, Z), copies, groups, 1 - 1 / copies)
        print(f"{copies}   {groups:<8d} {alone:.4f}  {together:.4f}   {1 - 1 / copies:.4f}")
        assert max(alone, 1 - 1 / copies) < together
        grid = np.linspace(0.002, together - 1e-6, 500)
        assert all(error(x, shared_fraction(x, copies), copies) < node_error(x, groups, copies) for x in grid)
assert comb(4, 2) * shared_fraction(0.5, 4) == 1.0

# %% [markdown]
# Independent random edges beat DPP nodes below $p^* = 0.2140$ for $Z = 2$ and $0.2438$ for $Z = 3$. Coordinated ones
# beat them at every $p \le 1 - 1/Z$, whatever $M$ is: `masks.coordinated-beats-nodes` has this for every $Z \ge 2$,
# with ball arithmetic, and `masks.coordinated-boundary` the one boundary beyond (0.7646 for $Z = 2$ and $M \ge 2$;
# 0.8406 for $M = 2$ at $Z = 3$). What DPP nodes do with whole nodes, coordinated edges do with inputs.
