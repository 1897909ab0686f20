"""Butcher tableaus, exact, and checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction as F
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from divprune_sym.ground.values import ByValue
from divprune_sym.solvers.dop853 import E3, E5, A, D

if TYPE_CHECKING:
    from numpy.typing import NDArray


class InconsistentTableau(ValueError):
    """The coefficients contradict each other; the message names the stage."""


Row = tuple[F, ...]


@dataclass(frozen=True)
class Tableau:
    """An explicit Runge–Kutta method.

    Parameters
    ----------
    name : str
    order : int
    c : (s,)
        Nodes.
    a : s rows
        Row i holds the i coefficients of stage i.
    b : (s,)
        Weights of the solution.
    error : (s,) or empty
        Weights of the solution minus those of the embedded one.
    dense : s rows or empty
        Weight of stage i at θ ∈ [0, 1] is Σ_j dense[i][j] θ^(j+1).

    Raises
    ------
    InconsistentTableau
        Σ_j a_ij ≠ c_i, Σ b ≠ 1, Σ error ≠ 0, the dense weights at θ = 1 differ from b, or lengths differ.
    """

    name: str
    order: int
    c: Row
    a: tuple[Row, ...]
    b: Row
    error: Row = field(default=())
    dense: tuple[Row, ...] = field(default=())

    def __post_init__(self) -> None:
        s = len(self.c)
        lengths = [len(row) for row in self.a]
        if lengths != list(range(s)) or len(self.b) != s or {len(self.error), len(self.dense)} - {0, s}:
            msg = (
                f"{self.name}: {s} nodes, but rows of a with {lengths} entries and {len(self.b)} b, "
                f"{len(self.error)} error and {len(self.dense)} dense weights"
            )
            raise InconsistentTableau(msg)
        for stage, (row, node) in enumerate(zip(self.a, self.c, strict=True)):
            if sum(row, F(0)) != node:
                msg = f"{self.name}, stage {stage}: Σ a = {sum(row, F(0))}, but c = {node}"
                raise InconsistentTableau(msg)
        if sum(self.b) != 1 or sum(self.error) != 0:
            msg = f"{self.name}: Σ b = {sum(self.b)}, Σ error = {sum(self.error)}; expected 1 and 0"
            raise InconsistentTableau(msg)
        for stage, row in enumerate(self.dense):
            if sum(row) != self.b[stage]:
                msg = f"{self.name}, stage {stage}: dense weight at θ = 1 is {sum(row)}, but b = {self.b[stage]}"
                raise InconsistentTableau(msg)

    def arrays(self) -> tuple[NDArray[np.float64], ...]:
        """a (s, s), b (s,), error (s,), dense (s, d) in float64."""
        s = len(self.c)
        a = np.zeros((s, s))
        for stage, row in enumerate(self.a):
            a[stage, : len(row)] = [float(x) for x in row]
        dense = np.array([_floats(row) for row in self.dense]) if self.dense else np.empty((0, 0))
        return a, _floats(self.b), _floats(self.error), dense


def _floats(row: Row) -> NDArray[np.float64]:
    return np.array([float(x) for x in row])


def _row(*values: int | str) -> Row:
    return tuple(F(value) for value in values)


# Dormand & Prince 1980; dense output: Shampine 1986 (Hairer, Nørsett & Wanner, II.6)
DORMAND_PRINCE = Tableau(
    "Dormand–Prince 5(4)",
    5,
    c=_row(0, "1/5", "3/10", "4/5", "8/9", 1, 1),
    a=(
        (),
        _row("1/5"),
        _row("3/40", "9/40"),
        _row("44/45", "-56/15", "32/9"),
        _row("19372/6561", "-25360/2187", "64448/6561", "-212/729"),
        _row("9017/3168", "-355/33", "46732/5247", "49/176", "-5103/18656"),
        _row("35/384", 0, "500/1113", "125/192", "-2187/6784", "11/84"),
    ),
    b=_row("35/384", 0, "500/1113", "125/192", "-2187/6784", "11/84", 0),
    error=_row("71/57600", 0, "-71/16695", "71/1920", "-17253/339200", "22/525", "-1/40"),
    dense=(
        _row(1, "-8048581381/2820520608", "8663915743/2820520608", "-12715105075/11282082432"),
        _row(0, 0, 0, 0),
        _row(0, "131558114200/32700410799", "-68118460800/10900136933", "87487479700/32700410799"),
        _row(0, "-1754552775/470086768", "14199869525/1410260304", "-10690763975/1880347072"),
        _row(0, "127303824393/49829197408", "-318862633887/49829197408", "701980252875/199316789632"),
        _row(0, "-282668133/205662961", "2019193451/616988883", "-1453857185/822651844"),
        _row(0, "40617522/29380423", "-110615467/29380423", "69997945/29380423"),
    ),
)

RK4 = Tableau(
    "classical RK4",
    4,
    c=_row(0, "1/2", "1/2", 1),
    a=((), _row("1/2"), _row(0, "1/2"), _row(0, 0, 1)),
    b=_row("1/6", "1/3", "1/3", "1/6"),
)

EULER = Tableau("forward Euler", 1, c=_row(0), a=((),), b=_row(1))


@dataclass(frozen=True, eq=False)
class Method(ByValue):
    """An adaptive method as the kernels take it.

    Attributes
    ----------
    stiff : "never", "when bound" or "always"
        Whether backward differences make the steps: always, or from where stability bounds those of the tableau.
    order : int
    a : (s, s)
        Row `last` makes the solution; later rows serve the dense output.
    errors : (2, last + 1)
        Weights of two error estimates; the second may be zero.
    dense : (s, d)
        Weight of stage i at θ ∈ [0, 1] is Σ_j dense[i, j] θ^(j+1).
    """

    order: int
    a: NDArray[np.float64]
    errors: NDArray[np.float64]
    dense: NDArray[np.float64]
    stiff: Literal["never", "when bound", "always"] = "never"


@cache
def dormand_prince() -> Method:
    """Order 5."""
    a, _, error, dense = DORMAND_PRINCE.arrays()
    return Method(DORMAND_PRINCE.order, a, np.array([error, np.zeros_like(error)]), dense)


@cache
def dop853() -> Method:
    """Order 8.

    The dense output is y + x(F₀ + (1−x)(F₁ + x(F₂ + (1−x)(F₃ + x(F₄ + (1−x)(F₅ + x F₆)))))) with Fs linear in the
    stages (Hairer, Nørsett & Wanner, II.6); it is expanded in powers of x here.
    """
    s = len(A)
    a = np.zeros((s, s))
    for stage, row in enumerate(A):
        a[stage, : len(row)] = row
    solution, first, end = a[12], np.eye(s)[0], np.eye(s)[12]
    F = [solution, first - solution, 2 * solution - first - end, *np.array(D)]
    weights = np.zeros((s, 1))
    for power in range(6, -1, -1):
        weights[:, 0] += F[power]
        times_x = np.pad(weights, ((0, 0), (1, 0)))
        weights = times_x if power % 2 == 0 else np.pad(weights, ((0, 0), (0, 1))) - times_x
    return Method(8, a, np.array([E5, E3]), np.ascontiguousarray(weights[:, 1:]))


@cache
def auto() -> Method:
    """Order 8, and backward differences where its steps are bounded by stability."""
    return replace(dop853(), stiff="when bound")


@cache
def bdf() -> Method:
    """Backward differences from the start on."""
    return replace(dop853(), stiff="always")


METHODS = {"auto": auto, "dop853": dop853, "dopri5": dormand_prince, "bdf": bdf}
FIXED_METHODS = {"rk4": RK4, "euler": EULER}
