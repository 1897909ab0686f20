"""Rescaling after edge pruning: one common factor on all kept weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from divprune_sym.checks import BadInput
from divprune_sym.codegen.error import generalization_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rescaling = Literal["none", "inverse-sqrt", "optimal"]
RESCALINGS: tuple[Rescaling, ...] = get_args(Rescaling)

_GRID = np.linspace(-4.0, 4.0, 65)  # log of the factor
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


def rescaled_error(
    covariance: NDArray[np.float64],
    signed_weights: NDArray[np.float64],
    K: int,
    keep: float,
    rescale: Rescaling,
    activation: str = "erf",
) -> NDArray[np.float64]:
    """ε_g (n,) of edge-pruned states after rescaling their kept weights.

    Parameters
    ----------
    covariance, signed_weights : (n, K+M, K+M), (n, K+M)
    K : int
        The first K fields are the student's.
    keep : float
        p; "inverse-sqrt" multiplies by 1/√p.
    rescale : {"none", "inverse-sqrt", "optimal"}
        "optimal" is each state's own best factor in [e⁻⁴, e⁴].

    Raises
    ------
    BadInput
        `rescale` is none of these.
    """
    if rescale not in RESCALINGS:
        msg = f"rescale {rescale!r}: choose from {', '.join(RESCALINGS)}"
        raise BadInput(msg)
    if rescale == "none" or keep == 0.0:
        return generalization_error(covariance, signed_weights, activation)
    if rescale == "inverse-sqrt":
        factors = np.full(len(covariance), 1.0 / np.sqrt(keep))
        return _error_at(factors, covariance, signed_weights, K, activation)
    return _least_error(covariance, signed_weights, K, activation)


def _error_at(
    factors: NDArray[np.float64],
    covariance: NDArray[np.float64],
    signed_weights: NDArray[np.float64],
    K: int,
    activation: str,
) -> NDArray[np.float64]:
    """ε_g with the student's fields multiplied by factors (n,)."""
    scale = np.ones(signed_weights.shape)
    scale[:, :K] = factors[:, None]
    return generalization_error(scale[:, :, None] * covariance * scale[:, None, :], signed_weights, activation)


def _least_error(
    covariance: NDArray[np.float64], signed_weights: NDArray[np.float64], K: int, activation: str
) -> NDArray[np.float64]:
    """Grid over log factors (ε_g need not be unimodal), then golden section around the best; all states at once."""

    def error(log_factors: NDArray[np.float64]) -> NDArray[np.float64]:
        return _error_at(np.exp(log_factors), covariance, signed_weights, K, activation)

    n = len(covariance)
    on_grid = np.stack([error(np.full(n, x)) for x in _GRID])
    best = np.clip(on_grid.argmin(axis=0), 1, len(_GRID) - 2)
    low, high = _GRID[best - 1], _GRID[best + 1]
    # ε_g is flat to rounding within √ε of its minimum: 0.618^36 < 1e-7 of the bracket is all there is to find
    for _ in range(36):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        keep_left = error(left) < error(right)
        low, high = np.where(keep_left, low, left), np.where(keep_left, right, high)
    return np.asarray(np.minimum(error(0.5 * (low + high)), on_grid.min(axis=0)))
