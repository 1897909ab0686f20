"""What is refused, with which error and which words."""

from __future__ import annotations

import numpy as np
import pytest

from divprune_sym.dpp import LEnsemble
from divprune_sym.ground.checks import BadInput, BadShape, NotPositiveSemidefinite, NotSymmetric

LOW_RANK = LEnsemble.from_matrix(np.ones((5, 5)))
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("build", "value", "error", "words"),
    [
        (LEnsemble.from_matrix, np.ones((2, 3)), BadShape, r"L: shape \(2, 3\), expected \(2, 2\)"),
        (LEnsemble.from_matrix, np.ones(3), BadShape, r"L: shape \(3,\)"),
        (LEnsemble.from_matrix, np.ones((0, 0)), BadInput, "N = 0: must be at least 1"),
        (LEnsemble.from_matrix, [[1, np.nan], [np.nan, 1]], BadInput, r"nan at index \(0, 1\)"),
        (LEnsemble.from_matrix, [["a"]], BadInput, "array of real numbers"),
        (LEnsemble.from_matrix, np.full((2, 2), 1e308), BadInput, "the largest |L| = 1e"),
        (LEnsemble.from_matrix, [[1, 0.5], [0.4, 1]], NotSymmetric, r"\[0, 1\] = 0.5"),
        (LEnsemble.from_matrix, [[1, 2], [2, 1]], NotPositiveSemidefinite, "eigenvalue -1 "),
        (LEnsemble.from_matrix, [[1e300, 2e300], [2e300, 1e300]], NotPositiveSemidefinite, r"-1e\+300"),
        (LEnsemble.from_matrix, np.diag([1.0, -1e-12]), NotPositiveSemidefinite, "eigenvalue -1e-12"),
        (LEnsemble.from_factor, np.ones(3), BadShape, r"Phi: shape \(3,\)"),
        (LEnsemble.from_factor, np.ones((0, 2)), BadInput, "N = 0"),
        (LEnsemble.from_factor, [[np.inf]], BadInput, "Phi: inf"),
        (LEnsemble.from_factor, [[1e160]], BadInput, r"the largest \|Phi\| = 1e\+160"),
        (LEnsemble.from_diagonal, np.eye(2), BadShape, r"d: shape \(2, 2\)"),
        (LEnsemble.from_diagonal, [], BadInput, "N = 0"),
        (LEnsemble.from_diagonal, [np.nan], BadInput, "d: nan"),
        (LEnsemble.from_diagonal, [1.0, -1e-18], NotPositiveSemidefinite, r"d\[1\] = -1e-18"),
    ],
)
def test_kernels(build, value, error, words):
    with pytest.raises(error, match=words) as caught:
        build(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("k", [6, -1, 2.0, True, "2", np.array([1, 2])])
@pytest.mark.parametrize(
    "ask",
    [
        lambda k: LOW_RANK.sample_k(k, RNG),
        LOW_RANK.inclusion,
        LOW_RANK.pair_inclusion,
        LOW_RANK.subset_probabilities,
    ],
    ids=["sample_k", "inclusion", "pair_inclusion", "subset_probabilities"],
)
def test_sizes(ask, k):
    with pytest.raises(BadInput, match=r"^k \(N = 5, rank = 1\)"):
        ask(k)


def test_none_is_a_size_for_inclusions_only():
    assert LOW_RANK.inclusion(None).sum() == pytest.approx(LOW_RANK.expected_size())
    np.testing.assert_array_equal(LOW_RANK.pair_inclusion(None).diagonal(), LOW_RANK.inclusion())
    with pytest.raises(BadInput, match="expected an integer, got None"):
        LOW_RANK.sample_k(None, RNG)


@pytest.mark.parametrize("rng", [None, -1, True, 1.0, np.random.RandomState(0), np.random])
@pytest.mark.parametrize("draw", [LOW_RANK.sample, lambda rng: LOW_RANK.sample_k(2, rng)])
def test_generators(draw, rng):
    with pytest.raises(BadInput, match=r"rng = .*: expected a seed"):
        draw(rng)


@pytest.mark.parametrize("count", [-1, 1.5, True])
def test_counts(count):
    with pytest.raises(BadInput, match="count"):
        LOW_RANK.sample(RNG, count)
    with pytest.raises(BadInput, match="count"):
        LOW_RANK.sample_k(2, RNG, count)


def test_too_many_subsets():
    ensemble = LEnsemble.from_diagonal(np.ones(60))
    with pytest.raises(BadInput, match=r"C\(60, 30\) = 1.18e\+17 subsets: at most 1000000"):
        ensemble.subset_probabilities(30)
    assert len(ensemble.subset_probabilities(3)[1]) == 34220
