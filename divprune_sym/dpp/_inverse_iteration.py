"""Some eigenvectors of a symmetric tridiagonal matrix, by inverse iteration.

LAPACK's dstein orthogonalizes every vector against all others with eigenvalues nearby, which costs more than the
iteration. Here only eigenvalues closer than `CLUSTER`, relative to the largest, are treated so, and a Cholesky factor
of the Gram matrix makes the rest orthonormal: the vectors of separate eigenvalues are orthogonal to about ε/gap as they
are. A cluster is to be asked for as a whole: within it vectors depend on which others are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from scipy.linalg.blas import dtrsm

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLUSTER = 1e-11
EPS = float(np.finfo(np.float64).eps)
HUGE = 1e100
# eigenvectors found side by side: as many doubles as the widest registers hold
LANES = 8
# Each takes (error of the eigenvalue)/(distance of the next) off what is wrong: 1e-4 or less for one that is apart, and
# two leave less than rounding makes of the vector anyway.
ITERATIONS = 2
ITERATIONS_IN_CLUSTERS = 3
# Shifts of cluster members stand this far below their values. In a cluster as narrow as rounding all members then grow
# alike, and those found before stay out of a new one; with the value itself the nearest grows most, and what it takes
# off a vector leaves little but rounding. Above, those not yet found would get in.
BELOW = 8 * EPS


def factorize(
    d: NDArray[np.float64],
    e: NDArray[np.float64],
    shifts: NDArray[np.float64],
    rows: NDArray[np.float64],
    swapped: NDArray[np.bool_],
) -> None:
    """Factorize T − shift with partial pivoting, for each lane's own shift (LANES,).

    rows: (4, n, LANES), become inverse pivots, two superdiagonals of U, multipliers   swapped: (n, LANES)
    T is scaled to norm about 1: pivots below ε are raised to ε.
    """
    n = len(d)
    inverses, first, second, multipliers = rows[0], rows[1], rows[2], rows[3]
    pivots, rights = d[0] - shifts, np.full(LANES, e[0] if n > 1 else 0.0)
    for i in range(n - 1):
        below, next_diagonal = e[i], d[i + 1]
        next_right = e[i + 1] if i + 2 < n else 0.0
        for lane in range(LANES):
            pivot, right, diagonal = pivots[lane], rights[lane], next_diagonal - shifts[lane]
            swap = abs(below) > abs(pivot)
            top, other = (below, pivot) if swap else (pivot, below)
            inverse = 1.0 / (top if abs(top) > EPS else EPS)
            multiplier = other * inverse
            beside = diagonal if swap else right
            beyond = next_right if swap else 0.0
            pivots[lane] = (right if swap else diagonal) - multiplier * beside
            rights[lane] = (0.0 if swap else next_right) - multiplier * beyond
            inverses[i, lane], multipliers[i, lane] = inverse, multiplier
            first[i, lane], second[i, lane], swapped[i, lane] = beside, beyond, swap
    for lane in range(LANES):
        inverses[n - 1, lane] = 1.0 / (pivots[lane] if abs(pivots[lane]) > EPS else EPS)
        first[n - 1, lane] = second[n - 1, lane] = second[max(n - 2, 0), lane] = 0.0


def solve(rows: NDArray[np.float64], swapped: NDArray[np.bool_], x: NDArray[np.float64]) -> None:
    """Solve in place and scale to unit length, each lane by itself.   x: (n, LANES)"""
    n = len(x)
    inverses, first, second, multipliers = rows[0], rows[1], rows[2], rows[3]
    for i in range(n - 1):
        for lane in range(LANES):
            upper, lower, swap = x[i, lane], x[i + 1, lane], swapped[i, lane]
            x[i, lane] = lower if swap else upper
            x[i + 1, lane] = (upper if swap else lower) - multipliers[i, lane] * x[i, lane]
    one, two, largest = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    for i in range(n - 1, -1, -1):
        huge = 0
        for lane in range(LANES):
            # in this order only one product waits for the entry before
            entry = ((x[i, lane] - second[i, lane] * two[lane]) - first[i, lane] * one[lane]) * inverses[i, lane]
            one[lane], two[lane] = entry, one[lane]
            x[i, lane] = entry
            largest[lane] = max(largest[lane], abs(entry))
            huge += abs(entry) > HUGE
        if huge:
            for lane in range(LANES):
                factor = 1.0 / HUGE if abs(one[lane]) > HUGE else 1.0
                one[lane], two[lane], largest[lane] = factor * one[lane], factor * two[lane], factor * largest[lane]
                for j in range(n):
                    x[j, lane] *= factor
    normalize_jit(x, largest)


def normalize(x: NDArray[np.float64], sizes: NDArray[np.float64]) -> None:
    """Scale each lane to unit length, in place.   x: (n, LANES)   sizes: (LANES,), that no square leaves the range"""
    squares = np.zeros(LANES)
    for i in range(len(x)):
        for lane in range(LANES):
            x[i, lane] /= sizes[lane]
            squares[lane] += x[i, lane] * x[i, lane]
    factors = 1.0 / np.sqrt(squares)
    for i in range(len(x)):
        for lane in range(LANES):
            x[i, lane] *= factors[lane]


factorize_jit = njit(cache=True, nogil=True)(factorize)
normalize_jit = njit(cache=True, nogil=True)(normalize)
solve_jit = njit(cache=True, nogil=True)(solve)


def alone(first_of: NDArray[np.int64], row: int) -> bool:
    """Whether a value is a cluster by itself."""
    return bool(first_of[row] == row and (row + 1 == len(first_of) or first_of[row + 1] != row))


alone_jit = njit(cache=True, nogil=True)(alone)


def iterate(
    d: NDArray[np.float64], e: NDArray[np.float64], values: NDArray[np.float64], first_of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return unit vectors (m, n), one a row.

    d, e: (n,), (n − 1,), scaled to norm about 1   values: (m,), ascending   first_of: (m,), the index in `values`
    of the first member of each one's cluster. Those that are alone go side by side, one a lane; members of a cluster
    one after the other, in the first lane.
    """
    n, m = len(d), len(values)
    vectors = np.empty((m, n))
    rows, swapped = np.zeros((4, n, LANES)), np.zeros((n, LANES), np.bool_)
    x, shifts, ones = np.empty((n, LANES)), np.empty(LANES), np.ones(LANES)
    state = np.uint64(0x9E3779B97F4A7C15)
    row = 0
    while row < m:
        count = 0
        while count < LANES and row + count < m and alone_jit(first_of, row + count):
            count += 1
        together = max(count, 1)
        for lane in range(LANES):
            shifts[lane] = values[row + min(lane, together - 1)] - (0.0 if count else BELOW)
        for i in range(n):  # any start will do that has a part along every eigenvector: xorshift
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            for lane in range(LANES):
                x[i, lane] = np.float64(state >> np.uint64(11)) * 2.0**-52 - 1.0
        factorize_jit(d, e, shifts, rows, swapped)
        for _ in range(ITERATIONS if count else ITERATIONS_IN_CLUSTERS):
            solve_jit(rows, swapped, x)
            for _ in range(2 if first_of[row] < row else 0):
                for other in range(first_of[row], row):
                    x[:, 0] -= np.sum(vectors[other] * x[:, 0]) * vectors[other]
            if first_of[row] < row:
                normalize_jit(x, ones)
        for lane in range(together):
            vectors[row + lane] = x[:, lane]
        row += together
    return vectors


iterate_jit = njit(cache=True, nogil=True)(iterate)


def clusters(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number the clusters of ascending eigenvalues: each value's cluster, (n,)."""
    apart = np.diff(values) > CLUSTER * np.abs(values).max(initial=0.0)
    return np.concatenate([np.zeros(min(len(values), 1), np.int64), np.cumsum(apart)])


def eigenvectors(
    d: NDArray[np.float64], e: NDArray[np.float64], values: NDArray[np.float64], wanted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return orthonormal eigenvectors (m, n), one a row, of the ascending eigenvalues number `wanted`, sorted, (m,)."""
    scale = np.abs(values).max(initial=0.0)
    if len(wanted) == 0 or scale == 0.0:
        return np.eye(len(d))[wanted]
    # scaled by a power of two, so without rounding
    exponent = -int(np.frexp(scale)[1])
    first_of = np.searchsorted(clusters(values)[wanted], clusters(values)[wanted])
    diagonal, beside, chosen = (np.ldexp(x, exponent) for x in (d, e, values[wanted]))
    vectors: NDArray[np.float64] = iterate_jit(diagonal, beside, chosen, first_of)
    # the Gram matrix is close to the identity, so that to divide by its factor loses nothing
    factor = np.linalg.cholesky(vectors @ vectors.T)
    return np.asarray(dtrsm(1.0, factor.T, vectors.T, side=1, overwrite_b=1).T)
