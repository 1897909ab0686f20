"""Every method by name: the paper's six, the shipped variants, and plug-ins of other packages."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import TYPE_CHECKING

from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning.method import EdgeMethod, EdgePruning, NodeMethod
from divprune_sym.pruning.methods.dpp_edge import DPPEdge
from divprune_sym.pruning.methods.dpp_node import DPPNode
from divprune_sym.pruning.methods.importance_node import ImportanceNode
from divprune_sym.pruning.methods.magnitude_edge import MagnitudeEdge
from divprune_sym.pruning.methods.random_edge import RandomEdge
from divprune_sym.pruning.methods.random_node import RandomNode

if TYPE_CHECKING:
    Method = NodeMethod | EdgePruning

GROUP = "divprune_sym.methods"
METHODS: dict[str, NodeMethod | EdgeMethod] = {
    method.name: method
    for method in (RandomNode(), ImportanceNode(), DPPNode(), RandomEdge(), MagnitudeEdge(), DPPEdge())
}
VARIANT_NAMES = ("nm-edge", "random-nm-edge", "column-edge")


class PluginWarning(UserWarning):
    """A plug-in could not be used; the message names it, its package and the reason."""


@cache
def variants() -> dict[str, EdgePruning]:
    """The shipped methods that the paper does not have (SymPy is imported here, not before)."""
    from divprune_sym.pruning.methods.column_edge import ColumnEdge
    from divprune_sym.pruning.methods.nm_edge import NMEdge, RandomNMEdge
    from divprune_sym.pruning.variant import SymbolicEdgeMethod

    methods = (SymbolicEdgeMethod(variant) for variant in (NMEdge(), RandomNMEdge(), ColumnEdge()))
    return {method.name: method for method in methods}


def plug_ins() -> dict[str, EntryPoint]:
    """What other packages offer in the entry-point group `divprune_sym.methods`, not yet imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """All names that `find_method` knows."""
    return [*METHODS, *VARIANT_NAMES, *(name for name in plug_ins() if name not in {*METHODS, *VARIANT_NAMES})]


def find_method(name: str) -> Method:
    """The method of this name; a plug-in is imported now, and never replaces a method of ours.

    Raises
    ------
    BadInput
        There is none, or it is a plug-in that cannot be used.
    """
    if name in METHODS:
        return METHODS[name]
    if name in VARIANT_NAMES:
        return variants()[name]
    point = plug_ins().get(name)
    if point is not None:
        return _loaded(point)
    close = get_close_matches(name, names(), 1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    msg = f'METHOD "{name}": choose from {", ".join(names())}.{hint}'
    raise BadInput(msg)


def all_methods() -> dict[str, Method]:
    """Every method that can be used; a plug-in that cannot be is named in a `PluginWarning`, and left out."""
    found: dict[str, Method] = {**METHODS, **variants()}
    for name, point in plug_ins().items():
        if name in found:
            warnings.warn(f"plug-in {name!r} ({point.value}): the name is taken", PluginWarning, stacklevel=2)
            continue
        try:
            found[name] = _loaded(point)
        except BadInput as error:
            warnings.warn(str(error), PluginWarning, stacklevel=2)
    return found


def as_method(found: object, where: str) -> Method:
    """A method, or the class of one that takes no arguments, as a method.

    Raises
    ------
    BadInput
        It is neither, or it lacks one of its faces.
    """
    from divprune_sym.pruning.variant import EdgeVariant, SymbolicEdgeMethod

    kinds = (NodeMethod, EdgePruning, EdgeVariant)
    if isinstance(found, type) and issubclass(found, kinds):
        missing = sorted(getattr(found, "__abstractmethods__", ()))
        if missing:
            msg = f"{where}: lacks {', '.join(missing)}"
            raise BadInput(msg)
        try:
            signature(found).bind()
        except TypeError as error:
            msg = f"{where}: must take no arguments ({error}); name an object of it instead"
            raise BadInput(msg) from None
        found = found()
    if isinstance(found, EdgeVariant):
        return SymbolicEdgeMethod(found)
    if isinstance(found, (NodeMethod, EdgePruning)):
        return found
    msg = f"{where}: is no pruning method; derive it from EdgeVariant, EdgeMethod or NodeMethod"
    raise BadInput(msg)


def _loaded(point: EntryPoint) -> Method:
    where = f"plug-in {point.name!r} ({point.value})"
    try:
        return as_method(point.load(), where)
    except BadInput:
        raise
    except Exception as error:  # whatever a stranger's module may raise
        msg = f"{where}: {type(error).__name__}: {error}"
        raise BadInput(msg) from error
