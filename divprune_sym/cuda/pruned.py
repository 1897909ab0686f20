"""Many pruned networks on the GPU: the covariance of their fields, a block per mask, and ε_g, a thread per state."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import cuda  # the simulator looks for `cuda` among the globals of a kernel

from divprune_sym.cuda.device import require_cuda, simulated
from divprune_sym.cuda.equations import error_module
from divprune_sym.ground.checks import integer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from divprune_sym.gaussian import Activation
    from divprune_sym.simulate import Network


@cache
def covariance_kernel() -> Any:
    """C (n, F, F) of the fields of rows (F, N) under masks (n, K, N), which the first K rows feel."""

    @cuda.jit
    def covariances(rows, masks, C):  # type: ignore[no-untyped-def]
        t, (F, N), K = cuda.blockIdx.x, rows.shape, masks.shape[1]
        for e in range(cuda.threadIdx.x, F * F, cuda.blockDim.x):
            a, b = e // F, e % F
            if b <= a:
                dot = 0.0
                for j in range(N):
                    if (a >= K or masks[t, a, j]) and (b >= K or masks[t, b, j]):
                        dot += rows[a, j] * rows[b, j]
                C[t, a, b] = C[t, b, a] = dot / N

    return covariances


def pruned_covariances(network: Network, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Covariances (n, K+M, K+M) of the fields of the network under masks, white inputs.

    Parameters
    ----------
    network : Network
    masks : (n, K, N) bool
        Which incoming edges of every student node are kept.

    Raises
    ------
    NoCuda
        There is no GPU, and no simulator.
    """
    require_cuda()
    rows = np.concatenate([network.w, network.B])
    C = np.zeros((len(masks), len(rows), len(rows)))
    if len(masks):
        threads = 2 if simulated() else 64
        covariance_kernel()[len(masks), threads](*_on_device(rows, masks), C)
    return C


def generalization_error(
    covariance: ArrayLike,
    signed_weights: ArrayLike,
    activation: str | Activation = "erf",
    teacher_activation: str | Activation | None = None,
    students: int | None = None,
) -> NDArray[np.float64]:
    """`evaluation.generalization_error` on the GPU: the same equation, a thread per state.

    Parameters
    ----------
    covariance : (..., F, F)
        Covariance of the fields u = (λ, ρ).
    signed_weights : (..., F)
        s = (v, −A), broadcast against the leading axes of `covariance`.
    activation, teacher_activation, students
        As there.

    Returns
    -------
    (...,)

    Raises
    ------
    BadInput
        An activation that is not known or has no closed I2, or no number of students between 0 and F.
    NoCuda
        There is no GPU, and no simulator.
    """
    require_cuda()
    C = np.asarray(covariance, dtype=np.float64)
    F = C.shape[-1]
    s = np.broadcast_to(np.asarray(signed_weights, dtype=np.float64), C.shape[:-1]).reshape(-1, F)
    out = np.zeros(len(s))
    if len(s):
        threads = 4 if simulated() else 64
        teacher = None if teacher_activation == activation else teacher_activation
        K = None if teacher is None else integer("students", students, 0, F)
        error_module(F, activation, teacher, K).errors[-(-len(s) // threads), threads](
            *_on_device(C.reshape(-1, F, F), s), out
        )
    return out.reshape(C.shape[:-2])


def _on_device(*given: NDArray[Any]) -> list[Any]:
    """Copies that a kernel only reads: nothing comes back."""
    return [cuda.to_device(np.ascontiguousarray(array)) for array in given]
