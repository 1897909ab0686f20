# %% [markdown]
# # 13. Do copies stay together?
#
# Two student nodes with the same weights $w$ and the same second-layer weight $v$ get the same updates: they are
# copies for good. Is that state stable? Let $\ell = |w_1 - w_2|^2/N$ be a small squared distance. The equations of
# motion give
#
# $$\dot\ell = -2\eta\,E\bigl[v(g'(\lambda_1) - g'(\lambda_2))\,\Delta\,(\lambda_1 - \lambda_2)\bigr]
#   + \eta^2 E\bigl[v^2(g'(\lambda_1) - g'(\lambda_2))^2\Delta^2\bigr] - 2\kappa\ell,$$
#
# and $\lambda_{1,2} = u \pm e$ with $e \sim N(0, \ell/4)$ independent of everything else. To first order in $\ell$
# both differences are $2e\,g''(u)$.

# %%
import numpy as np
import sympy as sp

from divprune_sym import METHODS, Problem, integrate, random_network, specialized_state
from divprune_sym.solvers import find_fixed_point

u, e, Delta, eta, v = sp.symbols("u e Delta eta v", real=True)
q = sp.Symbol("Q", positive=True)


def g(x):
    return sp.erf(x / sp.sqrt(2))


slope, bend = sp.diff(g(u), u), sp.diff(g(u), u, 2)
difference = (slope.subs(u, u + e) - slope.subs(u, u - e)).simplify()
integrand = -2 * eta * v * difference * Delta * 2 * e + eta**2 * v**2 * difference**2 * Delta**2
growth = sp.diff(integrand, e, 2).subs(e, 0) / 2 / 4  # e² has mean ℓ/4
assert sp.simplify(growth - (-2 * eta * v * bend * Delta + eta**2 * v**2 * bend**2 * Delta**2)) == 0

# %% [markdown]
# The first term has no evident sign. But the error function has $g''(u) = -u\,g'(u)$, and at rest
# $\dot Q_{11} = -2\eta v\,E[g'(u)\,u\,\Delta] + \eta^2v^2 E[g'(u)^2\Delta^2] - 2\kappa Q_{11} = 0$ says what
# $E[g'(u)\,u\,\Delta]$ is. Adding the two:

# %%
assert sp.simplify(bend + u * slope) == 0
rate = -2 * eta * v * slope * u * Delta + eta**2 * v**2 * slope**2 * Delta**2
assert sp.simplify(growth + rate - eta**2 * v**2 * (1 + u**2) * slope**2 * Delta**2) == 0

# %% [markdown]
# So at every fixed point with two equal copies, whatever else the student and the teacher are,
#
# $$\dot\ell/\ell = \eta^2v^2\,E\bigl[(1 + u^2)\,g'(u)^2\,\Delta^2\bigr] - 2\kappa\,(1 + Q_{11}).$$
#
# Without weight decay the right side is positive as soon as $\Delta$ is not zero: *under label noise equal copies are
# never stable.* The noise parts them, as it scatters two walkers that start at one place; only weight decay pulls them
# together. Since $\Delta$ contains $-\sigma\zeta$, the growth is at least $\eta^2v^2\sigma^2E[(1 + u^2)\,g'(u)^2]$:

# %%
density = sp.exp(-(u**2) / (2 * q)) / sp.sqrt(2 * sp.pi * q)
least = sp.integrate(sp.expand((1 + u**2) * slope**2) * density, (u, -sp.oo, sp.oo))
assert sp.simplify(least - 2 * (1 + 3 * q) / (sp.pi * (1 + 2 * q) ** sp.Rational(3, 2))) == 0

# %% [markdown]
# For small $\eta$ nothing else is left at leading order ($Q_{11} = 1$, $v = A/Z$), and copies hold together only above
# $\kappa_c = 2\eta^2\sigma^2A^2/(3\sqrt3\,\pi Z^2)$: weight decay must be of order $\eta^2$.

# %%
kappa, sigma, A, Z = sp.symbols("kappa sigma A Z", positive=True)
small = (eta * sigma * A / Z) ** 2 * least.subs(q, 1) - 4 * kappa
(threshold,) = sp.solve(small, kappa)
assert sp.simplify(threshold - 2 * (eta * sigma * A) ** 2 / (3 * sp.sqrt(3) * sp.pi * Z**2)) == 0

# %% [markdown]
# ## Two groups of two copies
#
# $M = Z = 2$, $\eta = \eta_v = \sigma = 1/2$. The growth is an eigenvalue of the Jacobian, as $\dot\ell$ depends on
# $\ell$ alone where copies are equal. The mean over the four fields $\lambda_1, \lambda_3, \rho_1, \rho_2$, by
# Gauss–Hermite quadrature with 20 nodes each (good to 10⁻⁵), is an eigenvalue of the full system, twice: once for each
# group. Without the term in $u^2$ it would be off by a quarter.

# %%
start = specialized_state(2, 2, 1.0)
rates = {"eta": 0.5, "eta_v": 0.5, "sigma": 0.5}
nodes, weights = np.polynomial.hermite_e.hermegauss(20)


def predicted(state, decay):
    fields = [0, 2, 4, 5]
    root = np.linalg.cholesky(state.covariance[np.ix_(fields, fields)])
    z = np.stack(np.meshgrid(*[nodes] * 4, indexing="ij")).reshape(4, -1)
    mass = np.prod(np.meshgrid(*[weights / weights.sum()] * 4, indexing="ij"), axis=0).ravel()
    x = root @ z
    activation = sp.lambdify(u, g(u), "scipy")
    signal = 2 * state.v[0] * activation(x[:2]).sum(0) - activation(x[2:]).sum(0)
    weight = (1 + x[0] ** 2) * (2 / np.pi) * np.exp(-(x[0] ** 2))
    mean = mass @ (weight * (signal**2 + rates["sigma"] ** 2))
    return (rates["eta"] * state.v[0]) ** 2 * mean - 2 * decay * (1 + state.Q[0, 0])


equal = {}
guess = start
for decay in (0.0, 0.0005, 0.001, 0.0015, 0.002, 0.003):
    found = equal[decay] = find_fixed_point(Problem(start, weight_decay=decay, **rates), guess)
    guess = found.state
    away = int((found.eigenvalues.real > 0).sum())
    growing = predicted(found.state, decay)
    print(f"κ = {decay}: growth {growing:+.6f}, {away} of {len(found.eigenvalues)} eigenvalues positive")
    assert np.sort(np.abs(found.eigenvalues - growing))[1] < 1e-5
assert predicted(equal[0.001].state, 0.001) > 0 > predicted(equal[0.0015].state, 0.0015)

# %% [markdown]
# With weight decay there is a window: at $\kappa = 0.0015$ all 22 eigenvalues are negative, equal copies are stable.
# Too much of it makes them unstable again, in another way: at $\kappa = 0.003$ a small distance would shrink, but one
# copy of a group grows at the other's expense. (The ledger certifies these four: `copies.saddle`,
# `copies.stable-with-weight-decay`, `copies.too-much-weight-decay` and, below, `copies.attractor`.)

# %%
positive = {decay: int((point.eigenvalues.real > 0).sum()) for decay, point in equal.items()}
assert positive[0.0] == 5
assert positive[0.0015] == 0
assert positive[0.003] == 2
assert predicted(equal[0.003].state, 0.003) < 0

# %% [markdown]
# ## Where copies go
#
# Without weight decay, copies that are a little apart, and three random starts, all end in one fixed point (up to the
# numbers and signs of the nodes). There the two nodes of a group have the same length, the same overlaps and the same
# $v$, but a correlation of 0.88; its error is lower.

# %%
parted = start.with_(Q_classes=(start.Q - 1e-3 * np.kron(np.eye(2), [[0, 1], [1, 0]]))[None])
starts = [parted]
for seed in range(3):
    drawn = random_network(np.random.default_rng(seed), N=1000, K=4, M=2, teacher_v=1.0).order_parameters()
    starts.append(drawn.with_(T_classes=np.eye(2)[None]))
ends = []
for one in starts:
    problem = Problem(one, **rates)
    ends.append(find_fixed_point(problem, integrate(problem, [3e4]).state()))
    found = ends[-1].state
    lengths, others = np.diag(found.Q), np.sort(np.abs(found.Q[~np.eye(4, dtype=bool)]))
    assert np.allclose(lengths, 2.204161091827, atol=1e-9)
    assert np.allclose(others, [0.422267762907] * 8 + [1.938620559997] * 4, atol=1e-9)
    assert ends[-1].eigenvalues.real.max() < -3e-4
print(f"ε_g = {ends[0].generalization_error:.6f}, with equal copies {equal[0.0].generalization_error:.6f}")
assert ends[0].generalization_error < equal[0.0].generalization_error

# %% [markdown]
# The order of pruning methods turns at both. Keep one node of four, or a quarter of the edges: without noise DPP nodes
# leave the smaller error, and with it random edges do, whichever fixed point is pruned.

# %%
noiseless = {name: METHODS[name].limit(start, keep) for name, keep in (("dpp-node", 1), ("random-edge", 0.25))}
assert noiseless["dpp-node"].generalization_error() < noiseless["random-edge"].generalization_error()
for words, point in (("equal copies", equal[0.0]), ("unequal", ends[0])):
    node = METHODS["dpp-node"].limit(point.state, 1).generalization_error()
    edge = METHODS["random-edge"].limit(point.state, 0.25).generalization_error()
    print(f"{words:12s}  DPP nodes {node:.5f}, random edges {edge:.5f}")
    assert edge < node
