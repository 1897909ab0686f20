"""Two groups of two student nodes, one for each of two teacher nodes: symmetric states, and their pruned errors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.integrals import I2
from divprune_sym.dynamics.symbols import FIELDS, S, a, b
from divprune_sym.dynamics.symmetric import Entry, Evaluator, Field, SymmetricState, one

if TYPE_CHECKING:
    from sympy import Expr

GROUPS, COPIES = sp.Integer(2), sp.Integer(2)
# Q of a node, with the other one of its group, with those of the other group; R with its own teacher node and the other
Q_OWN, Q_COPY, Q_OTHER, R_OWN, R_OTHER, V = UNKNOWNS = sp.symbols("Q_own Q_copy Q_other R_own R_other v", real=True)
p = sp.Symbol("p", positive=True)

_KEPT = sp.symbols("kept kept_same kept_other", nonnegative=True)
_PAIRS = sp.IndexedBase("pairs", shape=(FIELDS, FIELDS))


def entry(letter: str, indices: tuple[int, ...]) -> sp.Symbol:
    """The unknown that a coordinate of Q, R or v is; nodes 1 and 2 are the first group, 3 and 4 the second."""
    if letter == "v":
        return V
    group = (indices[0] + 1) // 2
    if letter == "R":
        return R_OWN if group == indices[1] else R_OTHER
    return covariance(*[Field("student", (i + 1) // 2, 2 - i % 2) for i in indices])


def equal_copies(letter: str, indices: tuple[int, ...]) -> sp.Symbol:
    """The same where both nodes of a group are equal."""
    found = entry(letter, indices)
    return Q_OWN if found == Q_COPY else found


def covariance(x: Field, y: Field) -> Expr:
    """C at two fields."""
    kinds = {x.kind, y.kind}
    if kinds == {"teacher"}:
        return sp.Integer(x == y)
    if kinds == {"student"}:
        return Q_OWN if x == y else Q_COPY if x.group == y.group else Q_OTHER
    return R_OWN if x.group == y.group else R_OTHER


def state(**changed: Entry) -> SymmetricState:
    """The state, with other arrays where they are given."""
    arrays: dict[str, Entry] = {
        "mask": one,
        "fraction": one,
        "variance": one,
        "C": covariance,
        "X": covariance,
        "pairs": one,
    }
    arrays |= {"s": _weight, "v": _weight}
    return SymmetricState(arrays | changed, groups=GROUPS, copies=COPIES)


def _weight(x: Field) -> Expr:
    return sp.Integer(-1) if x.kind == "teacher" else V


def _edge_pruned(x: Field, y: Field) -> Expr:
    """Random edges: p for a node with itself and with the teacher, p² for two nodes."""
    bits = 2 if x.kind == y.kind == "student" and x != y else int("student" in (x.kind, y.kind))
    return p**bits * covariance(x, y)


def _kept(x: Field, y: Field) -> Expr:
    """P(x and y kept); teacher nodes always are."""
    if "teacher" in (x.kind, y.kind):
        return sp.Integer(1) if x.kind == y.kind else _KEPT[0]
    if x == y:
        return _KEPT[0]
    return _KEPT[1] if x.group == y.group else _KEPT[2]


def _error(pruned: SymmetricState) -> Expr:
    double_sum = sp.Sum(S[a] * S[b] * _PAIRS[a, b] * I2(a, b), (a, 0, FIELDS - 1), (b, 0, FIELDS - 1)) / 2
    return sp.expand(Evaluator(equations_of_motion(), pruned).value(double_sum, {}), deep=False)


@cache
def unpruned() -> Expr:
    """ε_g."""
    return _error(state())


@cache
def random_edges() -> Expr:
    """ε_g after random edge pruning, in p."""
    return _error(state(C=_edge_pruned))


@cache
def _nodes() -> Expr:
    return _error(state(pairs=_kept))


def random_nodes(kept: int) -> Expr:
    """ε_g after random node pruning, k of 4 kept."""
    pair = sp.Rational(kept * (kept - 1), 12)
    return _nodes().subs(dict(zip(_KEPT, (sp.Rational(kept, 4), pair, pair), strict=True)))


# Σ_S det Q_S over pairs of nodes: of one group, and of two
_SAME, _OTHER = Q_OWN**2 - Q_COPY**2, Q_OWN**2 - Q_OTHER**2
ALL_PAIRS = sp.expand(GROUPS * _SAME + GROUPS * COPIES * _OTHER)


def dpp_nodes(kept: int) -> Expr:
    """ε_g after DPP node pruning, k ≤ 2 of 4 kept: P(S) ∝ det Q_S, which is 0 for equal copies."""
    if kept == 1:
        return random_nodes(1)
    return _nodes().subs(dict(zip(_KEPT, (sp.Rational(1, 2), _SAME / ALL_PAIRS, _OTHER / ALL_PAIRS), strict=True)))
