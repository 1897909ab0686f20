"""Activations by name or as objects, and how a cache on disk tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from divprune_sym.activation_names import is_ours
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation


def resolved(activation: str | Activation) -> Activation:
    """The activation that a name stands for, or the one given."""
    from divprune_sym import gaussian

    return gaussian.activation(activation) if isinstance(activation, str) else activation


def described(activation: str | Activation) -> str:
    """What tells an activation from all others: the name of one of ours, else its formula.

    Our names mean what our sources say, which the cache knows; SymPy is not imported for them.
    """
    if isinstance(activation, str) and is_ours(activation):
        return activation
    import sympy as sp

    known = resolved(activation)
    return f"{known.name}: {sp.srepr(known.formula(sp.Symbol('u', real=True)))}"


def checked_activation(where: str, value: Any) -> str | Activation:
    """A name that is known, or an Activation.

    Raises
    ------
    BadInput
        Neither; the message names the nearest.
    """
    if isinstance(value, str):
        if not is_ours(value):
            resolved(value)
        return value
    from divprune_sym.gaussian import Activation

    if not isinstance(value, Activation):
        msg = f"{where} = {value!r}: expected a name or an Activation"
        raise BadInput(msg)
    return value
