"""Rescaling after edge pruning: one common factor on all kept weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from divprune_sym.evaluation.error import generalization_error
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Errors = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

Rescaling = Literal["none", "inverse-sqrt", "optimal"]
RESCALINGS: tuple[Rescaling, ...] = get_args(Rescaling)

_GRID = np.linspace(-4.0, 4.0, 65)  # log of the factor
_INSIDE = np.linspace(-1.0, 1.0, 9)[1:-1]  # of a bracket, as [−1, 1]: a round narrows it to a quarter
# ε_g is flat to rounding within √ε of its minimum: 4⁻¹² of the bracket, 6e-8, is all there is to find
_ROUNDS = 12
_BLOCK = 2**22  # covariances scaled at once hold no more numbers, beyond one set of them


def rescaled_error(
    covariance: NDArray[np.float64],
    signed_weights: NDArray[np.float64],
    K: int,
    keep: float,
    rescale: Rescaling,
    activation: str = "erf",
    errors: Errors | None = None,
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
    activation : str
    errors : callable, optional
        ε_g of covariances and signed weights, such as `divprune_sym.cuda.generalization_error`; that of the CPU for
        the activation if left out.

    Raises
    ------
    BadInput
        `rescale` is none of these.
    """
    if rescale not in RESCALINGS:
        msg = f"rescale {rescale!r}: choose from {', '.join(RESCALINGS)}"
        raise BadInput(msg)
    errors = errors or partial(generalization_error, activation=activation)
    if rescale == "none" or keep == 0.0:
        return errors(covariance, signed_weights)
    if rescale == "inverse-sqrt":
        factors = np.full((len(covariance), 1), 1.0 / np.sqrt(keep))
        return _errors_at(factors, covariance, signed_weights, K, errors)[:, 0]
    return _least_error(covariance, signed_weights, K, errors)


def _errors_at(
    factors: NDArray[np.float64],
    covariance: NDArray[np.float64],
    signed_weights: NDArray[np.float64],
    K: int,
    error_of: Errors,
) -> NDArray[np.float64]:
    """ε_g (n, f) with the student's fields of state n multiplied by each of its factors (n, f)."""
    scale = np.ones((*factors.shape, signed_weights.shape[-1]))
    scale[..., :K] = factors[..., None]
    scaled = scale[..., :, None] * covariance[:, None] * scale[..., None, :]
    return error_of(scaled, signed_weights[:, None])


def _least_error(
    covariance: NDArray[np.float64], signed_weights: NDArray[np.float64], K: int, error_of: Errors
) -> NDArray[np.float64]:
    """Grid over log factors (ε_g need not be unimodal), then ever finer grids around the best; all states at once."""
    n = len(covariance)

    def errors(log_factors: NDArray[np.float64]) -> NDArray[np.float64]:
        blocks = min(log_factors.shape[1], 1 + log_factors.shape[1] * covariance.size // _BLOCK)
        return np.concatenate(
            [
                _errors_at(factors, covariance, signed_weights, K, error_of)
                for factors in np.array_split(np.exp(log_factors), blocks, axis=1)
            ],
            axis=1,
        )

    on_grid = errors(np.broadcast_to(_GRID, (n, len(_GRID))))
    least = on_grid.min(axis=1)
    centre = _GRID[np.clip(on_grid.argmin(axis=1), 1, len(_GRID) - 2)]
    half = _GRID[1] - _GRID[0]
    for _ in range(_ROUNDS):
        inside = centre[:, None] + half * _INSIDE
        found = errors(inside)
        least = np.minimum(least, found.min(axis=1))
        centre = np.take_along_axis(inside, found.argmin(axis=1)[:, None], axis=1)[:, 0]
        half *= 0.25
    return np.asarray(least)
