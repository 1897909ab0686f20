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

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLUSTER = 1e-11
EPS = float(np.finfo(np.float64).eps)
HUGE = 1e100
# Each takes (error of the eigenvalue)/(distance of the next) off what is wrong: 1e-4 or less for one that is apart, and
# two leave less than rounding makes of the vector anyway.
ITERATIONS = 2
ITERATIONS_IN_CLUSTERS = 3


def factorize(
    d: NDArray[np.float64], e: NDArray[np.float64], shift: float, rows: NDArray[np.float64], swapped: NDArray[np.bool_]
) -> None:
    """Factorize T − shift with partial pivoting: rows (4, n) become inverse pivots, two superdiagonals
    of U, multipliers.

    T is scaled to norm about 1: pivots below ε are raised to ε.
    """
    n = len(d)
    inverses, first, second, multipliers = rows[0], rows[1], rows[2], rows[3]
    pivot, right = d[0] - shift, e[0] if n > 1 else 0.0
    for i in range(n - 1):
        below, diagonal = e[i], d[i + 1] - shift
        beyond = e[i + 1] if i + 2 < n else 0.0
        swapped[i] = abs(below) > abs(pivot)
        if swapped[i]:
            inverses[i] = 1.0 / (below if abs(below) > EPS else EPS)
            multipliers[i] = pivot * inverses[i]
            first[i], second[i] = diagonal, beyond
            pivot = right - multipliers[i] * diagonal
            right = -multipliers[i] * beyond
        else:
            inverses[i] = 1.0 / (pivot if abs(pivot) > EPS else EPS)
            multipliers[i] = below * inverses[i]
            first[i], second[i] = right, 0.0
            pivot = diagonal - multipliers[i] * right
            right = beyond
    inverses[n - 1] = 1.0 / (pivot if abs(pivot) > EPS else EPS)
    first[n - 1] = second[n - 1] = 0.0
    if n > 1:
        second[n - 2] = 0.0


def solve(rows: NDArray[np.float64], swapped: NDArray[np.bool_], x: NDArray[np.float64]) -> None:
    """Solve in place, up to a factor that keeps the solution within range."""
    n = len(x)
    inverses, first, second, multipliers = rows[0], rows[1], rows[2], rows[3]
    for i in range(n - 1):
        if swapped[i]:
            x[i], x[i + 1] = x[i + 1], x[i] - multipliers[i] * x[i + 1]
        else:
            x[i + 1] -= multipliers[i] * x[i]
    one = two = 0.0
    for i in range(n - 1, -1, -1):
        # in this order only one product waits for the entry before
        one, two = ((x[i] - second[i] * two) - first[i] * one) * inverses[i], one
        x[i] = one
        if abs(one) > HUGE:
            for j in range(n):
                x[j] /= HUGE
            one, two = one / HUGE, two / HUGE


factorize_jit = njit(cache=True, nogil=True)(factorize)
solve_jit = njit(cache=True, nogil=True)(solve)


def iterate(
    d: NDArray[np.float64], e: NDArray[np.float64], values: NDArray[np.float64], first_of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return unit vectors (m, n), one a row.

    d, e: (n,), (n − 1,), scaled to norm about 1   values: (m,), ascending   first_of: (m,), the index in `values`
    of the first member of each one's cluster.
    """
    n, m = len(d), len(values)
    vectors = np.empty((m, n))
    rows, swapped = np.zeros((4, n)), np.zeros(n, np.bool_)
    state = np.uint64(0x9E3779B97F4A7C15)
    for row in range(m):
        x = vectors[row]
        for i in range(n):  # any start will do that has a part along every eigenvector: xorshift
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            x[i] = np.float64(state >> np.uint64(11)) * 2.0**-52 - 1.0
        factorize_jit(d, e, values[row], rows, swapped)
        alone = first_of[row] == row and (row + 1 == m or first_of[row + 1] != row)
        for _ in range(ITERATIONS if alone else ITERATIONS_IN_CLUSTERS):
            solve_jit(rows, swapped, x)
            largest = np.abs(x).max()
            x /= largest
            for _ in range(2 if first_of[row] < row else 0):
                for other in range(first_of[row], row):
                    x -= np.sum(vectors[other] * x) * vectors[other]
            x /= np.sqrt(np.sum(x * x))
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
    # the Gram matrix is close to the identity, so that its inverse loses nothing
    return np.asarray(np.linalg.inv(np.linalg.cholesky(vectors @ vectors.T)) @ vectors)
