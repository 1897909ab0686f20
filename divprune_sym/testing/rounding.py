"""Exact values of closed forms, and the running error bound that judges a float64 evaluation of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import mpmath as mp
import numpy as np
import sympy as sp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Mpf = Any


@dataclass(frozen=True)
class Arithmetic:
    """Rounded arithmetic.

    Parameters
    ----------
    unit, smallest, largest : mpmath.mpf
        Unit roundoff, spacing of the numbers next to zero, largest number.
    library : int
        The error of a function such as asin, in unit roundoffs.
    """

    unit: Mpf
    smallest: Mpf
    largest: Mpf
    # two units in the last place: the common libm implementations keep within this
    library: int = 4

    def gamma(self, roundings: int) -> Mpf:
        """γ_n = nu/(1 − nu), the most n roundings change a number by (Higham 2002, Lemma 3.1)."""
        return roundings * self.unit / (1 - roundings * self.unit)


FLOAT64 = Arithmetic(mp.mpf(2) ** -53, mp.mpf(2) ** -1074, mp.mpf(float(np.finfo(np.float64).max)))


def multiprecision(bits: int) -> Arithmetic:
    """Floating point with so many bits and any exponent, such as mpmath's."""
    return Arithmetic(mp.mpf(2) ** -bits, mp.mpf(0), mp.inf)


# 53 bits judged with 400: the bound's own rounding is far below anything it bounds.
_JUDGING_BITS = 400
_MOST_BITS = 4096


@dataclass(frozen=True)
class _Bounded:
    """An exact value, and how far its evaluation in rounded arithmetic can stray from it."""

    value: Mpf
    error: Mpf

    @property
    def reach(self) -> Mpf:
        """The largest magnitude the rounded value can have."""
        return abs(self.value) + self.error


# f and its domain. Each increases, so over an interval it strays furthest at the ends.
_INCREASING: dict[type[sp.Function], tuple[Callable[[Mpf], Mpf], float, float]] = {
    sp.asin: (mp.asin, -1, 1),
    sp.atan: (mp.atan, -math.inf, math.inf),
    sp.erf: (mp.erf, -math.inf, math.inf),
    sp.exp: (mp.exp, -math.inf, math.inf),
}


@dataclass(frozen=True)
class _Walk:
    """Bounds the error at each node of an expression from the bounds at its arguments."""

    values: Mapping[str, float]
    arithmetic: Arithmetic
    seen: dict[sp.Expr, _Bounded] = field(default_factory=dict)

    def __call__(self, node: sp.Expr) -> _Bounded:
        if node not in self.seen:
            bounded = self._bound(node)
            overflows = bounded.reach > self.arithmetic.largest
            self.seen[node] = _Bounded(bounded.value, mp.inf) if overflows else bounded
        return self.seen[node]

    def _bound(self, node: sp.Expr) -> _Bounded:
        if isinstance(node, sp.Symbol):
            return _Bounded(mp.mpf(self.values[node.name]), mp.mpf(0))
        if isinstance(node, (sp.Number, sp.NumberSymbol)):
            return self._constant(node)
        arguments = [self(argument) for argument in node.args]
        if isinstance(node, sp.Add):
            return self._sum(arguments)
        if isinstance(node, sp.Mul):
            return self._product(arguments)
        if isinstance(node, sp.Pow) and (2 * node.exp).is_Integer:
            return self._power(arguments[0], node.exp)
        if type(node) in _INCREASING:
            return self._increasing(arguments[0], *_INCREASING[type(node)])
        msg = f"no rounding bound for {type(node).__name__}: {node}"
        raise TypeError(msg)

    def _constant(self, node: sp.Expr) -> _Bounded:
        value = mp.mpf(node.evalf(mp.mp.dps + 5))
        is_stored_exactly = isinstance(node, sp.Integer) and abs(node) <= 2**53
        return _Bounded(value, mp.mpf(0) if is_stored_exactly else self.arithmetic.unit * abs(value))

    def _sum(self, terms: list[_Bounded]) -> _Bounded:
        # γ_{n−1} Σ|terms| holds for any order of summation (Higham 2002, section 4.2).
        rounding = self.arithmetic.gamma(len(terms) - 1) * sum(term.reach for term in terms)
        return _Bounded(mp.fsum(t.value for t in terms), sum(t.error for t in terms) + rounding)

    def _product(self, factors: list[_Bounded]) -> _Bounded:
        value = mp.fprod(factor.value for factor in factors)
        if any(factor.error == mp.inf for factor in factors):
            return _Bounded(value, mp.inf)
        reach = mp.fprod(factor.reach for factor in factors) * (1 + self.arithmetic.gamma(len(factors) - 1))
        # A partial product may underflow, and the factors still to come magnify what was lost.
        magnified = mp.fprod(max(mp.mpf(1), factor.reach) for factor in factors)
        underflow = len(factors) * self.arithmetic.smallest * magnified
        return _Bounded(value, reach - abs(value) + underflow)

    def _power(self, base: _Bounded, exponent: sp.Rational) -> _Bounded:
        power = mp.mpf(int(2 * exponent)) / 2
        size = abs(base.value) if exponent.is_Integer else base.value
        low, high = size - base.error, size + base.error
        if low < 0 and exponent.is_Integer and exponent > 0:
            low = mp.mpf(0)
        if low < 0 or (low == 0 and exponent < 0):
            return _Bounded(mp.nan, mp.inf)
        strayed = max(abs(end**power - size**power) for end in (low, high))
        rounding = self.arithmetic.gamma(_roundings(exponent, self.arithmetic.library)) * (size**power + strayed)
        value = base.value ** int(exponent) if exponent.is_Integer else size**power
        return _Bounded(value, strayed + rounding + self.arithmetic.smallest)

    def _increasing(self, x: _Bounded, f: Callable[[Mpf], Mpf], low: float, high: float) -> _Bounded:
        if x.error == mp.inf or x.value - x.error < low or x.value + x.error > high:
            return _Bounded(mp.nan, mp.inf)
        value = f(x.value)
        strayed = max(f(x.value + x.error) - value, value - f(x.value - x.error))
        library = self.arithmetic.library
        rounding = self.arithmetic.gamma(library) * (abs(value) + strayed)
        return _Bounded(value, strayed + rounding + library * self.arithmetic.smallest)


def _roundings(exponent: sp.Rational, library: int) -> int:
    # 1/x, x·x, √x, 1/(x·x) and 1/√x take at most two operations; any other power may be a call of pow.
    if abs(exponent) in (sp.Rational(1, 2), 1, 2):
        return 2
    return max(library, math.ceil(abs(float(exponent))) + 1)


def rounding_bound(expr: sp.Expr, values: Mapping[str, float], arithmetic: Arithmetic = FLOAT64) -> Mpf:
    """How far a float64 evaluation of an expression can be from its exact value.

    A running error bound walked over the expression: exact values and errors at each node, in 400 bits.
    It holds for every order of the terms of a sum and the factors of a product, for shared
    subexpressions, for a/b computed as a·(1/b), and for functions within two units in the last place.
    Gradual underflow is counted in products, powers and functions, but no denominator may underflow.

    Parameters
    ----------
    expr : sympy.Expr
        Sums, products, integer and half-integer powers, asin, atan, erf, exp.
    values : mapping of str to float
        The value of every symbol, by its name; taken as exact.
    arithmetic : Arithmetic
        That of the evaluation; float64 with functions good to two units in the last place if left out.

    Returns
    -------
    mpmath.mpf
        The bound; infinite where rounding may leave the domain of a function, divide by zero or overflow:
        there the expression promises nothing.
    """
    with mp.workprec(_JUDGING_BITS):
        return _Walk(values, arithmetic)(expr).error


def exact(expr: sp.Expr, values: Mapping[str, float], digits: int = 60) -> Mpf:
    """The value of an expression to `digits` correct digits, however many of them cancel on the way.

    A value below the smallest float64 is given to `digits` digits of that number instead.

    Raises
    ------
    ArithmeticError
        4096 bits do not decide on which side of a singularity the values lie.
    """
    wanted = mp.mpf(10) ** -digits
    bits = math.ceil(digits * math.log2(10)) + 10
    while bits <= _MOST_BITS:
        # The bound is for half the precision in use, so it holds for the value with room to spare.
        with mp.workprec(2 * bits):
            result = _Walk(values, multiprecision(bits))(expr)
            if result.error <= wanted * max(abs(result.value), FLOAT64.smallest):
                return result.value
        bits *= 2
    msg = f"{expr} is singular, or too close to it to tell, at {dict(values)}"
    raise ArithmeticError(msg)


def assert_within_rounding(kernel_value: float, expr: sp.Expr, values: Mapping[str, float]) -> None:
    """Assert that a float64 value of an expression is as close to its exact value as rounding allows.

    Raises
    ------
    AssertionError
        It is not, or the bound is infinite; the message ends with a line that repeats the comparison.
    """
    bound = rounding_bound(expr, values)
    error = abs(mp.mpf(kernel_value) - exact(expr, values)) if mp.isfinite(bound) else mp.nan
    if not error <= bound:
        call = f'assert_within_rounding({kernel_value!r}, sympify("{sp.srepr(expr)}"), {dict(values)!r})'
        msg = f"error {mp.nstr(error, 3)}, rounding bound {mp.nstr(bound, 3)}\nreproduce: {call}"
        raise AssertionError(msg)
