"""Activations by name: ours, and those that installed packages offer."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import sympy as sp

from divprune_sym.activation_names import FILES, SHAPES, family
from divprune_sym.gaussian.covariance import not_known
from divprune_sym.gaussian.families import erf, hermite, polynomial
from divprune_sym.gaussian.functions import Activation
from divprune_sym.ground import plugins
from divprune_sym.ground.checks import BadInput


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
        Nobody offers it, or the plug-in that does cannot be used.
    """
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if (ours := family(name)) is not None:
        return _of_family(name, *ours)
    offered = plugins.offered(plugins.ACTIVATIONS)
    if name not in offered:
        raise BadInput(not_known("activation", name, [*ACTIVATIONS, *SHAPES, *offered]))
    return plugins.loaded(plugins.ACTIVATIONS, offered[name], _accepted)


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


def _accepted(found: Any, where: str) -> Activation:
    """An Activation, or what a class or function without arguments makes."""
    found = found if isinstance(found, Activation) else found()
    if not isinstance(found, Activation):
        msg = f"{where}: {type(found).__name__} is no Activation"
        raise BadInput(msg)
    return found
