"""What relations entail, by exact arithmetic: linear in monomials, and by the signs of factors.

Sound, not complete: what it cannot tell, it does not claim. Relations are written as e > 0, e ≥ 0 or e = 0 with e a
polynomial; its monomials are taken for independent unknowns, with the products of pairs of premises as further
premises. A sum of premises that contradicts itself decides (Farkas); strict relations between integers are tightened.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations_with_replacement
from math import gcd, lcm
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.relational import Relational

from divprune_sym.claims.balls import precision, value
from divprune_sym.claims.domain import Domain
from divprune_sym.claims.programs import NotEvaluable, program_of
from divprune_sym.claims.statements import is_false, is_true

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sympy import Expr

_SIMPLE = 40  # operations of a relation that linear arithmetic may settle
_TINY = 1e-9
_LARGEST = 10_000  # denominator of a weight


@dataclass(frozen=True)
class _Line:
    """Σ coefficient·unknown + constant > 0, or ≥ 0."""

    terms: Mapping[Expr, Fraction]
    constant: Fraction
    strict: bool

    def plus(self, other: _Line, weight: Fraction) -> _Line:
        terms = dict(self.terms)
        for x, c in other.terms.items():
            total = terms.get(x, Fraction(0)) + weight * c
            terms.pop(x, None) if total == 0 else terms.update({x: total})
        return _Line(terms, self.constant + weight * other.constant, self.strict or other.strict)

    def key(self) -> tuple[object, ...]:
        return (frozenset(self.terms.items()), self.constant, self.strict)


def impossible(domain: Domain) -> bool:
    """Whether no point has all relations of a domain; False if it cannot be told."""
    unequal = next((r for r in domain.relations if isinstance(r, sp.Ne)), None)
    if unequal is not None:
        rest = Domain(tuple(r for r in domain.relations if r != unequal), domain.integers)
        below, above = (sign(unequal.lhs, unequal.rhs, evaluate=False) for sign in (sp.Lt, sp.Gt))
        return impossible(rest) or (impossible(rest & below) and impossible(rest & above))
    return _impossible(domain)


@cache
def _impossible(domain: Domain) -> bool:
    plain = _lines(domain, products=False)
    return _contradict(plain) or (len(domain.relations) <= 12 and _contradict(_lines(domain, products=True)))


def certain(goal: Relational, domain: Domain) -> bool:
    """Whether a relation holds everywhere in a domain; False if it cannot be told."""
    if is_true(goal) or goal in domain.relations or goal.reversed in domain.relations:
        return True
    if is_false(goal):
        return impossible(domain)
    if isinstance(goal, sp.Ne):
        return any(certain(sign(goal.lhs, goal.rhs, evaluate=False), domain) for sign in (sp.Lt, sp.Gt))
    if isinstance(goal, sp.Eq):
        return all(certain(sign(goal.lhs, goal.rhs, evaluate=False), domain) for sign in (sp.Le, sp.Ge))
    if goal.count_ops() < _SIMPLE and impossible(domain & goal.negated):
        return True
    gap = goal.gts - goal.lts
    wanted = sign(gap, domain)
    return wanted > 0 if isinstance(goal, (sp.Gt, sp.Lt)) else wanted > 0 or nonnegative(gap, domain)


@cache
def raised(domain: Domain, symbols: frozenset[sp.Symbol]) -> Domain:
    """The domain, with larger lower bounds for those positive integers whose least values it excludes."""
    for x in sorted(symbols, key=str):
        for least in (1, 2) if x.is_positive and domain.is_integer(x) else ():
            if not impossible(domain & sp.Eq(x, least, evaluate=False)):
                break
            domain &= sp.Ge(x, least + 1, evaluate=False)
    return domain


def covered(domain: Domain, parts: Iterable[Domain]) -> bool:
    """Whether parts fill a domain: no point of it misses a relation of each of them."""
    return _none_left(domain, list(parts))


def _none_left(rest: Domain, parts: list[Domain]) -> bool:
    if not parts:
        return impossible(rest)
    if impossible(rest):
        return True
    first, others = parts[0], parts[1:]
    return all(
        _none_left(rest & negated, others)
        for relation in first.relations
        if relation not in rest.relations
        for negated in _negations(relation)
    )


def _negations(relation: Relational) -> list[Relational]:
    if isinstance(relation, sp.Eq):
        return [sign(relation.lhs, relation.rhs, evaluate=False) for sign in (sp.Lt, sp.Gt)]
    return [relation.negated]


def without_roots(expression: Expr, domain: Domain) -> bool:
    """Whether a rational function of one symbol vanishes nowhere between its bounds in a domain; False if it is none.

    Its poles are not looked for.
    """
    symbols = expression.free_symbols
    if len(symbols) != 1 or not expression.is_rational_function(*symbols):
        return False
    (x,) = symbols
    polynomial = sp.Poly(sp.fraction(sp.together(expression))[0], x)
    if not all(c.is_Rational for c in polynomial.coeffs()):
        return False
    low, high = _bounds(x, domain)
    if low is not None and high is not None and low >= high:
        return bool(low > high or polynomial.eval(low) != 0)
    inside = polynomial.count_roots(low, high)
    at_ends = sum(polynomial.eval(end) == 0 for end in (low, high) if end is not None and _outside(x, end, domain))
    return bool(inside == at_ends)


def _bounds(x: sp.Symbol, domain: Domain) -> tuple[Expr | None, Expr | None]:
    """The largest number that x is above, and the least that it is below."""
    low: list[Expr] = [sp.S.Zero] if x.is_nonnegative else []
    high: list[Expr] = []
    for relation in domain.relations:
        if relation.free_symbols != {x} or not isinstance(relation, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
            continue
        gap = sp.expand(relation.gts - relation.lts)
        slope = gap.coeff(x)
        if not slope.is_Rational or not (rest := gap - slope * x).is_Rational:
            continue
        (low if slope > 0 else high).append(-rest / slope)
    return max(low, default=None), min(high, default=None)


def _outside(x: sp.Symbol, value: Expr, domain: Domain) -> bool:
    return bool(x.is_positive and value <= 0) or any(
        is_false(r.subs(x, value)) for r in domain.relations if r.free_symbols == {x}
    )


# --- signs of products --------------------------------------------------------------------------------


@cache
def sign(expression: Expr, domain: Domain) -> int:
    """The strict sign that an expression has everywhere in a domain: 1 or −1; 0 if it cannot be told."""
    result = 1
    for base, power in _factors(expression):
        own = _sign_of_factor(base, domain)
        if own == 0:
            return 0
        result *= own**power if isinstance(power, int) else 1
    return result


@cache
def nonnegative(expression: Expr, domain: Domain) -> bool:
    """Whether an expression is ≥ 0 everywhere in a domain; False if it cannot be told."""
    result, vanishes = 1, False
    for base, power in _factors(expression):
        strict = _sign_of_factor(base, domain)
        own = strict or _weak_sign(base, domain, power)
        if own == 0:
            return False
        vanishes |= not strict and power % 2 == 1 and _weak_sign(-base, domain, power) == own
        result *= own**power if isinstance(power, int) else 1
    return vanishes or result > 0


def _weak_sign(base: Expr, domain: Domain, power: int) -> int:
    if power < 0:
        return 0  # a zero there is a pole
    if power % 2 == 0:
        return 1
    if _holds(sp.Ge(base, 0, evaluate=False), domain):
        return 1
    return -1 if _holds(sp.Le(base, 0, evaluate=False), domain) else 0


@cache
def _factors(expression: Expr) -> tuple[tuple[Expr, int], ...]:
    whole = sp.factor(sp.together(sp.sympify(expression)))
    return tuple(
        (base, int(power)) if power.is_Integer else (base**power, 1)
        for base, power in (part.as_base_exp() for part in sp.Mul.make_args(whole))
    )


def _sign_of_factor(base: Expr, domain: Domain) -> int:
    if base.is_number:
        return _sign_of_number(base)
    if base.is_positive or (isinstance(base, sp.erfc) and base.args[0].is_real):
        return 1
    if base.is_negative:
        return -1
    if _holds(sp.Gt(base, 0, evaluate=False), domain):
        return 1
    if _holds(sp.Lt(base, 0, evaluate=False), domain):
        return -1
    if base.is_Pow and base.exp.is_Rational:
        return 1 if _sign_of_factor(base.base, domain) > 0 else 0
    return 0


def _sign_of_number(number: Expr) -> int:
    if number.is_Rational:
        return int(sp.sign(number))
    try:
        with precision():
            found = value(program_of(number), {})
    except NotEvaluable:
        return 0
    return 1 if found > 0 else -1 if found < 0 else 0


@cache
def _holds(goal: Relational, domain: Domain) -> bool:
    return goal in domain.relations or (goal.count_ops() < _SIMPLE and impossible(domain & goal.negated))


# --- elimination --------------------------------------------------------------------------------------


def _lines(domain: Domain, products: bool) -> list[_Line] | None:
    """The relations as lines; None if one of them is false on its face."""
    premises: list[tuple[Expr, bool]] = []
    equal: list[Expr] = []
    symbols = set(domain.symbols)
    for relation in domain.relations:
        if is_false(relation):
            return None
        if is_true(relation) or isinstance(relation, sp.Ne):
            continue
        if isinstance(relation, sp.Eq):
            equal.append(relation.lhs - relation.rhs)
        else:
            premises.append((relation.gts - relation.lts, isinstance(relation, (sp.Gt, sp.Lt))))
    premises = [_tight(*premise, domain) for premise in premises]
    premises += [(x, True) for x in symbols if x.is_positive]
    premises += [(x, False) for x in symbols if x.is_nonnegative and not x.is_positive]
    premises += [(x - 1, False) for x in symbols if x.is_positive and domain.is_integer(x)]
    premises += [(x, False) for x in _roots(domain)]
    if products:
        pairs = combinations_with_replacement(premises, 2)
        premises += [(_product(a, b), strict and also) for (a, strict), (b, also) in pairs]
        equal += [_product(a, x) for a in equal for x in symbols]
    lines = [_line(e, strict) for e, strict in premises]
    for e in equal:
        lines += [_line(e, False), _line(-e, False)]
    return [line for line in lines if line is not None]


def _roots(domain: Domain) -> list[Expr]:
    """The square roots in the relations: where these hold, they are real."""
    found = {x for relation in domain.relations for x in relation.atoms(sp.Pow) if x.exp == sp.S.Half}
    return sorted(found, key=str)


def _tight(expression: Expr, strict: bool, domain: Domain) -> tuple[Expr, bool]:
    """e > 0 is e ≥ 1 for integers."""
    if not strict:
        return expression, strict
    numbers = [sp.sympify(c) for c in sp.expand(expression).as_coefficients_dict().values()]
    if not all(c.is_Rational for c in numbers):
        return expression, strict
    scale = sp.Rational(lcm(*(int(c.q) for c in numbers)), gcd(*(int(c.p) for c in numbers)) or 1)
    scaled = sp.expand(scale * expression)
    return (scaled - 1, False) if domain.is_integer(scaled) else (expression, strict)


@cache
def _product(first: Expr, second: Expr) -> Expr:
    """Multiplied out; domains share most of their relations, so the same products come again."""
    return sp.expand(first * second)


@cache
def _line(expression: Expr, strict: bool) -> _Line | None:
    """A linear form in the monomials; None if a coefficient is not rational."""
    terms: dict[Expr, Fraction] = {}
    constant = Fraction(0)
    for monomial, coefficient in sp.expand(expression).as_coefficients_dict().items():
        number = sp.sympify(coefficient)
        if not number.is_Rational:
            return None
        if monomial == 1:
            constant += Fraction(int(number.p), int(number.q))
        else:
            terms[monomial] = Fraction(int(number.p), int(number.q))
    return _Line(terms, constant, strict)


def _contradict(lines: list[_Line] | None) -> bool:
    """Whether some sum of the lines, with weights ≥ 0, is a constant that contradicts them (Farkas).

    Floating-point linear programming proposes the weights; they are taken for fractions, and the sum is exact.
    """
    if lines is None:
        return True
    unique = list({line.key(): line for line in lines}.values())
    if any(not x.terms and (x.constant < 0 or (x.constant == 0 and x.strict)) for x in unique):
        return True
    rows = [line for line in unique if line.terms]
    return _bounds_cross(rows) or any(_contradicts(rows, weights) for weights in _proposals(rows))


def _bounds_cross(rows: Sequence[_Line]) -> bool:
    """Whether one linear form is bounded below by more than above; exact, however close the bounds are."""
    lowest: dict[object, tuple[Fraction, bool]] = {}
    highest: dict[object, tuple[Fraction, bool]] = {}
    for line in rows:
        first = line.terms[min(line.terms, key=str)]
        form = frozenset((x, c / first) for x, c in line.terms.items())
        # the larger bound from below, and of equal ones the strict one
        bound = -line.constant / first, line.strict
        if first > 0:
            lowest[form] = max(lowest.get(form, bound), bound)
        else:
            known = highest.get(form, bound)
            highest[form] = min(known, bound, key=lambda x: (x[0], not x[1]))
    return any(
        low > high or (low == high and (strict or also))
        for form, (low, strict) in lowest.items()
        if form in highest
        for high, also in [highest[form]]
    )


def _proposals(rows: list[_Line]) -> Iterator[list[float]]:
    if not rows:
        return
    from scipy.optimize import linprog

    unknowns = sorted({x for line in rows for x in line.terms}, key=str)
    balance = [[float(line.terms.get(x, 0)) for line in rows] for x in unknowns] + [[1.0] * len(rows)]
    target = [0.0] * len(unknowns) + [1.0]
    constants = [float(line.constant) for line in rows]
    least = linprog(constants, A_eq=balance, b_eq=target, method="highs-ds")
    if least.x is None or least.fun > _TINY:
        return
    yield list(least.x)
    if least.fun > -_TINY:
        strict = [-float(line.strict) for line in rows]
        yield from _solutions(linprog(strict, [constants], [_TINY], balance, target, method="highs-ds"))


def _solutions(found: Any) -> Iterator[list[float]]:
    if found.x is not None:
        yield list(found.x)


def _contradicts(rows: list[_Line], weights: Sequence[float]) -> bool:
    scale = max(weights)
    total = _Line({}, Fraction(0), False)
    for line, weight in zip(rows, weights, strict=True):
        exact = Fraction(weight / scale).limit_denominator(_LARGEST)
        if exact > 0:
            total = total.plus(line, exact)
    return not total.terms and (total.constant < 0 or (total.constant == 0 and total.strict))
