"""The points of a map."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractions import Fraction


class Verdict(IntEnum):
    """Of one point; EQUAL: both sides agree to 1e-10 of 3 v*² E[g²], rounding cannot tell more."""

    FAILS = 0
    HOLDS = 1
    EQUAL = 2


@dataclass(frozen=True)
class Point:
    """One place of the map. `k` is None where shares of edges are asked about."""

    M: int
    Z: int
    k: int | None
    p: Fraction
    left: float
    right: float
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "M": self.M,
            "Z": self.Z,
            "k": self.k,
            "p": float(self.p),
            "left": self.left,
            "right": self.right,
            "verdict": self.verdict.name.lower(),
        }
