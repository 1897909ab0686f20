"""Many problems on the GPU: one thread each where they are small, one block of threads each where they are large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.cuda.device import require_cuda, simulated
from divprune_sym.cuda.equations import Layout, cuda_module
from divprune_sym.ground.checks import BadInput, increasing_times, integer, number
from divprune_sym.solvers.modules import flat_parameters
from divprune_sym.solvers.problem import second_layer_moves
from divprune_sym.solvers.solution import Outcome, solutions
from divprune_sym.solvers.tableaus import DORMAND_PRINCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from divprune_sym.solvers import Problem, Solution
    from divprune_sym.solvers.equations import Equations

# From here on a block shares the work of one trajectory: a thread alone would hold over 10 kB of state and stages
LARGEST_FOR_ONE_THREAD = 8
CONTROLS = 5


def layout_for(K: int, M: int, classes: int) -> Layout:
    """One thread per trajectory up to K + M = 8 and one mask class, one block beyond."""
    return "thread" if K + M <= LARGEST_FOR_ONE_THREAD and classes == 1 else "block"


def threads_for(layout: Layout, K: int) -> int:
    """Threads per block: a warp or more; a block has work for one thread per pair of student nodes."""
    if simulated():
        return 2
    if layout == "thread":
        return 64
    return min(256, -(-K * (K + 1) // 2 // 32) * 32)


def integrate_many(
    problems: Sequence[Problem],
    alphas: ArrayLike,
    *,
    rtol: float = 1e-8,
    atol: float | None = None,
    max_steps: int = 1_000_000,
    throw: bool = True,
    layout: Layout | None = None,
) -> list[Solution]:
    """Integrate problems of one size side by side on the GPU, each with its own step, by Dormand–Prince 5(4).

    Parameters
    ----------
    problems : sequence of Problem
        Equal K, M, number of mask classes and equations (activations, whether v moves, batch size).
    alphas : (S,)
        Times to report, common to all, increasing, ≥ 0.
    rtol, atol, max_steps, throw
        As in `integrate`.
    layout : {"thread", "block"}, optional
        One thread or one block of threads per problem; chosen by size if not given. The choice changes no step.

    Returns
    -------
    list of Solution
        In the order of `problems`.

    Raises
    ------
    BadInput
        No problems or problems of different sizes, and what `integrate` refuses.
    NoCuda
        There is no GPU, and no simulator.
    IntegrationFailed
        See `throw`.
    """
    require_cuda()
    times = increasing_times("alphas", alphas)
    rtol = number("rtol", rtol, 1e-14, 1.0)
    atol = rtol if atol is None else number("atol", atol, 1e-100, 1.0)
    max_steps = integer("max_steps", max_steps, 1)
    K, M, classes, equations = _common_size(problems)
    chosen = layout or layout_for(K, M, classes)
    module = cuda_module(equations, K, M, classes, chosen)
    starts, parameters = flattened(problems)
    states = np.zeros((len(problems), len(times), starts.shape[1]))
    controls = np.zeros((len(problems), CONTROLS))
    room = _room(chosen, *starts.shape)
    module.solve[grid(chosen, len(problems), K)](
        starts, parameters, times, states, controls, room, rtol, atol, max_steps
    )
    counts = controls[:, :4].astype(int).tolist()
    results = [
        Outcome(state, filled, status, steps, nfev, at, trials=max_steps)
        for state, (status, filled, steps, nfev), at in zip(states, counts, controls[:, 4].tolist(), strict=True)
    ]
    return solutions(problems, times, results, throw)


def right_hand_sides(problems: Sequence[Problem], layout: Layout | None = None) -> NDArray[np.float64]:
    """dQ^c, dR^c and, where it moves, dv of every problem's state, flat, (problems, n), computed on the GPU."""
    require_cuda()
    K, M, classes, equations = _common_size(problems)
    chosen = layout or layout_for(K, M, classes)
    starts, parameters = flattened(problems)
    out = np.zeros_like(starts)
    module = cuda_module(equations, K, M, classes, chosen)
    module.slopes[grid(chosen, len(problems), K)](starts, parameters, out)
    return out


def flattened(problems: Sequence[Problem]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Moving states (problems, n) and parameters (problems, m), as the kernels take them."""
    starts, parameters = [], []
    for problem in problems:
        x = problem.state
        moving = [x.Q_classes.ravel(), x.R_classes.ravel(), *([x.v] if second_layer_moves(problem) else [])]
        starts.append(np.concatenate(moving))
        parameters.append(flat_parameters(x, (problem.eta, problem.eta_v, problem.sigma, problem.weight_decay)))
    return np.array(starts), np.array(parameters)


def grid(layout: Layout, count: int, K: int) -> tuple[int, int]:
    """Blocks, and threads in each."""
    threads = threads_for(layout, K)
    return (-(-count // threads), threads) if layout == "thread" else (count, threads)


def _room(layout: Layout, count: int, n: int) -> Any:
    """Memory of the device for the states and slopes of a step: a block's together, threads' side by side."""
    from numba import cuda

    rows = 3 + len(DORMAND_PRINCE.arrays()[2])
    return cuda.device_array((count, rows, n) if layout == "block" else (rows, n, count))


def _common_size(problems: Sequence[Problem]) -> tuple[int, int, int, Equations]:
    sizes = {(x.state.K, x.state.M, len(x.state.fraction), x.equations) for x in problems}
    if len(sizes) != 1:
        found = ", ".join(sorted(f"K = {K}, M = {M}, {C} classes, {equations}" for K, M, C, equations in sizes))
        msg = f"problems: expected some, of one size and with the same equations, got {found or 'none'}"
        raise BadInput(msg)
    return sizes.pop()
