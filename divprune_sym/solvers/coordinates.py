"""Independent coordinates of a flat state: the upper triangle of each Q^c, then R and, where it learns, v."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@cache
def places(classes: int, K: int, M: int, learns_v: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each coordinate stands in the flat state (Q, R, v), (n,), and where once more, Q being symmetric."""
    rows, columns = np.triu_indices(K)
    blocks = K * K * np.arange(classes)[:, None]
    rest = classes * K * K + np.arange(classes * K * M + (K if learns_v else 0))
    first = np.concatenate([(blocks + K * rows + columns).ravel(), rest])
    other = np.concatenate([(blocks + K * columns + rows).ravel(), rest])
    return first.astype(np.int64), other.astype(np.int64)


@cache
def embedding(classes: int, K: int, M: int, learns_v: bool) -> NDArray[np.float64]:
    """(n, n_flat): row j is the direction of coordinate j among all entries of Q, R and v."""
    first, other = places(classes, K, M, learns_v)
    made = np.zeros((len(first), int(first.max()) + 1))
    n = np.arange(len(first))
    made[n, first] = made[n, other] = 1.0
    return made
