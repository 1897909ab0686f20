"""Bivariate moments: their bounds against more digits, their values against samples and trained networks."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import t as student_t

from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS, Layer, RandomEdge
from divprune_sym.pruning.extended import extended_limit
from divprune_sym.pruning.methods.dpp_edge import _scale
from divprune_sym.pruning.moments import pair_kernel as kernel
from divprune_sym.reproduction.backend import pruned_covariances
from divprune_sym.simulate import Training, random_network, train_replicas
from divprune_sym.solvers import Problem, generalization_error, integrate
from divprune_sym.specialized import specialized_state

pytestmark = pytest.mark.slow(45)

CORRELATIONS = [1e-9, 0.03, -0.4, 0.9, 0.999, -1 + 1e-7]
KEEPS = [0.02, 0.3, 0.5, 0.9]
NAMES = ["magnitude-edge", "dpp-edge"]


def with_rule(name, r, p, count=24):
    """(value, bound) by `count` nodes a panel."""
    rule = np.polynomial.legendre.leggauss(count)
    if name == "magnitude-edge":
        return kernel.truncated_pair(r, float(-ndtri(p / 2)), *rule)
    return kernel.weighted_pair(r, _scale(p), p, *rule)


def many_digits(name, r, p):
    """E[xπ(x) yπ(y)] = ∫ n(x) xπ(x) E[yπ(y) | x] dx in 30 digits, another integral than the kernel's."""
    with mp.workdps(30):
        r = mp.mpf(r)
        spread = mp.sqrt((1 - r) * (1 + r))
        density = mp.npdf
        if name == "magnitude-edge":
            t = mp.mpf(float(-ndtri(p / 2)))

            def inner(mean):
                above, below = (t - mean) / spread, (t + mean) / spread
                return mean * (mp.ncdf(-above) + mp.ncdf(-below)) + spread * (density(above) - density(below))

            ends = [t, t / abs(r)] if abs(r) > 0.3 else [t]
            ends += [ends[-1] + k * spread / abs(r) for k in (-8, -2, 2, 8)] if abs(r) > 0.3 else []
            ends = sorted({e for e in ends if t <= e < 14} | {mp.mpf(14), t})
            return 2 * mp.quad(lambda x: x * density(x) * inner(r * x), ends)
        b = mp.mpf(_scale(p))

        def kept(x):
            return x**3 / (b * b + x * x)

        def inner(mean):
            # E[y/(b² + y²)] for y ~ N(μ, σ²) is √(π/2)/σ Im w((μ + ib)/(√2 σ)), w(z) = exp(−z²) erfc(−iz)
            z = (mean + 1j * b) / (spread * mp.sqrt(2))
            return mean - b * b * mp.sqrt(mp.pi / 2) / spread * mp.im(mp.exp(-z * z) * mp.erfc(-1j * z))

        return 2 * mp.quad(lambda x: density(x) * kept(x) * inner(r * x), sorted([0, b / 4, b, 8 * b, 1, 2, 4, 14]))


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("r", [0.03, -0.4, 0.9])
@pytest.mark.parametrize("name", NAMES)
def test_values_lie_within_their_bounds(name, r, p):
    value, bound = with_rule(name, r, p)
    assert abs(mp.mpf(value) - many_digits(name, r, p)) <= bound
    assert bound < 1e-12


@pytest.mark.parametrize("p", KEEPS)
@pytest.mark.parametrize("r", CORRELATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_bounds_hold_for_coarse_rules_and_mean_something(name, r, p):
    exact, rest = with_rule(name, r, p, 40)
    for count in (3, 5, 8, 12):
        value, bound = with_rule(name, r, p, count)
        assert abs(value - exact) <= bound + rest
    assert with_rule(name, r, p, 4)[1] > with_rule(name, r, p, 8)[1] > with_rule(name, r, p, 12)[1] > 0


@pytest.mark.parametrize("p", [1e-3, *KEEPS, 0.999])
@pytest.mark.parametrize("name", NAMES)
def test_two_ways_to_one_number(name, p):
    """The moment as `limit` computes it: another integral, good to the 1e-9 within which its two orders agree."""
    law = METHODS[name].keep_law(p)
    for r in (*CORRELATIONS, 0.0, 1.0, -1.0, 0.5):
        value, bound = with_rule(name, r, p)
        assert abs(value - law.product(r)) <= bound + 1e-9


@pytest.mark.parametrize("name", [*NAMES, "random-edge"])
def test_limits_take_the_faster_integral_where_it_is_the_better(name):
    """Below p ~ 0.03 the weighted integral is all cancellation: its own bound says so, and the quadrature is taken."""
    correlations = np.array([r for r in CORRELATIONS if r != 0])
    for p in (1e-300, 1e-6, 1e-3, *KEEPS):
        law = METHODS[name].keep_law(p)
        quadrature = np.array([law.product(r) for r in correlations])
        pairs, bounds = law.pairs(correlations)
        taken, _ = law.products(correlations)
        assert np.array_equal(taken, np.where(bounds <= 1e-12, pairs, quadrature))
        assert np.abs(taken - quadrature).max() <= 1e-9
    assert (METHODS["dpp-edge"].keep_law(1e-3).pairs(correlations)[1] > 1e-12).all()


@pytest.mark.parametrize("r", [0.01, 0.3, 0.7, 0.99, 1 - 1e-6, 1 - 1e-12])
def test_the_ellipses_lie_where_the_integrand_is_bounded(r):
    """Re(1 ∓ r cos 2δ) ≥ 0 and Re cos δ ≥ 0.29 on every boundary; harmonic functions are smallest there."""
    turn = np.exp(1j * np.linspace(0, 2 * np.pi, 2001))
    joukowski = 0.5 * (kernel.RHO_RAYS * turn + 1 / (kernel.RHO_RAYS * turn))
    strip, high = 0.5 * np.arccosh(1 / r), np.pi / 4
    while True:
        low = 0.0 if high <= strip else high / 2
        delta = 0.5 * (low + high) + 0.5 * (high - low) * joukowski
        assert (1 - r * np.cos(2 * delta)).real.min() >= -1e-12
        assert (1 + r * np.cos(2 * delta)).real.min() >= -1e-12
        assert np.cos(delta).real.min() >= 0.29
        if low == 0:
            break
        high = low


@pytest.mark.parametrize("z", [1e-3, 0.5, 1.999, 2.0, 2.001, 5.0, 40.0, 1e6])
def test_ray(z):
    """(1 − √π z erfcx(z))/A to 1e-13, also where it is all cancellation."""
    with mp.workdps(40):
        Z = mp.mpf(z)
        erfcx = mp.exp(Z * Z) * mp.erfc(Z) if z < 100 else (1 - 1 / (2 * Z**2) + 3 / (4 * Z**4)) / (Z * mp.sqrt(mp.pi))
        exact = (1 - mp.sqrt(mp.pi) * Z * erfcx) / 2
    assert kernel.ray(2.0, 2.0 * z) == pytest.approx(float(exact), rel=1e-13 if z < 100 else 1e-11)


@pytest.mark.parametrize("r", [0.3, -0.9, 0.99])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.statistical
def test_against_monte_carlo(name, r):
    """|z| > 4.5 has probability 7e-6, twelve comparisons; a product of independent masks would stand out."""
    rng = np.random.default_rng(8)
    x = rng.standard_normal(500_000)
    y = r * x + np.sqrt(1 - r * r) * rng.standard_normal(x.shape)
    for p in (0.2, 0.6):
        law = METHODS[name].keep_law(p)
        sample = law.kept(x) * law.kept(y)
        error = sample.std() / np.sqrt(len(x))
        assert abs(sample.mean() - with_rule(name, r, p)[0]) < 4.5 * error
        assert abs(sample.mean() - p * p * r) > 9 * error


@pytest.fixture(scope="module")
def trajectory():
    network = random_network(np.random.default_rng(2), 500, 4, 2, teacher_v=2.0)
    alphas = np.array([0.0, 0.5, 5.0, 50.0])
    solution = integrate(Problem(network.order_parameters(), eta=0.4, eta_v=0.4), alphas)
    return [solution.state(n) for n in range(len(alphas))]


@pytest.mark.parametrize("name", NAMES)
def test_along_a_trajectory_it_is_the_limit(name, trajectory):
    for p in (0.1, 0.5, 0.9):
        pruned = extended_limit(name, trajectory, p)
        for n, state in enumerate(trajectory):
            limit = METHODS[name].limit(state, p)
            np.testing.assert_allclose(pruned.covariance[n], limit.covariance, rtol=1e-10, atol=1e-13)
            gap = abs(pruned.generalization_error[n] - limit.generalization_error())
            assert gap <= pruned.error_bound[n] + 1e-12
        assert (pruned.overlap_bound < 1e-12).all()
        assert not pruned.overlap_bound[:, range(4), range(4)].any()


def test_the_bound_of_the_error_follows_from_that_of_the_overlaps(trajectory):
    """Overlaps moved by anything within a (large) bound move the error by no more than the bound says."""
    pruned = extended_limit("dpp-edge", trajectory, 0.5)
    rng = np.random.default_rng(3)
    for n, state in enumerate(trajectory):
        for _ in range(20):
            change = np.triu(rng.choice([-1e-4, 1e-4], (4, 4)), 1)
            moved = pruned.covariance[n].copy()
            moved[:4, :4] += change + change.T
            error = float(generalization_error(moved, state.signed_weights))
            v = np.abs(state.v)
            allowed = (v @ np.abs(change + change.T) @ v) / np.pi
            assert abs(error - pruned.generalization_error[n]) <= allowed * (1 + 1e-6)


def test_a_node_without_weights():
    state = specialized_state(1, 2, 1.0)
    dead = state.with_(Q_classes=np.diag([0.0, 1.0])[None], R_classes=np.array([[[0.0], [1.0]]]))
    pruned = extended_limit("magnitude-edge", [dead], 0.5)
    assert not pruned.covariance[0, 0].any()
    assert not pruned.overlap_bound.any()


@pytest.fixture(scope="module")
def trained():
    """Networks of N = 4000 after α = 2, and after another 6, by time."""
    rng = np.random.default_rng(12)
    networks = [random_network(child, 4000, 3, 2, teacher_v=2.0) for child in rng.spawn(6)]
    stages = []
    for alpha in (2.0, 6.0):
        runs = train_replicas(networks, Training(eta=0.5, eta_v=0.5, sigma=0.1), [alpha], rng)
        networks = [run.network for run in runs]
        stages.append(networks)
    return stages


@pytest.mark.parametrize("p", [0.2, 0.5])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.statistical
def test_masks_on_trained_networks(name, p, trained):
    """Paired t over 6 networks, 16 comparisons in all: one false alarm in 100 runs of this file."""
    limit = student_t.ppf(1 - 0.01 / 32, 5)
    rng = np.random.default_rng(9)
    for networks in trained:
        states = [network.order_parameters() for network in networks]
        pruned = extended_limit(name, states, p)
        drawn = np.array([masked(METHODS[name], network, p, rng) for network in networks])
        errors = generalization_error(drawn, np.array([state.signed_weights for state in states]))
        overlaps = np.array([state.Q for state in states])
        shares, theory, random_edges = (
            shared(C[:, :3, :3], overlaps) for C in (drawn, pruned.covariance, p**2 * overlaps)
        )
        for gap in (errors - pruned.generalization_error, shares - theory):
            assert abs(gap.mean()) < limit * gap.std(ddof=1) / np.sqrt(len(gap))
        # a test that can fail: what random edges leave of the overlaps of two nodes is beyond its resolution
        resolution = limit * (shares - theory).std(ddof=1) / np.sqrt(len(shares))
        assert abs((shares - random_edges).mean()) > resolution


def shared(pruned, overlaps):
    """Σ Q'_ik Q_ik over the pairs of each network, (S,), in units of the mean of Σ Q_ik²."""
    off = ~np.eye(3, dtype=bool)
    products = (pruned * overlaps)[:, off].sum(axis=1)
    return products / (overlaps**2)[:, off].sum(axis=1).mean()


def masked(method, network, p, rng):
    """The mean covariance (K+M, K+M) of the fields over some masks."""
    layer = Layer.on_white_inputs(network.w, network.v)
    return pruned_covariances(network, method.draw(layer, p, rng, 1 if method.deterministic else 6)).mean(axis=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("column-edge", [specialized_state(1, 1, 1.0)], 0.5), "'column-edge': has no moments of single weights"),
        (("dpp-edge", [], 0.5), "at least one"),
        (("dpp-edge", [specialized_state(1, 1, 1.0), specialized_state(1, 2, 1.0)], 0.5), "same K, M and activations"),
        (("dpp-edge", [RandomEdge().mask_classes(specialized_state(1, 2, 1.0), 0.5).state], 0.5), "unpruned"),
        (("dpp-edge", [specialized_state(1, 1, 1.0)], 0.0), "keep fraction = 0"),
        (("dpp-edge", [specialized_state(1, 1, 1.0)], 1.0), "keep fraction = 1"),
        (("dpp-edge", [specialized_state(1, 1, 1.0)], float("nan")), "keep fraction = nan"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(BadInput, match=words):
        extended_limit(*arguments)
