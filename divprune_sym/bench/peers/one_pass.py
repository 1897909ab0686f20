"""Limit: the memory traffic and the multiply-adds of online SGD in a single pass over the weights.

Not SGD: the steps are given, where SGD has to compute them from the products first.
"""

from __future__ import annotations

from numba import njit


@njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def one_pass(w, B, X, rates):
    """For every row x of X but the last: w_i ← w_i − rates_i x, and its products with the next row; a sum of those."""
    K, N = w.shape
    total = 0.0
    for t in range(X.shape[0] - 1):
        for i in range(K):
            product = 0.0
            for j in range(N):
                moved = w[i, j] - rates[i] * X[t, j]
                w[i, j] = moved
                product += moved * X[t + 1, j]
            total += product
        for n in range(B.shape[0]):
            product = 0.0
            for j in range(N):
                product += B[n, j] * X[t + 1, j]
            total += product
    return total
