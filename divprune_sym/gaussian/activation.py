"""What the three rules need to know of an activation function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sympy as sp
from sympy import Expr


@dataclass(frozen=True)
class Activation:
    """An activation function, given as a SymPy expression in its argument.

    Parameters
    ----------
    name : str
        The name users type.
    g : callable
        Maps a SymPy expression u to g(u).
    """

    name: str
    g: Callable[[Expr], Expr]

    @cached_property
    def gaussian_slope(self) -> tuple[Expr, Expr] | None:
        """(A, γ) with g'(u) = A exp(−γu²/2), found by differentiation; None where g' is no Gaussian."""
        u = sp.Symbol("u", real=True)
        slope = sp.diff(self.g(u), u)
        if slope == 0:
            return None
        rate = sp.simplify(-sp.diff(slope, u) / slope / u)
        if rate.has(u) or not rate.is_positive:
            return None
        return slope.subs(u, 0), rate

    @cached_property
    def is_odd(self) -> bool:
        """Whether g(−u) = −g(u)."""
        u = sp.Symbol("u", real=True)
        return bool(sp.simplify(self.g(u) + self.g(-u)) == 0)

    def __str__(self) -> str:
        return self.name
