"""Where a statement is meant to hold: relations in its free symbols."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.relational import Relational

from divprune_sym.claims.statements import is_false, is_true
from divprune_sym.formulas.expressions import Vocabulary, parse
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sympy import Basic, Expr

_SIGNS = {"<=": sp.Le, ">=": sp.Ge, "≤": sp.Le, "≥": sp.Ge, "<": sp.Lt, ">": sp.Gt, "≠": sp.Ne, "!=": sp.Ne, "=": sp.Eq}
_SIGN = re.compile("(" + "|".join(_SIGNS) + ")")
_SORT = re.compile(r"(?P<names>\w+(?:\s*,\s*\w+)*)\s+(?P<sort>real|integers?)")


@dataclass(frozen=True)
class Domain:
    """A conjunction of relations, ends open or closed as written.

    A symbol that SymPy knows to be positive, nonnegative or an integer is so here too; any other one is real.

    Parameters
    ----------
    relations : sequence of Relational
    integers : set of Symbol
        Those that are integers by the domain, not by their own assumptions.
    """

    relations: tuple[Relational, ...] = ()
    integers: frozenset[sp.Symbol] = frozenset()

    @property
    def symbols(self) -> set[sp.Symbol]:
        """Every symbol that it speaks of."""
        return {x for relation in self.relations for x in relation.free_symbols} | self.integers

    def is_integer(self, x: Expr) -> bool:
        """Whether an expression has integer values here."""
        marked = {s: sp.Dummy(integer=True) for s in self.integers}
        return bool(x.xreplace(marked).is_integer)

    def __and__(self, other: Domain | Relational) -> Domain:
        """Both."""
        if isinstance(other, Domain):
            new = tuple(x for x in other.relations if x not in self.relations)
            return Domain(self.relations + new, self.integers | other.integers)
        if is_true(other):
            return self
        return self if other in self.relations else Domain((*self.relations, other), self.integers)

    def without(self, x: sp.Symbol) -> Domain:
        """The relations that do not speak of a symbol."""
        return Domain(tuple(r for r in self.relations if x not in r.free_symbols), self.integers - {x})

    def at(self, point: Mapping[sp.Symbol, Expr]) -> list[str]:
        """What keeps a point out: the relations, and the assumptions of symbols, that do not hold there."""
        outside = [str(r) for r in self.relations if not _holds_at(r, point)]
        for x, number in point.items():
            wanted = {"an integer": self.is_integer(x) and not number.is_integer}
            wanted |= {"positive": bool(x.is_positive) and not number.is_positive}
            wanted |= {"nonnegative": bool(x.is_nonnegative) and not number.is_nonnegative}
            outside += [f"{x} {name}" for name, missed in wanted.items() if missed]
        return outside

    def __str__(self) -> str:
        words = [_chained(r) for r in self.relations]
        named = sorted({str(x) for x in self.symbols if self.is_integer(x)})
        if named:
            words.append(f"{', '.join(named)} integer{'s' if len(named) > 1 else ''}")
        return ", ".join(words) or "everywhere"


def _holds_at(relation: Relational, point: Mapping[sp.Symbol, Expr]) -> bool:
    try:
        return is_true(relation.subs(dict(point)))
    except TypeError:  # SymPy's word for a side that has no value there
        return False


def _chained(relation: Relational) -> str:
    signs = {"<=": "≤", ">=": "≥", "!=": "≠", "==": "="}
    return f"{relation.lhs} {signs.get(relation.rel_op, relation.rel_op)} {relation.rhs}"


def between(low: Any, x: Expr, high: Any, closed: tuple[bool, bool] = (False, False)) -> list[Relational]:
    """The relations low < x < high, with ≤ at closed ends.

    Examples
    --------
    >>> import sympy as sp
    >>> between(0, sp.Symbol("p"), 1, (True, False))
    [p >= 0, p < 1]
    """
    first, second = sp.Ge if closed[0] else sp.Gt, sp.Le if closed[1] else sp.Lt
    return [first(x, low, evaluate=False), second(x, high, evaluate=False)]


def read(items: Iterable[Any], symbols: Iterable[sp.Symbol], what: str) -> Domain:
    """The domain that relations, and texts such as "0 < x < 1" or "k, M integers", spell.

    Parameters
    ----------
    items : iterable of Basic or str
    symbols : iterable of Symbol
        Those that it may speak of.
    what : str
        What refusals call it.

    Raises
    ------
    BadInput
        An item that is no relation, or speaks of another symbol.
    """
    known = set(symbols)
    by_name = {str(x): x for x in known}
    found = Domain()
    for item in items:
        found &= _of_text(item, by_name, what) if isinstance(item, str) else _of_relation(item, what)
    foreign = sorted(map(str, found.symbols - known))
    if foreign:
        msg = (
            f"{what}: {foreign[0]} is no free symbol of the statement; there are {', '.join(sorted(by_name)) or 'none'}"
        )
        raise BadInput(msg)
    return found


def _of_relation(item: Any, what: str) -> Domain:
    if is_true(item):
        return Domain()
    if isinstance(item, sp.And):
        parts = [_of_relation(part, what) for part in sorted(item.args, key=str)]
        return sum_of(parts)
    if isinstance(item, Relational):
        return Domain((item,))
    if isinstance(item, sp.Contains) and item.args[1] in (sp.S.Integers, sp.S.Reals):
        return Domain(integers=frozenset(item.args[:1]) if item.args[1] == sp.S.Integers else frozenset())
    msg = f"{what}: {item} is no relation; say in words under assumptions what is none"
    raise BadInput(msg)


def sum_of(domains: Iterable[Domain]) -> Domain:
    """All of them at once."""
    whole = Domain()
    for domain in domains:
        whole &= domain
    return whole


def _of_text(text: str, symbols: Mapping[str, sp.Symbol], what: str) -> Domain:
    sort = _SORT.fullmatch(text.strip())
    vocabulary = Vocabulary(f"{what}: {text!r}", symbols)
    if sort:
        found = [parse(name, vocabulary) for name in sort["names"].split(",")]
        return Domain(integers=frozenset(found) if sort["sort"] != "real" else frozenset())
    pieces = _SIGN.split(text)
    if len(pieces) == 1:
        msg = f"{what}: {text!r} is no relation; say in words under assumptions what is none"
        raise BadInput(msg)
    sides = [parse(piece, vocabulary) for piece in pieces[::2]]
    signs = [_SIGNS[sign] for sign in pieces[1::2]]
    return sum_of(Domain((sign(a, b, evaluate=False),)) for sign, a, b in zip(signs, sides, sides[1:], strict=False))


def conditions(condition: Basic) -> Sequence[tuple[Relational, ...]]:
    """A logical combination of relations as alternatives, each a conjunction."""
    flat = sp.to_dnf(condition)
    alternatives = flat.args if isinstance(flat, sp.Or) else (flat,)
    return [x.args if isinstance(x, sp.And) else (x,) for x in alternatives if not is_false(x)]
