"""The network as plain arrays: the same predictions as the classifier it came from, and what it refuses."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from divprune_sym.checks import BadInput, BadShape
from divprune_sym.validate.mlp import ACTIVATIONS, MLP

X, Y = load_digits(return_X_y=True)
X = X / 16


def fitted(x, y, **settings):
    """A few epochs only; `partial_fit` does not warn that it has not converged."""
    classifier = MLPClassifier((7, 5), random_state=0, **settings)
    for _ in range(3):
        classifier.partial_fit(x, y, classes=np.unique(y))
    return classifier


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_from_sklearn_predicts_the_same(activation):
    classifier = fitted(X[:400], Y[:400], activation=activation)
    mlp = MLP.from_sklearn(classifier)
    outputs = mlp.forward(X)
    assert (outputs.argmax(axis=1) == classifier.predict(X)).all()
    odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), classifier.predict_proba(X), atol=1e-12)
    assert mlp.error(X, Y) == pytest.approx(1 - classifier.score(X, Y), abs=1e-12)


def test_forward_by_hand():
    mlp = MLP((np.array([[1.0, -2.0]]), np.array([[3.0], [-1.0]])), (np.array([0.5]), np.array([0.0, 1.0])), "relu")
    x = np.array([[2.0, 0.5], [0.0, 1.0]])
    # hidden: 2 − 1 + 0.5 = 1.5, and −1.5, which relu cuts
    np.testing.assert_array_equal(mlp.forward(x), [[4.5, -0.5], [0.0, 1.0]])
    assert mlp.error(x, np.array([0, 0])) == 0.5


def test_pruned_weights_are_not_parameters():
    mlp = MLP((np.array([[1.0, 0.0], [0.0, 0.0]]), np.ones((3, 2))), (np.zeros(2), np.zeros(3)), "tanh")
    assert mlp.parameters == 1 + 2 + 6 + 3


def test_arrays_are_copied_and_read_only():
    weights = np.ones((2, 2))
    mlp = MLP((weights,), (np.zeros(2),), "tanh")
    weights[0, 0] = 9.0
    assert mlp.weights[0][0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        mlp.weights[0][0, 0] = 2.0


@pytest.mark.parametrize(
    ("weights", "biases", "activation", "error", "message"),
    [
        ([np.ones((2, 2))], [np.ones(2)], "softmax", BadInput, "'softmax': choose from logistic, tanh, relu"),
        ([], [], "tanh", BadInput, "0 weights and 0 biases"),
        ([np.ones((2, 2))], [], "tanh", BadInput, "1 weights and 0 biases"),
        ([np.ones((0, 2))], [np.ones(0)], "tanh", BadInput, r"layer 0: shape \(0, 2\); a layer needs"),
        ([np.ones((2, 2)), np.ones((1, 3))], [np.ones(2), np.ones(1)], "tanh", BadShape, "weights of layer 1"),
        ([np.ones((2, 2))], [np.ones(3)], "tanh", BadShape, "bias of layer 0"),
        ([np.full((2, 2), np.nan)], [np.ones(2)], "tanh", BadInput, "must be finite"),
    ],
)
def test_refusals(weights, biases, activation, error, message):
    with pytest.raises(error, match=message):
        MLP(tuple(weights), tuple(biases), activation)


def test_replaced_layers_must_fit():
    mlp = MLP((np.ones((3, 2)), np.ones((4, 3))), (np.zeros(3), np.zeros(4)), "tanh")
    with pytest.raises(BadShape, match="weights of layer 1"):
        mlp.with_layers({0: (np.ones((2, 2)), np.zeros(2))})


@pytest.mark.parametrize("labels", [Y % 2, Y + 1], ids=["two classes", "labels from 1"])
def test_labels_the_largest_output_would_not_name(labels):
    with pytest.raises(BadInput, match="expected 0, 1, … C − 1 with C > 2"):
        MLP.from_sklearn(fitted(X[:200], labels[:200]))
