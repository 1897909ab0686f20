"""What the authors' code does where the sound default differs: `--as-published`, point by point in the docs.

Acharyya et al., UAI 2021; their code for real networks (MNIST, CIFAR-10), as published with the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.dpp import LEnsemble
from divprune_sym.dpp.kernels import rbf_of_squares
from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning import DPPEdge, DPPNode, Layer, PruningMethod
from divprune_sym.pruning.method import as_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

BETA = 0.3


class PublishedDPPNode(PruningMethod):
    """k-DPP over nodes with the kernel exp(−β d²), d² = Σ over the inputs x of (w_i·x − w_k·x)²: no biases, no mean.

    Parameters
    ----------
    rows : int
        Number of inputs.
    beta : float
    """

    name = "dpp-node"
    unit = "node"

    def __init__(self, rows: int, beta: float = BETA) -> None:
        self.rows, self.beta = integer("rows", rows, 1), number("beta", beta, 0.0)

    def kernel(self, layer: Layer) -> NDArray[np.float64]:
        """L, (K, K)."""
        if layer.input_moments is None:
            msg = f"{self.name} as published: needs the inputs' second moments"
            raise BadInput(msg)
        inner = self.rows * (layer.weights @ layer.input_moments @ layer.weights.T)
        length = inner.diagonal()
        return rbf_of_squares(np.maximum(length[:, None] + length - 2.0 * inner, 0.0), self.beta)

    def draw(self, layer: Layer, keep: int, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K)."""
        K = len(layer.weights)
        keep = integer("keep", keep, 0, K)
        ensemble = LEnsemble.from_matrix(self.kernel(layer))
        return as_masks(ensemble.sample_k(keep, generator(rng), count), K)


class PublishedRandomEdge(PruningMethod):
    """Every edge is kept with probability p, independently: the number kept is not fixed."""

    name = "random-edge"
    unit = "edge"

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N)."""
        p = number("keep fraction", keep, 0.0, 1.0)
        return np.asarray(generator(rng).random((count, *layer.weights.shape)) < p)


def published_method(method: PruningMethod, rows: int, beta: float = BETA) -> PruningMethod:
    """The method as the authors' code for real networks has it.

    Parameters
    ----------
    method : PruningMethod
    rows : int
        Number of inputs: their distances are sums over them.
    beta : float
        Of the RBF kernels.
    """
    if method.name == DPPNode.name:
        return PublishedDPPNode(rows, beta)
    if method.name == DPPEdge.name:
        return DPPEdge("rbf", beta * rows)
    return PublishedRandomEdge() if method.name == PublishedRandomEdge.name else method
