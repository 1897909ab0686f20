"""Training dense networks by Adam in NumPy, from random weights or under the masks of a pruned one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from divprune_sym.ground.checks import BadInput, instance, integer, number
from divprune_sym.ground.files import written_aside
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.stored import Stored, read_checkpoint
from divprune_sym.networks.activations import activation
from divprune_sym.networks.derivatives import derivative
from divprune_sym.networks.network import DenseNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.networks.masks import Mask

    Arrays = list[NDArray[Any]]

_DECAY, _TINY = (0.9, 0.999), 1e-8
# with these the error at the last fields is output − target
_CANONICAL = ("softmax", "log-softmax", "sigmoid", "identity")


@dataclass(frozen=True)
class TrainSetting:
    """How a network is trained.

    Parameters
    ----------
    epochs : int
    rate : float
        Adam's.
    batch : int
    seed : int
        Of the order of the data.
    precision : {"float32", "float64"}

    Raises
    ------
    BadInput
        A value outside these.
    """

    epochs: int = 10
    rate: float = 1e-3
    batch: int = 128
    seed: int = 0
    precision: str = "float32"

    def __post_init__(self) -> None:
        integer("epochs", self.epochs, 0)
        number("rate", self.rate, 0.0)
        integer("batch", self.batch, 1)
        integer("seed", self.seed, 0)
        if self.precision not in ("float32", "float64"):
            msg = f"precision {self.precision!r}: float32 or float64"
            raise BadInput(msg)


def random_start(widths: Sequence[int], activations: Sequence[str], rng: Rng) -> DenseNetwork:
    """Glorot and Bengio's uniform weights, biases of zero."""
    rng = generator(rng)
    weights = []
    for fan_in, fan_out in pairwise(widths):
        limit = np.sqrt(6.0 / (fan_in + fan_out))
        weights.append(rng.uniform(-limit, limit, (fan_out, fan_in)))
    return DenseNetwork(tuple(weights), tuple(np.zeros(n) for n in widths[1:]), tuple(activations))


def train(
    network: DenseNetwork,
    x: NDArray[np.float64],
    y: NDArray[Any],
    setting: TrainSetting,
    mask: Mask | None = None,
    *,
    progress: Callable[[float], None] = lambda fraction: None,
    checkpoint: Path | None = None,
) -> DenseNetwork:
    """Minimize cross entropy, or half the squared error where the last layer is no softmax or sigmoid.

    Parameters
    ----------
    network : DenseNetwork
        Where to start.
    x : (n, inputs)
    y : (n,) labels, or (n, outputs) targets
    setting : TrainSetting
    mask : Mask, optional
        What is pruned stays as it is; nothing else is changed about it.
    progress : callable
        Takes the share done.
    checkpoint : Path, optional
        An npz file with weights and Adam's moments, written after each epoch; the same call goes on from there, and
        ends with the same network.

    Raises
    ------
    BadInput
        The checkpoint belongs to another training, or the loss left the finite numbers.
    """
    instance("network", network, DenseNetwork)
    kind = np.dtype(setting.precision)
    state = _State(network, setting, mask, kind)
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint)
    x = np.asarray(x, dtype=kind)
    targets = _targets(network, y).astype(kind)
    for epoch in range(state.epoch, setting.epochs):
        order = np.random.default_rng((setting.seed, epoch)).permutation(len(x))
        for start in range(0, len(x), setting.batch):
            rows = order[start : start + setting.batch]
            state.step(x[rows], targets[rows])
        state.epoch = epoch + 1
        if not all(np.isfinite(array).all() for array in state.parameters):
            msg = f"rate = {setting.rate:g}: training left the finite numbers in epoch {epoch + 1}; take a smaller one"
            raise BadInput(msg)
        if checkpoint is not None:
            state.save(checkpoint)
        progress((epoch + 1) / setting.epochs)
    return state.network(network)


def _targets(network: DenseNetwork, y: NDArray[Any]) -> NDArray[np.float64]:
    outputs = network.widths[-1]
    if y.ndim == 1 and y.dtype.kind in "iu":
        named = np.arange(outputs) if outputs > 1 else np.ones(1, dtype=np.int64)
        return np.asarray(y[:, None] == named, dtype=np.float64)
    return y.reshape(len(y), -1)


def adam(
    parameters: NDArray[Any],
    gradient: NDArray[Any],
    free: NDArray[Any],
    first: NDArray[Any],
    second: NDArray[Any],
    rate: float,
) -> None:
    """One step of Adam (Kingma & Ba, ICLR 2015), in place and in one pass; all (n,).   free: 0 where nothing moves"""
    b1, b2 = _DECAY
    for i in range(len(parameters)):
        g = gradient[i] * free[i]
        first[i] += (1.0 - b1) * (g - first[i])
        second[i] += (1.0 - b2) * (g * g - second[i])
        parameters[i] -= rate * first[i] / (np.sqrt(second[i]) + _TINY)


adam_jit = njit(cache=True, nogil=True)(adam)


class _State:
    """Weights, then biases, with Adam's moments of each."""

    def __init__(self, network: DenseNetwork, setting: TrainSetting, mask: Mask | None, kind: np.dtype[Any]) -> None:
        self.activations, self.setting = network.activations, setting
        self.parameters: Arrays = [array.astype(kind, order="C") for array in (*network.weights, *network.biases)]
        self.free = [array.astype(kind, order="C") for array in _free(network, mask)]
        self.first = [np.zeros_like(array) for array in self.parameters]
        self.second = [np.zeros_like(array) for array in self.parameters]
        self.epoch = self.steps = 0

    def step(self, x: NDArray[Any], targets: NDArray[Any]) -> None:
        self.steps += 1
        b1, b2 = _DECAY
        rate = self.setting.rate * np.sqrt(1 - b2**self.steps) / (1 - b1**self.steps)
        for n, gradient in enumerate(gradients(self.parameters, self.activations, x, targets)):
            state = self.parameters[n], gradient, self.free[n], self.first[n], self.second[n]
            w, g, free, first, second = (array.reshape(-1) for array in state)  # views
            adam_jit(w, g, free, first, second, float(rate))

    def network(self, like: DenseNetwork) -> DenseNetwork:
        layers = len(self.activations)
        weights, biases = self.parameters[:layers], self.parameters[layers:]
        return replace(like, weights=tuple(weights), biases=tuple(biases))

    def save(self, path: Path) -> None:
        arrays = {
            f"{name}{n}": a for name in ("parameters", "first", "second") for n, a in enumerate(getattr(self, name))
        }
        with written_aside(path) as file:
            np.savez(file, key=self._about(), epoch=np.int64(self.epoch), steps=np.int64(self.steps), **arrays)

    def load(self, path: Path) -> None:
        lowest = {"parameters": -np.inf, "first": -np.inf, "second": 0.0}
        schema = {
            f"{name}{n}": Stored(array.dtype.name, array.shape, low)
            for name, low in lowest.items()
            for n, array in enumerate(self.parameters)
        }
        schema |= {"epoch": Stored("int64", (), 1, self.setting.epochs), "steps": Stored("int64", (), 1)}
        held = read_checkpoint(path, self._about(), schema, "training")
        self.parameters, self.first, self.second = (
            [held[f"{name}{n}"] for n in range(len(self.parameters))] for name in lowest
        )
        self.epoch, self.steps = int(held["epoch"]), int(held["steps"])

    def _about(self) -> str:
        kept = replace(self.setting, epochs=0)
        return f"{kept} {self.activations} {[int(free.sum()) for free in self.free]}"


def _free(network: DenseNetwork, mask: Mask | None) -> Arrays:
    """Ones where training may change a parameter."""
    from divprune_sym.networks.masks import apply

    ones = DenseNetwork(
        tuple(np.ones_like(W) for W in network.weights),
        tuple(np.ones_like(b) for b in network.biases),
        network.activations,
    )
    left = ones if mask is None else apply(mask, ones)
    return [*left.weights, *left.biases]


def gradients(parameters: Arrays, activations: Sequence[str], x: NDArray[Any], targets: NDArray[Any]) -> Arrays:
    """Of the mean loss over rows, for weights and then biases, by back-propagation."""
    layers = len(activations)
    weights, biases = parameters[:layers], parameters[layers:]
    inputs, fields = [x], []
    for n in range(layers):
        fields.append(inputs[n] @ weights[n].T + biases[n])
        name = "softmax" if activations[n] == "log-softmax" else activations[n]
        inputs.append(activation(name)(fields[n]).astype(x.dtype, copy=False))
    delta = (inputs[-1] - targets) / len(x)
    if activations[-1] not in _CANONICAL:
        delta = delta * derivative(activations[-1])(fields[-1])
    found: list[NDArray[Any]] = [delta] * (2 * layers)
    for n in reversed(range(layers)):
        found[n], found[layers + n] = delta.T @ inputs[n], delta.sum(axis=0)
        if n:
            delta = (delta @ weights[n]) * derivative(activations[n - 1])(fields[n - 1])
    return found
