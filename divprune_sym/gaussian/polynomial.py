"""Polynomial activations, among them the Hermite polynomials He_n: every expectation is a sum over Wick pairings."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.activation import Activation
from divprune_sym.ground.checks import BadInput, integer

# He_20 has coefficients of 1e9, and its integrals Wick sums of forty fields
HIGHEST_DEGREE = 20


@dataclass(frozen=True)
class _Powers:
    coefficients: tuple[Expr, ...]

    def __call__(self, u: Expr) -> Expr:
        return sp.Add(*[c * u**power for power, c in enumerate(self.coefficients)])


def polynomial(coefficients: list[Expr | float] | tuple[Expr | float, ...], name: str = "polynomial") -> Activation:
    """g(u) = c_0 + c_1 u + c_2 u² + …, the coefficients numbers or SymPy expressions.

    Raises
    ------
    BadInput
        No coefficient, more than `HIGHEST_DEGREE` + 1 of them, or one that is neither a number nor an expression.
    """
    if not isinstance(coefficients, (list, tuple)) or not 0 < len(coefficients) <= HIGHEST_DEGREE + 1:
        msg = f"coefficients = {coefficients!r}: expected a list of 1 to {HIGHEST_DEGREE + 1} numbers, c_0 first"
        raise BadInput(msg)
    for n, c in enumerate(coefficients):
        if isinstance(c, bool) or not isinstance(c, (int, float, Expr)):
            msg = f"coefficients[{n}] = {c!r}: expected a number or a SymPy expression"
            raise BadInput(msg)
    exact = tuple(sp.sympify(c) for c in coefficients)
    return Activation(name, g=_Powers(exact))


def hermite(n: int) -> Activation:
    """He_n(u), orthogonal under N(0, 1): E[He_n(x) He_m(y)] = δ_nm n! ρⁿ for unit variances and correlation ρ."""
    n = integer("n", n, 0, HIGHEST_DEGREE)
    u = sp.Symbol("u", real=True)
    return polynomial(_hermite_coefficients(n, u), name=f"he{n}")


def _hermite_coefficients(n: int, u: sp.Symbol) -> list[Expr]:
    """He_n = (u − d/du)ⁿ 1."""
    value = sp.Integer(1)
    for _ in range(n):
        value = sp.expand(u * value - sp.diff(value, u))
    return [value.coeff(u, power) for power in range(n + 1)]
