"""Mask classes of edge methods whose masks depend on the weights: class moments by seeded quasi-Monte Carlo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.method import EdgeMethod

MOST_NODES = 10
_SCRAMBLINGS = 8


@dataclass(frozen=True, eq=False)
class SampledClasses(ByValue):
    """A pruned state split into its mask classes, ready for retraining under the mask.

    Attributes
    ----------
    state : OrderParameters
        Of 2^K classes, or fewer where some are empty.
    standard_error : float
        The largest of any class moment, from independent scramblings of the point set.
    """

    state: OrderParameters
    standard_error: float


def sampled_mask_classes(
    method: EdgeMethod, state: OrderParameters, keep: float, *, seed: int = 0, points: int = 2**15
) -> SampledClasses:
    """Q^c, R^c, T^c = E[·; mask pattern c] over the Gaussian weight ensemble, as N → ∞.

    Masks of different nodes are independent given the weights. Random edges have their classes in closed form
    (`RandomEdge.mask_classes`).

    Parameters
    ----------
    method : EdgeMethod
    state : OrderParameters
        Unpruned.
    keep : float
        p ∈ (0, 1).
    seed : int
    points : int
        Of each of eight scrambled Sobol' sets; a power of two.

    Raises
    ------
    BadInput
        K > 10 (more than 1024 classes), a state that is pruned already or has a node without weights, `keep`
        outside (0, 1), or points that are no power of two.
    """
    p = number("keep fraction", keep, np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0))
    if state.K > MOST_NODES or len(state.fraction) != 1:
        msg = f"mask classes: K = {state.K} nodes and {len(state.fraction)} classes; at most {MOST_NODES} and 1"
        raise BadInput(msg)
    length = np.sqrt(np.diag(state.Q))
    if not length.all():
        msg = f"mask classes: node {int(np.argmin(length))} has no weights, Q_ii = 0; leave it out"
        raise BadInput(msg)
    count = integer("points", points, 2)
    if count & (count - 1):
        msg = f"points: {count} is no power of two, as a Sobol' set needs"
        raise BadInput(msg)
    patterns = (np.arange(2**state.K)[:, None] >> np.arange(state.K)) & 1
    kept = method.keep_law(p).kept
    found = []
    for number_of_set in range(_SCRAMBLINGS):
        fields = _fields(state.covariance, count, np.random.default_rng([seed, number_of_set]))
        z = fields[:, : state.K] / length
        keeps = np.divide(kept(z), z, out=np.zeros_like(z), where=z != 0)
        found.append(_moments(fields, keeps, patterns, state.K))
    moments = np.array(found)  # (scramblings, classes, K+M+1, K+M+1), the last row holds the fraction
    mean = moments.mean(axis=0)
    error = float(moments.std(axis=0, ddof=1).max() / np.sqrt(_SCRAMBLINGS))
    return SampledClasses(_as_classes(state, mean, patterns), error)


def _fields(covariance: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights (count, K+M) of inputs, N(0, C) by a scrambled Sobol' set."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    values, vectors = np.linalg.eigh(covariance)
    uniform = qmc.Sobol(len(covariance), scramble=True, rng=rng).random_base2(int(count).bit_length() - 1)
    normal = ndtri(np.clip(uniform, np.finfo(np.float64).tiny, 1.0 - np.finfo(np.float64).epsneg))
    return np.asarray(normal @ (vectors * np.sqrt(np.clip(values, 0.0, None))).T)


def _moments(
    fields: NDArray[np.float64], keeps: NDArray[np.float64], patterns: NDArray[np.int64], K: int
) -> NDArray[np.float64]:
    """E[(m∘w, B, 1)(m∘w, B, 1)ᵀ; pattern] for every pattern."""
    rows = np.column_stack([fields, np.ones(len(fields))])
    found = []
    for pattern in patterns:
        weight = np.prod(np.where(pattern == 1, keeps, 1.0 - keeps), axis=1) / len(fields)
        masked = rows * np.concatenate([pattern, np.ones(rows.shape[1] - K)])
        found.append(masked.T @ (masked * weight[:, None]))
    return np.array(found)


def _as_classes(state: OrderParameters, moments: NDArray[np.float64], patterns: NDArray[np.int64]) -> OrderParameters:
    K, M, fraction = state.K, state.M, moments[:, -1, -1]
    some = fraction > 0.0
    of = 0.5 * (moments + moments.transpose(0, 2, 1))[some]
    return state.with_(
        Q_classes=of[:, :K, :K],
        R_classes=of[:, :K, K : K + M],
        T_classes=of[:, K : K + M, K : K + M],
        mask=patterns[some].astype(np.float64),
        fraction=fraction[some] / fraction.sum(),
        variance=np.full(int(some.sum()), state.variance[0]),
    )
