# %% [markdown]
# # 11. Reweighting edges on inputs of any covariance
#
# A node keeps the inputs $S$ and loses $L$. Reweighting refits its kept weights to its unpruned field $\lambda = w
# \cdot x$ by least squares: $w'_S = w_S + \Omega_{SS}^{-1} \Omega_{SL} w_L$, and $\lambda' = E[\lambda \mid x_S]$ for
# Gaussian inputs of covariance $\Omega$. A projection has $E[\lambda'^2] = E[\lambda' \lambda]$: in the noiseless
# specialized state
# $$Q' = R' = q, \qquad 1 - q \;\le\; 1 - 2R'_0 + Q'_0 \quad\text{(before it)}.$$

# %%
import numpy as np
import sympy as sp
from scipy.stats import t as student_t

from divprune_sym.claims import errors
from divprune_sym.claims.errors import p, u

rng = np.random.default_rng(0)
N = 120
factor = rng.standard_normal((N, 2 * N))
omega = factor @ factor.T / (2 * N)
w = rng.standard_normal(N)
w /= np.sqrt(w @ omega @ w)


def refitted(weights, kept, covariance):
    """w' of least squares on inputs of a covariance, 0 where inputs are lost."""
    fitted = np.zeros(N)
    fitted[kept] = np.linalg.solve(covariance[np.ix_(kept, kept)], covariance[kept] @ weights)
    return fitted


kept = np.sort(rng.permutation(N)[: N // 2])
pruned, again = np.where(np.isin(np.arange(N), kept), w, 0.0), refitted(w, kept, omega)
(Q0, R0), (Q1, R1) = ((x @ omega @ x, x @ omega @ w) for x in (pruned, again))
assert abs(Q1 - R1) < 1e-12
assert 1 - Q1 <= 1 - 2 * R0 + Q0

# %% [markdown]
# With one copy and $Q'_0 = R'_0$ (kept and lost inputs have nothing in common in the node's weights) the error before
# and after is that of random edges, at $Q'_0$ and at $q \ge Q'_0$, and it falls: reweighting helps. Otherwise it need
# not. Given $x_S$ the best prediction of $g(\rho)$ is $E[g(\lambda' + \xi)]$, $\xi$ the lost part: an error function
# of a *smaller* field. A kept weight that happens to be shrunk beats the refitted one.
#
# ## Weak correlations
#
# $\Omega = 1 + \Gamma$, $\Gamma$ small and zero on the diagonal, $X = w^T \Gamma w/N$. Over random masks a kept and a
# lost input meet with probability $p(1 - p)$, and both copies keep the first and one loses the second with $p^2(1 -
# p)$: to first order
# $$Q'_{ii}: p \to p\,(1 + 2(1 - p)X), \quad R': p \to p\,(1 + (1 - p)X), \quad Q'_{ik}: p^2 \to p^2 (1 + 2(1 - p)X),$$
# which is one common factor $1 + (1 - p)X$ on all kept weights.

# %%
direction = rng.standard_normal(N)
w = direction * np.sqrt(N) / np.linalg.norm(direction)
gamma = np.outer(w, w) / N
np.fill_diagonal(gamma, 0.0)
size = 1e-3
weak = np.eye(N) + size * gamma
X = size * w @ gamma @ w / N
changes = []
for _ in range(200):
    masks = [rng.permutation(N) < N // 2 for _ in range(2)]
    before = [np.where(mask, w, 0.0) for mask in masks]
    after = [refitted(w, np.flatnonzero(mask), weak) for mask in masks]
    changes.append(
        [
            (after[0] @ weak @ after[0] - before[0] @ weak @ before[0]) / N,
            (after[0] @ weak @ w - before[0] @ weak @ w) / N,
            (after[0] @ weak @ after[1] - before[0] @ weak @ before[1]) / N,
        ]
    )
changes = np.array(changes)
expected = 0.5 * X * np.array([2 * 0.5, 0.5, 2 * 0.25])
spread = changes.std(axis=0, ddof=1) / np.sqrt(len(changes))
# masks of fixed size at N = 120 and second order in Γ: 3 per cent
gap = np.abs(changes.mean(axis=0) - expected)
assert (gap < 0.03 * expected + student_t.isf(1e-7, len(changes) - 1) * spread).all(), (changes.mean(axis=0), expected)
assert (changes.mean(axis=0) > 0.8 * expected).all()

# %% [markdown]
# What a common factor does to the error is its slope at 1, linear in $u = 1/Z$. It is positive for one copy, whose
# output is too large, and negative for two or more, whose mean is too small.

# %%
s = sp.Symbol("s", positive=True)
rate = sp.expand(sp.diff(errors.random_edge(s), s).subs(s, 1))
assert sp.simplify(sp.diff(rate, u, 2)) == 0
slope = sp.lambdify((p, u), rate)
grid = np.linspace(0.01, 0.99, 99)
assert (slope(grid, 1.0) > 0).all()
for copies in (2, 3, 10, np.inf):
    assert (slope(grid, 1.0 / copies) < 0).all()

# %% [markdown]
# ## Data that were not fitted
#
# On white inputs the right correction is none. Least squares on n samples of white inputs finds one all the same:
# that of noise of variance $(1 - p)$ on $pN$ regressors, whose mean square is $D = p(1 - p)/(n/N - p)$ as $N \to
# \infty$. It is orthogonal to kept weights and to the teacher on average, so that $Q' = p + D$ and $R' = p$: the
# error grows with D.

# %%
samples, share = 3 * N, 0.5
found = []
for _ in range(60):
    w = rng.standard_normal(N)
    data = rng.standard_normal((samples, N))
    kept = np.sort(rng.permutation(N)[: int(share * N)])
    correction = refitted(w, kept, data.T @ data / samples)[kept] - w[kept]
    found.append([correction @ correction / N, correction @ w[kept] / N])
length, overlap = np.mean(found, axis=0)
D = share * (1 - share) / (samples / N - share)
error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
print(f"D = {length:.4f}, expected {D:.4f}; overlap with kept weights {overlap:.4f} ± {error[1]:.4f}")
assert abs(length - D) < 5 * error[0] + 2 * D / N
assert abs(overlap) < 5 * error[1]
