"""The oracle's own integrals against Gauss–Hermite quadrature."""

import numpy as np
import pytest
from scipy.special import erf

from tests.plain_ode import I2, I3, I4, J2, plain_generalization_error

NODES = 32  # of each of four fields: quadrature off by 5e-8 with 16, 2e-11 with 24, 1e-14 with 32


def g(u):
    return erf(u / np.sqrt(2))


def slope(u):
    return np.sqrt(2 / np.pi) * np.exp(-(u**2) / 2)


@pytest.fixture(scope="module")
def gaussian():
    """A covariance C (4, 4), points u (4, n) and weights (n,) of a product rule for N(0, C)."""
    rng = np.random.default_rng(11)
    factor = np.linalg.cholesky(np.cov(rng.standard_normal((4, 9)))) * 0.8
    x, weight = np.polynomial.hermite_e.hermegauss(NODES)
    weight = weight / weight.sum()
    grid = np.stack(np.meshgrid(x, x, x, x, indexing="ij")).reshape(4, -1)
    return factor @ factor.T, factor @ grid, np.einsum("a,b,c,d->abcd", *[weight] * 4).ravel()


def test_the_four_integrals(gaussian):
    C, u, weight = gaussian
    gu, slopes = g(u), slope(u)
    tight = {"rtol": 0, "atol": 1e-13}
    np.testing.assert_allclose(I2(C), np.einsum("an,bn,n->ab", gu, gu, weight, optimize=True), **tight)
    np.testing.assert_allclose(J2(C)[0, 1], (slopes[0] * slopes[1]) @ weight, **tight)
    i3 = I3(C, C[[2]])  # y = u_2
    for i, a in ((0, 1), (1, 0), (2, 3), (3, 3)):
        np.testing.assert_allclose(i3[i, 0, a], (slopes[i] * u[2] * gu[a]) @ weight, **tight)
    i4 = I4(C)
    for i, k, a, b in ((0, 1, 2, 3), (0, 0, 1, 2), (2, 1, 1, 1), (3, 3, 3, 3), (0, 1, 0, 1)):
        direct = (slopes[i] * slopes[k] * gu[a] * gu[b]) @ weight
        np.testing.assert_allclose(i4[i, k, a, b], direct, **tight)


def test_generalization_error(gaussian):
    C, u, weight = gaussian
    s = np.array([0.7, -1.2, 0.4, 2.0])
    direct = 0.5 * (s @ g(u)) ** 2 @ weight
    assert plain_generalization_error(C, s) == pytest.approx(direct, abs=1e-13)
