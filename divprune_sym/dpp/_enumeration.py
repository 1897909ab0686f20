"""All subsets of size k and their unnormalized log-probabilities."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SUBSETS = 1_000_000
BLOCK = 4096


def all_subsets(N: int, k: int) -> NDArray[np.int64]:
    """Return the subsets of range(N) of size k in lexicographic order, (C(N, k), k).

    Raises
    ------
    BadInput
        There are more than a million of them.
    """
    count = comb(N, k)
    if count > MOST_SUBSETS:
        msg = f"C({N}, {k}) = {float(count):.3g} subsets: at most {MOST_SUBSETS} are listed; use sample_k or inclusion"
        raise BadInput(msg)
    return np.array(list(combinations(range(N), k)), dtype=np.int64).reshape(count, k)


def log_gram_determinants(factor: NDArray[np.float64], subsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log det of the smaller Gram matrix of the rows B = factor[S], for each S, (n,).

    factor: (N, r)   subsets: (n, k).   It is B Bᵀ for k ≤ r and Bᵀ B for k > r, found from a QR factor so that
    no determinant turns negative by rounding.
    """
    small = min(subsets.shape[1], factor.shape[1])
    logs: NDArray[np.float64] = np.zeros(len(subsets))
    for start in range(0, len(subsets) if small else 0, BLOCK):
        blocks = factor[subsets[start : start + BLOCK]]
        tall = blocks if subsets.shape[1] > factor.shape[1] else blocks.swapaxes(1, 2)
        triangles: NDArray[np.float64] = np.asarray(np.linalg.qr(tall, mode="r"))
        diagonal = np.abs(triangles.diagonal(axis1=1, axis2=2))
        with np.errstate(divide="ignore"):
            logs[start : start + BLOCK] = 2.0 * np.log(diagonal).sum(axis=1)
    return logs
