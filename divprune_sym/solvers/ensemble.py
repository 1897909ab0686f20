"""Training on of what pruning leaves: one state or many, averaged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from divprune_sym.evaluation.ensemble import Ensemble
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.values import ByValue
from divprune_sym.solvers.adaptive import integrate
from divprune_sym.solvers.batch import integrate_batch
from divprune_sym.solvers.problem import checked_problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from divprune_sym.solvers.problem import Problem
    from divprune_sym.solvers.solution import Solution

    class Limit(Protocol):
        """What pruning makes of a state."""

        def states(self) -> Ensemble: ...


# from so many states on, equations in lanes repay their compilation
_MANY = 50


@dataclass(frozen=True, eq=False)
class EnsembleSolution(ByValue):
    """Errors of weighted states along their trajectories.

    Attributes
    ----------
    alpha : (S,)
        Times since pruning.
    generalization_error : (S,)
        ε_g averaged over the states, label noise excluded.
    standard_error : (S,)
        Of that average, where the states are a sample of all there are; 0 otherwise.
    ensemble : Ensemble
        The pruned states with their weights, as they were at α = 0.
    solutions : tuple of Solution
        One for each state.
    """

    alpha: NDArray[np.float64]
    generalization_error: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    ensemble: Ensemble
    solutions: tuple[Solution, ...]


def train_on(
    problem: Problem,
    pruned: Ensemble | Limit,
    alphas: ArrayLike,
    *,
    method: str = "dop853",
    rtol: float = 1e-8,
    max_steps: int = 1_000_000,
) -> EnsembleSolution:
    """Train what pruning left, at the rates of a problem, and average ε_g over what chance may have left.

    Parameters
    ----------
    problem : Problem
        Whose rates, noise and equations are taken; its own state is not.
    pruned : Ensemble or limit
        What `limit.states()` gives, or a limit itself: `METHODS[name].limit(state, keep)`. Rescaled or reweighted:
        `limit.states(rescale="optimal")` of edges, `limit.states(reweight=True)` of nodes.
    alphas : (S,)
        Times since pruning.
    method, rtol, max_steps
        As for `integrate`.

    Raises
    ------
    BadInput
        No student is left, or as `integrate`.
    IntegrationFailed
        An integration stopped early.
    """
    checked_problem(problem)
    if not isinstance(pruned, Ensemble) and not hasattr(pruned, "states"):
        msg = f"pruned: expected what a method's limit returns, or its states(), got {type(pruned).__name__}"
        raise BadInput(msg)
    ensemble = pruned if isinstance(pruned, Ensemble) else pruned.states()
    problems = [
        replace(problem, state=x, activation=x.activation, teacher_activation=x.teacher_activation)
        for x in ensemble.states
    ]
    if len(problems) < _MANY:
        solved = [integrate(one, alphas, method=method, rtol=rtol, max_steps=max_steps) for one in problems]
    else:
        solved = integrate_batch(problems, alphas, method=method, rtol=rtol, max_steps=max_steps)
    errors = np.array([x.generalization_error for x in solved])
    return EnsembleSolution(
        solved[0].alpha, ensemble.mean(errors), ensemble.error_of_mean(errors), ensemble, tuple(solved)
    )
