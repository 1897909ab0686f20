"""The symmetric plateau of the soft committee (K = M, T = 1, v = A = 1 frozen) as η → 0, and how it is left.

All student nodes are equal and equally close to all teacher nodes: Q_ik = Q, R_in = R. Derived here for all M at once;
known from Saad & Solla, PRE 52, 4225 (1995): Q = 1/(2M − 1), R² = Q/M, and the rate of specialization.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.symbols import D_Q, D_R, ETA
from divprune_sym.dynamics.symmetric import Entry, Evaluator, Field, SymmetricState, one, zero
from divprune_sym.dynamics.tangent import dot, tangent_of_motion
from divprune_sym.dynamics.update import UpdateRule
from divprune_sym.gaussian import ERF

M = sp.Symbol("M", positive=True)
_Q, _R = sp.symbols("Q R", positive=True)
_STUDENT, _OTHER = Field("student", 1), Field("student", 2)
_TEACHER, _OTHER_TEACHER = Field("teacher", 1), Field("teacher", 2)


@dataclass(frozen=True)
class Plateau:
    """Overlaps Q_ik = Q and R_in = R, and the rate at which R_ii − R_in grows: exp(η escape_rate α)."""

    Q: Expr
    R: Expr
    escape_rate: Expr


@cache
def plateau() -> Plateau:
    """Solve dQ/dα = dR/dα = 0 at first order in η, and let the plateau specialize, with M left symbolic.

    Raises
    ------
    ArithmeticError
        The equations do not single out one plateau, or specialization is no eigenvector.
    """
    at_rest = Evaluator(equations_of_motion(UpdateRule(second_layer=False)), _state(_R, M))
    dQ = at_rest.rate(D_Q, _STUDENT, _STUDENT, coefficient_of=ETA)
    dR = at_rest.rate(D_R, _STUDENT, _TEACHER, coefficient_of=ETA)
    # dQ = 0 gives R(Q); dR = 0 is then linear in M, and M(Q) is inverted
    overlap = _only(sp.solve(sp.numer(sp.together(dQ)), _R))
    width = _only(sp.solve(_plain(dR.subs(_R, overlap)), M))
    Q = _only(sp.solve(width - M, _Q))
    rate = _specialization_rate(overlap, width)
    return Plateau(Q, sp.simplify(overlap.subs(_Q, Q)), sp.simplify(rate.subs(_Q, Q)))


def _specialization_rate(overlap: Expr, width: Expr) -> Expr:
    """Eigenvalue of the direction δR_ii = M − 1, δR_in = −1, δQ = 0, in terms of Q."""

    def specializing(x: Field, y: Field) -> Expr:
        if {x.kind, y.kind} != {"student", "teacher"}:
            return sp.Integer(0)
        return width - 1 if x.group == y.group else sp.Integer(-1)

    along = Evaluator(tangent_of_motion(ERF, UpdateRule(second_layer=False)), _state(overlap, width, specializing))
    teachers, students = (_TEACHER, _OTHER_TEACHER), (_STUDENT, _OTHER)
    own, other = (_plain(along.rate(dot(D_R), _STUDENT, n, coefficient_of=ETA)) for n in teachers)
    across = [_plain(along.rate(dot(D_Q), _STUDENT, k, coefficient_of=ETA)) for k in students]
    if any(across) or sp.simplify(own + other * (width - 1)) != 0:
        msg = f"specialization is no eigenvector: it moves Q by {across}, R by {own} and {other}"
        raise ArithmeticError(msg)
    return -other


def _state(overlap: Expr, width: Expr, direction: Entry = zero) -> SymmetricState:
    def covariance(x: Field, y: Field) -> Expr:
        if x.kind == y.kind == "teacher":
            return sp.Integer(int(x.group == y.group))
        return _Q if x.kind == y.kind else overlap

    def weight(x: Field) -> Expr:
        return sp.Integer(-1 if x.kind == "teacher" else 1)

    arrays: dict[str, Entry] = {"C": covariance, "X": covariance, "C_dot": direction, "X_dot": direction}
    arrays |= {"v": weight, "s": weight, "mask": one, "fraction": one, "variance": one}
    return SymmetricState(arrays, groups=width)


def _plain(expression: Expr) -> Expr:
    """Simplified, with polynomials under roots factorized: here they are squares times 2Q + 1 or Q + 1."""

    def split(power: Expr) -> Expr:
        return sp.factor(power.base) ** power.exp

    halves = sp.expand(expression).replace(lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2, split)
    return sp.factor(sp.powsimp(sp.simplify(halves)))


def _only(solutions: list[Expr]) -> Expr:
    if len(solutions) != 1:
        msg = f"{len(solutions)} solutions, expected one: {solutions}"
        raise ArithmeticError(msg)
    return solutions[0]
