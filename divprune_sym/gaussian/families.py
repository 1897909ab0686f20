"""Families of activations that take numbers: erf of any gain, polynomials, and the Hermite polynomials He_n."""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.functions import Activation, sigmoid
from divprune_sym.ground.checks import BadInput, integer

# generated code holds a closed form as one expression, and Python reads no deeper ones than those of degree 10
HIGHEST_DEGREE = 10


def erf(gain: Expr | float) -> Activation:
    """erf(κu/√2) for a positive gain κ, a number or a SymPy symbol; κ → ∞ is `SIGN`.

    Raises
    ------
    BadInput
        The gain is not known to be positive and finite.
    """
    value = sp.sympify(gain) if isinstance(gain, (int, float, Expr)) else None
    if value is None or not value.is_positive or value.is_infinite:
        msg = f"gain = {gain}: must be positive and finite; declare a symbol with positive=True, infinite gain is SIGN"
        raise BadInput(msg)
    return sigmoid(value)


def polynomial(coefficients: list[Expr | float] | tuple[Expr | float, ...], name: str = "polynomial") -> Activation:
    """g(u) = c_0 + c_1 u + c_2 u² + …, the coefficients numbers or SymPy expressions.

    Every expectation is a sum over Wick pairings.

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
    exact = [sp.sympify(c) for c in coefficients]
    return Activation(name, g=lambda u: sp.Add(*[c * u**power for power, c in enumerate(exact)]))


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
