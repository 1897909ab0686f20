"""Derived results as readable Python that runs on its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from divprune_sym.checks import BadInput
from divprune_sym.codegen.compiler import compile_system
from divprune_sym.codegen.render import KNOWN, CannotPrint, Renderer
from divprune_sym.codegen.targets import PORTABLE
from divprune_sym.dynamics.equations import equations_of_motion, generalisation_error

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation, Derivation

_RATES = '''

def rates({arguments}):
    """{names} of an unpruned student: one class in which every weight learns, and white inputs."""
    K, M = R.shape
    one = np.ones(1)
    dQ, dR, dv = np.empty((1, K, K)), np.empty((1, K, M)), np.empty(K)
    equations_of_motion({call})
    return {returned}
'''


def integral_source(name: str, derived: Derivation, activation: Activation) -> str:
    """A function of the covariances, in alphabetical order."""
    arguments = sorted(str(symbol) for symbol in derived.closed_form.free_symbols)
    renderer = Renderer(PORTABLE, reserved=frozenset(arguments))
    meaning = f'"""{name} = {derived.term} for g = {activation}."""'
    try:
        renderer.returned(derived.closed_form)
    except CannotPrint as refused:
        msg = f"--format python: {name} of {activation}: {refused}"
        raise BadInput(msg) from None
    words = set(re.findall(r"\w+", "\n".join(renderer.lines)))
    used = [function for function in KNOWN if function in words]
    imports = [f"from math import {', '.join(used)}", "", ""] if used else []
    return "\n".join([*imports, f"def {name}({', '.join(arguments)}):", f"    {meaning}", *renderer.lines]) + "\n"


def error_source(activation: Activation) -> str:
    """A compiled function of the covariance of all fields and the signed weights s = (v, −A)."""
    # all fields count as students here: only K + M enters
    sizes: dict[str, int | str] = {"K": "C.shape[0]", "M": 0}
    return PORTABLE.preamble + compile_system(generalisation_error(), activation, sizes, target=PORTABLE).source


def motion_source(
    activation: Activation, second_layer: bool, classes: bool, students: int | None, teachers: int | None
) -> str:
    """A compiled function that writes the rates; without classes also `rates`, which returns them."""
    sizes: dict[str, int | str] = {
        "K": students or "v.shape[0]",
        "M": teachers or "A.shape[0]",
        "classes": "mask.shape[0]" if classes else 1,
    }
    outputs = ("dQ", "dR", "dv") if second_layer else ("dQ", "dR")
    function = compile_system(equations_of_motion(second_layer), activation, sizes, outputs, PORTABLE)
    source = PORTABLE.preamble + function.source
    return source if classes else source + _unpruned_rates(function.arguments, outputs)


def _unpruned_rates(arguments: tuple[str, ...], outputs: tuple[str, ...]) -> str:
    one_class = {name: f"{name}[None]" for name in ("Q", "R", "T")}
    one_class |= {"mask": "np.ones((1, K))", "fraction": "one", "variance": "one"}
    given = [name for name in arguments if name not in (*outputs, "mask", "fraction", "variance")]
    returned = ", ".join("dv" if name == "dv" else f"{name}[0]" for name in outputs)
    source = _RATES.format(
        arguments=", ".join(given),
        call=", ".join(one_class.get(name, name) for name in arguments),
        returned=returned,
        names=", ".join(outputs),
    )
    return source if "dv" in outputs else source.replace(", dv =", " =").replace(", np.empty(K)\n", "\n")
