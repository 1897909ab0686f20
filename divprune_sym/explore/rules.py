"""Simple statements about M, Z and k that fit a map: what to try to prove."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from divprune_sym.explore.points import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from divprune_sym.explore.points import Point

    Truth = NDArray[np.bool_]

MOST_SHOWN = 3
_BOUNDS = range(1, 17)
_SHIFTS = (-2, -1, 0, 1, 2)


@dataclass(frozen=True)
class Rule:
    """A condition that fits the map.

    Parameters
    ----------
    condition : str
        In M, Z, k and K = MZ, such as "k <= M and Z >= 2".
    kind : {"exactly when", "whenever", "fails whenever"}
        How the comparison goes with the condition.
    points : int
        Points where the condition holds, all of which it gets right.
    """

    condition: str
    kind: Literal["exactly when", "whenever", "fails whenever"]
    points: int

    def __str__(self) -> str:
        if self.kind == "fails whenever":
            return f"fails whenever {self.condition}"
        return f"holds {self.kind} {self.condition}"

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"rule": str(self), "condition": self.condition, "kind": self.kind, "points": self.points}


def find_rules(points: Sequence[Point]) -> list[Rule]:
    """The simplest conditions that split the map exactly; where there is none, the widest that never err.

    Points where both sides are equal fit every rule: `<=` and `<` are not told apart here.
    """
    decided = [point for point in points if point.verdict != Verdict.EQUAL]
    truth = np.array([point.verdict == Verdict.HOLDS for point in decided], dtype=bool)
    if not len(truth) or truth.all() or not truth.any():
        return []
    atoms = _distinct(_atoms(decided))
    exact = [Rule(name, "exactly when", int(truth.sum())) for name, holds in atoms if (holds == truth).all()]
    if not exact:
        exact = [
            Rule(name, "exactly when", int(truth.sum()))
            for name, holds in _pairs(atoms, truth)
            if (holds == truth).all()
        ]
    if exact:
        return sorted(exact, key=lambda rule: len(rule.condition))[:MOST_SHOWN]
    return [*_widest(atoms, truth, "whenever"), *_widest(atoms, ~truth, "fails whenever")]


def _widest(atoms: list[tuple[str, Truth]], truth: Truth, kind: Literal["whenever", "fails whenever"]) -> list[Rule]:
    """Conditions true only where `truth` is: the one that covers most, then what adds most to it."""
    sound = [(name, holds) for name, holds in atoms if not (holds & ~truth).any()]
    rules: list[Rule] = []
    left = truth.copy()
    while sound and len(rules) < MOST_SHOWN:
        name, holds = max(sound, key=lambda atom: (int((atom[1] & left).sum()), -len(atom[0])))
        if not (holds & left).any():
            break
        rules.append(Rule(name, kind, int(holds.sum())))
        left &= ~holds
    return rules


def _atoms(points: Sequence[Point]) -> Iterator[tuple[str, Truth]]:
    M, Z, k = (np.array([getattr(point, name) for point in points], dtype=np.int64) for name in ("M", "Z", "k"))
    K = M * Z
    for name, values in (("k", k), ("Z", Z), ("M", M), ("K - k", K - k)):
        for bound in _BOUNDS:
            yield f"{name} <= {bound}", values <= bound
            yield f"{name} >= {bound}", values >= bound
    for name, values in (("k", k), ("K - k", K - k)):
        for letter, other in (("M", M), ("2*M", 2 * M), ("Z", Z), ("2*Z", 2 * Z)):
            for shift in _SHIFTS:
                right = letter if shift == 0 else f"{letter} {'+' if shift > 0 else '-'} {abs(shift)}"
                yield f"{name} <= {right}", values <= other + shift
                yield f"{name} >= {right}", values >= other + shift
    for numerator, denominator in ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4)):
        share = f"K/{denominator}" if numerator == 1 else f"{numerator}*K/{denominator}"
        yield f"k <= {share}", denominator * k <= numerator * K
        yield f"k >= {share}", denominator * k >= numerator * K
    yield "M <= Z", M <= Z
    yield "M >= Z", M >= Z


def _distinct(atoms: Iterator[tuple[str, Truth]]) -> list[tuple[str, Truth]]:
    """The shortest name of every set of points; neither none of them nor all."""
    shortest: dict[bytes, tuple[str, Truth]] = {}
    for name, holds in atoms:
        key = holds.tobytes()
        if holds.any() and not holds.all() and len(name) < len(shortest.get(key, (name + " ", holds))[0]):
            shortest[key] = (name, holds)
    return list(shortest.values())


def _pairs(atoms: list[tuple[str, Truth]], truth: Truth) -> Iterator[tuple[str, Truth]]:
    """Conjunctions of conditions that never miss, and disjunctions of those that never err."""
    necessary = [(name, holds) for name, holds in atoms if not (truth & ~holds).any()]
    sufficient = [(name, holds) for name, holds in atoms if not (holds & ~truth).any()]
    for (one, first), (two, second) in combinations(necessary, 2):
        yield f"{one} and {two}", first & second
    for (one, first), (two, second) in combinations(sufficient, 2):
        yield f"{one} or {two}", first | second
