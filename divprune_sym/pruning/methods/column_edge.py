"""Input-column pruning: the same inputs are cut off from every node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.mask_classes import shared_classes
from divprune_sym.pruning.method import Layer, edges_kept
from divprune_sym.pruning.variant import EdgeVariant, Pair, Pruned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.mask_classes import MaskClasses


class ColumnEdge(EdgeVariant):
    """Keeps round(pN) inputs, drawn uniformly, for all nodes alike: whole columns of the weight matrix.

    Q' = pQ, R' = pR. Random edges differ in one place only, Q'_ik = p²Q_ik (derivations/07_variants.py).
    """

    name = "column-edge"

    def limit(self, pair: Pair) -> Pruned:
        """Every overlap is a sum over inputs, of which a random share p is left."""
        return Pruned(Q_ii=pair.p * pair.Q_ii, Q_ik=pair.p * pair.Q_ik, R_in=pair.p * pair.R_in)

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N), the same for every node."""
        rng = generator(rng)
        K, N = layer.weights.shape
        order = rng.permuted(np.tile(np.arange(N), (count, 1)), axis=1)
        return np.repeat((order < edges_kept(keep, N))[:, None, :], K, axis=1)

    def mask_classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses:
        """In closed form."""
        return shared_classes(state, keep)
