"""A set of large determinant, found greedily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import EPS, BadInput, NotPositiveSemidefinite, integer, real_array, symmetric

if TYPE_CHECKING:
    from numpy.typing import NDArray


def greedy_map(L: Any, k: int | None = None) -> tuple[NDArray[np.int64], float]:
    """Items taken one by one, each the one that raises det L_S most; and log det L_S.

    Finding the most probable set is NP-hard; the greedy one has a guarantee where log det is monotone, and none in
    general. A Cholesky factor is extended by a row an item: O(N k²) (Chen, Zhang & Zhou, NeurIPS 2018, algorithm 1).

    Parameters
    ----------
    L : (N, N) array
        Symmetric positive semi-definite. Its spectrum is not computed: only what the chosen items show is refused.
    k : int, optional
        Items to take; without it, as long as the determinant grows.

    Returns
    -------
    items : (k,) array
        In the order in which they were taken; of equals the first.
    log_determinant : float

    Raises
    ------
    BadShape, BadInput, NotSymmetric
        Not a symmetric array of finite numbers, or k is outside [0, N] or beyond the rank.
    NotPositiveSemidefinite
        A residual is negative beyond rounding.

    Examples
    --------
    >>> from divprune_sym.dpp import greedy_map
    >>> items, log_determinant = greedy_map([[4.0, 3.9, 0.0], [3.9, 4.0, 0.0], [0.0, 0.0, 2.0]], 2)
    >>> items.tolist()
    [0, 2]
    """
    matrix = real_array("L", L, (None, None))
    N = integer("N", len(matrix), 1)
    matrix = symmetric("L", real_array("L", matrix, (N, N)))
    most = N if k is None else integer(f"k (N = {N})", k, 0, N)
    residual = matrix.diagonal().copy()
    floor = N * EPS * np.abs(residual).max()
    rows = np.empty((most, N))
    items = np.empty(most, np.int64)
    log_determinant = 0.0
    for t in range(most):
        lowest = int(residual.argmin())
        if residual[lowest] < -floor:
            msg = f"L: not positive semi-definite, item {lowest} has residual {residual[lowest]:.3g}; see project_psd"
            raise NotPositiveSemidefinite(msg)
        residual[items[:t]] = -np.inf
        best = int(residual.argmax())
        gain = float(residual[best])
        if k is None and gain <= 1.0:
            return items[:t], log_determinant
        if gain <= floor:
            msg = f"k = {k}: the rank of L is {t}, and every larger set has determinant 0"
            raise BadInput(msg)
        residual[items[:t]] = 0.0
        items[t] = best
        log_determinant += float(np.log(gain))
        rows[t] = (matrix[best] - rows[:t, best] @ rows[:t]) / np.sqrt(gain)
        residual = residual - rows[t] ** 2
        residual[items[: t + 1]] = 0.0
    return items, log_determinant
