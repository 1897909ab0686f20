"""Whole trajectories: time to a given accuracy, and what users of SciPy and of published codes do today."""

from __future__ import annotations

from dataclasses import replace
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


BATCH = 64


@table(
    measures="one trajectory K=4, M=2, η=0.2, σ=0.01, both layers, α ≤ 1000; error: the largest of ε_g at 100 times",
    goal="1.2 ms to an error of 1e-6 alone, 0.13 ms in a batch on two threads; 1e-10 in at most 3 times that",
    peers={EULER: "the published equations in loops, with the step 0.01 that published codes use"},
)
def time_to_accuracy(quick: bool) -> Iterator[Case]:
    """`integrate` and `integrate_batch` by the method that needs fewer right-hand sides, and forward Euler."""
    from divprune_sym.bench.problems import learning_problem
    from divprune_sym.solvers import integrate, integrate_batch
    from divprune_sym.solvers.tableaus import METHODS

    last = 100.0 if quick else 1000.0
    problem = learning_problem(4, 2)
    alphas = np.geomspace(0.1, last, 100)
    exact = integrate(problem, alphas, rtol=1e-13).generalization_error
    batch = [replace(problem, sigma=0.01 * (1 + n / BATCH)) for n in range(8 if quick else BATCH)]
    contestants, facts = [], []
    for wanted, alone, together in ((1e-6, 1.2e-3, 0.13e-3), (1e-10, 3.6e-3, 0.39e-3)):
        calls, method, rtol, error = min(_loosest(problem, alphas, exact, wanted, x) for x in METHODS)
        contestants += [
            Contestant(f"alone to {wanted:g}", _integration(problem, alphas, rtol, method), goal=at_most(alone)),
            *[
                Contestant(
                    _batch_name(wanted, threads),
                    lambda kind=(method, rtol, threads): integrate_batch(  # type: ignore[misc]
                        batch, alphas, method=kind[0], rtol=kind[1], threads=kind[2]
                    ),
                    units=len(batch),
                    goal=at_most(together) if threads == 2 else None,
                )
                for threads in (1, 2)
            ],
        ]
        facts.append(Fact(f"alone to {wanted:g}: error of {method} at rtol {rtol:.2g}", error, "", at_most(wanted)))
        facts.append(Fact(f"alone to {wanted:g}: right-hand sides", calls))
    contestants.append(Contestant(EULER, _euler(problem, last, 0.01)))
    facts.append(Fact(f"{EULER}: error", _euler_error(problem, alphas, exact, 0.01)))
    speeds = [Speed("alone to 1e-06", EULER)]
    speeds += [Speed(_batch_name(wanted, 2), _batch_name(wanted, 1)) for wanted in (1e-6, 1e-10)]
    yield Case(f"α ≤ {last:g}", contestants, speeds, facts)


def _batch_name(wanted: float, threads: int) -> str:
    return f"in a batch to {wanted:g}, {threads} thread{'s' if threads > 1 else ''}"


def _loosest(problem: Problem, alphas: Flat, exact: Flat, wanted: float, method: str) -> tuple[int, str, float, float]:
    """The loosest of the tolerances 10^(−k/2) that reaches an accuracy: right-hand sides, method, tolerance, error."""
    from divprune_sym.solvers import integrate

    for power in range(8, 27):
        found = integrate(problem, alphas, method=method, rtol=10 ** (-power / 2))
        error = float(np.abs(found.generalization_error - exact).max())
        if error <= wanted:
            break
    return found.nfev, method, 10 ** (-power / 2), error


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
        ours = Contestant("ours", _integration(problem, np.array([100.0]), 1e-7))
        peers = [Contestant(name, _scipy(problem, name.split()[1], 100.0, 1e-7)) for name in (DOP853, LSODA)]
        speeds = [Speed("ours", DOP853, at_least(goal)), Speed("ours", LSODA)]
        yield Case(f"K={K} M={M}", [ours, *peers], speeds)


def _integration(problem: Problem, alphas: Flat, rtol: float, method: str = "dop853") -> Callable[[], Any]:
    from divprune_sym.solvers import integrate

    return lambda: integrate(problem, alphas, method=method, rtol=rtol)


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


def _euler_error(problem: Problem, alphas: Flat, exact: Flat, dt: float) -> float:
    """The largest error of ε_g of forward Euler; its own steps are shortened only to land on each time."""
    from divprune_sym.solvers import integrate_fixed_step

    euler = integrate_fixed_step(problem, alphas, dt, method="euler").generalization_error
    return float(np.abs(euler - exact).max())
