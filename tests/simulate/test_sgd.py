"""Online SGD step by step: the kernel against its definition, the data it consumes, and what it refuses."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy.special import erf

from divprune_sym.gaussian import ACTIVATIONS
from divprune_sym.ground import work
from divprune_sym.ground.checks import BadInput
from divprune_sym.named_activations import resolved
from divprune_sym.simulate import Diverged, Network, Training, random_network, sgd, train, train_replicas
from divprune_sym.simulate.modules import sgd_module

K, M, N = 3, 2, 37
sgd_steps = sgd_module("erf").sgd_steps
U = sp.Symbol("u", real=True)
GRADED = [*(name for name in ACTIVATIONS if name != "sign"), "erf[2]", "polynomial[1, 1, 1/2]"]
TRAINING = Training(eta=0.9, eta_v=0.7, sigma=0.4, weight_decay=0.3)


def make_network(seed=3, *, masked=True):
    rng = np.random.default_rng(seed)
    network = random_network(rng, N, K, M, teacher_v=1.5)
    if not masked:
        return network
    mask = rng.integers(0, 2, (K, N)).astype(float)
    mask[1] = 1  # one node keeps every weight: the kernel treats such rows apart
    return replace(network, mask=mask, variance=rng.uniform(0.2, 3.0, N))


def plain_sgd(network, training, X, zeta):
    """The definition, one step after another.   X: (S, N)  zeta: (S,) → w (K, N), v (K,)"""
    n = network.N
    w, v = network.w, network.v
    for x, noise in zip(X, zeta, strict=True):
        lam, rho = w @ x / np.sqrt(n), network.B @ x / np.sqrt(n)
        g = erf(lam / np.sqrt(2))
        slope = np.sqrt(2 / np.pi) * np.exp(-(lam**2) / 2)
        delta = v @ g - network.A @ erf(rho / np.sqrt(2)) - training.sigma * noise
        gradient = np.outer(v * slope * delta, x) * network.mask
        keep = 1 - training.weight_decay / n
        w, v = (
            keep * w - training.eta / np.sqrt(n) * gradient,
            keep * v - training.eta_v / n * g * delta,
        )
    return w, v


def run_kernel(network, training, X, zeta):
    w, v = network.w.copy(), network.v.copy()
    steps = sgd_steps(
        w, v, network.B, network.A, network.mask, X, zeta,
        training.eta, training.eta_v, training.sigma, training.weight_decay, training.weight_decay,
    )  # fmt: skip
    return steps, w, v


# A field is a sum of N products of order 1/√N: summed in any order its rounding is below N ε ≈ 1e-14.  A step
# carries that into the weights with a factor η v g' x/√N < 1 and the fields of the next step see it again, so
# 12 steps stay below 12 · 12 · 1e-14 / 2 < 1e-12.
ROUNDING = {"rtol": 0, "atol": 1e-12}


@pytest.mark.parametrize(("activation", "teacher"), [(g, None) for g in GRADED] + [("relu", "sign"), ("erf", "he3")])
def test_the_update_of_every_activation(activation, teacher):
    """The kernel's functions come from the formula: here NumPy evaluates it, and differentiates g numerically."""
    network = replace(make_network(), activation=activation, teacher_activation=teacher)
    rng = np.random.default_rng(8)
    x, noise = rng.standard_normal((1, N)), rng.standard_normal(1)
    g, h = (
        sp.lambdify(U, resolved(name).formula(U), ["scipy", "numpy"]) for name in (activation, teacher or activation)
    )
    lam, rho = (rows @ x[0] / np.sqrt(N) for rows in (network.w, network.B))
    slope = (g(lam + 1e-6) - g(lam - 1e-6)) / 2e-6
    delta = network.v @ g(lam) - network.A @ h(rho) - 0.4 * noise[0]
    w, v = network.w.copy(), network.v.copy()
    steps = sgd_module(activation, teacher).sgd_steps
    assert steps(w, v, network.B, network.A, network.mask, x, noise, 0.9, 0.7, 0.4, 0.0, 0.0) == 1
    moved = -0.9 / np.sqrt(N) * np.outer(network.v * slope * delta, x[0]) * network.mask
    # differences over 2e-6 are good to about 1e-9
    np.testing.assert_allclose(w - network.w, moved, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(v - network.v, -0.7 / N * g(lam) * delta, rtol=1e-12, atol=1e-14)
    assert network.order_parameters().activation == activation


def test_a_student_that_jumps_is_refused():
    with pytest.raises(BadInput, match="sign jumps: no gradient descent can train its first layer"):
        train(replace(make_network(), activation="sign"), TRAINING, [0.0], 1)


def test_a_kink_has_the_mean_slope():
    """g'(0) = ½ for ReLU: of a node without weights the half that the equations take moves."""
    assert sgd_module("relu").student_slope(0.0) == 0.5


@pytest.mark.parametrize("steps", [1, 2, 12])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "training",
    [TRAINING, Training(0.9), Training(0, eta_v=0.7), Training(0.9, sigma=2), Training(0.9, weight_decay=1)],
    ids=repr,
)
def test_kernel_is_the_definition(steps, masked, training):
    network = make_network(masked=masked)
    rng = np.random.default_rng(8)
    X, zeta = rng.standard_normal((steps, N)), rng.standard_normal(steps)
    taken, w, v = run_kernel(network, training, X, zeta)
    w_plain, v_plain = plain_sgd(network, training, X, zeta)
    assert taken == steps
    np.testing.assert_allclose(w, w_plain, **ROUNDING)
    np.testing.assert_allclose(v, v_plain, **ROUNDING)


@pytest.mark.parametrize("masked", [False, True])
def test_train_consumes_two_spawned_streams(masked):
    """Inputs from the first, scaled by √ω_j, noise from the second."""
    network = make_network(masked=masked)
    result = train(network, TRAINING, [0.1, 12 / N], np.random.default_rng(4))
    inputs, noise = np.random.default_rng(4).spawn(2)
    X = inputs.standard_normal((12, N)) * np.sqrt(network.variance)
    zeta = noise.standard_normal(12)
    w, v = plain_sgd(network, TRAINING, X, zeta)
    np.testing.assert_allclose(result.network.w, w, **ROUNDING)
    np.testing.assert_allclose(result.network.v, v, **ROUNDING)
    early = replace(network, **dict(zip("wv", plain_sgd(network, TRAINING, X[:4], zeta[:4]), strict=True)))
    np.testing.assert_allclose(result.states[0].Q, early.order_parameters().Q, **ROUNDING)
    np.testing.assert_array_equal(result.states[1].Q, result.network.order_parameters().Q)


def test_time_zero_measures_the_initial_state():
    network = make_network()
    result = train(network, TRAINING, [0.0], np.random.default_rng(0))
    assert result.alpha.tolist() == [0.0]
    assert (result.states[0].Q_classes == network.order_parameters().Q_classes).all()
    assert (result.network.w == network.w).all()


def test_masked_weights_do_not_move():
    network = make_network()
    pruned = network.mask == 0
    assert pruned.any()
    still = train(network, replace(TRAINING, weight_decay=0), [2.0], np.random.default_rng(1)).network
    assert (still.w[pruned] == network.w[pruned]).all()
    assert (still.w[~pruned] != network.w[~pruned]).all()


def test_masked_weights_feel_decay_only():
    network = make_network()
    pruned = network.mask == 0
    decayed = train(network, TRAINING, [2.0], np.random.default_rng(1)).network
    expected = network.w * (1 - TRAINING.weight_decay / N) ** (2 * N)
    np.testing.assert_allclose(decayed.w[pruned], expected[pruned], rtol=1e-13)  # 74 products of 2 ulp


def test_a_frozen_second_layer_does_not_decay():
    network = make_network()
    frozen = Training(0.9, weight_decay=0.3, second_layer=False)
    made, other = (train(network, x, [2.0], 1).network for x in (frozen, replace(frozen, second_layer=True)))
    assert (made.v == network.v).all()
    assert (np.abs(other.v) < np.abs(network.v)).all()
    assert (made.w != other.w).any()
    with pytest.raises(BadInput, match="the second layer is frozen"):
        Training(0.9, eta_v=0.1, second_layer=False)
    with pytest.raises(BadInput, match="second_layer = 1: expected True or False"):
        Training(0.9, second_layer=1)


def test_second_layer_frozen():
    network = make_network()
    assert (train(network, Training(1.0, sigma=1.0), [2.0], np.random.default_rng(1)).network.v == network.v).all()


def same(one, other):
    return (one.network.w == other.network.w).all() and (one.network.v == other.network.v).all()


def test_seed_decides():
    network = make_network()
    one, again, other = (train(network, TRAINING, [1.0], np.random.default_rng(s)) for s in (1, 1, 2))
    assert same(one, again)
    assert not same(one, other)


def test_second_run_from_one_generator_sees_new_data():
    network, rng = make_network(), np.random.default_rng(1)
    assert not same(train(network, TRAINING, [1.0], rng), train(network, TRAINING, [1.0], rng))


def test_result_depends_neither_on_blocks_nor_on_measurements(monkeypatch):
    network = make_network()
    one = train(network, TRAINING, [3.0], np.random.default_rng(1))
    monkeypatch.setattr(sgd, "BLOCK", 5 * N + 2)
    other = train(network, TRAINING, [0.0, 0.1, 0.777, 3.0], np.random.default_rng(1))
    assert same(one, other)


def test_replicas_do_not_depend_on_workers():
    networks = [make_network(seed, masked=seed % 2 == 0) for seed in range(5)]
    runs = [train_replicas(networks, TRAINING, [1.0, 5.0], np.random.default_rng(1), workers=n) for n in (1, 2, None)]
    for one, two, three in zip(*runs, strict=True):
        assert same(one, two)
        assert same(one, three)
        assert (one.states[0].Q_classes == two.states[0].Q_classes).all()
    alone = train(networks[3], TRAINING, [5.0], np.random.default_rng(1).spawn(5)[3])
    assert same(runs[0][3], alone)


def test_replicas_of_one_network_differ():
    one, other = train_replicas([make_network()] * 2, TRAINING, [1.0], np.random.default_rng(1), workers=1)
    assert not same(one, other)


def test_progress_rises_to_one_in_the_calling_thread(monkeypatch):
    monkeypatch.setattr(work, "POLL", 0.001)
    seen, threads = [], set()

    def progress(fraction):
        seen.append(fraction)
        threads.add(threading.current_thread())

    train_replicas([make_network()] * 3, TRAINING, [400.0], np.random.default_rng(1), workers=2, progress=progress)
    assert seen == sorted(seen)
    assert seen[0] >= 0
    assert seen[-1] == 1
    assert threads == {threading.current_thread()}
    train_replicas([make_network()], TRAINING, [0.0], np.random.default_rng(1), progress=progress)
    assert seen[-1] == 1


def test_interrupt_stops_all_runs():
    """A thousand runs of minutes each, two of them running: none may outlive the interrupt."""

    def progress(fraction):
        raise KeyboardInterrupt

    start, threads = time.monotonic(), threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        train_replicas([make_network()] * 1000, TRAINING, [1e7], np.random.default_rng(1), workers=2, progress=progress)
    # a thread that was told to stop does so at its next step
    while threading.active_count() > threads and time.monotonic() - start < 10:
        time.sleep(0.01)
    assert time.monotonic() - start < 10
    assert threading.active_count() == threads


def test_on_step_counts_and_may_stop():
    seen = []
    train(make_network(), TRAINING, [1.0, 100.0], np.random.default_rng(1), on_step=seen.append)
    assert seen == sorted(set(seen))
    assert (seen[0], seen[-1]) == (N, 100 * N)

    def stop(steps):
        raise InterruptedError(steps)

    with pytest.raises(InterruptedError):
        train(make_network(), TRAINING, [1e7], np.random.default_rng(1), on_step=stop)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["w", "v"])
def test_kernel_stops_before_a_step_that_is_not_finite(name, value):
    network = make_network()
    arrays = {"w": network.w.copy(), "v": network.v.copy()}
    arrays[name].flat[0] = value
    before = {key: array.copy() for key, array in arrays.items()}
    X = np.random.default_rng(2).standard_normal((4, N))
    steps = sgd_steps(*arrays.values(), network.B, network.A, network.mask, X, np.zeros(4), 0.5, 0.5, 0.5, 0.5, 0.5)
    assert steps == 0
    for key in arrays:
        np.testing.assert_array_equal(arrays[key], before[key])


def test_diverged_in_the_kernel():
    """Σ g² η_v/N ≫ 2: every step multiplies v, and Δ overflows; the kernel stops there."""
    with pytest.raises(Diverged, match=r"no longer finite at α = \d.* with η = 0.5, η_v = 1e\+06"):
        train(make_network(), Training(0.5, eta_v=1e6), [100.0], np.random.default_rng(1))


def test_diverged_between_measurements():
    """|1 − κ/N| > 1 blows up w alone: fields and Δ stay finite, the square of a weight does not."""
    network = replace(make_network(), v=np.zeros(K))
    with pytest.raises(Diverged, match=r"α = 1 with η = 0, η_v = 0, κ = 1e\+07: take smaller rates"):
        train(network, Training(0.0, weight_decay=1e7), [1.0], np.random.default_rng(1))


def test_one_diverging_replica_stops_the_others():
    rates = Training(0.5, eta_v=1e6)
    safe = Network(np.zeros((1, N)), [0.0], np.zeros((1, N)), [1.0])  # no field, no error: nothing moves
    start = time.monotonic()
    with pytest.raises(Diverged):
        train_replicas([safe, make_network()], rates, [1e7], np.random.default_rng(1), workers=2)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("name", ["eta", "eta_v", "sigma", "weight_decay"])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "fast", True])
def test_training_refuses(name, value):
    with pytest.raises(BadInput, match=name):
        Training(**({"eta": 1.0} | {name: value}))


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([], "alphas: empty, expected at least one time"),
        ([-1.0, 1.0], "alphas: starts at -1, must be ≥ 0"),
        ([0.0, 2.0, 2.0], "alphas: must increase, but 2 is followed by 2"),
        ([0.0, 2.0, 1.0], "alphas: must increase, but 2 is followed by 1"),
        ([[1.0]], r"alphas: shape \(1, 1\)"),
        ([1.0, np.inf], "alphas: inf at index"),
    ],
)
def test_times_refused(alphas, message):
    with pytest.raises(BadInput, match=message):
        train(make_network(), TRAINING, alphas, np.random.default_rng(1))
    with pytest.raises(BadInput, match=message):
        train_replicas([make_network()], TRAINING, alphas, np.random.default_rng(1))


def test_generator_refused():
    with pytest.raises(BadInput, match=r"rng = -1: expected a seed \(an integer ≥ 0\), or a numpy.random.Generator"):
        train(make_network(), TRAINING, [1.0], -1)
    with pytest.raises(BadInput, match="rng = RandomState"):
        random_network(np.random.RandomState(1), N, K, M)
    seedless = np.random.Generator(np.random.Philox(key=1))
    with pytest.raises(BadInput, match="rng: its bit generator has no seed sequence"):
        train(make_network(), TRAINING, [1.0], seedless)


def test_replicas_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(BadInput, match="networks: empty, expected at least one Network"):
        train_replicas([], TRAINING, [1.0], rng)
    with pytest.raises(BadInput, match="workers = 0: must be at least 1"):
        train_replicas([make_network()], TRAINING, [1.0], rng, workers=0)
