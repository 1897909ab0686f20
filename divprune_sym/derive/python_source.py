"""Derived results as readable Python that runs on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from divprune_sym.codegen.arithmetic import KNOWN, CannotPrint
from divprune_sym.codegen.compiler import compile_system
from divprune_sym.codegen.form import used
from divprune_sym.codegen.guarded import clamped
from divprune_sym.codegen.scalar import scalar_routine
from divprune_sym.codegen.targets import PORTABLE, PORTABLE_ASIN
from divprune_sym.codegen.text import printed
from divprune_sym.dynamics.equations import equations_of_motion, error_equations
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from divprune_sym.dynamics.update import UpdateRule
    from divprune_sym.gaussian import Activation, Derivation

_RATES = '''

def rates({arguments}):
    """{outputs} of an unpruned student: one class in which every weight learns, and white inputs."""
    K, M = R.shape
    one = np.ones(1)
    {outputs} = {empty}
    equations_of_motion({call})
    return {returned}
'''


def integral_source(name: str, derived: Derivation, activation: Activation) -> str:
    """A function of the covariances, in alphabetical order."""
    meaning = f"{name} = {derived.term} for g = {activation}."
    try:
        routine = scalar_routine(name, clamped(derived.closed_form), meaning, PORTABLE)
    except CannotPrint as refused:
        msg = f"--format python: {name} of {activation}: {refused}"
        raise BadInput(msg) from None
    needed = [function for function in KNOWN if function in used(routine.body)]
    plain = ", ".join(function for function in needed if function != "asin")
    imports = ["import math"] * ("asin" in needed) + [f"from math import {plain}"] * bool(plain)
    sections = ["\n".join(imports), PORTABLE_ASIN.strip() if "asin" in needed else "", printed(routine, PORTABLE, "")]
    return "\n\n\n".join(filter(None, sections))


def error_source(activation: Activation, teacher: Activation | None = None) -> str:
    """A compiled function of the covariance of all fields and the signed weights s = (v, −A)."""
    if teacher is None:
        # all fields count as students here: only K + M enters
        sizes: dict[str, int | str] = {"K": "C.shape[0]", "M": 0}
        return PORTABLE.preamble + compile_system(error_equations(), activation, sizes, target=PORTABLE).source
    sizes = {"K": "students", "M": "C.shape[0] - students"}
    function = compile_system(error_equations(True), activation, sizes, target=PORTABLE, teacher=teacher)
    return PORTABLE.preamble + function.source.replace("(C, s):", "(C, s, students):", 1)


def motion_source(
    activation: Activation,
    rule: UpdateRule,
    classes: bool,
    students: int | None,
    teachers: int | None,
    teacher: Activation | None = None,
) -> str:
    """A compiled function that writes the rates; without classes also `rates`, which returns them."""
    sizes: dict[str, int | str] = {
        "K": students or "v.shape[0]",
        "M": teachers or "A.shape[0]",
        "classes": "mask.shape[0]" if classes else 1,
    }
    outputs = (*(("dQ", "dR") if rule.first_layer else ()), *(("dv",) if rule.second_layer else ()))
    try:
        function = compile_system(equations_of_motion(rule), activation, sizes, outputs, PORTABLE, teacher)
    except CannotPrint as refused:
        msg = f"--format python: equations of {activation}: {refused}"
        raise BadInput(msg) from None
    source = PORTABLE.preamble + function.source
    return source if classes else source + _unpruned_rates(function.arguments, outputs)


def _unpruned_rates(arguments: tuple[str, ...], outputs: tuple[str, ...]) -> str:
    one_class = {name: f"{name}[None]" for name in ("Q", "R", "T")}
    one_class |= {"mask": "np.ones((1, K))", "fraction": "one", "variance": "one"}
    given = [name for name in arguments if name not in (*outputs, "mask", "fraction", "variance")]
    empty = {"dQ": "np.empty((1, K, K))", "dR": "np.empty((1, K, M))", "dv": "np.empty(K)"}
    return _RATES.format(
        arguments=", ".join(given),
        call=", ".join(one_class.get(name, name) for name in arguments),
        outputs=", ".join(outputs),
        empty=", ".join(empty[name] for name in outputs),
        returned=", ".join("dv" if name == "dv" else f"{name}[0]" for name in outputs),
    )
