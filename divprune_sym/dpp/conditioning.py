"""Processes given that some items are in the set and others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.dpp._sets import item_set
from divprune_sym.dpp.lensemble import KERNELS, LEnsemble
from divprune_sym.ground.checks import EPS, BadInput, instance, integer
from divprune_sym.ground.randomness import Rng
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Conditioned(ByValue):
    """An L-ensemble given that S holds the items `included` and none of the excluded ones.

    What is left to chance is again an L-ensemble, over the items `free`; samples come in the original numbers.

    Attributes
    ----------
    kernel : LEnsemble
        Item n of it is free[n].
    free, included : arrays
        Sorted item numbers.
    """

    kernel: LEnsemble
    free: NDArray[np.int64]
    included: NDArray[np.int64]

    def sample(self, rng: Rng, count: int = 1) -> list[NDArray[np.int64]]:
        """Draw from the conditional DPP: `count` sorted arrays that hold `included`."""
        return [np.sort(np.append(self.free[S], self.included)) for S in self.kernel.sample(rng, count)]

    def sample_k(self, k: int, rng: Rng, count: int = 1) -> NDArray[np.int64]:
        """Draw from the conditional k-DPP, k items in all: (count, k), rows sorted.

        Raises
        ------
        BadInput
            k is smaller than the number of included items, or det L_S = 0 for every such set: the limit law beyond
            the rank is not that of the conditional kernel.
        """
        held = len(self.included)
        k = integer(f"k ({held} items included, rank of the others = {self.kernel.rank})", k, held)
        integer(f"k ({held} items included, rank of the others = {self.kernel.rank})", k, held, held + self.kernel.rank)
        drawn = self.free[self.kernel.sample_k(k - held, rng, count)]
        return np.sort(np.concatenate([drawn, np.tile(self.included, (len(drawn), 1))], axis=1), axis=1)


def condition(kernel: LEnsemble, include: Any = (), exclude: Any = ()) -> Conditioned:
    """The process of `kernel` given that S holds all items `include` and no item `exclude`.

    With rows Φ, L = Φ Φᵀ, the conditional kernel is that of the free rows with their part in the span of the included
    ones taken off (its matrix is the Schur complement L_FF − L_FI L_II⁻¹ L_IF).

    Parameters
    ----------
    kernel : LEnsemble
    include, exclude : sequences of int

    Raises
    ------
    BadInput
        Items out of range, given twice, included and excluded, no item left; or included items that cannot occur
        together (det L_II = 0 to rounding).

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import LEnsemble, condition
    >>> kernel = LEnsemble.from_matrix([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
    >>> condition(kernel, include=[0], exclude=[1]).sample_k(2, np.random.default_rng(0)).tolist()
    [[0, 2]]
    """
    N = instance("kernel", kernel, LEnsemble, KERNELS).N
    included, excluded = item_set("include", include, N), item_set("exclude", exclude, N)
    both = np.intersect1d(included, excluded)
    if len(both):
        msg = f"item {both[0]} is both included and excluded"
        raise BadInput(msg)
    free = np.setdiff1d(np.arange(N), np.union1d(included, excluded))
    if not len(free):
        msg = f"{len(included)} items included and {len(excluded)} excluded of {N}: none is left to chance"
        raise BadInput(msg)
    if kernel.eigenvectors is None:
        if not kernel.eigenvalues[included].all():
            raise BadInput(_impossible(included))
        return Conditioned(LEnsemble.from_diagonal(kernel.eigenvalues[free]), free, included)
    top = float(kernel.log_eigenvalues.max(initial=0.0))
    rows = kernel.eigenvectors[:, : kernel.rank] * np.exp(0.5 * (kernel.log_eigenvalues - top))
    rest = rows[free]
    if len(included):
        held = rows[included]
        lengths = np.linalg.norm(held, axis=1, keepdims=True)
        if not lengths.all():
            raise BadInput(_impossible(included))
        span, triangle = np.linalg.qr((held / lengths).T)
        if len(included) > kernel.rank or np.abs(triangle.diagonal()).min() <= N * EPS:
            raise BadInput(_impossible(included))
        for _ in range(2):  # once more for the digits that cancelled
            rest = rest - (rest @ span) @ span.T
        # what is left of a row in the span is rounding, and no item
        gone = np.linalg.norm(rest, axis=1) <= N * EPS * np.linalg.norm(rows[free], axis=1)
        rest[gone] = 0.0
    return Conditioned(LEnsemble.from_factor(rest).scaled(top), free, included)


def _impossible(included: NDArray[np.int64]) -> str:
    return f"include: det L = 0 for the items {included.tolist()}: they never occur together"
