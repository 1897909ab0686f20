"""One right-hand side of the equations of motion, both layers learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.bench.floors import ASIN_FLOOR, asin_floor, repeated
from divprune_sym.bench.model import Case, Contestant, Speed, at_least, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from divprune_sym.solvers import Problem

LOOPS, LAMBDIFIED = "published loops", "lambdify"
TIMES = 100
# straight-line code: SymPy and Numba take minutes beyond
MOST_LAMBDIFIED = 6


@table(
    measures="one right-hand side of one trajectory, one thread",
    goal="3 times as fast as lambdify at (2,2) and (4,2); 0.14, 0.2, 0.33, 0.46, 0.73 of the asin floor",
    peers={
        LOOPS: "the published equations transcribed into loops, compiled by Numba",
        LAMBDIFIED: "our derived equations through sympy.lambdify(cse=True) and Numba",
        ASIN_FLOOR: "the asins that it cannot do without, and nothing else",
    },
)
def right_hand_sides(quick: bool) -> Iterator[Case]:
    """The compiled right-hand side of `integrate` by turns with others of the same equations."""
    from divprune_sym.bench.problems import learning_problem

    for K, M in [(2, 2)] if quick else [(2, 2), (4, 2), (6, 2), (10, 4), (20, 10)]:
        problem = learning_problem(K, M)
        contestants = [_ours(problem), _loops(problem), asin_floor(K, M)]
        speeds = [Speed("ours", LOOPS), Speed("ours", ASIN_FLOOR)]
        if K + M <= MOST_LAMBDIFIED:
            contestants.append(_lambdified(problem))
            speeds.append(Speed("ours", LAMBDIFIED, at_least(3.0)))
        yield Case(f"K={K} M={M}", contestants, speeds)


def _ours(problem: Problem) -> Contestant:
    from divprune_sym.solvers.api import prepared

    module, y, p = prepared(problem)
    run, dydt = repeated(module.rhs), np.empty_like(y)
    return Contestant("ours", lambda: run(TIMES, y, dydt, p), units=TIMES)


def _loops(problem: Problem) -> Contestant:
    from divprune_sym.bench.peers.published_loops import flat
    from divprune_sym.bench.problems import flat_problem

    y, p = flat_problem(problem)
    run, dydt, sized = repeated(flat), np.empty_like(y), (problem.state.K, problem.state.M, p)
    return Contestant(LOOPS, lambda: run(TIMES, y, dydt, sized), units=TIMES)


def _lambdified(problem: Problem) -> Contestant:
    from divprune_sym.bench.peers.lambdified import flat_right_hand_side
    from divprune_sym.bench.problems import flat_problem

    y, p = flat_problem(problem)
    run, dydt = repeated(flat_right_hand_side(problem.state.K, problem.state.M)), np.empty_like(y)
    return Contestant(LAMBDIFIED, lambda: run(TIMES, y, dydt, p), units=TIMES)
