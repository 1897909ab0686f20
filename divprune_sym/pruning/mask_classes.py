"""Mask classes of edge-pruned states: in closed form, or class moments by seeded quasi-Monte Carlo.

What pruning leaves trains on under its mask, and equations of motion under a mask need the order parameters of every
group of inputs that the same nodes keep (docs/notation.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters

    # standardized weights (points, group, K) ↦ probabilities of being kept, of the same shape
    Probabilities = Callable[[NDArray[np.float64]], NDArray[np.float64]]

MOST_NODES = 10
POINTS = 2**15
_SCRAMBLINGS = 8


@dataclass(frozen=True, eq=False)
class MaskClasses(ByValue):
    """A pruned state split into its mask classes, ready for training on under the mask.

    Attributes
    ----------
    state : OrderParameters
        Of 2^K classes, or fewer where some are empty.
    standard_error : float
        The largest of any class moment, from independent scramblings of the point set; 0: in closed form.
    """

    state: OrderParameters
    standard_error: float = 0.0


def independent_classes(state: OrderParameters, keep: float) -> MaskClasses:
    """Every node keeps every input with probability p, whatever the weights: 2^K classes.

    Class c has fraction p^|c| (1 − p)^(K − |c|), and its inputs carry that share of every overlap.
    """
    mask = patterns(state.K)
    kept = mask.sum(axis=1)
    return blind_classes(state, mask, keep**kept * (1 - keep) ** (state.K - kept))


def shared_classes(state: OrderParameters, keep: float) -> MaskClasses:
    """All nodes keep the same share p of inputs, whatever the weights: two classes."""
    return blind_classes(state, np.stack([np.zeros(state.K), np.ones(state.K)]), np.array([1 - keep, keep]))


def blind_classes(state: OrderParameters, mask: NDArray[np.float64], fraction: NDArray[np.float64]) -> MaskClasses:
    """Masks that do not look at weights: patterns (C, K) and their fractions (C,), which every overlap is split by."""
    mask, fraction = mask[fraction > 0], fraction[fraction > 0]
    share = fraction[:, None, None]
    masked = state.with_(
        Q_classes=share * mask[:, :, None] * mask[:, None, :] * state.Q,
        R_classes=share * mask[:, :, None] * state.R,
        T_classes=share * state.T,
        mask=mask * state.mask[0],
        fraction=fraction,
        variance=np.full(len(fraction), state.variance[0]),
    )
    return MaskClasses(masked)


def patterns(K: int) -> NDArray[np.float64]:
    """All masks of one input, (2^K, K)."""
    return ((np.arange(2**K)[:, None] >> np.arange(K)) & 1).astype(np.float64)


def refuse_classes(state: OrderParameters) -> None:
    """Refuse states that have too many mask classes, or some already.

    Raises
    ------
    BadInput
        K > 10 (more than 1024 classes), or the state is pruned already.
    """
    if state.K > MOST_NODES or len(state.fraction) != 1:
        msg = f"mask classes: K = {state.K} nodes and {len(state.fraction)} classes; at most {MOST_NODES} and 1"
        raise BadInput(msg)


def sampled_classes(
    state: OrderParameters, keep: float, probabilities: Probabilities, group: int, seed: int, points: int
) -> MaskClasses:
    """Q^c, R^c, T^c = E[·; mask pattern c] over the Gaussian weight ensemble, as N → ∞.

    Masks of different nodes are independent given the weights. Of every point set, second moments are made exact, and
    so are the shares kept: Σ_c T^c = T and Σ_c f_c m_i^c = p hold to rounding.

    Parameters
    ----------
    state : OrderParameters
        Unpruned.
    keep : float
        p ∈ (0, 1).
    probabilities : callable
        Standardized weights z (points, group, K) ↦ P(kept | weights); of nodes without weights p is taken.
    group : int
        Inputs that decide together, as the M of N:M.
    seed : int
    points : int
        Inputs in each of eight scrambled Sobol' sets; a power of two.

    Raises
    ------
    BadInput
        Points that are no power of two.
    """
    count = integer("points", points, 64)
    if count & (count - 1):
        msg = f"points: {count} is no power of two, as a Sobol' set needs"
        raise BadInput(msg)
    # in all about as many inputs as points
    count = max(count >> (group - 1).bit_length(), 64)
    K, length = state.K, np.sqrt(np.diag(state.Q))
    alive = length > 0
    found = []
    for number_of_set in range(_SCRAMBLINGS):
        fields = _fields(state.overlaps[0], group, count, np.random.default_rng([seed, number_of_set]))
        keeps = np.full((*fields.shape[:2], K), keep)
        keeps[..., alive] = probabilities(fields[..., :K][..., alive] / length[alive])
        rows, keeps = fields.reshape(-1, fields.shape[-1]), _with_mean(keeps.reshape(-1, K), keep)
        found.append(_moments(rows, keeps, K))
    return _as_classes(state, np.array(found))


def drawn_classes(
    state: OrderParameters, draw: Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.bool_]], seed: int
) -> MaskClasses:
    """The same of masks (K, N) that `draw` draws on Gaussian weights (K, N): terms of order 1/N come on top."""
    found = []
    for number_of_set in range(_SCRAMBLINGS):
        rng = np.random.default_rng([seed, number_of_set])
        rows = _with_covariance(rng.standard_normal((_INPUTS, len(state.overlaps[0]))), state.overlaps[0])
        found.append(_moments(rows, draw(rows[:, : state.K].T.copy(), rng).T.astype(np.float64), state.K))
    return _as_classes(state, np.array(found))


# a multiple of every group size up to 12
_INPUTS = 27720


def _fields(covariance: NDArray[np.float64], group: int, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights (count, group, K+M) of inputs, N(0, C) by a scrambled Sobol' set."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    F = len(covariance)
    uniform = qmc.Sobol(group * F, scramble=True, rng=rng).random_base2(int(count).bit_length() - 1)
    normal = ndtri(np.clip(uniform, np.finfo(np.float64).tiny, 1.0 - np.finfo(np.float64).epsneg))
    return _with_covariance(normal.reshape(-1, F), covariance).reshape(count, group, F)


def _with_covariance(normal: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows whose second moments are the covariance, to rounding, from nearly standard normal ones."""
    root = np.linalg.cholesky(normal.T @ normal / len(normal))
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(np.linalg.solve(root, normal.T).T @ (vectors * np.sqrt(np.clip(values, 0.0, None))).T)


def _with_mean(keeps: NDArray[np.float64], keep: float) -> NDArray[np.float64]:
    """Probabilities (points, K) moved towards 0 or 1, in proportion, so that every node keeps the share p."""
    mean = keeps.mean(axis=0)
    lowered, raised = mean > keep, mean < keep
    factor = np.where(lowered, keep / np.where(lowered, mean, 1.0), 1.0)
    added = np.where(raised, (keep - mean) / np.where(raised, 1.0 - mean, 1.0), 0.0)
    return np.asarray(keeps * factor + added * (1.0 - keeps))


def _moments(fields: NDArray[np.float64], keeps: NDArray[np.float64], K: int) -> NDArray[np.float64]:
    """E[(m∘w, B, 1)(m∘w, B, 1)ᵀ; pattern] for every pattern."""
    size = fields.shape[1] + 1
    first, second = np.triu_indices(size)
    total = np.zeros((2**K, len(first)))
    for start in range(0, len(fields), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        rows = np.column_stack([fields[part], np.ones(len(fields[part]))])
        total += _pattern_weights(keeps[part]).T @ (rows[:, first] * rows[:, second])
    seen = np.column_stack([patterns(K), np.ones((2**K, size - K))])
    found = np.zeros((2**K, size, size))
    found[:, first, second] = found[:, second, first] = total / len(fields)
    return np.asarray(found * seen[:, :, None] * seen[:, None, :])


# inputs whose products are in memory at a time: at ten nodes 32 MiB
_TOGETHER = 4096


def _pattern_weights(keeps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of every pattern on every input, (points, 2^K), from those of its nodes, (points, K)."""
    weights = np.ones((len(keeps), 1))
    for keep in keeps.T[::-1]:  # the first node is the lowest bit
        weights = (weights[:, :, None] * np.stack([1.0 - keep, keep], axis=1)[:, None, :]).reshape(len(keeps), -1)
    return weights


def _as_classes(state: OrderParameters, found: NDArray[np.float64]) -> MaskClasses:
    """From moments (scramblings, classes, K+M+1, K+M+1), whose last row holds the fraction."""
    K, M = state.K, state.M
    moments = found.mean(axis=0)
    error = float(found.std(axis=0, ddof=1).max() / np.sqrt(len(found)))
    fraction = moments[:, -1, -1]
    some = fraction > 0.0
    of = 0.5 * (moments + moments.transpose(0, 2, 1))[some]
    masked = state.with_(
        Q_classes=of[:, :K, :K],
        R_classes=of[:, :K, K : K + M],
        T_classes=of[:, K : K + M, K : K + M],
        mask=patterns(K)[some] * state.mask[0],
        fraction=fraction[some] / fraction.sum(),
        variance=np.full(int(some.sum()), state.variance[0]),
    )
    return MaskClasses(masked, error)
