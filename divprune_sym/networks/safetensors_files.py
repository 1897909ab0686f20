"""Networks in safetensors files, by the library's NumPy face."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import refuse_beyond_memory, written_aside
from divprune_sym.networks.network import DenseNetwork, default_activations

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path) -> DenseNetwork:
    """Tensors W1, b1, W2, …, or NAME.weight and NAME.bias with NAME in the order of their numbers, as torch has them.

    The names of the activations are read from the metadata's `activations`, separated by commas (default: sigmoid,
    at the end identity).

    Raises
    ------
    BadInput
        No safetensors file, a truncated one, tensors that are no dense layers, or more than memory holds.
    """
    from safetensors import SafetensorError, safe_open

    refuse_beyond_memory(str(path), 3 * path.stat().st_size)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, TypeError, ValueError, OverflowError) as error:
        msg = f"{path}: is no safetensors file of real numbers, or a truncated one ({error})"
        raise BadInput(msg) from None
    pairs = _layers(path, list(tensors))
    names = metadata.get("activations")
    activations = default_activations(len(pairs)) if names is None else names.split(",")
    weights = tuple(tensors[weight] for weight, _ in pairs)
    # a layer without a bias has none to learn: zero
    biases = tuple(
        tensors[bias] if bias in tensors else np.zeros(len(W)) for (_, bias), W in zip(pairs, weights, strict=True)
    )
    return DenseNetwork(weights, biases, tuple(activations))


def _layers(path: Path, names: list[str]) -> list[tuple[str, str]]:
    """(weight, bias) of every layer in order."""
    ours = sorted((name for name in names if re.fullmatch(r"W[0-9]+", name)), key=lambda name: int(name[1:]))
    torchs = sorted((name for name in names if name.endswith(".weight")), key=_numbers_apart)
    pairs = [(name, f"b{name[1:]}") for name in ours] or [(name, name[: -len("weight")] + "bias") for name in torchs]
    extra = [name for name in names if name not in {part for pair in pairs for part in pair}]
    if not pairs or extra:
        msg = f"{path}: tensors {', '.join(extra or names)[:200]}; expected W1, b1, … or NAME.weight, NAME.bias"
        raise BadInput(msg)
    return pairs


def _numbers_apart(name: str) -> list[tuple[int, str]]:
    """A key that sorts layer10 after layer9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def save(network: DenseNetwork, path: Path) -> None:
    """As `load` reads it."""
    from safetensors.numpy import save as as_bytes

    tensors = {f"W{n}": np.ascontiguousarray(W) for n, W in enumerate(network.weights, 1)}
    tensors |= {f"b{n}": b for n, b in enumerate(network.biases, 1)}
    with written_aside(path) as file:
        file.write(as_bytes(tensors, metadata={"activations": ",".join(network.activations)}))
