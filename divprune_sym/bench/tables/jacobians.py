"""The Jacobian of the equations of motion, in right-hand sides of the same build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.bench.floors import repeated
from divprune_sym.bench.model import Case, Contestant, Speed, at_least, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RIGHT_HAND_SIDE, JACOBIAN, PRODUCT = "right-hand side", "Jacobian", "J x"
TIMES = 200
# right-hand sides that a Jacobian may take, by size
GOALS = {(4, 2): 12.0, (10, 4): 25.0}
PRODUCT_GOAL = 3.0


@table(
    measures="the Jacobian in independent coordinates and its product with one vector, both layers learning, called "
    "from compiled code, one thread",
    goal="a Jacobian in 12 right-hand sides at (4,2), in 25 at (10,4), a product in 3",
)
def jacobians(quick: bool) -> Iterator[Case]:
    """The generated derivative along all coordinates, and along one direction, by turns with the right-hand side."""
    from divprune_sym.bench.problems import learning_problem
    from divprune_sym.solvers.adaptive import prepared, sizes
    from divprune_sym.solvers.derivatives import coordinate_directions, jacobian_module

    for (K, M), goal in list(GOALS.items())[: 1 if quick else None]:
        problem = learning_problem(K, M)
        module, y, p = prepared(problem)
        everything = coordinate_directions(*sizes(problem))
        along = repeated_along(jacobian_module(problem.equations, K, M).directional)
        contestants = [
            _right_hand_side(repeated(module.rhs), y, p),
            _derivative(JACOBIAN, along, y, everything, p),
            _derivative(PRODUCT, along, y, everything[:1].copy(), p),
        ]
        speeds = [
            Speed(JACOBIAN, RIGHT_HAND_SIDE, at_least(1 / goal)),
            Speed(PRODUCT, RIGHT_HAND_SIDE, at_least(1 / PRODUCT_GOAL)),
        ]
        yield Case(f"K={K} M={M}", contestants, speeds)


def _right_hand_side(run: Callable[..., None], y: Any, p: Any) -> Contestant:
    dydt = np.empty_like(y)
    return Contestant(RIGHT_HAND_SIDE, lambda: run(TIMES, y, dydt, p), units=TIMES)


def _derivative(name: str, along: Callable[..., None], y: Any, directions: Any, p: Any) -> Contestant:
    out = np.empty_like(directions)
    return Contestant(name, lambda: along(TIMES, y, directions, out, p), units=TIMES)


def repeated_along(directional: Callable[..., Any]) -> Callable[..., None]:
    """As `floors.repeated`, of a derivative along directions."""
    from divprune_sym.codegen.native import native

    @native
    def run(times, y, directions, out, p):  # type: ignore[no-untyped-def]
        for _ in range(times):
            directional(y, directions, out, p)
            y[0] += 1e-300 * out[0, 0, 0]

    return run
