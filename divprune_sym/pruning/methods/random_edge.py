"""Random edge pruning: round(pN) edges of every node, uniformly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.mask_classes import independent_classes
from divprune_sym.pruning.method import EdgeMethod, KeepLaw, Layer, edges_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.mask_classes import MaskClasses


class RandomEdge(EdgeMethod):
    """The baseline: exactly round(pN) edges of every node, drawn independently for each node."""

    name = "random-edge"

    def keep_law(self, keep: float) -> KeepLaw:
        """π(z) = p whatever the weight."""

        def pairs(correlations: NDArray[np.float64]) -> NDArray[np.float64]:
            products = keep * keep * correlations
            return np.stack([products, np.spacing(np.abs(products)) * 2])

        return KeepLaw(keep, kept=lambda z: keep * z, smoothed=lambda mean, sd: keep * mean, pairs=pairs)

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N)."""
        rng = generator(rng)
        K, N = layer.weights.shape
        first = np.arange(N) < edges_kept(keep, N)
        return rng.permuted(np.tile(first, (count * K, 1)), axis=1).reshape(count, K, N)

    def _classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses:
        """In closed form."""
        return independent_classes(state, keep)
