"""Random edge pruning: round(pN) edges of every node, uniformly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput, number
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.method import EdgeMethod, KeepLaw, Layer, edges_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters

MOST_NODES = 10


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

    def mask_classes(self, state: OrderParameters, keep: float) -> OrderParameters:
        """The pruned state split into its 2^K mask classes, ready for retraining under the mask.

        Class c has fraction p^|c| (1 − p)^(K − |c|), and its inputs carry that share of every overlap.

        Raises
        ------
        BadInput
            K > 10 (more than 1024 classes), or the state is pruned already.
        """
        p = number("keep fraction", keep, 0.0, 1.0)
        if state.K > MOST_NODES or len(state.fraction) != 1:
            msg = f"mask classes: K = {state.K} nodes and {len(state.fraction)} classes; at most {MOST_NODES} and 1"
            raise BadInput(msg)
        mask = np.array([[(c >> i) & 1 for i in range(state.K)] for c in range(2**state.K)], dtype=np.float64)
        kept = mask.sum(axis=1)
        fraction = p**kept * (1 - p) ** (state.K - kept)
        mask, fraction = mask[fraction > 0], fraction[fraction > 0]
        share = fraction[:, None, None]
        return state.with_(
            Q_classes=share * mask[:, :, None] * mask[:, None, :] * state.Q,
            R_classes=share * mask[:, :, None] * state.R,
            T_classes=share * state.T,
            mask=mask,
            fraction=fraction,
            variance=np.full(len(fraction), state.variance[0]),
        )
