"""One derived result, and the four forms it can be shown in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sympy as sp

from divprune_sym.derive import equations
from divprune_sym.derive.python_source import error_source, integral_source, motion_source
from divprune_sym.dynamics.closing import integrals_of, refuse_open
from divprune_sym.dynamics.equations import equations_of_motion, error_equations
from divprune_sym.dynamics.integrals import derivation_of
from divprune_sym.dynamics.latex import aligned, environment, latex
from divprune_sym.dynamics.update import SGD, UpdateRule
from divprune_sym.gaussian import NoClosedForm, integral
from divprune_sym.ground.checks import BadInput, integer

if TYPE_CHECKING:
    from divprune_sym.derive.equations import Equation
    from divprune_sym.gaussian import Activation, Derivation, Step

LARGEST_SIZE = 1000

_FIELD_SUMS = "sums over a, b: all K + M fields, students first"
_CLASS_SUMS = "; over c: mask classes"


def derived_integral(
    name: str, activation: Activation, form: str, steps: bool = False, teacher: Activation | None = None
) -> str:
    """I2, I3, I4 or J2 in closed form, as text, latex, python or json; with every step if asked.

    Parameters
    ----------
    name : str
        As for `gaussian.integral`.
    activation : Activation
        g.
    form : {"text", "latex", "python", "json"}
    steps : bool
        Whether every step of the derivation is told.
    teacher : Activation, optional
        h of the last field.

    Raises
    ------
    BadInput
        There is no closed form; the message names the factor that stops the rules.
    """
    derived = _derived(name, activation, teacher)
    if form == "python":
        return _with_comments(derived, steps) + integral_source(name, derived, activation)
    if form == "json":
        return json.dumps(_integral_record(name, derived, activation, steps), ensure_ascii=False)
    if form == "latex":
        return _integral_latex(name, derived, steps)
    heading = [_activation_line(activation, teacher), *_numbered(derived, steps)]
    return "\n".join([*heading, f"{name} = {derived.term}", f"{' ' * len(name)} = {derived.closed_form}"])


def derived_equations(
    target: str,
    activation: Activation,
    form: str,
    *,
    classes: bool = True,
    rule: UpdateRule = SGD,
    teacher: Activation | None = None,
    steps: bool = False,
    students: int | None = None,
    teachers: int | None = None,
) -> str:
    """The equations of motion, or the generalization error, as text, latex, python or json.

    Parameters
    ----------
    target : {"equations", "error"}
        Which of the two.
    activation : Activation
        The function g.
    form : {"text", "latex", "python", "json"}
        The form.
    classes : bool
        For any mask, or of an unpruned student with white inputs.
    rule : UpdateRule
        What of the update takes place; two activations if `teacher` is given.
    teacher : Activation, optional
        h, that of the teacher's nodes, where it is another.
    steps : bool
        Also derive every integral step by step.
    students, teachers : int, optional
        Sizes to freeze into Python code.

    Raises
    ------
    BadInput
        An integral has no closed form, or a size is no size.
    """
    for name, size in (("--students", students), ("--teachers", teachers)):
        if size is not None:
            integer(name, size, 1, LARGEST_SIZE)
    rule = replace(rule, two_activations=teacher is not None)
    system = error_equations(rule.two_activations) if target == "error" else equations_of_motion(rule)
    refuse_open(system, activation, teacher)
    derivations = {name: derivation_of(name, activation, teacher or activation) for name in integrals_of(system)}
    if form == "python":
        comments = "".join(_with_comments(derived, steps) for derived in derivations.values())
        if target == "error":
            return comments + error_source(activation, teacher)
        return comments + motion_source(activation, rule, classes, students, teachers, teacher)
    if target == "error":
        found = equations.error(activation, teacher)
    else:
        found = equations.motion(activation, rule, classes, teacher)
    sums = _FIELD_SUMS + (_CLASS_SUMS if classes and target == "equations" else "")
    if form == "json":
        record = {
            "target": target,
            "activation": activation.name,
            "g": str(_g(activation)),
            **({} if teacher is None else {"teacher_activation": teacher.name, "h": str(_g(teacher))}),
            "equations": [_equation_record(equation) for equation in found],
            "integrals": [_integral_record(name, d, activation, steps) for name, d in derivations.items()],
        }
        return json.dumps(record, ensure_ascii=False)
    if form == "latex":
        shown = [_steps_latex(derived) for derived in derivations.values()] if steps else []
        return "\n".join([f"% {sums}", *shown, aligned((e.lhs, e.rhs) for e in found)])
    lines = [line for derived in derivations.values() for line in _numbered(derived, steps)]
    limit = ["limit of a small learning rate: terms in η² are left out"] if rule.small_eta else []
    return "\n".join([_activation_line(activation, teacher), sums, *limit, *lines, *map(_line, found)])


def _derived(name: str, activation: Activation, teacher: Activation | None = None) -> Derivation:
    try:
        return integral(name, activation, teacher)
    except NoClosedForm as refused:
        raise BadInput(str(refused)) from None


def _g(activation: Activation) -> sp.Expr:
    return activation.g(sp.Symbol("u", real=True))


def _activation_line(activation: Activation, teacher: Activation | None = None) -> str:
    other = "" if teacher is None else f", h(u) = {_g(teacher)} of the teacher"
    return f"g(u) = {_g(activation)}{other}, C_ab = E[u_a u_b]"


def _line(equation: Equation) -> str:
    return f"{equation}   # {equation.meaning}" if equation.meaning else str(equation)


def _numbered(derived: Derivation, steps: bool) -> list[str]:
    return [f"{n}. {step}" for n, step in enumerate(derived.steps, 1)] if steps else []


def _with_comments(derived: Derivation, steps: bool) -> str:
    return "".join(f"# {line}\n" for line in _numbered(derived, steps))


def _integral_latex(name: str, derived: Derivation, steps: bool) -> str:
    result = rf"{name[0]}_{{{name[1]}}} = {derived.term.latex()} = {latex(derived.closed_form)}"
    return "\n".join([*([_steps_latex(derived)] if steps else []), environment("equation*", [result])])


def _steps_latex(derived: Derivation) -> str:
    return environment("gather*", [_step_latex(step) for step in derived.steps])


def _step_latex(step: Step) -> str:
    conditions = ",\\; ".join(latex(condition) for condition in step.conditions)
    given = rf" \qquad \left[{conditions}\right]" if conditions else ""
    return rf"\text{{{step.rule}:}}\quad {step.latex()}{given}"


def _equation_record(equation: Equation) -> dict[str, str]:
    return {
        "lhs": str(equation.lhs),
        "rhs": str(equation.rhs),
        "latex": f"{latex(equation.lhs)} = {latex(equation.rhs)}",
        "meaning": equation.meaning,
    }


def _integral_record(name: str, derived: Derivation, activation: Activation, steps: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": name,
        "activation": activation.name,
        "definition": str(derived.term),
        "closed_form": str(derived.closed_form),
        "latex": latex(derived.closed_form),
    }
    return record | ({"steps": [_step_record(step) for step in derived.steps]} if steps else {})


def _step_record(step: Step) -> dict[str, Any]:
    return {
        "rule": step.rule,
        "before": str(step.before),
        "after": " + ".join(map(str, step.after)) or "0",
        "conditions": [str(condition) for condition in step.conditions],
        "latex": step.latex(),
    }
