"""Greedy sets, swap chains, mended kernels and descriptions.

Seeds are fixed; over seeds, each statistical check would fail a correct sampler with probability 1e-6.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from divprune_sym.dpp import LEnsemble, describe, greedy_map, project_psd, swap_chains
from divprune_sym.dpp.swap_chain import effective_size, split_r_hat
from divprune_sym.ground.checks import BadInput, NotPositiveSemidefinite, NotSymmetric
from tests.dpp.dpp_kernels import blocks, factor, gram
from tests.dpp.dpp_statistics import FALSE_ALARM, REJECTION, fit_pvalue, uniform_subsets


def log_det(L, items):
    return np.linalg.slogdet(L[np.ix_(items, items)])[1]


@pytest.mark.parametrize("k", range(9))
def test_greedy_takes_the_best_item_each_time(k):
    L = gram(8, 8, 130)
    items, log_determinant = greedy_map(L, k)
    chosen = []
    for _ in range(k):
        rest = [j for j in range(8) if j not in chosen]
        chosen.append(max(rest, key=lambda j: log_det(L, [*chosen, j])))
    assert items.tolist() == chosen
    assert log_determinant == pytest.approx(log_det(L, chosen) if k else 0.0, abs=1e-11)


def test_greedy_stops_where_the_determinant_stops_growing():
    assert greedy_map(np.diag([0.5, 3.0, 1.0, 2.0]))[0].tolist() == [1, 3]
    assert greedy_map(np.zeros((3, 3)))[0].tolist() == []
    items, log_determinant = greedy_map(np.diag([5.0, 2.0]))
    assert items.tolist() == [0, 1]
    assert log_determinant == pytest.approx(np.log(10.0))


def test_greedy_avoids_copies():
    items, _ = greedy_map(blocks([3, 3, 2]) * 2.0, 3)
    assert sorted(items // 3) == [0, 1, 2]
    with pytest.raises(BadInput, match="k = 4: the rank of L is 3"):
        greedy_map(blocks([3, 3, 2]), 4)


@pytest.mark.parametrize(
    ("L", "k", "error", "words"),
    [
        (np.ones((2, 3)), 1, BadInput, "L: shape"),
        ([[1.0, 0.5], [0.4, 1.0]], 1, NotSymmetric, "not symmetric"),
        (np.diag([1.0, -1.0]), 2, NotPositiveSemidefinite, "item 1 has residual -1; see project_psd"),
        ([[1.0, 2.0], [2.0, 1.0]], 2, NotPositiveSemidefinite, "item 1 has residual -3"),
        (np.eye(2), 3, BadInput, r"k \(N = 2\) = 3"),
    ],
)
def test_greedy_refusals(L, k, error, words):
    with pytest.raises(error, match=words):
        greedy_map(L, k)


@pytest.mark.parametrize(("N", "r", "k"), [(7, 7, 3), (7, 3, 3), (6, 4, 1), (6, 6, 5)])
@pytest.mark.statistical
def test_chains_reach_the_law(N, r, k):
    """80 proposals between two sets of 7 items: far apart for χ², as the effective size confirms."""
    Phi = factor(N, r, 131)
    chains = swap_chains(Phi, k, np.random.default_rng(132), 80_000, thin=80)
    assert chains.mixed
    assert 0 < chains.acceptance < 1
    subsets, probabilities = LEnsemble.from_factor(Phi).subset_probabilities(k)
    draws = chains.sets.reshape(-1, k)
    assert fit_pvalue(draws, subsets, probabilities) > FALSE_ALARM
    uniform = uniform_subsets(N, k, np.random.default_rng(133), len(draws))
    assert fit_pvalue(uniform, subsets, probabilities) < REJECTION
    L = Phi @ Phi.T
    found = [log_det(L, S) for S in chains.sets[0]]
    np.testing.assert_allclose(chains.log_determinants[0], found, rtol=0, atol=1e-7)


def test_chains_do_not_depend_on_threads_or_units():
    Phi = factor(30, 8, 134)
    one = swap_chains(Phi, 4, np.random.default_rng(135), 2000, threads=1)
    two = swap_chains(Phi, 4, np.random.default_rng(135), 2000, threads=2)
    np.testing.assert_array_equal(one.sets, two.sets)
    far = swap_chains(np.ldexp(Phi, 400), 4, np.random.default_rng(135), 2000)
    np.testing.assert_array_equal(one.sets, far.sets)
    np.testing.assert_allclose(far.log_determinants, one.log_determinants + 8 * 400 * np.log(2), rtol=1e-12)


def test_chains_that_have_not_mixed_say_so():
    """Two groups of items, swaps between which are all but impossible: few steps cannot cross."""
    rng = np.random.default_rng(136)
    Phi = np.zeros((40, 4))
    Phi[:20, :2] = rng.standard_normal((20, 2))
    Phi[20:, 2:] = rng.standard_normal((20, 2))
    Phi[:, 0] *= 1e6
    Phi[:, 2] *= 1e6
    chains = swap_chains(Phi, 2, rng, 80)
    assert not chains.mixed
    assert "NOT mixed: take more steps" in repr(chains)


def test_r_hat_and_effective_size():
    rng = np.random.default_rng(137)
    white = rng.standard_normal((4, 2000))
    assert split_r_hat(white) == pytest.approx(1.0, abs=0.005)
    assert effective_size(white) == pytest.approx(8000, rel=0.1)
    assert split_r_hat(white + np.arange(4)[:, None]) > 1.3
    assert effective_size(white + np.arange(4)[:, None]) < 100
    walk = np.zeros((4, 20_000))
    for n in range(1, 20_000):
        walk[:, n] = 0.9 * walk[:, n - 1] + rng.standard_normal(4)
    # an AR(1) process has (1 + ρ)/(1 − ρ) = 19 correlated values for one
    assert effective_size(walk) == pytest.approx(80_000 / 19, rel=0.15)
    assert split_r_hat(np.ones((2, 8))) == 1.0
    assert split_r_hat(np.arange(2.0)[:, None] * np.ones((2, 8))) == np.inf
    assert effective_size(np.ones((2, 8))) == 2.0


@pytest.mark.parametrize(
    ("Phi", "k", "options", "words"),
    [
        (np.ones((5, 2)), 2, {}, "k = 2: the rank of L is 1"),
        (np.eye(5), 5, {}, r"k \(N = 5\) = 5: must be between 1 and 4"),
        (np.eye(5), 0, {}, "must be between 1 and 4"),
        (np.eye(5), 2, {"chains": 1}, "chains = 1"),
        (np.eye(5), 2, {"thin": 0}, "thin = 0"),
        (np.eye(5), 2, {"threads": 0}, "threads = 0"),
        (np.full((5, 2), np.nan), 2, {}, "every entry must be finite"),
        (np.zeros((5, 2)), 1, {}, "the rank of L is 0"),
    ],
)
def test_chain_refusals(Phi, k, options, words):
    with pytest.raises(BadInput, match=words):
        swap_chains(Phi, k, np.random.default_rng(0), 400, **options)
    with pytest.raises(BadInput, match=r"rng = .*: expected a seed"):
        swap_chains(np.eye(5), 2, None, 400)
    with pytest.raises(BadInput, match="steps = 3"):
        swap_chains(np.eye(5), 2, np.random.default_rng(0), 3)


def test_the_nearest_positive_semidefinite_matrix():
    vectors = np.linalg.qr(np.random.default_rng(138).standard_normal((6, 6)))[0]
    values = np.array([-1e-3, -1e-9, 0.1, 0.5, 1.0, 2.0])
    L = (vectors * values) @ vectors.T
    L = 0.5 * (L + L.T)
    with pytest.raises(NotPositiveSemidefinite, match=r"divprune_sym\.dpp\.project_psd mends it and reports its shift"):
        LEnsemble.from_matrix(L)
    mended = project_psd(L)
    assert mended.shift == pytest.approx(1e-3, rel=1e-9)
    np.testing.assert_allclose(mended.matrix, (vectors * np.maximum(values, 0)) @ vectors.T, rtol=0, atol=1e-14)
    assert np.linalg.norm(mended.matrix - L, 2) == pytest.approx(mended.shift, rel=1e-9)
    assert LEnsemble.from_matrix(mended.matrix).rank == 4
    again = project_psd(gram(6, 6, 139))
    assert again.shift == 0.0
    np.testing.assert_array_equal(again.matrix, gram(6, 6, 139))
    for c in (1e-300, 1e300):
        assert project_psd(c * L).shift == pytest.approx(c * 1e-3, rel=1e-9)
    with pytest.raises(NotSymmetric):
        project_psd([[1.0, 0.0], [1.0, 1.0]])


def test_a_description_of_an_ordinary_kernel():
    L = np.zeros((8, 8))
    L[:7, :7] = gram(7, 4, 140)
    L[6] = L[0]
    L[:, 6] = L[:, 0]
    L[6, 6] = L[0, 0]
    ensemble = LEnsemble.from_matrix(L)
    found = describe(ensemble)
    assert (found.N, found.rank, found.empty_items, found.copies) == (8, 4, 1, 1)
    assert found.expected_size == ensemble.expected_size()
    subsets = [S for k in range(9) for S in combinations(range(8), k)]
    weights = np.array([max(np.linalg.det(L[np.ix_(S, S)]), 0.0) for S in subsets]) / np.linalg.det(np.eye(8) + L)
    sizes = np.array([len(S) for S in subsets])
    assert found.size_deviation**2 == pytest.approx(weights @ sizes**2 - (weights @ sizes) ** 2, rel=1e-10)
    assert 10**found.log_condition == pytest.approx(ensemble.eigenvalues[0] / ensemble.eigenvalues[3])
    assert found.warnings == ()
    assert "every determinant is 0" in str(found)
    assert found.as_json()["warnings"] == []


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (LEnsemble.from_matrix(3 * np.eye(5)), "multiple of the identity"),
        (LEnsemble.from_diagonal([3.0] * 5), "multiple of the identity"),
        (LEnsemble.from_diagonal([0.0, 0.0]), "zero"),
        (LEnsemble.from_matrix(np.zeros((3, 3))), "zero"),
        (LEnsemble.from_matrix(np.ones((5, 5))), "constant"),
        (LEnsemble.from_factor([[1.0, 1e-10], [1.0, -1e-10]]), "span 1e20"),
    ],
)
def test_descriptions_that_warn(kernel, words):
    found = describe(kernel)
    assert any(words in warning for warning in found.warnings)
    assert f"warning: {found.warnings[0]}" in str(found)


def test_descriptions_that_do_not_warn():
    for kernel in (
        LEnsemble.from_diagonal([1.0, 2.0]),
        LEnsemble.from_matrix(gram(5, 5, 141)),
        LEnsemble.from_diagonal([1.0]),
        LEnsemble.from_diagonal([1.0, 1e-20]),  # entries, without rounding
    ):
        assert describe(kernel).warnings == ()
