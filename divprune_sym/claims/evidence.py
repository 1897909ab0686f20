"""The kinds of evidence: symbolic steps, ball certificates, witnesses, statistical tests, and none yet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import Expr

from divprune_sym.claims.balls import ball, dyadic, precision, value
from divprune_sym.claims.checker import CertificateRejected, check_inequality
from divprune_sym.claims.claim import Bench, Claim, Finding, Kind
from divprune_sym.claims.domain import Domain, between
from divprune_sym.claims.links import Fact
from divprune_sym.claims.programs import program_of
from divprune_sym.claims.prover import (
    Inequality,
    NotProved,
    ZeroOfSystem,
    bracket,
    bracket_of_minimum,
    enclose_zero,
    prove,
)
from divprune_sym.claims.root_checker import (
    WIDEST_BRACKET,
    check_bracket,
    check_bracket_of_minimum,
    check_unique_zero,
)
from divprune_sym.claims.statements import ExactlyOneZero
from divprune_sym.claims.steps import Confirmed
from divprune_sym.claims.wellformed import exact_point
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import written_aside
from divprune_sym.ground.stored import parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from fractions import Fraction
    from pathlib import Path

    from sympy.core.relational import Relational

    from divprune_sym.claims.steps import Step

    Place = tuple[str, str, str]

# what a file of another form makes those raise that read it; BadInput is a ValueError
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


# --- symbolic proofs ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proof:
    """Steps that are derived again and checked each time.

    Parameters
    ----------
    steps : callable
        Yields steps (`Step`); all must hold, and there must be one.
    shows : Basic, optional
        What the steps show, where that is not the whole claim.
    """

    steps: Callable[[], Iterable[Step]]
    shows: sp.Basic | None = None

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Run the steps."""
        steps = list(self.steps())
        failed = [step.says for step in steps if not step.holds]
        summary = f"fails: {failed[0]}" if failed else f"{len(steps)} steps, each checked"
        lines = tuple(step.says for step in steps)
        facts = tuple(step.fact for step in steps if type(step) is Confirmed and not failed)
        return Finding(Kind.SYMBOLIC, bool(steps) and not failed, summary, lines, self.shows, facts=facts)


def once(steps: Callable[[], Iterable[Step]]) -> Callable[[], tuple[Step, ...]]:
    """Steps that several claims rest on, derived once in a process."""

    @cache
    def run() -> tuple[Step, ...]:
        return tuple(steps())

    return run


# --- certificates -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certified:
    """An inequality that ball arithmetic shows on a whole box.

    Parameters
    ----------
    inequality : Inequality
    part : str
        Distinguishes the certificates of one claim.
    shows : Basic, optional
        How to write it, where its expression is long.
    """

    inequality: Inequality
    part: str = "1"
    shows: sp.Basic | None = None

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Check the recorded certificate, or find one and check that."""
        shown = self.shows if self.shows is not None else self.inequality.relation
        if type(self.inequality) is not Inequality:
            return Finding(Kind.CERTIFICATE, False, f"{type(self.inequality).__name__} is no Inequality", shows=shown)
        unproved = self.inequality.unproved_zeros()
        if unproved:
            return Finding(Kind.CERTIFICATE, False, f"not a zero: {unproved[0]}", shows=shown)
        problem = self.inequality.as_problem()

        def confirm(certificate: Mapping[str, Any]) -> str:
            count = check_inequality(problem, certificate)
            return f"{count} boxes checked, {self._domain()}"

        found = confirmed(
            f"{claim.id}-{self.part}.json", bench, lambda: prove(self.inequality, until=bench.until), confirm, shown
        )
        facts = (self.fact,) if found.holds else ()
        return replace(found, facts=facts)

    @property
    def fact(self) -> Fact:
        """The inequality on its box, without the ends at which it vanishes."""
        ends: list[Relational] = []
        for x, (low, high) in self.inequality.box.items():
            at_low, at_high = self.inequality.zeros.get(x, (0, 0))
            ends += between(low, x, high, (at_low == 0, at_high == 0))
        return Fact(self.inequality.relation, Domain(tuple(ends)))

    def _domain(self) -> str:
        return ", ".join(f"{x} in [{low}, {high}]" for x, (low, high) in self.inequality.box.items())


@dataclass(frozen=True)
class Boundary:
    """A place, enclosed to 10⁻¹², where a function of one variable changes its sign.

    That there is no other one is for other evidence to show.

    Parameters
    ----------
    inequality : Inequality
        f on an interval; its sign is that at the high end.
    part : str
    named : str
        What the place is called.
    reported : Expr, optional
        What is enclosed in its place: a function of the variable, whose enclosure must be as narrow.
    """

    inequality: Inequality
    part: str
    named: str
    reported: Expr | None = None

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Check the recorded bracket, or find one and check that."""
        problem = self.inequality.as_problem()

        def confirm(certificate: Mapping[str, Any]) -> Place:
            found = check_bracket(problem, certificate)
            low, high = found if self.reported is None else self._at(found)
            if high - low > WIDEST_BRACKET:
                msg = f"{self.named} is enclosed to {float(high - low):.1e} only"
                raise CertificateRejected(msg)
            return _place(self.named, low, high)

        return confirmed(
            f"{claim.id}-{self.part}.json",
            bench,
            lambda: bracket(self.inequality),
            confirm,
            sp.Eq(self.inequality.expression, 0, evaluate=False),
        )

    def _at(self, found: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
        (name,) = self.inequality.as_problem()["variables"]
        with precision():
            image = value(program_of(self.reported), {name: ball(found)})
        return dyadic(image.lower()), dyadic(image.upper())


@dataclass(frozen=True)
class BoundaryOfMinimum:
    """A place, enclosed to 10⁻¹², where the least value of a convex function turns positive.

    That there is no other one, and the convexity, are for other evidence to show.

    Parameters
    ----------
    inequality : Inequality
        f on an interval of its one variable; the least f is positive at the high end.
    over : Symbol
        In which f is convex; it runs from 0 to 1.
    part : str
    named : str
        What the place is called.
    """

    inequality: Inequality
    over: sp.Symbol
    part: str
    named: str

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Check the recorded bracket, or find one and check that."""
        problem = self.inequality.as_problem() | {"over": self.over.name}

        def confirm(certificate: Mapping[str, Any]) -> Place:
            return _place(self.named, *check_bracket_of_minimum(problem, certificate))

        return confirmed(
            f"{claim.id}-{self.part}.json",
            bench,
            lambda: bracket_of_minimum(self.inequality, self.over),
            confirm,
            sp.Eq(sp.Function("min")(self.inequality.expression), 0, evaluate=False),
        )


def _place(named: str, low: Fraction, high: Fraction) -> Place:
    return named, _digits(low, ROUND_FLOOR), _digits(high, ROUND_CEILING)


def _digits(x: Fraction, rounding: str) -> str:
    """Thirteen places, rounded outwards."""
    return str((Decimal(x.numerator) / Decimal(x.denominator)).quantize(Decimal("1e-13"), rounding=rounding))


def confirmed(
    name: str,
    bench: Bench,
    find: Callable[[], Mapping[str, Any]],
    confirm: Callable[[Mapping[str, Any]], str | Place],
    shows: sp.Basic | None = None,
) -> Finding:
    """Find or read a certificate and have the checker confirm it."""
    try:
        recorded = bench.quick and (bench.recorded / name).is_file()
        text = _read(bench.recorded / name) if recorded else _written(find(), name, bench.fresh)
        checksum = hashlib.sha256(text.encode()).hexdigest()
        found = confirm(parsed(text))
    except (NotProved, CertificateRejected, OSError, *_MALFORMED) as error:
        return Finding(Kind.CERTIFICATE, False, f"{type(error).__name__}: {error}", shows=shows, file=name)
    if isinstance(found, str):
        return Finding(Kind.CERTIFICATE, True, found, shows=shows, file=name, sha256=checksum)
    named, low, high = found
    summary = f"{named} in [{low}, {high}]"
    return Finding(Kind.CERTIFICATE, True, summary, shows=shows, file=name, sha256=checksum, place=found)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _written(certificate: Mapping[str, Any], name: str, folder: Path | None) -> str:
    text = json.dumps(certificate, separators=(",", ":")) + "\n"
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        with written_aside(folder / name) as file:
            file.write(text.encode())
    return text


@dataclass(frozen=True)
class UniqueZero:
    """Exactly one zero of a system in a box, for every value of the parameters in theirs.

    Parameters
    ----------
    system : callable
        Makes the `ZeroOfSystem`, whose equations may take a while to derive.
    part : str
    """

    system: Callable[[], ZeroOfSystem]
    part: str

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Check the recorded certificate, or find one and check that."""
        system = self.system()
        problem = system.as_problem()

        def confirm(certificate: Mapping[str, Any]) -> str:
            size = check_unique_zero(problem, certificate)
            ends = [
                f"{x} in [{float(low):.9g}, {float(high):.9g}]"
                for part in (system.box, system.parameters)
                for x, (low, high) in part.items()
            ]
            return f"exactly one zero of {size} equations, {', '.join(ends)}"

        found = confirmed(f"{claim.id}-{self.part}.json", bench, lambda: enclose_zero(system), confirm)
        return replace(found, facts=(system_fact(system),) if found.holds else ())


def system_fact(system: ZeroOfSystem) -> Fact:
    """Exactly one zero in the box, for all values of the parameters in their intervals, ends included."""
    ends = sp.Tuple(*[sp.Tuple(*map(sp.Rational, pair)) for pair in system.box.values()])
    statement = ExactlyOneZero(sp.Tuple(*system.equations), sp.Tuple(*system.box), ends)
    ranges = [r for x, (low, high) in system.parameters.items() for r in between(low, x, high, (True, True))]
    return Fact(statement, Domain(tuple(ranges)))


# --- witnesses ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Witness:
    """A point of the domain where the claim's inequality is false, strictly.

    Parameters
    ----------
    at : mapping of Symbol to number
        Exact values of all variables.
    """

    at: Mapping[sp.Symbol, Any]

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Enclose both sides at the point.

        Raises
        ------
        BadInput
            The claim's statement is no single inequality.
        """
        point = exact_point(self.at, f"claim {claim.id}, witness")
        relation = claim.explicit
        if not isinstance(relation, (sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan)):
            msg = f"claim {claim.id}: a witness needs a single inequality, the statement is {relation}"
            raise BadInput(msg)
        words = ", ".join(f"{x} = {y}" for x, y in point.items())
        outside = claim.over.at(point)
        if outside:
            return Finding(Kind.WITNESS, False, f"{words} is outside the domain: not {outside[0]}")
        sides = [side.subs(point) for side in (relation.lts, relation.gts)]
        with precision():
            smaller, larger = (value(program_of(side), {}) for side in sides)
            holds = bool(smaller > larger)
        sign = ">" if holds else "is not certainly above"
        return Finding(Kind.WITNESS, holds, f"at {words}: {smaller.str(15)} {sign} {larger.str(15)}")


@dataclass(frozen=True)
class Numbers:
    """Strict relations between numbers, each shown by ball arithmetic.

    Parameters
    ----------
    relations : sequence of Relational
    """

    relations: Sequence[Relational]

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Enclose both sides of each."""
        lines = []
        for relation in self.relations:
            with precision():
                smaller, larger = (value(program_of(side), {}) for side in (relation.lts, relation.gts))
                holds = bool(smaller < larger)
            lines.append(f"{smaller.str(15)} {'<' if holds else 'is not certainly below'} {larger.str(15)}")
            if not holds:
                return Finding(Kind.CERTIFICATE, False, lines[-1])
        facts = tuple(map(Fact, self.relations))
        return Finding(Kind.CERTIFICATE, True, f"{len(lines)} numbers compared", tuple(lines), facts=facts)


# --- tests and nothing --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """A statistical test of recorded or fresh measurements.

    Parameters
    ----------
    measure : callable
        Makes the measurements anew: a dictionary that JSON can hold.
    decide : callable
        From measurements to (holds, summary, lines): with effect size and p value.
    part : str
    shows : Basic
        What the test decides; the claim's statement must be this.
    """

    measure: Callable[[], Mapping[str, Any]]
    decide: Callable[[Mapping[str, Any]], tuple[bool, str, tuple[str, ...]]]
    part: str
    shows: sp.Basic

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Decide on recorded measurements, or on new ones."""
        name = f"{self.part}.json"
        try:
            text = _read(bench.recorded / name) if bench.quick else _written(_made(self.measure), name, bench.fresh)
            holds, summary, lines = self.decide(parsed(text))
        except (OSError, *_MALFORMED) as error:
            return Finding(Kind.STATISTICS, False, f"{type(error).__name__}: {error}", file=name)
        checksum = hashlib.sha256(text.encode()).hexdigest()
        facts = (Fact(self.shows),)
        return Finding(Kind.STATISTICS, holds, summary, lines, self.shows, name, checksum, facts=facts)


@cache
def _made(measure: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Measurements that several claims share, made once in a process."""
    return measure()


@dataclass(frozen=True)
class Missing:
    """No evidence yet, and why."""

    reason: str

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Say so."""
        return Finding(Kind.NONE, False, self.reason)
