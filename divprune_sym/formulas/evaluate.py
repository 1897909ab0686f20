"""Values of closed forms at exact covariances, to many digits."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import mpmath as mp
import sympy as sp
from sympy import Expr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Mpf = Any

# Beyond this a number says nothing about the formula, and the next exp of it would not fit in memory.
_HUGE = mp.mpf(10) ** 4000

_FUNCTIONS: dict[type[Expr], Callable[[Mpf], Mpf]] = {
    sp.asin: mp.asin,
    sp.acos: mp.acos,
    sp.atan: mp.atan,
    sp.exp: mp.exp,
    sp.log: mp.log,
    sp.erf: mp.erf,
    sp.Abs: abs,
    sp.sign: mp.sign,
    sp.sin: mp.sin,
    sp.cos: mp.cos,
    sp.tan: mp.tan,
    sp.sinh: mp.sinh,
    sp.cosh: mp.cosh,
    sp.tanh: mp.tanh,
}
_BOUNDED_ARGUMENTS = 10**5


class NoValue(ArithmeticError):
    """An expression divides by zero or overflows at a point."""


class NotReal(ArithmeticError):
    """An expression leaves the real numbers at a point."""


def value(expression: Expr, point: Mapping[sp.Symbol, Fraction], digits: int) -> Mpf:
    """The value of an expression, computed with `digits` digits.

    Raises
    ------
    NoValue
        It divides by zero, or is too large.
    NotReal
        It is complex.
    """
    with mp.workdps(digits):
        found = _Evaluation(point)(expression)
        if abs(mp.im(found)) > mp.mpf(10) ** (-digits // 2) * abs(found):
            msg = f"{expression} is complex"
            raise NotReal(msg)
        return mp.re(found)


class _Evaluation:
    """One walk over an expression; shared parts are computed once."""

    def __init__(self, point: Mapping[sp.Symbol, Fraction]) -> None:
        self.point = point
        self.seen: dict[Expr, Mpf] = {}

    def __call__(self, node: Expr) -> Mpf:
        if node not in self.seen:
            try:
                found = self.computed(node)
            except (ZeroDivisionError, OverflowError, ValueError):
                found = mp.nan
            if mp.isnan(found) or abs(found) > _HUGE:
                msg = f"{node} has no value"
                raise NoValue(msg)
            self.seen[node] = found
        return self.seen[node]

    def computed(self, node: Expr) -> Mpf:
        if isinstance(node, sp.Symbol):
            exact = self.point[node]
            return mp.mpf(exact.numerator) / exact.denominator
        if node.is_Rational:
            return mp.mpf(int(node.p)) / int(node.q)
        if isinstance(node, sp.NumberSymbol):
            return mp.mpf(node.evalf(mp.mp.dps + 5))
        if isinstance(node, sp.Add):
            return mp.fsum(self(argument) for argument in node.args)
        if isinstance(node, sp.Mul):
            return mp.fprod(self(argument) for argument in node.args)
        if isinstance(node, sp.Pow):
            return self.power(self(node.base), node.exp)
        if type(node) in _FUNCTIONS:
            argument = self(node.args[0])
            if abs(argument) > _BOUNDED_ARGUMENTS and not isinstance(node, (sp.Abs, sp.sign, sp.atan, sp.log)):
                return mp.nan
            return _FUNCTIONS[type(node)](argument)
        if isinstance(node, sp.atan2):
            return mp.atan2(*(self(argument) for argument in node.args))
        if isinstance(node, (sp.Min, sp.Max)):
            return self.extreme(node)
        return mp.mpmathify(node.subs({s: sp.Rational(self.point[s]) for s in node.free_symbols}).evalf(mp.mp.dps))

    def extreme(self, node: Expr) -> Mpf:
        values = [self(argument) for argument in node.args]
        if any(mp.im(x) != 0 for x in values):
            msg = f"{node} compares complex numbers"
            raise NotReal(msg)
        return (min if isinstance(node, sp.Min) else max)(mp.re(x) for x in values)

    def power(self, base: Mpf, exponent: Expr) -> Mpf:
        if exponent.is_Integer:
            return base ** int(exponent)
        if 2 * exponent == 1:
            return mp.sqrt(base)
        height = self(exponent)
        if base == 0 or abs(height * mp.log(abs(base))) > _BOUNDED_ARGUMENTS:
            return mp.mpf(0) if base == 0 and mp.re(height) > 0 else mp.nan
        return base**height
