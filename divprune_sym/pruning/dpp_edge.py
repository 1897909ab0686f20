"""DPP edge pruning: every node draws a k-DPP over its incoming edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfcx, wofz

from divprune_sym.dpp import LEnsemble
from divprune_sym.pruning.method import EdgeMethod, KeepLaw, Layer, as_masks, edges_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DPPEdge(EdgeMethod):
    """Node i draws k = round(pN) edges from the kernel L_jl = E[w_ij x_j w_il x_l] (Acharyya et al., UAI 2021).

    On white inputs L = diag(w²): conditional Poisson sampling, which keeps a weight of standardised value
    z with probability cz²/(1 + cz²) as N → ∞, c fixed by the mean p. The moments are derived in
    derivations/04_pruned_errors.py.
    """

    name = "dpp-edge"

    def keep_law(self, keep: float) -> KeepLaw:
        """π(z) = z²/(b² + z²), b = 1/√c."""
        b = _scale(keep)

        def kept(z: NDArray[np.float64]) -> NDArray[np.float64]:
            return z * (z * z / (b * b + z * z))

        def smoothed(mean: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
            # E[y/(b² + y²)] is the Hilbert transform of a Gaussian: the Faddeeva function
            width = sd * np.sqrt(2.0)
            transform = np.sqrt(np.pi) / width * wofz((mean + 1j * b) / width).imag
            return np.asarray(mean - b * b * transform)

        # π turns from 0 to 1 around |z| = b
        return KeepLaw(1.0 - b * b * keep, kept, smoothed, breaks=(b,))

    def draw(self, layer: Layer, keep: float, rng: np.random.Generator, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N)."""
        K, N = layer.weights.shape
        size = edges_kept(keep, N)
        masks = np.empty((count, K, N), dtype=np.bool_)
        for node, w in enumerate(layer.weights):
            if layer.input_moments is None:
                kernel = LEnsemble.from_diagonal(w * w)
            else:
                kernel = LEnsemble.from_matrix(w[:, None] * layer.input_moments * w)
            masks[:, node] = as_masks(kernel.sample_k(size, rng, count), N)
        return masks


def _scale(keep: float) -> float:
    """The b > 0 with E[z²/(b² + z²)] = p, z ~ N(0, 1): 1 − √(π/2) b erfcx(b/√2) = p."""

    def excess(log_b: float) -> float:
        b = np.exp(log_b)
        return float(1.0 - np.sqrt(np.pi / 2) * b * erfcx(b / np.sqrt(2.0)) - keep)

    # p ~ 1/b² for large b, 1 − p ~ √(π/2) b for small: both ends of float64 are bracketed
    return float(np.exp(brentq(excess, -40.0, 18.0, xtol=1e-15, rtol=1e-15)))
