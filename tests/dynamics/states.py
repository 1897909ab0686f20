"""States to judge the equations on: random overlaps in any number of mask classes."""

import numpy as np

from divprune_sym.notation import OrderParameters


def random_state(K, M, classes=1, seed=0, *, white=False):
    """Overlaps of short random vectors; masks with zeros, unequal fractions and (unless `white`) variances.

    Masked nodes keep non-zero overlaps in their class: the equations hold for frozen weights, not only for zeros.
    """
    rng = np.random.default_rng([K, M, classes, seed])
    fraction = rng.uniform(0.5, 1.5, classes)
    fraction /= fraction.sum()
    n = K + M + 2
    rows = rng.normal(size=(classes, K + M, n)) * np.sqrt(fraction / n)[:, None, None]
    overlaps = rows @ np.swapaxes(rows, 1, 2)
    mask = np.ones((classes, K))
    for c in range(1, classes):
        mask[c] = [c >> node & 1 for node in range(K)]
    return OrderParameters(
        overlaps[:, :K, :K],
        overlaps[:, :K, K:],
        overlaps[:, K:, K:],
        rng.normal(size=K),
        rng.normal(size=M) + 1.0,
        mask,
        fraction,
        np.ones(classes) if white else rng.uniform(0.5, 2.0, classes),
    )


def rounding(state):
    """How far two float64 evaluations of the equations of motion may differ.

    Every average is a sum of s_a s_b, or s_a, times an integral below 1, so all partial sums stay below
    (1 + Σ|s|)²; a hundred roundings of such numbers, each 2⁻⁵³ relative.
    """
    return 100 * 2.0**-53 * (1 + np.abs(state.signed_weights).sum()) ** 2
