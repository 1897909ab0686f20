"""Kernels from features: linear, RBF, cosine, activation; and the signs of a kernel that says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import EPS, BadInput, number, real_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class KernelWarning(UserWarning):
    """A kernel is legal, and its determinantal law is nearly or exactly that of another, simpler one."""


def linear_kernel(features: Any) -> NDArray[np.float64]:
    """L_ij = φ_i · φ_j, (N, N).

    Its rank is at most the number of features; with more items than features `LEnsemble.from_factor(features)` is
    the same law without the N × N matrix.

    Parameters
    ----------
    features : (N, d) array
        A row for each item.

    Raises
    ------
    BadShape, BadInput
        Not a table of finite numbers.

    Examples
    --------
    >>> from divprune_sym.dpp import linear_kernel
    >>> linear_kernel([[1, 0], [1, 1]]).tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """
    rows = real_array("features", features, (None, None))
    L: NDArray[np.float64] = rows @ rows.T
    return L


def cosine_kernel(features: Any) -> NDArray[np.float64]:
    """L_ij = φ_i · φ_j/(‖φ_i‖ ‖φ_j‖), (N, N): directions alone matter; an item without features has a zero row.

    Parameters
    ----------
    features : (N, d) array

    Raises
    ------
    BadShape, BadInput
        Not a table of finite numbers.

    Examples
    --------
    >>> from divprune_sym.dpp import cosine_kernel
    >>> cosine_kernel([[3, 0], [0, 2], [0, 0]]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    rows = real_array("features", features, (None, None))
    # lengths of rows of unit largest entry neither overflow nor underflow
    largest = np.abs(rows).max(axis=1, initial=0.0, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1.0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return linear_kernel(rows / np.where(length > 0, length, 1.0))


def activation_kernel(
    features: Any, activation: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """L_ij = (1/d) Σ_μ g(φ_iμ) g(φ_jμ), (N, N): second moments of what the items put out.

    Parameters
    ----------
    features : (N, d) array
        Preactivations of the N items on d samples.
    activation : callable
        g, elementwise.

    Raises
    ------
    BadShape, BadInput
        Not a table of finite numbers, without columns, or g gives something else.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import activation_kernel
    >>> activation_kernel([[1.0, -1.0], [2.0, -2.0]], np.sign).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    rows = real_array("features", features, (None, None))
    if rows.shape[1] == 0:
        msg = f"features: shape {rows.shape}, expected at least one sample of every item"
        raise BadInput(msg)
    outputs = real_array("activation(features)", activation(rows), rows.shape)
    return np.asarray(linear_kernel(outputs) / rows.shape[1])


def squared_distances(features: Any) -> NDArray[np.float64]:
    """‖φ_i − φ_j‖², (N, N), zero on the diagonal.   features: (N, d)

    From differences, not from squares of lengths: close items far from the origin keep their distance.

    Raises
    ------
    BadShape, BadInput
        Not a table of finite numbers.
    """
    from scipy.spatial.distance import pdist, squareform

    rows = real_array("features", features, (None, None))
    return np.asarray(squareform(pdist(rows, "sqeuclidean"), checks=False)).reshape(len(rows), len(rows))


def median_beta(squares: NDArray[np.float64]) -> float:
    """The median heuristic for exp(−β d²): β = 1/median d² over pairs of items; over those apart, if most coincide.

    squares: (N, N), d².   With one item, or all alike, any β gives the same kernel: 1 is returned.

    Examples
    --------
    >>> from divprune_sym.dpp import median_beta
    >>> from divprune_sym.dpp.kernels import squared_distances
    >>> median_beta(squared_distances([[0.0], [1.0], [3.0]]))
    0.25
    """
    pairs = squares[np.triu_indices(len(squares), 1)]
    median = float(np.median(pairs)) if len(pairs) else 0.0
    if median == 0.0:
        apart = pairs[pairs > 0]
        median = float(np.median(apart)) if len(apart) else 1.0
    return 1.0 / median


def rbf_of_squares(squares: NDArray[np.float64], beta: float | None = None) -> NDArray[np.float64]:
    """exp(−β d²) of squared distances d², (N, N); β by `median_beta` unless it is given."""
    scale = median_beta(squares) if beta is None else beta
    return np.asarray(np.exp(-scale * squares))


def rbf_kernel(features: Any, beta: float | None = None) -> NDArray[np.float64]:
    """L_ij = exp(−β ‖φ_i − φ_j‖²), (N, N).

    d² grows with the number of features. A β made for few of them turns the kernel into the identity on many, and
    its k-DPP into uniform sampling; β left out follows the data (`median_beta`), and `describe` tells.

    Parameters
    ----------
    features : (N, d) array
    beta : float, optional
        β > 0.

    Raises
    ------
    BadShape, BadInput
        Not a table of finite numbers, or β not positive.

    Examples
    --------
    >>> from divprune_sym.dpp import rbf_kernel
    >>> rbf_kernel([[0.0], [1.0], [1.0]], beta=1.0).round(3).tolist()
    [[1.0, 0.368, 0.368], [0.368, 1.0, 1.0], [0.368, 1.0, 1.0]]
    """
    return rbf_of_squares(squared_distances(features), check_beta(beta))


def check_beta(beta: float | None) -> float | None:
    """Return β > 0 or None; raises `BadInput` otherwise."""
    if beta is None:
        return None
    beta = number("beta", beta, 0.0)
    if beta == 0.0:
        msg = "beta = 0: must be positive; leave it out for 1/median of the squared distances"
        raise BadInput(msg)
    return beta


def trouble(L: NDArray[np.float64]) -> str:
    """What is wrong with a kernel that is legal but says nothing, in float64; empty if nothing is.   L: (N, N)"""
    N = len(L)
    if N < 2:
        return ""
    diagonal = L.diagonal()
    level = float(diagonal.mean())
    if level == 0.0:
        return "the kernel is zero: its k-DPP is uniform sampling"
    off = L - np.diag(diagonal)
    even = np.abs(diagonal - level).max() <= N * EPS * level
    # Each eigenvalue lies within a row sum of the diagonal (Gershgorin)
    if even and np.abs(off).sum(axis=1).max() <= 1e-6 * level:
        return (
            f"the kernel is a multiple of the identity to {np.abs(off).max() / level:.1e}: its k-DPP is uniform "
            "sampling (an RBF kernel needs a smaller beta)"
        )
    if even and np.abs(L - level).max() <= N * EPS * level:
        return (
            "the kernel is constant: all items are alike, and sets of more than one are uniform "
            "(an RBF kernel needs a larger beta)"
        )
    return ""
