"""Whether a file that was written holds the network that it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.activations import LAST_ONLY, activation

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.networks.network import DenseNetwork

_ROWS, _SEED = 24, 21


def samples(width: int) -> NDArray[np.float64]:
    """Inputs (24, width) on which written files are run, of scales 0.1, 1 and 10."""
    x = np.random.default_rng(_SEED).standard_normal((_ROWS, width))
    return np.asarray(x * np.repeat((0.1, 1.0, 10.0), _ROWS // 3)[:, None])


def refuse_another(path: Path, network: DenseNetwork, found: DenseNetwork, float64: bool) -> None:
    """Raise where what was read again computes something else than what was to be written.

    Raises
    ------
    BadInput
        An entry beyond the range of the file's numbers, or a network that differs by more than rounding.
    """
    eps = 2.0**-52 if float64 else 2.0**-23
    same = found.widths == network.widths and (found.activations, found.classes) == (
        network.activations,
        network.classes,
    )
    for ours, theirs in zip((*network.weights, *network.biases), (*found.weights, *found.biases), strict=False):
        same = same and bool((np.abs(ours - theirs) <= eps * np.abs(ours) + 1e-38).all())
    if not same:
        msg = f"{path}: what was written is read as another network; please report it"
        raise BadInput(msg)


def room(network: DenseNetwork, x: NDArray[np.float64], eps: float) -> NDArray[np.float64]:
    """How far outputs (n, out) computed with rounding eps may be from ours, layer by layer, to first order."""
    h, off = x, eps * np.abs(x)
    for W, b, name in zip(network.weights, network.biases, network.activations, strict=True):
        u = h @ W.T + b
        size = np.abs(h) @ np.abs(W.T) + np.abs(b)
        off = off @ np.abs(W.T) + eps * (W.shape[1] + 16) * size
        g = activation(name)
        with np.errstate(all="ignore"):
            h = g(u)
            if name in LAST_ONLY:
                off = 2 * off.max(axis=1, keepdims=True) * (np.abs(h) + 1.0)
            else:
                off = np.maximum(np.abs(g(u + off) - h), np.abs(g(u - off) - h))
        off = off + 16 * eps * (np.abs(h) + np.abs(u))
    return off
