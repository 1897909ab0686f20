"""Random N:M edges: of every group of M consecutive inputs of a node, N edges are kept, whatever their weights."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import integer
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.mask_classes import independent_classes
from divprune_sym.pruning.method import Layer
from divprune_sym.pruning.methods.nm_edge import largest
from divprune_sym.pruning.variant import EdgeVariant, Pair, Pruned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.mask_classes import MaskClasses


class RandomNMEdge(EdgeVariant):
    """Random N:M: N of every group of M consecutive inputs, uniformly, independently for each node.

    As N → ∞ it is random edge pruning; its fluctuations at finite N are smaller.
    """

    name = "random-nm-edge"

    def __init__(self, group: int = 4) -> None:
        self.group = integer("group", group, 2)
        self.fractions = tuple(Fraction(n, self.group) for n in range(self.group + 1))

    def limit(self, pair: Pair) -> Pruned:
        """Every edge is kept with probability p, whatever its weight and the other node's mask."""
        return Pruned(Q_ii=pair.p * pair.Q_ii, Q_ik=pair.p**2 * pair.Q_ik, R_in=pair.p * pair.R_in)

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N)."""
        rng = generator(rng)
        return largest(np.zeros((count, *layer.weights.shape)), keep, self.group, rng)

    def mask_classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses:
        """In closed form: those of random edges."""
        return independent_classes(state, keep)
