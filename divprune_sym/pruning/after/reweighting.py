"""Reweighting: refit what is left by least squares to what the layer did before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpstrf

from divprune_sym.ground.checks import number
from divprune_sym.ground.work import each_done_with_blas

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# inputs from which on more than one thread pays
SMALL = 100


def reweighted_second_layer(
    moments: NDArray[np.float64], v: NDArray[np.float64], subsets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Second-layer weights of the kept nodes that best reproduce the unpruned output, of minimum norm of change.

    v'_S = v_S + (I2_SS)⁺ I2_{S,S̄} v_S̄.

    Parameters
    ----------
    moments : (K, K)
        I2 among the students, E[g(λ_i) g(λ_k)].
    v : (K,) or (K, O)
        Second-layer weights.
    subsets : (n, k)
        Kept nodes.

    Returns
    -------
    (n, k) or (n, k, O)
    """
    lost = np.ones((len(subsets), len(moments)))
    np.put_along_axis(lost, subsets, 0.0, axis=1)
    outputs = v.reshape(len(v), -1)
    lost_output = moments @ (lost[:, :, None] * outputs)
    kept = moments[subsets[:, :, None], subsets[:, None, :]]
    wanted = np.take_along_axis(lost_output, subsets[:, :, None], axis=1)
    cutoff = subsets.shape[1] * np.finfo(np.float64).eps
    change = np.linalg.pinv(kept, rcond=cutoff, hermitian=True) @ wanted
    return np.asarray((outputs[subsets] + change).reshape(*subsets.shape, *v.shape[1:]))


def reweighted_edges(
    weights: NDArray[np.float64],
    masks: NDArray[np.bool_],
    input_moments: NDArray[np.float64],
    *,
    ridge: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.float64]:
    """Kept weights of every node refitted to its unpruned preactivation, by least squares on the kept inputs.

    The change δ of the kept weights minimizes E[(δ·x_kept − w_lost·x_lost)²] + ridge ‖δ‖². All nodes share the one
    matrix of input moments; each takes a pivoted Cholesky factor of its block, rank-revealing, so that inputs that
    never vary (dead pixels) or are copies of each other do no harm: where δ is not unique, the smallest is taken.

    Parameters
    ----------
    weights, masks : (K, N)
    input_moments : (N, N)
        E[x xᵀ]; for the identity (white inputs) nothing changes.
    ridge : float
        In units of the input moments, ≥ 0.
    progress : callable, optional
        Called in this thread with the fraction of the nodes that are done.

    Returns
    -------
    (K, N), zero where the mask is.

    Raises
    ------
    BadInput
        `ridge` is negative or no number.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.pruning import reweighted_edges
    >>> copies = np.ones((2, 2))  # two inputs that are always the same
    >>> reweighted_edges(np.array([[1.0, 2.0]]), np.array([[True, False]]), copies)
    array([[3., 0.]])
    """
    ridge = number("ridge", ridge, 0.0)
    refitted = np.where(masks, weights, 0.0)
    signals = np.where(masks, 0.0, weights) @ input_moments

    def change(node: int) -> NDArray[np.float64]:
        kept = np.flatnonzero(masks[node])
        block = input_moments[np.ix_(kept, kept)]
        block.flat[:: len(kept) + 1] += ridge
        return least_squares(block, signals[node, kept])

    nodes = [int(node) for node in np.flatnonzero(masks.any(axis=1) & ~masks.all(axis=1))]
    for done, (node, delta) in enumerate(each_done_with_blas(change, nodes, None if weights.shape[1] >= SMALL else 1)):
        refitted[node, masks[node]] += delta
        if progress is not None:
            progress((done + 1) / len(nodes))
    return refitted


def least_squares(A: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The x of least norm among those that minimize ½ xᵀA x − bᵀx.   A: (n, n), positive semi-definite   b: (n,)

    Pivoted Cholesky (LAPACK dpstrf) stops at the rank r where the pivots fall to n ε max A_ii: PᵀAP = U Uᵀ, U (n, r).
    At full rank U is a triangle; otherwise U = Q R gives A⁺ = P Q (R Rᵀ)⁻¹ Qᵀ Pᵀ.
    """
    n = len(A)
    factor, pivots, rank, _ = dpstrf(A, lower=1)
    order = pivots[:n] - 1
    x = np.zeros(n)
    if A.diagonal().max(initial=0.0) == 0.0:
        return x
    lower = np.tril(factor)[:, :rank]
    if rank == n:
        x[order] = solve_triangular(lower, solve_triangular(lower, b[order], lower=True), lower=True, trans=1)
        return x
    Q, R = np.linalg.qr(lower)
    x[order] = Q @ solve_triangular(R, solve_triangular(R, Q.T @ b[order]), trans=1)
    return x
