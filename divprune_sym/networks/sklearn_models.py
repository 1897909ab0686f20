"""scikit-learn's MLPClassifier and MLPRegressor, both ways; pipelines that scale their inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, instance
from divprune_sym.networks.network import DenseNetwork

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

_THEIRS = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity", "softmax": "softmax"}


def from_sklearn(model: Any) -> DenseNetwork:
    """The network of a fitted `MLPClassifier` or `MLPRegressor`, or of a `Pipeline` of scalers and one of them.

    Scalers (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler) go into the first layer; labels become the
    network's `classes`.

    Raises
    ------
    BadInput
        The model is not fitted, is none of these, or has another step.
    """
    if hasattr(model, "steps"):
        return _piped([step for _, step in model.steps if step not in (None, "passthrough")])
    missing = [name for name in ("coefs_", "intercepts_", "out_activation_") if not hasattr(model, name)]
    if missing:
        msg = f"{type(model).__name__}: no {missing[0]}; expected a fitted MLPClassifier or MLPRegressor"
        raise BadInput(msg)
    classes = tuple(map(str, getattr(model, "classes_", ())))
    if isinstance(getattr(model, "classes_", None), list) or (classes and len(classes) != max(model.n_outputs_, 2)):
        msg = f"{type(model).__name__}: was trained on several labels for each input; expected one"
        raise BadInput(msg)
    hidden = (model.activation,) * (len(model.coefs_) - 1)
    weights = tuple(np.asarray(W).T for W in model.coefs_)
    return DenseNetwork(weights, tuple(model.intercepts_), (*hidden, model.out_activation_), classes)


def _piped(steps: list[Any]) -> DenseNetwork:
    """Scalers and a network: x ↦ s ∘ x + t goes into the first layer."""
    if not steps:
        msg = "Pipeline: has no step; expected scalers and an MLP"
        raise BadInput(msg)
    network = from_sklearn(steps[-1])
    for step in reversed(steps[:-1]):
        s, t = _affine(step)
        W, b = network.weights[0], network.biases[0]
        network = network.with_layers({0: (W * s, b + W @ np.broadcast_to(t, W.shape[1]))})
    return network


def _affine(step: Any) -> tuple[Any, Any]:
    """(s, t) of a fitted scaler x ↦ s ∘ x + t."""
    name = type(step).__name__
    if name == "StandardScaler" and hasattr(step, "n_features_in_"):
        s = 1.0 / step.scale_ if step.scale_ is not None else 1.0
        return s, -s * step.mean_ if step.mean_ is not None else 0.0
    if name == "MinMaxScaler" and hasattr(step, "scale_") and not step.clip:
        return step.scale_, step.min_
    if name == "MaxAbsScaler" and hasattr(step, "scale_") and not getattr(step, "clip", False):
        return 1.0 / step.scale_, 0.0
    if name == "RobustScaler" and hasattr(step, "n_features_in_"):
        s = 1.0 / step.scale_ if step.scale_ is not None else 1.0
        return s, -s * step.center_ if step.center_ is not None else 0.0
    msg = f"Pipeline: step {name} is no fitted Standard, MinMax, MaxAbs or RobustScaler; apply it to the data instead"
    raise BadInput(msg)


def to_sklearn(network: DenseNetwork) -> MLPClassifier | MLPRegressor:
    """A fitted model that predicts as the network does: a classifier if the last layer is softmax or sigmoid.

    Raises
    ------
    BadInput
        Hidden layers of different activations, or one that scikit-learn lacks; no hidden layer.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import LabelBinarizer

    instance("network", network, DenseNetwork)
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
    # what partial_fit goes on from
    model.loss_curve_, model.best_loss_, model._no_improvement_count = [], np.inf, 0
    if classifies:
        names = np.array(network.classes) if network.classes else np.arange(max(outputs, 2))
        if (np.sort(names) != names).any():
            msg = f"classes {', '.join(network.classes)[:80]}: scikit-learn has them sorted"
            raise BadInput(msg)
        model._label_binarizer = LabelBinarizer().fit(names)
        model.classes_ = model._label_binarizer.classes_
    return model
