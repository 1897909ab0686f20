"""The indexed equations in the order a person reads them, with their integrals in closed form; unpruned if asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.closing import integrals_of
from divprune_sym.dynamics.equations import System, equations_of_motion, error_equations, signed_weights
from divprune_sym.dynamics.integrals import FORMAL, WITH_LINEAR_FIELD, expand_integrals
from divprune_sym.dynamics.symbols import (
    D_Q,
    D_R,
    D_V,
    DRIFT,
    FRACTION,
    MASK,
    PULL,
    SPREAD,
    VARIANCE,
    C,
    K,
    Q,
    R,
    T,
    X,
    a,
    b,
    c,
    i,
    k,
    l,
    n,
    p,
)
from divprune_sym.dynamics.update import UpdateRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from divprune_sym.gaussian import Activation

MEANING = {
    D_Q: "the rate of change of Q in time α = updates/N",
    D_R: "the rate of change of R",
    D_V: "the rate of change of v",
    DRIFT: "E[g'(λ_i) Δ u_b], where u_b is the part of the field that class c carries",
    SPREAD: "E[g'(λ_i) g'(λ_k) Δ²]",
    PULL: "E[g(λ_i) Δ]",
    X: "overlaps carried by class c, of students and teachers in one matrix",
    C: "covariance of all fields u = (λ, ρ)",
}
_UNPRUNED_MEANING = MEANING | {DRIFT: "E[g'(λ_i) Δ u_b]", X: MEANING[C]}
_RATES, _AVERAGES = (D_Q, D_R, D_V), (DRIFT, SPREAD, PULL)
# a field of a student stands for one with g, a field of a teacher for one with h
_FREE = {
    "J2": (i, k),
    "I2": (a, b),
    "I2_GH": (l, K + n),
    "I2_HH": (K + n, K + p),
    "I3": (i, c, b, a),
    "I3_H": (i, c, b, K + n),
    "I4": (i, k, a, b),
    "I4_GH": (i, k, l, K + n),
    "I4_HH": (i, k, K + n, K + p),
}
# arrays that lose their first index, and those that become 1, where there is one class only
_CLASSWISE = (D_Q, D_R, Q, R, T, DRIFT)
_TRIVIAL = (MASK, FRACTION, VARIANCE)


@dataclass(frozen=True)
class Equation:
    """lhs = rhs for all values of the free indices, and what the left-hand side means, if that needs saying."""

    lhs: Expr
    rhs: Expr
    meaning: str = ""

    def __str__(self) -> str:
        return f"{self.lhs} = {self.rhs}"


def motion(
    activation: Activation, rule: UpdateRule, classes: bool, teacher: Activation | None = None
) -> list[Equation]:
    """Rates first, then the averages in them, the covariance, and the integrals in closed form."""
    system = equations_of_motion(rule)
    meaning = MEANING if classes else _UNPRUNED_MEANING
    rates, averages = (_of(system, arrays, meaning) for arrays in (_RATES, _AVERAGES))
    rates = [Equation(e.lhs, _as_overlaps(e.rhs), e.meaning) for e in rates]
    rest = _of(system, (X, C) if classes else (X,), meaning)
    weights = [Equation(x.lhs, x.rhs) for x in signed_weights()]
    found = [*rates, *averages, *weights, *rest, *_closed_forms(system, activation, teacher)]
    return found if classes else [Equation(_unpruned(e.lhs), _unpruned(e.rhs), e.meaning) for e in found]


def error(activation: Activation, teacher: Activation | None = None) -> list[Equation]:
    """The generalization error, the signed weights in it, and I2 in closed form."""
    system = error_equations(teacher is not None)
    first = [Equation(x.lhs, x.rhs, "label noise excluded") for x in system.assignments]
    weights = [Equation(x.lhs, x.rhs) for x in signed_weights()]
    return [*first, *weights, *_closed_forms(system, activation, teacher)]


def _of(system: System, arrays: tuple[sp.IndexedBase, ...], meanings: Mapping[sp.IndexedBase, str]) -> list[Equation]:
    """The assignments to some arrays, in the order of those; the meaning is said once for each array."""
    found = []
    for array in arrays:
        meaning = meanings[array]
        for x in system.assignments:
            if isinstance(x.lhs, sp.Indexed) and x.lhs.base == array:
                found.append(Equation(x.lhs, x.rhs, meaning))
                meaning = ""
    return found


def _closed_forms(system: System, activation: Activation, teacher: Activation | None) -> list[Equation]:
    calls = [FORMAL[name](*_FREE[name]) for name in integrals_of(system)]
    return [Equation(call, expand_integrals(call, activation, teacher)) for call in calls]


def _as_overlaps(rate: Expr) -> Expr:
    """Q and R in place of the matrix X that joins them."""
    return rate.xreplace({X[c, i, k]: Q[c, i, k], X[c, i, K + n]: R[c, i, n]})


def _unpruned(expression: Expr) -> Expr:
    """The one class of an unpruned student with white inputs: m = f = ω = 1, and X is the covariance."""

    def plain(entry: sp.Indexed) -> Expr:
        if entry.base in _TRIVIAL:
            return sp.Integer(1)
        if entry.base == X:
            return C[tuple(sorted(entry.indices[1:], key=sp.default_sort_key))]
        if entry.base not in _CLASSWISE:
            return entry
        return sp.IndexedBase(entry.base.label, shape=entry.base.shape[1:], real=True)[entry.indices[1:]]

    replaced = {entry: plain(entry) for entry in expression.atoms(sp.Indexed)}
    if isinstance(expression, sp.Indexed):
        # sorting would turn C[K + n, i] around; the left-hand side names an entry as it is
        replaced[expression] = C[expression.indices[1:]] if expression.base == X else plain(expression)
    # without classes there is one index less
    linear = expression.atoms(*WITH_LINEAR_FIELD)
    drop = {call: sp.Function(call.func.__name__)(call.args[0], *call.args[2:]) for call in linear}
    return expression.xreplace(drop).xreplace(replaced)
