"""Rescaling after edge pruning: one common factor on all kept weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from divprune_sym.evaluation.error import generalization_error
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from divprune_sym.gaussian import Activation

    Errors = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

Rescaling = Literal["none", "inverse-sqrt", "optimal"]
RESCALINGS: tuple[Rescaling, ...] = get_args(Rescaling)

# log of the factor, in units in which Σ_i Q_ii = 1: fine where sigmoids turn, wide enough for whatever v is
_GRID = np.concatenate([np.arange(-36.0, -6.0), np.linspace(-6.0, 6.0, 97), np.arange(7.0, 37.0)])
_INSIDE = np.linspace(-1.0, 1.0, 9)[1:-1]  # of a bracket, as [−1, 1]: a round narrows it to a quarter
# ε_g is flat to rounding within √ε of its minimum: 4⁻¹⁴ of the widest bracket is all there is to find
_ROUNDS = 14
_BLOCK = 2**22  # covariances scaled at once hold no more numbers, beyond one set of them
# the ends of [0, ∞]: at 1e30, 1 + s²Q_ii is s²Q_ii in float64
_ENDS = np.array([0.0, 1e30])
_LARGE = 1e6
_ROUNDING = 16.0 * np.finfo(np.float64).eps  # of each term of the sum that ε_g is


class Rescaled(NamedTuple):
    """ε_g (n,) of rescaled states, and the factors (n,): ∞ where ε_g falls towards its infimum without end."""

    error: NDArray[np.float64]
    factor: NDArray[np.float64]


def rescaled(
    covariance: NDArray[np.float64],
    signed_weights: NDArray[np.float64],
    K: int,
    keep: float,
    rescale: Rescaling,
    activation: str | Activation = "erf",
    teacher_activation: str | Activation | None = None,
    errors: Errors | None = None,
) -> Rescaled:
    """ε_g of edge-pruned states after multiplying their kept weights by one factor, and that factor.

    Parameters
    ----------
    covariance, signed_weights : (n, K+M, K+M), (n, K+M)
    K : int
        The first K fields are the student's.
    keep : float
        p; "inverse-sqrt" multiplies by 1/√p.
    rescale : {"none", "inverse-sqrt", "optimal"}
        "optimal" is the infimum over all factors in [0, ∞], both ends as limits, for each state by itself.
    activation, teacher_activation : str or Activation
        g, and h where it is another.
    errors : callable, optional
        ε_g of covariances and signed weights, such as `divprune_sym.cuda.generalization_error`; that of the CPU for
        the activation if left out.

    Raises
    ------
    BadInput
        `rescale` is none of these.
    """
    errors = errors or partial(
        generalization_error, activation=activation, teacher_activation=teacher_activation, students=K
    )
    if rescale not in RESCALINGS:
        msg = f"rescale {rescale!r}: choose from {', '.join(RESCALINGS)}"
        raise BadInput(msg)
    if rescale == "none" or keep == 0.0:
        return Rescaled(errors(covariance, signed_weights), np.ones(len(covariance)))
    if rescale == "inverse-sqrt":
        factors = np.full((len(covariance), 1), 1.0 / np.sqrt(keep))
        return Rescaled(_errors_at(factors, covariance, signed_weights, K, errors)[:, 0], factors[:, 0])
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
) -> Rescaled:
    """The infimum over factors and where it is (n,): a grid over their logs (ε_g need not be unimodal) with both ends
    of [0, ∞], then ever finer grids around the best; all states at once.

    Where large outputs of students cancel, ε_g as computed is rounding only: of two factors, the one is better whose
    ε_g is lower with all added that rounding may have taken from it.
    """
    n = len(covariance)
    length = np.sqrt(np.einsum("nii->n", covariance[:, :K, :K]))
    unit = 1.0 / np.where(length > 0.0, length, 1.0)[:, None]
    diagonal = np.zeros_like(covariance)
    np.einsum("naa->na", diagonal)[:] = np.einsum("naa->na", covariance)

    def errors(factors: NDArray[np.float64], C: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
        blocks = min(factors.shape[1], 1 + factors.shape[1] * C.size // _BLOCK)
        parts = np.array_split(factors * unit, blocks, axis=1)
        return np.concatenate([_errors_at(part, C, s, K, error_of) for part in parts], axis=1)

    factors = np.broadcast_to(np.concatenate([np.exp(_GRID), _ENDS]), (n, len(_GRID) + len(_ENDS)))
    on_grid = errors(factors, covariance, signed_weights)
    # ε_g of independent fields and weights of one sign is ½ Σ_a s_a² E[g_a²] at least
    terms = errors(factors, diagonal, np.abs(signed_weights))
    cautious = on_grid + _ROUNDING * covariance.shape[-1] * terms
    cautious = np.where(np.isfinite(cautious), cautious, np.inf)
    first = cautious.argmin(axis=1)[:, None]
    least = np.take_along_axis(on_grid, first, axis=1)[:, 0]
    factor = np.take_along_axis(factors, first, axis=1)[:, 0]
    best = np.clip(cautious[:, : len(_GRID)].argmin(axis=1), 1, len(_GRID) - 2)
    center, half = _GRID[best], np.maximum(_GRID[best + 1] - _GRID[best], _GRID[best] - _GRID[best - 1])
    for _ in range(_ROUNDS):
        inside = center[:, None] + half[:, None] * _INSIDE
        tried = errors(np.exp(inside), covariance, signed_weights)
        tried = np.where(np.isnan(tried), np.inf, tried)
        center = np.take_along_axis(inside, tried.argmin(axis=1)[:, None], axis=1)[:, 0]
        factor = np.where(tried.min(axis=1) < least, np.exp(center), factor)
        least = np.minimum(least, tried.min(axis=1))
        half = 0.25 * half
    # the end is as good as the best, to what inverse sines near ±1 have of rounding
    endless = on_grid[:, -1] <= least + np.sqrt(np.finfo(np.float64).eps) * terms[:, -1]
    return Rescaled(np.asarray(least), np.where(endless & (factor > _LARGE), np.inf, factor * unit[:, 0]))
