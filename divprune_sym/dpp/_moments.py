"""Joint inclusion of items from joint inclusion of eigenvectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mixed_minors(vectors: NDArray[np.float64], joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Σ_{n<m} joint_nm (V_in V_jm − V_im V_jn)², (N, N), zero on the diagonal, in O(N² r²).

    vectors: (N, r)   joint: (r, r), P(n, m ∈ J).   By Cauchy–Binet this is E_J det K_J[{i, j}] with
    K_J = Σ_{n∈J} V_n V_nᵀ; written so, only positive terms are added.
    """
    N, r = vectors.shape
    pairs = np.zeros((N, N))
    for i in range(N):
        for j in range(i + 1, N):
            total = 0.0
            for n in range(r):
                for m in range(n + 1, r):
                    minor = vectors[i, n] * vectors[j, m] - vectors[i, m] * vectors[j, n]
                    total += joint[n, m] * minor * minor
            pairs[i, j] = pairs[j, i] = total
    return pairs


mixed_minors_jit = njit(cache=True, nogil=True)(mixed_minors)


def complete_singles(singles: NDArray[np.float64], rank: int, k: int) -> NDArray[np.float64]:
    """Return P(j ∈ S), (N,), after k − rank items are added uniformly to sets of `rank` items."""
    return singles + (k - rank) / (len(singles) - rank) * (1.0 - singles)


def complete_pairs(pairs: NDArray[np.float64], singles: NDArray[np.float64], rank: int, k: int) -> NDArray[np.float64]:
    """Return P(i, j ∈ S), (N, N), off the diagonal, after the completion of `complete_singles`."""
    free, added = len(singles) - rank, k - rank
    one = added / free
    two = one * (added - 1) / max(free - 1, 1)
    either = singles[:, None] + singles[None, :] - pairs
    return pairs + one * (either - pairs) + two * (1.0 - either)
