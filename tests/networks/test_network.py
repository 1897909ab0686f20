"""The network as plain arrays: the same predictions as the classifier it came from, and what it refuses."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier, MLPRegressor

from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.networks.network import DenseNetwork
from divprune_sym.networks.sklearn_models import from_sklearn, to_sklearn

X, Y = load_digits(return_X_y=True)
X = X / 16


def fitted(x, y, **settings):
    """A few epochs only; `partial_fit` does not warn that it has not converged."""
    classifier = MLPClassifier((7, 5), random_state=0, **settings)
    for _ in range(3):
        classifier.partial_fit(x, y, classes=np.unique(y))
    return classifier


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
def test_from_sklearn_predicts_the_same(activation):
    classifier = fitted(X[:400], Y[:400], activation=activation)
    mlp = from_sklearn(classifier)
    assert (mlp.classified(X) == classifier.predict(X)).all()
    np.testing.assert_allclose(mlp.forward(X), classifier.predict_proba(X), atol=1e-12)
    assert mlp.error(X, Y) == pytest.approx(1 - classifier.score(X, Y), abs=1e-12)


def test_forward_by_hand():
    mlp = DenseNetwork(
        (np.array([[1.0, -2.0]]), np.array([[3.0], [-1.0]])),
        (np.array([0.5]), np.array([0.0, 1.0])),
        ("relu", "identity"),
    )
    x = np.array([[2.0, 0.5], [0.0, 1.0]])
    # hidden: 2 − 1 + 0.5 = 1.5, and −1.5, which relu cuts
    np.testing.assert_array_equal(mlp.forward(x), [[4.5, -0.5], [0.0, 1.0]])
    assert mlp.error(x, np.array([0, 0])) == 0.5


def test_pruned_weights_are_not_parameters():
    mlp = DenseNetwork(
        (np.array([[1.0, 0.0], [0.0, 0.0]]), np.ones((3, 2))), (np.zeros(2), np.zeros(3)), ("tanh", "identity")
    )
    assert mlp.parameters == 1 + 2 + 6 + 3


def test_arrays_are_copied_and_read_only():
    weights = np.ones((2, 2))
    mlp = DenseNetwork((weights,), (np.zeros(2),), ("tanh",))
    weights[0, 0] = 9.0
    assert mlp.weights[0][0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        mlp.weights[0][0, 0] = 2.0


@pytest.mark.parametrize(
    ("weights", "biases", "activation", "error", "message"),
    [
        (
            [np.ones((2, 2))] * 2,
            [np.ones(2)] * 2,
            ["softmax"] * 2,
            BadInput,
            "'softmax' of a hidden layer: choose from",
        ),
        ([np.ones((2, 2))], [np.ones(2)], ["gelu"], BadInput, "'gelu' of the output layer: choose from sigmoid, tanh"),
        ([], [], [], BadInput, "0 weights, 0 biases, 0 activations"),
        ([np.ones((2, 2))], [], ["tanh"], BadInput, "1 weights, 0 biases, 1 activations"),
        ([np.ones((0, 2))], [np.ones(0)], ["tanh"], BadInput, r"layer 0: shape \(0, 2\); a layer needs"),
        ([np.ones((2, 2)), np.ones((1, 3))], [np.ones(2), np.ones(1)], ["tanh"] * 2, BadShape, "weights of layer 1"),
        ([np.ones((2, 2))], [np.ones(3)], ["tanh"], BadShape, "bias of layer 0"),
        ([np.full((2, 2), np.nan)], [np.ones(2)], ["tanh"], BadInput, "must be finite"),
    ],
)
def test_refusals(weights, biases, activation, error, message):
    with pytest.raises(error, match=message):
        DenseNetwork(tuple(weights), tuple(biases), tuple(activation))


def test_replaced_layers_must_fit():
    mlp = DenseNetwork((np.ones((3, 2)), np.ones((4, 3))), (np.zeros(3), np.zeros(4)), ("tanh", "tanh"))
    with pytest.raises(BadShape, match="weights of layer 1"):
        mlp.with_layers({0: (np.ones((2, 2)), np.zeros(2))})


def test_labels_the_outputs_would_not_name():
    with pytest.raises(BadInput, match="expected 0, 1, … C − 1"):
        from_sklearn(fitted(X[:200], Y[:200] + 1))
    with pytest.raises(BadInput, match="no coefs_; expected a fitted"):
        from_sklearn(MLPClassifier())


def test_two_classes_have_one_output():
    classifier = fitted(X[:200], Y[:200] % 2)
    network = from_sklearn(classifier)
    assert network.activations == ("relu", "relu", "sigmoid")
    assert (network.classified(X) == classifier.predict(X)).all()


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
@pytest.mark.parametrize("classes", [2, 10])
def test_to_a_classifier_and_back(activation, classes):
    network = from_sklearn(fitted(X[:200], Y[:200] % classes, activation=activation))
    model = to_sklearn(network)
    assert (model.predict(X) == network.classified(X)).all()
    again = from_sklearn(model)
    assert again.activations == network.activations
    np.testing.assert_array_equal(again.forward(X), network.forward(X))


def test_to_a_regressor_and_back():
    model = MLPRegressor(hidden_layer_sizes=(5,), activation="tanh", random_state=0).partial_fit(
        X[:100], np.sin(X[:100, 20])
    )
    network = from_sklearn(model)
    np.testing.assert_allclose(network.forward(X)[:, 0], model.predict(X), atol=1e-12)
    np.testing.assert_array_equal(to_sklearn(network).predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        (("erf", "identity"), "activations erf: scikit-learn has one of"),
        (("tanh", "relu"), "activation relu of the output layer"),
        (("tanh", "sigmoid"), "2 sigmoid outputs"),
    ],
)
def test_what_scikit_learn_cannot_be(activations, message):
    network = DenseNetwork((np.ones((3, 2)), np.ones((2, 3))), (np.zeros(3), np.zeros(2)), activations)
    with pytest.raises(BadInput, match=message):
        to_sklearn(network)
