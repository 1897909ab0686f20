"""A problem inside a file: its arrays, and the rest as JSON. An activation is a name, or a formula read back."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, NotPositiveSemidefinite, real_array
from divprune_sym.named_activations import checked_activation, resolved
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from divprune_sym.gaussian import Activation

PREFIX = "problem_"
_AXES = {"Q_classes": 3, "R_classes": 3, "T_classes": 3, "v": 1, "A": 1, "mask": 2, "fraction": 1, "variance": 1}
_ACTIVATIONS = ("activation", "teacher_activation")


def problem_arrays(problem: Problem) -> dict[str, NDArray[np.float64]]:
    """The arrays of its state, by name."""
    return {f"{PREFIX}{name}": getattr(problem.state, name) for name in _AXES}


def problem_about(problem: Problem) -> dict[str, Any]:
    """Everything else, JSON-able.

    Raises
    ------
    BadInput
        An activation of a user's own whose formula cannot be written down and read back; the message names it.
    """
    options = {f.name: getattr(problem, f.name) for f in fields(problem) if f.name not in ("state", *_ACTIVATIONS)}
    return options | {name: _written(name, getattr(problem.state, name)) for name in _ACTIVATIONS}


def problem_of(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Problem:
    """The problem that `problem_arrays` and `problem_about` were made of.

    Raises
    ------
    BadInput
        They are no problem; the message says why.
    """
    if not isinstance(about, dict):
        msg = "the problem: expected an object"
        raise BadInput(msg)
    known = {f.name for f in fields(Problem)} - {"state"}
    if about.keys() != known:
        msg = f"the problem: has {', '.join(map(repr, sorted(about)))}, expected {', '.join(sorted(known))}"
        raise BadInput(msg)
    missing = [name for name in _AXES if f"{PREFIX}{name}" not in arrays]
    if missing:
        msg = f"the problem: lacks {', '.join(missing)}"
        raise BadInput(msg)
    held: dict[str, Any] = {
        name: real_array(name, arrays[f"{PREFIX}{name}"], (None,) * axes) for name, axes in _AXES.items()
    }
    activations = {name: _read(name, about[name]) for name in _ACTIVATIONS}
    options = {name: value for name, value in about.items() if name not in _ACTIVATIONS}
    return Problem(_state(held | activations), **options)


def _state(given: dict[str, Any]) -> OrderParameters:
    try:
        return OrderParameters(**given)
    except NotPositiveSemidefinite:
        # a state that an integrator reached may miss it by the integrator's own error
        return OrderParameters.trusted(**given)


def _written(where: str, activation: str | Activation | None) -> str | dict[str, str] | None:
    if activation is None or isinstance(activation, str):
        return activation
    if _is_known(activation):
        return activation.name
    import sympy as sp

    record = {"name": activation.name, "formula": str(activation.formula(sp.Symbol("u", real=True)))}
    try:
        same = _read(where, record) == activation
    except BadInput:
        same = False
    if not same:
        msg = (
            f"{where} {activation.name!r}: {record['formula'][:200]} cannot be written to a file and read back; "
            "offer it under its name, as a plug-in (docs/add_an_activation.md)"
        )
        raise BadInput(msg)
    return record


def _is_known(activation: Activation) -> bool:
    """Whether its name leads to it, here and wherever the file is read."""
    try:
        return resolved(activation.name) == activation
    except BadInput:
        return False


def _read(where: str, value: Any) -> str | Activation | None:
    if value is None:
        return None
    if isinstance(value, str):
        return checked_activation(where, value)
    if not isinstance(value, dict) or value.keys() != {"name", "formula"}:
        msg = f"{where}: expected a name, or a name and a formula"
        raise BadInput(msg)
    if not all(isinstance(text, str) for text in value.values()):
        msg = f"{where}: expected texts"
        raise BadInput(msg)
    import sympy as sp

    from divprune_sym.formulas.expressions import Vocabulary, parse
    from divprune_sym.gaussian import Activation

    u = sp.Symbol("u", real=True)
    formula = parse(value["formula"], Vocabulary(f"{where} {value['name']!r}", {"u": u}))
    return Activation(value["name"], g=lambda x: formula.xreplace({u: x}))
