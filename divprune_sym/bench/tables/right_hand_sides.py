"""One right-hand side of the equations of motion, both layers learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.bench.floors import ASIN_FLOOR, SHORT_ASIN_FLOOR, asin_floors, repeated, repeated_in_lanes
from divprune_sym.bench.model import Case, Contestant, Speed, at_least, at_most, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from divprune_sym.solvers import Problem

ALONE, BATCH = "alone", "in a batch"
LOOPS, LAMBDIFIED = "published loops", "lambdify"
TIMES = 100
# straight-line code: SymPy and Numba take minutes beyond
MOST_LAMBDIFIED = 6


# by size: ns alone, and the share of the asin floor in a batch
GOALS = {(2, 2): (150, 0.40), (4, 2): (700, 0.55), (6, 2): (1600, 0.60), (10, 4): (8000, 0.70), (20, 10): (95000, 0.70)}


@table(
    measures="one right-hand side, of one trajectory alone or of one in a batch (side by side in lanes), one thread",
    goal="in a batch 40, 55, 60, 70, 70 % of the asin floor, and 8 times as fast as lambdify; alone 3 times",
    peers={
        LOOPS: "the published equations transcribed into loops, compiled by Numba",
        LAMBDIFIED: "our derived equations through sympy.lambdify(cse=True) and Numba",
        ASIN_FLOOR: "the asins that it cannot do without, by the library's own asin at |x| ≤ 1, and nothing else",
        SHORT_ASIN_FLOOR: "the same at |x| ≤ ⅛, where asin is shortest; what no right-hand side is faster than",
    },
)
def right_hand_sides(quick: bool) -> Iterator[Case]:
    """The compiled right-hand sides of `integrate` and `integrate_batch` by turns with others of the same equations."""
    from divprune_sym.bench.problems import learning_problem

    for (K, M), (alone, share) in list(GOALS.items())[: 1 if quick else None]:
        problem = learning_problem(K, M)
        contestants = [_alone(problem, alone), _batch(problem), _loops(problem), *asin_floors(K, M)]
        speeds = [
            Speed(BATCH, ASIN_FLOOR, at_least(share)),
            Speed(ALONE, ASIN_FLOOR),
            Speed(BATCH, SHORT_ASIN_FLOOR),
            Speed(BATCH, LOOPS),
            Speed(ALONE, LOOPS),
        ]
        if K + M <= MOST_LAMBDIFIED:
            contestants.append(_lambdified(problem))
            speeds += [Speed(BATCH, LAMBDIFIED, at_least(8.0)), Speed(ALONE, LAMBDIFIED, at_least(3.0))]
        yield Case(f"K={K} M={M}", contestants, speeds)


def _alone(problem: Problem, nanoseconds: float) -> Contestant:
    from divprune_sym.solvers.adaptive import prepared

    module, y, p = prepared(problem)
    run, dydt = repeated(module.rhs), np.empty_like(y)
    return Contestant(ALONE, lambda: run(TIMES, y, dydt, p), units=TIMES, goal=at_most(nanoseconds * 1e-9))


def _batch(problem: Problem) -> Contestant:
    from divprune_sym.codegen.simd import WIDTH
    from divprune_sym.solvers.adaptive import prepared
    from divprune_sym.solvers.modules import problem_module

    _, y, p = prepared(problem)
    module = problem_module(problem.equations, problem.state.K, problem.state.M, "batch")
    ys, ps = (np.repeat(x[:, None], WIDTH, axis=1) for x in (y, p))
    run, dydt = repeated_in_lanes(module.rhs), np.empty_like(ys)
    return Contestant(BATCH, lambda: run(TIMES, ys, dydt, ps), units=TIMES * WIDTH)


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
