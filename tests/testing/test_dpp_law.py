"""`assert_dpp_law`: exact samplers pass, samplers of other laws are refuted. False alarms: 1e-6 each, over seeds."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divprune_sym.dpp import LEnsemble
from divprune_sym.ground.checks import BadInput, NotPositiveSemidefinite
from divprune_sym.testing import assert_dpp_law, kernels
from divprune_sym.testing import dpp as module
from tests.testing.again import refuted

L = np.array([[2.0, 1.0, 0.5, 0.0], [1.0, 2.0, 0.0, 0.5], [0.5, 0.0, 1.0, 0.2], [0.0, 0.5, 0.2, 3.0]])


def ours(L, size, rng, count):
    return LEnsemble.from_matrix(L).sample_k(size, rng, count)


def drawn_by(weight):
    """A sampler of P(S) ∝ weight(L, S), by enumeration."""

    def sampler(L, size, rng, count):
        subsets = list(combinations(range(len(L)), size))
        weights = np.array([weight(L, S) for S in subsets])
        return [subsets[n] for n in rng.choice(len(subsets), count, p=weights / weights.sum())]

    return sampler


def minor(L, S):
    return np.linalg.det(L[np.ix_(S, S)])


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.statistical
def test_our_sampler_passes(size):
    assert assert_dpp_law(ours, L, size) > 1e-6


@settings(max_examples=8)
@given(st.data())
@pytest.mark.statistical
def test_our_sampler_passes_on_kernels_of_any_rank(data):
    rank = data.draw(st.integers(1, 4))
    kernel = data.draw(kernels(5, rank))
    assert_dpp_law(ours, kernel, data.draw(st.integers(1, 5)), count=4000)


uniform = drawn_by(lambda L, S: 1.0)
squared = drawn_by(lambda L, S: minor(L, S) ** 2)
marginal = drawn_by(lambda L, S: minor(L @ np.linalg.inv(np.eye(len(L)) + L), S))
diagonal = drawn_by(lambda L, S: np.prod(np.diag(L)[list(S)]))


@pytest.mark.parametrize("wrong", [uniform, squared, marginal, diagonal])
@pytest.mark.statistical
def test_other_laws_are_refuted(wrong):
    message = refuted(lambda: assert_dpp_law(wrong, L, 2), sampler=wrong)
    assert "the counts do not fit det L_S" in message


@pytest.mark.statistical
def test_beyond_the_rank():
    copies = np.kron(np.eye(2), np.ones((2, 2)))
    assert_dpp_law(ours, copies, 3)

    def ridge(L, size, rng, count):
        return ours(L + 0.3 * np.eye(len(L)), size, rng, count)

    low = np.outer([1.0, 2.0, 0.5, 1.0], [1.0, 2.0, 0.5, 1.0])
    assert_dpp_law(ours, low, 2)
    with pytest.raises(AssertionError, match="do not fit"):
        assert_dpp_law(ridge, low, 2)


def test_an_impossible_subset_is_seen_at_once():
    copies = np.kron(np.eye(2), np.ones((2, 2)))

    def once(L, size, rng, count):
        drawn = ours(L, size, rng, count)
        drawn[0] = [0, 1]
        return drawn

    with pytest.raises(AssertionError, match="p = 0; subset"):
        assert_dpp_law(once, copies, 2)


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        ([0, 0], r"drew \[0, 0\], expected 20 subsets of 2 different items 0 … 3"),
        ([0, 4], r"drew \[0, 4\]"),
        ([-1, 0], r"drew \[-1, 0\]"),
        ([0], r"drew \[0\]"),
        ([0.0, 1.5], r"drew \[0.0, 1.5\]"),
        (["a", "b"], r"drew \['a', 'b'\]"),
    ],
)
def test_what_is_no_subset_is_refuted(drawn, words):
    with pytest.raises(AssertionError, match=words):
        assert_dpp_law(lambda *_: [drawn] * 20, L, 2, count=20)


def test_too_few_subsets_are_refuted():
    with pytest.raises(AssertionError, match="drew 3 subsets, expected 20"):
        assert_dpp_law(lambda *_: [[0, 1]] * 3, L, 2, count=20)


def test_the_law_sums_minors():
    subsets, probability = module._law(L, 2)
    weights = [minor(L, S) for S in subsets]
    np.testing.assert_allclose(probability, np.array(weights) / sum(weights), rtol=1e-12)


@pytest.mark.statistical
def test_p_values_of_an_exact_sampler_are_spread_evenly():
    """Over 40 seeds: none below 0.001 (false alarm 4 %), and the median is no extreme (false alarm 1e-4)."""
    exact = drawn_by(minor)
    values = [assert_dpp_law(exact, L, 2, count=2000, seed=seed) for seed in range(40)]
    assert min(values) > 0.001
    assert 0.2 < np.median(values) < 0.8


@pytest.mark.parametrize(
    ("kernel", "size", "error", "words"),
    [
        (np.eye(13), 2, BadInput, "N <= 12"),
        (np.ones((2, 3)), 1, BadInput, "expected"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), 1, NotPositiveSemidefinite, "eigenvalue"),
        (np.eye(3), 4, BadInput, "size = 4: must be between 1 and 3"),
    ],
)
def test_what_cannot_be_tested_is_refused(kernel, size, error, words):
    with pytest.raises(error, match=words):
        assert_dpp_law(ours, kernel, size)
