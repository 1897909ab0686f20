"""Fixed steps, to compare with published codes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput, increasing_times, number
from divprune_sym.solvers._kernels import CONTROL, fixed_step
from divprune_sym.solvers.adaptive import prepared
from divprune_sym.solvers.modules import address_of_equations
from divprune_sym.solvers.run import outcome
from divprune_sym.solvers.solution import solution
from divprune_sym.solvers.tableaus import FIXED_METHODS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from divprune_sym.solvers.problem import Problem
    from divprune_sym.solvers.solution import Solution

MOST_FIXED_STEPS = 1e9


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
    _, y, p = prepared(problem)
    control, out = np.zeros(CONTROL), np.zeros((len(times), len(y)))
    status = fixed_step(
        address_of_equations(problem.equations, problem.state.K, problem.state.M), y, control, times, out, dt, a, b, p
    )
    made = outcome(out, control, status, implicit=False)
    return replace(
        solution(problem, times, made, throw), integrator=partial(integrate_fixed_step, dt=dt, method=method)
    )
