"""Pass 1: sums over half the range where the summand is symmetric, and factors moved out of sums."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.equations import Assignment
from divprune_sym.dynamics.integrals import I2
from divprune_sym.dynamics.symbols import FIELDS, K, a, i, k, n

if TYPE_CHECKING:
    from collections.abc import Sequence

# I2 between students and all fields
_MOMENTS = sp.IndexedBase("moments_ia", shape=(K, FIELDS), real=True)


class HalfSum(sp.Expr):  # type: ignore[misc]
    """Σ_{a,b} of a body symmetric in (a, b), to be run as Σ_a (body(a, a) + 2 Σ_{b<a} body(a, b))."""

    def __new__(cls, body: Expr, a: sp.Idx, b: sp.Idx) -> HalfSum:
        """Hold the body and its two indices."""
        made: HalfSum = sp.Expr.__new__(cls, body, a, b)
        return made


def bound_indices(expression: Expr) -> tuple[sp.Idx, ...]:
    """The indices a Sum or HalfSum runs over; none for anything else."""
    if isinstance(expression, HalfSum):
        return tuple(expression.args[1:])
    if isinstance(expression, sp.Sum):
        return tuple(limit[0] for limit in expression.limits)
    return ()


def free_indices(expression: Expr) -> frozenset[sp.Idx]:
    """The indices an expression still depends on."""
    if isinstance(expression, sp.Idx):
        return frozenset([expression])
    args = expression.args[:1] if bound_indices(expression) else expression.args
    found = frozenset().union(*[free_indices(arg) for arg in args])
    return found - frozenset(bound_indices(expression))


def halve(expression: Expr) -> Expr:
    """Turn every double sum whose body is symmetric in its two indices into a HalfSum.

    The symmetry is read off the formal integrals, before their closed forms hide it.
    """
    if isinstance(expression, sp.Sum) and len(expression.limits) == 2:
        (a, *range_a), (b, *range_b) = expression.limits
        body = expression.function
        if range_a == range_b and body.xreplace({a: b, b: a}).doit() == body:
            return HalfSum(body, a, b)
    if not expression.args:
        return expression
    return expression.func(*[halve(arg) for arg in expression.args])


def factor_out(expression: Expr) -> Expr:
    """Split sums over their terms and move every factor that does not depend on the index outside."""
    if isinstance(expression, (sp.Indexed, sp.Idx)) or not expression.args:
        return expression
    bound = bound_indices(expression)
    if not bound:
        return expression.func(*[factor_out(arg) for arg in expression.args])
    body = factor_out(expression.args[0])
    terms = sp.Add.make_args(sp.expand_mul(body, deep=False))
    return sp.Add(*[_moved_out(term, expression) for term in terms])


def _moved_out(term: Expr, summation: Expr) -> Expr:
    bound = frozenset(bound_indices(summation))
    inside: list[Expr] = []
    outside: list[Expr] = []
    for factor in sp.Mul.make_args(term):
        (inside if free_indices(factor) & bound else outside).append(factor)
    return sp.Mul(*outside) * summation.func(sp.Mul(*inside), *summation.args[1:])


def share_moments(assignments: Sequence[Assignment]) -> list[Assignment]:
    """Integrals I2(i, a) of a student and all fields become entries of one array, whose square half is symmetric."""
    made: list[Assignment] = []
    for assignment in assignments:
        if assignment.rhs.has(I2(i, a)) and free_indices(assignment.lhs) == {i}:
            if not made or not any(x.lhs.base == _MOMENTS for x in made if isinstance(x.lhs, sp.Indexed)):
                made.append(Assignment(_MOMENTS[i, k], I2(i, k), symmetric=True))
                made.append(Assignment(_MOMENTS[i, K + n], I2(i, K + n)))
            made.append(replace(assignment, rhs=assignment.rhs.xreplace({I2(i, a): _MOMENTS[i, a]})))
        else:
            made.append(assignment)
    return made
