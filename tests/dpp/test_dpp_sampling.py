"""Samples against the enumerated law.

Seeds are fixed. Over seeds, each statistical check would fail a correct sampler with probability 1e-6
(FALSE_ALARM), and the same check must give the wrong samplers beside it p < 1e-12 (REJECTION).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from divprune_sym.dpp import LEnsemble, ProjectionDPP, _projection
from tests.dpp.dpp_kernels import blocks, factor, gram, nearly_degenerate
from tests.dpp.dpp_statistics import (
    FALSE_ALARM,
    REJECTION,
    first_items_fill,
    fit_pvalue,
    memberships,
    ridge_instead_of_limit,
    top_eigenvectors,
    uniform_subsets,
    worst_binomial_pvalue,
)

pytestmark = pytest.mark.slow(22)

DRAWS = 20_000
SPREAD = np.array([1e-300, 0.3, 1.0, 2.0, 5.0, 0.0, 1e-3])

WITHIN_RANK = {
    "full rank": (LEnsemble.from_matrix(gram(7, 7, 0)), 3),
    "full rank, most items": (LEnsemble.from_matrix(gram(7, 7, 1)), 5),
    "all but one": (LEnsemble.from_matrix(gram(7, 7, 1)), 6),
    "one item": (LEnsemble.from_matrix(gram(7, 7, 2)), 1),
    "below rank": (LEnsemble.from_matrix(gram(7, 4, 2)), 2),
    "k = rank": (LEnsemble.from_matrix(gram(7, 3, 3)), 3),
    "k = rank, most items": (LEnsemble.from_matrix(gram(7, 5, 4)), 5),
    "nearly degenerate": (LEnsemble.from_matrix(nearly_degenerate()), 4),
    "nearly degenerate, cutting a cluster": (LEnsemble.from_matrix(nearly_degenerate()), 2),
    "diagonal": (LEnsemble.from_diagonal(SPREAD), 3),
    "diagonal, k = rank": (LEnsemble.from_diagonal(SPREAD), 6),
    "blocks": (LEnsemble.from_matrix(blocks([3, 3])), 2),
    "blocks of unequal size": (LEnsemble.from_matrix(blocks([1, 2, 4])), 2),
    "factor": (LEnsemble.from_factor(factor(7, 4, 5)), 3),
    "factor, k = rank": (LEnsemble.from_factor(factor(7, 5, 6)), 5),
    "wide factor": (LEnsemble.from_factor(factor(6, 9, 7)), 4),
}
BEYOND_RANK = {
    "one more": (gram(7, 3, 8), 4),
    "two more": (gram(7, 3, 9), 5),
    "all but one": (gram(7, 2, 10), 6),
    "blocks": (blocks([1, 2, 4]), 4),
    "diagonal matrix": (np.diag([0.0, 0.0, 2.0, 1.0, 0.0, 0.0]), 3),
}


@pytest.mark.parametrize(("ensemble", "k"), WITHIN_RANK.values(), ids=WITHIN_RANK)
@pytest.mark.statistical
def test_counts_follow_the_enumerated_law(ensemble, k):
    rng = np.random.default_rng(11)
    law = ensemble.subset_probabilities(k)
    assert fit_pvalue(ensemble.sample_k(k, rng, DRAWS), *law) > FALSE_ALARM
    assert fit_pvalue(uniform_subsets(ensemble.N, k, rng, DRAWS), *law) < REJECTION


@pytest.mark.parametrize(
    ("L", "k"), [(gram(7, 7, 0), 3), (gram(7, 4, 2), 2), (nearly_degenerate(), 2), (gram(7, 7, 1), 5)]
)
@pytest.mark.statistical
def test_the_choice_of_eigenvectors_matters(L, k):
    rng = np.random.default_rng(12)
    law = LEnsemble.from_matrix(L).subset_probabilities(k)
    assert fit_pvalue(top_eigenvectors(L, k, rng, DRAWS), *law) < REJECTION


@pytest.mark.parametrize(("L", "k"), BEYOND_RANK.values(), ids=BEYOND_RANK)
@pytest.mark.statistical
def test_counts_beyond_the_rank(L, k):
    rng = np.random.default_rng(13)
    law = LEnsemble.from_matrix(L).subset_probabilities(k)
    assert fit_pvalue(LEnsemble.from_matrix(L).sample_k(k, rng, DRAWS), *law) > FALSE_ALARM
    for wrong in (first_items_fill, ridge_instead_of_limit):
        assert fit_pvalue(wrong(L, k, rng, DRAWS), *law) < REJECTION
    assert fit_pvalue(uniform_subsets(len(L), k, rng, DRAWS), *law) < REJECTION


@pytest.mark.statistical
def test_three_constructions_share_the_law_beyond_the_rank():
    rng = np.random.default_rng(14)
    Phi = factor(7, 3, 9)
    law = LEnsemble.from_matrix(Phi @ Phi.T).subset_probabilities(5)
    assert fit_pvalue(LEnsemble.from_factor(Phi).sample_k(5, rng, DRAWS), *law) > FALSE_ALARM
    d = BEYOND_RANK["diagonal matrix"][0].diagonal()
    law = LEnsemble.from_matrix(np.diag(d)).subset_probabilities(3)
    assert fit_pvalue(LEnsemble.from_diagonal(d).sample_k(3, rng, DRAWS), *law) > FALSE_ALARM


@pytest.mark.parametrize("build", [LEnsemble.from_matrix, LEnsemble.from_factor])
@pytest.mark.statistical
def test_zero_kernel_gives_uniform_subsets(build):
    rng = np.random.default_rng(15)
    ensemble = build(np.zeros((6, 6)))
    subsets, probabilities = ensemble.subset_probabilities(3)
    np.testing.assert_allclose(probabilities, 1 / 20, rtol=1e-14)
    assert fit_pvalue(ensemble.sample_k(3, rng, DRAWS), subsets, probabilities) > FALSE_ALARM
    blocky = LEnsemble.from_matrix(blocks([1, 2, 3])).sample_k(3, rng, DRAWS)
    assert fit_pvalue(blocky, subsets, probabilities) < REJECTION
    assert ensemble.rank == 0
    assert [len(S) for S in ensemble.sample(rng, 3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("ensemble", "L"),
    [
        (LEnsemble.from_matrix(gram(6, 6, 16)), gram(6, 6, 16)),
        (LEnsemble.from_matrix(gram(6, 2, 17)), gram(6, 2, 17)),
        (LEnsemble.from_factor(factor(6, 3, 18)), gram(6, 3, 18)),
        (LEnsemble.from_diagonal([0.0, 0.5, 1, 2, 4, 0.1]), np.diag([0.0, 0.5, 1, 2, 4, 0.1])),
    ],
)
@pytest.mark.statistical
def test_random_size_counts(ensemble, L):
    rng = np.random.default_rng(19)
    subsets = [np.array(S, dtype=np.int64) for k in range(7) for S in combinations(range(6), k)]
    minors = np.array([np.linalg.det(L[np.ix_(S, S)]) for S in subsets])
    probabilities = np.maximum(minors, 0) / np.linalg.det(np.eye(6) + L)
    assert fit_pvalue(ensemble.sample(rng, DRAWS), subsets, probabilities) > FALSE_ALARM
    independent = [np.flatnonzero(rng.random(6) < ensemble.inclusion()) for _ in range(DRAWS)]
    if ensemble.eigenvectors is not None:
        assert fit_pvalue(independent, subsets, probabilities) < REJECTION
    sizes = np.array([len(S) for S in subsets])
    assert ensemble.expected_size() == pytest.approx(sizes @ probabilities, rel=1e-12)


def repelling_pairs(r):
    """200 items, item i + 100 nearly a copy of item i."""
    Phi = factor(100, r, 20)
    return np.vstack([Phi, Phi + 0.2 * factor(100, r, 21)])


@pytest.mark.parametrize(("r", "k"), [(80, 60), (80, 80), (60, 66)])
@pytest.mark.statistical
def test_frequencies_of_items_and_pairs_at_200_items(r, k):
    rng = np.random.default_rng(22)
    ensemble = LEnsemble.from_factor(repelling_pairs(r))
    n = 4000
    pairs = ensemble.pair_inclusion(k)
    drawn = memberships(ensemble.sample_k(k, rng, n), 200)
    upper = np.triu_indices(200)
    assert worst_binomial_pvalue((drawn.T @ drawn)[upper], n, pairs[upper]) > FALSE_ALARM
    # right inclusions, no repulsion
    loose = memberships(LEnsemble.from_diagonal(ensemble.inclusion(k)).sample_k(k, rng, n), 200)
    assert worst_binomial_pvalue((loose.T @ loose)[upper], n, pairs[upper]) < REJECTION
    even = memberships(uniform_subsets(200, k, rng, n), 200)
    assert worst_binomial_pvalue(even.sum(axis=0), n, ensemble.inclusion(k)) < REJECTION


@pytest.mark.statistical
def test_frequencies_of_a_full_rank_kernel_drawn_by_its_complement():
    rng = np.random.default_rng(23)
    Phi = np.hstack([repelling_pairs(60), 0.3 * np.eye(200)])
    ensemble = LEnsemble.from_matrix(Phi @ Phi.T)
    drawn = memberships(ensemble.sample_k(130, rng, 2000), 200)
    assert worst_binomial_pvalue(drawn.sum(axis=0), 2000, ensemble.inclusion(130)) > FALSE_ALARM
    even = memberships(uniform_subsets(200, 130, rng, 2000), 200)
    assert worst_binomial_pvalue(even.sum(axis=0), 2000, ensemble.inclusion(130)) < REJECTION


def test_same_seed_same_samples():
    ensemble = LEnsemble.from_matrix(gram(30, 30, 24))
    first = ensemble.sample_k(9, np.random.default_rng(1), 50)
    np.testing.assert_array_equal(first, ensemble.sample_k(9, np.random.default_rng(1), 50))
    assert (first != ensemble.sample_k(9, np.random.default_rng(2), 50)).any()


@pytest.mark.parametrize("k", [0, 1, 4, 7, 9])
@pytest.mark.parametrize(
    "ensemble",
    [
        LEnsemble.from_matrix(gram(9, 4, 25)),
        LEnsemble.from_factor(factor(9, 4, 25)),
        LEnsemble.from_diagonal(np.arange(9) % 5),
    ],
    ids=["matrix", "factor", "diagonal"],
)
def test_rows_are_sorted_subsets(ensemble, k):
    draws = ensemble.sample_k(k, np.random.default_rng(26), 200)
    assert draws.shape == (200, k)
    assert draws.dtype == np.int64
    assert (np.diff(draws, axis=1) > 0).all()
    assert ((draws >= 0) & (draws < 9)).all()
    assert ensemble.sample_k(k, np.random.default_rng(26), 0).shape == (0, k)


@pytest.mark.parametrize("build", [LEnsemble.from_matrix, LEnsemble.from_factor])
def test_one_item(build):
    rng = np.random.default_rng(27)
    ensemble = build([[1.0]])
    assert ensemble.sample_k(1, rng).tolist() == [[0]]
    assert ensemble.sample_k(0, rng).shape == (1, 0)
    assert ensemble.inclusion(1).tolist() == [1.0]
    assert ensemble.pair_inclusion(0).tolist() == [[0.0]]
    assert ensemble.subset_probabilities(0)[1].tolist() == [1.0]
    assert ensemble.expected_size() == 0.5


@pytest.mark.parametrize("k", [30, 80, 100])
@pytest.mark.parametrize("build", [LEnsemble.from_matrix, lambda L: LEnsemble.from_factor(np.linalg.cholesky(L))])
@pytest.mark.statistical
def test_inclusion_of_pairs_where_most_items_are_taken(build, k):
    """Rejection, scanning and complements, by the counts of all items and of 200 pairs."""
    N, count, rng = 110, 1500, np.random.default_rng(17)
    ensemble = build(gram(N, 140, 18))
    table = memberships(ensemble.sample_k(k, rng, count), N)
    i, j = rng.integers(0, N, (2, 200))
    pairs = ensemble.pair_inclusion(k)
    assert worst_binomial_pvalue(table.sum(axis=0), count, pairs.diagonal()) > FALSE_ALARM
    assert worst_binomial_pvalue((table[:, i] * table[:, j]).sum(axis=0), count, pairs[i, j]) > FALSE_ALARM
    even = memberships(uniform_subsets(N, k, rng, count), N)
    assert worst_binomial_pvalue(even.sum(axis=0), count, pairs.diagonal()) < REJECTION


@pytest.mark.parametrize("diagonal", [False, True])
def test_what_a_kernel_keeps_for_further_samples_changes_none(diagonal):
    """Odds are kept for one size at a time, cumulative squares from N columns on: draws are those of a new kernel."""

    def kernel():
        X = np.random.default_rng(3).standard_normal((12, 14))
        return LEnsemble.from_diagonal(np.diag(X @ X.T)) if diagonal else LEnsemble.from_matrix(X @ X.T)

    used, rng = kernel(), np.random.default_rng(4)
    for k in (3, 3, 5, 3, 0, 12, 5, 9, 3):
        seed = int(rng.integers(2**32))
        again, fresh = (x.sample_k(k, np.random.default_rng(seed), 2) for x in (used, kernel()))
        assert np.array_equal(again, fresh)


def test_what_a_projection_keeps_for_further_samples_changes_none():
    Phi = factor(40, 5, 28)
    used, rng = ProjectionDPP.from_features(Phi), np.random.default_rng(29)
    for count in (1, 1, 3, 1):
        seed = int(rng.integers(2**32))
        again, fresh = (x.sample(seed, count) for x in (used, ProjectionDPP.from_features(Phi)))
        assert np.array_equal(again, fresh)
    assert used == ProjectionDPP.from_features(Phi)


def test_further_samples_of_a_projection_touch_no_more_than_they_need(monkeypatch):
    """Sums over all items are made once, however many samples follow one by one."""
    made = []
    sums = _projection.cumulative_squares_jit
    monkeypatch.setattr(_projection, "cumulative_squares_jit", lambda *x: made.append(x) or sums(*x))
    process = ProjectionDPP.from_features(factor(40, 5, 30))
    for seed in range(6):
        process.sample(seed)
    assert len(made) == 1
