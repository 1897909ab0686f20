"""Whether the equations of a student and a teacher close, and which integral stops them if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from divprune_sym.dynamics.integrals import FORMAL, derivation_of
from divprune_sym.gaussian import NoClosedForm, integral
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    import sympy as sp

    from divprune_sym.dynamics.equations import System
    from divprune_sym.gaussian import Activation

_SECOND_ORDER = ("J2", "I4")
_SLOPES = (*_SECOND_ORDER, "I3")


def integrals_of(system: System) -> tuple[str, ...]:
    """The formal integrals a system is written with, by name."""
    used: set[type[sp.Function]] = set()
    for assignment in system.assignments:
        used |= {name for name in FORMAL.values() if assignment.rhs.has(name)}
    return tuple(name for name, formal in FORMAL.items() if formal in used)


def refuse_open(system: System, activation: Activation, teacher: Activation | None = None) -> None:
    """Refuse a system that has an integral without a closed form, or an infinite one.

    Raises
    ------
    BadInput
        The message names the integral, what stops it, and the limit of a small learning rate where that closes.
    """
    names = integrals_of(system)
    pair = f"{activation}{f' from {teacher}' if teacher else ''}"
    if any(name.startswith(_SLOPES) for name in names):
        # the noise in one node's own weights; no learning rate is small enough if it is infinite
        try:
            integral("J2(i,i)", activation)
        except NoClosedForm as refused:
            msg = f"equations of {pair}: the student's first layer cannot learn by gradient: {_plain(refused)}"
            raise BadInput(msg) from None
    for name in names:
        try:
            derivation_of(name, activation, teacher or activation)
        except NoClosedForm as refused:
            way_out = ""
            if name.startswith(_SECOND_ORDER):
                way_out = (
                    "; small_eta=True (--small-eta) takes the limit of a small learning rate, without the terms in η²"
                )
            msg = f"equations of {pair}: {_plain(refused)}{way_out}"
            raise BadInput(msg) from None


def _plain(refused: NoClosedForm) -> str:
    return str(refused).partition("; it enters with η² only")[0]
