"""An activation function: a name and a formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp
from sympy import Expr

from divprune_sym.ground.checks import BadInput

# what a formula is written in: unlike any symbol of a user's, and the same in every process
_ARGUMENT = sp.Dummy("u", dummy_index=0, real=True)


@dataclass(frozen=True)
class Formula:
    """u ↦ an expression in u; unlike a lambda, it can be compared and sent to another process."""

    expression: Expr

    def __call__(self, u: Expr) -> Expr:
        return self.expression.xreplace({_ARGUMENT: u})

    @classmethod
    def of(cls, g: Callable[[Expr], Expr]) -> Formula:
        """The formula of a function that maps a SymPy expression to one."""
        return cls(sp.sympify(g(_ARGUMENT), strict=True))


@dataclass(frozen=True)
class Activation:
    """An activation function, given as a SymPy expression in its argument.

    The rules know what is written in u, erf, exp(−u²), sign, Heaviside, Abs, sin and cos. Two activations are equal
    when their names and formulas are.

    Parameters
    ----------
    name : str
        The name users type.
    g : callable
        Maps a SymPy expression u to g(u).

    Raises
    ------
    BadInput
        The function g does not map a SymPy expression to one.
    """

    name: str
    g: Callable[[Expr], Expr]

    def __post_init__(self) -> None:
        try:
            formula = Formula.of(self.g)
        except (TypeError, AttributeError, sp.SympifyError) as error:
            msg = f"activation {self.name!r}: g must map a SymPy expression to one, but {type(error).__name__}: {error}"
            raise BadInput(msg) from None
        object.__setattr__(self, "g", formula)

    def __reduce__(self) -> tuple[Any, ...]:
        # what is worked out from the formula is not sent along
        return type(self), (self.name, self.g)

    def formula(self, u: Expr) -> Expr:
        """g(u)."""
        return self.g(u)

    def derivative(self, u: sp.Symbol, order: int) -> Expr:
        """g^(order)(u)."""
        return sp.diff(_without_kinks(self.g(u)), u, order)

    @cached_property
    def gain(self) -> Expr | None:
        """κ of erf(κu/√2), infinite for sign(u); None for all other functions."""
        formula = self.g(_ARGUMENT)
        if formula == sp.sign(_ARGUMENT):
            return sp.oo
        if not isinstance(formula, sp.erf):
            return None
        argument = formula.args[0]
        scale = argument.coeff(_ARGUMENT, 1)
        is_linear = scale.is_positive and sp.expand(argument - scale * _ARGUMENT) == 0
        return sp.sqrt(2) * scale if is_linear else None

    @cached_property
    def symbols(self) -> frozenset[sp.Symbol]:
        """The symbols in g besides its argument: a gain, say."""
        return frozenset(self.g(_ARGUMENT).free_symbols - {_ARGUMENT})

    @cached_property
    def is_odd(self) -> bool:
        """Whether g(−u) = −g(u)."""
        return bool(sp.simplify(self.g(_ARGUMENT) + self.g(-_ARGUMENT)) == 0)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<activation {self.name}: g(u) = {self.g(sp.Symbol('u', real=True))}>"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}(u) = {sp.latex(self.g(sp.Symbol('u', real=True)))}$"

    def latex(self) -> str:
        """The name in LaTeX, the gain of a sigmoid as a subscript."""
        if self.gain is not None and self.name == f"erf[{self.gain}]":
            return rf"\operatorname{{erf}}_{{{sp.latex(self.gain)}}}"
        escaped = self.name.replace("_", r"\_")
        return rf"\operatorname{{{escaped}}}"


_NAMED = {sp.Integer(1): "erf", sp.oo: "sign"}


def sigmoid(gain: Expr) -> Activation:
    """The odd sigmoid of a given gain, the one family of functions whose slopes the rules tilt away."""
    function = sp.sign if gain == sp.oo else lambda u: sp.erf(gain * u / sp.sqrt(2))
    return Activation(_NAMED.get(gain, f"erf[{gain}]"), g=function)


def _without_kinks(expression: Expr) -> Expr:
    """|x| and the Heaviside step written with sign(x), whose derivative is 2δ(x); sign(x)² = 1 almost everywhere."""
    expression = expression.replace(sp.Abs, lambda x: x * sp.sign(x))
    expression = expression.replace(sp.Heaviside, lambda x, *_: (1 + sp.sign(x)) / 2)
    return sp.expand(expression).replace(
        lambda node: node.is_Pow and isinstance(node.base, sp.sign) and node.exp.is_Integer,
        lambda node: node.base ** (node.exp % 2),
    )
