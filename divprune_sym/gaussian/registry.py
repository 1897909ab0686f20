"""Activations by name: ours, and those that installed packages offer."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.activation_names import FILES, SHAPES, family
from divprune_sym.gaussian.covariance import not_known
from divprune_sym.gaussian.families import erf, hermite, polynomial
from divprune_sym.gaussian.functions import Activation
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "divprune_sym.activations"


class PluginWarning(UserWarning):
    """An installed package offers an activation that cannot be used."""


def _found() -> dict[str, Activation]:
    """Those that the files in `gaussian/activations` hold, and two Hermite polynomials."""
    modules = [import_module(f"divprune_sym.gaussian.activations.{name}") for name in FILES]
    ours = [value for module in modules for value in vars(module).values() if isinstance(value, Activation)]
    return {one.name: one for one in (*ours, hermite(2), hermite(3))}


ACTIVATIONS: dict[str, Activation] = _found()


def activation(name: str) -> Activation:
    """The activation of a given name: one of ours, or a plug-in's (entry-point group `divprune_sym.activations`).

    Besides the names in `ACTIVATIONS`: "erf[2]" has gain 2, "he5" is He_5, "polynomial[0, 1, 1/2]" is u + u²/2.
    Only the plug-in of that name is imported.

    Raises
    ------
    BadInput
        Nobody offers it; the message names the nearest.
    """
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if (ours := family(name)) is not None:
        return _of_family(name, *ours)
    offered = {point.name: point for point in entry_points(group=GROUP)}
    found = _loaded(offered.pop(name)) if name in offered else None
    if found is None:
        raise BadInput(not_known("activation", name, [*ACTIVATIONS, *SHAPES, *offered]))
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
