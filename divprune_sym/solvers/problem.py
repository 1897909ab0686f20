"""A problem's generated module: right-hand side, generalisation error and the loop that integrates them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divprune_sym.codegen.cache import cached_module

if TYPE_CHECKING:
    from types import ModuleType

# y holds Q, R (class by class) and v, where v learns
_GLUE = """

@jit
def rhs(y, dydt, p):
    T, A, mask, fraction, variance, v, eta, eta_v, sigma, weight_decay = p
    classes, K, M = mask.shape[0], {K}, {M}
    q, r = classes * K * K, classes * K * (K + M)
    Q, R = y[:q].reshape((classes, K, K)), y[q:r].reshape((classes, K, M))
    dQ, dR = dydt[:q].reshape((classes, K, K)), dydt[q:r].reshape((classes, K, M))
    {call}


"""

_COPIED_FROM = "# --- copied into every generated module from here on"
_BOTH_LAYERS = (
    "equations_of_motion(Q, R, T, y[r:], A, mask, fraction, variance, eta, eta_v, sigma, weight_decay,"
    " dQ, dR, dydt[r:])"
)
_FIRST_LAYER = "equations_of_motion(Q, R, T, v, A, mask, fraction, variance, eta, sigma, weight_decay, dQ, dR)"


def _stepping() -> str:
    """The time-stepping kernels as text."""
    text = (Path(__file__).parent / "_kernels.py").read_text(encoding="utf-8")
    return text.split(_COPIED_FROM, 1)[1].split("\n", 1)[1]


@cache
def problem_module(activation: str, K: int, M: int, second_layer: bool) -> ModuleType:
    """The compiled equations of motion for K student and M teacher nodes (any number of classes)."""
    recipe: dict[str, Any] = {"activation": activation, "K": K, "M": M, "second_layer": second_layer}

    def generate() -> str:
        # SymPy is needed only here
        from divprune_sym.codegen.compiler import PREAMBLE, compile_system
        from divprune_sym.dynamics.equations import equations_of_motion
        from divprune_sym.gaussian import ACTIVATIONS

        sizes: dict[str, int | str] = {"K": K, "M": M, "classes": "mask.shape[0]"}
        outputs = ("dQ", "dR", "dv") if second_layer else ("dQ", "dR")
        system = equations_of_motion(second_layer)
        function = compile_system(system, ACTIVATIONS[activation], sizes, outputs)
        glue = _GLUE.format(K=K, M=M, call=_BOTH_LAYERS if second_layer else _FIRST_LAYER)
        return PREAMBLE + function.source + glue + _stepping()

    return cached_module(recipe, generate)
