"""Laws on subsets of nodes, shared by the node methods."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning.method import NodeLaw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.dpp import LEnsemble

MOST_SUBSETS = 1_000_000


def uniform_law(sure: NDArray[np.int64], tied: NDArray[np.int64], K: int, keep: int) -> NodeLaw:
    """The nodes `sure` are kept for certain, the rest of `keep` is a uniform subset of the nodes `tied`."""
    drawn, pool = keep - len(sure), len(tied)
    single = np.zeros(K)
    single[sure] = 1.0
    if drawn:
        single[tied] = drawn / pool
    pairs = np.outer(single, single)
    if drawn:
        both = drawn * (drawn - 1) / (pool * (pool - 1)) if pool > 1 else 0.0
        pairs[np.ix_(tied, tied)] = both
    np.fill_diagonal(pairs, single)

    return NodeLaw(keep, pairs, partial(_uniform_subsets, sure, tied, drawn))


def _uniform_subsets(
    sure: NDArray[np.int64], tied: NDArray[np.int64], drawn: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    pool = len(tied)
    count = comb(pool, drawn)
    if count > MOST_SUBSETS:
        msg = f"C({pool}, {drawn}) = {float(count):.3g} subsets: at most {MOST_SUBSETS} are listed"
        raise BadInput(msg)
    rest = np.array(list(combinations(tied.tolist(), drawn)), dtype=np.int64).reshape(count, drawn)
    listed = np.sort(np.concatenate([np.tile(sure, (count, 1)), rest], axis=1), axis=1)
    return listed, np.full(count, 1.0 / count)


def determinantal_law(kernel: LEnsemble, keep: int) -> NodeLaw:
    """The k-DPP of a kernel, k = `keep`; beyond the kernel's rank the limit ε → 0 of L + ε1."""
    return NodeLaw(keep, kernel.pair_inclusion(keep), partial(_determinantal_subsets, kernel, keep))


def _determinantal_subsets(kernel: LEnsemble, keep: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return kernel.subset_probabilities(keep)
