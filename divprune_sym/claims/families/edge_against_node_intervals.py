"""Random edges against DPP nodes for two and three copies, on closed intervals that stop short of the boundary.

For p ≤ 1/Z the number of teacher nodes does not enter, so that M → ∞ is included. These are the claims with arc sines
that Coq's kernel checks; `edge_against_node` says more.
"""

from __future__ import annotations

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import between
from divprune_sym.claims.errors import e, p, u
from divprune_sym.claims.evidence import Certified
from divprune_sym.claims.families.edge_against_node import ASSUMED
from divprune_sym.claims.prover import Inequality

PLACE, PROCESS = 65, 5

_ROWS = (
    (2, ("1/100", "213/1000"), ("215/1000", "1/2")),
    (3, ("1/100", "243/1000"), ("245/1000", "1/3")),
)


def _claim(copies: int, ends: tuple[str, str], better: bool) -> Claim:
    low, high = map(sp.Rational, ends)
    sides = e("random-edge", p, sp.Integer(copies)), e("dpp-node", p, sp.Integer(copies))
    edge = errors.random_edge().subs(u, sp.Rational(1, copies))
    node = 1 - 2 * p + p / copies
    return Claim(
        f"edge-node.z{copies}-{'below' if better else 'above'}",
        f"For Z = {copies} and any M random edges leave a {'smaller' if better else 'larger'} error than DPP nodes at "
        f"every keep fraction from {low} to {high}.",
        (sp.Lt if better else sp.Gt)(*sides),
        between(low, p, high, (True, True)),
        "this project",
        (Certified(Inequality(edge - node, {p: (low, high)}, -1 if better else 1)),),
        Verdict.CERTIFIED,
        {sides[0]: edge, sides[1]: node},
        (*ASSUMED, "p = k/(MZ) ≤ 1/Z, where e of DPP nodes does not depend on M (edge-node.region)"),
    )


def claims() -> list[Claim]:
    """The claims of this family."""
    return [_claim(copies, ends, way == 0) for copies, *rows in _ROWS for way, ends in enumerate(rows)]
