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


def kept_nodes(state: OrderParameters, nodes: NDArray[np.int64], v: NDArray[np.float64]) -> OrderParameters:
    """The student of these nodes alone, its second layer v (k,): pruned nodes have w_i = 0 and v_i = 0 for good."""
    return state.with_(
        Q_classes=state.Q_classes[:, nodes][:, :, nodes],
        R_classes=state.R_classes[:, nodes],
        v=v,
        mask=state.mask[:, nodes],
    )


def subnetworks(
    state: OrderParameters,
    subsets: NDArray[np.int64],
    weights: NDArray[np.float64],
    second_layers: NDArray[np.float64],
    draws: int | None = None,
) -> Ensemble:
    """The kept nodes of every subset (n, k) with their second layers (n, k).

    Subsets that permutations of nodes carry into each other are one state. Merged are only those that are the same to
    rounding after sorting, so that no two different ones ever are.
    """
    units = _units(state)
    merged: dict[bytes, tuple[OrderParameters, float]] = {}
    for nodes, v, weight in zip(subsets, second_layers, weights, strict=True):
        if weight > 0.0:
            student = kept_nodes(state, nodes, v)
            key = _sorted(student, units)
            first, total = merged.get(key, (student, 0.0))
            merged[key] = (first, total + float(weight))
    states, probabilities = zip(*merged.values(), strict=True)
    return Ensemble(states, np.array(probabilities), draws)


def _units(state: OrderParameters) -> tuple[float, float]:
    """Of overlaps and of second layers, what rounding may change."""
    overlaps, weights = (state.Q_classes, state.R_classes, state.T_classes), (state.v, state.A)
    most = (max(float(np.abs(x).max(initial=0.0)) for x in parts) for parts in (overlaps, weights))
    overlap, weight = (_ALIKE * x if x > 0.0 else 1.0 for x in most)
    return overlap, weight


def _sorted(state: OrderParameters, units: tuple[float, float]) -> bytes:
    """A state in whole units, its nodes in an order that does not depend on their numbers, as far as that is easy."""
    overlaps, weights = (state.Q_classes, state.R_classes, state.T_classes), (state.v, state.A)
    Q, R, T = (np.round(x / units[0]).astype(np.int64) for x in overlaps)
    v, A = (np.round(x / units[1]).astype(np.int64) for x in weights)
    mask = state.mask.astype(np.int64)
    teachers = np.array([[A[n], *T[:, n, n], *np.sort(R[:, :, n], axis=None)] for n in range(state.M)])
    order = np.lexsort(teachers.T[::-1])
    R, T, A = R[:, :, order], T[:, order][:, :, order], A[order]
    students = np.array([[v[i], *Q[:, i, i], *mask[:, i], *R[:, i].ravel()] for i in range(state.K)])
    order = np.lexsort(students.T[::-1])
    Q, R, v, mask = Q[:, order][:, :, order], R[:, order], v[order], mask[:, order]
    return b"".join(np.ascontiguousarray(x).tobytes() for x in (Q, R, T, v, A, mask))
