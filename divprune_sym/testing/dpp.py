"""A sampler of subsets against the law of a determinantal point process, listed subset by subset."""

from __future__ import annotations

from itertools import combinations
from operator import index
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from divprune_sym.ground.checks import BadInput, integer, number, psd_cutoff, real_array, refuse_negative, symmetric
from divprune_sym.testing.names import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Sampler = Callable[[NDArray[np.float64], int, np.random.Generator, int], Sequence[Sequence[int]]]

MOST_ITEMS = 12
# a cell of the χ² test that is expected fewer times is pooled with others
_RARE = 5.0
# a subset of smaller probability is not drawn by an honest sampler: 20 000 draws meet one with probability 2e-8
_IMPOSSIBLE = 1e-12


def assert_dpp_law(
    sampler: Sampler,
    L: ArrayLike,
    size: int,
    *,
    count: int = 20_000,
    seed: int = 0,
    false_alarm: float = 1e-6,
) -> float:
    """Assert that a sampler draws subsets S of fixed size with probability ∝ det L_S: a k-DPP.

    A χ² test of the counts of all subsets against the law, which is computed here from determinants of sub-matrices.
    Where `size` exceeds the rank of L, the law is the limit ε → 0 of that of L + ε1: P(S) ∝ the sum of the principal
    minors of L_S of the order of the rank.

    Parameters
    ----------
    sampler : callable
        ``sampler(L, size, rng, count)`` returns `count` subsets, each a sequence of `size` items 0 … N − 1.
    L : (N, N) array
        Symmetric positive semi-definite, N ≤ 12.
    size : int
        Items in each subset, 1 to N.
    count : int
        Subsets drawn. Differences of probabilities p of a few √(p/count) are seen.
    seed : int
        Of the generator handed to the sampler.
    false_alarm : float
        Probability, over seeds, that an exact sampler fails.

    Returns
    -------
    float
        The p-value.

    Raises
    ------
    AssertionError
        Something drawn is no subset of that size, has probability zero, or the counts do not fit; the message names
        the subset that is furthest off, and ends with a line that repeats the test.
    BadInput
        L is no such matrix, or N or `size` is out of range.
    """
    L = _checked(L)
    N = len(L)
    size, count = integer("size", size, 1, N), integer("count", count, 1)
    false_alarm = number("false_alarm", false_alarm, 0.0, 1.0)
    subsets, probability = _law(L, size)
    drawn = sampler(L, size, np.random.default_rng(seed), count)
    codes = [_code(subset, N, size) for subset in drawn]
    known = {_code(subset, N, size): n for n, subset in enumerate(subsets)}
    call = f"assert_dpp_law({name_of(sampler, 'sampler')}, {L.tolist()}, {size}, {count=}, {seed=})"
    if len(codes) != count or None in codes:
        bad = next((subset for subset, code in zip(drawn, codes, strict=True) if code is None), None)
        what = f"drew {np.asarray(bad).tolist()}" if bad is not None else f"drew {len(codes)} subsets"
        msg = f"{what}, expected {count} subsets of {size} different items 0 … {N - 1}\nreproduce: {call}"
        raise AssertionError(msg)
    counts = np.bincount([known[code] for code in codes if code is not None], minlength=len(subsets))
    p_value = _fit(counts, count * probability)
    if p_value < false_alarm:
        worst = int(
            np.argmax(np.abs(counts - count * probability) / np.sqrt(count * np.maximum(probability, 1 / count)))
        )
        msg = (
            f"the counts do not fit det L_S: p = {p_value:.2g}; subset {list(subsets[worst])} was drawn "
            f"{counts[worst]} times, expected {count * probability[worst]:.1f} of {count}\nreproduce: {call}"
        )
        raise AssertionError(msg)
    return p_value


def _checked(L: ArrayLike) -> NDArray[np.float64]:
    matrix = real_array("L", L, (None, None))
    if matrix.shape[0] != matrix.shape[1] or not 1 <= len(matrix) <= MOST_ITEMS:
        msg = f"L: shape {matrix.shape}, expected (N, N) with 1 <= N <= {MOST_ITEMS}: every subset is listed"
        raise BadInput(msg)
    matrix = symmetric("L", matrix)
    refuse_negative("L", _eigenvalues(matrix))
    return matrix


def _eigenvalues(L: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.eigvalsh(L), dtype=np.float64)


def _law(L: NDArray[np.float64], size: int) -> tuple[list[tuple[int, ...]], NDArray[np.float64]]:
    """All subsets and their probabilities.

    det((L + ε1)_S) = ε^(size − m) Σ_{T ⊂ S, |T| = m} det L_T + …, m the smaller of `size` and the rank.
    """
    eigenvalues = _eigenvalues(L)
    m = min(size, int((eigenvalues > psd_cutoff(eigenvalues)).sum()))
    minors = {T: max(float(np.linalg.det(L[np.ix_(T, T)])), 0.0) for T in combinations(range(len(L)), m)}
    subsets = list(combinations(range(len(L)), size))
    weights = np.array([sum(minors[T] for T in combinations(S, m)) for S in subsets])
    return subsets, weights / weights.sum()


def _code(subset: Sequence[int], N: int, size: int) -> int | None:
    """One integer a subset; None for what is no subset of this size."""
    try:
        items = {index(item) for item in subset}
    except TypeError:
        return None
    if len(items) != size or len(subset) != size or not items <= set(range(N)):
        return None
    return sum(1 << item for item in items)


def _fit(counts: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    """χ² p-value, rare cells pooled; 0 where an impossible subset was drawn."""
    if counts[expected < _IMPOSSIBLE * expected.sum()].sum() > 0:
        return 0.0
    order = np.argsort(expected)
    counts, expected = counts[order], expected[order]
    pooled = int(np.searchsorted(np.cumsum(expected), _RARE)) + 1
    drawn = np.concatenate([[counts[:pooled].sum()], counts[pooled:]])
    wanted = np.concatenate([[expected[:pooled].sum()], expected[pooled:]])
    if len(wanted) < 2:
        return 1.0
    return float(chi2.sf(np.sum((drawn - wanted) ** 2 / wanted), len(wanted) - 1))
