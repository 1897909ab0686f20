"""Normalizers, log-probabilities, marginal kernels, conditioning and projections, against enumerations.

Seeds are fixed; over seeds, each statistical check would fail a correct sampler with probability 1e-6.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from divprune_sym.dpp import LEnsemble, MarginalKernel, ProjectionDPP, condition
from divprune_sym.ground.checks import BadInput, NotPositiveSemidefinite, NotSymmetric
from tests.dpp.dpp_kernels import blocks, factor, gram, nearly_degenerate
from tests.dpp.dpp_statistics import FALSE_ALARM, REJECTION, fit_pvalue, worst_binomial_pvalue

pytestmark = pytest.mark.slow(11)

DRAWS = 5_000
MATRICES = {
    "full rank": gram(6, 6, 110),
    "low rank": gram(6, 3, 111),
    "diagonal": np.diag([0.5, 2.0, 1.0, 0.0, 3.0, 1e-3]),
    "blocks": blocks([1, 2, 3]),
    "degenerate": nearly_degenerate(),
    "one item": np.array([[2.0]]),
}
SUBSETS = [list(S) for k in range(7) for S in combinations(range(6), k)]


def law(L):
    """All subsets and det L_S/det(1 + L)."""
    N = len(L)
    subsets = [np.array(S, dtype=np.int64) for k in range(N + 1) for S in combinations(range(N), k)]
    minors = np.array([np.linalg.det(L[np.ix_(S, S)]) for S in subsets])
    return subsets, np.maximum(minors, 0.0) / np.linalg.det(np.eye(N) + L)


@pytest.mark.parametrize("L", MATRICES.values(), ids=MATRICES)
def test_log_probabilities_of_both_processes(L):
    ensembles = [LEnsemble.from_matrix(L)]
    if (np.diag(L.diagonal()) == L).all():
        ensembles.append(LEnsemble.from_diagonal(L.diagonal()))
    subsets, probabilities = law(L)
    for ensemble in ensembles:
        found = np.exp([ensemble.log_probability(S) for S in subsets])
        np.testing.assert_allclose(found, probabilities, rtol=0, atol=1e-14)
        assert ensemble.log_normalizer() == pytest.approx(np.linalg.slogdet(np.eye(len(L)) + L)[1], abs=1e-13)
        for k in range(len(L) + 1):
            listed, fixed = ensemble.subset_probabilities(k)
            logs = [ensemble.log_probability(S, fixed_size=True) for S in listed]
            np.testing.assert_allclose(np.exp(logs), fixed, rtol=0, atol=1e-12)
            total = sum(np.linalg.det(L[np.ix_(S, S)]) for S in listed)
            if k <= ensemble.rank:
                assert ensemble.log_normalizer(k) == pytest.approx(np.log(total), abs=1e-9)
            else:
                assert ensemble.log_normalizer(k) == -np.inf


@pytest.mark.parametrize("c", [1e-300, 1e-10, 1e10, 1e300])
def test_logarithms_at_any_scale(c):
    L = gram(6, 6, 110)
    plain, scaled = LEnsemble.from_matrix(L), LEnsemble.from_matrix(c * L)
    for S in ([], [2], [0, 3, 5]):
        assert scaled.log_probability(S, fixed_size=True) == pytest.approx(
            plain.log_probability(S, fixed_size=True), abs=1e-11
        )
    assert scaled.log_normalizer(4) == pytest.approx(plain.log_normalizer(4) + 4 * np.log(c), rel=1e-13)
    again = plain.scaled(np.log(c))
    assert again.log_normalizer() == pytest.approx(scaled.log_normalizer(), rel=1e-12)
    np.testing.assert_allclose(again.eigenvalues, scaled.eigenvalues, rtol=1e-12)


def test_normalizer_at_which_elementary_polynomials_overflow():
    """log e_k of 784 eigenvalues against 60-digit arithmetic."""
    import mpmath as mp

    values = np.random.default_rng(112).exponential(1e4, 120)
    with mp.workdps(60):
        polynomial = [mp.mpf(1)] + [mp.mpf(0)] * 60
        for value in values:
            for k in range(60, 0, -1):
                polynomial[k] += mp.mpf(float(value)) * polynomial[k - 1]
        exact = float(mp.log(polynomial[60]))
    assert LEnsemble.from_diagonal(values).log_normalizer(60) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("size", [0.01, 1.0, 2.5, 5.9])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_wanted_expected_size(size, scale):
    kernel = LEnsemble.from_matrix(scale * gram(6, 6, 110)).with_expected_size(size)
    assert kernel.expected_size() == pytest.approx(size, rel=1e-12)
    assert kernel.inclusion().sum() == pytest.approx(size, rel=1e-12)


@pytest.mark.parametrize("L", MATRICES.values(), ids=MATRICES)
def test_marginal_kernels_there_and_back(L):
    N = len(L)
    ensemble = LEnsemble.from_matrix(L)
    K = ensemble.marginal_kernel()
    np.testing.assert_allclose(K, L @ np.linalg.inv(np.eye(N) + L), rtol=0, atol=1e-13)
    process = MarginalKernel.from_matrix(K)
    back = process.ensemble()
    V = back.eigenvectors[:, : back.rank]
    np.testing.assert_allclose((V * back.eigenvalues[: back.rank]) @ V.T, L, rtol=0, atol=1e-10 * max(1, L.max()))
    subsets, probabilities = law(L)
    np.testing.assert_allclose(np.exp([process.log_probability(S) for S in subsets]), probabilities, rtol=0, atol=1e-13)
    table = np.array([np.isin(np.arange(N), S) for S in subsets]).astype(float)
    pairs = (table * probabilities[:, None]).T @ table
    np.testing.assert_allclose(process.pair_inclusion(), pairs, rtol=0, atol=1e-13)
    np.testing.assert_allclose(ensemble.pair_inclusion(), pairs, rtol=0, atol=1e-13)
    assert process.expected_size() == pytest.approx(ensemble.expected_size(), rel=1e-12)


@pytest.mark.parametrize("name", ["full rank", "low rank", "diagonal", "blocks", "one item"])
@pytest.mark.statistical
def test_the_cholesky_sampler(name):
    rng = np.random.default_rng(113)
    L = MATRICES[name]
    process = MarginalKernel.from_ensemble(LEnsemble.from_matrix(L))
    subsets, probabilities = law(L)
    assert fit_pvalue(process.sample(rng, DRAWS), subsets, probabilities) > FALSE_ALARM
    independent = [np.flatnonzero(rng.random(len(L)) < process.inclusion()) for _ in range(DRAWS)]
    if name not in ("diagonal", "one item"):
        assert fit_pvalue(independent, subsets, probabilities) < REJECTION


@pytest.mark.statistical
def test_the_cholesky_sampler_of_200_items():
    rng = np.random.default_rng(114)
    Phi = factor(100, 60, 115)
    Phi = np.vstack([Phi, Phi + 0.2 * factor(100, 60, 116)])
    process = MarginalKernel.from_ensemble(LEnsemble.from_factor(Phi).with_expected_size(30.0))
    n = 1500
    table = np.zeros((n, 200))
    for row, S in zip(table, process.sample(rng, n), strict=True):
        row[S] = 1.0
    upper = np.triu_indices(200)
    assert worst_binomial_pvalue((table.T @ table)[upper], n, process.pair_inclusion()[upper]) > FALSE_ALARM
    loose = (rng.random((n, 200)) < process.inclusion()).astype(float)
    assert worst_binomial_pvalue((loose.T @ loose)[upper], n, process.pair_inclusion()[upper]) < REJECTION


@pytest.mark.statistical
def test_a_projection_is_no_l_ensemble():
    vectors = np.linalg.qr(factor(6, 2, 117))[0]
    process = MarginalKernel.from_matrix(vectors @ vectors.T)
    with pytest.raises(BadInput, match="the empty set has probability 0"):
        process.ensemble()
    draws = np.array(process.sample(np.random.default_rng(118), DRAWS))
    assert draws.shape == (DRAWS, 2)
    same = ProjectionDPP.from_features(factor(6, 2, 117))
    subsets = np.array(list(combinations(range(6), 2)))
    probabilities = np.array([np.linalg.det(vectors[list(S)]) ** 2 for S in subsets])
    assert fit_pvalue(draws, subsets, probabilities) > FALSE_ALARM
    assert fit_pvalue(same.sample(np.random.default_rng(119), DRAWS), subsets, probabilities) > FALSE_ALARM
    uniform = np.sort(np.random.default_rng(120).permuted(np.tile(np.arange(6), (DRAWS, 1)), axis=1)[:, :2], axis=1)
    assert fit_pvalue(uniform, subsets, probabilities) < REJECTION
    np.testing.assert_allclose(np.exp([same.log_probability(S) for S in subsets]), probabilities, rtol=0, atol=1e-14)
    np.testing.assert_allclose(same.pair_inclusion(), process.pair_inclusion(), rtol=0, atol=1e-14)
    assert same.log_probability([1]) == -np.inf
    assert process.log_probability([1]) < -30


def conditional_law(L, k, include, exclude):
    """From the enumerated k-DPP, by selection."""
    subsets, probabilities = LEnsemble.from_matrix(L).subset_probabilities(k)
    fits = np.isin(subsets, include).sum(axis=1) == len(include)
    fits &= ~np.isin(subsets, exclude).any(axis=1)
    return subsets[fits], probabilities[fits] / probabilities[fits].sum()


@pytest.mark.parametrize(("include", "exclude"), [([0, 3], []), ([], [2, 5]), ([4], [1]), ([5, 0], [3, 2])])
@pytest.mark.parametrize("r", [4, 7])
@pytest.mark.statistical
def test_conditional_samples(include, exclude, r):
    rng = np.random.default_rng(121)
    L = gram(7, r, 122)
    given = condition(LEnsemble.from_matrix(L), include, exclude)
    listed = conditional_law(L, 3, include, exclude)
    assert fit_pvalue(given.sample_k(3, rng, DRAWS), *listed) > FALSE_ALARM
    subsets, probabilities = law(L)
    fits = [n for n, S in enumerate(subsets) if set(include) <= set(S) and not set(exclude) & set(S)]
    chosen, weights = [subsets[n] for n in fits], probabilities[fits] / probabilities[fits].sum()
    assert fit_pvalue(given.sample(rng, DRAWS), chosen, weights) > FALSE_ALARM
    # wrong: leave the part along the included items in
    rest = LEnsemble.from_matrix(L[np.ix_(given.free, given.free)])
    if include:
        wrong = [np.sort(np.append(given.free[S], given.included)) for S in rest.sample(rng, DRAWS)]
        assert fit_pvalue(wrong, chosen, weights) < REJECTION


def test_conditioning_a_diagonal_kernel_and_one_of_copies():
    given = condition(LEnsemble.from_diagonal([1.0, 2.0, 3.0, 0.0]), [1], [2])
    assert given.free.tolist() == [0, 3]
    assert given.kernel.eigenvalues.tolist() == [1.0, 0.0]
    copies = condition(LEnsemble.from_matrix(blocks([2, 2])), [0])
    assert copies.kernel.rank == 1
    assert set(copies.sample_k(2, np.random.default_rng(123), 100)[:, 1]) == {2, 3}


KERNEL = LEnsemble.from_matrix(blocks([2, 2]))


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: condition(KERNEL, [0], [0]), BadInput, "item 0 is both included and excluded"),
        (lambda: condition(KERNEL, [0, 0]), BadInput, "include: item 0 is given twice"),
        (lambda: condition(KERNEL, [4]), BadInput, "include: item 4: must be between 0 and 3"),
        (lambda: condition(KERNEL, exclude=[-1]), BadInput, "exclude: item -1"),
        (lambda: condition(KERNEL, [0.5]), BadInput, "expected a list of item numbers"),
        (lambda: condition(KERNEL, [0, 1]), BadInput, r"det L = 0 for the items \[0, 1\]"),
        (lambda: condition(KERNEL, [0, 2, 3]), BadInput, "never occur together"),
        (lambda: condition(KERNEL, exclude=[0, 1, 2, 3]), BadInput, "none is left to chance"),
        (lambda: condition(LEnsemble.from_diagonal([0.0, 1.0]), [0]), BadInput, "never occur together"),
        (lambda: condition(LEnsemble.from_matrix(np.diag([0.0, 1.0])), [0]), BadInput, "never occur together"),
        (lambda: condition(KERNEL, [0]).sample_k(3, np.random.default_rng(0)), BadInput, "between 1 and 2"),
        (lambda: condition(KERNEL, [0]).sample_k(0, np.random.default_rng(0)), BadInput, "must be at least 1"),
        (lambda: KERNEL.log_probability([0, 9]), BadInput, "items: item 9"),
        (lambda: KERNEL.with_expected_size(2.0), BadInput, "must lie between 0 and the rank 2, both excluded"),
        (lambda: KERNEL.with_expected_size(3.0), BadInput, r"expected size \(rank = 2\) = 3"),
        (lambda: KERNEL.scaled(1e4), BadInput, "the largest eigenvalue's logarithm"),
        (lambda: MarginalKernel.from_matrix(2 * np.eye(2)), BadInput, r"largest eigenvalue 1 \+ 1: .*\(is it L"),
        (lambda: MarginalKernel.from_matrix(-np.eye(2)), NotPositiveSemidefinite, "K: not positive"),
        (lambda: MarginalKernel.from_matrix([[0.5, 0.1], [0.0, 0.5]]), NotSymmetric, "K: not symmetric"),
        (lambda: MarginalKernel.from_matrix(np.eye(2)).sample("0"), BadInput, "rng = .0.: expected a seed"),
        (lambda: ProjectionDPP.from_features(np.ones((3, 2))), BadInput, "2 columns of rank 1"),
        (lambda: ProjectionDPP.from_features(np.zeros((3, 2))), BadInput, "2 columns of rank 0"),
        (lambda: ProjectionDPP.from_features(np.zeros((3, 1))), BadInput, "1 columns of rank 0"),
        (lambda: ProjectionDPP.from_features(np.ones((2, 3))), BadInput, "3 columns on 2 items"),
        (lambda: ProjectionDPP.from_features(np.eye(2)).sample("0"), BadInput, "rng = .0.: expected a seed"),
    ],
)
def test_refusals(ask, error, words):
    with pytest.raises(error, match=words):
        ask()


def test_texts():
    assert repr(MarginalKernel.from_matrix(0.5 * np.eye(4))) == "MarginalKernel(N = 4, expected size = 2)"
    assert repr(ProjectionDPP.from_features(np.eye(4)[:, :2])) == "ProjectionDPP(N = 4, rank = 2)"
