"""A problem's generated module: right-hand side, generalisation error and the loop that integrates them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.codegen.cache import cached_module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters

# y holds Q, R (class by class) and v, where v learns; p what does not move, as `flat_parameters` puts it together
UNPACKED = """    classes = (len(p) - {K} - {M} - 4) // ({M} * {M} + {K} + 2)
    eta, eta_v, sigma, weight_decay = p[0], p[1], p[2], p[3]
    A, v = view(p, 4, ({M},)), view(p, {4M}, ({K},))
    fraction, variance = view(p, {4M} + {K}, (classes,)), view(p, {4M} + {K} + classes, (classes,))
    mask = view(p, {4M} + {K} + 2 * classes, (classes, {K}))
    T = view(p, {4M} + {K} + (2 + {K}) * classes, (classes, {M}, {M}))
    q, r = classes * {KK}, classes * {KKM}
"""
_GLUE = """

@jit
def rhs(y, dydt, p):
{unpacked}    Q, R = view(y, 0, (classes, {K}, {K})), view(y, q, (classes, {K}, {M}))
    dQ, dR = view(dydt, 0, (classes, {K}, {K})), view(dydt, q, (classes, {K}, {M}))
    {call}


"""


def unpacked(K: int, M: int) -> str:
    """The lines that read flat parameters."""
    lines = UNPACKED
    for name, value in {"K": K, "M": M, "4M": 4 + M, "KK": K * K, "KKM": K * (K + M)}.items():
        lines = lines.replace(f"{{{name}}}", str(value))
    return lines


def flat_parameters(state: OrderParameters, rates: Sequence[float]) -> NDArray[np.float64]:
    """What a generated right-hand side reads besides the moving state: eta, eta_v, sigma, weight_decay; A, v, …."""
    x = state
    parts = (rates, x.A, x.v, x.fraction, x.variance, x.mask.ravel(), x.T_classes.ravel())
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


_COPIED_FROM = "# --- copied into every generated module from here on"
_BOTH_LAYERS = (
    "equations_of_motion(Q, R, T, view(y, r, ({K},)), A, mask, fraction, variance, eta, eta_v, sigma, weight_decay,"
    " dQ, dR, view(dydt, r, ({K},)))"
)
_FIRST_LAYER = "equations_of_motion(Q, R, T, v, A, mask, fraction, variance, eta, sigma, weight_decay, dQ, dR)"


def _stepping() -> str:
    """The time-stepping kernels as text."""
    text = (Path(__file__).parent / "_kernels.py").read_text(encoding="utf-8")
    return text.split(_COPIED_FROM, 1)[1].split("\n", 1)[1]


@cache
def problem_module(activation: str, K: int, M: int, second_layer: bool, target: str = "cpu") -> ModuleType:
    """The compiled equations of motion for K student and M teacher nodes (any number of classes)."""
    recipe: dict[str, Any] = {"activation": activation, "K": K, "M": M, "second_layer": second_layer, "target": target}

    def generate() -> str:
        # SymPy is needed only here
        from divprune_sym.codegen.compiler import compile_system
        from divprune_sym.codegen.targets import BATCH, CPU
        from divprune_sym.dynamics.equations import equations_of_motion
        from divprune_sym.gaussian import ACTIVATIONS

        chosen = {"cpu": CPU, "batch": BATCH}[target]
        sizes: dict[str, int | str] = {"K": K, "M": M, "classes": "mask.shape[0]"}
        outputs = ("dQ", "dR", "dv") if second_layer else ("dQ", "dR")
        system = equations_of_motion(second_layer)
        function = compile_system(system, ACTIVATIONS[activation], sizes, outputs, chosen)
        call = (_BOTH_LAYERS if second_layer else _FIRST_LAYER).format(K=K)
        glue = _GLUE.format(K=K, M=M, unpacked=unpacked(K, M), call=call)
        return chosen.preamble + function.source + glue + _stepping()

    return cached_module(recipe, generate)
