"""The network as plain arrays: the same predictions as the classifier it came from, and what it refuses."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.networks.data import DataSet
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
    np.testing.assert_allclose(mlp.forward(X), classifier.predict_proba(X), atol=1e-12, rtol=0)
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
        ([np.ones((2, 2))], [np.ones(2)], ["gule"], BadInput, "'gule' of the output layer: choose from sigmoid, tanh"),
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


def test_labels_of_ones_own():
    names = np.array(list("zyxwvutsrq"))[Y]
    model = fitted(X[:200], names[:200])
    network = from_sklearn(model)
    assert network.classes == tuple("qrstuvwxyz")
    assert (np.array(network.classes)[network.classified(X)] == model.predict(X)).all()
    assert (to_sklearn(network).predict(X) == model.predict(X)).all()
    data = DataSet(X[:200], names[:200], X[200:], names[200:]).fitted_to(network)
    assert network.error(X[200:], data.y_test) == np.mean(model.predict(X[200:]) != names[200:])
    with pytest.raises(BadInput, match="label 'a'; the network's classes are q, r, s"):
        DataSet(X[:2], np.array(["q", "a"]), X[:2], np.array(["q", "q"])).fitted_to(network)
    with pytest.raises(BadInput, match=r"labels are names \(.*\), the network's outputs have none"):
        DataSet(X, names, X, names).fitted_to(from_sklearn(fitted(X[:200], Y[:200])))
    with pytest.raises(BadInput, match="no coefs_; expected a fitted"):
        from_sklearn(MLPClassifier())
    with pytest.raises(BadInput, match="3 classes"):
        replace(network, classes=("a", "b", "c"))


@pytest.mark.parametrize(
    "scalers",
    [
        [StandardScaler()],
        [MinMaxScaler((-1, 1)), StandardScaler(with_std=False)],
        [RobustScaler(), "passthrough", MaxAbsScaler()],
    ],
)
def test_pipelines(scalers):
    """Dead pixels and all: what the pipeline says of unscaled inputs, the network says."""
    pipeline = make_pipeline(*scalers, MLPClassifier((7,), max_iter=3, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(X[:300] * 16, Y[:300])
    network = from_sklearn(pipeline)
    np.testing.assert_allclose(network.forward(X * 16), pipeline.predict_proba(X * 16), atol=1e-12, rtol=0)


def test_steps_that_are_no_scalers():
    with pytest.raises(BadInput, match="step PCA is no fitted Standard"):
        from_sklearn(make_pipeline(PCA(3).fit(X), fitted(X[:200], Y[:200])))
    with pytest.raises(BadInput, match="step StandardScaler is no fitted"):
        from_sklearn(make_pipeline(StandardScaler(), fitted(X[:200], Y[:200])))


@pytest.mark.parametrize(
    ("targets", "error", "words"),
    [
        (np.ones((len(X), 10)), BadInput, "expected whole numbers"),
        (np.full(len(X), 0.5), BadInput, "targets of a regression"),
        (Y[:, None], BadShape, r"labels\.ravel\(\) may be meant"),
        (Y[:-1], BadShape, "one for each input"),
    ],
)
def test_targets_of_the_wrong_kind(targets, error, words):
    with pytest.raises(error, match=words):
        from_sklearn(fitted(X[:200], Y[:200])).error(X, targets)


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
    np.testing.assert_allclose(network.forward(X)[:, 0], model.predict(X), atol=1e-12, rtol=0)
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


def test_what_nobody_may_write_to_is_shared():
    """Arrays that can be written to, or that are views of such, are copied."""
    W = np.ones((3, 2))
    free = DenseNetwork((W,), (np.zeros(3),), ("identity",))
    W[0, 0] = 5.0
    assert free.weights[0][0, 0] == 1.0
    view = W[:]
    view.setflags(write=False)
    seen = DenseNetwork((view,), (np.zeros(3),), ("identity",))
    W[0, 0] = 7.0
    assert seen.weights[0][0, 0] == 5.0
    again = free.with_layers({})
    assert again.weights[0] is free.weights[0]
    with pytest.raises(ValueError, match="read-only"):
        again.weights[0][0, 0] = 2.0
    bad = np.full((3, 2), np.nan)
    bad.setflags(write=False)
    with pytest.raises(BadInput, match="every entry must be finite"):
        DenseNetwork((bad,), (np.zeros(3),), ("identity",))
