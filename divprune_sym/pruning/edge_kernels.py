"""Kernels over the incoming edges of one node, from second moments of the inputs alone.

Node i has over its edges j the features w_ij x_j on the samples. Their Gram matrix is w_ij w_il G_jl, G = E[x xᵀ], and
their squared distances are d²_jl = w_ij² G_jj + w_il² G_ll − 2 w_ij w_il G_jl: nothing of size samples × edges exists.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.dpp.kernels import KernelWarning, rbf_of_squares, trouble

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rbf_edge_kernel(
    w: NDArray[np.float64], input_moments: NDArray[np.float64], beta: float | None = None
) -> NDArray[np.float64]:
    """exp(−β d²_jl), (N, N).

    Parameters
    ----------
    w : (N,) array
        Incoming weights of the node.
    input_moments : (N, N) array
        E[x xᵀ]: d² is a mean over samples. A β made for the sum over n samples is n times as large here.
    beta : float, optional
        1/median d² over pairs of edges, if not given.

    Warns
    -----
    KernelWarning
        The kernel is a multiple of the identity, or constant, in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.pruning import rbf_edge_kernel
    >>> rbf_edge_kernel(np.array([1.0, 2.0]), np.eye(2), beta=0.2).round(4).tolist()
    [[1.0, 0.3679], [0.3679, 1.0]]
    """
    inner = w[:, None] * input_moments * w
    length = inner.diagonal()
    L = rbf_of_squares(np.maximum(length[:, None] + length - 2.0 * inner, 0.0), beta)
    found = trouble(L)
    if found:
        warnings.warn(f"edges of a node: {found}", KernelWarning, stacklevel=2)
    return L
