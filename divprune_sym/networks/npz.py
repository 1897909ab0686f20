"""Networks and masks in npz files, read without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.arrays import read_arrays
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import written_aside
from divprune_sym.networks.network import DenseNetwork, default_activations

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path) -> DenseNetwork:
    """W1 (out, in), b1 (left out: zero), W2, … and `activations`, names of all (left out: sigmoid, last identity)."""
    arrays = read_arrays(path)
    layers = sum(name.startswith("W") and name[1:].isdigit() for name in arrays)
    numbers = range(1, layers + 1)
    extra = [name for name in arrays if name not in (*(f"{x}{n}" for n in numbers for x in "Wb"), "activations")]
    missing = [f"W{n}" for n in numbers if f"W{n}" not in arrays]
    if layers == 0 or missing or extra:
        found = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(extra or arrays)}"
        msg = f"{path}: {found[:200]}; expected W1 (out, in), b1, W2, b2, … and activations"
        raise BadInput(msg)
    names = arrays.get("activations")
    activations = default_activations(layers) if names is None else [str(name) for name in np.atleast_1d(names)]
    weights = tuple(arrays[f"W{n}"] for n in numbers)
    # a layer without a bias has none to learn: zero
    biases = tuple(arrays.get(f"b{n}", np.zeros(W.shape[:1])) for n, W in zip(numbers, weights, strict=True))
    return DenseNetwork(weights, biases, tuple(activations))  # type: ignore[arg-type]


def save(network: DenseNetwork, path: Path) -> None:
    """As `load` reads it."""
    arrays = {f"W{n}": W for n, W in enumerate(network.weights, 1)}
    arrays |= {f"b{n}": b for n, b in enumerate(network.biases, 1)}
    with written_aside(path) as file:
        np.savez(file, activations=np.array(network.activations), **arrays)  # type: ignore[arg-type]
