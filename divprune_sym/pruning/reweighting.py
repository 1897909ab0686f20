"""Reweighting: refit what is left by least squares to what the layer did before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    weights: NDArray[np.float64], masks: NDArray[np.bool_], input_moments: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Kept weights of every node refitted to its unpruned preactivation, by least squares on the kept inputs.

    One factorisation of a block of the input moments per node, rank-revealing, so that inputs that never
    vary (dead pixels) or are copies of each other do no harm: the change of minimum norm is taken.

    Parameters
    ----------
    weights, masks : (K, N)
    input_moments : (N, N)
        E[x xᵀ]; for the identity (white inputs) nothing changes.

    Returns
    -------
    (K, N), zero where the mask is.
    """
    refitted = np.where(masks, weights, 0.0)
    for node, mask in enumerate(masks):
        kept, lost = np.flatnonzero(mask), np.flatnonzero(~mask)
        if len(kept) and len(lost):
            lost_signal = input_moments[np.ix_(kept, lost)] @ weights[node, lost]
            block = input_moments[np.ix_(kept, kept)]
            cutoff = len(kept) * np.finfo(np.float64).eps
            refitted[node, kept] += np.linalg.pinv(block, rcond=cutoff, hermitian=True) @ lost_signal
    return refitted
