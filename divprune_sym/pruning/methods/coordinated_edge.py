"""Coordinated edges: masks of copies share as few inputs as they can, and do not look at weights."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import connected_components

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.mask_classes import blind_classes, patterns
from divprune_sym.pruning.method import EdgePruning, Layer, edges_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.mask_classes import MaskClasses

GROUPS = ("kernel", "layer")
# nodes whose preactivations correlate more than this are taken for copies
_ALIKE = 0.5


class CoordinatedEdge(EdgePruning):
    """Keeps round(pN) edges of every node; every input is kept by floor(pZ) or ceil(pZ) of the Z nodes of a group.

    Two nodes of a group then share the least that Z nodes can on average, the fraction c_Z(p) of the inputs
    (`shared_fraction`); nodes of different groups have independent masks and share p². In the specialized state with
    copies as groups no law of masks that does not look at weights leaves less (derivations/09_shared_masks.py).

    Parameters
    ----------
    groups : {"kernel", "layer"}
        "kernel": nodes whose preactivations have a correlation above 1/2, directly or through others, are a group.
        "layer": all nodes are one group, told nothing of copies.
    """

    name = "coordinated-edge"

    def __init__(self, groups: str = "kernel") -> None:
        if groups not in GROUPS:
            msg = f"groups {groups!r}: choose from {', '.join(GROUPS)}"
            raise BadInput(msg)
        self.groups = groups

    def pruned(self, covariance: NDArray[np.float64], K: int, keep: float) -> NDArray[np.float64]:
        """Q'_ii = pQ_ii, R' = pR; Q'_ik = c_Z(p)Q_ik in a group of Z nodes, p²Q_ik between groups."""
        C = covariance.copy()
        group = self._groups(C[:K, :K])
        sizes = np.bincount(group)
        shared = np.where(group[:, None] == group, _shared(keep, sizes)[group], keep * keep)
        np.fill_diagonal(shared, keep)
        C[:K, :K] *= shared
        C[:K, K:] *= keep
        C[K:, :K] *= keep
        return C

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N)."""
        rng = generator(rng)
        K, N = layer.weights.shape
        size, group = edges_kept(keep, N), self._groups(layer.preactivation_kernel)
        masks = np.zeros((count, K, N), dtype=np.bool_)
        for nodes in (np.flatnonzero(group == n) for n in range(group.max() + 1)):
            for mask in masks:
                mask[nodes] = _spread(len(nodes), N, size, rng)
        return masks

    def _groups(self, kernel: NDArray[np.float64]) -> NDArray[np.int64]:
        """The number of every node's group (K,)."""
        if self.groups == "layer":
            return np.zeros(len(kernel), dtype=np.int64)
        length = np.sqrt(np.clip(np.diag(kernel), 0.0, None))
        _, group = connected_components(kernel > _ALIKE * np.outer(length, length), directed=False)
        return np.asarray(group, dtype=np.int64)

    def _classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses:
        """In closed form: a group of Z keeps an input with a uniform subset of floor(pZ) or ceil(pZ) nodes."""
        group = self._groups(state.covariance[: state.K, : state.K])
        mask = patterns(state.K)
        fraction = np.ones(len(mask))
        for n, size in enumerate(np.bincount(group)):
            fraction *= _subset_shares(keep, int(size))[mask[:, group == n].sum(axis=1).astype(np.int64)]
        return blind_classes(state, mask, fraction)


def shared_fraction(keep: float, size: int) -> float:
    """c_Z(p): the least mean fraction of inputs that two of Z nodes both keep, each of which keeps the share p.

    With b = floor(pZ) it is b(2pZ − b − 1)/(Z(Z − 1)); for Z = 1 there are no two nodes, and it is p.

    Examples
    --------
    >>> shared_fraction(0.5, 2), shared_fraction(0.75, 2), shared_fraction(0.5, 4)
    (0.0, 0.5, 0.16666666666666666)
    """
    return float(_shared(keep, np.array([size]))[0])


def _shared(keep: float, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    kept = keep * sizes
    b = np.floor(kept)
    pairs = sizes * (sizes - 1)
    return np.asarray(np.divide(b * (2 * kept - b - 1), pairs, out=np.full(len(sizes), keep), where=pairs > 0))


def _subset_shares(keep: float, size: int) -> NDArray[np.float64]:
    """The fraction of inputs that a given subset of 0, 1, … Z nodes keeps alone, (Z + 1,)."""
    b = min(int(keep * size), size - 1)
    share = np.zeros(size + 1)
    share[b + 1] = (keep * size - b) / comb(size, b + 1)
    share[b] = (1 - (keep * size - b)) / comb(size, b)
    return share


def _spread(Z: int, N: int, size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask (Z, N) with `size` inputs in every row, and as many in every column as in any other, or one more.

    Columns are drawn first, as uniform subsets; then rows that have too many give to rows that have too few, a
    share of order 1/√N. All orders of nodes and of inputs are alike.
    """
    b, more = divmod(Z * size, N)
    column = b + (rng.permutation(N) < more)
    mask = rng.random((Z, N)).argsort(axis=0).argsort(axis=0) < column
    excess = mask.sum(axis=1) - size
    while excess.any():
        rich, poor = int(excess.argmax()), int(excess.argmin())
        moved = min(excess[rich], -excess[poor])
        at = rng.choice(np.flatnonzero(mask[rich] & ~mask[poor]), moved, replace=False)
        mask[rich, at], mask[poor, at] = False, True
        excess[rich] -= moved
        excess[poor] += moved
    return np.asarray(mask[rng.permutation(Z)])
