"""Further samples of a projection process of low rank on many items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.bench.model import Case, Contestant, Speed, at_least, table

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECTION, FACTOR = "ProjectionDPP.sample", "LEnsemble.from_factor, sample_k"
TIMES = 20


@table(
    measures="one more sample of r of N items, N = 1e5, r = 30, one call each",
    goal="a projection process takes no longer than the k-DPP of its factor with k = r, which has the same law",
)
def projections(quick: bool) -> Iterator[Case]:
    """Both keep what they draw from between calls: each is called once before it is timed."""
    from divprune_sym.dpp import LEnsemble, ProjectionDPP

    N, r = (1000, 5) if quick else (100_000, 30)
    Phi = np.random.default_rng(0).standard_normal((N, r))
    process, kernel = ProjectionDPP.from_features(Phi), LEnsemble.from_factor(Phi)
    rng = np.random.default_rng(1)
    yield Case(
        f"N={N} r={r}",
        [
            Contestant(PROJECTION, lambda: [process.sample(rng) for _ in range(TIMES)], units=TIMES),
            Contestant(FACTOR, lambda: [kernel.sample_k(r, rng) for _ in range(TIMES)], units=TIMES),
        ],
        [Speed(PROJECTION, FACTOR, None if quick else at_least(0.9))],
    )
