"""Magnitude edge pruning: the round(pN) largest weights of every node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.method import EdgeMethod, KeepLaw, Layer, edges_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _density(z: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * np.square(z)) / np.sqrt(2 * np.pi))


class MagnitudeEdge(EdgeMethod):
    """Keeps |w_ij| > t √Q_ii, t = Φ⁻¹(1 − p/2); on a real layer the largest weights, ties broken at random.

    The moments are derived in derivations/04_pruned_errors.py.
    """

    name = "magnitude-edge"
    deterministic = True

    def keep_law(self, keep: float) -> KeepLaw:
        """π(z) = 1 for |z| > t, else 0."""
        t = float(-ndtri(keep / 2))
        square = keep + 2 * t * float(_density(t))

        def kept(z: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.where(np.abs(z) > t, z, 0.0)

        def smoothed(mean: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
            above, below = (t - mean) / sd, (t + mean) / sd
            tails = mean * (ndtr(-above) + ndtr(-below))
            return np.asarray(tails + sd * (_density(above) - _density(below)))

        def pairs(correlations: NDArray[np.float64]) -> NDArray[np.float64]:
            from divprune_sym.pruning.moments.pair_kernel import NODES, WEIGHTS, truncated_pairs

            found = truncated_pairs(correlations, t, NODES, WEIGHTS)
            # copies have the same mask, and stay copies to the last bit: a sign or a kink tells them apart by √ε
            same = np.abs(correlations) == 1.0
            found[0, same], found[1, same] = correlations[same] * square, 0.0
            return found

        return KeepLaw(square, kept, smoothed, breaks=(t,), pairs=pairs)

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N)."""
        rng = generator(rng)
        K, N = layer.weights.shape
        size = np.broadcast_to(-np.abs(layer.weights), (count, K, N))
        order = np.lexsort((rng.random((count, K, N)), size), axis=-1)[:, :, : edges_kept(keep, N)]
        masks = np.zeros((count, K, N), dtype=np.bool_)
        np.put_along_axis(masks, order, True, axis=2)
        return masks
