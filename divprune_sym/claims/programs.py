"""From SymPy to the straight-line programs of `balls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.claims.special import KeptMoment
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from divprune_sym.claims.balls import Program

_FUNCTIONS = {
    sp.asin: "asin",
    sp.atan: "atan",
    sp.exp: "exp",
    sp.log: "log",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.erf: "erf",
    sp.erfc: "erfc",
    sp.erfinv: "erfinv",
}


class NotEvaluable(BadInput):
    """An expression that ball arithmetic has no instruction for; the message names the part."""


def program_of(expression: Expr) -> Program:
    """The instructions that evaluate an expression; equal sub-expressions are evaluated once.

    Raises
    ------
    NotEvaluable
        Text, or a part that is no number, symbol, sum, product, power of a multiple of ½ or known function.
    """
    try:
        return _Writer().write(sp.sympify(expression, strict=True))
    except sp.SympifyError:  # text too: it would be run
        msg = f"{expression!r} is no expression"
        raise NotEvaluable(msg) from None


class _Writer:
    def __init__(self) -> None:
        self.program: Program = []
        self.known: dict[tuple[object, ...], int] = {}
        self.named: dict[str, Expr] = {}

    def write(self, expression: Expr) -> Program:
        last = self.number_of(expression)
        if last != len(self.program) - 1:  # the value must come last
            self.program.append(["add", last])
        return self.program

    def instruction(self, *parts: object) -> int:
        if parts not in self.known:
            self.known[parts] = len(self.program)
            self.program.append(list(parts))
        return self.known[parts]

    def number_of(self, node: Expr) -> int:
        if node.is_Symbol:
            if self.named.setdefault(node.name, node) != node:
                msg = f"{node}: two different symbols have this name"
                raise NotEvaluable(msg)
            return self.instruction("var", node.name)
        if node.is_Rational:
            return self.instruction("rat", str(node))
        if node is sp.pi:
            return self.instruction("pi")
        if node is sp.E:
            return self.instruction("exp", self.instruction("rat", "1"))
        if isinstance(node, (sp.Add, sp.Mul)):
            name = "add" if isinstance(node, sp.Add) else "mul"
            return self.instruction(name, *[self.number_of(part) for part in node.args])
        if isinstance(node, sp.Pow) and (2 * node.exp).is_Integer:
            return self.power(self.number_of(node.base), int(2 * node.exp))
        if isinstance(node, KeptMoment) and node.args[0].is_Integer and node.args[1].is_Integer:
            n, k, s = node.args
            return self.instruction("moment", int(n), int(k), self.number_of(s))
        if type(node) in _FUNCTIONS and len(node.args) == 1:
            return self.instruction(_FUNCTIONS[type(node)], self.number_of(node.args[0]))
        msg = f"{node}: ball arithmetic has no instruction for {type(node).__name__}"
        raise NotEvaluable(msg)

    def power(self, base: int, halves: int) -> int:
        if halves < 0:
            return self.instruction("inv", self.power(base, -halves))
        if halves % 2:
            base, halves = self.instruction("sqrt", base), 2 * halves
        return self.instruction("mul", *[base] * (halves // 2)) if halves > 2 else base
