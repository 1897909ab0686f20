"""Generalisation error and second moments of given order parameters, by the generated code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.solvers.problem import moments_module

if TYPE_CHECKING:
    from numpy.typing import NDArray


def second_moments(covariance: NDArray[np.float64], activation: str = "erf") -> NDArray[np.float64]:
    """I2[a, b] = E[g(u_a) g(u_b)] for fields with the given covariance (F, F)."""
    moments = np.empty_like(covariance)
    moments_module(activation).second_moments(np.ascontiguousarray(covariance), moments)
    return moments


def generalization_error(
    covariance: NDArray[np.float64], signed_weights: NDArray[np.float64], activation: str = "erf"
) -> NDArray[np.float64]:
    """ε_g = ½ E[(Σ_a s_a g(u_a))²], label noise excluded.

    Parameters
    ----------
    covariance : (..., F, F)
        Covariance of the fields u = (λ, ρ).
    signed_weights : (..., F)
        s = (v, −A), broadcast against the leading axes of `covariance`.

    Returns
    -------
    (...,)
        A test error on labels with noise σ is 2 ε_g + σ².
    """
    C = np.asarray(covariance, dtype=np.float64)
    s = np.broadcast_to(signed_weights, C.shape[:-1])
    F = C.shape[-1]
    flat_C = np.ascontiguousarray(C.reshape(-1, F, F))
    flat_s = np.ascontiguousarray(s.reshape(-1, F))
    out = np.empty(len(flat_C))
    moments_module(activation).many_generalization_errors(flat_C, flat_s, out)
    return out.reshape(C.shape[:-2])
