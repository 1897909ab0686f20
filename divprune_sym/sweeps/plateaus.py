"""When a learning curve stands still, and when it moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# −d ln ε_g / d ln α below which a curve stands still
STILL = 0.1


def longest_plateau(alphas: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float, float]:
    """Entry into the plateau and escape from it: the longest stretch in ln α over which ε_g falls slower than α^−0.1.

    Counted between the middles of intervals of the times reported, where the slope is known; crossings are placed
    linearly in ln α. A stretch that begins with the first time is the start, one that lasts to the last is where
    learning ends: neither is a plateau.

    Parameters
    ----------
    alphas, errors : (S,)

    Returns
    -------
    (float, float)
        NaN, NaN if there is no plateau.
    """
    known = (alphas > 0) & (errors > 0)
    if known.sum() < 4:
        return np.nan, np.nan
    x, y = np.log(alphas[known]), np.log(errors[known])
    middle, excess = (x[1:] + x[:-1]) / 2, -np.diff(y) / np.diff(x) - STILL
    down = np.flatnonzero((excess[:-1] > 0) & (excess[1:] <= 0))
    best = (np.nan, np.nan)
    for enters in down:
        leaves = np.flatnonzero((excess[enters + 1 : -1] <= 0) & (excess[enters + 2 :] > 0))
        if len(leaves):
            left = enters + 1 + leaves[0]
            ends = tuple(np.exp(_crossing(middle, excess, int(n))) for n in (enters, left))
            if not best[1] / best[0] >= ends[1] / ends[0]:
                best = ends
    return float(best[0]), float(best[1])


def _crossing(x: NDArray[np.float64], y: NDArray[np.float64], n: int) -> float:
    """Where the line from point n to the next is 0."""
    return float(x[n] - y[n] * (x[n + 1] - x[n]) / (y[n + 1] - y[n]))


def first_reached(alphas: NDArray[np.float64], errors: NDArray[np.float64], level: float) -> float:
    """The first time at which ε_g is down to a level, linear between the times reported; NaN if never."""
    below = np.flatnonzero(errors <= level)
    if not len(below):
        return float("nan")
    n = int(below[0])
    if n == 0:
        return float(alphas[0])
    share = (errors[n - 1] - level) / (errors[n - 1] - errors[n])
    return float(alphas[n - 1] + share * (alphas[n] - alphas[n - 1]))
