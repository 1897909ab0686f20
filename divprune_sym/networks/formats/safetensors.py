"""Networks in safetensors files, by the library's NumPy face."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import refuse_beyond_memory
from divprune_sym.networks.activations import split_names
from divprune_sym.networks.classes import classes_of
from divprune_sym.networks.tensors import network_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.networks.network import DenseNetwork
    from divprune_sym.networks.reading import Given, ReadNetwork

LIBRARIES = ("safetensors",)
_EIGHT_BITS = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}


def load(path: Path, given: Given) -> ReadNetwork:
    """Tensors W1, b1, W2, …, or NAME.weight and NAME.bias as torch has them, with the masks of torch.nn.utils.prune.

    The names of the activations are read from the metadata's `activations`, separated by commas.

    Raises
    ------
    BadInput
        No safetensors file, a truncated one, tensors that are no dense layers, or more than memory holds.
    """
    from safetensors import SafetensorError, safe_open

    refuse_beyond_memory(str(path), 9 * path.stat().st_size)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: _tensor(path, file, name) for name in file.keys()}  # noqa: SIM118
    except BadInput:
        raise
    except (SafetensorError, TypeError, ValueError, OverflowError) as error:
        msg = f"{path}: is no safetensors file of real numbers, or a truncated one ({error})"
        raise BadInput(msg) from None
    names = metadata.get("activations")
    found = f"metadata activations; it has {', '.join(metadata)[:100]}" if metadata else "metadata activations"
    classes = classes_of(path, metadata.get("classes"))
    return network_of(tensors, None if names is None else split_names(names), given, found, classes)


def _tensor(path: Path, file: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(file.get_tensor(name))
    except AttributeError:  # NumPy has no such numbers, and safetensors asks it for them
        return _eight_bits(path, name)


def _eight_bits(path: Path, name: str) -> NDArray[Any]:
    """A float8 tensor of a file that safetensors has checked."""
    import ml_dtypes

    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(length))[name]
        first, last = entry["data_offsets"]
        file.seek(8 + length + first)
        content = file.read(last - first)
    if entry["dtype"] not in _EIGHT_BITS:
        msg = f"{path}: tensor {name} holds {entry['dtype']}, which cannot be widened"
        raise BadInput(msg)
    return np.frombuffer(content, getattr(ml_dtypes, _EIGHT_BITS[entry["dtype"]])).reshape(entry["shape"])


def as_bytes(network: DenseNetwork, kind: str) -> bytes:
    """As `load` reads it."""
    from safetensors.numpy import save

    # a transposed view would be stored as its memory lies, under the new shape
    tensors = {f"W{n}": np.ascontiguousarray(W, kind) for n, W in enumerate(network.weights, 1)}
    tensors |= {f"b{n}": np.ascontiguousarray(b, kind) for n, b in enumerate(network.biases, 1)}
    metadata = {"activations": ",".join(network.activations)}
    if network.classes:
        metadata["classes"] = json.dumps(network.classes)
    return bytes(save(tensors, metadata=metadata))
