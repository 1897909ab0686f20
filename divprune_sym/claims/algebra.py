"""Small symbolic tools that proofs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.claims.evidence import Step

if TYPE_CHECKING:
    from collections.abc import Mapping


def nonnegative(says: str, expression: Expr, shift: Mapping[Expr, Expr]) -> Step:
    """A step: ≥ 0, because after a shift to variables ≥ 0 all coefficients of numerator and denominator are.

    Parameters
    ----------
    says : str
    expression : Expr
        Rational.
    shift : mapping of Symbol to Expr
        Every variable in new ones, declared nonnegative.
    """
    numerator, denominator = _shifted(expression, shift)
    holds = all(c >= 0 for c in _coefficients(numerator)) and _positive(denominator)
    return Step(says, holds)


def positive(says: str, expression: Expr, shift: Mapping[Expr, Expr]) -> Step:
    """A step: > 0, because moreover the numerator's constant coefficient is."""
    numerator, denominator = _shifted(expression, shift)
    return Step(says, _positive(numerator) and _positive(denominator))


def _shifted(expression: Expr, shift: Mapping[Expr, Expr]) -> tuple[Expr, Expr]:
    shifted = sp.cancel(sp.together(expression.subs(dict(shift), simultaneous=True)))
    if not all(x.is_nonnegative for x in shifted.free_symbols):
        msg = f"not declared nonnegative: {shifted.free_symbols}"
        raise ValueError(msg)
    numerator, denominator = sp.fraction(shifted)
    # cancel may leave the sign below the line
    return (-numerator, -denominator) if _coefficients(denominator)[0] < 0 else (numerator, denominator)


def _coefficients(expression: Expr) -> list[Expr]:
    symbols = sorted(expression.free_symbols, key=str)
    return sp.Poly(expression, *symbols).coeffs() if symbols else [expression]


def _positive(expression: Expr) -> bool:
    at_zero = expression.subs(dict.fromkeys(expression.free_symbols, 0))
    return bool(all(c >= 0 for c in _coefficients(expression)) and at_zero > 0)
