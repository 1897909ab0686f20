"""Index sets as sorted rows: complements, and completion by items chosen uniformly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def complements(sets: NDArray[np.int64], N: int) -> NDArray[np.int64]:
    """Return the sorted complements in range(N), (count, N − m).   sets: (count, m), rows sorted."""
    rest = np.empty((sets.shape[0], N - sets.shape[1]), np.int64)
    for row in range(sets.shape[0]):
        seen = 0
        for j in range(N):
            if seen < sets.shape[1] and sets[row, seen] == j:
                seen += 1
            else:
                rest[row, j - seen] = j
    return rest


def completions(sets: NDArray[np.int64], N: int, k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return each set with k − m further items of range(N), uniformly chosen, (count, k), rows sorted.

    sets: (count, m), rows sorted.   Each item is kept with probability wanted/candidates (Knuth, TAOCP 2, 3.4.2 S).
    """
    full = np.empty((sets.shape[0], k), np.int64)
    for row in range(sets.shape[0]):
        seen = filled = 0
        for j in range(N):
            member = seen < sets.shape[1] and sets[row, seen] == j
            wanted = k - sets.shape[1] - (filled - seen)
            candidates = N - sets.shape[1] - (j - seen)
            if member or (wanted > 0 and rng.random() * candidates < wanted):
                full[row, filled] = j
                filled += 1
            seen += member
    return full


complements_jit = njit(cache=True, nogil=True)(complements)
completions_jit = njit(cache=True, nogil=True)(completions)
