"""What a claim may be made of, so that what a reader sees is what was checked.

A statement is read with the usual meaning of its symbols and functions. What could hide another meaning behind a usual
name is refused: symbols that SymPy knows more of than the claim says, two symbols of one name, functions of a class
that only a user's file knows, names that stand for something else than a name.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.function import AppliedUndef

from divprune_sym.claims.statements import Name
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sympy import Basic, Expr

_SORTS = ("integer", "positive", "nonnegative", "real")
_OURS = ("sympy", "divprune_sym")


def check(parts: Iterable[Basic], what: str) -> None:
    """Refuse expressions and statements that a reader would take for something else.

    Raises
    ------
    BadInput
        A function or statement of an unknown class, a decimal number, an imaginary or undefined one, a symbol of which
        SymPy assumes more than its sign and whether it is an integer, or two symbols of one name.
    """
    named: dict[str, sp.Symbol] = {}
    for part in parts:
        for node in _nodes(part):
            fault = _fault(node)
            if isinstance(node, sp.Symbol) and named.setdefault(node.name, node) != node:
                fault = "is the name of two symbols with different assumptions"
            if fault is not None:
                msg = f"{what}: {str(node)[:80]} {fault}"
                raise BadInput(msg)


def symbols(part: Basic) -> set[Basic]:
    """Its free symbols, without the labels of arrays."""
    return set(part.free_symbols) & set(_nodes(part))


def _nodes(part: Basic) -> Iterator[Basic]:
    """All of it but the labels of arrays and indices, which are printed with what they index."""
    walk = sp.preorder_traversal(part)
    for node in walk:
        if isinstance(node, (sp.IndexedBase, sp.Idx)):
            walk.skip()
        yield node


def _fault(node: Basic) -> str | None:
    if isinstance(node, AppliedUndef):
        return "is a function with assumptions" if node.func._kwargs else None
    if type(node).__module__.split(".")[0] not in _OURS:
        return f"is of the class {type(node).__name__}, which only its own file knows"
    if isinstance(node, sp.Float):
        return "is a decimal number; write a fraction"
    if node in (sp.I, sp.nan, sp.zoo):
        return "is no real number"
    if isinstance(node, sp.Symbol) and not _plain(node):
        return "has assumptions beyond integer, positive, nonnegative, real; write relations in the domain"
    return None


def _plain(x: sp.Symbol) -> bool:
    known = {sort: True for sort in _SORTS if getattr(x, f"is_{sort}")}
    return bool(sp.Dummy(**known).assumptions0 == x.assumptions0)


def assumed(parts: Iterable[Basic], stated: Iterable[Basic]) -> list[str]:
    """What SymPy takes for granted of symbols and array elements and no relation says, in words."""
    said = {x for relation in stated for x in relation.args}
    found = {x for part in parts for x in symbols(part) if isinstance(x, (sp.Symbol, sp.Indexed))}
    words = []
    for x in sorted(found, key=str):
        if x.is_positive and x not in said:
            words.append(f"{x} > 0")
        elif x.is_nonnegative and x not in said:
            words.append(f"{x} ≥ 0")
        if x.is_integer and x not in said:
            words.append(f"{x} integer")
    return words


def check_names(where: Mapping[Any, Any], what: str) -> None:
    """Refuse a definition of something that is no name: a number, or a function with a meaning of its own.

    Raises
    ------
    BadInput
    """
    for name in where:
        if not isinstance(name, (sp.Symbol, sp.Indexed, AppliedUndef, Name)):
            msg = f"{what}: {name} has a meaning already; only symbols and undefined functions can be given one"
            raise BadInput(msg)


def exact_point(at: Mapping[Any, Any], what: str) -> dict[sp.Symbol, Expr]:
    """A point from symbols and exact real numbers: whole numbers, fractions, numbers of SymPy.

    Raises
    ------
    BadInput
        A key that is no symbol, or a value of another kind; text is never read as a formula.
    """
    found = {}
    for x, value in at.items():
        exact = isinstance(value, (int, Fraction)) and not isinstance(value, bool)
        number = sp.Rational(value) if exact else value
        real = isinstance(number, sp.Expr) and number.is_number and number.is_real and not number.has(sp.Float)
        if not (isinstance(x, sp.Symbol) and real):
            msg = f"{what}: {x} = {value!r}: expected a symbol and an exact real number, such as Fraction(1, 2)"
            raise BadInput(msg)
        found[x] = number
    return found
