"""The Gaussian-input prediction against closed forms, quadrature and simulated Gaussian inputs."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy.integrate import dblquad
from scipy.special import expit

from divprune_sym.evaluation.error import generalization_error, second_moments
from divprune_sym.networks.activations import ELEMENTWISE, activation, activation_name, kinks
from divprune_sym.networks.masks import Mask, apply
from divprune_sym.networks.moments import Moments, MomentSum
from divprune_sym.networks.network import DenseNetwork
from divprune_sym.networks.theory import (
    ORDERS,
    activation_moments,
    excess_kurtosis,
    measured_error,
    predicted_error,
)
from tests.networks.files import network


def covariance(size, seed=0, scale=1.0):
    A = np.random.default_rng(seed).standard_normal((size, size + 1))
    return scale * A @ A.T / size


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_erf_without_means_is_the_closed_form(scale):
    """I2 of the derived integrals; the rest of the series bounds the gap."""
    C = covariance(6, scale=scale)
    means, moments, rest = activation_moments("erf", np.zeros(6), C)
    np.testing.assert_allclose(means, 0, atol=1e-14, rtol=0)
    gap = np.abs(moments - second_moments(C))
    assert (gap <= rest).all()
    assert gap.max() < 1e-6


def closed_form(name, variance, rho):
    """E[g_a g_b] of two fields without means, of this variance and correlation, in 30 digits."""
    v, rho = mp.mpf(variance), mp.mpf(rho)
    if name == "erf":
        return 2 / mp.pi * mp.asin(v * rho / (1 + v))
    angle = mp.acos(rho)
    return v * (mp.sin(angle) + (mp.pi - angle) * rho) / (2 * mp.pi)


@pytest.mark.parametrize("name", ["erf", "relu"])
@pytest.mark.parametrize("deviation", [0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("rho", [-0.9, 0.3, 0.99, 1.0])
def test_bound_holds_at_kinks_and_for_wide_fields(name, deviation, rho):
    """It is not loose either: at most ρ⁶⁴ E[g²] and rounding."""
    variance = deviation**2
    _, moments, rest = activation_moments(name, np.zeros(2), variance * np.array([[1, rho], [rho, 1]]))
    with mp.workdps(30):
        pair, square = (closed_form(name, variance, correlation) for correlation in (rho, 1))
    assert abs(moments[0, 1] - pair) <= rest[0, 1] <= (abs(rho) ** ORDERS + 1e-12) * square
    assert abs(moments[0, 0] - square) <= rest[0, 0] <= 1e-12 * square


# written again, apart from the product
IN_DIGITS = {
    "sigmoid": lambda u: 1 / (1 + mp.exp(-u)),
    "tanh": mp.tanh,
    "relu": lambda u: max(u, 0),
    "erf": lambda u: mp.erf(u / mp.sqrt(2)),
    "gelu": lambda u: u * mp.ncdf(u),
    "gelu-tanh": lambda u: u * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (u + mp.mpf(0.044715) * u**3))) / 2,
    "silu": lambda u: u / (1 + mp.exp(-u)),
    "identity": lambda u: u,
    "leaky-relu": lambda u: u if u > 0 else mp.mpf(0.01) * u,
    "elu": lambda u: u if u > 0 else mp.expm1(u),
    "hard-sigmoid": lambda u: min(max(mp.mpf(1 / 6) * u + mp.mpf(0.5), 0), 1),
}


def in_digits(family, mean, deviation, power):
    """E[gᵖ] by mpmath's tanh-sinh rule between the kinks and the ends of the step."""
    steps = sorted({0, *(sign * size for sign in (-1, 1) for size in (1, 3, 6, 12)), mean})
    ends = [mean - 14 * deviation, *(u for u in steps if abs(u - mean) < 14 * deviation), mean + 14 * deviation]
    return mp.quad(lambda u: IN_DIGITS[family](u) ** power * mp.npdf(u, mean, deviation), ends)


@pytest.mark.parametrize("family", ELEMENTWISE)
@pytest.mark.parametrize(("mean", "deviation"), [(0.4, 1.0), (-2.0, 10.0)])
def test_every_activation_has_its_moments(family, mean, deviation):
    """Within rounding of mpmath's; one Gauss–Hermite rule across a kink or a step is seen to be off."""
    name = activation_name(family, hidden=True)
    means, moments, rest = activation_moments(name, np.array([mean]), np.array([[deviation**2]]))
    with mp.workdps(20):
        first, second = (in_digits(family, mean, deviation, power) for power in (1, 2))
    assert abs(means[0] - first) ** 2 <= rest[0, 0] * 1e-14
    assert abs(moments[0, 0] - second) <= rest[0, 0]
    z, weight = hermegauss(160)
    one_rule = np.sum(weight * activation(name)(mean + deviation * z) ** 2) / np.sqrt(2 * np.pi)
    if kinks(name) or (deviation == 10 and family != "identity"):
        assert abs(one_rule - second) > rest[0, 0]


def test_sigmoid_with_means_by_quadrature():
    C = np.array([[1.3, -0.6], [-0.6, 0.8]])
    m = np.array([0.4, -1.1])
    means, moments, rest = activation_moments("sigmoid", m, C)
    P, norm = np.linalg.inv(C), 2 * np.pi * np.sqrt(np.linalg.det(C))

    def density(y, x):
        d = np.array([x, y]) - m
        return np.exp(-0.5 * d @ P @ d) / norm

    wanted = dblquad(lambda y, x: expit(x) * expit(y) * density(y, x), -9, 9, -9, 9, epsabs=1e-9)[0]
    assert abs(moments[0, 1] - wanted) < 1e-8 + rest[0, 1]
    assert moments[0, 0] < means[0]  # 0 < g < 1


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_bound_covers_copies(activation):
    """At correlation 1 the series is slowest: the moment of a copy is that of the field itself."""
    C = np.full((2, 2), 1.7)
    _, moments, rest = activation_moments(activation, np.full(2, 0.3), C)
    assert abs(moments[0, 1] - moments[0, 0]) <= rest[0, 1]


def test_the_theory_of_one_hidden_layer():
    """Zero biases, white inputs, one output: the unpruned network is the teacher, and the error is ε_g."""
    rng = np.random.default_rng(1)
    W, v = rng.standard_normal((4, 30)) / np.sqrt(30), rng.standard_normal((1, 4))
    net = DenseNetwork((W, v), (np.zeros(4), np.zeros(1)), ("erf", "identity"))
    kept = rng.random(W.shape) < 0.5
    pruned = apply(Mask("edge", {0: kept}), net)
    both = np.concatenate([W * kept, W])
    wanted = generalization_error(both @ both.T, np.concatenate([v[0], -v[0]]))
    found = predicted_error(net, pruned, 0, Moments(np.zeros(30), np.eye(30)))
    assert abs(found.error - wanted) <= found.bound + 1e-9


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "erf"])
@pytest.mark.parametrize("meaning", ["removed", "silenced"])
@pytest.mark.statistical
def test_gaussian_inputs_have_the_predicted_error(activation, meaning):
    """2·10⁵ Gaussian inputs: 4.9 standard errors, false alarm 1e-6 each; a prediction without the mean is rejected."""
    net = network((6, 8, 3), (activation, "identity"), seed=2)
    kept = np.arange(8) < 5
    pruned = apply(Mask("node", {0: kept}, pruned_node=meaning), net)
    inputs = Moments(np.linspace(-1, 1, 6), covariance(6, seed=5))
    rng = np.random.default_rng(7)
    h = inputs.mean + rng.standard_normal((200_000, 6)) @ np.linalg.cholesky(inputs.covariance).T
    measured, error = measured_error(net, pruned, 0, h)
    found = predicted_error(net, pruned, 0, inputs)
    assert abs(found.error - measured) < 4.9 * error + found.bound
    wrong = predicted_error(net, pruned, 0, Moments(0 * inputs.mean, inputs.covariance))
    assert abs(wrong.error - measured) > 4.9 * error + wrong.bound


def test_moments_and_kurtosis_of_data():
    h = np.random.default_rng(0).standard_normal((5000, 6))
    total = MomentSum()
    total.add(h)
    measured = total.moments()
    np.testing.assert_allclose(measured.covariance, np.cov(h.T, bias=True), atol=1e-12, rtol=0)
    net = network()
    # kurtosis of n Gaussian values: sd √(24/n) = 0.07; 8 units, one in 10⁶
    assert excess_kurtosis(net, 0, h) < 5.3 * np.sqrt(24 / 5000)
    assert excess_kurtosis(net, 0, np.sign(h) * np.abs(h) ** 3) > 1
    assert excess_kurtosis(net, 0, np.ones((5, 6))) == 0.0
