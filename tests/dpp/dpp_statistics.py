"""Goodness-of-fit tests on counts, wrong samplers they have to reject, and exact laws of integer kernels."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import sympy as sp
from scipy.stats import binom, chisquare

from divprune_sym.dpp import LEnsemble

# Chance that a correct sampler fails one statistical test here, and the p-value a wrong one must stay below.
FALSE_ALARM = 1e-6
REJECTION = 1e-12


def codes(rows):
    """One integer a subset.   rows: (n, k) or a list of arrays"""
    return np.array([np.left_shift(1, row).sum() for row in rows], dtype=np.int64)


def fit_pvalue(draws, subsets, probabilities):
    """χ² p-value of counts of subsets, cells expected below 5 times pooled; 0 if an impossible subset was drawn."""
    cells = codes(subsets)
    order = np.argsort(cells)
    found = order[np.minimum(np.searchsorted(cells[order], codes(draws)), len(cells) - 1)]
    assert (cells[found] == codes(draws)).all(), "a draw is not in the list of subsets"
    counts = np.bincount(found, minlength=len(cells))
    expected = len(draws) * probabilities
    # an honest sampler meets one of these with probability below 1e-9 for each
    if counts[expected < 1e-9].sum() > 0:
        return 0.0
    rare = expected < 5
    counts = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    kept = expected > 0
    if kept.sum() < 2:
        return 1.0
    return chisquare(counts[kept], expected[kept] * len(draws) / expected.sum()).pvalue


def worst_binomial_pvalue(counts, n, probabilities):
    """Bonferroni p-value of the most unlikely of many exact two-sided binomial tests."""
    p = np.clip(probabilities, 0.0, 1.0)
    tails = 2 * np.minimum(binom.cdf(counts, n, p), binom.sf(counts - 1, n, p))
    return min(1.0, tails.min() * tails.size)


def memberships(draws, N):
    """Draws as 0/1 rows, (n, N).   draws: (n, k)"""
    table = np.zeros((len(draws), N))
    np.put_along_axis(table, draws, 1.0, axis=1)
    return table


def uniform_subsets(N, k, rng, count):
    """Wrong: all subsets alike."""
    return np.sort(rng.permuted(np.tile(np.arange(N), (count, 1)), axis=1)[:, :k], axis=1)


def top_eigenvectors(L, k, rng, count):
    """Wrong: phase 1 always takes the k largest eigenvalues."""
    return LEnsemble.from_factor(np.linalg.eigh(L)[1][:, -k:]).sample_k(k, rng, count)


def ridge_instead_of_limit(L, k, rng, count):
    """Wrong beyond the rank: L + εI at an ε that is not small."""
    return LEnsemble.from_matrix(L + 0.3 * np.trace(L) / len(L) * np.eye(len(L))).sample_k(k, rng, count)


def first_items_fill(L, k, rng, count):
    """Wrong beyond the rank: completed by the first free items, not by uniformly chosen ones."""
    ensemble = LEnsemble.from_matrix(L)
    drawn = memberships(ensemble.sample_k(ensemble.rank, rng, count), len(L))
    order = np.argsort(-drawn, axis=1, kind="stable")[:, :k]
    return np.sort(order, axis=1)


def exact_law(L, k):
    """Subsets and exact probabilities, as Fractions, of the k-DPP of an integer matrix, also beyond its rank.

    det((L + εI)_S) has the leading coefficient Σ_{T⊂S, |T|=m} det L_T with m = min(k, rank).
    """
    L = sp.Matrix(L)
    m = min(k, L.rank())
    minors = {T: L.extract(list(T), list(T)).det() for T in combinations(range(L.rows), m)}
    subsets = list(combinations(range(L.rows), k))
    weights = [Fraction(int(sum(minors[T] for T in combinations(S, m)))) for S in subsets]
    return subsets, [w / sum(weights) for w in weights]
