"""DPPy (Gautier et al., JMLR 20, 180 (2019)) as an independent oracle, on small, well-scaled kernels.

Beyond these its numbers are not sound: elementary symmetric polynomials overflow, see `dpp/_choice.py`.
Seeds are fixed; over seeds, each statistical check would fail a correct sampler with probability 1e-6.
"""

from __future__ import annotations

import numpy as np
import pytest
from dppy.exact_sampling import elementary_symmetric_polynomials
from dppy.finite_dpps import FiniteDPP

from divprune_sym.dpp import LEnsemble, MarginalKernel
from tests.dpp.dpp_kernels import gram
from tests.dpp.dpp_statistics import FALSE_ALARM, REJECTION, fit_pvalue

L = gram(6, 6, 150)
DRAWS = 2000


@pytest.mark.statistical
def test_samples_of_dppy_follow_our_laws():
    theirs = FiniteDPP("likelihood", L=L)
    ensemble = LEnsemble.from_matrix(L)
    rng = np.random.RandomState(151)
    draws = np.array([np.sort(theirs.sample_exact_k_dpp(3, random_state=rng)) for _ in range(DRAWS)])
    subsets, probabilities = ensemble.subset_probabilities(3)
    assert fit_pvalue(draws, subsets, probabilities) > FALSE_ALARM
    assert fit_pvalue(draws, subsets, np.full(20, 1 / 20)) < REJECTION
    sizes = np.array([len(theirs.sample_exact(random_state=rng)) for _ in range(DRAWS)])
    odds = ensemble.inclusion_of_eigenvectors()
    deviation = np.sqrt((odds * (1 - odds)).sum() / DRAWS)
    # five standard errors: one in 1.7 million
    assert abs(sizes.mean() - ensemble.expected_size()) < 5 * deviation


def test_normalizers_and_marginal_kernels():
    ensemble = LEnsemble.from_matrix(L)
    table = elementary_symmetric_polynomials(ensemble.eigenvalues, 6)
    for k in range(7):
        assert ensemble.log_normalizer(k) == pytest.approx(np.log(table[k, -1]), abs=1e-10)
    theirs = FiniteDPP("likelihood", L=L)
    theirs.compute_K()
    np.testing.assert_allclose(MarginalKernel.from_ensemble(ensemble).matrix, theirs.K, rtol=0, atol=1e-12)
