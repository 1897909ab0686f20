"""Masks: which nodes or edges of each layer are kept, saved bit-packed; `apply` and `compact` are separate verbs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from divprune_sym.ground.arrays import read_arrays
from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.ground.files import check_ending, written_aside
from divprune_sym.ground.stored import fitted, parsed
from divprune_sym.ground.values import ByValue
from divprune_sym.networks.activations import activation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from divprune_sym.networks.network import DenseNetwork

Unit = Literal["node", "edge"]
PrunedNode = Literal["removed", "silenced"]
PRUNED_NODES: tuple[PrunedNode, ...] = ("removed", "silenced")
_FORMAT = 1
_ABOUT = {
    "format": int,
    "unit": str,
    "method": str,
    "seed": (int, None),
    "pruned_node": str,
    "versions": {str: str},
    "shapes": {str: [int]},
}


@dataclass(frozen=True, eq=False)
class Mask(ByValue):
    """What is kept of some layers.

    Parameters
    ----------
    unit : {"node", "edge"}
    kept : mapping of int to bool array
        For each pruned layer its nodes (out,), or their incoming edges (out, in).
    method : str
    seed : int or None
    pruned_node : {"removed", "silenced"}
        What a pruned node is: gone, or with incoming weights of zero while its bias stays, so that it puts out g(b).
    versions : mapping of str to str
        Of the packages that drew the mask.

    Raises
    ------
    BadInput
        An unknown unit or meaning of a pruned node, or arrays that are not boolean or have another number of axes.
    """

    unit: Unit
    kept: Mapping[int, NDArray[np.bool_]]
    method: str = ""
    seed: int | None = None
    pruned_node: PrunedNode = "removed"
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.unit not in ("node", "edge") or self.pruned_node not in PRUNED_NODES:
            msg = f"mask of {self.unit!r}, {self.pruned_node!r}: expected node or edge, removed or silenced"
            raise BadInput(msg)
        axes = 1 if self.unit == "node" else 2
        for layer, mask in self.kept.items():
            if mask.dtype != np.bool_ or mask.ndim != axes:
                msg = f"mask of layer {layer}: {mask.dtype} with {mask.ndim} axes, expected bool with {axes}"
                raise BadInput(msg)

    @property
    def fractions(self) -> dict[int, float]:
        """Share kept of every pruned layer."""
        return {layer: float(mask.mean()) for layer, mask in self.kept.items()}

    def save(self, path: str | Path) -> None:
        """Write an npz file: one bit for each node or edge, and method, seed and versions.

        Raises
        ------
        BadInput
            Another ending than .npz, or a place that cannot be written to.
        """
        check_ending(Path(path), (".npz",))
        about = {
            "format": _FORMAT,
            "unit": self.unit,
            "method": self.method,
            "seed": self.seed,
            "pruned_node": self.pruned_node,
            "versions": dict(self.versions),
            "shapes": {str(layer): mask.shape for layer, mask in self.kept.items()},
        }
        bits = {f"layer{layer}": np.packbits(mask) for layer, mask in self.kept.items()}
        with written_aside(Path(path)) as file:
            np.savez(file, about=np.array(json.dumps(about)), **bits)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> Mask:
        """Read what `save` wrote.

        Raises
        ------
        BadInput
            No such file, or one that does not hold together.
        """
        arrays = read_arrays(Path(path))
        try:
            about = fitted(parsed(str(arrays.get("about"))), _ABOUT, "about")
            kept = {int(n): _unpacked(arrays[f"layer{n}"], shape) for n, shape in about["shapes"].items()}
            known = (about["unit"], kept, about["method"], about["seed"], about["pruned_node"], about["versions"])
            return cls(*known)
        except (KeyError, ValueError) as error:
            reason = str(error) if isinstance(error, BadInput) else "arrays and shapes do not fit each other"
            msg = f"{path}: holds no mask, or half of one ({reason})"
            raise BadInput(msg) from None


def _unpacked(bits: NDArray[Any], shape: list[int]) -> NDArray[np.bool_]:
    size = prod(shape)
    if min(shape, default=0) < 1 or bits.ndim != 1:
        raise ValueError
    if bits.dtype != np.uint8 or len(bits) != -(-size // 8):
        raise ValueError
    return np.unpackbits(bits, count=size).astype(np.bool_).reshape(shape)


def apply(mask: Mask, network: DenseNetwork) -> DenseNetwork:
    """The network with zeros in place of what is pruned; its shape does not change, nor does the time it takes.

    A removed node loses its incoming weights, its bias and its outgoing weights; a silenced one its incoming weights
    only.

    Raises
    ------
    BadShape
        The mask belongs to a network of another shape.
    """
    for layer, kept in mask.kept.items():
        network = _applied(mask, network, layer, kept)
    return network


def _applied(mask: Mask, network: DenseNetwork, layer: int, kept: NDArray[np.bool_]) -> DenseNetwork:
    wanted = network.weights[layer].shape if 0 <= layer < network.hidden_layers else None
    if wanted is None or kept.shape != wanted[: kept.ndim]:
        msg = f"mask of layer {layer}: shape {kept.shape}, the network's hidden layers have widths {network.widths}"
        raise BadShape(msg)
    W, b = network.weights[layer], network.biases[layer]
    if mask.unit == "edge":
        return network.with_layers({layer: (W * kept, b)})
    if mask.pruned_node == "silenced":
        return network.with_layers({layer: (W * kept[:, None], b)})
    after, bias = network.weights[layer + 1], network.biases[layer + 1]
    return network.with_layers({layer: (W * kept[:, None], b * kept), layer + 1: (after * kept, bias)})


def compact(mask: Mask, network: DenseNetwork) -> DenseNetwork:
    """The network that `apply` leaves, smaller where nodes were pruned; it computes the same function.

    What a silenced node puts out, g(b), does not depend on the input and goes into the next bias. Pruned edges leave
    the shape as it is: only the units behind a removed node can be left out of a dense matrix product.

    Raises
    ------
    BadShape
        The mask belongs to a network of another shape.
    BadInput
        No node of a layer is kept: nothing would be left to carry the input.
    """
    network = apply(mask, network)
    if mask.unit == "edge":
        return network
    for layer, kept in mask.kept.items():
        if not kept.any():
            msg = f"layer {layer}: no node is kept, a layer without nodes cannot be written down"
            raise BadInput(msg)
        after, bias = network.weights[layer + 1], network.biases[layer + 1]
        if mask.pruned_node == "silenced":
            bias = bias + after[:, ~kept] @ activation(network.activations[layer])(network.biases[layer][~kept])
        network = network.with_layers(
            {layer: (network.weights[layer][kept], network.biases[layer][kept]), layer + 1: (after[:, kept], bias)}
        )
    return network
