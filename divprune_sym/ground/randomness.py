"""Randomness comes in through `rng`: a generator, or the seed of one."""

from __future__ import annotations

from reprlib import repr as shortened

import numpy as np

from divprune_sym.ground.checks import BadInput

# what every public `rng` takes
Rng = np.random.Generator | np.random.SeedSequence | int


def generator(rng: Rng) -> np.random.Generator:
    """The generator given, or a new one of the seed given: an integer ≥ 0 or a `numpy.random.SeedSequence`.

    Raises
    ------
    BadInput
        Neither.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    seed = isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0
    if not seed and not isinstance(rng, np.random.SeedSequence):
        msg = f"rng = {shortened(rng)}: expected a seed (an integer ≥ 0), or a numpy.random.Generator"
        raise BadInput(msg)
    return np.random.default_rng(rng)
