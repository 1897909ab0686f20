"""Activations by name: ours, and those that installed packages offer."""

from __future__ import annotations

import warnings
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from divprune_sym.checks import BadInput
from divprune_sym.gaussian.activation import Activation
from divprune_sym.gaussian.covariance import not_known

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

GROUP = "divprune_sym.activations"


class PluginWarning(UserWarning):
    """An installed package offers an activation that cannot be used."""


def activation_named(name: str, built_in: Mapping[str, Activation]) -> Activation:
    """An activation of ours, or of a plug-in; only the plug-in of that name is imported."""
    if name in built_in:
        return built_in[name]
    offered = {point.name: point for point in entry_points(group=GROUP)}
    found = _loaded(offered.pop(name)) if name in offered else None
    if found is None:
        raise BadInput(not_known("activation", name, [*built_in, *offered]))
    return found


def _loaded(point: EntryPoint) -> Activation | None:
    """What the entry point leads to: an Activation, or a class or function that makes one."""
    try:
        found = point.load()
        found = found if isinstance(found, Activation) else found()
    except Exception as error:  # whatever a plug-in raises is its own failure, not ours
        problem = f"{type(error).__name__}: {error}"
    else:
        if isinstance(found, Activation):
            return found
        problem = f"{type(found).__name__} is no Activation"
    warnings.warn(f"activation {point.name!r} of {point.value} cannot be used: {problem}", PluginWarning, stacklevel=4)
    return None
