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
from divprune_sym.claims.two_groups import (
    Q_COPY,
    Q_OTHER,
    Q_OWN,
    R_OTHER,
    R_OWN,
    V,
    dpp_nodes,
    p,
    random_edges,
    random_nodes,
    state,
)
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.symbols import D_Q, D_R, D_V, DECAY, ETA, ETA_V, SIGMA
from divprune_sym.dynamics.symmetric import Evaluator, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

    from divprune_sym.claims.steps import Step

PLACE, PROCESS = 100, 5

_EQUAL = {Q_COPY: Q_OWN}
_UNKNOWNS = (Q_OWN, Q_OTHER, R_OWN, R_OTHER, V)

_STUDENT, _OTHER = Field("student", 1, 1), Field("student", 2, 1)
_TEACHER, _OTHER_TEACHER = Field("teacher", 1), Field("teacher", 2)

# η and σ, each ± 10⁻⁵, and a box of ± 2·10⁻⁴ around the fixed point
_NOISY = {ETA: (sp.Rational(49999, 100000), sp.Rational(50001, 100000))}
_NOISY[SIGMA] = _NOISY[ETA]
_RADIUS = sp.Rational(1, 5000)
_MIDDLE = dict(zip(_UNKNOWNS, map(sp.Rational, ("1.8723", "0.3869", "1.3473", "0.1444", "0.3888")), strict=True))

_WITHOUT_NOISE = dict(zip(_UNKNOWNS, (1, 0, 1, 0, sp.Rational(1, 2)), strict=True))


@cache
def _rates() -> tuple[Expr, ...]:
    """dQ, dR and dv over η, η_v = η, as derived, copies being equal."""
    moving = Evaluator(equations_of_motion(), state())
    rates = (
        moving.rate(D_Q, _STUDENT, _STUDENT),
        moving.rate(D_Q, _STUDENT, _OTHER),
        moving.rate(D_R, _STUDENT, _TEACHER),
        moving.rate(D_R, _STUDENT, _OTHER_TEACHER),
        moving.rate(D_V, _STUDENT),
    )
    return tuple(sp.expand(rate.subs({DECAY: 0, ETA_V: ETA, **_EQUAL}) / ETA, deep=False) for rate in rates)


def _edges() -> Expr:
    return random_edges().subs(_EQUAL)


def _nodes(dpp: bool, kept: int) -> Expr:
    return (dpp_nodes if dpp else random_nodes)(kept).subs(_EQUAL)


@once
def _noiseless() -> Iterator[Step]:
    """The same formulas at the noiseless fixed point."""
    zero = _WITHOUT_NOISE
    for n, rate in enumerate(_rates()):
        yield is_zero(f"equation {n + 1} vanishes at Q = R = 1, v = 1/Z without noise", rate.subs({**zero, SIGMA: 0}))
    yield same("k = 1: node pruning leaves (1 + 1/4)/6", _nodes(False, 1).subs(zero), sp.Rational(5, 24))
    yield same("k = 2, DPP: 2 (1/4)/6", _nodes(True, 2).subs(zero), sp.Rational(1, 12))
    yield same("k = 2, random: (2/3 · 1/2 + 1/3 · 1)/6", _nodes(False, 2).subs(zero), sp.Rational(1, 9))
    yield is_zero("p = 1: nothing is lost", _edges().subs(zero).subs(p, 1))


def _box() -> dict[sp.Symbol, tuple[Expr, Expr]]:
    return {x: (middle - _RADIUS, middle + _RADIUS) for x, middle in _MIDDLE.items()}


_QUARTER = sp.Rational(1, 4)
_RATES = [sp.Function(f"F_{n}")(*_UNKNOWNS, ETA, SIGMA) for n in range(1, 6)]


def _error_at(name: str, *arguments: Expr) -> Expr:
    return PrunedError(sp.Symbol(name), *arguments)


def claims() -> list[Claim]:
    """The claims of this family."""
    edges, plain = _edges(), _edges().subs(_WITHOUT_NOISE)
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
    edge, node = (_error_at("random-edge", p, *_UNKNOWNS), _error_at("dpp-node", sp.Integer(1), *_UNKNOWNS))
    noiseless = _error_at("noiseless-random-edge", p), _error_at("noiseless-dpp-node", sp.Integer(1))
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
            (*parameters, *inside, sp.Eq(p, _QUARTER)),
            "this project (compare edge-node.region: p = 1/4 lies above p*(2, 2) = 0.2140)",
            (
                Proof(_noiseless),
                Certified(
                    Inequality(plain - sp.Rational(5, 24), {p: (sp.Rational(249, 1000), sp.Rational(251, 1000))}, 1),
                    "noiseless",
                ),
                fixed,
                Certified(Inequality(edges.subs(p, _QUARTER) - _nodes(True, 1), box, -1), "k1"),
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
