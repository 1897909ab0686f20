"""First and second moments of what layers take in and put out, summed while data stream by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.blas import dsyrk

from divprune_sym.ground.checks import real_array
from divprune_sym.networks.activations import activation
from divprune_sym.pruning import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from divprune_sym.networks.network import DenseNetwork

# of data, taken at a time
ROWS = 4096


@dataclass(frozen=True)
class Moments:
    """Of a tensor's last axis, over all others.

    Attributes
    ----------
    mean : (N,)
    covariance : (N, N)
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @property
    def second(self) -> NDArray[np.float64]:
        """E[x xᵀ]"""
        return self.covariance + np.outer(self.mean, self.mean)

    def through(self, W: NDArray[np.float64], b: NDArray[np.float64] | None) -> Moments:
        """Those of W x + b."""
        mean = W @ self.mean
        return Moments(mean if b is None else mean + b, W @ self.covariance @ W.T)

    def shifted(self, by: NDArray[np.float64]) -> Moments:
        """Those of x + by."""
        return Moments(self.mean + by, self.covariance)


class MomentSum:
    """Sums around the mean of the first rows: no cancellation where the mean is large.

    Rows are gathered, with a one after each, until there are so many that a product of matrices is worth it; they then
    still lie in the cache, and the product has their sum too.
    """

    GATHERED = 256

    def __init__(self) -> None:
        self.count = self.waiting = 0

    def add(self, tensor: NDArray[Any]) -> None:
        """Take in a tensor, (…, N)."""
        x = tensor.reshape(-1, tensor.shape[-1])
        if self.count == 0:
            n = x.shape[1]
            self.center = x.mean(axis=0, dtype=np.float64)
            self.square = np.zeros((n + 1, n + 1), order="F")
            self.rows = np.ones((self.GATHERED, n + 1))
        self.count += len(x)
        start = 0
        while start < len(x):
            stop = min(len(x), start + self.GATHERED - self.waiting)
            here = self.rows[self.waiting : self.waiting + stop - start, :-1]
            # in two steps: NumPy is slow at mixed precision
            here[:] = x[start:stop]
            here -= self.center
            self.waiting += stop - start
            start = stop
            if self.waiting == self.GATHERED:
                self._flush()

    def _flush(self) -> None:
        # one triangle of rowsᵀ rows, added in place
        self.square = dsyrk(1.0, self.rows[: self.waiting].T, beta=1.0, c=self.square, overwrite_c=1)
        self.waiting = 0

    def moments(self) -> Moments:
        """Of all that was taken in."""
        self._flush()
        upper = self.square[:-1, :-1] / self.count  # below its diagonal are zeros
        shift = self.square[:-1, -1] / self.count
        whole = upper + upper.T
        whole.flat[:: len(whole) + 1] = upper.diagonal()
        whole -= np.outer(shift, shift)
        return Moments(self.center + shift, whole)


class SeenLayer(Layer):
    """A hidden layer of a network on data; its moments are taken, once, when a method or a refit asks for them.

    Parameters
    ----------
    network : DenseNetwork
    layer : int
    x : (n, inputs)
        What the network is given.
    """

    network: DenseNetwork
    number: int
    x: NDArray[np.float64]

    def __init__(self, network: DenseNetwork, layer: int, x: NDArray[np.float64]) -> None:
        known = {
            "network": network,
            "number": layer,
            "x": x,
            "weights": network.weights[layer],
            "outgoing": network.weights[layer + 1].T,
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Of what `dataclasses.replace` makes: a plain layer, of moments that are there."""
        return Layer

    def rows(self) -> Iterator[NDArray[np.float64]]:
        """The layer's inputs (≤ 4096, N), block by block."""
        for start in range(0, len(self.x), ROWS):
            yield self.network.inputs_of(self.number, self.x[start : start + ROWS])

    def _moments(self, name: str, of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Moments:
        total = MomentSum()
        with np.errstate(over="ignore", invalid="ignore"):
            for h in self.rows():
                total.add(of(h))
            found = total.moments()
            second = found.second
        real_array(f"second moments of the {name} of layer {self.number}", second, (None, None))
        return found

    @cached_property
    def inputs(self) -> Moments:
        """Of the inputs h."""
        return self._moments("inputs", lambda h: h)

    @cached_property
    def outputs(self) -> Moments:
        """Of g(W h + b)."""
        return self._moments("outputs", lambda h: self.network.outputs(self.number, h))

    @cached_property
    def outputs_without_biases(self) -> Moments:
        """Of g(W h)."""
        g = activation(self.network.activations[self.number])
        return self._moments("outputs", lambda h: g(h @ self.weights.T))

    @cached_property
    def input_moments(self) -> NDArray[np.float64]:
        """E[h hᵀ]"""
        return self.inputs.second

    @cached_property
    def preactivation_kernel(self) -> NDArray[np.float64]:
        """E[u uᵀ], u = W h + b."""
        return self.inputs.through(self.weights, self.network.biases[self.number]).second

    @cached_property
    def activation_kernel(self) -> NDArray[np.float64]:
        """E[g(u) g(u)ᵀ]"""
        return self.outputs.second
