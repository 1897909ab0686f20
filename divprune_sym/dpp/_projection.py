"""Phase 2: exact draws from the projection DPP spanned by k orthonormal columns.  P(S) = det(V_S)², |S| = k.

The chain rule picks item j with probability proportional to ‖residual of row V_j‖² after the rows already
picked (Hough, Krishnapur, Peres & Virág, Probability Surveys 3, 206 (2006), algorithm 18). Computing all N
residuals after each pick costs O(N k²). Here items are proposed from residuals that may be out of date, and
accepted with probability (residual now)/(residual then): exact whatever the date, because residuals only
shrink. Before any pick the residuals are the squared rows, Σ_n V_jn²: an even mixture of k laws, the squared
columns, whose cumulative sums do not depend on the choice of columns. So nothing of size N is touched until
rejections have cost about as much as computing all residuals, and the total stays near the cheaper of the two
extremes, O(N k²) and O(k³ log k + k² log N).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A row's residual is known to about k ε of the row's squared length: below this many times that, it is zero.
ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
# Cost of one rejected proposal over that of refreshing one item, as measured.
REJECTION_COST = 2
# One Gram–Schmidt pass leaves an error of ε over the share of the row that is left: 10 ε at most.
ONE_PASS = 0.01


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


def project(
    row: NDArray[np.float64],
    basis: NDArray[np.float64],
    start: int,
    stop: int,
    square: float,
    limit: float,
    parts: NDArray[np.float64],
) -> tuple[float, int]:
    """Fill parts[start:stop] with basis_n · row; return (square − Σ parts², stop).

    Stops early, at a multiple of four steps, where that is `limit` or less already; then the second number says
    where.   row: (k,)   basis: (m, k), orthonormal rows   parts: (m,)
    """
    k = len(row)
    n = start
    while n + 4 <= stop and square > limit:
        p0 = p1 = p2 = p3 = 0.0
        for i in range(k):
            p0 += basis[n, i] * row[i]
            p1 += basis[n + 1, i] * row[i]
            p2 += basis[n + 2, i] * row[i]
            p3 += basis[n + 3, i] * row[i]
        parts[n], parts[n + 1], parts[n + 2], parts[n + 3] = p0, p1, p2, p3
        square -= (p0 * p0 + p1 * p1) + (p2 * p2 + p3 * p3)
        n += 4
    while n < stop and square > limit:
        p0 = 0.0
        for i in range(k):
            p0 += basis[n, i] * row[i]
        parts[n] = p0
        square -= p0 * p0
        n += 1
    return square, n


def subtract(row: NDArray[np.float64], basis: NDArray[np.float64], stop: int, parts: NDArray[np.float64]) -> float:
    """Take Σ_{n<stop} parts_n basis_n from `row`, in place; return what is left of ‖row‖²."""
    k = len(row)
    n = 0
    while n + 4 <= stop:
        p0, p1, p2, p3 = parts[n], parts[n + 1], parts[n + 2], parts[n + 3]
        for i in range(k):
            row[i] -= (p0 * basis[n, i] + p1 * basis[n + 1, i]) + (p2 * basis[n + 2, i] + p3 * basis[n + 3, i])
        n += 4
    for m in range(n, stop):
        for i in range(k):
            row[i] -= parts[m] * basis[m, i]
    square = 0.0
    for i in range(k):
        square += row[i] * row[i]
    return square


# Reordering the sum, as every linear algebra library does, lets it vectorize. A library's own product would make
# draws depend on its version and threads, and its threads stall when cores are shared.
propose_jit = njit(cache=True, nogil=True)(propose)
project_jit = njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})(project)
subtract_jit = njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})(subtract)


def extend(
    row: NDArray[np.float64],
    square: float,
    basis: NDArray[np.float64],
    t: int,
    parts: NDArray[np.float64],
) -> None:
    """Set basis[t] to the unit vector along the part of `row` orthogonal to basis[:t]; parts: basis[:t] · row.

    Gram–Schmidt, a second time where one pass would lose digits.   row: (k,), overwritten   square: ‖row‖²
    """
    left = subtract_jit(row, basis, t, parts)
    while left < ONE_PASS * square:
        square = left
        project_jit(row, basis, 0, t, np.inf, -np.inf, parts)
        left = subtract_jit(row, basis, t, parts)
    for i in range(len(row)):
        basis[t, i] = row[i] / np.sqrt(left)


extend_jit = njit(cache=True, nogil=True)(extend)


def gather(row: NDArray[np.float64], vectors: NDArray[np.float64], j: int, choice: NDArray[np.int64]) -> float:
    """Copy the chosen entries of row j to `row`; return their sum of squares."""
    square = 0.0
    for i in range(len(choice)):
        row[i] = vectors[j, choice[i]]
        square += row[i] * row[i]
    return square


gather_jit = njit(cache=True, nogil=True)(gather)


def refresh(
    weights: NDArray[np.float64],
    rows: NDArray[np.float64],
    squares: NDArray[np.float64],
    basis: NDArray[np.float64],
    dated: int,
    t: int,
    parts: NDArray[np.float64],
) -> None:
    """Take from each weight, in place, the squared part of its row in the span of basis[dated:t]."""
    k = rows.shape[1]
    for j in range(len(weights)):
        if weights[j] > 0.0:
            floor = ROUNDING * k * squares[j]
            left = project_jit(rows[j], basis, dated, t, weights[j], floor, parts)[0]
            weights[j] = left if left > floor else 0.0


refresh_jit = njit(cache=True, nogil=True)(refresh)


def draw_projection(
    vectors: NDArray[np.float64],
    choice: NDArray[np.int64],
    cumulative: NDArray[np.float64],
    columns: NDArray[np.int64],
    items: NDArray[np.int64],
    rng: np.random.Generator,
) -> None:
    """Fill `items`, (k,), with one draw from the projection on the columns `choice`, (k,), of vectors, (N, r).

    cumulative: (n, N), cumulative squares of columns of `vectors`   columns: (k,), where those of `choice` are.
    """
    N, k = len(vectors), len(choice)
    basis, parts, row = np.empty((k, k)), np.empty(k), np.empty(k)
    # filled at the first refresh
    rows, squares, weights, totals = np.empty((0, k)), np.empty(0), np.empty(0), np.empty(0)
    dated = spent = 0
    for t in range(k):
        while True:
            # a first refresh also copies the rows
            if REJECTION_COST * spent > N * (t - dated + (len(rows) == 0)):
                if len(rows) == 0:
                    rows, squares = np.empty((N, k)), np.empty(N)
                    for j in range(N):
                        squares[j] = gather_jit(rows[j], vectors, j, choice)
                    weights = squares.copy()
                refresh_jit(weights, rows, squares, basis, dated, t, parts)
                totals = np.cumsum(weights)
                dated, spent = t, 0
            if len(rows):
                j = propose_jit(totals, rng.random())
                square, then = squares[j], weights[j]
                row[:] = rows[j]
            else:
                column = columns[int(rng.random() * k)]
                j = propose_jit(cumulative[column], rng.random())
                square = gather_jit(row, vectors, j, choice)
                then = square
            limit = max(ROUNDING * k * square, rng.random() * then)
            residual, reached = project_jit(row, basis, dated, t, then, limit, parts)
            if residual > limit:
                break
            spent += reached - dated
        items[t] = j
        project_jit(row, basis, 0, dated, np.inf, -np.inf, parts)
        extend_jit(row, square, basis, t, parts)


draw_projection_jit = njit(cache=True, nogil=True)(draw_projection)


def cumulative_squares(vectors: NDArray[np.float64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cumulative sums of the squares of some columns, (n, N).   vectors: (N, r)   columns: (n,)"""
    cumulative = np.zeros((len(columns), len(vectors)))
    for j in range(len(vectors)):
        for n in range(len(columns)):
            before = cumulative[n, j - 1] if j else 0.0
            cumulative[n, j] = before + vectors[j, columns[n]] ** 2
    return cumulative


cumulative_squares_jit = njit(cache=True, nogil=True)(cumulative_squares)


def draw_projections(
    vectors: NDArray[np.float64],
    choices: NDArray[np.int64],
    rng: np.random.Generator,
    known: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Return one sorted draw for each row of `choices`, (count, k).

    known: (r, N), the cumulative squares of all columns, if there already; the draws are the same without.

    vectors: (N, r), C-contiguous, orthonormal columns   choices: (count, k), the columns of each projection.
    """
    count, k = choices.shape
    draws = np.empty((count, k), np.int64)
    where = np.arange(vectors.shape[1])
    shared = known is not None or count * k > vectors.shape[1]
    cumulative = known if known is not None else cumulative_squares_jit(vectors, where if shared else choices[0, :0])
    for row in range(count):
        if shared:
            draw_projection_jit(vectors, choices[row], cumulative, choices[row], draws[row], rng)
        else:
            own = cumulative_squares_jit(vectors, choices[row])
            draw_projection_jit(vectors, choices[row], own, where[:k], draws[row], rng)
        draws[row].sort()
    return draws


draw_projections_jit = njit(cache=True, nogil=True)(draw_projections)


@dataclass
class Projections:
    """Draws from projections on some of the columns of `vectors`, (N, r), and what they keep for further ones."""

    vectors: NDArray[np.float64]
    # columns of cumulative squares that all draws have needed so far
    _needed: int = 0

    def draw(self, choices: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """One sorted draw for each row of `choices`, (count, k); see `draw_projections`."""
        self._needed += choices.size
        known = self._cumulative if self._needed >= self.vectors.shape[1] else None
        drawn: NDArray[np.int64] = draw_projections_jit(self.vectors, choices, rng, known)
        return drawn

    @cached_property
    def _cumulative(self) -> NDArray[np.float64]:
        """Of all columns: worth computing, once, where it is no more than draws have needed so far."""
        columns = np.arange(self.vectors.shape[1], dtype=np.int64)
        sums: NDArray[np.float64] = cumulative_squares_jit(self.vectors, columns)
        return sums
