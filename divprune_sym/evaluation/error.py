"""Generalization error and second moments of given order parameters, by the generated code."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.codegen.cache import cached_module
from divprune_sym.ground.checks import BadInput, instances, integer
from divprune_sym.named_activations import described, resolved
from divprune_sym.notation import OrderParameters, checked_state

if TYPE_CHECKING:
    from collections.abc import Sequence
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


def second_moments(
    covariance: NDArray[np.float64],
    activation: str | Activation = "erf",
    teacher_activation: str | Activation | None = None,
    students: int | None = None,
) -> NDArray[np.float64]:
    """I2[a, b] = E[g(u_a) g(u_b)], (F, F), for fields with the given covariance.

    Parameters
    ----------
    covariance : (F, F)
    activation : str or Activation
        g of all fields, or of the students'.
    teacher_activation : str or Activation, optional
        h of the fields after the first `students`.
    students : int, optional
        K; only needed with `teacher_activation`.

    Raises
    ------
    BadInput
        An activation that is not known or has no closed I2, or no number of students between 0 and F.
    """
    C = _plain(covariance)
    moments = _filled(_moments_module(activation), C)
    if teacher_activation not in (None, activation):
        assert teacher_activation is not None
        K = integer("students", students, 0, len(C))
        moments[:K, K:] = _filled(_moments_module(activation, teacher_activation), C)[:K, K:]
        moments[K:, :K] = moments[:K, K:].T
        moments[K:, K:] = _filled(_moments_module(teacher_activation), C[K:, K:].copy())
    return moments


def moments_of(state: OrderParameters) -> NDArray[np.float64]:
    """Second moments (K+M, K+M) of the outputs of all nodes of a student and its teacher."""
    checked_state(state)
    return second_moments(state.covariance, state.activation, state.teacher_activation, state.K)


def error_of(state: OrderParameters) -> float:
    """ε_g of a student and its teacher, label noise excluded."""
    return float(errors_of([checked_state(state)])[0])


def errors_of(states: Sequence[OrderParameters]) -> NDArray[np.float64]:
    """ε_g (S,) of states, whatever the sizes and activations of each; those that share them are computed at once."""
    errors = np.empty(len(instances("states", states, OrderParameters)))
    alike: dict[tuple[object, ...], list[int]] = {}
    for n, x in enumerate(states):
        alike.setdefault((x.K, x.M, x.activation, x.teacher_activation), []).append(n)
    for members in alike.values():
        x = states[members[0]]
        C, s = (np.array([getattr(states[n], name) for n in members]) for name in ("covariance", "signed_weights"))
        errors[members] = generalization_error(C, s, x.activation, x.teacher_activation, x.K)
    return errors


def _filled(module: ModuleType, C: NDArray[np.float64]) -> NDArray[np.float64]:
    moments = np.empty_like(C)
    module.moments(C, moments)
    return moments


def _plain(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """A writable array in C order, as compiled code takes it."""
    return np.require(array, np.float64, ("C", "W"))


def generalization_error(
    covariance: NDArray[np.float64] | OrderParameters,
    signed_weights: NDArray[np.float64] | None = None,
    activation: str | Activation = "erf",
    teacher_activation: str | Activation | None = None,
    students: int | None = None,
) -> NDArray[np.float64]:
    """ε_g = ½ E[(Σ_a s_a g(u_a))²], label noise excluded.

    Parameters
    ----------
    covariance : OrderParameters or (..., F, F) array
        A state, which says all there is to say; or the covariance of the fields u = (λ, ρ).
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
        An activation that is not known or has no closed I2, or no number of students between 0 and F; a state and
        more than it, or a covariance without weights.
    """
    if isinstance(covariance, OrderParameters):
        if signed_weights is not None:
            msg = "generalization_error: a state has its weights already; leave signed_weights out"
            raise BadInput(msg)
        if activation not in ("erf", covariance.activation) or teacher_activation is not None:
            msg = f"generalization_error: the state is of {covariance.activation} nodes; leave the activations out"
            raise BadInput(msg)
        return np.asarray(errors_of([covariance])[0])
    if signed_weights is None:
        msg = "generalization_error: a covariance needs signed_weights (v, −A); a state needs none"
        raise BadInput(msg)
    C = np.asarray(covariance, dtype=np.float64)
    s = np.broadcast_to(signed_weights, C.shape[:-1])
    F = C.shape[-1]
    flat_C, flat_s = _plain(C.reshape(-1, F, F)), _plain(s.reshape(-1, F))
    out = np.empty(len(flat_C))
    if teacher_activation in (None, activation):
        module = _moments_module(activation)
    else:
        assert teacher_activation is not None
        module = _two_activation_module(activation, teacher_activation, integer("students", students, 0, F))
    module.many_generalization_errors(flat_C, flat_s, out)
    return out.reshape(C.shape[:-2])


@cache
def _moments_module(activation: str | Activation, other: str | Activation | None = None) -> ModuleType:
    """`moments(C, out)` for any number of fields; with one activation also `many_generalization_errors(C, s, out)`.

    With an `other` h, moments are E[g(u_a) h(u_b)].
    """

    def generate() -> str:
        from divprune_sym.codegen.compiler import compile_system
        from divprune_sym.codegen.targets import CPU
        from divprune_sym.dynamics.closing import refuse_open
        from divprune_sym.dynamics.equations import error_equations, second_moments

        # all fields count as students here: only K + M enters
        sizes: dict[str, int | str] = {"K": "C.shape[0]", "M": 0}
        g, h = resolved(activation), None if other is None else resolved(other)
        system = second_moments(two_activations=h is not None)
        refuse_open(system, g, h)
        text = CPU.preamble + compile_system(system, g, sizes, ("moments",), teacher=h).source + _MOMENTS
        if h is not None:
            return text
        return text + "\n\n" + compile_system(error_equations(), g, sizes).source + _MANY

    recipe = {"activation": described(activation), "moments": True}
    return cached_module(recipe if other is None else recipe | {"teacher": described(other)}, generate)


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
