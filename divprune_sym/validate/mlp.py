"""A trained multilayer perceptron as plain arrays: what pruning needs of it, and nothing of who trained it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from divprune_sym.checks import BadInput, real_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def _relu(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(fields, 0.0)


ACTIVATIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "logistic": expit,
    "tanh": np.tanh,
    "relu": _relu,
}


@dataclass(frozen=True)
class MLP:
    """A classifier h ← g(W h + b), layer after layer; the last layer is linear and its largest output wins.

    The arrays are copied, and read-only afterwards.

    Parameters
    ----------
    weights : tuple of (out, in) arrays
        One for each layer, inputs first; a weight of zero is a pruned one.
    biases : tuple of (out,) arrays
    activation : {"logistic", "tanh", "relu"}
        g of every hidden layer.

    Raises
    ------
    BadInput
        No layer, a layer without units, an unknown activation, non-finite entries.
    BadShape
        A layer does not fit its bias or the layer before it.
    """

    weights: tuple[NDArray[np.float64], ...]
    biases: tuple[NDArray[np.float64], ...]
    activation: str

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            msg = f"activation {self.activation!r}: choose from {', '.join(ACTIVATIONS)}"
            raise BadInput(msg)
        if not self.weights or len(self.weights) != len(self.biases):
            msg = f"{len(self.weights)} weights and {len(self.biases)} biases; expected as many, at least one"
            raise BadInput(msg)
        weights, biases = [], []
        fan_in: int | None = None
        for n, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            weights.append(real_array(f"weights of layer {n}", W, (None, fan_in)))
            fan_in = len(weights[-1])
            if weights[-1].size == 0:
                msg = f"weights of layer {n}: shape {weights[-1].shape}; a layer needs at least one unit and one input"
                raise BadInput(msg)
            biases.append(real_array(f"bias of layer {n}", b, (fan_in,)))
        for array in (*weights, *biases):
            array.setflags(write=False)
        object.__setattr__(self, "weights", tuple(weights))
        object.__setattr__(self, "biases", tuple(biases))

    @classmethod
    def from_sklearn(cls, classifier: Any) -> MLP:
        """The network of a fitted `sklearn.neural_network.MLPClassifier` whose classes are 0, 1, … C − 1, C > 2.

        Raises
        ------
        BadInput
            Two classes (scikit-learn then has one output, not two), or labels that are not 0 … C − 1: the
            largest output would not name the class.
        """
        classes = list(classifier.classes_)
        if len(classes) < 3 or classes != list(range(len(classes))):
            msg = f"classes {classes}: expected 0, 1, … C − 1 with C > 2"
            raise BadInput(msg)
        weights = tuple(W.T for W in classifier.coefs_)
        return cls(weights, tuple(classifier.intercepts_), classifier.activation)

    @property
    def hidden_layers(self) -> int:
        """Number of layers before the last one."""
        return len(self.weights) - 1

    @property
    def parameters(self) -> int:
        """Number of biases and of weights that are not zero."""
        return sum(len(b) + int(np.count_nonzero(W)) for W, b in zip(self.weights, self.biases, strict=True))

    def preactivations(self, layer: int, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """W h + b, (n, out), of one layer, for inputs h (n, in) of that layer."""
        fields: NDArray[np.float64] = inputs @ self.weights[layer].T + self.biases[layer]
        return fields

    def activations(self, layer: int, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """g(W h + b), (n, out), of one hidden layer, for inputs h (n, in) of that layer."""
        return ACTIVATIONS[self.activation](self.preactivations(layer, inputs))

    def forward(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs before the softmax, (n, classes), for inputs x (n, in) of the first layer."""
        for layer in range(self.hidden_layers):
            x = self.activations(layer, x)
        return self.preactivations(self.hidden_layers, x)

    def error(self, x: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
        """Fraction of inputs (n, in) whose largest output is not that of their label (n,)."""
        return float(np.mean(self.forward(x).argmax(axis=1) != labels))

    def with_layers(self, layers: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> MLP:
        """A copy with the weights and bias of some layers replaced.

        Raises
        ------
        BadShape
            The new layers do not fit their neighbours.
        """
        old = zip(self.weights, self.biases, strict=True)
        weights, biases = zip(*(layers.get(n, pair) for n, pair in enumerate(old)), strict=True)
        return MLP(weights, biases, self.activation)
