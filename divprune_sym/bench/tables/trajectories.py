"""Whole trajectories: time to a given accuracy, and what users of SciPy and of published codes do today."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.bench.model import Case, Contestant, Fact, Speed, at_least, at_most, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from divprune_sym.solvers import Problem

    Flat = NDArray[np.float64]

DOP853, LSODA, EULER = "SciPy DOP853", "SciPy LSODA", "forward Euler"


@table(
    measures="one trajectory K=4, M=2, η=0.2, σ=0.01, both layers learning, to α = 1000; errors of ε_g at its end",
    goal="1.2 ms to an error of 1e-6; 1e-10 in at most 3 times that",
    peers={EULER: "the published equations in loops, with the step 0.01 that published codes use"},
)
def time_to_accuracy(quick: bool) -> Iterator[Case]:
    """`integrate` at two tolerances, and forward Euler; how far each is from a run at 1e-13."""
    from divprune_sym.bench.problems import learning_problem
    from divprune_sym.solvers import integrate

    K, M, last = 4, 2, 100.0 if quick else 1000.0
    problem = learning_problem(K, M)
    exact = integrate(problem, [last], rtol=1e-13).generalization_error[-1]
    facts = []
    contestants = []
    for rtol, error in ((1e-7, 1e-6), (1e-11, 1e-10)):
        run = _integration(problem, last, rtol)
        name = f"ours, rtol {rtol:g}"
        contestants.append(Contestant(name, run, goal=at_most(1.2e-3 if error > 1e-9 else 3.6e-3)))
        found = run()
        facts.append(Fact(f"{name}: error", abs(found.generalization_error[-1] - exact), "", at_most(error)))
        facts.append(Fact(f"{name}: right-hand sides", found.nfev))
    euler = _euler(problem, last, 0.01)
    contestants.append(Contestant(EULER, euler))
    facts.append(Fact(f"{EULER}: error", abs(_error(problem, euler()) - exact)))
    label = f"α ≤ {last:g}"
    yield Case(label, contestants, [Speed(contestants[0].name, EULER)], facts)


@table(
    measures="one trajectory to α = 100 at rtol 1e-7, both layers learning",
    goal="100 times as fast as SciPy's DOP853 at (2,2), 250 times at (4,2)",
    peers={
        DOP853: "scipy.integrate.solve_ivp(method='DOP853') of the lambdified equations, not compiled",
        LSODA: "the same with method='LSODA'",
    },
)
def against_scipy(quick: bool) -> Iterator[Case]:
    """`integrate` by turns with `solve_ivp` on what `sympy.lambdify` makes of the same equations."""
    from divprune_sym.bench.problems import learning_problem

    goals = {(2, 2): 100.0} if quick else {(2, 2): 100.0, (4, 2): 250.0}
    for (K, M), goal in goals.items():
        problem = learning_problem(K, M)
        ours = Contestant("ours", _integration(problem, 100.0, 1e-7))
        peers = [Contestant(name, _scipy(problem, name.split()[1], 100.0, 1e-7)) for name in (DOP853, LSODA)]
        speeds = [Speed("ours", DOP853, at_least(goal)), Speed("ours", LSODA)]
        yield Case(f"K={K} M={M}", [ours, *peers], speeds)


def _integration(problem: Problem, last: float, rtol: float) -> Callable[[], Any]:
    from divprune_sym.solvers import integrate

    return lambda: integrate(problem, [last], rtol=rtol)


def _scipy(problem: Problem, method: str, last: float, rtol: float) -> Callable[[], Flat]:
    from scipy.integrate import solve_ivp

    from divprune_sym.bench.peers.lambdified import lambdified
    from divprune_sym.bench.problems import flat_problem

    K, M = problem.state.K, problem.state.M
    written = cache(lambdified)(K, M)
    y0, p = flat_problem(problem)
    state, a = K * (K + M), M * M
    constants = p.tolist()

    def slope(_: float, y: Flat) -> list[float]:
        values = y.tolist()
        return written(*values[:state], *constants[:a], *values[state:], *constants[a:])

    def run() -> Flat:
        found = solve_ivp(slope, (0.0, last), y0, method=method, rtol=rtol, atol=rtol)
        return np.asarray(found.y[:, -1])

    return run


def _euler(problem: Problem, last: float, dt: float) -> Callable[[], Flat]:
    from divprune_sym.bench.peers.published_loops import euler
    from divprune_sym.bench.problems import flat_problem

    y, constants = flat_problem(problem)
    p = (problem.state.K, problem.state.M, constants)
    return lambda: np.asarray(euler(y, dt, round(last / dt), p))


def _error(problem: Problem, y: Flat) -> float:
    """ε_g of a flat state."""
    from divprune_sym.solvers import generalization_error

    x, K, M = problem.state, problem.state.K, problem.state.M
    Q, R, v = y[: K * K].reshape(K, K), y[K * K : K * (K + M)].reshape(K, M), y[K * (K + M) :]
    moved = x.with_(Q_classes=Q[None], R_classes=R[None], v=v)
    return float(generalization_error(moved.covariance, moved.signed_weights))
