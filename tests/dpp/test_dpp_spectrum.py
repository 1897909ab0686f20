"""The spectral form: ranks, shifts, units of measure, and sizes at which textbook recursions fail.

Seeds are fixed; over seeds, each statistical check would fail a correct sampler with probability 1e-6.
"""

from __future__ import annotations

import numpy as np
import pytest

from divprune_sym.dpp import LEnsemble, sample_k
from divprune_sym.ground.checks import EPS
from tests.dpp.dpp_kernels import factor, gram
from tests.dpp.dpp_statistics import (
    FALSE_ALARM,
    REJECTION,
    fit_pvalue,
    memberships,
    uniform_subsets,
    worst_binomial_pvalue,
)

pytestmark = pytest.mark.slow(11)

UNITS = [1e-300, 1e-10, 1.0, 1e10, 1e300]
BUILDERS = {
    "matrix": lambda c: LEnsemble.from_matrix(c * gram(7, 7, 40)),
    "low rank": lambda c: LEnsemble.from_matrix(c * gram(7, 4, 41)),
    "factor": lambda c: LEnsemble.from_factor(np.sqrt(c) * factor(7, 4, 41)),
    "diagonal": lambda c: LEnsemble.from_diagonal(c * np.array([0.1, 1, 2, 0, 3, 1e-5, 1e4])),
}


@pytest.mark.parametrize("c", UNITS)
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.statistical
def test_law_does_not_depend_on_units(build, c):
    scaled, plain = build(c), build(1.0)
    assert scaled.rank == plain.rank
    np.testing.assert_allclose(scaled.log_eigenvalues - np.log(c), plain.log_eigenvalues, atol=2e-12, rtol=1e-7)
    for k in (2, 4, 6):
        law = plain.subset_probabilities(k)
        np.testing.assert_allclose(scaled.subset_probabilities(k)[1], law[1], rtol=0, atol=1e-12)
        np.testing.assert_allclose(scaled.inclusion(k), plain.inclusion(k), rtol=0, atol=1e-12)
        np.testing.assert_allclose(scaled.pair_inclusion(k), plain.pair_inclusion(k), rtol=0, atol=1e-12)
        draws = scaled.sample_k(k, np.random.default_rng(42), 4000)
        assert fit_pvalue(draws, *law) > FALSE_ALARM


@pytest.mark.parametrize("power", [-900, -33, 33, 900])
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_powers_of_two_leave_every_sample_as_it_is(build, power):
    # √c must be exact too
    c = 2.0 ** (2 * (power // 2))
    for k in (3, 5):
        scaled = build(c).sample_k(k, np.random.default_rng(43), 300)
        np.testing.assert_array_equal(scaled, build(1.0).sample_k(k, np.random.default_rng(43), 300))


def test_random_size_does_depend_on_units():
    sizes = [BUILDERS["matrix"](c).expected_size() for c in (1e-300, 1.0, 1e300)]
    assert sizes[0] < 1e-297
    assert 1 < sizes[1] < 6
    assert sizes[2] == pytest.approx(7)
    rng = np.random.default_rng(44)
    assert BUILDERS["matrix"](1e300).sample(rng)[0].tolist() == list(range(7))
    assert BUILDERS["matrix"](1e-300).sample(rng)[0].tolist() == []


@pytest.mark.parametrize(("N", "k"), [(5000, 500), (784, 392), (784, 700)])
@pytest.mark.statistical
def test_large_diagonal_kernels(N, k):
    """Weights w² of Gaussian weights: the sizes at which textbook recursions give one eigenvector k times."""
    rng = np.random.default_rng(45)
    ensemble = LEnsemble.from_diagonal(rng.standard_normal(N) ** 2)
    inclusion = ensemble.inclusion(k)
    assert inclusion.sum() == pytest.approx(k, abs=1e-9)
    assert ((inclusion > 0) & (inclusion < 1 + 1e-12)).all()
    draws = ensemble.sample_k(k, rng, 2000)
    assert (np.diff(draws, axis=1) > 0).all()
    counts = memberships(draws, N).sum(axis=0)
    assert worst_binomial_pvalue(counts, 2000, inclusion) > FALSE_ALARM
    even = memberships(uniform_subsets(N, k, rng, 2000), N).sum(axis=0)
    assert worst_binomial_pvalue(even, 2000, inclusion) < REJECTION


def test_large_diagonal_kernel_at_extreme_spread():
    rng = np.random.default_rng(46)
    ensemble = LEnsemble.from_diagonal(10.0 ** rng.uniform(-300, 300, 5000))
    inclusion = ensemble.inclusion(500)
    assert inclusion.sum() == pytest.approx(500, abs=1e-9)
    draws = ensemble.sample_k(500, rng, 20)
    assert (np.diff(draws, axis=1) > 0).all()
    certain = np.flatnonzero(inclusion > 1 - 1e-9)
    assert len(certain) > 400
    assert memberships(draws, 5000)[:, certain].all()


@pytest.mark.parametrize("k", [392, 500])
@pytest.mark.statistical
def test_correlated_kernel_of_784_items(k):
    rng = np.random.default_rng(47)
    Phi = rng.standard_normal((784, 784)) * np.arange(1, 785) ** -1.0
    ensemble = LEnsemble.from_matrix(Phi @ Phi.T)
    inclusion = ensemble.inclusion(k)
    assert inclusion.sum() == pytest.approx(k, abs=1e-9)
    draws = ensemble.sample_k(k, rng, 20)
    assert (np.diff(draws, axis=1) > 0).all()
    assert len(np.unique(draws, axis=0)) == 20
    assert worst_binomial_pvalue(memberships(draws, 784).sum(axis=0), 20, inclusion) > FALSE_ALARM


def test_matrix_spectrum_is_descending_and_rebuilds_the_matrix():
    L = gram(12, 5, 48)
    ensemble = LEnsemble.from_matrix(L)
    assert ensemble.N == 12
    assert ensemble.rank == 5
    assert (np.diff(ensemble.eigenvalues) <= 0).all()
    assert np.count_nonzero(ensemble.eigenvalues) == 5
    assert 0 < ensemble.shift <= 12 * EPS * ensemble.eigenvalues[0]
    V = ensemble.eigenvectors
    bound = 12 * 12 * EPS * ensemble.eigenvalues[0]
    np.testing.assert_allclose((V * ensemble.eigenvalues) @ V.T, L, rtol=0, atol=bound)
    assert repr(ensemble).startswith("LEnsemble(N = 12, rank = 5, shift = ")


def test_negative_rounding_is_set_to_zero_and_reported():
    vectors = np.linalg.qr(np.random.default_rng(49).standard_normal((20, 20)))[0]
    tiny = -10 * EPS
    L = (vectors * np.r_[np.linspace(1, 2, 19), tiny]) @ vectors.T
    ensemble = LEnsemble.from_matrix(0.5 * (L + L.T))
    assert ensemble.rank == 19
    assert ensemble.eigenvalues[-1] == 0
    assert 0 < ensemble.shift < 20 * EPS * 2


def test_small_real_eigenvalues_count():
    L = np.diag([1.0, 1e-3, 1e-12, 1e-14, 1e-17])
    L[0, 1] = L[1, 0] = 1e-30
    assert LEnsemble.from_matrix(L).rank == 4
    assert LEnsemble.from_matrix(L).shift == pytest.approx(1e-17)


def test_the_eigenvalues_of_a_diagonal_matrix_are_its_entries():
    """Determinants of pairs differ by 1e200 at least: the law is one subset, whatever is rounding beside 1e300."""
    d = np.array([1e-300, 1e100, 1e-100, 1e300, 1.0])
    assert LEnsemble.from_matrix(np.diag(d)) == LEnsemble.from_diagonal(d)
    for draws in (LEnsemble.from_matrix(np.diag(d)).sample_k(3, 1, 20), sample_k(np.diag(d), 3, 1, 20)):
        np.testing.assert_array_equal(draws, np.tile([1, 3, 4], (20, 1)), strict=True)


def test_a_factor_shows_smaller_eigenvalues_than_its_gram_matrix():
    rng = np.random.default_rng(50)
    left, right = (np.linalg.qr(rng.standard_normal((N, 3)))[0] for N in (40, 3))
    Phi = (left * [1.0, 1e-5, 1e-10]) @ right.T
    ensemble = LEnsemble.from_factor(Phi)
    np.testing.assert_allclose(ensemble.log_eigenvalues, np.log([1.0, 1e-10, 1e-20]), atol=1e-4, rtol=1e-7)
    V = ensemble.eigenvectors
    np.testing.assert_allclose(V.T @ V, np.eye(3), atol=1e-14, rtol=1e-7)
    assert LEnsemble.from_matrix(Phi @ Phi.T).rank == 2
    flat = LEnsemble.from_factor((left * [1.0, 1e-5, 1e-16]) @ right.T)
    assert flat.rank == 2
    assert 0 < flat.shift < (40 * EPS) ** 2


def test_factor_without_columns_is_the_zero_kernel():
    ensemble = LEnsemble.from_factor(np.zeros((4, 0)))
    assert ensemble.rank == 0
    np.testing.assert_allclose(ensemble.inclusion(2), 0.5)


def test_arrays_are_read_only():
    ensemble = LEnsemble.from_matrix(np.eye(3) + 1.0)
    for array in (ensemble.eigenvalues, ensemble.eigenvectors, ensemble.log_eigenvalues):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2.0


@pytest.mark.parametrize("least", [0.2, 0.05, 1e-9])
def test_tall_factors(least):
    """Singular values from 1 to `least`: within a factor of 10 through ΦᵀΦ, beyond it by an SVD; both orthonormal."""
    N, r = 400, 30
    rng = np.random.default_rng(60)
    left, right = (np.linalg.qr(rng.standard_normal((n, r)))[0] for n in (N, r))
    singular = np.geomspace(1.0, least, r)
    ensemble = LEnsemble.from_factor((left * singular) @ right.T)
    V = ensemble.eigenvectors
    assert ensemble.rank == r
    assert np.abs(V.T @ V - np.eye(r)).max() < 100 * r * EPS
    assert np.abs(V @ V.T - left @ left.T).max() < 100 * r * EPS / min(1.0, least / 0.05)
    np.testing.assert_allclose(ensemble.eigenvalues[:r], singular**2, rtol=100 * r * EPS / least**2, atol=1e-300)
    np.testing.assert_allclose(np.sqrt(ensemble.eigenvalues[:r]), singular, rtol=0, atol=100 * r * EPS)
