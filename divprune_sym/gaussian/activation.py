"""What the rules need to know of an activation function, all of it read off its formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.term import G
from divprune_sym.gaussian.vocabulary import NotInVocabulary, Part, expand, without_kinks
from divprune_sym.ground.checks import BadInput


@dataclass(frozen=True)
class Bell:
    """A Gaussian slope g'(u) = height · exp(−rate u²/2), or its limit of infinite rate.

    A Gaussian field of variance V averages it to height/√(offset + rate V), with offset 1. The slope of
    the sign function, height · √(2π) δ(u), is the same with rate 1 and offset 0: one formula serves both.
    """

    height: Expr
    rate: Expr
    offset: Expr = sp.S.One

    @property
    def is_delta(self) -> bool:
        """Whether the slope is a δ function."""
        return bool(self.offset == 0)

    def reach(self, variance: Expr) -> Expr:
        """offset + rate · V, which must be positive."""
        return self.offset + self.rate * variance


@dataclass(frozen=True)
class Activation:
    """An activation function, given as a SymPy expression in its argument.

    The rules know what is written in u, erf, exp(−u²), sign, Heaviside, Abs, sin and cos.

    Parameters
    ----------
    name : str
        The name users type.
    g : callable
        Maps a SymPy expression u to g(u).
    """

    name: str
    g: Callable[[Expr], Expr]

    def derivative(self, u: sp.Symbol, order: int) -> Expr:
        """g^(order)(u)."""
        return sp.diff(without_kinks(self.formula(u)), u, order)

    def formula(self, u: sp.Symbol) -> Expr:
        """g(u).

        Raises
        ------
        BadInput
            The function g does not map a SymPy expression to one.
        """
        try:
            value = sp.sympify(self.g(u), strict=True)
        except (TypeError, AttributeError, sp.SympifyError) as error:
            msg = f"activation {self.name!r}: g must map a SymPy expression to one, but {type(error).__name__}: {error}"
            raise BadInput(msg) from None
        return value

    def parts(self, field: str, order: int = 0) -> tuple[Part, ...]:
        """g^(order)(u_field) as a sum of products of the factors that the rules know.

        Raises
        ------
        NotInVocabulary
            There is a function in g that no rule knows; the message names it.
        """
        return _parts(self, field, order)

    @cached_property
    def unknown(self) -> str | None:
        """What in g is outside the vocabulary of the rules; None if nothing is."""
        try:
            self.parts("u")
        except NotInVocabulary as refused:
            return str(refused)
        return None

    @cached_property
    def slope(self) -> Bell | None:
        """The Gaussian slope of an odd sigmoid, erf or sign of any height and gain; None for all others."""
        if self.unknown is not None or len(self.parts("u")) != 1:
            return None
        coefficient, factors = self.parts("u")[0]
        if len(factors) != 1 or not isinstance(factors[0], G) or factors[0].order:
            return None
        sigmoid = factors[0].of
        gain = sigmoid.g.gain if sigmoid is not None and isinstance(sigmoid.g, Sigmoid) else None
        if gain is None:
            return None
        height = coefficient * sp.sqrt(2 / sp.pi)
        return Bell(height, sp.Integer(1), sp.Integer(0)) if gain == sp.oo else Bell(height * gain, gain**2)

    @cached_property
    def symbols(self) -> frozenset[sp.Symbol]:
        """The symbols in g besides its argument: a gain, say."""
        u = sp.Dummy("u", real=True)
        return frozenset(self.formula(u).free_symbols - {u})

    @cached_property
    def is_odd(self) -> bool:
        """Whether g(−u) = −g(u)."""
        u = sp.Symbol("u", real=True)
        return bool(sp.simplify(self.g(u) + self.g(-u)) == 0)

    def __str__(self) -> str:
        return self.name

    def latex(self) -> str:
        """The name in LaTeX, the gain of a sigmoid as a subscript."""
        if isinstance(self.g, Sigmoid) and self.g.gain not in _NAMED:
            return rf"\operatorname{{erf}}_{{{sp.latex(self.g.gain)}}}"
        escaped = self.name.replace("_", r"\_")
        return rf"\operatorname{{{escaped}}}"


_NAMED = {sp.Integer(1): "erf", sp.oo: "sign"}


@dataclass(frozen=True)
class Sigmoid:
    """u ↦ erf(gain u/√2), and sign(u) for infinite gain."""

    gain: Expr

    def __call__(self, u: Expr) -> Expr:
        return sp.sign(u) if self.gain == sp.oo else sp.erf(self.gain * u / sp.sqrt(2))


def sigmoid(gain: Expr) -> Activation:
    """The odd sigmoid of a given gain, the one family of functions whose slopes the rules tilt away."""
    return Activation(_NAMED.get(gain, f"erf[{gain}]"), g=Sigmoid(gain))


@lru_cache(maxsize=1024)
def _parts(activation: Activation, field: str, order: int) -> tuple[Part, ...]:
    # a dummy: the formula may have a symbol u of its own
    u = sp.Dummy("u", real=True)
    return expand(activation.derivative(u, order), u, field, sigmoid)
