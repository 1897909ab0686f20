"""Generalisation error and second moments of given order parameters, by the generated code."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.codegen.cache import cached_module

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray


def second_moments(covariance: NDArray[np.float64], activation: str = "erf") -> NDArray[np.float64]:
    """I2[a, b] = E[g(u_a) g(u_b)] for fields with the given covariance (F, F)."""
    C = _plain(covariance)
    moments = np.empty_like(C)
    _moments_module(activation).second_moments(C, moments)
    return moments


def _plain(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """A writable C-ordered copy: Numba compiles anew for every other kind of array."""
    return np.array(array, dtype=np.float64, order="C")


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
    flat_C, flat_s = _plain(C.reshape(-1, F, F)), _plain(s.reshape(-1, F))
    out = np.empty(len(flat_C))
    _moments_module(activation).many_generalization_errors(flat_C, flat_s, out)
    return out.reshape(C.shape[:-2])


@cache
def _moments_module(activation: str) -> ModuleType:
    """`second_moments(C, moments)` and `generalization_error(C, s)` for any number of fields."""

    def generate() -> str:
        from divprune_sym.codegen.compiler import compile_system
        from divprune_sym.codegen.targets import CPU
        from divprune_sym.dynamics.equations import generalisation_error, second_moments
        from divprune_sym.gaussian import ACTIVATIONS

        # all fields count as students here: only K + M enters
        sizes: dict[str, int | str] = {"K": "C.shape[0]", "M": 0}
        g = ACTIVATIONS[activation]
        moments = compile_system(second_moments(), g, sizes, ("moments",))
        error = compile_system(generalisation_error(), g, sizes)
        many = """

@jit
def many_generalization_errors(C, s, out):
    for t in range(C.shape[0]):
        out[t] = generalization_error(C[t], s[t])
"""
        return CPU.preamble + moments.source + "\n\n" + error.source + many

    return cached_module({"activation": activation, "moments": True}, generate)
