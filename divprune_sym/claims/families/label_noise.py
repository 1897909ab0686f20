"""What label noise changes: pruning at the fixed point of online SGD, two groups of two copies, both layers trained.

Copies are equal and stay so; by symmetry the fixed point has five unknowns. Interval Newton shows that it exists and is
unique in a box, for all η and σ in a neighborhood, and the comparisons hold in the whole box.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import between
from divprune_sym.claims.errors import PrunedError
from divprune_sym.claims.evidence import Certified, Proof, UniqueZero, once
from divprune_sym.claims.prover import Inequality, ZeroOfSystem
from divprune_sym.claims.statements import ExactlyOneZero
from divprune_sym.claims.steps import is_zero, same
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.integrals import I2
from divprune_sym.dynamics.symbols import D_Q, D_R, D_V, DECAY, ETA, ETA_V, FIELDS, SIGMA, S, a, b
from divprune_sym.dynamics.symmetric import Entry, Evaluator, Field, SymmetricState, one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

    from divprune_sym.claims.steps import Step

PLACE, PROCESS = 100, 5

_GROUPS, _COPIES = sp.Integer(2), sp.Integer(2)
_Q, _C, _R, _P, _V = _UNKNOWNS = sp.symbols("Q_own Q_other R_own R_other v", real=True)
_KEPT = sp.symbols("kept kept_same kept_other", nonnegative=True)
_p = sp.Symbol("p", positive=True)
_PAIRS = sp.IndexedBase("pairs", shape=(FIELDS, FIELDS))

_STUDENT, _OTHER = Field("student", 1, 1), Field("student", 2, 1)
_TEACHER, _OTHER_TEACHER = Field("teacher", 1), Field("teacher", 2)

# η and σ, each ± 10⁻⁵, and a box of ± 2·10⁻⁴ around the fixed point
_NOISY = {ETA: (sp.Rational(49999, 100000), sp.Rational(50001, 100000))}
_NOISY[SIGMA] = _NOISY[ETA]
_RADIUS = sp.Rational(1, 5000)
_MIDDLE = dict(zip(_UNKNOWNS, map(sp.Rational, ("1.8723", "0.3869", "1.3473", "0.1444", "0.3888")), strict=True))

_WITHOUT_NOISE = dict(zip(_UNKNOWNS, (1, 0, 1, 0, sp.Rational(1, 2)), strict=True))


def _covariance(x: Field, y: Field) -> Expr:
    kinds = {x.kind, y.kind}
    if kinds == {"teacher"}:
        return sp.Integer(x == y)
    if kinds == {"student"}:
        return _Q if x.group == y.group else _C
    return _R if x.group == y.group else _P


def _edge_pruned(x: Field, y: Field) -> Expr:
    """Random edges: p for a node with itself and with the teacher, p² for two nodes."""
    bits = 2 if x.kind == y.kind == "student" and x != y else int("student" in (x.kind, y.kind))
    return _p**bits * _covariance(x, y)


def _kept(x: Field, y: Field) -> Expr:
    """P(x and y kept); teacher nodes always are."""
    if "teacher" in (x.kind, y.kind):
        return sp.Integer(1) if x.kind == y.kind else _KEPT[0]
    if x == y:
        return _KEPT[0]
    return _KEPT[1] if x.group == y.group else _KEPT[2]


def _state(**changed: Entry) -> SymmetricState:
    arrays: dict[str, Entry] = {
        "mask": one,
        "fraction": one,
        "variance": one,
        "C": _covariance,
        "X": _covariance,
        "pairs": one,
    }
    arrays |= {"s": _weight, "v": _weight}
    return SymmetricState(arrays | changed, groups=_GROUPS, copies=_COPIES)


def _weight(x: Field) -> Expr:
    return sp.Integer(-1) if x.kind == "teacher" else _V


@cache
def _rates() -> tuple[Expr, ...]:
    """dQ, dR and dv over η, η_v = η, as derived."""
    moving = Evaluator(equations_of_motion(), _state())
    rates = (
        moving.rate(D_Q, _STUDENT, _STUDENT),
        moving.rate(D_Q, _STUDENT, _OTHER),
        moving.rate(D_R, _STUDENT, _TEACHER),
        moving.rate(D_R, _STUDENT, _OTHER_TEACHER),
        moving.rate(D_V, _STUDENT),
    )
    return tuple(sp.expand(rate.subs({DECAY: 0, ETA_V: ETA}) / ETA, deep=False) for rate in rates)


@cache
def _error(pruned: str) -> Expr:
    """ε_g after node pruning (in the probabilities) or random edge pruning (in p)."""
    state = _state(pairs=_kept) if pruned == "nodes" else _state(C=_edge_pruned)
    double_sum = sp.Sum(S[a] * S[b] * _PAIRS[a, b] * I2(a, b), (a, 0, FIELDS - 1), (b, 0, FIELDS - 1)) / 2
    return sp.expand(Evaluator(equations_of_motion(), state).value(double_sum, {}), deep=False)


def _nodes(dpp: bool, kept: int) -> Expr:
    """k of 4: uniform subsets, or one node of each group first (the ε → 0 law of the DPP of equal copies)."""
    K = int(_GROUPS * _COPIES)
    pair = sp.Rational(kept * (kept - 1), K * (K - 1))
    same_group, other = pair, pair
    if dpp and kept == 2:
        same_group, other = sp.Integer(0), sp.Rational(1, 4)
    return _error("nodes").subs(dict(zip(_KEPT, (sp.Rational(kept, K), same_group, other), strict=True)))


@once
def _noiseless() -> Iterator[Step]:
    """The same formulas at the noiseless fixed point."""
    zero = _WITHOUT_NOISE
    for n, rate in enumerate(_rates()):
        yield is_zero(f"equation {n + 1} vanishes at Q = R = 1, v = 1/Z without noise", rate.subs({**zero, SIGMA: 0}))
    yield same("k = 1: node pruning leaves (1 + 1/4)/6", _nodes(False, 1).subs(zero), sp.Rational(5, 24))
    yield same("k = 2, DPP: 2 (1/4)/6", _nodes(True, 2).subs(zero), sp.Rational(1, 12))
    yield same("k = 2, random: (2/3 · 1/2 + 1/3 · 1)/6", _nodes(False, 2).subs(zero), sp.Rational(1, 9))
    yield is_zero("p = 1: nothing is lost", _error("edges").subs(zero).subs(_p, 1))


def _box() -> dict[sp.Symbol, tuple[Expr, Expr]]:
    return {x: (middle - _RADIUS, middle + _RADIUS) for x, middle in _MIDDLE.items()}


_QUARTER = sp.Rational(1, 4)
_RATES = [sp.Function(f"F_{n}")(*_UNKNOWNS, ETA, SIGMA) for n in range(1, 6)]


def _error_at(name: str, *arguments: Expr) -> Expr:
    return PrunedError(sp.Symbol(name), *arguments)


def claims() -> list[Claim]:
    """The claims of this family."""
    edges, plain = _error("edges"), _error("edges").subs(_WITHOUT_NOISE)
    box = _box()
    fixed = UniqueZero(lambda: ZeroOfSystem(_rates(), box, _NOISY), "fixed-point")
    ends = sp.Tuple(*[sp.Tuple(*pair) for pair in box.values()])
    exists = ExactlyOneZero(sp.Tuple(*_RATES), sp.Tuple(*box), ends)
    rates = {name: lambda n=n: _rates()[n] for n, name in enumerate(_RATES)}
    parameters = [r for x, (low, high) in _NOISY.items() for r in between(low, x, high, (True, True))]
    inside = [r for x, (low, high) in box.items() for r in between(low, x, high, (True, True))]
    assumed = (
        "M = 2, Z = 2, A_n = 1, both layers trained, η_v = η; erf nodes, white inputs, N → ∞, no weight decay",
        "the fixed point of online SGD with label noise whose copies are equal: F are the rates of Q, R and v over η",
        "ε_g excludes the label noise",
    )
    k2 = [_error_at(name, sp.Integer(2), *_UNKNOWNS) for name in ("dpp-node", "random-node")]
    edge, node = (_error_at("random-edge", _p, *_UNKNOWNS), _error_at("dpp-node", sp.Integer(1), *_UNKNOWNS))
    noiseless = _error_at("noiseless-random-edge", _p), _error_at("noiseless-dpp-node", sp.Integer(1))
    return [
        Claim(
            "label-noise.fixed-point",
            "Online SGD with label noise η = σ = 1/2 has exactly one fixed point with equal copies in a stated box.",
            exists,
            parameters,
            "this project",
            (Proof(_noiseless), fixed),
            Verdict.CERTIFIED,
            rates,
            assumed,
        ),
        Claim(
            "label-noise.dpp-below-random",
            "Label noise leaves the order of DPP and random nodes as it is: DPP is better for k = 2 of 4.",
            sp.And(exists, sp.Lt(*k2)),
            (*parameters, *inside),
            "this project",
            (Proof(_noiseless), fixed, Certified(Inequality(_nodes(True, 2) - _nodes(False, 2), box, -1), "k2")),
            Verdict.CERTIFIED,
            {**rates, k2[0]: _nodes(True, 2), k2[1]: _nodes(False, 2)},
            assumed,
        ),
        Claim(
            "label-noise.order-turns",
            "Label noise turns the order of random edges and DPP nodes at k = 1 of 4: nodes are better without it, "
            "edges with it.",
            sp.And(exists, sp.Lt(edge, node), sp.Gt(*noiseless)),
            (*parameters, *inside, sp.Eq(_p, _QUARTER)),
            "this project (compare edge-node.region: p = 1/4 lies above p*(2, 2) = 0.2140)",
            (
                Proof(_noiseless),
                Certified(
                    Inequality(plain - sp.Rational(5, 24), {_p: (sp.Rational(249, 1000), sp.Rational(251, 1000))}, 1),
                    "noiseless",
                ),
                fixed,
                Certified(Inequality(edges.subs(_p, _QUARTER) - _nodes(True, 1), box, -1), "k1"),
            ),
            Verdict.CERTIFIED,
            {
                **rates,
                edge: edges,
                node: _nodes(True, 1),
                noiseless[0]: plain,
                noiseless[1]: _nodes(True, 1).subs(_WITHOUT_NOISE),
            },
            assumed,
        ),
    ]
