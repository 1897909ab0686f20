"""Generalisation error and second moments of given order parameters, by the generated code."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.codegen.cache import cached_module
from divprune_sym.ground.checks import integer
from divprune_sym.named_activations import described, resolved

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.gaussian import Activation

_MOMENTS = """

@entry
def moments(C, out):
    second_moments(C, out)
"""
_MANY = """

@entry
def many_generalization_errors(C, s, out):
    for t in range(C.shape[0]):
        out[t] = generalization_error(C[t], s[t])
"""


def second_moments(covariance: NDArray[np.float64], activation: str | Activation = "erf") -> NDArray[np.float64]:
    """I2[a, b] = E[g(u_a) g(u_b)] for fields with the given covariance (F, F)."""
    C = _plain(covariance)
    moments = np.empty_like(C)
    _moments_module(activation).moments(C, moments)
    return moments


def _plain(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """A writable array in C order: Numba compiles anew for every other kind."""
    return np.require(array, np.float64, ("C", "W"))


def generalization_error(
    covariance: NDArray[np.float64],
    signed_weights: NDArray[np.float64],
    activation: str | Activation = "erf",
    teacher_activation: str | Activation | None = None,
    students: int | None = None,
) -> NDArray[np.float64]:
    """ε_g = ½ E[(Σ_a s_a g(u_a))²], label noise excluded.

    Parameters
    ----------
    covariance : (..., F, F)
        Covariance of the fields u = (λ, ρ).
    signed_weights : (..., F)
        s = (v, −A), broadcast against the leading axes of `covariance`.
    activation : str or Activation
        g; a name such as "erf", "erf[2]", "he3", or an Activation.
    teacher_activation : str or Activation, optional
        h of the fields after the first `students`; the same g if left out.
    students : int
        K; only needed with `teacher_activation`.

    Returns
    -------
    (...,)
        A test error on labels with noise σ is 2 ε_g + σ².

    Raises
    ------
    BadInput
        An activation that is not known or has no closed I2, or no number of students between 0 and F.
    """
    C = np.asarray(covariance, dtype=np.float64)
    s = np.broadcast_to(signed_weights, C.shape[:-1])
    F = C.shape[-1]
    flat_C, flat_s = _plain(C.reshape(-1, F, F)), _plain(s.reshape(-1, F))
    out = np.empty(len(flat_C))
    if teacher_activation is None:
        module = _moments_module(activation)
    else:
        module = _two_activation_module(activation, teacher_activation, integer("students", students, 0, F))
    module.many_generalization_errors(flat_C, flat_s, out)
    return out.reshape(C.shape[:-2])


@cache
def _moments_module(activation: str | Activation) -> ModuleType:
    """`moments(C, out)` and `many_generalization_errors(C, s, out)` for any number of fields."""

    def generate() -> str:
        from divprune_sym.codegen.compiler import compile_system
        from divprune_sym.codegen.targets import CPU
        from divprune_sym.dynamics.closing import refuse_open
        from divprune_sym.dynamics.equations import error_equations, second_moments

        # all fields count as students here: only K + M enters
        sizes: dict[str, int | str] = {"K": "C.shape[0]", "M": 0}
        g = resolved(activation)
        refuse_open(error_equations(), g)
        moments = compile_system(second_moments(), g, sizes, ("moments",))
        error = compile_system(error_equations(), g, sizes)
        return CPU.preamble + moments.source + "\n\n" + error.source + _MOMENTS + _MANY

    return cached_module({"activation": described(activation), "moments": True}, generate)


@cache
def _two_activation_module(activation: str | Activation, teacher: str | Activation, K: int) -> ModuleType:
    """`generalization_error(C, s)` of K students, and any number of teachers with another activation."""

    def generate() -> str:
        from divprune_sym.codegen.compiler import compile_system
        from divprune_sym.codegen.targets import CPU
        from divprune_sym.dynamics.closing import refuse_open
        from divprune_sym.dynamics.equations import error_equations

        g, h = resolved(activation), resolved(teacher)
        system = error_equations(two_activations=True)
        refuse_open(system, g, h)
        return CPU.preamble + compile_system(system, g, {"K": K, "M": f"C.shape[0] - {K}"}, teacher=h).source + _MANY

    recipe = {"error": True, "activation": described(activation), "teacher": described(teacher), "K": K}
    return cached_module(recipe, generate)
