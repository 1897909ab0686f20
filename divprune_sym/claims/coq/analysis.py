"""Inequalities with arc sines and roots of one variable on a closed interval, proved in Coq by CoqInterval.

The statement has the library's asin. It is rewritten by atan where its argument is strictly between −1 and 1, which is
proved each time: at ±1 Coq's 1/0 = 0 would make atan(x/√(1 − x²)) another number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.coq.gallina import NotExpressible, name_of

if TYPE_CHECKING:
    from sympy import Basic

    from divprune_sym.claims.domain import Domain

REALS = """\
From Coq Require Import Reals Lra Ratan.
From Interval Require Import Tactic.
Open Scope R_scope.

Lemma asin_inside (x : R) : -1 < x < 1 -> asin x = atan (x / sqrt (1 - x ^ 2)).
Proof. intros inside. rewrite asin_atan by exact inside. unfold Rsqr. do 3 f_equal. ring. Qed.
"""
_REDUCED = {sp.Lt: "Rminus_lt", sp.Gt: "Rminus_gt"}


def script(statement: Basic, where: Domain) -> list[str]:
    """The tactics that prove a strict inequality of one real variable on a closed interval.

    Raises
    ------
    NotExpressible
        The statement or the domain is of another kind.
    """
    symbols = list(where.symbols | statement.free_symbols)
    if type(statement) not in _REDUCED or len(symbols) != 1 or where.is_integer(symbols[0]):
        msg = "arc sines or roots are exported in single strict inequalities of one real variable"
        raise NotExpressible(msg)
    (x,) = symbols
    if not {(sp.Ge, x), (sp.Le, x)} <= {(type(r), r.lhs) for r in where.relations if r.rhs.is_Rational}:
        msg = f"arc sines or roots are exported on closed intervals; {x} is known on {where}"
        raise NotExpressible(msg)
    low = max(r.rhs for r in where.relations if isinstance(r, sp.Ge))
    high = min(r.rhs for r in where.relations if isinstance(r, sp.Le))
    name = name_of(x.name)
    return [
        f"assert ({low} <= {name} <= {high}) by lra.",
        "repeat match goal with |- context [asin ?x] =>",
        f"  rewrite (asin_inside x) by (split; interval with (i_bisect {name})) end.",
        f"apply {_REDUCED[type(statement)]}; interval with (i_bisect {name}, i_taylor {name}).",
    ]
