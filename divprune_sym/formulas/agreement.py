"""Does a formula agree with its definition? Numbers first, for they can refute; then a proof."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import mpmath as mp

from divprune_sym.formulas.evaluate import NotReal, NoValue, value
from divprune_sym.formulas.points import random_points, shrunk
from divprune_sym.formulas.proof import proves_zero
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.work import within

if TYPE_CHECKING:
    from divprune_sym.formulas.definitions import Defined
    from divprune_sym.formulas.points import Point

Mpf = Any

POINTS = 24
DIGITS = 40
# what is computed loses digits: agreement to 40 is judged with three times as many, a difference with twice those
_WORKING = 3 * DIGITS
UNSEEN = _WORKING - DIGITS
_PROOF_SECONDS = 5.0
_STARTS = 3


class Verdict(Enum):
    """How far the check got."""

    PROVED = "proved"
    SAMPLED = "agrees where sampled"
    DIFFERS = "differs"


@dataclass(frozen=True)
class Comparison:
    """Formula and definition at one covariance; the formula and the difference are None where it has no real value."""

    point: Point
    formula: Mpf | None
    definition: Mpf
    difference: Mpf | None

    @property
    def agrees(self) -> bool:
        """Whether they are equal to 40 digits, or both are zero as far as can be told."""
        if self.difference is None:
            return False
        size = abs(self.definition)
        return bool(abs(self.difference) <= max(mp.mpf(10) ** -DIGITS * size, mp.mpf(10) ** -UNSEEN))


@dataclass(frozen=True)
class Agreement:
    """The verdict, the covariances compared, and the simplest one where they differ.

    Parameters
    ----------
    verdict : Verdict
    points : int
        How many were compared.
    counterexample : Comparison, optional
    variances : (float, float)
        The least and the largest variance among them.
    """

    verdict: Verdict
    points: int
    counterexample: Comparison | None = None
    variances: tuple[float, float] = (1.0, 1.0)


def compare(defined: Defined) -> Agreement:
    """Hold a formula against its definition.

    Raises
    ------
    BadInput
        One of them has a value at none of the covariances tried.
    """
    compared = [c for p in random_points(defined.fields, POINTS) if (c := compare_at(defined, p)) is not None]
    if not compared:
        msg = f"formula: divides by zero or overflows at all of {POINTS} random covariances"
        raise BadInput(msg)
    differing = [comparison.point for comparison in compared if not comparison.agrees]
    if differing:
        simplest = min((shrunk(p, lambda q: _differs(defined, q)) for p in differing[:_STARTS]), key=_simplicity)
        return Agreement(Verdict.DIFFERS, len(compared), compare_at(defined, simplest))
    proved = within(_PROOF_SECONDS, lambda: _is_proved(defined))
    verdict = Verdict.PROVED if proved else Verdict.SAMPLED
    variances = [float(c.point.entries[covariance_symbol(f, f)]) for c in compared for f in defined.fields]
    return Agreement(verdict, len(compared), variances=(min(variances), max(variances)))


def compare_at(defined: Defined, point: Point) -> Comparison | None:
    """Formula and definition at one covariance, or None where one divides by zero or overflows."""
    try:
        coarse, fine = (_compared(defined, point, digits) for digits in (_WORKING, 2 * _WORKING))
    except NoValue:
        return None
    # a quotient of two rounding errors changes with the precision: it is 0/0, and no value
    if coarse.difference is not None and fine.difference is not None and not fine.agrees:
        drift = abs(fine.difference - coarse.difference)
        if drift > 1e-10 * abs(fine.difference):
            return None
    return fine


def _compared(defined: Defined, point: Point, digits: int) -> Comparison:
    try:
        definition = value(defined.definition, point.entries, digits)
    except NotReal as refused:
        raise NoValue(str(refused)) from None
    try:
        formula = value(defined.formula, point.entries, digits)
    except NotReal:
        formula = None
    with mp.workdps(digits):
        return Comparison(point, formula, definition, None if formula is None else formula - definition)


def _differs(defined: Defined, point: Point) -> bool:
    comparison = compare_at(defined, point)
    return comparison is not None and not comparison.agrees


def _simplicity(point: Point) -> Any:
    return point.simplicity


def _is_proved(defined: Defined) -> bool:
    conditions = [c for derived in defined.derivations for step in derived.steps for c in step.conditions]
    known = set().union(*(derived.term.covariance.matrix.free_symbols for derived in defined.derivations))
    about_fields = [condition for condition in conditions if condition.free_symbols <= known]
    return proves_zero(defined.formula - defined.definition, defined.fields, about_fields)
