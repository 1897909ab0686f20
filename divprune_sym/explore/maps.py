"""The map of a question: at every point of a domain, whether the comparison holds. Numerical, not proved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from divprune_sym.bound.regions import TIE, Comparison
from divprune_sym.explore.points import Point, Verdict
from divprune_sym.explore.rules import Rule, find_rules
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from divprune_sym.explore.domain import Domain
    from divprune_sym.explore.question import PrunedError, Question, Side

BOUNDARY_ERROR = 1e-12
SAME = 1e-9  # boundaries of different M closer than this are one


@dataclass(frozen=True)
class Boundary:
    """Where left − right changes its sign between two shares, found to 1e-12, for one Z and some M.

    `holds_below`: whether the comparison holds for smaller p, up to the next boundary.
    """

    Z: int
    M: tuple[int, ...]
    p: float
    holds_below: bool


@dataclass(frozen=True)
class Map:
    """What `explore` found.

    Attributes
    ----------
    points : list of Point
    rules : list of Rule
        Simple statements in M, Z and k that agree with every point; the simplest first.
    boundaries : list of Boundary
        Only where the domain has shares p.
    left_out : int
        Points where a method cannot keep the share asked for.
    """

    question: Question
    domain: Domain
    points: list[Point]
    rules: list[Rule]
    boundaries: list[Boundary]
    left_out: int

    def count(self, verdict: Verdict) -> int:
        """How many points have a verdict."""
        return sum(point.verdict == verdict for point in self.points)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "question": str(self.question),
            "over": str(self.domain),
            "activation": str(self.question.activation),
            "errors_are": "in units of v*^2, specialized state, label noise excluded",
            "counts": {verdict.name.lower(): self.count(verdict) for verdict in Verdict},
            "left_out": self.left_out,
            "rules": [rule.as_json() for rule in self.rules],
            "boundaries": [{"Z": b.Z, "M": list(b.M), "p": b.p, "holds_below": b.holds_below} for b in self.boundaries],
            "status": "numerical, not proved",
            "points": [point.as_json() for point in self.points],
        }


def explore(question: Question, domain: Domain, progress: Callable[[float], None] = lambda fraction: None) -> Map:
    """Evaluate both sides at every point by the methods' `limit`, and say what the pattern suggests.

    Parameters
    ----------
    question : Question
        As `read_question` reads it.
    domain : Domain
        As `read_domain` reads it.
    progress : callable
        Takes the fraction done, 0 to 1.

    Raises
    ------
    BadInput
        No point of the domain can be compared, or I2 of the activation has no closed form.
    """
    sides = _Sides(question)
    points: list[Point] = []
    done, total = 0, len(domain)
    for M, Z in domain.students():
        for k, p in domain.kept(M, Z):
            values = sides.at(M, Z, p)
            if values is not None:
                points.append(Point(M, Z, k, p, *values, _verdict(question.relation, *values, sides.tie)))
            done += 1
            progress(done / total)
    if not points:
        msg = f"--over {domain}: no point where every method of the question can keep that share"
        raise BadInput(msg)
    in_k = domain.p is None
    return Map(
        question,
        domain,
        points,
        find_rules(points) if in_k else [],
        [] if in_k else _boundaries(sides, points),
        total - len(points),
    )


def _verdict(relation: str, left: float, right: float, tie: float) -> Verdict:
    if abs(left - right) <= tie:
        return Verdict.EQUAL
    return Verdict((left < right) == relation.startswith("<"))


class _Sides:
    """Both sides of the question; each error is computed once for each place."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.tie = TIE * Comparison(1, 1, 1.0, activation=question.activation).unit
        self._known: dict[tuple[PrunedError, int, int, float], float | None] = {}

    def at(self, M: int, Z: int, p: Fraction | float) -> tuple[float, float] | None:
        """(left, right), None where a method cannot keep that share."""
        left, right = (self._side(side, M, Z, float(p)) for side in (self.question.left, self.question.right))
        return None if left is None or right is None else (left, right)

    def _side(self, side: Side, M: int, Z: int, p: float) -> float | None:
        total = 0.0
        for coefficient, error in side.terms:
            value = 1.0 if error is None else self._error(error, M, Z, p)
            if value is None:
                return None
            total += float(coefficient) * value
        return total

    def _error(self, error: PrunedError, M: int, Z: int, p: float) -> float | None:
        place = (error, M, Z, p)
        if place not in self._known:
            self._known[place] = error.value(M, Z, p, self.question.activation)
        return self._known[place]


def _boundaries(sides: _Sides, points: list[Point]) -> list[Boundary]:
    """Sign changes between neighboring shares, one entry for all M that have the same."""
    found: dict[int, list[tuple[int, float, bool]]] = {}
    for M, Z in dict.fromkeys((point.M, point.Z) for point in points):
        row = [point for point in points if (point.M, point.Z) == (M, Z) and point.verdict != Verdict.EQUAL]
        for low, high in pairwise(row):
            if low.verdict != high.verdict:
                root = _root(sides, M, Z, low.p, high.p)
                found.setdefault(Z, []).append((M, root, low.verdict == Verdict.HOLDS))
    return [boundary for Z in sorted(found) for boundary in _merged(Z, found[Z])]


def _root(sides: _Sides, M: int, Z: int, low: Fraction, high: Fraction) -> float:
    def gap(p: float) -> float:
        values = sides.at(M, Z, p)
        assert values is not None  # shares of methods that keep any
        return values[0] - values[1]

    return float(brentq(gap, float(low), float(high), xtol=BOUNDARY_ERROR, rtol=4 * np.finfo(float).eps))


def _merged(Z: int, found: list[tuple[int, float, bool]]) -> list[Boundary]:
    merged: list[Boundary] = []
    for M, p, below in sorted(found, key=lambda entry: entry[1]):
        last = merged[-1] if merged else None
        if last is not None and abs(last.p - p) <= SAME and last.holds_below == below and M not in last.M:
            merged[-1] = Boundary(Z, tuple(sorted((*last.M, M))), last.p, below)
        else:
            merged.append(Boundary(Z, (M,), p, below))
    return merged
