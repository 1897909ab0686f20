"""That a method leaves a larger error than magnitude edges where few edges are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.domain import Domain
from divprune_sym.claims.errors import p, t
from divprune_sym.claims.evidence import Certified, Proof
from divprune_sym.claims.families.magnitude_against_dpp import mills_tail
from divprune_sym.claims.few_kept import LEAST_KEEP, SQUARE, TAIL, FewKept, below
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rules import Follows

if TYPE_CHECKING:
    from sympy import Expr

    from divprune_sym.claims.claim import Evidence


def tail_of(own: Expr, gap: Expr) -> list[Evidence]:
    """That the gap is positive for t ≥ T; own in p."""
    falling = Inequality(sp.diff(errors.magnitude_edge(SQUARE), SQUARE), {SQUARE: (0, 1)}, -1)
    above = Inequality(below(own), {p: (0, LEAST_KEEP)}, 1, {p: (1, 0)})
    beyond = Domain((sp.Ge(t, TAIL, evaluate=False),))
    return [
        Proof(mills_tail),
        Certified(falling, "tail-m"),
        Certified(above, "tail-p"),
        Follows(sp.Gt(gap, 0, evaluate=False), beyond, FewKept(own)),
    ]
