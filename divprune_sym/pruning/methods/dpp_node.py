"""DPP node pruning: k nodes drawn from a determinantal point process, so that kept nodes differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.dpp import LEnsemble
from divprune_sym.evaluation.error import second_moments
from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.method import Layer, NodeLaw, NodeMethod, as_masks, sample_each
from divprune_sym.pruning.subset_laws import determinantal_law

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.method import Sampler

KERNELS = ("preactivation", "activation")


class DPPNode(NodeMethod):
    """k-DPP over the nodes, P(S) ∝ det L_S (Mariet & Sra, ICLR 2016; Acharyya et al., UAI 2021).

    Parameters
    ----------
    kernel : {"preactivation", "activation"}
        L = Q, the second moments of the fields λ, or L = I2, those of the outputs g(λ).
    sampler : callable, optional
        Draws (kernels, k, rng, count) -> (kernels, count, k) in place of `LEnsemble.sample_k`, such as
        `divprune_sym.cuda.sample_k`.

    Where k exceeds the rank of L, the law is the limit ε → 0 of the kernel L + ε1.
    """

    name = "dpp-node"

    def __init__(self, kernel: str = "preactivation", sampler: Sampler | None = None) -> None:
        if kernel not in KERNELS:
            msg = f"kernel {kernel!r}: choose from {', '.join(KERNELS)}"
            raise BadInput(msg)
        self.kernel, self.sampler = kernel, sampler or sample_each

    def law(self, state: OrderParameters, keep: int) -> NodeLaw:
        """The exact k-DPP on the order parameters."""
        L = state.covariance[: state.K, : state.K]
        if self.kernel == "activation":
            L = second_moments(L, state.activation)
        return determinantal_law(LEnsemble.from_matrix(L), keep)

    def draw(self, layer: Layer, keep: int, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K), sampled from the layer's own kernel."""
        rng = generator(rng)
        L = layer.preactivation_kernel if self.kernel == "preactivation" else layer.activation_kernel
        keep = integer("keep", keep, 0, len(L))
        return as_masks(self.sampler([LEnsemble.from_matrix(L)], keep, rng, count)[0], len(L))
