"""Networks and files that the tests share."""

from __future__ import annotations

import numpy as np

from divprune_sym.networks.network import DenseNetwork

ENDINGS = ("npz", "safetensors", "onnx")


def network(widths=(6, 5, 4, 3), activations=("sigmoid", "tanh", "identity"), seed=0):
    rng = np.random.default_rng(seed)
    shapes = list(zip(widths[1:], widths, strict=False))
    weights = tuple(rng.standard_normal(shape) for shape in shapes)
    return DenseNetwork(weights, tuple(rng.standard_normal(out) for out, _ in shapes), activations)


def inputs(width=6, rows=50, seed=1):
    return np.random.default_rng(seed).standard_normal((rows, width))
