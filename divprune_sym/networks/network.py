"""A trained network of dense layers as plain arrays: what pruning needs of it, and nothing of who trained it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput, BadShape, real_array
from divprune_sym.ground.values import ByValue
from divprune_sym.networks.activations import activation, activation_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    LayerArrays = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class DenseNetwork(ByValue):
    """Layers h ← g(W h + b), one after the other. The arrays are read-only copies; read-only ones are shared.

    Parameters
    ----------
    weights : tuple of (out, in) arrays
        One for each layer, inputs first; a weight of zero is a pruned one.
    biases : tuple of (out,) arrays
    activations : tuple of str
        g of every layer: sigmoid, tanh, relu, erf (the theory's erf(u/√2)), gelu, gelu-tanh, silu, leaky-relu[SLOPE],
        elu[LOWEST], hard-sigmoid[SLOPE,MIDDLE] or identity; softmax or log-softmax for the last.
    classes : tuple of str
        Names of the classes that the outputs stand for; empty: 0, 1, …

    Raises
    ------
    BadInput
        No layer, a layer without units, an unknown activation, entries that are not finite.
    BadShape
        A layer does not fit its bias or the layer before it.
    """

    weights: tuple[NDArray[np.float64], ...]
    biases: tuple[NDArray[np.float64], ...]
    activations: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = len(self.weights), len(self.biases), len(self.activations)
        if counts[0] == 0 or len(set(counts)) > 1:
            msg = f"{counts[0]} weights, {counts[1]} biases, {counts[2]} activations; expected as many, at least one"
            raise BadInput(msg)
        weights, biases = [], []
        fan_in: int | None = None
        for n, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            weights.append(real_array(f"weights of layer {n}", W, (None, fan_in), share=True))
            fan_in = len(weights[-1])
            if weights[-1].size == 0:
                msg = f"weights of layer {n}: shape {weights[-1].shape}; a layer needs at least one unit and one input"
                raise BadInput(msg)
            biases.append(real_array(f"bias of layer {n}", b, (fan_in,), share=True))
        for array in (*weights, *biases):
            array.setflags(write=False)
        last = len(weights) - 1
        names = tuple(activation_name(name, hidden=n < last) for n, name in enumerate(self.activations))
        object.__setattr__(self, "weights", tuple(weights))
        object.__setattr__(self, "biases", tuple(biases))
        object.__setattr__(self, "activations", names)
        object.__setattr__(self, "classes", self._checked_classes())

    def _checked_classes(self) -> tuple[str, ...]:
        classes = tuple(map(str, self.classes))
        wanted = max(self.widths[-1], 2)
        if classes == tuple(map(str, range(wanted))):
            return ()
        if classes and (len(set(classes)) != len(classes) or len(classes) != wanted):
            msg = f"{len(classes)} classes ({', '.join(classes)[:80]}) for {self.widths[-1]} outputs; expected {wanted}"
            raise BadInput(msg)
        return classes

    def __repr__(self) -> str:
        return f"DenseNetwork({'-'.join(map(str, self.widths))}, {', '.join(self.activations)})"

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of inputs, then of units of every layer."""
        return (self.weights[0].shape[1], *(len(b) for b in self.biases))

    @property
    def hidden_layers(self) -> int:
        """Number of layers before the last one."""
        return len(self.weights) - 1

    @property
    def parameters(self) -> int:
        """Number of biases and of weights that are not zero."""
        return sum(map(len, self.biases)) + self.multiply_adds

    @property
    def multiply_adds(self) -> int:
        """Multiplications by a weight that is not zero, for one input."""
        return sum(int(np.count_nonzero(W)) for W in self.weights)

    @property
    def dense_multiply_adds(self) -> int:
        """The same for code that multiplies by zeros too, as dense matrix products do."""
        return sum(W.size for W in self.weights)

    def preactivations(self, layer: int, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """W h + b, (n, out), of one layer, for inputs h (n, in) of that layer."""
        fields: NDArray[np.float64] = inputs @ self.weights[layer].T + self.biases[layer]
        return fields

    def outputs(self, layer: int, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """g(W h + b), (n, out), of one layer, for inputs h (n, in) of that layer."""
        return activation(self.activations[layer])(self.preactivations(layer, inputs))

    def inputs_of(self, layer: int, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """What one layer receives, (n, in), when the network is given x (n, inputs)."""
        for before in range(layer):
            x = self.outputs(before, x)
        return x

    def forward(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network puts out, (n, out), for inputs x (n, in)."""
        return self.inputs_of(len(self.weights), x)

    def classified(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """The class of each input (n,): that of the largest output; for one output, whether it is above its middle."""
        out = self.forward(x)
        if out.shape[1] > 1:
            return np.asarray(out.argmax(axis=1))
        middle = 0.5 if self.activations[-1] == "sigmoid" else 0.0
        return np.asarray(out[:, 0] > middle, dtype=np.int64)

    def error(self, x: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
        """Fraction of inputs (n, in) that are not given their label (n,), numbers of outputs.

        Raises
        ------
        BadInput
            Targets that are no labels; a regression is measured by mean((forward(x) − y)²).
        BadShape
            Not one label for each input.
        """
        labels = np.asarray(labels)
        if labels.dtype.kind not in "iu":
            msg = f"labels: {labels.dtype} of shape {labels.shape}, expected whole numbers, those of the outputs; "
            msg += "targets of a regression are measured by mean((forward(x) - y)**2)"
            raise BadInput(msg)
        if labels.shape != (len(x),):
            msg = f"labels: shape {labels.shape}, expected ({len(x)},), one for each input; labels.ravel() may be meant"
            raise BadShape(msg)
        return float(np.mean(self.classified(x) != labels))

    def with_layers(self, layers: Mapping[int, LayerArrays]) -> DenseNetwork:
        """A copy with the weights and bias of some layers replaced.

        Raises
        ------
        BadShape
            The new layers do not fit their neighbors.
        """
        old = zip(self.weights, self.biases, strict=True)
        weights, biases = zip(*(layers.get(n, pair) for n, pair in enumerate(old)), strict=True)
        return replace(self, weights=weights, biases=biases)

    def refuse_width(self, name: str, x: NDArray[np.float64]) -> None:
        """Raise `BadShape` where data (n, d) are not as wide as the network's inputs."""
        if x.shape[1] != self.widths[0]:
            msg = f"{name}: {x.shape[1]} inputs in each row, the network takes {self.widths[0]}"
            raise BadShape(msg)
