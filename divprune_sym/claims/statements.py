"""Statements that are no relations between numbers, and means that statements speak of."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.logic.boolalg import BooleanFunction


def is_true(statement: Any) -> bool:
    """Whether SymPy has decided that a statement is true; a relation that it left standing is not."""
    return bool(statement == sp.true)


def is_false(statement: Any) -> bool:
    """Whether SymPy has decided that a statement is false."""
    return bool(statement == sp.false)


class Name(sp.Function):  # type: ignore[misc]
    """A name applied to arguments, which stands for what a claim says under `where`."""


class _Statement(BooleanFunction):  # type: ignore[misc]
    """A statement about expressions that SymPy leaves as it is."""

    @classmethod
    def eval(cls, *arguments: sp.Basic) -> None:
        """Never decided by SymPy."""


class UsesOnly(_Statement):
    """UsesOnly(equation, names): its right side has no arrays and symbols but these."""

    def _latex(self, printer: Any) -> str:
        return str(printer.doprint(self.args[0]))

    def _mathml_presentation(self, printer: Any) -> Any:
        return printer._print(self.args[0])


class ExactlyOneZero(_Statement):
    """Expressions have exactly one common zero: ExactlyOneZero(expressions, unknowns, ends of their intervals)."""

    def _latex(self, printer: Any) -> str:
        expressions, unknowns, _ = self.args
        return rf"\exists!\, {printer.doprint(unknowns)}: F_1 = \dots = F_{{{len(expressions)}}} = 0"


class TurnsOnce(_Statement):
    """TurnsOnce(f, x, a, b): f is negative below and positive above one place of [a, b], for a < x < b."""

    def _latex(self, printer: Any) -> str:
        f, x, low, high = map(printer.doprint, self.args)
        return rf"\exists\, {x}^* \in [{low}, {high}]:\ ({x} - {x}^*)\,({f}) > 0 \text{{ for }} {x} \ne {x}^*"


class OneInterval(_Statement):
    """OneInterval(f, x, a, b): f is positive inside one interval of (a, b), and negative outside its closure."""

    def _latex(self, printer: Any) -> str:
        f, x, low, high = map(printer.doprint, self.args)
        return (
            rf"\exists\, {low} < {x}_- < {x}_+ < {high}:\ {f} > 0 \text{{ for }} {x}_- < {x} < {x}_+,\ "
            rf"< 0 \text{{ outside }} [{x}_-, {x}_+]"
        )


class Mean(sp.Function):  # type: ignore[misc]
    """E[…] over jointly Gaussian fields u_a of mean 0 and covariance C_ab, positive definite."""

    nargs = 1

    def _latex(self, printer: Any) -> str:
        return rf"\mathrm{{E}}\left[{printer.doprint(self.args[0])}\right]"
