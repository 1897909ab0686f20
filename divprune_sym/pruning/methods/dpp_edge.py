"""DPP edge pruning: every node draws a k-DPP over its incoming edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfcx, wofz

from divprune_sym.dpp import LEnsemble
from divprune_sym.dpp.direct import sample_k_alive
from divprune_sym.dpp.kernels import check_beta
from divprune_sym.ground.checks import BadInput, symmetric
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.work import each_done_with_blas
from divprune_sym.pruning.draw_checkpoint import DrawCheckpoint
from divprune_sym.pruning.edge_kernels import rbf_edge_kernel
from divprune_sym.pruning.method import EdgeMethod, KeepLaw, Layer, as_masks, edges_kept

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.pruning.method import Sampler

TINY = float(np.finfo(np.float64).tiny)
# inputs from which on more than one thread pays
SMALL = 100

_HERMITE = np.polynomial.hermite_e.hermegauss(64)

KERNELS = ("linear", "rbf")


class DPPEdge(EdgeMethod):
    """Node i draws k = round(pN) edges from the kernel L_jl = E[w_ij x_j w_il x_l] (Acharyya et al., UAI 2021).

    On white inputs L = diag(w²): conditional Poisson sampling, which keeps a weight of standardized value
    z with probability cz²/(1 + cz²) as N → ∞, c fixed by the mean p. The moments are derived in
    derivations/04_pruned_errors.py.

    Parameters
    ----------
    kernel : {"linear", "rbf"}
        "rbf": L_jl = exp(−β E[(w_ij x_j − w_il x_l)²]) instead (`rbf_edge_kernel`); it has no limit here.
    beta : float, optional
        β of the rbf kernel; 1/median of the squared distances of every node, if not given.
    sampler : callable, optional
        Draws (kernels, k, rng, count) -> (kernels, count, k), such as `divprune_sym.cuda.sample_k`; of the linear
        kernel on white inputs only.
    """

    name = "dpp-edge"

    def __init__(self, kernel: str = "linear", beta: float | None = None, *, sampler: Sampler | None = None) -> None:
        if kernel not in KERNELS:
            msg = f"kernel {kernel!r}: choose from {', '.join(KERNELS)}"
            raise BadInput(msg)
        if beta is not None and kernel != "rbf":
            msg = f"beta = {beta}: belongs to the kernel 'rbf', not to {kernel!r}"
            raise BadInput(msg)
        self.kernel, self.beta, self.sampler = kernel, check_beta(beta), sampler

    def keep_law(self, keep: float) -> KeepLaw:
        """π(z) = z²/(b² + z²), b = 1/√c.

        Raises
        ------
        BadInput
            The kernel is "rbf": its law as N → ∞ is not derived.
        """
        if self.kernel != "linear":
            msg = f"{self.name}: its limit is known for the kernel 'linear', not for {self.kernel!r}"
            raise BadInput(msg)
        b = _scale(keep)

        def kept(z: NDArray[np.float64]) -> NDArray[np.float64]:
            return z * (z * z / (b * b + z * z))

        def smoothed(mean: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
            # E[y/(b² + y²)] is the Hilbert transform of a Gaussian: the Faddeeva function
            width = sd * np.sqrt(2.0)
            transform = np.sqrt(np.pi) / width * wofz((mean + 1j * b) / width).imag
            return np.asarray(mean - b * b * transform)

        def pairs(correlations: NDArray[np.float64]) -> NDArray[np.float64]:
            from divprune_sym.pruning.moments.pair_kernel import NODES, WEIGHTS, weighted_pairs

            return weighted_pairs(correlations, b, keep, NODES, WEIGHTS)

        # π turns from 0 to 1 around |z| = b
        return KeepLaw(_kept_moment(b, 4), kept, smoothed, breaks=(b,), pairs=pairs)

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N).

        All kernels come from the one matrix of input moments. Nodes are drawn on all cores, each from a stream of its
        own that `rng` seeds: the masks do not depend on the number of threads.

        Raises
        ------
        NotPositiveSemidefinite, NotSymmetric
            The input moments are no second moments; `divprune_sym.dpp.project_psd` mends what rounding has broken.
        """
        return self.draw_share(layer, keep, rng, count)

    def draw_share(
        self,
        layer: Layer,
        share: float,
        rng: Rng,
        count: int = 1,
        *,
        progress: Callable[[float], None] | None = None,
        checkpoint: Path | None = None,
    ) -> NDArray[np.bool_]:
        """`draw`, told of as nodes are done, and kept in a file that is removed at the end.

        Raises
        ------
        NotPositiveSemidefinite, NotSymmetric
            As in `draw`.
        BadInput
            The checkpoint belongs to another draw, or is none.
        """
        rng = generator(rng)
        K, N = layer.weights.shape
        size = edges_kept(share, N)
        if self.sampler is not None:
            return self._drawn_elsewhere(self.sampler, layer, size, rng, count)
        streams = rng.integers(0, 2**63, (K, 2))
        moments = None if layer.input_moments is None else symmetric("input_moments", layer.input_moments)
        lit = np.arange(N) if moments is None else np.flatnonzero(np.any(moments != 0.0, axis=1))
        block = None if moments is None else moments[np.ix_(lit, lit)]

        def node_masks(node: int) -> NDArray[np.bool_]:
            stream, w = np.random.default_rng(streams[node].tolist()), layer.weights[node]
            if self.kernel == "rbf":
                L = rbf_edge_kernel(w, np.eye(N) if moments is None else moments, self.beta)
                drawn = sample_k_alive(L, np.arange(N), N, size, stream, count, f"kernel of node {node}")
            else:
                drawn = _subsets(w, block, lit, size, stream, count, node)
            return as_masks(drawn, N)

        task = (layer.weights, layer.input_moments, streams, size, self.kernel == "rbf", self.beta)
        with DrawCheckpoint(checkpoint, task, (count, K, N)) as drawn:
            for node, masks in each_done_with_blas(node_masks, drawn.missing(), None if N >= SMALL else 1):
                drawn.store(node, masks)
                if progress is not None:
                    progress(drawn.done.mean())
        return drawn.masks

    def _drawn_elsewhere(
        self, sampler: Sampler, layer: Layer, size: int, rng: np.random.Generator, count: int
    ) -> NDArray[np.bool_]:
        if self.kernel != "linear" or layer.input_moments is not None:
            msg = "sampler: it draws edges of the linear kernel on white inputs; leave it out for other layers"
            raise BadInput(msg)
        drawn = sampler([LEnsemble.from_diagonal(w * w) for w in layer.weights], size, rng, count)
        return np.stack([as_masks(subsets, layer.weights.shape[1]) for subsets in drawn], axis=1)


def _subsets(
    w: NDArray[np.float64],
    block: NDArray[np.float64] | None,
    lit: NDArray[np.int64],
    size: int,
    rng: np.random.Generator,
    count: int,
    node: int,
) -> NDArray[np.int64]:
    """Edges kept by one node, (count, size).   lit: (m,), inputs not always zero   block: (m, m)"""
    if block is None:
        return LEnsemble.from_diagonal(w * w).sample_k(size, rng, count)
    scaled = w[lit] / max(np.abs(w).max(), TINY)
    # the kernel's other rows are zero
    some = np.flatnonzero(scaled)
    scaled = scaled[some]
    kernel = (block if len(some) == len(lit) else block[np.ix_(some, some)]) * scaled
    kernel *= scaled[:, None]
    return sample_k_alive(kernel, lit[some], len(w), size, rng, count, f"kernel of node {node}")


def _scale(keep: float) -> float:
    """The b > 0 with E[z²/(b² + z²)] = p, z ~ N(0, 1)."""

    def excess(log_b: float) -> float:
        return _kept_moment(float(np.exp(log_b)), 2) / keep - 1.0

    # p = (1 + O(p))/b² for large b: exact to rounding here, and 1e-280 keeps b² a float64
    if keep < 1e-17:
        return float(1.0 / np.sqrt(max(keep, 1e-280)))
    # 1 − p ~ √(π/2) b for small b: both ends of what is left are bracketed
    return float(np.exp(brentq(excess, -40.0, 20.0, xtol=1e-15, rtol=1e-15)))


def _kept_moment(b: float, power: int) -> float:
    """E[z^power/(b² + z²)], z ~ N(0, 1), power 2 or 4, to a relative error of rounding.

    With P = 1 − √(π/2) b erfcx(b/√2) for the power 2, the power 4 gives 1 − b²P. Both cancel for large b, where
    Gauss–Hermite adds positive terms and its error, from the poles at ±ib, is about exp(−2b √64).
    """
    if b > 3.0:
        z, weight = _HERMITE
        return float(np.sum(weight * z**power / (b * b + z * z)) / np.sqrt(2.0 * np.pi))
    kept = 1.0 - np.sqrt(np.pi / 2) * b * erfcx(b / np.sqrt(2.0))
    return float(kept if power == 2 else 1.0 - b * b * kept)
