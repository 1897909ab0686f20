"""Phase 2: exact draws from the projection DPP spanned by k orthonormal columns.  P(S) = det(V_S)², |S| = k.

The chain rule picks item j with probability proportional to ‖residual of row V_j‖² after the rows already
picked (Hough, Krishnapur, Peres & Virág, Probability Surveys 3, 206 (2006), algorithm 18). Computing all N
residuals after each pick costs O(N k²). Here items are proposed from residuals that may be out of date, and
accepted with probability (residual now)/(residual then): exact whatever the date, because residuals only
shrink. They are refreshed once the rejections have cost about as much as a refresh, which keeps the total near
the cheaper of the two extremes, O(N k²) and O(N k + k³ log k).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A row's residual is known to about k ε of the row's squared length: below this many times that, it is zero.
ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
# Cost of one rejected proposal over that of refreshing one item, as measured.
REJECTION_COST = 2


def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return Σ a_n b_n."""
    total = 0.0
    for n in range(len(a)):
        total += a[n] * b[n]
    return total


def propose(cumulative: NDArray[np.float64], u: float) -> int:
    """Return the first item whose cumulative weight exceeds u times the total: never one of weight zero."""
    target = u * cumulative[-1]
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > target:
            high = middle
        else:
            low = middle + 1
    return low


# Reordering the sum, as every linear algebra library does, lets it vectorise. A library's own product would make
# draws depend on its version and threads, and its threads stall when cores are shared.
dot_jit = njit(cache=True, nogil=True, fastmath={"reassoc"})(dot)
propose_jit = njit(cache=True, nogil=True)(propose)


def squared_part(row: NDArray[np.float64], basis: NDArray[np.float64]) -> float:
    """Return ‖part of `row` in the span of `basis`‖².   row: (k,)   basis: (m, k), orthonormal rows."""
    total = 0.0
    for n in range(len(basis)):
        total += dot_jit(basis[n], row) ** 2
    return total


def orthonormalise(row: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector along the part of `row` orthogonal to `basis`: Gram–Schmidt, twice.

    row: (k,)   basis: (m, k), orthonormal rows.
    """
    for _ in range(2):
        along = np.zeros(len(row))
        for n in range(len(basis)):
            part = dot_jit(basis[n], row)
            for i in range(len(row)):
                along[i] += part * basis[n, i]
        row = row - along
        row = row / np.sqrt(dot_jit(row, row))
    return row


squared_part_jit = njit(cache=True, nogil=True)(squared_part)
orthonormalise_jit = njit(cache=True, nogil=True)(orthonormalise)


def refresh(
    weights: NDArray[np.float64],
    floors: NDArray[np.float64],
    rows: NDArray[np.float64],
    basis: NDArray[np.float64],
) -> None:
    """Take from each weight, in place, the squared part of its row in the span of the new basis vectors."""
    for j in range(len(weights)):
        if weights[j] > 0.0:
            weights[j] -= squared_part_jit(rows[j], basis)
            if weights[j] < floors[j]:
                weights[j] = 0.0


refresh_jit = njit(cache=True, nogil=True)(refresh)


def draw_projection(rows: NDArray[np.float64], items: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Fill `items`, (k,), with one draw.   rows: (N, k), C-contiguous, orthonormal columns."""
    N, k = rows.shape
    basis = np.zeros((k, k))
    weights = np.zeros(N)
    for j in range(N):
        weights[j] = dot_jit(rows[j], rows[j])
    floors = ROUNDING * k * weights
    cumulative = np.cumsum(weights)
    dated = rejected = 0
    for t in range(k):
        while True:
            if REJECTION_COST * rejected > N * (t - dated):
                refresh_jit(weights, floors, rows, basis[dated:t])
                cumulative = np.cumsum(weights)
                dated, rejected = t, 0
            j = propose_jit(cumulative, rng.random())
            residual = weights[j] - squared_part_jit(rows[j], basis[dated:t])
            if residual > floors[j] and rng.random() * weights[j] < residual:
                break
            rejected += t - dated
        items[t] = j
        basis[t] = orthonormalise_jit(rows[j], basis[:t])


draw_projection_jit = njit(cache=True, nogil=True)(draw_projection)


def draw_projections(
    vectors: NDArray[np.float64], choices: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return one sorted draw for each row of `choices`, (count, k).

    vectors: (N, r), C-contiguous, orthonormal columns   choices: (count, k), the columns of each projection.
    """
    N, k = vectors.shape[0], choices.shape[1]
    draws = np.empty(choices.shape, np.int64)
    rows = np.empty((N, k))
    for row in range(choices.shape[0]):
        for j in range(N):
            for n in range(k):
                rows[j, n] = vectors[j, choices[row, n]]
        draw_projection_jit(rows, draws[row], rng)
        draws[row].sort()
    return draws


draw_projections_jit = njit(cache=True, nogil=True)(draw_projections)
