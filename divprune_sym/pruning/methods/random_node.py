"""Random node pruning: a uniform subset of k nodes."""

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


class RandomNode(NodeMethod):
    """The baseline: every subset of k nodes is equally likely."""

    name = "random-node"

    def law(self, state: OrderParameters, keep: int) -> NodeLaw:
        """Uniform over all C(K, k) subsets."""
        return uniform_law(np.empty(0, dtype=np.int64), np.arange(state.K), state.K, keep)

    def draw(self, layer: Layer, keep: int, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K)."""
        rng = generator(rng)
        K = len(layer.weights)
        keep = integer("keep", keep, 0, K)
        return as_masks(rng.permuted(np.tile(np.arange(K), (count, 1)), axis=1)[:, :keep], K)
