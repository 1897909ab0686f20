"""Integrate the equations of motion: `integrate(problem)` gives a `Solution`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.checks import BadInput, increasing_times, integer, number
from divprune_sym.codegen.named import checked_activation
from divprune_sym.files import written_aside
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers.along import errors_of_many, unflattened
from divprune_sym.solvers.events import EventFinder
from divprune_sym.solvers.problem import Equations, flat_parameters, problem_module, stepping_module
from divprune_sym.solvers.run import Checkpoint, Run
from divprune_sym.solvers.tableaus import FIXED_METHODS, METHODS, Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from divprune_sym.gaussian import Activation
    from divprune_sym.solvers.events import Event

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


MOST_FIXED_STEPS = 1e9


class IntegrationFailed(RuntimeError):
    """An integration stopped early and was asked to raise; the message gives the α reached."""


@dataclass(frozen=True)
class Problem:
    """Online learning of a student from a teacher, from a given state at α = 0.

    Parameters
    ----------
    state : OrderParameters
    eta, eta_v : float
        Learning rates of the first and second layer; 0 stops a layer from learning, not from decaying.
    sigma : float
        Standard deviation of the label noise.
    weight_decay : float
        κ, felt by every weight of the student, masked or not.
    activation : str or Activation
        g of the student: "erf", "erf[2]" (gain 2), "linear", "relu", "sine", "he3", "polynomial[0, 1, 1/2]", the name
        of a plug-in, or an `Activation` of your own.
    teacher_activation : str or Activation, optional
        h of the teacher's nodes; the same as the student's if left out.
    batch_size : int
        b, the inputs averaged over in one update; then α counts updates divided by N. Compiled once for each b.
    small_eta : bool
        The limit of a small learning rate: the terms in η², and with them label noise and batches, are left out. The
        only dynamics there are where the integral I4 has no closed form, as for ReLU; right to first order in η.

    Raises
    ------
    BadInput
        A rate out of range or an unknown activation. That the integrals of an activation do not close is found, and
        refused, when its equations are derived: by `integrate` and the like.
    """

    state: OrderParameters
    eta: float
    eta_v: float = 0.0
    sigma: float = 0.0
    weight_decay: float = 0.0
    activation: str | Activation = "erf"
    teacher_activation: str | Activation | None = None
    batch_size: int = 1
    small_eta: bool = False

    def __post_init__(self) -> None:
        for name in ("eta", "eta_v", "sigma", "weight_decay"):
            object.__setattr__(self, name, number(name, getattr(self, name), low=0.0))
        checked_activation("activation", self.activation)
        if self.teacher_activation is not None:
            checked_activation("teacher_activation", self.teacher_activation)
        integer("batch_size", self.batch_size, 1)
        if not isinstance(self.small_eta, bool):
            msg = f"small_eta = {self.small_eta!r}: expected True or False"
            raise BadInput(msg)

    @property
    def equations(self) -> Equations:
        """Which equations of motion these are."""
        return Equations(
            self.activation, self.teacher_activation, second_layer_moves(self), self.batch_size, self.small_eta
        )


@dataclass(frozen=True, eq=False)
class Solution:
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


def integrate(
    problem: Problem,
    alphas: ArrayLike,
    *,
    method: str = "dop853",
    rtol: float = 1e-8,
    atol: float | None = None,
    max_steps: int = 1_000_000,
    events: Sequence[Event] = (),
    checkpoint: Checkpoint | None = None,
    throw: bool = True,
) -> Solution:
    """Integrate with an adaptive Runge–Kutta method and its dense output.

    Parameters
    ----------
    problem : Problem
    alphas : (S,)
        Times to report, increasing, ≥ 0; the problem's state is the one at α = 0.
    method : {"dop853", "dopri5"}
        Hairer's method of order 8, or Dormand–Prince of order 5.
    rtol : float
        Relative error allowed in each step; `atol` (default rtol) is its absolute counterpart and positive,
        because an overlap that starts at zero has no relative error.
    max_steps : int
        Of trial steps, rejected ones included.
    events : sequence of Event
        Looked for in every step; `Solution.events` has the times, in the order of this list.
    checkpoint : Checkpoint or None
        A file to keep a long run in, and to go on from.
    throw : bool
        Raise when the last α is not reached; otherwise the partial solution says why.

    Raises
    ------
    BadInput
        Times not increasing or negative, tolerances out of range, an unknown method, a checkpoint of another run.
    IntegrationFailed
        See `throw`.
    """
    chosen, rtol, atol, max_steps = adaptive_options(method, rtol, atol, max_steps)
    times = increasing_times("alphas", alphas)
    module, y0, p = prepared(problem)
    run = Run(module, chosen, times, p, y0, rtol, atol, max_steps)
    finder = EventFinder(problem, tuple(events)) if events else None
    status = run.finish(checkpoint, finder)
    found = tuple(finder.times) if finder else ()
    return solution(problem, times, run.result(status), throw, found)


def adaptive_options(method: str, rtol: float, atol: float | None, max_steps: int) -> tuple[Method, float, float, int]:
    """Method and tolerances, checked."""
    if method not in METHODS:
        msg = f"method {method!r}: not known, choose from {', '.join(METHODS)}; fixed steps: integrate_fixed_step"
        raise BadInput(msg)
    rtol = number("rtol", rtol, 1e-14, 1.0)
    atol = rtol if atol is None else number("atol", atol, 1e-100, 1.0)
    return METHODS[method](), rtol, atol, integer("max_steps", max_steps, 1)


def integrate_fixed_step(
    problem: Problem, alphas: ArrayLike, dt: float, *, method: str = "rk4", throw: bool = True
) -> Solution:
    """Integrate with a fixed step dt, to compare with published codes.

    Parameters
    ----------
    problem, alphas, throw
        As for `integrate`.
    dt : float
        The step, shortened only to land on each α.
    method : {"rk4", "euler"}
        Classical Runge–Kutta of order 4, or forward Euler, which published codes use.

    Raises
    ------
    BadInput
        Times not increasing or negative, an unknown method, dt not positive or so small that it needs over 1e9 steps.
    IntegrationFailed
        The order parameters diverged, and `throw`.
    """
    if method not in FIXED_METHODS:
        msg = f"method {method!r}: not known, choose from {', '.join(FIXED_METHODS)}; adaptive steps: integrate"
        raise BadInput(msg)
    times = increasing_times("alphas", alphas)
    dt = number("dt", dt, max(1e-12, times[-1] / MOST_FIXED_STEPS))
    a, b, _, _ = FIXED_METHODS[method].arrays()
    module, y0, p = prepared(problem)
    return solution(
        problem, times, stepping_module().fixed_step(module.at_address().address, y0, times, dt, a, b, p), throw
    )


def second_layer_moves(problem: Problem) -> bool:
    """Whether v is part of the moving state."""
    return problem.eta_v > 0 or problem.weight_decay > 0


def prepared(problem: Problem):  # type: ignore[no-untyped-def]
    """The generated module, the flat state (Q, R, v) and the parameters its right-hand side takes."""
    x = problem.state
    moves = second_layer_moves(problem)
    module = problem_module(problem.equations, x.K, x.M)
    y0 = np.concatenate([x.Q_classes.ravel(), x.R_classes.ravel(), x.v if moves else np.empty(0)])
    rates = (problem.eta, problem.eta_v, problem.sigma, problem.weight_decay)
    return module, y0, flat_parameters(x, rates)


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
