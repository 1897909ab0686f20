"""Square roots that rounding must not turn into NaN."""

from __future__ import annotations

import sympy as sp
from sympy import Expr


class Root(sp.Function):  # type: ignore[misc]
    """√x of an x that is zero or more, but may come out a little less: determinants of equal fields."""


def guarded(expression: Expr) -> Expr:
    """Every positive half-integer power of something that is no number, as a `Root` and a power.

    E[max(u_a, 0) max(u_b, 0)] has √(C_aa C_bb − C_ab²), which is 0 for a = b. Negative powers stay: where they
    vanish there is no value to save.
    """
    return expression.replace(
        _may_vanish, lambda power: Root(power.base) * power.base ** (power.exp - sp.Rational(1, 2))
    )


def _may_vanish(node: Expr) -> bool:
    if not (node.is_Pow and node.exp.is_Rational and node.exp.q == 2 and node.exp > 0):
        return False
    return not node.base.is_number and not isinstance(node.base, sp.Symbol)
