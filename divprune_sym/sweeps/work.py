"""One piece of a sweep: some trajectories integrated together, and each of their students pruned."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.protocols.steps import RESCALINGS
from divprune_sym.pruning.method import NodeMethod
from divprune_sym.pruning.user_method import load_method
from divprune_sym.solvers import IntegrationFailed, Problem, train_on
from divprune_sym.solvers.batch import integrate_groups
from divprune_sym.solvers.start import small_overlaps
from divprune_sym.sweeps.grid import Grid, nodes_kept
from divprune_sym.sweeps.plateaus import first_reached, longest_plateau

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.evaluation.ensemble import Ensemble
    from divprune_sym.solvers import Solution

    Limit = Any

# times at which a pruned student is looked at while it trains on, evenly spaced in ln α, and where they begin
_LOOKS, _FIRST = 24, 1e-3


def problem_of(settings: dict[str, Any]) -> Problem:
    """The problem of one trajectory, from a student whose overlaps with all others are small and random.

    Q_ii = 1; Q_ik and R_in are drawn from N(0, overlap²); T = 1, A = v*, v = v* M/K.
    """
    state = _start(
        *(settings[name] for name in ("students", "teachers", "second_layer", "overlap", "activation", "seed"))
    )
    rates = {name: settings[name] for name in ("eta", "eta_v", "sigma", "weight_decay", "batch_size")}
    return Problem(state, **rates)


# kept, as a grid starts many trajectories from one state
_start = lru_cache(maxsize=4096)(small_overlaps)


def run_block(grid: Grid, block: int) -> dict[str, NDArray[Any]]:
    """Everything that is stored of the trajectories of one piece, by variable; the first axis is the trajectory.

    The result is that of the grid and the number alone: no generator, no company, no order enters.
    """
    problems = [_named_problem(grid.settings(row)) for row in grid.rows(block)]
    solved = integrate_groups(problems, grid.alphas, rtol=grid.rtol, throw=False)
    tables = [_trajectory(grid, solution) for solution in solved]
    return {name: np.array([table[name] for table in tables]) for name in tables[0]}


def _named_problem(settings: dict[str, Any]) -> Problem:
    try:
        return problem_of(settings)
    except BadInput as error:
        told = ", ".join(f"{name} = {value}" for name, value in settings.items())
        msg = f"the trajectory with {told}: {error}"
        raise BadInput(msg) from None


def _trajectory(grid: Grid, solution: Solution) -> dict[str, Any]:
    errors = np.full(len(grid.alphas), np.nan)
    errors[: len(solution.alpha)] = solution.generalization_error
    entry, escape = longest_plateau(np.array(grid.alphas), errors)
    table: dict[str, Any] = {
        "generalization_error": errors,
        "status": np.int8(solution.status),
        "plateau_entry": entry,
        "plateau_escape": escape,
    }
    if grid.methods:
        table |= _pruned(grid, solution)
    return table


def _pruned(grid: Grid, solution: Solution) -> dict[str, Any]:
    shape = (len(grid.methods), len(grid.keeps), len(grid.refits))
    names = ["pruned_error"] + ["retrained_error", "recovery_alpha"] * (grid.retrain is not None)
    tables = {name: np.full(shape, np.nan) for name in names}
    if not solution.success:
        return tables
    state = solution.state()
    for m, name in enumerate(grid.methods):
        method = _method(name)
        for p, keep in enumerate(grid.keeps):
            if not isinstance(method, NodeMethod) and not method.can_keep(keep):
                continue
            limit = method.limit(state, nodes_kept(keep, state.K) if isinstance(method, NodeMethod) else keep)
            for r, refit in enumerate(grid.refits):
                how = refitting(method, refit)
                if how is None:
                    continue
                tables["pruned_error"][m, p, r] = limit.generalization_error(**how)
                if grid.retrain is not None:
                    left = limit.states(**how, seed=0)
                    retrained = _retrained(grid, solution, left)
                    tables["retrained_error"][m, p, r], tables["recovery_alpha"][m, p, r] = retrained
    return tables


@lru_cache(maxsize=64)
def _method(name: str) -> Any:
    return load_method(name)


def refitting(method: Any, refit: str) -> dict[str, Any] | None:
    """What a limit is asked for; None where a refit is not one of this kind of method."""
    if isinstance(method, NodeMethod):
        return {"none": {"reweight": False}, "best": {"reweight": True}}.get(refit)
    return {"rescale": RESCALINGS[refit]}


def _retrained(grid: Grid, solution: Solution, left: Ensemble) -> tuple[float, float]:
    """ε_g after training on, and the time after which it is back at what it was before pruning."""
    assert grid.retrain is not None
    times = np.concatenate([[0.0], np.geomspace(_FIRST * grid.retrain, grid.retrain, _LOOKS)])
    try:
        trained = train_on(solution.problem, left, times, method="auto", rtol=grid.rtol)
    except IntegrationFailed:
        return np.nan, np.nan
    errors = trained.generalization_error
    return float(errors[-1]), first_reached(times, errors, float(solution.generalization_error[-1]))
