"""A function of one field, spelled in the factors that the rules know: u, sigmoids and their slopes, waves."""

from __future__ import annotations

from math import comb, factorial
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.functions import sigmoid
from divprune_sym.gaussian.term import Factor, G, U, Wave

if TYPE_CHECKING:
    from collections.abc import Iterator

# what a user may write an activation in
VOCABULARY = "u, erf, exp(-u**2), sign, Heaviside, Abs, sin, cos"
Part = tuple[Expr, tuple[Factor, ...]]


class NotInVocabulary(ValueError):
    """A function that no rule knows; the message names it."""


def expand(expression: Expr, u: sp.Symbol, field: str) -> tuple[Part, ...]:
    """An expression in u as Σ coefficient · ∏ factors in u_field.

    Raises
    ------
    NotInVocabulary
        A function of u is not one the rules know.
    """
    parts: list[Part] = []
    if expression == 0:
        return ()
    for product in sp.Add.make_args(sp.expand(expression)):
        coefficient, rest = product.as_independent(u, as_Add=False)
        power, others = 0, []
        for base, exponent in rest.as_powers_dict().items():
            if base == u and exponent.is_Integer and exponent > 0:
                power = int(exponent)
            elif base != 1:
                others.append(_reader(base, exponent, u, field))
        for scale, factors in _products(others):
            parts += list(_around_delta(coefficient * scale, power, factors, field))
    return tuple((coefficient, factors) for coefficient, factors in parts if coefficient != 0)


def _products(choices: list[list[Part]]) -> list[Part]:
    """∏ of sums of parts, multiplied out."""
    result: list[Part] = [(sp.Integer(1), ())]
    for parts in choices:
        result = [(p * q, (*first, *second)) for p, first in result for q, second in parts]
    return result


def _reader(base: Expr, exponent: Expr, u: sp.Symbol, field: str) -> list[Part]:
    """base^exponent as a sum of products of factors."""
    if base == sp.E and sp.Poly(exponent, u).degree() == 2:
        return [_gaussian(exponent, u, field)]
    if not (exponent.is_Integer and exponent > 0):
        raise NotInVocabulary(_shown(base**exponent, u))
    return _products([_function(base, u, field)] * int(exponent))


def _gaussian(exponent: Expr, u: sp.Symbol, field: str) -> Part:
    """exp(−γu²/2) as the slope of a sigmoid of gain √γ, whose height is √(2γ/π)."""
    rate = -2 * exponent.coeff(u, 2)
    if sp.expand(exponent + rate * u**2 / 2) != 0 or not rate.is_positive:
        raise NotInVocabulary(_shown(sp.exp(exponent), u))
    return sp.sqrt(sp.pi / (2 * rate)), (G(field, 1, of=sigmoid(sp.sqrt(rate))),)


def _function(node: Expr, u: sp.Symbol, field: str) -> list[Part]:
    if isinstance(node, sp.DiracDelta) and node.args[0] == u:
        # sign' = 2δ
        order = 1 + int(sp.Add(*node.args[1:]))
        return [(sp.Rational(1, 2), (G(field, order, of=sigmoid(sp.oo)),))]
    argument = node.args[0]
    scale, shift = argument.coeff(u, 1), argument.coeff(u, 0)
    is_linear = scale != 0 and sp.expand(argument - scale * u - shift) == 0
    if isinstance(node, (sp.sin, sp.cos)) and is_linear:
        return _wave(type(node), scale, shift, field)
    if isinstance(node, (sp.erf, sp.sign)) and is_linear and shift == 0 and scale.is_positive:
        gain = sp.sqrt(2) * scale if isinstance(node, sp.erf) else sp.oo
        return [(sp.Integer(1), (G(field, of=sigmoid(gain)),))]
    raise NotInVocabulary(_shown(node, u))


def _wave(function: type[Expr], scale: Expr, shift: Expr, field: str) -> list[Part]:
    """sin(ωu + φ) = sin(ωu) cos φ + cos(ωu) sin φ, and cos(ωu + φ) = cos(ωu) cos φ − sin(ωu) sin φ."""
    other, sign = (sp.cos, 1) if function is sp.sin else (sp.sin, -1)
    combination = ((field, scale),)
    shifted = [(sp.cos(shift), (Wave(function, combination),)), (sign * sp.sin(shift), (Wave(other, combination),))]
    return [(coefficient, factors) for coefficient, factors in shifted if coefficient != 0]


def _around_delta(coefficient: Expr, power: int, factors: tuple[Factor, ...], field: str) -> Iterator[Part]:
    """u^p δ^(n)(u) = (−1)^p n!/(n−p)! δ^(n−p)(u), and 0 for p > n; other powers of u become linear factors."""
    delta = next((factor for factor in factors if isinstance(factor, G) and _is_delta(factor)), None)
    if delta is None:
        yield coefficient, (*[U(field)] * power, *factors)
        return
    n = delta.order - 1
    if power <= n:
        rest = list(factors)
        rest.remove(delta)
        lowered = G(field, delta.order - power, delta.of)
        yield coefficient * (-1) ** power * comb(n, power) * factorial(power), (lowered, *rest)


def _is_delta(factor: G) -> bool:
    return factor.order > 0 and factor.of is not None and factor.of.gain == sp.oo


def _shown(node: Expr, u: sp.Symbol) -> str:
    return str(node.xreplace({u: sp.Symbol("u", real=True)}))
