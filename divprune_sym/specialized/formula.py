"""The pruned error of the noiseless specialized state as a formula in M, Z, v* and what pruning does to a pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian import ERF, integral
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from fractions import Fraction

    from divprune_sym.gaussian import Activation
    from divprune_sym.pruning.variant import SymbolicEdgeMethod

M, Z = sp.symbols("M Z", integer=True, positive=True)
V = sp.Symbol("v", real=True)
FACTOR = sp.Symbol("c", positive=True)


@dataclass(frozen=True)
class SpecializedOverlaps:
    """After edge pruning, all there is to know of the specialized state, in which Q, R and T are zeros and ones.

    Parameters
    ----------
    Q_own, Q_copies, Q_others : Expr
        Q' of a node, of two copies of one teacher node, of copies of different ones.
    R_own, R_others : Expr
        R' with the teacher node that is copied, and with another.
    """

    Q_own: Expr
    Q_copies: Expr
    Q_others: Expr
    R_own: Expr
    R_others: Expr


def specialized_overlaps(method: SymbolicEdgeMethod, keep: Fraction | None = None) -> SpecializedOverlaps:
    """The method's formulas at Q_ii = Q_kk = 1, Q_ik and R_in 1 or 0.

    Raises
    ------
    BadInput
        A formula has no value there.
    """
    pair, formulas = method.pair, method.formulas(keep)

    def at(name: str, **values: int) -> Expr:
        point = {pair.Q_ii: 1, pair.Q_kk: 1} | {getattr(pair, letter): value for letter, value in values.items()}
        value = getattr(formulas, name).subs(point)
        if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
            where = ", ".join(f"{letter} = {x}" for letter, x in point.items())
            msg = f"{method.name}: {name} is {value} at {where}"
            raise BadInput(msg)
        return value

    return SpecializedOverlaps(
        at("Q_ii"), at("Q_ik", Q_ik=1), at("Q_ik", Q_ik=0), at("R_in", R_in=1), at("R_in", R_in=0)
    )


def specialized_error(overlaps: SpecializedOverlaps, factor: Expr = sp.S.One, activation: Activation = ERF) -> Expr:
    """ε_g in M, Z, v* and whatever the overlaps are written in, kept weights multiplied by `factor`.

    ε_g = ½ Σ_ab s_a s_b I2(a, b), and all pairs of fields fall into seven kinds. Student and teacher nodes are of
    one activation.

    Raises
    ------
    NoClosedForm
        I2 of the activation has none.
    """
    student, teacher, x = V / Z, -V, overlaps
    Q, R = factor**2, factor
    own = Q * x.Q_own
    kinds = (
        # how many ordered pairs, s_a s_b, C_ab, C_aa, C_bb
        (M * Z, student**2, own, own, own),
        (M * Z * (Z - 1), student**2, Q * x.Q_copies, own, own),
        (M * (M - 1) * Z**2, student**2, Q * x.Q_others, own, own),
        (2 * M * Z, student * teacher, R * x.R_own, own, 1),
        (2 * M * (M - 1) * Z, student * teacher, R * x.R_others, own, 1),
        (M, teacher**2, 1, 1, 1),
        (M * (M - 1), teacher**2, 0, 1, 1),
    )
    pairs = [count * weights * second_moment(activation, *covariance) for count, weights, *covariance in kinds]
    per_teacher = sp.expand(sp.expand_mul(sp.Add(*pairs) / (2 * M * V**2), deep=False), deep=False)
    if per_teacher.has(sp.exp):  # factored, products of exponentials become quotients that overflow
        return M * V**2 * per_teacher
    return M * V**2 * sp.collect(per_teacher, _functions(per_teacher), sp.factor)


def _functions(sum_of_terms: Expr) -> list[Expr]:
    """The functions, such as asin(…), that multiply the terms of a sum."""
    factors = [factor for term in sp.Add.make_args(sum_of_terms) for factor in sp.Mul.make_args(term)]
    return list(dict.fromkeys(factor for factor in factors if isinstance(factor, sp.Function)))


def second_moment(activation: Activation, ab: Expr, aa: Expr, bb: Expr) -> Expr:
    """E[g(u_a) g(u_b)] at C_ab, C_aa and C_bb.

    Raises
    ------
    NoClosedForm
        I2 of the activation has none.
    """
    return _I2(activation).subs(
        {covariance_symbol(*names): value for names, value in (("ab", ab), ("aa", aa), ("bb", bb))}, simultaneous=True
    )


@cache
def _I2(activation: Activation) -> Expr:
    return integral("I2", activation).closed_form
