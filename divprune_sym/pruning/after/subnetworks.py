"""What node pruning leaves: the networks of kept nodes, one for each orbit under the symmetries of the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation.ensemble import Ensemble

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters

# overlaps that differ by less, in units of the largest, are those of a symmetric state
_ALIKE = 1e-10


def kept_nodes(state: OrderParameters, nodes: NDArray[np.int64]) -> OrderParameters:
    """The student of these nodes alone: pruned nodes have w_i = 0 and v_i = 0 for good, so that they are left out."""
    return state.with_(
        Q_classes=state.Q_classes[:, nodes][:, :, nodes],
        R_classes=state.R_classes[:, nodes],
        v=state.v[nodes],
        mask=state.mask[:, nodes],
    )


def subnetworks(
    state: OrderParameters, subsets: NDArray[np.int64], weights: NDArray[np.float64], draws: int | None = None
) -> Ensemble:
    """The kept nodes of every subset (n, k); subsets that permutations of nodes carry into each other are one state.

    Merged are subsets only that are the same to rounding after sorting, so that no two different ones ever are.
    """
    grid = _rounded(state)
    merged: dict[bytes, tuple[NDArray[np.int64], float]] = {}
    for nodes, weight in zip(subsets, weights, strict=True):
        if weight > 0.0:
            key = _sorted(grid, nodes, state)
            first, total = merged.get(key, (nodes, 0.0))
            merged[key] = (first, total + float(weight))
    states = tuple(kept_nodes(state, nodes) for nodes, _ in merged.values())
    return Ensemble(states, np.array([weight for _, weight in merged.values()]), draws)


def _rounded(state: OrderParameters) -> list[NDArray[np.int64]]:
    """Q, R, T (classes, …), v, A in whole units of what rounding may change, and the mask."""
    overlaps = (state.Q_classes, state.R_classes, state.T_classes)
    unit = _ALIKE * max(float(np.abs(x).max(initial=0.0)) for x in overlaps)
    weight = _ALIKE * max(float(np.abs(x).max(initial=0.0)) for x in (state.v, state.A))
    parts = [(x, unit) for x in overlaps] + [(x, weight) for x in (state.v, state.A)] + [(state.mask, 1.0)]
    return [np.round(x / size if size > 0 else x).astype(np.int64) for x, size in parts]


def _sorted(grid: list[NDArray[np.int64]], nodes: NDArray[np.int64], state: OrderParameters) -> bytes:
    """The state of kept nodes with nodes in an order that does not depend on their numbers, as far as that is easy."""
    Q, R, T, v, A, mask = grid
    Q, R, v, mask = Q[:, nodes][:, :, nodes], R[:, nodes], v[nodes], mask[:, nodes]
    teachers = np.array([[A[n], *T[:, n, n], *np.sort(R[:, :, n], axis=None)] for n in range(state.M)])
    order = np.lexsort(teachers.T[::-1])
    R, T, A = R[:, :, order], T[:, order][:, :, order], A[order]
    students = np.array([[v[i], *Q[:, i, i], *mask[:, i], *R[:, i].ravel()] for i in range(len(nodes))])
    order = np.lexsort(students.T[::-1])
    Q, R, v, mask = Q[:, order][:, :, order], R[:, order], v[order], mask[:, order]
    return b"".join(np.ascontiguousarray(x).tobytes() for x in (Q, R, T, v, A, mask))
