"""Closed forms with δ functions behind them, written so that they stay finite where a field has no variance."""

from __future__ import annotations

import sympy as sp
from sympy import Expr

# Formulas of more operations stay as they are: polynomials in ten covariances take minutes to factor.
LARGEST_SUM = 200
LARGEST_ANGLE = 60
LARGEST_RADICAND = 130


def regular(expression: Expr) -> Expr:
    """Merge square roots, add up the terms that share one, and clear the denominators inside atan2.

    √C_aa √(C_bb − C_ab²/C_aa) becomes √(C_aa C_bb − C_ab²), which is 0 and not 0/0 at C_aa = 0. The
    radicands and denominators must be positive for independent fields of unit variance, and so for all.
    """
    # factoring would expand the arguments of functions
    masks = {angle: sp.Dummy() for angle in expression.atoms(sp.atan2)}
    by_root: dict[Expr, Expr] = {}
    for term in sp.Add.make_args(expression.xreplace(masks)):
        root, rest = _one_root(term)
        by_root[root] = by_root.get(root, sp.Integer(0)) + rest
    merged = sp.Add(*[_factored(rest, root) * sp.sqrt(root) for root, rest in by_root.items()])
    return merged.xreplace({mask: _without_denominators(*angle.args) for angle, mask in masks.items()})


def _factored(rest: Expr, root: Expr) -> Expr:
    return rest if root == 1 or rest.count_ops() > LARGEST_SUM else sp.factor(rest)


def _without_denominators(y: Expr, x: Expr) -> Expr:
    """atan2(y, x) = atan2(dy, dx) for d > 0."""
    if y.count_ops() > LARGEST_ANGLE:
        return sp.atan2(y, x)
    numerator, d = sp.fraction(sp.cancel(y))
    unit = {symbol: int(bool(symbol.is_positive)) for symbol in d.free_symbols}
    at_unit_covariance = d.subs(unit)
    if at_unit_covariance == 0:
        return sp.atan2(y, x)
    radicand = x**2 * d**2
    if radicand.count_ops() > LARGEST_RADICAND:
        return sp.atan2(y, x)
    return sp.atan2(sp.sign(at_unit_covariance) * numerator, sp.sqrt(sp.factor(sp.cancel(radicand))))


def _one_root(product: Expr) -> tuple[Expr, Expr]:
    """(r, q) with product = q √r, where q has no roots of sums."""
    radicand, rest = sp.Integer(1), sp.Integer(1)
    for factor in sp.Mul.make_args(product):
        base, exponent = factor.as_base_exp()
        if base.is_number or exponent.is_Integer or not (2 * exponent).is_Integer:
            rest *= factor
        else:
            radicand *= base
            rest *= base ** (exponent - sp.Rational(1, 2))
    # √(p/q) = √(pq)/q
    if radicand.count_ops() > LARGEST_ANGLE:
        return sp.Integer(1), product
    numerator, denominator = sp.fraction(sp.cancel(radicand))
    root = sp.factor(sp.sqrt(sp.factor(numerator * denominator)))
    outside, inside = (root, sp.Integer(1)) if not root.is_Pow else (sp.Integer(1), root.base)
    return inside, rest * outside / denominator
