"""Integrate the equations of motion: `integrate(problem)` gives a `Solution`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput, increasing_times, integer, number
from divprune_sym.solvers.events import EventFinder
from divprune_sym.solvers.modules import flat_parameters, problem_module
from divprune_sym.solvers.problem import checked_problem, second_layer_moves
from divprune_sym.solvers.run import Run
from divprune_sym.solvers.solution import solution
from divprune_sym.solvers.tableaus import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from divprune_sym.solvers.events import Event
    from divprune_sym.solvers.problem import Problem
    from divprune_sym.solvers.run import Checkpoint
    from divprune_sym.solvers.solution import Solution
    from divprune_sym.solvers.tableaus import Method


def integrate(
    problem: Problem,
    alphas: ArrayLike,
    *,
    method: str = "auto",
    rtol: float = 1e-8,
    atol: float | None = None,
    max_steps: int = 1_000_000,
    events: Sequence[Event] = (),
    checkpoint: Checkpoint | None = None,
    throw: bool = True,
) -> Solution:
    """Integrate with adaptive steps, and dense output between them.

    Parameters
    ----------
    problem : Problem
    alphas : (S,)
        Times to report, increasing, ≥ 0; the problem's state is the one at α = 0.
    method : {"auto", "dop853", "dopri5", "bdf"}
        "auto": Hairer's method of order 8, "dop853", and backward differences, "bdf", where stability bounds its steps
        and many of them are left to go: on plateaus and long tails. "dopri5": Dormand–Prince, of order 5.
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
    _, y0, p = prepared(problem)
    run = Run(problem.equations, chosen, sizes(problem), times, p, y0, rtol, atol, max_steps)
    finder = EventFinder(problem, tuple(events)) if events else None
    status = run.finish(checkpoint, finder)
    found = tuple(finder.times) if finder else ()
    made = solution(problem, times, run.result(status), throw, found)
    return replace(made, integrator=same_way(method, rtol, atol, max_steps))


def same_way(method: str, rtol: float, atol: float, max_steps: int) -> Callable[..., Solution]:
    """`integrate` with these options: what a solution goes on with between its times."""
    return partial(integrate, method=method, rtol=rtol, atol=atol, max_steps=max_steps)


def adaptive_options(method: str, rtol: float, atol: float | None, max_steps: int) -> tuple[Method, float, float, int]:
    """Method and tolerances, checked."""
    if method not in METHODS:
        msg = f"method {method!r}: not known, choose from {', '.join(METHODS)}; fixed steps: integrate_fixed_step"
        raise BadInput(msg)
    rtol = number("rtol", rtol, 1e-14, 1.0)
    atol = rtol if atol is None else number("atol", atol, 1e-100, 1.0)
    return METHODS[method](), rtol, atol, integer("max_steps", max_steps, 1)


def sizes(problem: Problem) -> tuple[int, int, int, bool]:
    """Mask classes, K, M, and whether v moves."""
    classes, K, M = problem.state.R_classes.shape
    return classes, K, M, second_layer_moves(problem)


def prepared(problem: Problem):  # type: ignore[no-untyped-def]
    """The generated module, the flat state (Q, R, v) and the parameters its right-hand side takes."""
    x = checked_problem(problem).state
    moves = second_layer_moves(problem)
    module = problem_module(problem.equations, x.K, x.M)
    y0 = np.concatenate([x.Q_classes.ravel(), x.R_classes.ravel(), x.v if moves else np.empty(0)])
    rates = (problem.eta, problem.eta_v, problem.sigma, problem.weight_decay)
    return module, y0, flat_parameters(x, rates)
