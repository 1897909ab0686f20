"""What an integration gives: order parameters and errors at the times asked for, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.files import written_aside
from divprune_sym.ground.values import ByValue
from divprune_sym.solvers.along import errors_of_many, unflattened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers.problem import Problem

    # states (S, n), zero where they are not filled; how many are, status, steps, right-hand sides, α reached
    Result = tuple[NDArray[np.float64], int, int, int, int, float]


class Status(IntEnum):
    """How an integration ended."""

    DONE = 0
    TOO_MANY_STEPS = 1
    STEP_TOO_SMALL = 2
    NOT_FINITE = 3


_MESSAGES = {
    Status.DONE: "reached the last α",
    Status.TOO_MANY_STEPS: "gave up after max_steps = {steps} steps; raise max_steps or rtol",
    Status.STEP_TOO_SMALL: "the step fell below rounding; the equations have become too stiff for this method",
    Status.NOT_FINITE: "the order parameters diverged; lower eta, eta_v or a fixed dt",
}


class IntegrationFailed(RuntimeError):
    """An integration stopped early and was asked to raise; the message gives the α reached."""


@dataclass(frozen=True, eq=False)
class Solution(ByValue):
    """Order parameters and generalisation error at the requested times.

    Attributes
    ----------
    alpha : (S,)
        Times α = steps/N that were reached.
    generalization_error : (S,)
        ε_g, label noise excluded.
    Q, R, v : (S, K, K), (S, K, M), (S, K)
        Totals over classes.
    Q_classes, R_classes : (S, C, K, K), (S, C, K, M)
    status, message, success, nfev, steps
        As in SciPy's `solve_ivp`; nfev counts right-hand sides.
    events : tuple of tuples
        The times of each event asked for.
    """

    alpha: NDArray[np.float64]
    generalization_error: NDArray[np.float64]
    Q_classes: NDArray[np.float64] = field(repr=False)
    R_classes: NDArray[np.float64] = field(repr=False)
    v: NDArray[np.float64] = field(repr=False)
    problem: Problem = field(repr=False)
    status: Status
    message: str
    nfev: int
    steps: int
    events: tuple[tuple[float, ...], ...] = ()

    @property
    def success(self) -> bool:
        """Whether the last requested α was reached."""
        return self.status == Status.DONE

    @property
    def t(self) -> NDArray[np.float64]:
        """The times α, under `solve_ivp`'s name."""
        return self.alpha

    @property
    def Q(self) -> NDArray[np.float64]:
        """Student overlaps Σ_c Q^c, (S, K, K)."""
        return np.asarray(self.Q_classes.sum(axis=1))

    @property
    def R(self) -> NDArray[np.float64]:
        """Student-teacher overlaps Σ_c R^c, (S, K, M)."""
        return np.asarray(self.R_classes.sum(axis=1))

    def state(self, index: int = -1) -> OrderParameters:
        """The order parameters at one of the times."""
        return self.problem.state.with_(
            Q_classes=self.Q_classes[index], R_classes=self.R_classes[index], v=self.v[index]
        )

    def save(self, path: str | Path) -> None:
        """Write alpha, generalization_error, Q, R, v (and Q_classes, R_classes) to an npz file."""
        arrays: dict[str, Any] = {
            "alpha": self.alpha,
            "generalization_error": self.generalization_error,
            "Q": self.Q,
            "R": self.R,
            "v": self.v,
        }
        if self.Q_classes.shape[1] > 1:
            arrays |= {"Q_classes": self.Q_classes, "R_classes": self.R_classes}
        with written_aside(Path(path)) as file:
            np.savez(file, **arrays)


def solution(
    problem: Problem,
    times: NDArray[np.float64],
    result: Result,
    throw: bool,
    events: tuple[tuple[float, ...], ...] = (),
) -> Solution:
    """What a kernel returned, in the field's letters."""
    return solutions([problem], times, [result], throw, events)[0]


def solutions(
    problems: Sequence[Problem],
    times: NDArray[np.float64],
    results: Sequence[Result],
    throw: bool,
    events: tuple[tuple[float, ...], ...] = (),
) -> list[Solution]:
    """The same of problems of one size and with the same equations."""
    states = np.array([result[0] for result in results])
    Q, R, v = unflattened(states, problems)
    errors = errors_of_many(problems, states)
    made = []
    for n, (problem, (_, filled, code, steps, nfev, reached)) in enumerate(zip(problems, results, strict=True)):
        status = Status(code)
        message = _MESSAGES[status].format(steps=steps)
        if problem.small_eta:
            message += "; in the limit of a small learning rate, without the terms in η²"
        found = (errors[n, :filled], Q[n, :filled], R[n, :filled], v[n, :filled])
        if throw and status != Status.DONE:
            last = f"; last ε_g = {found[0][-1]:.3g}" if filled else ""
            msg = f"stopped at α = {reached:.6g}: {message}{last}"
            raise IntegrationFailed(msg)
        made.append(Solution(times[:filled], *found, problem, status, message, int(nfev), int(steps), events))
    return made
