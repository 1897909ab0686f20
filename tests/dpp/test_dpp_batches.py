"""Batches over threads: of samples, and of kernels.

Seeds are fixed; over seeds, each statistical check would fail a correct sampler with probability 1e-6.
"""

from __future__ import annotations

import numpy as np
import pytest

from divprune_sym.dpp import LEnsemble, sample_k_threaded, sample_kernels
from divprune_sym.ground.checks import BadInput, NotPositiveSemidefinite, NotSymmetric
from tests.dpp.dpp_kernels import gram
from tests.dpp.dpp_statistics import (
    FALSE_ALARM,
    REJECTION,
    fit_pvalue,
)

DRAWS = 20_000


@pytest.mark.parametrize("count", [0, 1, 128, 700])
def test_threads_do_not_change_the_draws(count):
    ensemble = LEnsemble.from_matrix(gram(12, 12, 68))
    one, two, three = (
        sample_k_threaded(ensemble, 4, np.random.default_rng(69), count, threads) for threads in (1, 2, 3)
    )
    assert one.shape == (count, 4)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)


@pytest.mark.statistical
def test_threaded_draws_follow_the_law():
    ensemble = LEnsemble.from_matrix(gram(7, 7, 0))
    law = ensemble.subset_probabilities(3)
    draws = sample_k_threaded(ensemble, 3, np.random.default_rng(70), DRAWS)
    assert fit_pvalue(draws, *law) > FALSE_ALARM
    repeated = np.tile(draws[:128], (DRAWS // 128, 1))
    assert fit_pvalue(repeated, *law) < REJECTION


@pytest.mark.statistical
def test_many_kernels():
    kernels = [gram(6, 6, 71), gram(6, 2, 72), np.eye(6)]
    draws = sample_kernels(kernels, 3, np.random.default_rng(73), 8000, threads=2)
    assert draws.shape == (3, 8000, 3)
    laws = [LEnsemble.from_matrix(L).subset_probabilities(3) for L in kernels]
    for n, law in enumerate(laws):
        assert fit_pvalue(draws[n], *law) > FALSE_ALARM
    assert fit_pvalue(draws[0], *laws[2]) < REJECTION
    assert fit_pvalue(draws[2], *laws[0]) < REJECTION
    np.testing.assert_array_equal(draws, sample_kernels(kernels, 3, np.random.default_rng(73), 8000, threads=1))


@pytest.mark.parametrize(
    ("L", "error", "words"),
    [
        (np.ones((2, 3)), BadInput, r"L: shape \(2, 3\)"),
        ([[1, 0.5], [0.4, 1]], NotSymmetric, r"\[0, 1\] = 0.5"),
        ([[0, 1], [1, 0]], NotPositiveSemidefinite, "eigenvalue -1 "),
        (np.diag([1.0, -1e-12]), NotPositiveSemidefinite, "eigenvalue -1e-12"),
        ([[-1.0]], NotPositiveSemidefinite, "eigenvalue"),
    ],
)
def test_kernels_that_are_refused(L, error, words):
    with pytest.raises(error, match=r"kernels\[1\]: L"):
        sample_kernels([np.eye(2), L], 1, np.random.default_rng(0))


def test_arguments_that_are_refused():
    rng, ensemble = np.random.default_rng(0), LEnsemble.from_matrix(np.eye(3))
    with pytest.raises(BadInput, match=r"kernels\[0\]: k \(N = 3\) = 4"):
        sample_kernels([np.eye(3)], 4, rng)
    with pytest.raises(BadInput, match="threads = 0: must be at least 1"):
        sample_k_threaded(ensemble, 2, rng, 5, threads=0)
    with pytest.raises(BadInput, match="count"):
        sample_k_threaded(ensemble, 2, rng, -1)
    for draw in (sample_kernels, lambda L, k, rng: sample_k_threaded(ensemble, k, rng, 1)):
        with pytest.raises(BadInput, match=r"rng = .*: expected a seed"):
            draw([[1.0]], 1, -1)
