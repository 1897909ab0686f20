"""Training: exact gradients, masks that hold, interruptions that leave no trace."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPRegressor

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.activations import ELEMENTWISE, activation, activation_name
from divprune_sym.networks.derivatives import derivative, evaluated
from divprune_sym.networks.masks import Mask, apply
from divprune_sym.networks.network import DenseNetwork
from divprune_sym.networks.sklearn_models import from_sklearn, to_sklearn
from divprune_sym.networks.training import TrainSetting, gradients, random_start, train
from tests.networks.files import network

NAMES = [activation_name(name, hidden=True) for name in (*ELEMENTWISE, "hard-sigmoid[-0.3,0.4]", "elu[1.7]")]
U = np.array([-300.0, -7.1, -2.3, -0.4, 0.3, 1.9, 5.7, 300.0])
X, Y = load_digits(return_X_y=True)
X = X / 16


@pytest.mark.parametrize("name", NAMES)
def test_formulas_are_the_activations(name):
    """And their derivatives are central differences, away from kinks: error h²/6 |g'''| + ε|g|/h, below 1e-8."""
    np.testing.assert_allclose(evaluated(name, 0)(U), activation(name)(U), rtol=1e-13, atol=1e-13)
    h = 1e-5
    differences = (activation(name)(U + h) - activation(name)(U - h)) / (2 * h)
    np.testing.assert_allclose(derivative(name)(U), differences, atol=5e-8, rtol=0)


def loss(net, x, targets):
    out = net.forward(x)
    if net.activations[-1] == "softmax":
        return -np.mean(np.sum(targets * np.log(out), axis=1))
    if net.activations[-1] == "log-softmax":
        return -np.mean(np.sum(targets * out, axis=1))
    if net.activations[-1] == "sigmoid":
        return -np.mean(np.sum(targets * np.log(out) + (1 - targets) * np.log(1 - out), axis=1))
    return 0.5 * np.mean(np.sum((out - targets) ** 2, axis=1))


@pytest.mark.parametrize("last", ["softmax", "log-softmax", "sigmoid", "identity", "tanh"])
def test_gradients_are_those_of_the_loss(last):
    net = network((4, 5, 3, 3), ("gelu", "sigmoid", last))
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(7, 4)), np.eye(3)[rng.integers(0, 3, 7)]
    found = gradients([*net.weights, *net.biases], net.activations, x, targets)
    h = 1e-6
    for n in range(3):
        for at in np.ndindex(net.weights[n].shape):
            moved = []
            for sign in (1, -1):
                W = net.weights[n].copy()
                W[at] += sign * h
                moved.append(loss(net.with_layers({n: (W, net.biases[n])}), x, targets))
            assert found[n][at] == pytest.approx((moved[0] - moved[1]) / (2 * h), abs=1e-8)
    b = net.biases[0].copy()
    b[1] += h
    slope = (loss(net.with_layers({0: (net.weights[0], b)}), x, targets) - loss(net, x, targets)) / h
    assert found[3][1] == pytest.approx(slope, abs=1e-5)


@pytest.fixture(scope="module")
def start():
    return random_start((64, 20, 10), ("sigmoid", "softmax"), np.random.default_rng(0))


def test_training_learns_and_can_be_interrupted(start, tmp_path):
    whole = train(start, X[:900], Y[:900], TrainSetting(6, 1e-2, 32))
    assert whole.error(X[900:], Y[900:]) < 0.2 < start.error(X[900:], Y[900:])
    path = tmp_path / "c.npz"
    train(start, X[:900], Y[:900], TrainSetting(2, 1e-2, 32), checkpoint=path)
    resumed = train(start, X[:900], Y[:900], TrainSetting(6, 1e-2, 32), checkpoint=path)
    for a, b in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(BadInput, match="not a checkpoint of this training"):
        train(start, X[:900], Y[:900], TrainSetting(6, 1e-3, 32), checkpoint=path)
    with pytest.raises(BadInput, match=r"epoch: 6, must lie in \[1, 2\]"):
        train(start, X[:900], Y[:900], TrainSetting(2, 1e-2, 32), checkpoint=path)


@pytest.mark.parametrize("meaning", ["removed", "silenced"])
def test_what_is_pruned_stays_pruned(start, meaning):
    rng = np.random.default_rng(1)
    for mask in (
        Mask("node", {0: rng.random(20) < 0.5}, pruned_node=meaning),
        Mask("edge", {0: rng.random((20, 64)) < 0.3}, pruned_node=meaning),
    ):
        pruned = apply(mask, start)
        tuned = train(pruned, X[:900], Y[:900], TrainSetting(3, 5e-3), mask)
        again = apply(mask, tuned)
        for a, b in zip((*again.weights, *again.biases), (*tuned.weights, *tuned.biases), strict=True):
            np.testing.assert_array_equal(a, b)
        assert tuned.error(X[900:], Y[900:]) < pruned.error(X[900:], Y[900:])


def test_regression_and_one_output():
    y = X[:, :3].sum(axis=1)
    net = random_start((64, 8, 1), ("tanh", "identity"), np.random.default_rng(0))
    assert np.mean((train(net, X, y, TrainSetting(5, 1e-2)).forward(X)[:, 0] - y) ** 2) < 0.2 * y.var()
    two = random_start((64, 8, 1), ("tanh", "sigmoid"), np.random.default_rng(0))
    assert train(two, X, Y % 2, TrainSetting(5, 1e-2)).error(X, Y % 2) < 0.2


def test_a_rate_that_is_too_large(start):
    with (
        pytest.raises(BadInput, match=r"rate = 1e\+38: training left the finite numbers in epoch"),
        np.errstate(all="ignore"),
    ):
        train(start, X[:100], Y[:100], TrainSetting(2, 1e38))
    with pytest.raises(BadInput, match="precision"):
        TrainSetting(precision="float16")


@pytest.mark.parametrize("outputs", [1, 10])
def test_sklearn_can_train_on(outputs):
    """A network as a classifier or regressor of scikit-learn, trained further there."""
    last = {1: "sigmoid", 10: "softmax"}[outputs]
    net = random_start((64, 12, outputs), ("tanh", last), np.random.default_rng(0))
    labels = Y % 2 if outputs == 1 else Y
    model = to_sklearn(net)
    for _ in range(20):
        model.partial_fit(X, labels)
    assert from_sklearn(model).error(X, labels) < 0.5 * net.error(X, labels)
    regressor = to_sklearn(random_start((64, 12, 1), ("tanh", "identity"), np.random.default_rng(0)))
    assert isinstance(regressor, MLPRegressor)
    before = regressor.score(X, X.sum(axis=1))
    for _ in range(8):
        regressor.partial_fit(X, X.sum(axis=1))
    assert regressor.score(X, X.sum(axis=1)) > before
    assert isinstance(from_sklearn(regressor), DenseNetwork)
