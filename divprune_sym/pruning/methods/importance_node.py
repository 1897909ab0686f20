"""Importance node pruning: the k nodes with the largest outgoing weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import integer
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.method import Layer, NodeLaw, NodeMethod, as_masks
from divprune_sym.pruning.subset_laws import uniform_law

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters

# scores that differ by rounding only are tied
_TIE = 1e-12


class ImportanceNode(NodeMethod):
    """Keeps the k nodes of largest Σ|outgoing weights|; ties are broken uniformly at random.

    In the specialized state all scores are equal, and the method is random node pruning.
    """

    name = "importance-node"

    def law(self, state: OrderParameters, keep: int) -> NodeLaw:
        """Certain above the k-th largest |v_i|, uniform among the nodes tied with it."""
        return uniform_law(*_sure_and_tied(np.abs(state.v), keep), state.K, keep)

    def draw(self, layer: Layer, keep: int, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K)."""
        rng = generator(rng)
        scores = np.abs(layer.outgoing).sum(axis=1)
        keep = integer("keep", keep, 0, len(scores))
        sure, tied = _sure_and_tied(scores, keep)
        drawn = rng.permuted(np.tile(tied, (count, 1)), axis=1)[:, : keep - len(sure)]
        return as_masks(np.concatenate([np.tile(sure, (count, 1)), drawn], axis=1), len(scores))


def _sure_and_tied(scores: NDArray[np.float64], keep: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nodes above the k-th largest score, and nodes at it."""
    if keep == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    threshold = np.sort(scores)[::-1][keep - 1]
    tied = np.abs(scores - threshold) <= _TIE * scores.max()
    return np.flatnonzero((scores > threshold) & ~tied), np.flatnonzero(tied)
