"""Enumerated laws and inclusion probabilities against exact rational arithmetic, limits and each other."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divprune_sym.dpp import LEnsemble
from divprune_sym.ground.checks import EPS
from tests.dpp.dpp_kernels import blocks, factor, gram, nearly_degenerate
from tests.dpp.dpp_statistics import exact_law


def integer_factor(N, r, seed):
    return np.random.default_rng(seed).integers(-4, 5, (N, r))


def minor_bound(L, subsets):
    """First-order bound on the change of each det L_S when L moves by 4 N ε λ_max: times Σ principal (k−1)-minors."""
    delta = 4 * len(L) * EPS * np.linalg.norm(L, 2)
    coefficients = [np.poly(L[np.ix_(S, S)]) for S in subsets]
    return delta * np.array([abs(c[-2]) for c in coefficients])


@pytest.mark.parametrize(("N", "r", "k"), [(6, 6, 1), (6, 6, 3), (6, 8, 4), (6, 6, 6), (7, 4, 2), (7, 4, 4), (7, 3, 3)])
def test_law_within_the_rank_is_exact(N, r, k):
    Phi = integer_factor(N, r, 100 * N + 10 * r + k)
    L = Phi @ Phi.T
    subsets, exact = exact_law(L, k)
    scale = float(np.sum([np.linalg.det(L[np.ix_(S, S)].astype(float)) for S in subsets]))
    bound = minor_bound(L, subsets) / scale
    for ensemble in (LEnsemble.from_matrix(L), LEnsemble.from_factor(Phi)):
        listed, probabilities = ensemble.subset_probabilities(k)
        assert listed.tolist() == [list(S) for S in subsets]
        error = np.abs(probabilities - np.array([float(p) for p in exact]))
        assert (error <= bound + probabilities * bound.sum() + 4 * N * EPS).all()
        assert probabilities.sum() == pytest.approx(1, abs=4 * N * EPS)


@pytest.mark.parametrize(("N", "r", "k"), [(6, 2, 3), (6, 3, 5), (7, 3, 4), (7, 5, 6), (6, 4, 6), (5, 0, 2)])
def test_law_beyond_the_rank_is_exact(N, r, k):
    Phi = integer_factor(N, r, 100 * N + 10 * r + k)
    L = Phi @ Phi.T
    exact = np.array([float(p) for p in exact_law(L, k)[1]])
    for ensemble in (LEnsemble.from_matrix(L), LEnsemble.from_factor(Phi)):
        assert ensemble.rank == r
        probabilities = ensemble.subset_probabilities(k)[1]
        # an invariant subspace moves by at most its perturbation, N ε λ_max, over its gap, λ_rank
        gap = ensemble.eigenvalues[0] / ensemble.eigenvalues[r - 1] if r else 1.0
        assert np.abs(probabilities - exact).max() <= 4 * max(r, 1) * N * EPS * gap


@pytest.mark.parametrize(("L", "k"), [(blocks([3, 3]), 3), (blocks([1, 2, 4]), 5), (np.diag([3, 0, 1, 0, 0]), 4)])
def test_law_beyond_the_rank_is_the_limit_of_a_ridge(L, k):
    subsets, probabilities = LEnsemble.from_matrix(L).subset_probabilities(k)
    with mp.workdps(250):
        ridge = mp.mpf(10) ** -40
        weights = [mp.det(mp.matrix(L[np.ix_(S, S)].tolist()) + ridge * mp.eye(k)) for S in subsets]
        limit = [float(w / mp.fsum(weights)) for w in weights]
    np.testing.assert_allclose(probabilities, limit, rtol=0, atol=1e-14)
    far = LEnsemble.from_matrix(L + 0.1 * np.eye(len(L))).subset_probabilities(k)[1]
    assert np.abs(far - limit).max() > 1e-3


@pytest.mark.parametrize(("k", "value"), [(2, 64 / 27), (3, 40 / 27), (4, 64 / 81), (5, 8 / 27)])
def test_node_pruning_reference_values(k, value):
    """ε_g after DPP node pruning, M = 2, Z = 3, v* = 4: (v*²/6) E Σ (1 − k_n/3)², two-group law by hand."""
    subsets, probabilities = LEnsemble.from_matrix(blocks([3, 3])).subset_probabilities(k)
    first = (subsets < 3).sum(axis=1)
    error = (16 / 6) * ((1 - first / 3) ** 2 + (1 - (k - first) / 3) ** 2)
    assert error @ probabilities == pytest.approx(value, rel=1e-13)


exponents = st.floats(-300, 300)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(logs=st.lists(exponents, min_size=1, max_size=6), zeros=st.integers(0, 2), k=st.integers(0, 8))
def test_diagonal_law_at_any_spread(logs, zeros, k):
    d = np.array([10.0**e for e in logs] + [0.0] * zeros)
    N, k = len(d), min(k, len(d))
    rank = len(logs)
    subsets = list(combinations(range(N), k))
    if k <= rank:
        weights = [Fraction(1) for _ in subsets]
        for i, S in enumerate(subsets):
            for j in S:
                weights[i] *= Fraction(d[j])
    else:
        weights = [Fraction(int(set(range(rank)) <= set(S))) for S in subsets]
    exact = [w / sum(weights) for w in weights]
    ensemble = LEnsemble.from_diagonal(d)
    # k logarithms of size below 700, each known to ε of its size
    tolerance = 8 * N * 700 * EPS
    np.testing.assert_allclose(
        ensemble.subset_probabilities(k)[1], [float(p) for p in exact], rtol=tolerance, atol=1e-300
    )
    inclusion = [float(sum(p for p, S in zip(exact, subsets, strict=True) if j in S)) for j in range(N)]
    np.testing.assert_allclose(ensemble.inclusion(k), inclusion, rtol=tolerance, atol=1e-300)
    assert ensemble.inclusion(k).sum() == pytest.approx(k, abs=tolerance)


def moments(ensemble, k):
    """Inclusion of pairs from the enumerated law; of items on the diagonal."""
    subsets, probabilities = ensemble.subset_probabilities(k)
    table = np.zeros((len(subsets), ensemble.N))
    np.put_along_axis(table, subsets, 1.0, axis=1)
    return (table * probabilities[:, None]).T @ table


@pytest.mark.parametrize("k", range(9))
@pytest.mark.parametrize(
    "ensemble",
    [
        LEnsemble.from_matrix(gram(8, 8, 30)),
        LEnsemble.from_matrix(gram(8, 3, 31)),
        LEnsemble.from_matrix(gram(8, 7, 32)),
        LEnsemble.from_factor(factor(8, 5, 33)),
        LEnsemble.from_diagonal([0.0, 1e-200, 1.0, 2.0, 0.0, 1e200, 3.0, 1e-3]),
        LEnsemble.from_matrix(blocks([1, 2, 5])),
        LEnsemble.from_matrix(np.zeros((8, 8))),
        LEnsemble.from_matrix(np.eye(8)),
        LEnsemble.from_matrix(np.pad(nearly_degenerate(), (0, 1))),
    ],
    ids=["full", "rank 3", "rank 7", "factor", "diagonal", "blocks", "zero", "identity", "degenerate"],
)
def test_inclusions_agree_with_enumeration(ensemble, k):
    expected = moments(ensemble, k)
    np.testing.assert_allclose(ensemble.pair_inclusion(k), expected, rtol=0, atol=2e-12)
    np.testing.assert_allclose(ensemble.inclusion(k), expected.diagonal(), rtol=0, atol=2e-12)
    assert (ensemble.pair_inclusion(k) >= 0).all()
    assert ensemble.pair_inclusion(k).sum() == pytest.approx(k * k, abs=1e-11)


@pytest.mark.parametrize("r", [2, 6, 9])
def test_random_size_inclusion_is_the_marginal_kernel(r):
    Phi = factor(6, r, 34)
    L = Phi @ Phi.T
    marginal = (L @ np.linalg.inv(np.eye(6) + L)).diagonal()
    for ensemble in (LEnsemble.from_matrix(L), LEnsemble.from_factor(Phi)):
        np.testing.assert_allclose(ensemble.inclusion(), marginal, rtol=0, atol=1e-13)
        assert ensemble.expected_size() == pytest.approx(marginal.sum(), rel=1e-13)


def test_impossible_pairs_have_no_probability():
    pairs = LEnsemble.from_matrix(blocks([3, 3])).pair_inclusion(2)
    assert pairs[0, 1] < 1e-30
    assert pairs[0, 3] == pytest.approx(1 / 9, rel=1e-14)
