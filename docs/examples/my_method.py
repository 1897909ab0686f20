"""A pruning method of one's own, stated for `divprune-sym bound`: see docs/bound_a_variant.md."""

import numpy as np
import sympy as sp

from divprune_sym.pruning.variant import EdgeVariant, Pruned


class SoftEdge(EdgeVariant):
    """Each edge is kept with probability π(z) = 1 − exp(−c z²/2), z = w/√Q_ii, whatever happens to the others.

    The mean of exp(−c z²/2) over z ~ N(0, 1) is (1 + c)^(−1/2) = 1 − p, which fixes c. A Gaussian factor
    only changes the covariance (tilting, docs/notation.md), so every moment is closed.
    """

    name = "soft-edge"

    def limit(self, pair):
        """What happens to the overlaps of one pair of nodes, as N → ∞."""
        lost = 1 - pair.p
        c = lost**-2 - 1
        r = pair.correlation
        kept_square = 1 - lost**3  # E[z² π(z)]
        both_lost = ((1 + c) ** 2 - (c * r) ** 2) ** sp.Rational(-3, 2)  # E[x y e^(−cx²/2) e^(−cy²/2)] / r
        return Pruned(
            Q_ii=kept_square * pair.Q_ii,
            Q_ik=(1 - 2 * lost**3 + both_lost) * pair.Q_ik,
            R_in=kept_square * pair.R_in,
        )

    def draw(self, layer, keep, rng, count=1):
        """Masks (count, K, N)."""
        square = layer.weights**2 / (layer.weights**2).mean(axis=1, keepdims=True)
        c = (1 - keep) ** -2 - 1
        return rng.random((count, *square.shape)) > np.exp(-c * square / 2)
