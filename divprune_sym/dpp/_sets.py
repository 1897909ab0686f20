"""Index sets as sorted rows: complements, and completion by items chosen uniformly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from scipy.special import gammaln

from divprune_sym.ground.checks import BadInput

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


def item_set(name: str, items: Any, N: int) -> NDArray[np.int64]:
    """Return items as a sorted array of different integers in [0, N).

    Raises
    ------
    BadInput
        They are something else.
    """
    given = np.asarray(items)
    if given.size == 0 and given.ndim == 1:
        return np.empty(0, np.int64)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        msg = f"{name}: expected a list of item numbers, got {items!r}"
        raise BadInput(msg)
    if given.min() < 0 or given.max() >= N:
        wrong = int(given.min() if given.min() < 0 else given.max())
        msg = f"{name}: item {wrong}: must be between 0 and {N - 1}"
        raise BadInput(msg)
    chosen = np.unique(given)
    if len(chosen) < len(given):
        twice = next(j for j in chosen if (given == j).sum() > 1)
        msg = f"{name}: item {twice} is given twice"
        raise BadInput(msg)
    return chosen.astype(np.int64)


def log_binomial(n: int, k: int) -> float:
    """log C(n, k)."""
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
