"""Many trajectories at once: lanes of a register, and threads."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, increasing_times, instances, integer
from divprune_sym.ground.work import each_done
from divprune_sym.solvers import _batch_kernels, _kernels
from divprune_sym.solvers._kernels import CONTROL, GIVEN_UP, STATUS, STIFF
from divprune_sym.solvers.adaptive import adaptive_options, prepared, same_way, sizes
from divprune_sym.solvers.modules import address_of_equations
from divprune_sym.solvers.problem import Problem
from divprune_sym.solvers.run import Run, outcome, patience
from divprune_sym.solvers.solution import Outcome, Solution, solutions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from divprune_sym.solvers.equations import Equations

# from so many asin per right-hand side on, arrays of lanes leave the first cache and node pairs side by side win
_LARGEST_IN_LANES = 10_000


def integrate_batch(
    problems: Sequence[Problem],
    alphas: ArrayLike,
    *,
    method: str = "auto",
    rtol: float = 1e-8,
    atol: float | None = None,
    max_steps: int = 1_000_000,
    threads: int = 1,
    throw: bool = True,
) -> list[Solution]:
    """Integrate several problems of one size, each with its own step size.

    Every solution has the bits that `integrate` gives for its problem alone, in whatever order and company the
    problems come and on any number of threads.

    Parameters
    ----------
    problems : sequence of Problem
        One K, M, number of mask classes, activation and batch size; the second layer moves in all or in none.
    alphas : (S,)
        Times to report, for all of them.
    threads : int
    method, rtol, atol, max_steps, throw
        As for `integrate`; with `throw`, the first problem that fails is named.

    Raises
    ------
    BadInput
        No problems, or problems of different sizes; see `integrate`.
    IntegrationFailed
        See `throw`.
    """
    chosen, rtol, atol, max_steps = adaptive_options(method, rtol, atol, max_steps)
    times = increasing_times("alphas", alphas)
    threads = integer("threads", threads, 1, 1024)
    _refuse_mixed(problems)
    flat = [prepared(problem)[1:] for problem in problems]
    starts, parameters = (np.array([one[x] for one in flat]) for x in (0, 1))
    states = np.zeros((len(problems), len(times), starts.shape[1]))
    controls = np.full((len(problems), CONTROL), np.nan)
    memories = np.zeros((len(problems), 4, starts.shape[1]))
    controls[:, STATUS] = STIFF
    if chosen.stiff != "always":
        x = problems[0].state
        target = target_of(problems[0])
        rhs = address_of_equations(problems[0].equations, x.K, x.M, target)
        adaptive_many = {"cpu": _kernels, "batch": _batch_kernels}[target].adaptive_many
        tickets = np.zeros(1, dtype=np.int64)

        def together(_: int) -> None:
            adaptive_many(
                rhs, starts, parameters, times, tickets, states, controls, memories, rtol, atol, max_steps,
                patience(chosen, sizes(problems[0])), chosen.order, chosen.a, chosen.errors, chosen.dense,
            )  # fmt: skip

        try:
            deque(each_done(together, range(threads), threads), maxlen=0)
        except BaseException:
            tickets[0] = GIVEN_UP
            raise

    def alone(n: int) -> Outcome:
        run = Run(
            problems[n].equations, chosen, sizes(problems[n]), times, parameters[n], starts[n], rtol, atol, max_steps
        )
        run.out, run.control, run.start, run.implicit = states[n], controls[n], memories[n], True
        return run.result(run.finish(None, None))

    stiff = np.flatnonzero(controls[:, STATUS] == STIFF).tolist()
    ended = dict(each_done(alone, stiff, threads)) if stiff else {}
    results = [
        ended[n] if n in ended else outcome(states[n], controls[n], int(controls[n, STATUS]), implicit=False)
        for n in range(len(problems))
    ]
    how = same_way(method, rtol, atol, max_steps)
    return [replace(one, integrator=how) for one in solutions(problems, times, results, throw)]


def integrate_groups(
    problems: Sequence[Problem], alphas: ArrayLike, *, rtol: float = 1e-8, throw: bool = True
) -> list[Solution]:
    """Integrate problems of any sizes: those that may share a batch do. In the order of the problems."""
    alike: dict[Any, list[int]] = {}
    for n, problem in enumerate(problems):
        alike.setdefault(_kind(problem), []).append(n)
    solved: dict[int, Solution] = {}
    for members in alike.values():
        batch = integrate_batch([problems[n] for n in members], alphas, rtol=rtol, throw=throw)
        solved |= dict(zip(members, batch, strict=True))
    return [solved[n] for n in range(len(problems))]


def _kind(problem: Problem) -> tuple[tuple[int, ...], Equations]:
    """Classes, K, M and equations: what the problems of a batch have in common."""
    return problem.state.R_classes.shape, problem.equations


def target_of(problem: Problem) -> str:
    """Whether batches of a problem run in lanes of trajectories, or one after the other in lanes of node pairs."""
    K, M = problem.state.K, problem.state.M
    asins = K * (K + 1) // 2 * (K + M) * (K + M + 1) // 2
    return "batch" if asins <= _LARGEST_IN_LANES else "cpu"


def _refuse_mixed(problems: Sequence[Problem]) -> None:
    kinds = [_kind(problem) for problem in instances("problems", problems, Problem)]
    for at, kind in enumerate(kinds):
        if kind != kinds[0]:
            msg = (
                f"problems[{at}]: classes, K, M and equations are {kind}, those of the first {kinds[0]}; "
                "integrate them in a batch of their own"
            )
            raise BadInput(msg)
