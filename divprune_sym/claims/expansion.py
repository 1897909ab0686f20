"""Taylor's polynomial of an expression at a point, exactly: how a zero's order is shown, and what is smooth at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.special import KeptMoment

if TYPE_CHECKING:
    from sympy import Basic, Expr

# of one argument, analytic inside the intervals on which they are real
_ANALYTIC = (sp.asin, sp.atan, sp.exp, sp.log, sp.sin, sp.cos, sp.erf, sp.erfc, sp.erfinv)


class NotSmooth(ArithmeticError):
    """An expression that need not have a Taylor expansion; the message names the part."""


def check_smooth(expression: Basic, x: sp.Symbol) -> None:
    """Refuse an expression that need not be smooth in x wherever it is finite and real.

    Raises
    ------
    NotSmooth
    """
    for node in sp.preorder_traversal(expression):
        if x in node.free_symbols and not _analytic(node, x):
            msg = f"{str(node)[:80]} is not known to be smooth in {x}"
            raise NotSmooth(msg)


def _analytic(node: Basic, x: sp.Symbol) -> bool:
    if isinstance(node, sp.Pow):
        return bool(node.exp.is_Rational or (node.base.is_positive and x not in node.base.free_symbols))
    if isinstance(node, KeptMoment):
        return x not in (node.args[0].free_symbols | node.args[1].free_symbols)
    return isinstance(node, (sp.Symbol, sp.Add, sp.Mul)) or type(node) in _ANALYTIC


def coefficients(expression: Expr, x: sp.Symbol, at: Expr, count: int) -> list[Expr]:
    """The first coefficients of Σ c_n (x − at)ⁿ, whatever the other symbols are.

    Raises
    ------
    NotSmooth
        The expression is not known to have such an expansion.
    """
    check_smooth(expression, x)
    return _Expansion(x, sp.sympify(at, strict=True), count).of(expression)


class _Expansion:
    """Expansions of an expression's parts, each made once."""

    def __init__(self, x: sp.Symbol, at: Expr, count: int) -> None:
        self.x, self.at, self.count = x, at, count
        self.known: dict[Expr, list[Expr]] = {}

    def of(self, expression: Expr) -> list[Expr]:
        if expression not in self.known:
            self.known[expression] = [sp.expand(c) for c in self._of(expression)]
        return self.known[expression]

    def _of(self, expression: Expr) -> list[Expr]:
        if self.x not in expression.free_symbols:
            return self._constant(expression)
        if expression == self.x:
            return [self.at, sp.S.One, *[sp.S.Zero] * self.count][: self.count]
        if isinstance(expression, sp.Add):
            return [sp.Add(*parts) for parts in zip(*map(self.of, expression.args), strict=True)]
        if isinstance(expression, sp.Mul):
            return self._product([self.of(part) for part in expression.args])
        if isinstance(expression, sp.Pow) and expression.exp.is_Integer and expression.exp > 0:
            return self._product([self.of(expression.base)] * int(expression.exp))
        if isinstance(expression, sp.Pow) and expression.exp.is_Rational:
            return self._power(self.of(expression.base), expression.exp)
        return self._composed(expression)

    def _constant(self, value: Expr) -> list[Expr]:
        return [value, *[sp.S.Zero] * (self.count - 1)]

    def _product(self, parts: list[list[Expr]]) -> list[Expr]:
        total = self._constant(sp.S.One)
        for part in parts:
            total = [sp.expand(sp.Add(*[total[k] * part[n - k] for k in range(n + 1)])) for n in range(self.count)]
        return total

    def _power(self, base: list[Expr], power: Expr) -> list[Expr]:
        """From a f' r = f a': n a₀ f_n = Σ_k (kr − n + k) a_k f_(n−k)."""
        start = sp.simplify(base[0])
        if start == 0:
            msg = f"a power {power} of what vanishes at {self.x} = {self.at}"
            raise NotSmooth(msg)
        found = [start**power]
        for n in range(1, self.count):
            terms = [(k * power - n + k) * base[k] * found[n - k] for k in range(1, n + 1)]
            found.append(sp.expand(sp.Add(*terms) / (n * start)))
        return found

    def _composed(self, expression: Expr) -> list[Expr]:
        """A function of one argument that depends on x: its own expansion, at the argument's value."""
        inner = next(arg for arg in expression.args if self.x in arg.free_symbols)
        start, *rest = self.of(inner)
        start, y = sp.simplify(start), sp.Dummy()
        outer = expression.func(*[y if arg == inner else arg for arg in expression.args])
        distance, total = [sp.S.Zero, *rest], self._constant(sp.S.Zero)
        for n in reversed(range(self.count)):
            value = sp.diff(outer, y, n).subs(y, start) / sp.factorial(n)
            total = self._product([total, distance])
            total[0] += value
        return total
