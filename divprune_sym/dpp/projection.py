"""Projection processes: r orthonormal features, sets of exactly r items, P(S) = det(V_S)²."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.dpp._enumeration import log_gram_determinants
from divprune_sym.dpp._projection import Projections
from divprune_sym.dpp._sets import item_set
from divprune_sym.ground.checks import EPS, BadInput, integer, real_array
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class ProjectionDPP(ByValue):
    """The determinantal process whose marginal kernel is a projection of rank r. Build it with `from_features`.

    Attributes
    ----------
    vectors : (N, r) array
        Orthonormal columns; K = vectors vectorsᵀ.

    References
    ----------
    Hough, Krishnapur, Peres & Virág, Probability Surveys 3, 206 (2006), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import ProjectionDPP
    >>> process = ProjectionDPP.from_features(np.random.default_rng(0).standard_normal((1000, 5)))
    >>> process.sample(np.random.default_rng(1), 20).shape
    (20, 5)
    >>> float(process.inclusion().sum().round(10))
    5.0
    """

    vectors: NDArray[np.float64]

    def __post_init__(self) -> None:
        self.vectors.flags.writeable = False

    def __repr__(self) -> str:
        return f"ProjectionDPP(N = {self.N}, rank = {self.rank})"

    @classmethod
    def from_features(cls, Phi: Any) -> ProjectionDPP:
        """The projection on the span of the columns.   Phi: (N, r), r ≤ N, independent columns

        Raises
        ------
        BadShape, BadInput
            Not a table of finite numbers, empty, more columns than rows, or columns that depend on each other.
        """
        features = real_array("Phi", Phi, (None, None))
        N, r = integer("N", len(features), 1), features.shape[1]
        if r > N:
            msg = f"Phi: {r} columns on {N} items; a projection DPP draws as many items as there are columns"
            raise BadInput(msg)
        largest = np.abs(features).max(axis=0, initial=0.0)
        vectors, triangle = np.linalg.qr(features / np.where(largest > 0, largest, 1.0))
        singular = np.linalg.svd(triangle, compute_uv=False)
        rank = int((singular > N * EPS * singular.max(initial=0.0)).sum())
        if rank < r:
            msg = f"Phi: {r} columns of rank {rank}; some depend on others; LEnsemble.from_factor takes those too"
            raise BadInput(msg)
        return cls(np.ascontiguousarray(vectors))

    @property
    def N(self) -> int:
        """Number of items."""
        return len(self.vectors)

    @property
    def rank(self) -> int:
        """Items in every set."""
        return int(self.vectors.shape[1])

    def sample(self, rng: Rng, count: int = 1) -> NDArray[np.int64]:
        """Draw sets of `rank` items: (count, rank), rows sorted.

        Raises
        ------
        BadInput
            rng is neither a generator nor a seed, or count is not an integer ≥ 0.
        """
        rng = generator(rng)
        count = integer("count", count, 0)
        columns = np.tile(np.arange(self.rank, dtype=np.int64), (count, 1))
        return self._projections.draw(columns, rng)

    @cached_property
    def _projections(self) -> Projections:
        """The draws, and what they keep for further ones."""
        return Projections(self.vectors)

    def inclusion(self) -> NDArray[np.float64]:
        """P(j ∈ S), (N,): squared lengths of the rows."""
        return np.asarray((self.vectors**2).sum(axis=1))

    def pair_inclusion(self) -> NDArray[np.float64]:
        """P(i and j ∈ S), (N, N); the diagonal is `inclusion()`."""
        single = self.inclusion()
        pairs = np.maximum(np.outer(single, single) - (self.vectors @ self.vectors.T) ** 2, 0.0)
        np.fill_diagonal(pairs, single)
        return np.asarray(pairs)

    def log_probability(self, items: Any) -> float:
        """log P(S = items) = log det(V_S)²; −∞ for sets of another size.

        Raises
        ------
        BadInput
            Not different integers in [0, N).
        """
        chosen = item_set("items", items, self.N)
        if len(chosen) != self.rank:
            return -np.inf
        return float(log_gram_determinants(self.vectors, chosen[None, :])[0])
