"""Generated modules: the right-hand side of a problem."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.codegen.cache import cached_module, cached_text
from divprune_sym.codegen.expressions import FLOAT, LANES
from divprune_sym.codegen.targets import BATCH, CPU, filled, hole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.codegen.compiler import Function
    from divprune_sym.codegen.form import Routine
    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers.equations import Equations

# y holds Q, R (class by class) and v, where v learns; p what does not move, as `flat_parameters` puts it together
UNPACKED = """    classes = (len(p) - {K} - {M} - 4) // ({M} * {M} + {K} + 2)
    eta, eta_v, sigma, weight_decay = p[0], p[1], p[2], p[3]
    A, v = view(p, 4, ({M},)), view(p, 4 + {M}, ({K},))
    fraction, variance = view(p, 4 + {M} + {K}, (classes,)), view(p, 4 + {M} + {K} + classes, (classes,))
    mask = view(p, 4 + {M} + {K} + 2 * classes, (classes, {K}))
    T = view(p, 4 + {M} + {K} + (2 + {K}) * classes, (classes, {M}, {M}))
    q, r = classes * {K} * {K}, classes * {K} * ({K} + {M})
"""
_GLUE = """

@entry
def rhs(y, dydt, p):
{unpacked}    Q, R = view(y, 0, (classes, {K}, {K})), view(y, q, (classes, {K}, {M}))
    dQ, dR = view(dydt, 0, (classes, {K}, {K})), view(dydt, q, (classes, {K}, {M}))
    {call}
"""


def unpacked(K: int | str, M: int | str) -> str:
    """The lines that read flat parameters."""
    return UNPACKED.format(K=K, M=M)


def flat_parameters(state: OrderParameters, rates: Sequence[float]) -> NDArray[np.float64]:
    """What a generated right-hand side reads besides the moving state: eta, eta_v, sigma, weight_decay; A, v, …."""
    x = state
    parts = (rates, x.A, x.v, x.fraction, x.variance, x.mask.ravel(), x.T_classes.ravel())
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


# where the second layer is found while it moves
_IN_STATE = {"v": "view(y, r, (K,))", "dv": "view(dydt, r, (K,))"}


@cache
def problem_module(equations: Equations, K: int, M: int, target: str = "cpu") -> ModuleType:
    """The compiled equations of motion for K student and M teacher nodes (any number of classes).

    `rhs(y, dydt, p)` computes them.
    """

    recipe = {**equations.recipe(), "target": target}

    def generate() -> str:
        text = cached_text(recipe, lambda: _text(equations, target))
        return filled(text, {"K": K, "M": M})

    return cached_module({**recipe, "K": K, "M": M}, generate)


@cache
def address_of_equations(equations: Equations, K: int, M: int, target: str = "cpu") -> int:
    """Where the loops that step in time call them, compiled when first asked for."""
    flat = (LANES if target == "batch" else FLOAT, 1)
    return int(problem_module(equations, K, M, target).rhs.address(flat, flat, flat))


def _text(equations: Equations, target: str) -> str:
    """The text of `problem_module`, with holes for the sizes."""
    # SymPy is needed only here
    from divprune_sym.codegen.compiler import compile_system
    from divprune_sym.dynamics.equations import equations_of_motion

    rule, g, h = equations.derived()
    K, M = hole("K"), hole("M")
    sizes: dict[str, int | str] = {"K": K, "M": M, "classes": "mask.shape[0]"}
    outputs = ("dQ", "dR", "dv") if equations.second_layer else ("dQ", "dR")
    chosen = {"cpu": CPU, "batch": BATCH}[target]
    function = compile_system(equations_of_motion(rule), g, sizes, outputs, chosen, h)
    call = called(function, {name: where.replace("K", K) for name, where in _IN_STATE.items()})
    return chosen.preamble + function.source + _GLUE.format(K=K, M=M, unpacked=unpacked(K, M), call=call)


def called(function: Function | Routine, in_state: Mapping[str, str]) -> str:
    """The call of a generated function as text; the second layer is found in flat arrays while it moves."""
    moves = any(name in function.arguments for name in ("dv", "dv_dot"))
    arguments = [in_state.get(name, name) if moves else name for name in function.arguments]
    return f"{function.name}({', '.join(arguments)})"
