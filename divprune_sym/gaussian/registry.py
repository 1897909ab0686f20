"""Activations by name: ours, and those that installed packages offer."""

from __future__ import annotations

import warnings
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.activation_names import SHAPES, family
from divprune_sym.gaussian.activation import Activation
from divprune_sym.gaussian.covariance import not_known
from divprune_sym.gaussian.erf import erf
from divprune_sym.gaussian.polynomial import hermite, polynomial
from divprune_sym.ground.checks import BadInput

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
    if (ours := family(name)) is not None:
        return _of_family(name, *ours)
    offered = {point.name: point for point in entry_points(group=GROUP)}
    found = _loaded(offered.pop(name)) if name in offered else None
    if found is None:
        raise BadInput(not_known("activation", name, [*built_in, *SHAPES, *offered]))
    return found


def _of_family(name: str, kind: str, texts: tuple[str, ...]) -> Activation:
    """Decimals are taken at their exact decimal value."""
    for text in texts:
        if not int(text.partition("/")[2] or 1):
            msg = f"activation {name!r}: {text} divides by zero"
            raise BadInput(msg)
    numbers = [sp.Rational(text) for text in texts]
    try:
        if kind == "he":
            return hermite(int(texts[0]))
        return erf(numbers[0]) if kind == "erf" else polynomial(numbers, name)
    except BadInput as refused:
        msg = f"activation {name!r}: {refused}"
        raise BadInput(msg) from None


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
