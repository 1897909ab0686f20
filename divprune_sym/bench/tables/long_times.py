"""Trajectories through plateaus and long tails, where stability bounds explicit steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.bench.model import Case, Contestant, Fact, Speed, at_least, at_most, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from divprune_sym.solvers import Problem, Solution

    Flat = NDArray[np.float64]

AUTO, EXPLICIT, LSODA = "auto", "dop853", "SciPy LSODA"
WANTED = 1e-5
# K, M, learning rates, size of the overlaps at the start, last time, and how many times as fast as explicit steps
_CASES = (
    (4, 2, 0.2, 1e-3, 1e5, 15.0),
    (4, 2, 0.2, 1e-3, 1e6, 120.0),
    (6, 2, 0.05, 1e-6, 1e5, 4.0),
    (10, 4, 0.2, 1e-3, 1e4, 2.0),
)


@table(
    measures="one trajectory from small overlaps, both layers, each at its loosest rtol with a relative error of ε_g "
    "of at most 1e-5 at 100 times",
    goal="15 times as fast as explicit steps at (4,2) to α = 1e5, 120 times to 1e6, 4 at (6,2), 2 at (10,4)",
    peers={LSODA: "scipy.integrate.solve_ivp(method='LSODA') on our right-hand side and Jacobian, at the rtol of auto"},
)
def long_times(quick: bool) -> Iterator[Case]:
    """`integrate` by its default method, by explicit steps alone, and SciPy's LSODA."""
    from divprune_sym.solvers import integrate

    for K, M, eta, overlap, last, goal in ((4, 2, 0.2, 1e-3, 1e4, 1.0),) if quick else _CASES:
        problem = plateau_problem(K, M, eta, overlap)
        alphas = np.geomspace(0.1, last, 100)
        exact = integrate(problem, alphas, method="bdf", rtol=1e-12).generalization_error
        contestants, facts = [], []
        for method in (AUTO, EXPLICIT):
            rtol, found = _loosest(problem, alphas, exact, method)
            contestants.append(Contestant(method, _integration(problem, alphas, method, rtol)))
            error = float(np.abs(found.generalization_error / exact - 1).max())
            facts.append(Fact(f"{method}: relative error at rtol {rtol:.2g}", error, "", at_most(WANTED)))
            facts += [Fact(f"{method}: {name}", getattr(found, name)) for name in ("nfev", "steps", "njev", "nlu")]
            if method == AUTO and not quick:
                contestants.append(Contestant(LSODA, _lsoda(problem, alphas, rtol)))
        yield Case(
            f"K={K} M={M} α ≤ {last:g}",
            contestants,
            [Speed(AUTO, EXPLICIT, at_least(goal)), *([] if quick else [Speed(AUTO, LSODA)])],
            facts,
        )


def plateau_problem(K: int, M: int, eta: float, overlap: float) -> Problem:
    """Q = 1 and R = 0 but for overlaps of one size, v = 1 but for 1e-3; σ = 0.01."""
    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers import Problem

    rng = np.random.default_rng(0)
    off = np.triu(overlap * rng.standard_normal((K, K)), 1)
    R = overlap * rng.standard_normal((K, M))
    v = 1 + 1e-3 * rng.standard_normal(K)
    return Problem(OrderParameters.unpruned(np.eye(K) + off + off.T, R, np.eye(M), v, np.ones(M)), eta, eta, 0.01)


def _loosest(problem: Problem, alphas: Flat, exact: Flat, method: str) -> tuple[float, Solution]:
    """The loosest of the tolerances 10^(−k/4) that reaches the accuracy, and what it gives."""
    from divprune_sym.solvers import integrate

    for power in range(24, 50):
        rtol = 10 ** (-power / 4)
        found = integrate(problem, alphas, method=method, rtol=rtol, max_steps=10**7)
        if np.abs(found.generalization_error / exact - 1).max() <= WANTED:
            break
    return rtol, found


def _integration(problem: Problem, alphas: Flat, method: str, rtol: float) -> Callable[[], Any]:
    from divprune_sym.solvers import integrate

    return lambda: integrate(problem, alphas, method=method, rtol=rtol, max_steps=10**7)


def _lsoda(problem: Problem, alphas: Flat, rtol: float) -> Callable[[], Any]:
    from scipy.integrate import solve_ivp

    from divprune_sym.solvers.jacobian import Flow

    flow = Flow(problem)
    z = flow.coordinates(problem.state)
    options = {"method": "LSODA", "jac": lambda _, z: flow.jacobian(z), "t_eval": alphas, "rtol": rtol, "atol": rtol}
    return lambda: solve_ivp(lambda _, z: flow.velocity(z), (0.0, float(alphas[-1])), z, **options)
