"""What installed packages offer, by entry points: pruning methods, activations and claims."""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")

METHODS = "divprune_sym.methods"
ACTIVATIONS = "divprune_sym.activations"
CLAIMS = "divprune_sym.claims"


class PluginWarning(UserWarning):
    """A plug-in cannot be used and is left out; the message names it, where it lies and the reason."""


def offered(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name, not yet imported."""
    return {point.name: point for point in entry_points(group=group)}


def described(group: str, point: EntryPoint) -> str:
    """How messages name a plug-in."""
    return f"plug-in {point.name!r} ({group}: {point.value})"


def loaded(group: str, point: EntryPoint, accept: Callable[[Any, str], T]) -> T:
    """What an entry point leads to, as `accept(object, description)` takes it.

    Raises
    ------
    BadInput
        It cannot be imported, or is not accepted; the message names the plug-in and the reason.
    """
    from divprune_sym.ground.checks import BadInput

    where = described(group, point)
    try:
        found = accept(point.load(), where)
        if getattr(found, "name", point.name) != point.name:
            msg = f"{where}: calls itself {found.name!r}; give both one name"  # type: ignore[attr-defined]
            raise BadInput(msg)
        return found
    except Exception as error:  # whatever a stranger's module may raise is its own failure, not ours
        if isinstance(error, BadInput) and str(error).startswith(where):
            raise
        msg = f"{where}: {type(error).__name__}: {error}"
        raise BadInput(msg) from error


def each_usable(group: str, accept: Callable[[Any, str], T], taken: Collection[str] = ()) -> dict[str, T]:
    """All plug-ins of a group that can be used; every other, and every taken name, gives a `PluginWarning`."""
    from divprune_sym.ground.checks import BadInput

    found: dict[str, T] = {}
    for name, point in offered(group).items():
        try:
            if name in taken:
                msg = f"{described(group, point)}: the name is taken"
                raise BadInput(msg)
            found[name] = loaded(group, point, accept)
        except BadInput as error:
            warnings.warn(str(error), PluginWarning, stacklevel=2)
    return found
