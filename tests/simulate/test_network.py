"""Networks at finite N: what they refuse, and what is measured on them."""

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.simulate import Network, random_network

K, M, N = 3, 2, 60
EPS = np.finfo(float).eps


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def pruned(rng):
    """Masked at random, with two input variances; the masked weights are not zero."""
    whole = random_network(rng, N, K, M)
    mask = rng.integers(0, 2, (K, N)).astype(float)
    return Network(whole.w, whole.v, whole.B, whole.A, mask, rng.choice([0.5, 2.0], N))


def test_unpruned_is_one_class(rng):
    network = random_network(rng, N, K, M, teacher_v=4.0)
    state = network.order_parameters()
    assert (network.N, network.K, network.M) == (N, K, M)
    assert state.mask.tolist() == [[1.0] * K]
    assert (state.fraction.tolist(), state.variance.tolist()) == ([1.0], [1.0])
    np.testing.assert_allclose(state.Q, network.w @ network.w.T / N, atol=N * EPS, rtol=0)
    np.testing.assert_allclose(state.R, network.w @ network.B.T / N, atol=N * EPS, rtol=0)
    np.testing.assert_allclose(state.T, network.B @ network.B.T / N, atol=N * EPS, rtol=0)
    assert state.A.tolist() == [4.0] * M
    assert (state.v == network.v).all()


def test_random_network_is_standard_normal(rng):
    network = random_network(rng, 5000, 4, 4)
    weights = np.concatenate([network.w.ravel(), network.B.ravel()])
    n = weights.size
    assert abs(weights.mean()) < 4 / np.sqrt(n)
    assert abs(weights.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(np.vdot(network.w, network.B)) < 4 * np.sqrt(n / 2)


def test_classes_add_up(pruned):
    state = pruned.order_parameters()
    weights = np.vstack([pruned.w, pruned.B])
    total = weights @ weights.T / N
    np.testing.assert_allclose(state.overlaps.sum(axis=0), total, atol=N * EPS, rtol=0)
    assert state.fraction.sum() == pytest.approx(1, abs=N * EPS)
    np.testing.assert_allclose(state.covariance, weights * pruned.variance @ weights.T / N, atol=4 * N * EPS, rtol=0)


def test_classes_are_the_patterns_present(pruned):
    state = pruned.order_parameters()
    labels = np.column_stack([state.mask, state.variance])
    assert len(np.unique(labels, axis=0)) == len(labels) <= 2 ** (K + 1)
    for c, label in enumerate(labels):
        inputs = [j for j in range(N) if (*pruned.mask[:, j], pruned.variance[j]) == tuple(label)]
        assert state.fraction[c] == len(inputs) / N > 0
        w, B = pruned.w[:, inputs], pruned.B[:, inputs]
        np.testing.assert_allclose(state.Q_classes[c], w @ w.T / N, atol=N * EPS, rtol=0)
        np.testing.assert_allclose(state.R_classes[c], w @ B.T / N, atol=N * EPS, rtol=0)
        np.testing.assert_allclose(state.T_classes[c], B @ B.T / N, atol=N * EPS, rtol=0)


def test_a_student_that_has_learned_its_teacher_can_be_measured():
    """[[Q, R], [Rᵀ, T]] is singular up to w − B: plain products U Uᵀ fail the semi-definite check here."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        B = rng.standard_normal((1, 250))
        w = B + 10.0 ** rng.uniform(-17, -6) * rng.standard_normal(B.shape)
        Network(w, [1.0], B, [1.0]).order_parameters()


def test_arrays_are_copied_and_read_only(rng):
    w = rng.standard_normal((K, N))
    network = Network(w, np.ones(K), np.ones((M, N)), np.ones(M))
    w[:] = 0
    assert network.w.any()
    with pytest.raises(ValueError, match="read-only"):
        network.w[0, 0] = 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"w": np.ones(N)}, BadShape, r"w: shape \(60,\), expected \(any, any\)"),
        ({"v": np.ones(K + 1)}, BadShape, r"v: shape \(4,\), expected \(3\)"),
        ({"B": np.ones((M, N - 1))}, BadShape, r"B: shape \(2, 59\), expected \(any, 60\)"),
        ({"A": np.ones(1)}, BadShape, r"A: shape \(1,\), expected \(2\)"),
        ({"w": np.ones((0, N)), "v": np.ones(0)}, BadInput, r"w: shape \(0, 60\).*at least one node"),
        ({"w": np.full((K, N), np.nan)}, BadInput, "w: nan at index"),
        ({"mask": np.ones((N, K))}, BadShape, r"mask: shape \(60, 3\), expected \(3, 60\)"),
        ({"mask": np.full((K, N), 0.5)}, BadInput, "mask: entries must be 0 or 1, got 0.5"),
        ({"variance": np.ones(K)}, BadShape, r"variance: shape \(3,\), expected \(60\)"),
        ({"variance": np.full(N, -0.1)}, BadInput, "variance: must be ≥ 0, got -0.1"),
    ],
)
def test_refused(change, error, message):
    good = {"w": np.ones((K, N)), "v": np.ones(K), "B": np.ones((M, N)), "A": np.ones(M)}
    with pytest.raises(error, match=message):
        Network(**(good | change))


@pytest.mark.parametrize(
    ("sizes", "teacher_v", "message"),
    [
        ((0, 1, 1), 1.0, "N = 0"),
        ((1, 0, 1), 1.0, "K = 0"),
        ((1, 1, 0), 1.0, "M = 0"),
        ((1, 1, 1), np.inf, "v = inf"),
    ],
)
def test_random_network_refuses(rng, sizes, teacher_v, message):
    with pytest.raises(BadInput, match=message):
        random_network(rng, *sizes, teacher_v=teacher_v)
