"""Steps of symbolic proofs: each a relation that SymPy confirms here, and that links can use.

A step that a family makes up itself, `Step(says, holds)`, is read by people only: it entails nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.claims.domain import Domain
from divprune_sym.claims.links import Fact
from divprune_sym.claims.special import without_moments

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Step:
    """One step of a proof, in words.

    Parameters
    ----------
    says : str
    holds : bool
        Whether it came out.
    """

    says: str
    holds: bool


@dataclass(frozen=True)
class Confirmed(Step):
    """A step that was checked where it was made; only the functions of this package make such.

    Parameters
    ----------
    fact : Fact
        What it shows if it holds.
    """

    fact: Fact


def vanishes(expression: Expr) -> bool:
    """Whether SymPy simplifies an expression to 0."""
    # erfc and erf meet only when written alike
    expanded = sp.expand(without_moments(sp.sympify(expression)).rewrite(sp.erf))
    # what is rational needs no search for identities
    rational = expanded == 0 or (expanded.is_rational_function() and sp.cancel(expanded) == 0)
    return bool(rational or sp.simplify(expanded) == 0)


def is_zero(says: str, expression: Expr, at: Mapping[Expr, Expr] | None = None) -> Step:
    """A step that holds if SymPy simplifies an expression to 0, where symbols have the values `at`."""
    return same(says, expression, sp.Integer(0), at)


def same(says: str, first: Expr, second: Expr, at: Mapping[Expr, Expr] | None = None) -> Step:
    """A step that holds if the difference of two expressions simplifies to 0, where symbols have the values `at`."""
    holds = vanishes((first - second).subs(dict(at or {}), simultaneous=True))
    return Confirmed(says, holds, Fact(sp.Eq(first, second, evaluate=False), equal(at)))


def limit(says: str, expression: Expr, x: sp.Symbol, to: Expr, value: Expr) -> Step:
    """A step that holds if an expression has this limit."""
    found = sp.limit(expression, x, to)
    return Confirmed(says, vanishes(found - value), Fact(sp.Eq(sp.Limit(expression, x, to), value, evaluate=False)))


def nonnegative(says: str, expression: Expr, shift: Mapping[Expr, Expr], at: Mapping[Expr, Expr] | None = None) -> Step:
    """A step: ≥ 0, because after a shift to variables ≥ 0 all coefficients of numerator and denominator are.

    It holds where each of the new variables, as a function of the old ones, is ≥ 0.

    Parameters
    ----------
    says : str
    expression : Expr
        Rational.
    shift : mapping of Symbol to Expr
        Every variable in new ones, declared nonnegative.
    at : mapping of Symbol to Expr, optional
        Variables that have these values, in the other ones.
    """
    numerator, denominator = _shifted(expression, shift, at)
    holds = all(c >= 0 for c in _coefficients(numerator)) and _positive(denominator)
    return Confirmed(says, holds, Fact(sp.Ge(expression, 0, evaluate=False), _where(shift) & equal(at)))


def positive(says: str, expression: Expr, shift: Mapping[Expr, Expr], at: Mapping[Expr, Expr] | None = None) -> Step:
    """A step: > 0, because moreover the numerator's constant coefficient is."""
    numerator, denominator = _shifted(expression, shift, at)
    holds = _positive(numerator) and _positive(denominator)
    return Confirmed(says, holds, Fact(sp.Gt(expression, 0, evaluate=False), _where(shift) & equal(at)))


def equal(values: Mapping[Expr, Expr] | None) -> Domain:
    """Where symbols have these values."""
    return Domain(tuple(sp.Eq(x, value, evaluate=False) for x, value in (values or {}).items()))


def _where(shift: Mapping[Expr, Expr]) -> Domain:
    """The new variables ≥ 0, in the old ones."""
    new = sorted({x for value in shift.values() for x in value.free_symbols} - set(shift), key=str)
    old = {x: sp.Dummy(x.name) for x in shift}  # an old one may have a new one's name
    (back,) = sp.solve([old[x] - value for x, value in shift.items()], new, dict=True)
    named = {dummy: x for x, dummy in old.items()}
    return Domain(tuple(sp.Ge(back[x].xreplace(named), 0, evaluate=False) for x in new))


def _shifted(expression: Expr, shift: Mapping[Expr, Expr], at: Mapping[Expr, Expr] | None = None) -> tuple[Expr, Expr]:
    there = expression.subs(dict(at or {}), simultaneous=True)
    shifted = sp.cancel(sp.together(there.subs(dict(shift), simultaneous=True)))
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
