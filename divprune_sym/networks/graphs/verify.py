"""What was read, run beside the file itself: every tensor, up to the rounding of the file's own arithmetic.

Each layer is given the file's own tensor for the layer before it. So a disagreement belongs to the layer in which it is
found, rounding does not add up, and layers that agree one by one agree as a chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.activations import LAST_ONLY, activation
from divprune_sym.networks.graphs.run import SMALL, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from divprune_sym.networks.graphs.run import Ran
    from divprune_sym.networks.graphs.values import Layer, Value

    Array = NDArray[np.float64]

# roundings of a few operators one after the other, on top of those of the sum over inputs
_ROUNDINGS = 16


def verify(ran: Ran, values: Mapping[str, Value | str], layers: Sequence[Layer]) -> None:
    """Compare every tensor with what was read for it, and every layer of the network with the tensor that it is.

    Raises
    ------
    BadInput
        Naming the first node that differs, or that leaves the numbers its file can hold.
    """
    products = _Products(ran)
    with np.errstate(all="ignore"):
        given: dict[int, Array] = {id(None): _rows(ran.values[ran.start])}
        for layer in layers:
            given[id(layer)] = _outputs(ran, layer, given[id(layer.before)])
        for node in ran.nodes:
            name = node.output[0]
            value = values.get(name)
            if value is None or isinstance(value, str) or id(value.layer) not in given:
                continue
            if not _agrees(ran, name, value, given[id(value.layer)], products):
                raise refusal(ran, node, "computes something else than was read: please report it, with the file")
    _verify_layers(ran, [layer for layer in layers if not _is(values[layer.tensor], layer)], given, products)


def _is(value: Value | str, layer: Layer) -> bool:
    """Whether a layer is nothing else than the value that its tensor was compared with."""
    if isinstance(value, str) or value.M is not layer.W or value.b is not layer.b or not value.bare:
        return False
    return value.last == layer.activation if value.last else value.f.whole == (layer.activation, 1.0)


class _Products:
    """M h of each matrix and the outputs it takes, once for all tensors that are made of it."""

    def __init__(self, ran: Ran) -> None:
        self.eps = ran.eps
        self.found: dict[tuple[int, int], tuple[Array, Array]] = {}

    def fields(self, M: Array, h: Array, b: Array, size: Array) -> tuple[Array, Array]:
        """M h + b, and how far the file's may be off: |M h| is at most the product of the norms."""
        key = (id(M), id(h))
        if key not in self.found:
            norms = _lengths(h)[:, None] * _lengths(M)
            self.found[key] = (h @ M.T, norms)
        product, norms = self.found[key]
        return product + b, self.eps * (M.shape[1] + _ROUNDINGS) * (norms + size + np.abs(b))


def _lengths(rows: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)))


def _verify_layers(ran: Ran, layers: Sequence[Layer], given: Mapping[int, Array], products: _Products) -> None:
    for layer in layers:
        with np.errstate(all="ignore"):
            u, off = products.fields(layer.W, given[id(layer.before)], layer.b, np.abs(layer.b))
            wanted, room = _with_room(layer.activation, activation(layer.activation), u, off)
            wanted, room = wanted * layer.s + layer.t, room * np.abs(layer.s) + ran.eps * np.abs(layer.t)
            same = _same(ran, layer.tensor, wanted, 2 * room)
        if not same:
            msg = f"{ran.path}: what was read for tensor {layer.tensor!r} computes something else: please report it"
            raise BadInput(msg)


def _rows(tensor: Any) -> Array:
    array = np.asarray(tensor).astype(np.float64)
    return array.reshape(len(array), -1)


def _outputs(ran: Ran, layer: Layer, before: Array) -> Array:
    """The outputs h of a layer from the file's tensor s ∘ h + t; computed where s is too small to divide by."""
    if np.ndim(layer.s) == 0 and (layer.s, layer.t) == (1.0, 0.0):
        return _rows(ran.values[layer.tensor])
    s = np.broadcast_to(np.abs(np.asarray(layer.s, dtype=np.float64)), (len(layer.b),))
    tensor = (_rows(ran.values[layer.tensor]) - layer.t) / np.where(s == 0.0, 1.0, layer.s)
    seen = s >= 1e-3 * s.max()
    return tensor if seen.all() else np.where(seen, tensor, activation(layer.activation)(before @ layer.W.T + layer.b))


def _agrees(ran: Ran, name: str, value: Value, h: Array, products: _Products) -> bool:
    if value.M is None:
        u = value.a * h + value.b
        rounding = ran.eps * _ROUNDINGS * (np.abs(value.a * h) + value.size + np.abs(value.b))
    else:
        u, rounding = products.fields(value.M, h, value.b, value.size)
    if value.last:
        wanted, room = _with_room(value.last, activation(value.last), u, rounding)
    else:
        wanted, room = _with_room("", value.f.of, u, rounding)
    wanted = value.s * wanted + value.t
    room = np.abs(value.s) * room + _ROUNDINGS * ran.eps * (np.abs(wanted) + np.abs(value.t))
    return _same(ran, name, wanted, room)


def _with_room(name: str, f: Callable[[Array], Array], u: Array, off: Array) -> tuple[Array, Array]:
    """f(u), and how far it may be off if u is off by that much."""
    wanted = f(u)
    if name in LAST_ONLY:  # 1-Lipschitz in the largest change, twice
        most = off.max(axis=1, keepdims=True)
        return wanted, 2 * most * (np.abs(wanted) + 1.0) + off
    spread = np.maximum(np.abs(f(u + off) - wanted), np.abs(f(u - off) - wanted))
    return wanted, spread + off


def _same(ran: Ran, name: str, wanted: Array, room: Array) -> bool:
    """Whether the file's tensor is what it should be; inputs on which it overflows say nothing."""
    found = _rows(ran.values[name])
    if found.shape != wanted.shape:
        return False
    rows = np.asarray(np.isfinite(found).all(axis=1) & np.isfinite(wanted).all(axis=1))
    if not rows[:SMALL].all():
        msg = f"{ran.path}: tensor {name!r} overflows on inputs of size 0.1"
        raise BadInput(msg)
    return bool((np.abs(found - wanted)[rows] <= room[rows]).all())
