"""The derivative of a system of assignments, taken in SymPy on the indexed sums themselves.

If a system computes y = F(x), its tangent computes ẏ = F'(x) ẋ for any direction ẋ: the chain rule, assignment by
assignment, with the closed forms of the integrals differentiated in every covariance they read. Sizes stay
symbolic, so the compiler turns the tangent into loops as it does the system; the tangents of the unit directions
are the columns of the Jacobian.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.equations import Assignment, System, equations_of_motion
from divprune_sym.dynamics.integrals import FORMAL, expand_integrals
from divprune_sym.dynamics.symbols import D_Q, D_R, D_V, C, Q, R, V, X
from divprune_sym.dynamics.update import SGD, UpdateRule

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation

    Velocities = dict[sp.IndexedBase, sp.IndexedBase]


def dot(array: sp.IndexedBase) -> sp.IndexedBase:
    """The array that holds the derivative of an array."""
    return sp.IndexedBase(f"{array.label}_dot", shape=array.shape, real=True)


@cache
def tangent_of_motion(activation: Activation, rule: UpdateRule = SGD, teacher: Activation | None = None) -> System:
    """The derivative of the equations of motion in Q, R and v, or those of them that move.

    Assigns dQ_dot, dR_dot and dv_dot from the state, the parameters and a direction Q_dot, R_dot, v_dot.
    """
    return tangent(equations_of_motion(rule), *moving(rule), activation, teacher)


def moving(rule: UpdateRule) -> tuple[tuple[sp.IndexedBase, ...], tuple[sp.IndexedBase, ...]]:
    """What of Q, R and v moves, and its rates."""
    first, second = (
        ((Q, R), (D_Q, D_R)) if rule.first_layer else ((), ()),
        ((V,), (D_V,)) if rule.second_layer else ((), ()),
    )
    return (*first[0], *second[0]), (*first[1], *second[1])


def tangent(
    system: System,
    variables: tuple[sp.IndexedBase, ...],
    results: tuple[sp.IndexedBase, ...],
    activation: Activation,
    teacher: Activation | None = None,
) -> System:
    """The derivatives of `results` along a direction of the variables, and the values they need."""
    dots = {array: dot(array) for array in variables}
    blocks: dict[sp.IndexedBase, list[Assignment]] = {}
    for assignment in system.assignments:
        blocks.setdefault(assignment.lhs.base, []).append(assignment)
    assignments: list[Assignment] = []
    for base, block in blocks.items():
        slopes = [derivative(assignment.rhs, dots, activation, teacher) for assignment in block]
        assignments += block
        if any(slope != 0 for slope in slopes):
            dots[base] = dot(base)
            if dots[base] in blocks:  # the system is a tangent itself, and this the derivative it has already
                continue
            # a part of the array that stays put is filled with zeros
            assignments += [
                Assignment(dots[base][x.lhs.indices], slope, x.symmetric)
                for x, slope in zip(block, slopes, strict=True)
            ]
    kept = needed(assignments, {dots[array] for array in results})
    return System(f"tangent_of_{system.name}", kept, f"derivative of: {system.source}")


def derivative(expression: Expr, dots: Velocities, activation: Activation, teacher: Activation | None = None) -> Expr:
    """d/dt of an expression in which each array of `dots` moves with the velocity given for it."""
    if isinstance(expression, sp.Sum):
        body = derivative(expression.function, dots, activation, teacher)
        return sp.Sum(body, *expression.limits) if body != 0 else body
    # SymPy differentiates C[i, a] by C[i, k] to a Kronecker delta; the chain rule counts that term by itself
    names = {leaf: sp.Dummy(real=True) for leaf in _leaves(expression)}
    leaves = {name: leaf for leaf, name in names.items()}
    plain = expression.xreplace(names)
    slopes = {leaf: sp.diff(plain, name).xreplace(leaves) for leaf, name in names.items()}
    return sp.Add(*[slope * _velocity(leaf, dots, activation, teacher) for leaf, slope in slopes.items()])


def _leaves(expression: Expr) -> list[Expr]:
    """Sums, formal integrals and array entries, the outermost of each nest, once each and in a fixed order."""
    if isinstance(expression, (sp.Sum, sp.Indexed, *FORMAL.values())):
        return [expression]
    return list(dict.fromkeys(leaf for arg in expression.args for leaf in _leaves(arg)))


def _velocity(leaf: Expr, dots: Velocities, activation: Activation, teacher: Activation | None) -> Expr:
    if isinstance(leaf, sp.Indexed):
        return dots[leaf.base][leaf.indices] if leaf.base in dots else sp.Integer(0)
    inside = leaf if isinstance(leaf, sp.Sum) else expand_integrals(leaf, activation, teacher)
    return derivative(inside, dots, activation, teacher)


def needed(assignments: list[Assignment], results: set[sp.IndexedBase]) -> tuple[Assignment, ...]:
    """Without the assignments that no result reads; C and X stay, formal integrals read them without naming them."""
    wanted = results | {C, X}
    kept: list[Assignment] = []
    for assignment in reversed(assignments):
        if assignment.lhs.base in wanted:
            kept.append(assignment)
            wanted |= assignment.rhs.atoms(sp.IndexedBase)
    return tuple(reversed(kept))
