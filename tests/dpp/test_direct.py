"""Samples without a full eigendecomposition: the law of the L-ensemble, and the eigenvectors behind it.

Seeds are fixed; over seeds, each statistical check would fail a correct sampler with probability 1e-6.
"""

from __future__ import annotations

import numpy as np
import pytest

from divprune_sym.dpp import LEnsemble, sample_k
from divprune_sym.dpp._inverse_iteration import clusters, eigenvectors
from divprune_sym.dpp._lapack import _call, back_transform, tridiagonal_eigenvalues, tridiagonalize
from divprune_sym.ground.checks import EPS, BadInput, BadShape, NotPositiveSemidefinite, NotSymmetric
from tests.dpp.dpp_kernels import blocks, gram, nearly_degenerate
from tests.dpp.dpp_statistics import (
    FALSE_ALARM,
    REJECTION,
    fit_pvalue,
    memberships,
    uniform_subsets,
    worst_binomial_pvalue,
)

pytestmark = pytest.mark.slow(16)

DRAWS = 4000
DEAD = np.pad(gram(5, 5, 50), ((1, 1), (1, 1)))
KERNELS = {
    "full": (gram(7, 7, 0), 3),
    "most items": (gram(7, 7, 1), 5),
    "k = rank": (gram(7, 3, 3), 3),
    "beyond the rank": (gram(7, 3, 8), 5),
    "degenerate": (np.eye(6), 2),
    "cutting a cluster": (nearly_degenerate(), 2),
    "blocks": (blocks([1, 2, 4]), 2),
    "zero rows": (DEAD, 2),
    "zero rows, most items": (DEAD, 4),
    "zero rows, beyond the rank": (DEAD, 6),
    "zero": (np.zeros((5, 5)), 2),
    "diagonal": (np.diag([1e-300, 0.3, 1.0, 2.0, 5.0, 1e-3]), 3),
}


@pytest.mark.parametrize(("L", "k"), KERNELS.values(), ids=KERNELS)
@pytest.mark.statistical
def test_counts_follow_the_enumerated_law(L, k):
    rng = np.random.default_rng(51)
    law = LEnsemble.from_matrix(L).subset_probabilities(k)
    draws = sample_k(L, k, rng, DRAWS)
    assert fit_pvalue(draws, *law) > FALSE_ALARM
    if np.ptp(law[1]) > 0.05:
        assert fit_pvalue(uniform_subsets(len(L), k, rng, DRAWS), *law) < REJECTION


@pytest.mark.parametrize("name", ["full", "degenerate", "cutting a cluster", "zero rows, most items"])
@pytest.mark.statistical
def test_one_by_one(name):
    """Every draw computes eigenvectors of its own: they must be those of one basis, or as good as."""
    L, k = KERNELS[name]
    rng = np.random.default_rng(58)
    draws = np.concatenate([sample_k(L, k, rng) for _ in range(1500)])
    assert fit_pvalue(draws, *LEnsemble.from_matrix(L).subset_probabilities(k)) > FALSE_ALARM


@pytest.mark.statistical
def test_a_basis_that_depends_on_the_choice_is_caught():
    """Wrong: the one member of a degenerate pair that is asked for always gets the same eigenvector."""
    rng = np.random.default_rng(52)
    law = LEnsemble.from_matrix(np.eye(2)).subset_probabilities(1)
    always = np.zeros((500, 1), np.int64)
    assert fit_pvalue(always, *law) < REJECTION
    assert fit_pvalue(np.concatenate([sample_k(np.eye(2), 1, rng) for _ in range(500)]), *law) > FALSE_ALARM


def spread_out(spectrum, seed):
    vectors = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(spectrum), len(spectrum))))[0]
    L = (vectors * spectrum) @ vectors.T
    return 0.5 * (L + L.T)


SPECTRA = {
    "even": np.linspace(1, 2, 150),
    "fifteen decades": 10.0 ** -np.linspace(0, 15, 150),
    "one tight cluster": 1 + 1e-12 * np.arange(150),
    "two clusters": np.repeat([1.0, 1e-3], 75),
    "barely apart": 1 + 2e-11 * np.arange(150),
    "low rank": np.append(np.ones(10), np.zeros(140)),
}


@pytest.mark.parametrize("share", [0.2, 1.0])
@pytest.mark.parametrize("spectrum", SPECTRA.values(), ids=SPECTRA)
def test_eigenvectors(spectrum, share):
    refuse_inexact(spectrum, share, 53)


@pytest.mark.parametrize("seed", range(60, 70))
@pytest.mark.parametrize("spectrum", ["two clusters", "fifteen decades"])
def test_eigenvectors_of_large_clusters(spectrum, seed):
    """Shifts by the value itself left 81 N ε in one of these spectra, by a little more than it 16 in the other."""
    refuse_inexact(SPECTRA[spectrum], 1.0, seed)


def refuse_inexact(spectrum, share, seed):
    """Both the angles between eigenvectors and their residuals are within rounding."""
    L = spread_out(spectrum, seed)
    N, scale = len(L), spectrum.max()
    reflectors = L.copy()
    d, e, tau = tridiagonalize(reflectors)
    values = tridiagonal_eigenvalues(d, e)
    np.testing.assert_allclose(values, np.sort(spectrum), rtol=0, atol=N * EPS * scale)
    cluster = clusters(values)
    wanted = np.flatnonzero(np.isin(cluster, cluster[np.random.default_rng(54).random(N) < share]))
    vectors = eigenvectors(d, e, values, wanted)
    back_transform(reflectors, tau, vectors)
    assert np.abs(vectors @ vectors.T - np.eye(len(wanted))).max() < N * EPS
    assert np.abs(vectors @ L - values[wanted, None] * vectors).max() < N * EPS * scale


@pytest.mark.statistical
def test_inclusion_at_size_200():
    L = gram(200, 260, 55)
    expected = LEnsemble.from_matrix(L).inclusion(40)
    rng = np.random.default_rng(56)
    counts = memberships(sample_k(L, 40, rng, 2000), 200).sum(axis=0)
    assert worst_binomial_pvalue(counts, 2000, expected) > FALSE_ALARM
    even = memberships(uniform_subsets(200, 40, rng, 2000), 200).sum(axis=0)
    assert worst_binomial_pvalue(even, 2000, expected) < REJECTION


@pytest.mark.parametrize("c", [1e-300, 1e300])
@pytest.mark.statistical
def test_law_does_not_depend_on_units(c):
    law = LEnsemble.from_matrix(gram(7, 7, 40)).subset_probabilities(3)
    assert fit_pvalue(sample_k(c * gram(7, 7, 40), 3, np.random.default_rng(57), DRAWS), *law) > FALSE_ALARM


@pytest.mark.parametrize(
    ("L", "k", "error", "words"),
    [
        (np.ones((2, 3)), 1, BadShape, r"L: shape \(2, 3\)"),
        (np.zeros((0, 0)), 0, BadInput, "N = 0"),
        (np.full((2, 2), 1e308), 1, BadInput, r"the largest \|L\|"),
        ([[1, 0.5], [0.4, 1]], 1, NotSymmetric, r"\[0, 1\] = 0.5"),
        ([[1, 2], [2, 1]], 1, NotPositiveSemidefinite, "eigenvalue -1 "),
        (np.eye(2), 3, BadInput, r"k \(N = 2\) = 3"),
    ],
)
def test_refusals(L, k, error, words):
    with pytest.raises(error, match=words):
        sample_k(L, k, np.random.default_rng(0))
    with pytest.raises(BadInput, match=r"rng = .*: expected a seed"):
        sample_k(np.eye(2), 1, None)


def test_lapack_errors_are_not_ignored():
    with pytest.raises(np.linalg.LinAlgError, match="dsterf: info = -1"):
        _call("dsterf", -1, np.ones(1), np.ones(1))
