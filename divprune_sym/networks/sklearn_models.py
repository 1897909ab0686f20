"""scikit-learn's MLPClassifier and MLPRegressor, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.network import DenseNetwork

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

_THEIRS = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity", "softmax": "softmax"}


def from_sklearn(model: Any) -> DenseNetwork:
    """The network of a fitted `MLPClassifier` or `MLPRegressor`.

    Raises
    ------
    BadInput
        The model is not fitted, is neither, or its classes are not 0, 1, … C − 1: an output would not name a class.
    """
    missing = [name for name in ("coefs_", "intercepts_", "out_activation_") if not hasattr(model, name)]
    if missing:
        msg = f"{type(model).__name__}: no {missing[0]}; expected a fitted MLPClassifier or MLPRegressor"
        raise BadInput(msg)
    classes = getattr(model, "classes_", None)
    if classes is not None:
        # numbers only: scikit-learn's own labels may be strings
        found = list(classes)
        if found != list(range(len(found))):
            msg = f"classes {found[:6]}: expected 0, 1, … C − 1"
            raise BadInput(msg)
    hidden = (model.activation,) * (len(model.coefs_) - 1)
    weights = tuple(np.asarray(W).T for W in model.coefs_)
    return DenseNetwork(weights, tuple(model.intercepts_), (*hidden, model.out_activation_))


def to_sklearn(network: DenseNetwork) -> MLPClassifier | MLPRegressor:
    """A fitted model that predicts as the network does: a classifier if the last layer is softmax or sigmoid.

    Raises
    ------
    BadInput
        Hidden layers of different activations, or one that scikit-learn lacks; no hidden layer.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import LabelBinarizer

    hidden, last = network.activations[:-1], network.activations[-1]
    if not hidden or len(set(hidden)) != 1 or hidden[0] not in _THEIRS:
        msg = (
            f"activations {', '.join(hidden) or 'none'}: scikit-learn has one of sigmoid, tanh, relu, identity for all"
        )
        raise BadInput(msg)
    outputs = network.widths[-1]
    classifies = last in ("softmax", "sigmoid")
    if not classifies and last != "identity":
        msg = f"activation {last} of the output layer: scikit-learn has softmax, sigmoid and identity"
        raise BadInput(msg)
    if last == "sigmoid" and outputs != 1:
        msg = f"{outputs} sigmoid outputs: scikit-learn takes them for labels that exclude nothing; use softmax"
        raise BadInput(msg)
    kind = MLPClassifier if classifies else MLPRegressor
    model = kind(hidden_layer_sizes=network.widths[1:-1], activation=_THEIRS[hidden[0]])
    model.coefs_ = [W.T.copy() for W in network.weights]
    model.intercepts_ = [b.copy() for b in network.biases]
    model.n_layers_, model.n_outputs_ = len(network.weights) + 1, outputs
    model.out_activation_ = _THEIRS[last]
    model.n_features_in_, model.t_, model.n_iter_ = network.widths[0], 0, 0
    if classifies:
        model._label_binarizer = LabelBinarizer().fit(np.arange(max(outputs, 2)))
        model.classes_ = model._label_binarizer.classes_
    return model
