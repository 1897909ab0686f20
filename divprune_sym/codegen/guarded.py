"""Square roots that rounding must not turn into NaN, and quotients of which a node without weights makes 0/0."""

from __future__ import annotations

import sympy as sp
from sympy import Expr

# adds nothing to any variance above 1e-284
TINY = sp.Float(1e-300)


class Root(sp.Function):  # type: ignore[misc]
    """√x of an x that is zero or more, but may come out a little less: determinants of equal fields."""


def guarded(expression: Expr) -> Expr:
    """Every positive half-integer power of something that is no number, as a `Root` and a power.

    E[max(u_a, 0) max(u_b, 0)] has √(C_aa C_bb − C_ab²), which is 0 for a = b. Variances that something is divided by
    are kept from 0: where C_ii vanishes, so does all that is divided by it, and ReLU's √(C_aa C_ii − C_ai²)/C_ii is
    then 0, as the average over all directions from which C_ii → 0. Other negative powers stay: where they vanish there
    is no value to save.
    """
    expression = expression.replace(_divides, lambda power: (power.base + TINY) ** power.exp)
    return expression.replace(
        _may_vanish, lambda power: Root(power.base) * power.base ** (power.exp - sp.Rational(1, 2))
    )


def clamped(expression: Expr) -> Expr:
    """Every root of a determinant of fields as a `Root`, also where something is divided by it.

    Where fields are fully correlated, rounding decides the sign of what is 0. Nothing else is moved: a value that does
    not exist there stays a division by zero.
    """
    return expression.replace(
        _of_a_determinant,
        lambda power: Root(power.base) ** sp.sign(power.exp) * power.base ** (power.exp - sp.sign(power.exp) / 2),
    )


def _of_a_determinant(node: Expr) -> bool:
    if not (node.is_Pow and node.exp.is_Rational and node.exp.q == 2):
        return False
    return any(factor.is_Add and not factor.as_coeff_Add()[0] for factor in sp.Mul.make_args(node.base))


def _divides(node: Expr) -> bool:
    """Whether a node is a negative power of one field's variance."""
    if not (node.is_Pow and node.exp.is_number and node.exp.is_negative and isinstance(node.base, sp.Indexed)):
        return False
    row, column = node.base.indices[-2:] if len(node.base.indices) > 1 else (0, 1)
    return bool(row == column)


def _may_vanish(node: Expr) -> bool:
    if not (node.is_Pow and node.exp.is_Rational and node.exp.q == 2 and node.exp > 0):
        return False
    return not node.base.is_number and not isinstance(node.base, sp.Symbol)
