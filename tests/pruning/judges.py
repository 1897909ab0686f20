"""Goodness-of-fit tests, and the small worlds the pruning tests live in."""

from __future__ import annotations

import numpy as np
from scipy.stats import chisquare, t

from divprune_sym import OrderParameters
from divprune_sym.pruning import METHODS, EdgeMethod, Layer, NodeMethod

# Chance that correct code fails one statistical test here over seeds, and the p-value wrong code must stay below.
FALSE_ALARM = 1e-6
REJECTION = 1e-12
EPS = np.finfo(float).eps

NODE_METHODS = {name: method for name, method in METHODS.items() if isinstance(method, NodeMethod)}
# those of a formula have tests of their own
EDGE_METHODS = {name: method for name, method in METHODS.items() if isinstance(method, EdgeMethod)}
ALL_METHODS = NODE_METHODS | EDGE_METHODS


def mean_pvalue(samples):
    """Whether independent rows (n, m) have mean zero in every column: Student's t, Bonferroni over columns."""
    n, m = samples.shape
    spread = samples.std(axis=0, ddof=1) / np.sqrt(n)
    statistic = np.abs(samples.mean(axis=0)) / spread
    return min(1.0, 2 * m * float(t.sf(statistic, n - 1).min()))


def subset_codes(masks):
    """One integer a mask (n, N)."""
    return masks.astype(np.int64) @ (1 << np.arange(masks.shape[1]))


def fit_pvalue(codes, law):
    """χ² p-value of drawn codes against {code: probability}, rare cells pooled; 0 where an impossible one was drawn."""
    cells = sorted((probability, code) for code, probability in law.items() if probability > 1e-12)
    drawn = np.array([(codes == code).sum() for _, code in cells])
    if drawn.sum() < len(codes):
        return 0.0
    probability = np.array([p for p, _ in cells])
    expected = len(codes) * probability / probability.sum()
    # the rarest cells together, as few as reach an expected count of 5
    pooled = int(np.searchsorted(np.cumsum(expected), 5.0)) + 1
    drawn = np.concatenate([[drawn[:pooled].sum()], drawn[pooled:]])
    expected = np.concatenate([[expected[:pooled].sum()], expected[pooled:]])
    return float(chisquare(drawn, expected).pvalue) if len(drawn) > 1 else 1.0


def law_of(subsets, probabilities):
    """{code: probability} of listed subsets (n, k)."""
    codes = (1 << subsets).sum(axis=1) if subsets.shape[1] else np.zeros(len(subsets), dtype=np.int64)
    return dict(zip(codes.tolist(), np.asarray(probabilities).tolist(), strict=True))


def uniform_masks(keep, N, rng, count):
    """`keep` of N items, all subsets alike."""
    return rng.permuted(np.tile(np.arange(N) < keep, (count, 1)), axis=1)


def covariance(K, M, seed):
    """Covariance (K+M, K+M) of unequal variances, with two students correlated by 0.9 and two by about −0.5."""
    root = np.random.default_rng(seed).standard_normal((K + M, K + M + 3))
    root[1] = 0.9 * root[0] + np.sqrt(1 - 0.81) * root[1]
    root[2] = -0.6 * root[0] + 0.8 * root[2]
    root *= np.linspace(0.6, 1.4, K + M)[:, None] / np.linalg.norm(root, axis=1)[:, None]
    return root @ root.T


def state_of(C, K, v, A):
    """Unpruned order parameters with a given covariance of the fields."""
    return OrderParameters.unpruned(C[:K, :K], C[:K, K:], C[K:, K:], v, A)


def gaussian_rows(C, N, rng):
    """Weights (K+M, N) whose columns are independent N(0, C): one network of the ensemble."""
    return np.linalg.cholesky(C) @ rng.standard_normal((len(C), N))


def random_state(seed, K=4, M=2):
    """A generic state."""
    rng = np.random.default_rng(seed)
    return state_of(covariance(K, M, seed), K, rng.standard_normal(K), rng.uniform(0.5, 2.0, M))


def layer(seed, K=4, N=9, ties=False):
    """A small layer; with `ties` in the outgoing weights."""
    rng = np.random.default_rng(seed)
    outgoing = rng.standard_normal(K)
    if ties:
        outgoing = np.array([1.0, -1.0, 2.0, 1.0, 0.5, 1.0])[:K]
    return Layer.on_white_inputs(rng.standard_normal((K, N)), outgoing)
