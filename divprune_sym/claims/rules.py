"""Ways from facts to facts: each a theorem whose premises the machine checks.

A rule, given a statement and its domain, names the premises that entail it, or refuses. `Follows` is the evidence that
applies it: its premises must be entailed by what the evidence before it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import sympy as sp
from sympy.core.relational import Relational

from divprune_sym.claims.arithmetic import certain, impossible, sign
from divprune_sym.claims.claim import Bench, Claim, Finding, Kind
from divprune_sym.claims.domain import Domain
from divprune_sym.claims.expansion import NotSmooth, check_smooth, coefficients
from divprune_sym.claims.few_kept import FewKept
from divprune_sym.claims.links import Fact, NotEntailed, check_defined, entail, equal, follows, short
from divprune_sym.claims.special import without_moments
from divprune_sym.claims.statements import Mean, OneInterval, TurnsOnce, is_true
from divprune_sym.claims.steps import vanishes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sympy import Basic, Expr


_SHORT = 40  # operations


class Rule(Protocol):
    """A theorem of inference."""

    @property
    def says(self) -> str:
        """The theorem in a few words."""

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """What has to be shown for a statement on a domain to follow.

        Raises
        ------
        NotEntailed
            The theorem says nothing of such a statement.
        """


@dataclass(frozen=True)
class Follows:
    """A statement on a domain that follows, by a rule, from what the evidence before it shows.

    Parameters
    ----------
    statement : Basic
    domain : Domain
    rule : Rule
    """

    statement: Basic
    domain: Domain
    rule: Rule

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Check the premises of the rule."""
        fact = Fact(self.statement, self.domain)
        if type(self.rule) not in RULES or type(self.domain) is not Domain:
            return Finding(Kind.SYMBOLIC, False, f"{type(self.rule).__name__} is no known rule: it shows nothing")
        try:
            for premise in self.rule.premises(self.statement, self.domain):
                _shown(premise, known)
        except NotEntailed as error:
            return Finding(Kind.SYMBOLIC, False, f"{self.rule.says}: {error}", shows=self.statement)
        return Finding(Kind.SYMBOLIC, True, f"{self.rule.says}; on {self.domain}", shows=self.statement, facts=(fact,))


def _shown(premise: Fact, known: Sequence[Fact]) -> None:
    """What is short may hold by arithmetic alone."""
    statement, domain = premise.statement, premise.domain
    try:
        entail(known, statement, domain)
    except NotEntailed:
        check_defined(statement, domain)
        if not (isinstance(statement, Relational) and statement.count_ops() < _SHORT and certain(statement, domain)):
            raise


# --- the rules ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arithmetic:
    """A relation that the domain entails by exact arithmetic: linear in monomials, or by the signs of factors."""

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return "by arithmetic on the domain"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """None."""
        _inside(statement, domain)
        return []


@dataclass(frozen=True)
class Ends:
    """A relation whose two sides are linear in x holds between two values of x if it holds at both."""

    x: sp.Symbol
    low: Expr
    high: Expr

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"linear in {self.x}, so its values at {self.x} = {self.low} and {self.high} decide"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The relation at both ends, whatever the other symbols are."""
        relation = _relation(statement)
        if not (gap(relation).is_polynomial(self.x) and vanishes(sp.diff(gap(relation), self.x, 2))):
            msg = f"{short(statement)} is not linear in {self.x}"
            raise NotEntailed(msg)
        for bound in (sp.Ge(self.x, self.low, evaluate=False), sp.Le(self.x, self.high, evaluate=False)):
            _inside(bound, domain)
        rest = domain.without(self.x)
        return [Fact(_at(relation, {self.x: end}), rest) for end in (self.low, self.high)]


@dataclass(frozen=True)
class At:
    """What holds for all values in a domain holds for expressions whose values lie in it.

    Parameters
    ----------
    values : mapping of Symbol to Expr
    general : Fact
        The statement in the symbols that take these values.
    """

    values: Mapping[sp.Symbol, Expr]
    general: Fact

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return "with " + ", ".join(f"{x} = {y}" for x, y in self.values.items())

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The general statement on its own domain, in which the values lie."""
        if not isinstance(self.general.statement, Relational):
            msg = f"{short(self.general.statement)} is no relation"
            raise NotEntailed(msg)
        for x, value in self.values.items():
            if value.has(sp.I) or not isinstance(x, sp.Symbol):
                msg = f"{x} = {value} is no real value of a symbol"
                raise NotEntailed(msg)
        special = _at(self.general.statement, self.values)
        if not follows(special, statement, domain):
            msg = f"{short(self.general.statement)} at these values is {short(special)}"
            raise NotEntailed(msg)
        found = [Fact(_at(relation, self.values), domain) for relation in self.general.domain.relations]
        for x in self.general.domain.symbols | set(self.values):
            value = self.values.get(x, x)
            if self.general.domain.is_integer(x) and not domain.is_integer(value):
                msg = f"{x} = {value} is not known to be an integer"
                raise NotEntailed(msg)
            if x.is_positive:
                found.append(Fact(sp.Gt(value, 0, evaluate=False), domain))
            elif x.is_nonnegative:
                found.append(Fact(sp.Ge(value, 0, evaluate=False), domain))
        return [self.general, *found]


@dataclass(frozen=True)
class Equal:
    """A statement about symbols that have known values on its domain is one about these values.

    Parameters
    ----------
    values : mapping of Symbol to Expr
    """

    values: Mapping[sp.Symbol, Expr]

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return "where " + ", ".join(f"{x} = {y}" for x, y in self.values.items())

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The statement with the values put in."""
        _relation(statement)
        for x, value in self.values.items():
            if value.has(sp.I) or not isinstance(x, sp.Symbol):
                msg = f"{x} = {value} is no real value of a symbol"
                raise NotEntailed(msg)
            _inside(sp.Eq(x, value, evaluate=False), domain)
        return [Fact(_at(statement, self.values), domain)]


@dataclass(frozen=True)
class Slope:
    """f ≥ 0 at x = start and f' > 0 from there on (or f' < 0 up to there) give f > 0 beyond (before) it.

    Parameters
    ----------
    x : Symbol
    start : Expr
    """

    x: sp.Symbol
    start: Expr

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"from its value at {self.x} = {self.start} by the sign of the derivative"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The value at the start, and the sign of the derivative between it and x."""
        relation = _relation(statement)
        f, side = gap(relation), self._side(domain)
        _smooth(f, self.x, domain)
        first = f.subs(self.x, self.start)
        if not first.is_finite and first.has(sp.nan, sp.zoo, sp.oo):
            msg = f"{short(statement)} has no value at {self.x} = {self.start}"
            raise NotEntailed(msg)
        strict = isinstance(relation, (sp.Gt, sp.Lt))
        sign = sp.Gt if strict else sp.Ge
        slope = sign(side * sp.diff(f, self.x), 0, evaluate=False)
        return [Fact(sp.Ge(first, 0, evaluate=False), domain.without(self.x)), Fact(slope, domain)]

    def _side(self, domain: Domain) -> int:
        """Whether x runs upward (1) or downward (−1) from the start; every step of the way must be in the domain."""
        for side, beyond in ((1, sp.Gt), (-1, sp.Lt)):
            if certain(beyond(self.x, self.start, evaluate=False), domain):
                for relation in domain.relations:
                    if self.x in relation.free_symbols:
                        self._reaches_back(relation, side)
                return side
        msg = f"{self.x} is not on one side of {self.start} throughout {domain}"
        raise NotEntailed(msg)

    def _reaches_back(self, relation: Relational, side: int) -> None:
        """What holds at x must hold from the start to x."""
        slope = sp.diff(gap(_relation(relation)), self.x) * side
        holds_at_start = sp.sympify(gap(relation).subs(self.x, self.start)).is_nonnegative
        if not slope.is_number or (slope > 0 and not holds_at_start):
            msg = f"{relation}: need not hold from {self.x} = {self.start} on"
            raise NotEntailed(msg)


@dataclass(frozen=True)
class Induction:
    """What holds for the least n, and for n + 1 if it holds for n, holds for all integers n.

    Parameters
    ----------
    n : Symbol
    start : int
    """

    n: sp.Symbol
    start: int

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"by induction from {self.n} = {self.start}: its difference in {self.n} does not fall"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """f ≥ 0 at the start, and f(n + 1) ≥ f(n)."""
        relation = _relation(statement)
        if not domain.is_integer(self.n):
            msg = f"{self.n} is not declared an integer"
            raise NotEntailed(msg)
        _inside(sp.Ge(self.n, self.start, evaluate=False), domain)
        rest = domain.without(self.n)
        f = gap(relation)
        step = f.subs(self.n, self.n + 1) - f
        onward = Domain(rest.relations, rest.integers | {self.n}) & sp.Ge(self.n, self.start, evaluate=False)
        return [
            Fact(_at(relation, {self.n: sp.Integer(self.start)}), rest),
            Fact(sp.Ge(step, 0, evaluate=False), onward),
        ]


@dataclass(frozen=True)
class Termwise:
    """A sum whose terms are ≥ 0 is ≥ 0.

    Parameters
    ----------
    x : Symbol
        Stands for the array element that a term depends on.
    values : Domain
        Where it lies, and what is asked of the other symbols of a term.
    """

    x: sp.Symbol
    values: Domain

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return "term by term"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """One term, whatever its element is, for all other symbols that are in the domain."""
        if not (isinstance(statement, sp.Ge) and isinstance(statement.lhs, sp.Sum) and statement.rhs == 0):
            msg = f"{short(statement)} does not say that a sum is ≥ 0"
            raise NotEntailed(msg)
        term = statement.lhs.function
        elements = term.atoms(sp.Indexed)
        if len(elements) != 1:
            msg = f"a term of {short(statement)} depends on {len(elements)} elements"
            raise NotEntailed(msg)
        (element,) = elements
        about = [r for r in self.values.relations if self.x in r.free_symbols]
        taken = [r for r in about if not is_true(r.subs(self.x, element))]
        if taken or (self.values.is_integer(self.x) and not element.is_integer):
            msg = f"{element} is not known to have {self.values}"
            raise NotEntailed(msg)
        single = term.xreplace({element: self.x})
        if single.free_symbols & {x for bound in statement.lhs.limits for x in bound.free_symbols}:
            msg = f"a term of {short(statement)} depends on more than one element"
            raise NotEntailed(msg)
        for relation in self.values.without(self.x).relations:
            _inside(relation, domain)
        return [Fact(sp.Ge(single, 0, evaluate=False), self.values)]


@dataclass(frozen=True)
class Pointwise:
    """The mean of what is never negative is ≥ 0."""

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return "under the mean"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """None: squares and exponentials of real symbols are recognized."""
        if not (isinstance(statement, sp.Ge) and isinstance(statement.lhs, Mean) and statement.rhs == 0):
            msg = f"{short(statement)} does not say that a mean is ≥ 0"
            raise NotEntailed(msg)
        (integrand,) = statement.lhs.args
        if not sp.factor(integrand).is_nonnegative:
            msg = f"{short(integrand)} is not known to be ≥ 0"
            raise NotEntailed(msg)
        return []


@dataclass(frozen=True)
class Combination:
    """What is a sum of multiples of known relations; of inequalities, multiples that are ≥ 0.

    Parameters
    ----------
    terms : sequence of (Expr, Relational)
        Each a weight and a relation. Means and other functions are taken for independent unknowns.
    """

    terms: Sequence[tuple[Expr, Relational]]

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"a sum of multiples of {len(self.terms)} relations"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The relations."""
        total, strict = sp.Integer(0), False
        for weight, relation in self.terms:
            if not weight.is_polynomial(*weight.free_symbols):
                msg = f"the weight {short(weight)} may have a pole"
                raise NotEntailed(msg)
            total += weight * _surplus(relation)
            if not isinstance(relation, sp.Eq):
                if isinstance(statement, sp.Eq):
                    msg = f"{short(relation)} is no equation"
                    raise NotEntailed(msg)
                _inside(sp.Ge(weight, 0, evaluate=False), domain)
                strict = strict or (isinstance(relation, (sp.Gt, sp.Lt)) and certain(sp.Gt(weight, 0), domain))
        rest = sp.expand(_surplus(statement) - total)
        if rest != 0:
            msg = f"{short(statement)} is not this sum: {short(rest)} is left"
            raise NotEntailed(msg)
        if isinstance(statement, (sp.Gt, sp.Lt)) and not strict:
            msg = f"{short(statement)}: none of the relations is strict"
            raise NotEntailed(msg)
        return [Fact(relation, domain) for _, relation in self.terms]


@dataclass(frozen=True)
class Large:
    """What holds at s = 1/b² for 0 < b ≤ 1 holds for s ≥ 1; moments are written with erfc there.

    Parameters
    ----------
    s, b : Symbol
    """

    s: sp.Symbol
    b: sp.Symbol

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"with {self.s} = 1/{self.b}²"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The statement in b."""
        _inside(sp.Ge(self.s, 1, evaluate=False), domain)
        if self.b in statement.free_symbols | domain.symbols:
            msg = f"{self.b} has a meaning already"
            raise NotEntailed(msg)
        closed = statement.func(*map(without_moments, statement.args), evaluate=False)
        ends = Domain((sp.Gt(self.b, 0, evaluate=False), sp.Le(self.b, 1, evaluate=False)))
        return [Fact(_at(closed, {self.s: self.b**-2}), domain.without(self.s) & ends)]


@dataclass(frozen=True)
class Turns:
    """One change of sign, from − to +: a definite sign on one side of a cut; on the other f over a weight increases.

    Parameters
    ----------
    cut : Expr
    weight : Expr
        Positive where f/weight increases.
    rises : {"below", "above"}
        On which side of the cut f/weight increases: f > 0 above it, or f < 0 below it, is the other premise.
    """

    cut: Expr
    weight: Expr
    rises: str

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"f/({self.weight}) increases {self.rises} {self.cut}, and f has one sign on the other side"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """Both sides of the cut."""
        f, x, ends = _turning(statement)
        domain = domain.without(x)
        if self.rises == "below":
            fixed = Fact(sp.Gt(f, 0, evaluate=False), _narrowed(domain & sp.Ge(x, self.cut, evaluate=False), ends))
            moving = _narrowed(domain & sp.Lt(x, self.cut, evaluate=False), ends)
        else:
            fixed = Fact(sp.Lt(f, 0, evaluate=False), _narrowed(domain & sp.Le(x, self.cut, evaluate=False), ends))
            moving = _narrowed(domain & sp.Gt(x, self.cut, evaluate=False), ends)
        _smooth(f, x, moving)
        _smooth(self.weight, x, moving)
        # (f/weight)' times weight²
        slope = sp.diff(f, x) * self.weight - f * sp.diff(self.weight, x)
        return [fixed, *(Fact(sp.Gt(x, 0, evaluate=False), moving) for x in (self.weight, slope))]


@dataclass(frozen=True)
class Rises:
    """A function that increases changes its sign once at most, from − to +."""

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return "f increases"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """f' > 0 inside."""
        f, x, ends = _turning(statement)
        inside = domain.without(x) & ends[0] & ends[1]
        _smooth(f, x, inside)
        return [Fact(sp.Gt(sp.diff(f, x), 0, evaluate=False), inside)]


@dataclass(frozen=True)
class Never:
    """A function that is positive throughout changes its sign at the low end."""

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return "f is positive throughout"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """f > 0 inside."""
        f, x, ends = _turning(statement)
        inside = domain.without(x) & ends[0] & ends[1]
        return [Fact(sp.Gt(f, 0, evaluate=False), inside)]


@dataclass(frozen=True)
class Join:
    """One interval: f turns positive below a place, is positive from there to another one, and turns negative above.

    Parameters
    ----------
    first, last : Expr
        The two places.
    low, high : Expr
        Places below and above them where f is negative, so that it turns inside.
    """

    first: Expr
    last: Expr
    low: Expr
    high: Expr

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"f turns positive below {self.first}, stays so up to {self.last}, and turns negative above {self.first}"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """Both turns, and the signs at and between the places."""
        if not isinstance(statement, OneInterval):
            msg = f"{short(statement)} is not about one interval"
            raise NotEntailed(msg)
        f, x, start, end = statement.args
        domain = domain.without(x)
        ordered = (start, self.low, self.first, self.last, end)
        for a, b in (*pairwise(ordered), (self.first, self.high), (self.high, end)):
            _inside(sp.Lt(a, b, evaluate=False), domain)
        between = Domain((sp.Ge(x, self.first, evaluate=False), sp.Le(x, self.last, evaluate=False)))
        # cases stay as they are: SymPy would try to decide between them
        below, above = (sp.Lt(f.xreplace({x: place}), 0, evaluate=False) for place in (self.low, self.high))
        return [
            Fact(TurnsOnce(f, x, start, self.first), domain),
            Fact(TurnsOnce(-f, x, self.first, end), domain),
            Fact(sp.Gt(f, 0, evaluate=False), domain & between),
            Fact(below, domain),
            Fact(above, domain),
        ]


@dataclass(frozen=True)
class Far:
    """f > 0 where f falls to the limit 0 at infinity.

    Parameters
    ----------
    x : Symbol
    """

    x: sp.Symbol

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"it falls to 0 as {self.x} → ∞"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The limit, and the sign of the derivative from there on."""
        f = gap(_relation(statement))
        _smooth(f, self.x, domain)
        for relation in domain.relations:
            slope = sp.diff(gap(_relation(relation)), self.x)
            if self.x in relation.free_symbols and not (slope.is_number and slope > 0):
                msg = f"{relation}: need not hold for larger {self.x}"
                raise NotEntailed(msg)
        to_zero = sp.Eq(sp.Limit(f, self.x, sp.oo), 0, evaluate=False)
        return [Fact(to_zero), Fact(sp.Lt(sp.diff(f, self.x), 0, evaluate=False), domain)]


@dataclass(frozen=True)
class Inverted:
    """k erfinv(a) > c, for numbers k > 0 and c, where 1 > a > erf(c/k)."""

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return "as erf increases"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The argument above that value, and below 1."""
        relation = _relation(statement)
        whole = sp.expand(gap(relation))
        for inverse in whole.atoms(sp.erfinv):
            k = whole.coeff(inverse)
            rest = sp.expand(whole - k * inverse)
            if k.is_number and k.is_positive and rest.is_number:
                break
        else:
            msg = f"{short(statement)} does not bound a multiple of erfinv from below by a number"
            raise NotEntailed(msg)
        above = sp.Gt(inverse.args[0], sp.erf(-rest / k), evaluate=False)
        return [Fact(above, domain), Fact(sp.Lt(inverse.args[0], 1, evaluate=False), domain)]


@dataclass(frozen=True)
class Larger:
    """What rises with x, and holds at a smaller value, holds at a larger one.

    Parameters
    ----------
    x : Symbol
    general : Relational
        The statement in x.
    low, value : Expr
        The smaller value, and the one in the statement.
    ends : (number, number)
        The interval in which both lie.
    """

    x: sp.Symbol
    general: Relational
    low: Expr
    value: Expr
    ends: tuple[Expr, Expr]

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"it rises with {self.x}, and holds at a smaller value"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The derivative's sign, the order of both values, their place, and the statement at the smaller one."""
        if self.x in domain.symbols | self.low.free_symbols | self.value.free_symbols:
            msg = f"{self.x} has a meaning already"
            raise NotEntailed(msg)
        if _at(self.general, {self.x: self.value}) != statement:
            msg = f"{short(self.general)} at this value is another statement"
            raise NotEntailed(msg)
        f = gap(_relation(self.general))
        inside = domain & sp.Gt(self.x, self.ends[0], evaluate=False) & sp.Lt(self.x, self.ends[1], evaluate=False)
        _smooth(f, self.x, inside)
        return [
            Fact(sp.Ge(sp.diff(f, self.x), 0, evaluate=False), inside),
            Fact(sp.Ge(self.value, self.low, evaluate=False), domain),
            Fact(sp.Gt(self.low, self.ends[0], evaluate=False), domain),
            Fact(sp.Lt(self.value, self.ends[1], evaluate=False), domain),
            Fact(_at(self.general, {self.x: self.low}), domain),
        ]


@dataclass(frozen=True)
class Hill:
    """One interval on (0, ∞): f = F − cW, where F/W rises, turns once, and falls, and c is between.

    Parameters
    ----------
    F, W, c : Expr
        c does not depend on x.
    until, first, second, top : number
        f < 0 up to `until`; F/W rises from there to `first`, turns before `second`, and falls from there on. f > 0 at
        `top`.
    b : Symbol
        x = 1/b² for x ≥ 1.
    F_b, W_b : Expr
        The same functions in b, smooth at b = 0.
    """

    F: Expr
    W: Expr
    c: Expr
    until: Expr
    first: Expr
    second: Expr
    top: Expr
    b: sp.Symbol
    F_b: Expr
    W_b: Expr

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"F/W rises up to {self.first}, turns before {self.second}, and falls"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """The signs of W, of the slope of F/W, and of f at both ends and in between."""
        if not (isinstance(statement, OneInterval) and statement.args[2:] == (0, sp.oo)):
            msg = f"{short(statement)} is not about one interval of (0, ∞)"
            raise NotEntailed(msg)
        f, x = statement.args[:2]
        domain = domain.without(x)
        self._check(f, x, domain)
        inside = domain & sp.Gt(x, 0, evaluate=False)
        slope = slope_of_ratio(self.F, self.W, x)
        in_b = Domain((sp.Gt(self.b, 0, evaluate=False), sp.Le(self.b, 1, evaluate=False)))

        def over(low: Expr, high: Expr) -> Domain:
            return Domain((sp.Ge(x, low, evaluate=False), sp.Le(x, high, evaluate=False)))

        return [
            Fact(sp.Gt(self.W, 0, evaluate=False), inside),
            Fact(sp.Lt(f, 0, evaluate=False), inside & sp.Le(x, self.until, evaluate=False)),
            Fact(sp.Gt(f, 0, evaluate=False), domain & sp.Eq(x, self.top, evaluate=False)),
            Fact(sp.Gt(slope, 0, evaluate=False), over(self.until, self.first)),
            Fact(sp.Lt(sp.diff(slope, x), 0, evaluate=False), over(self.first, self.second)),
            Fact(sp.Lt(slope, 0, evaluate=False), over(self.second, sp.S.One)),
            Fact(sp.Gt(slope_of_ratio(self.F_b, self.W_b, self.b), 0, evaluate=False), in_b),
        ]

    def _check(self, f: Expr, x: sp.Symbol, domain: Domain) -> None:
        """The forms of f, their charts, the order of the places, and the limit of f/W at infinity, which is < 0."""
        for function in (self.F, self.W):
            _smooth(function, x, domain)
        if not equal(f, self.F - self.c * self.W) or {x, self.b} & self.c.free_symbols:
            msg = f"{short(f)} is not F − cW"
            raise NotEntailed(msg)
        if self.b in domain.symbols | f.free_symbols:
            msg = f"{self.b} has a meaning already"
            raise NotEntailed(msg)
        for own, other in ((self.F, self.F_b), (self.W, self.W_b)):
            if not equal(without_moments(own).subs(x, self.b**-2), other):
                msg = f"{short(other)} is not the same function in {self.b}"
                raise NotEntailed(msg)
        places = (sp.S.Zero, self.until, self.first, self.second, sp.S.One)
        for low, high in (*pairwise(places), (self.until, self.top)):
            _inside(sp.Lt(low, high, evaluate=False), domain)
        try:
            above, below = (coefficients(side, self.b, sp.S.Zero, 3) for side in (self.F_b, self.W_b))
        except NotSmooth as error:
            raise NotEntailed(str(error)) from None
        limit = sp.simplify(above[2] / below[2]) - self.c
        if not all(map(vanishes, (*above[:2], *below[:2]))) or sign(limit, domain) >= 0:
            msg = f"f/W has not a limit below 0 as {x} → ∞"
            raise NotEntailed(msg)


def slope_of_ratio(first: Expr, second: Expr, x: sp.Symbol) -> Expr:
    """(first/second)' times second²."""
    return sp.diff(first, x) * second - first * sp.diff(second, x)


RULES = (
    Arithmetic,
    At,
    Combination,
    Ends,
    Equal,
    Far,
    FewKept,
    Hill,
    Induction,
    Inverted,
    Join,
    Large,
    Larger,
    Never,
    Pointwise,
    Rises,
    Slope,
    Termwise,
    Turns,
)


# --- shared -------------------------------------------------------------------------------------------


def gap(relation: Relational) -> Expr:
    """What the relation says to be > 0, or ≥ 0."""
    return relation.gts - relation.lts


def _surplus(statement: Basic) -> Expr:
    """What is > 0, ≥ 0 or = 0."""
    if isinstance(statement, sp.Eq):
        return statement.lhs - statement.rhs
    return gap(_relation(statement))


def _relation(statement: Basic) -> Relational:
    if not isinstance(statement, (sp.Gt, sp.Lt, sp.Ge, sp.Le)):
        msg = f"{short(statement)} is no inequality"
        raise NotEntailed(msg)
    return statement


def _turning(statement: Basic) -> tuple[Expr, sp.Symbol, tuple[Relational, Relational]]:
    """f and x of one change of sign, and the relations that x lies inside its ends."""
    if not isinstance(statement, TurnsOnce):
        msg = f"{short(statement)} is not about one change of sign"
        raise NotEntailed(msg)
    f, x, low, high = statement.args
    return f, x, (sp.Gt(x, low, evaluate=False), sp.Lt(x, high, evaluate=False))


def _narrowed(domain: Domain, relations: Iterable[Relational]) -> Domain:
    """The domain, with those relations that do not hold on it anyway."""
    for relation in relations:
        domain = domain if certain(relation, domain) else domain & relation
    return domain


def _smooth(f: Expr, x: sp.Symbol, domain: Domain) -> None:
    """Refuse a function that may jump, or have a kink, where x runs through an interval of a domain."""
    if domain.is_integer(x):
        msg = f"{x} is an integer: a derivative says nothing"
        raise NotEntailed(msg)
    try:
        check_smooth(_one_branch(f, x, domain), x)
    except NotSmooth as error:
        raise NotEntailed(str(error)) from None


def _one_branch(f: Expr, x: sp.Symbol, domain: Domain) -> Expr:
    """A function without its cases: which one holds must not depend on x inside the domain."""
    while (cases := next(iter(f.atoms(sp.Piecewise)), None)) is not None:
        values = []
        for value, condition in cases.args:
            if x in condition.free_symbols and impossible(_both(domain, condition)):
                continue
            values.append(value)
            if is_true(condition) or (isinstance(condition, Relational) and certain(condition, domain)):
                break
            if x in condition.free_symbols:
                msg = f"whether {condition} on {domain} depends on {x}"
                raise NotEntailed(msg)
        # a case that x does not decide may hold or not: all of them must be smooth
        f = f.xreplace({cases: sp.Add(*[sp.Dummy() * value for value in values])})
    return f


def _both(domain: Domain, condition: Basic) -> Domain:
    return domain & condition if isinstance(condition, Relational) else domain


def _at(statement: Basic, values: Mapping[sp.Symbol, Expr]) -> Basic:
    """A statement at values, without a verdict on it."""
    sides = [side.subs(dict(values), simultaneous=True) for side in statement.args]
    return statement.func(*sides, evaluate=False) if isinstance(statement, Relational) else statement.func(*sides)


def _inside(relation: Basic, domain: Domain) -> None:
    if not certain(relation, domain):
        msg = f"{relation} is not certain on {domain}"
        raise NotEntailed(msg)
