"""Whether what evidence shows entails a statement on a domain: checked here, or not taken for granted.

A fact is a statement on a domain. A statement is taken apart into relations, each on its part of the domain; each must
follow from facts whose domains cover that part: the same relation up to a factor of known sign, or up to a summand of
known sign. Longer ways from facts to facts are `rules`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise, product
from typing import TYPE_CHECKING
from zlib import crc32

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.core.relational import Relational

from divprune_sym.claims.arithmetic import certain, covered, impossible, nonnegative, raised, sign, without_roots
from divprune_sym.claims.domain import Domain, conditions
from divprune_sym.claims.statements import Mean, is_true

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sympy import Basic, Expr

_LONG = 100  # characters of a statement in a message
_CLOSE = 1e-9
_FACTOR = 40  # operations of what may stand between two relations


class NotEntailed(ArithmeticError):
    """A link that the machine cannot check; the message says which."""


@dataclass(frozen=True)
class Fact:
    """A statement that has been shown on a domain.

    Parameters
    ----------
    statement : Basic
    domain : Domain
    """

    statement: Basic
    domain: Domain = field(default_factory=Domain)

    def __str__(self) -> str:
        return f"{short(self.statement)} on {self.domain}"


def short(statement: Basic) -> str:
    """A statement in so many characters that it can be read."""
    text = str(statement)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def entail(facts: Sequence[Fact], statement: Basic, domain: Domain) -> None:
    """Check that facts entail a statement on a domain.

    Raises
    ------
    NotEntailed
        Some part of the statement, on some part of the domain, follows from none of them.
    """
    for part, where in obligations(statement, domain):
        _entail_part(facts, part, where)


def _entail_part(facts: Sequence[Fact], part: Basic, where: Domain) -> None:
    check_defined(part, where)
    if isinstance(part, Relational) and {part, part.reversed} & set(where.relations):
        return
    if any(fact.statement == part and not fact.domain.relations for fact in facts):
        return
    if isinstance(part, Relational) and not part.free_symbols and certain(part, where):
        return
    used = []
    for fact in _likely(facts, part):
        together = where & fact.domain
        if not impossible(together) and follows(fact.statement, part, together):
            used.append(fact.domain)
            if covered(where, used):
                return
    if impossible(where):
        return
    if not used:
        shown = "; ".join(map(str, facts[:3])) + ("; …" if len(facts) > 3 else "")
        msg = f"nothing shows {short(part)} on {where}: the evidence shows {shown or 'nothing'}"
        raise NotEntailed(msg)
    at = _gap(where, used)
    place = "" if at is None else ", not at " + ", ".join(f"{x} = {y}" for x, y in at.items())
    shown = "; ".join(map(str, dict.fromkeys(map(str, used))))
    msg = f"{short(part)} is wanted on {where} and shown on {shown} only{place}"
    raise NotEntailed(msg)


def check_defined(part: Basic, where: Domain) -> None:
    """Refuse a relation where a denominator may vanish; what has functions in it is shown with the relation itself."""
    if not isinstance(part, Relational) or part.has(Mean, ExprWithLimits):
        return
    for x in part.atoms(sp.Pow):
        if x.exp.is_negative and not x.base.has(sp.Function, sp.Indexed) and not _never_zero(x.base, where):
            msg = f"whether {short(x.base)} vanishes on {where} is not known"
            raise NotEntailed(msg)


@cache
def _never_zero(base: Expr, where: Domain) -> bool:
    base = base.subs(_known(where), simultaneous=True)
    if not base.free_symbols:
        return sign(base, where) != 0
    return without_roots(base, where) or any(
        sign(base, x) != 0 or certain(sp.Ne(base, 0, evaluate=False), x)
        for x in (where, raised(where, frozenset(base.free_symbols)))
    )


def _known(domain: Domain) -> dict[sp.Symbol, Expr]:
    """Symbols that a domain gives a value, in the other ones."""
    known = {x.lhs: x.rhs for x in domain.relations if isinstance(x, sp.Eq) and isinstance(x.lhs, sp.Symbol)}
    return {} if set(known) & {x for value in known.values() for x in value.free_symbols} else known


def _likely(facts: Sequence[Fact], part: Basic) -> list[Fact]:
    """Those worth a try, equal ones first."""
    symbols = part.free_symbols
    arcs = part.has(sp.asin)
    found = [x for x in facts if x.statement == part or (x.statement.has(sp.asin) == arcs and _about(x, symbols))]
    return sorted(dict.fromkeys(found), key=lambda x: x.statement != part)


def _about(fact: Fact, symbols: set[sp.Symbol]) -> bool:
    own = fact.statement.free_symbols
    return bool(own & symbols and (own <= symbols or own >= symbols))


def _gap(where: Domain, parts: Sequence[Domain]) -> Mapping[Expr, Expr] | None:
    """A point of a domain that none of its parts has, if one is at hand."""
    symbols = sorted(where.symbols, key=str)
    numbers = {n for d in (where, *parts) for r in d.relations for n in r.atoms(sp.Rational)}
    ends = sorted(numbers | {sp.Integer(0), sp.Integer(1), sp.Integer(2)})
    places = sorted({*ends, *((a + b) / 2 for a, b in pairwise(ends))})
    for values in product(places, repeat=min(len(symbols), 3)):
        point = dict(zip(symbols, values, strict=False))
        if not where.at(point) and all(part.at(point) for part in parts):
            return point
    return None


# --- taking a statement apart -------------------------------------------------------------------------


def obligations(statement: Basic, domain: Domain) -> Iterator[tuple[Basic, Domain]]:
    """Relations, each with its part of the domain, that together are the statement."""
    if is_true(statement):
        return
    if isinstance(statement, sp.And):
        for part in sorted(statement.args, key=str):
            yield from obligations(part, domain)
    elif isinstance(statement, sp.Implies):
        yield from _under(statement.args[0], statement.args[1], domain)
    elif isinstance(statement, sp.Equivalent):
        first, second = _plain_first(statement.args)
        yield from _under(second, first, domain)
        yield from _under(sp.Not(second), sp.Not(first), domain)
    elif isinstance(statement, sp.Or):
        *others, last = sorted(statement.args, key=str)
        yield from _under(sp.And(*map(sp.Not, others)), last, domain)
    elif isinstance(statement, Relational) and (cases := _open_cases(statement)):
        yield from _branches(statement, cases, domain)
    else:
        yield statement, domain


def _plain_first(sides: Sequence[Basic]) -> Sequence[Basic]:
    """The side that is one relation, and the condition for it."""
    return sorted(sides, key=lambda side: (not isinstance(side, Relational), -sp.count_ops(side)))


def _under(condition: Basic, conclusion: Basic, domain: Domain) -> Iterator[tuple[Basic, Domain]]:
    for relations in conditions(condition):
        where = _restricted(domain, relations)
        if not impossible(where):
            yield from obligations(conclusion, where)


def _open_cases(statement: Relational) -> sp.Piecewise | None:
    """Its smallest Piecewise, but for those under a sum or a limit, whose conditions may speak of a bound symbol."""
    plain = statement.replace(lambda x: isinstance(x, ExprWithLimits | sp.Limit), lambda x: sp.Dummy())
    return min(plain.atoms(sp.Piecewise), key=sp.count_ops, default=None)


def _branches(statement: Relational, cases: sp.Piecewise, domain: Domain) -> Iterator[tuple[Basic, Domain]]:
    """One relation for each branch."""
    earlier: list[Basic] = []
    for value, condition in cases.args:
        branch = statement.func(*(side.xreplace({cases: value}) for side in statement.args), evaluate=False)
        yield from _under(sp.And(*map(sp.Not, earlier), condition), branch, domain)
        earlier.append(condition)


def _restricted(domain: Domain, relations: Iterable[Basic]) -> Domain:
    for relation in relations:
        domain &= relation
    return domain


# --- from one relation to another ---------------------------------------------------------------------


@cache
def follows(shown: Basic, wanted: Basic, domain: Domain) -> bool:
    """Whether one relation entails another at every point of a domain; False if it cannot be told."""
    if shown == wanted:
        return True
    if not (isinstance(shown, Relational) and isinstance(wanted, Relational)):
        return False
    known = _known(domain)
    if known:
        shown, wanted = (
            relation.func(*(side.subs(known, simultaneous=True) for side in relation.args), evaluate=False)
            for relation in (shown, wanted)
        )
    if isinstance(wanted, (sp.Eq, sp.Ge, sp.Le)) and _difference(*wanted.args) == 0:
        return True
    if isinstance(wanted, sp.Ne):
        return any(follows(shown, strict(wanted.lhs, wanted.rhs, evaluate=False), domain) for strict in (sp.Lt, sp.Gt))
    if isinstance(wanted, sp.Eq):
        return isinstance(shown, sp.Eq) and _factor(_gap_of(wanted), _gap_of(shown), domain) != 0
    if isinstance(shown, sp.Ne):
        return False
    strict = isinstance(wanted, (sp.Gt, sp.Lt))
    have, want = _gap_of(shown), _gap_of(wanted)
    if isinstance(shown, sp.Eq):
        return (not strict and _factor(want, have, domain) != 0) or any(
            _summand(want, side * have, domain, strict) for side in (1, -1)
        )
    if strict and not isinstance(shown, (sp.Gt, sp.Lt)):
        return _summand(want, have, domain, strict)
    if not strict and _multiple(want, have, domain):
        return True
    return _factor(want, have, domain) > 0 or _summand(want, have, domain, strict=False)


def _gap_of(relation: Relational) -> Expr:
    """What is > 0, ≥ 0 or = 0."""
    return relation.lhs - relation.rhs if isinstance(relation, (sp.Eq, sp.Ne)) else relation.gts - relation.lts


def _factor(want: Expr, have: Expr, domain: Domain) -> int:
    """The sign of want/have, 0 if it cannot be told."""
    ratio = _quotient(want, have)
    return 0 if ratio is None or ratio.count_ops() > _FACTOR else sign(ratio, domain)


def _multiple(want: Expr, have: Expr, domain: Domain) -> bool:
    """Whether want/have is ≥ 0."""
    ratio = _quotient(want, have)
    return ratio is not None and ratio.count_ops() <= _FACTOR and nonnegative(ratio, domain)


def _summand(want: Expr, have: Expr, domain: Domain, strict: bool) -> bool:
    """Whether want − have is ≥ 0, or > 0."""
    if have == 0 or (not want.has(sp.Function) and want.count_ops() + have.count_ops() > 2 * _FACTOR):
        return False
    rest = _difference(want, have)
    if rest is None or rest.count_ops() > _FACTOR:
        return False
    return sign(rest, domain) > 0 if strict else nonnegative(rest, domain)


@cache
def _quotient(want: Expr, have: Expr) -> Expr | None:
    """want/have, where it is rational but for factors that both have."""
    if want == have:
        return sp.Integer(1)
    if have == 0:
        return None
    top, bottom = _alike(want, have)
    if bottom.args[0] == 0:
        return None
    back = dict((*top.args[1], *bottom.args[1]))
    if not any(isinstance(x, sp.Function) for x in back.values()):
        return (_factored(top.args[0]) / _factored(bottom.args[0])).xreplace(back)
    if not _one_ratio(top, bottom):
        return None
    return _real(sp.cancel(sp.together(top.args[0] / bottom.args[0])), back)


@cache
def _factored(plain: Expr) -> Expr:
    """So that what two sides share cancels in their quotient: each is factored once, whatever it is compared with."""
    return sp.factor(sp.together(plain))


def _one_ratio(top: sp.Tuple, bottom: sp.Tuple) -> bool:
    """Whether the ratio stays as it is when the functions take other values; by chance at worst."""
    ratios = []
    for shift in (3, 5):
        above, below = _by_chance(top, shift), _by_chance(bottom, shift)
        if below == 0 or not (above.is_Float and below.is_Float):
            return True  # cannot be told so
        ratios.append(above / below)
    return bool(abs(ratios[0] - ratios[1]) <= _CLOSE * abs(ratios[0]))


@cache
def _by_chance(side: sp.Tuple, shift: int) -> Expr:
    """A side's value where each symbol has one that goes with its name, and those for functions are shifted."""
    plain, stands_for = side.args
    functions = {dummy for dummy, x in stands_for if isinstance(x, sp.Function)}
    places = {x: crc32(str(x).encode()) % 89 for x in plain.free_symbols}
    values = {
        x: sp.Float((n * shift) % 89 + shift) / 97 if x in functions else sp.Float(n + 2) / 97
        for x, n in places.items()
    }
    return plain.subs(values)


@cache
def _difference(want: Expr, have: Expr) -> Expr | None:
    """want − have, where no function is left in it."""
    first, second = _alike(want, have)
    rest = _real(sp.expand(first.args[0] - second.args[0]), dict((*first.args[1], *second.args[1])))
    return None if rest is None else sp.factor(sp.together(rest))


def _alike(want: Expr, have: Expr) -> tuple[sp.Tuple, sp.Tuple]:
    """Both without functions; a symbol whose root is in one of them is the root's square in both."""
    sides = _without_functions(want), _without_functions(have)
    squares = {x.base: root**2 for side in sides for root, x in side.args[1] if x.is_Pow and x.base.is_Symbol}
    if not squares or any(side.has(sp.Derivative, sp.Subs) for side in sides):
        return sides
    first, second = (sp.Tuple(side.args[0].xreplace(squares), side.args[1]) for side in sides)
    return first, second


def equal(first: Expr, second: Expr) -> bool:
    """Whether two expressions are the same, as far as expanding tells."""
    return _difference(first, second) == 0


@cache
def _without_functions(side: Expr) -> sp.Tuple:
    """A side with a symbol for every function, root and constant; the way back comes with it."""
    whole = sp.powsimp(sp.expand(_normal(side)))
    opaque = {x for x in whole.atoms(sp.Function, sp.Pow, sp.NumberSymbol) if not (x.is_Pow and x.exp.is_Integer)}
    roots = {x: sp.sqrt(x.base) for x in opaque if x.is_Pow and (2 * x.exp).is_Integer}
    outer = {x: _stand_in(roots[x]) ** (2 * x.exp) if x in roots else _stand_in(x) for x in opaque}
    back = {_stand_in(x): x for x in (roots.get(x, x) for x in opaque)}
    return sp.Tuple(whole.xreplace(outer), sp.Tuple(*[sp.Tuple(dummy, x) for dummy, x in back.items()]))


@cache
def _stand_in(x: Expr) -> sp.Dummy:
    """The symbol for a function, root or constant, the same on all sides."""
    return sp.Dummy(str(x), positive=x.is_positive)


@cache
def _normal(side: Expr) -> Expr:
    """Functions of fractions in lowest terms, so that equal ones are written alike."""
    for function in (sp.erfinv, sp.exp, sp.asin):
        side = side.replace(function, lambda x, own=function: own(sp.cancel(sp.together(sp.expand(x)))))
    return side


def _real(expression: Expr, back: Mapping[sp.Basic, sp.Basic]) -> Expr | None:
    """The expression in its own symbols; None where a function is left that has no known sign."""
    left = expression.free_symbols & set(back)
    if any(isinstance(back[x], sp.Function) for x in left):
        return None
    return expression.xreplace(dict(back))
