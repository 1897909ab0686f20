"""Pruning by scores of one's own: the largest are kept, ties are broken uniformly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import integer, real_array
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.method import Layer, PruningMethod, as_masks, edges_kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Scores = Callable[[Layer], NDArray[np.float64]]


class ScoredNodes(PruningMethod):
    """Keeps the nodes of largest score.

    Parameters
    ----------
    scores : callable
        From a `pruning.Layer` to one number for each of its K nodes, (K,).
    name : str
    """

    unit = "node"

    def __init__(self, scores: Scores, name: str = "scored-node") -> None:
        self.scores, self.name = scores, name

    def draw(self, layer: Layer, keep: int, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K)."""
        rng = generator(rng)
        K = len(layer.weights)
        scores = real_array(f"scores of {self.name}", self.scores(layer), (K,))
        return _largest(scores, integer("keep", keep, 0, K), rng, count)


class ScoredEdges(PruningMethod):
    """Keeps the incoming edges of largest score of every node.

    Parameters
    ----------
    scores : callable
        From a `pruning.Layer` of K nodes with N inputs to one number for each edge, (K, N).
    name : str
    """

    unit = "edge"

    def __init__(self, scores: Scores, name: str = "scored-edge") -> None:
        self.scores, self.name = scores, name

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N)."""
        rng = generator(rng)
        K, N = layer.weights.shape
        scores = real_array(f"scores of {self.name}", self.scores(layer), (K, N))
        return np.stack([_largest(row, edges_kept(keep, N), rng, count) for row in scores], axis=1)


def _largest(scores: NDArray[np.float64], keep: int, rng: np.random.Generator, count: int) -> NDArray[np.bool_]:
    """Masks (count, n) of the `keep` largest; lexsort puts the tied ones in a random order."""
    n = len(scores)
    orders = np.stack([np.lexsort((rng.random(n), -scores)) for _ in range(count)]) if count else np.empty((0, n), int)
    return as_masks(orders[:, :keep], n)
