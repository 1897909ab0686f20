"""What the rules need to know of an activation, all of it read off its formula."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.term import G
from divprune_sym.gaussian.vocabulary import NotInVocabulary, expand

if TYPE_CHECKING:
    from divprune_sym.gaussian.functions import Activation
    from divprune_sym.gaussian.vocabulary import Part


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


@lru_cache(maxsize=1024)
def parts(activation: Activation, field: str, order: int = 0) -> tuple[Part, ...]:
    """g^(order)(u_field) as a sum of products of the factors that the rules know.

    Raises
    ------
    NotInVocabulary
        There is a function in g that no rule knows; the message names it.
    """
    # a dummy: the formula may have a symbol u of its own
    u = sp.Dummy("u", real=True)
    return expand(activation.derivative(u, order), u, field)


@lru_cache(maxsize=1024)
def unknown(activation: Activation) -> str | None:
    """What in g is outside the vocabulary of the rules; None if nothing is."""
    try:
        parts(activation, "u")
    except NotInVocabulary as refused:
        return str(refused)
    return None


@lru_cache(maxsize=1024)
def bell(activation: Activation) -> Bell | None:
    """The Gaussian slope of an odd sigmoid, erf or sign of any height and gain; None for all others."""
    if unknown(activation) is not None or len(parts(activation, "u")) != 1:
        return None
    coefficient, factors = parts(activation, "u")[0]
    if len(factors) != 1 or not isinstance(factors[0], G) or factors[0].order:
        return None
    gain = factors[0].of.gain if factors[0].of is not None else None
    if gain is None:
        return None
    height = coefficient * sp.sqrt(2 / sp.pi)
    return Bell(height, sp.Integer(1), sp.Integer(0)) if gain == sp.oo else Bell(height * gain, gain**2)
