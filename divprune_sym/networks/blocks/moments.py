"""First and second moments of tensors that onnxruntime computes, summed while the inputs stream by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.blas import dsyrk

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.graphs.session import session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from divprune_sym.networks.blocks.inputs import Inputs


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


class _Sum:
    """Sums around the mean of the first rows: no cancellation where the mean is large.

    Rows are gathered until there are so many that a product of matrices is worth it.
    """

    GATHERED = 2048

    def __init__(self) -> None:
        self.count = self.waiting = 0

    def add(self, tensor: NDArray[Any]) -> None:
        x = tensor.reshape(-1, tensor.shape[-1])
        if self.count == 0:
            n = x.shape[1]
            self.centre = x.mean(axis=0, dtype=np.float64)
            self.first, self.square = np.zeros(n), np.zeros((n, n), order="F")
            self.rows = np.empty((self.GATHERED, n))
        self.count += len(x)
        for start in range(0, len(x), self.GATHERED):
            part = x[start : start + self.GATHERED]
            if self.waiting + len(part) > self.GATHERED:
                self.flush()
            np.subtract(part, self.centre, out=self.rows[self.waiting : self.waiting + len(part)])
            self.waiting += len(part)

    def flush(self) -> None:
        centred = self.rows[: self.waiting]
        self.first += centred.sum(axis=0)
        # one triangle of centredᵀ centred, added in place
        self.square = dsyrk(1.0, centred.T, beta=1.0, c=self.square, overwrite_c=1)
        self.waiting = 0

    def moments(self) -> Moments:
        self.flush()
        shift = self.first / self.count
        upper = self.square / self.count
        whole = np.triu(upper) + np.triu(upper, 1).T
        return Moments(self.centre + shift, whole - np.outer(shift, shift))


def with_outputs(model: Any, names: Sequence[str]) -> bytes:
    """The model with more declared outputs."""
    from onnx import ModelProto, ValueInfoProto

    wider = ModelProto()
    wider.CopyFrom(model)
    declared = {entry.name for entry in model.graph.output}
    wider.graph.output.extend(ValueInfoProto(name=name) for name in dict.fromkeys(names) if name not in declared)
    return bytes(wider.SerializeToString())


def moments_of(
    model: Any, inputs: Inputs, names: Sequence[str], progress: Callable[[float], None] = lambda fraction: None
) -> dict[str, Moments]:
    """Moments of some tensors of a graph over all inputs.

    Raises
    ------
    BadInput
        The graph cannot be run, or a tensor leaves the finite numbers.
    """
    names = list(dict.fromkeys(names))
    taken = [name for name in names if name in inputs.ports]
    made = [name for name in names if name not in inputs.ports]
    running = session(with_outputs(model, made)) if made else None
    sums = {name: _Sum() for name in names}
    done = 0
    for fed, _ in inputs.batches():
        found = dict(zip(made, ran(running, made, fed), strict=True)) if running is not None else {}
        for name in names:
            sums[name].add(fed[name] if name in taken else found[name])
        done += len(next(iter(fed.values())))
        progress(done / inputs.rows)
    moments = {name: one.moments() for name, one in sums.items()}
    for name, one in moments.items():
        if not np.isfinite(one.covariance).all():
            msg = f"{inputs.path}: tensor {name!r} holds NaN or infinity on these inputs"
            raise BadInput(msg)
    return moments


def ran(running: Any, names: Sequence[str] | None, fed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """What a session gives for one batch.

    Raises
    ------
    BadInput
        onnxruntime says that it cannot.
    """
    try:
        return list(running.run(names, fed))
    except Exception as error:  # onnxruntime has a dozen kinds of its own
        msg = f"the graph does not take these inputs ({' '.join(str(error).split())[:160]})"
        raise BadInput(msg) from None
