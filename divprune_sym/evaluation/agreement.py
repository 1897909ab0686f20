"""Does theory agree with measurement? A verdict on every curve and every section, and what error it would have shown.

The unit of chance is the network: all points of a curve are measured on the same R networks and move together. Every
network gives one number, its relative difference pooled over the points, and Student's t of these R numbers tests
whether the theory of the whole curve is off by a common factor. A second test asks whether any single point is off
(Bonferroni over the points, right under any correlation).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import nctdtrinc
from scipy.stats import t as student_t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# The probability that chance alone makes any verdict of a whole reproduction "disagree" (Bonferroni over all tests).
FALSE_ALARM = 0.01

# The detectable error is the one that would be seen with this probability.
POWER = 0.9

# Differences up to this are rounding: both sides compute the same.
ROUNDING = 1e-10


@dataclass(frozen=True)
class Curve:
    """Theory and measurement at S points, on R networks.

    Attributes
    ----------
    section, name : str
    theory : (S,)
        Mean over networks.
    gaps : (R, S)
        measured − theory of each network.
    """

    section: str
    name: str
    theory: NDArray[np.float64]
    gaps: NDArray[np.float64]

    def relative(self) -> NDArray[np.float64]:
        """Gaps in units of the theory, at the points where the two sides are not the same computation: (R, S')."""
        tested = np.abs(self.gaps).max(axis=0) > ROUNDING
        # where the theory vanishes, its largest value on the curve stands for it; 1 if it vanishes everywhere
        largest = self.theory.max()
        theory = self.theory[tested]
        scale = np.where(theory > 1e-6 * largest, theory, largest) if largest > ROUNDING else np.ones(len(theory))
        return np.asarray(self.gaps[:, tested] / scale)


@dataclass(frozen=True)
class Verdict:
    """What the networks say about the theory of one curve, or of all curves of a section.

    Attributes
    ----------
    name : str
    networks : int
    points : int
        Compared; 0 where both sides are the same computation.
    error, standard_error : float
        Relative difference measured / theory − 1, pooled over the points.
    detectable : float
        The common relative error of the theory that would have been called a disagreement with 90 % probability.
    worst_point : float
        The largest |t| of a single point.
    p_value : float
        Of the more telling of both tests, corrected for all tests of the reproduction.
    agrees : bool
        The p-value is at least `FALSE_ALARM`.
    """

    name: str
    networks: int
    points: int
    error: float
    standard_error: float
    detectable: float
    worst_point: float
    p_value: float

    @property
    def agrees(self) -> bool:
        return self.p_value >= FALSE_ALARM


def agreement(curves: Sequence[Curve]) -> dict[str, dict[str, Any]]:
    """Per section the verdict on all its points together, and under "curves" that on each of its curves."""
    sections: dict[str, list[Curve]] = {}
    for curve in curves:
        sections.setdefault(curve.section, []).append(curve)
    # a level and a point test for every curve and every section
    tests = 2 * (len(curves) + len(sections))
    return {name: _section(name, members, tests) for name, members in sections.items()}


def _section(name: str, curves: Sequence[Curve], tests: int) -> dict[str, Any]:
    gaps = [curve.relative() for curve in curves]
    verdicts = [verdict(curve.name, gap, tests) for curve, gap in zip(curves, gaps, strict=True)]
    whole = verdict(name, np.concatenate(gaps, axis=1), tests)
    told = {"agrees": whole.agrees and all(v.agrees for v in verdicts)}
    return asdict(whole) | told | {"curves": [asdict(v) | {"agrees": v.agrees} for v in verdicts]}


def verdict(name: str, relative: NDArray[np.float64], tests: int) -> Verdict:
    """The verdict on relative gaps (R, S), one of so many tests."""
    R, S = relative.shape
    if S == 0:
        return Verdict(name, R, 0, 0.0, 0.0, 0.0, 0.0, 1.0)
    level = pooled(relative)
    error, standard_error = float(level.mean()), _standard_error(level)
    points = np.abs(relative.mean(axis=0)) / _standard_error(relative)
    worst = float(points.max())
    p = min(_two_sided(abs(error) / standard_error, R), S * _two_sided(worst, R))
    limit = student_t.ppf(1 - FALSE_ALARM / tests / 2, R - 1)
    detectable = float(nctdtrinc(R - 1, 1 - POWER, limit)) * standard_error
    return Verdict(name, R, S, error, standard_error, detectable, worst, min(1.0, tests * p))


def pooled(relative: NDArray[np.float64]) -> NDArray[np.float64]:
    """One relative gap per network: its points' mean, each weighted by its precision among the other networks.

    A network's own gaps have no say in its weights, so that the mean of the result is 0 where that of all gaps is.
    With three networks or more; of fewer all points weigh the same.
    """
    R = len(relative)
    if R < 3:
        return np.asarray(relative.mean(axis=1))
    others = (relative.sum(axis=0) - relative) / (R - 1)
    squares = ((relative**2).sum(axis=0) - relative**2) / (R - 1) - others**2
    # not below what rounding leaves of a variance
    weights = 1 / np.maximum(squares, ROUNDING**2)
    return np.asarray((weights * relative).sum(axis=1) / weights.sum(axis=1))


def _standard_error(samples: NDArray[np.float64]) -> Any:
    """Of the mean over networks, the first axis; not below rounding."""
    return np.maximum(samples.std(axis=0, ddof=1) / np.sqrt(len(samples)), ROUNDING)


def _two_sided(t: float, networks: int) -> float:
    return float(2 * student_t.sf(t, networks - 1))
