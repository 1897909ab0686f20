"""Covariances to draw: well and ill conditioned, singular, large, in blocks."""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

# A field near-copies the one before it with correlation 1 − 10^(−k); ten digits is what the tests promise.
MOST_DIGITS_LOST = 10
LARGEST_DEVIATION = 1e6


class Conditioning(Enum):
    """What makes a covariance easy or hard.

    WELL: standard deviations 0.1 to 10, correlation matrix with no eigenvalue below 0.1.
    NEAR_SINGULAR: the same deviations, neighboring correlations up to ±(1 − 1e-10).
    SINGULAR: some fields are exact copies of others, and fields may be zero (pruned units).
    LARGE: standard deviations 1 to 1e6, correlations of either of the first two kinds.
    BLOCK: two independent groups of fields.
    """

    WELL = "well"
    NEAR_SINGULAR = "near singular"
    SINGULAR = "singular"
    LARGE = "large"
    BLOCK = "block"


def covariances(size: int, *, conditioning: Conditioning | None = None) -> st.SearchStrategy[NDArray[np.float64]]:
    """Covariance matrices of `size` fields, positive semi-definite, shrinking towards the identity.

    Parameters
    ----------
    size : int
        The number of fields; from two on, SINGULAR and BLOCK deserve their names.
    conditioning : Conditioning, optional
        One kind; any kind if left out.
    """
    if conditioning is None:
        return st.one_of([_STRATEGIES[kind](size) for kind in Conditioning])
    return _STRATEGIES[conditioning](size)


def covariance_values(matrix: NDArray[np.float64], fields: Sequence[str]) -> dict[str, float]:
    """The values of the symbols C_ab, by name, for fields in the order of the rows."""
    return {
        covariance_symbol(a, b).name: float(matrix[i, j]) for i, a in enumerate(fields) for j, b in enumerate(fields)
    }


def _scaled(correlation: NDArray[np.float64], deviations: Sequence[float]) -> NDArray[np.float64]:
    upper = np.triu(correlation * np.outer(deviations, deviations))
    return np.asarray(upper + np.triu(upper, 1).T)


def _deviations(size: int, low: float, high: float) -> st.SearchStrategy[list[float]]:
    # Drawn by their logarithm: every order of magnitude is as likely, and they shrink towards 1.
    exponent = st.floats(math.log10(low), math.log10(high), allow_subnormal=False)
    return st.lists(exponent.map(lambda power: 10.0**power), min_size=size, max_size=size)


def _well_conditioned_correlations(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    entries = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=size**2, max_size=size**2)

    def correlation(numbers: list[float]) -> NDArray[np.float64]:
        rows = np.eye(size) + np.tril(np.reshape(numbers, (size, size)), -1)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        mixed = 0.9 * rows @ rows.T
        np.fill_diagonal(mixed, 1.0)
        return mixed

    return entries.map(correlation)


def _near_singular_correlations(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    digits = st.lists(st.integers(1, MOST_DIGITS_LOST), min_size=size - 1, max_size=size - 1)
    signs = st.lists(st.sampled_from([1.0, -1.0]), min_size=size - 1, max_size=size - 1)

    def correlation(lost: list[int], sign: list[float], order: list[int]) -> NDArray[np.float64]:
        # A Markov chain: two fields correlate by the product of the links between them, so it is
        # positive definite for any links below 1.
        links = [s * (1 - 10.0**-k) for s, k in zip(sign, lost, strict=True)]
        chain = np.eye(size)
        for i in range(size):
            for j in range(i + 1, size):
                chain[i, j] = chain[j, i] = math.prod(links[i:j])
        return chain[np.ix_(order, order)]

    return st.builds(correlation, digits, signs, st.permutations(range(size)))


def _well_conditioned(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    return st.builds(_scaled, _well_conditioned_correlations(size), _deviations(size, 0.1, 10))


def _near_singular(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    return st.builds(_scaled, _near_singular_correlations(size), _deviations(size, 0.1, 10))


def _large(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    correlations = st.one_of(_well_conditioned_correlations(size), _near_singular_correlations(size))
    return st.builds(_scaled, correlations, _deviations(size, 1, LARGEST_DEVIATION))


def _singular(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    originals = st.lists(st.integers(0, size - 1), min_size=size, max_size=size)

    def copied(base: NDArray[np.float64], chosen: list[int]) -> NDArray[np.float64]:
        # One field fewer than `size`: some row repeats, or is the zero field that stands at the end.
        padded = np.pad(base, (0, 1))
        return padded[np.ix_(chosen, chosen)]

    return st.builds(copied, _well_conditioned(size - 1), originals)


def _block(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    def separated(matrix: NDArray[np.float64], cut: int) -> NDArray[np.float64]:
        group = np.arange(size) < cut
        return np.where(group[:, None] == group[None, :], matrix, 0.0)

    return st.builds(separated, _well_conditioned(size), st.integers(1, max(size - 1, 1)))


_STRATEGIES: dict[Conditioning, Callable[[int], st.SearchStrategy[NDArray[np.float64]]]] = {
    Conditioning.WELL: _well_conditioned,
    Conditioning.NEAR_SINGULAR: _near_singular,
    Conditioning.SINGULAR: _singular,
    Conditioning.LARGE: _large,
    Conditioning.BLOCK: _block,
}
