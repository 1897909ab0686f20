"""Networks in npz files, read without pickle."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.arrays import read_arrays
from divprune_sym.networks.tensors import network_of

if TYPE_CHECKING:
    from pathlib import Path

    from divprune_sym.networks.network import DenseNetwork
    from divprune_sym.networks.reading import Given, ReadNetwork

LIBRARIES = ()


def load(path: Path, given: Given) -> ReadNetwork:
    """W1 (out, in), b1 (left out: zero), W2, …, or torch's names, and `activations`, names of all layers;
    `classes`, names of the outputs, where these are not 0, 1, …

    Raises
    ------
    BadInput
        No npz file, a truncated one, arrays that are no dense layers, or more than memory holds.
    """
    arrays = read_arrays(path)
    names = arrays.pop("activations", None)
    named = None if names is None else [str(name) for name in np.atleast_1d(names)]
    classes = [str(name) for name in np.atleast_1d(arrays.pop("classes", np.empty(0, str)))]
    return network_of(arrays, named, given, "array activations", classes)


def as_bytes(network: DenseNetwork, kind: str) -> bytes:
    """As `load` reads it."""
    arrays = {f"W{n}": W.astype(kind) for n, W in enumerate(network.weights, 1)}
    arrays |= {f"b{n}": b.astype(kind) for n, b in enumerate(network.biases, 1)}
    if network.classes:
        arrays["classes"] = np.array(network.classes)
    file = io.BytesIO()
    np.savez(file, activations=np.array(network.activations), **arrays)  # type: ignore[arg-type]
    return file.getvalue()
