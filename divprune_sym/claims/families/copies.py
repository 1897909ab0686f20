"""Whether equal copies stay equal under label noise: they never do without weight decay, and may with it.

Two student nodes with the same w and v stay copies. A small squared distance ℓ = |w_1 − w_2|²/N between them grows at a
rate that is an eigenvalue of the Jacobian; at rest the motion of Q_11 turns it into a formula with a sign. At
M = Z = 2 all eigenvalues are enclosed, there and at the fixed point that the copies part to.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.derived import gaussian_mean, same_means
from divprune_sym.claims.domain import Domain, between
from divprune_sym.claims.errors import PrunedError
from divprune_sym.claims.evidence import Certified, Proof, once
from divprune_sym.claims.motion import Setting, SymmetricRest, coordinates
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rest import Rests, Signs
from divprune_sym.claims.rules import Arithmetic, Combination, Follows, Pointwise
from divprune_sym.claims.statements import FIELD, FIELD_SQUARE, SIGNAL, ZETA, Mean
from divprune_sym.claims.two_groups import (
    ALL_PAIRS,
    Q_COPY,
    Q_OWN,
    UNKNOWNS,
    dpp_nodes,
    entry,
    equal_copies,
    p,
    random_edges,
    random_nodes,
    unpruned,
)
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.symbols import D_Q, DECAY, DRIFT, ETA, FRACTION, MASK, SIGMA, SPREAD, VARIANCE, V, X, c, i, k

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sympy import Expr

    from divprune_sym.claims.claim import Evidence
    from divprune_sym.claims.steps import Step

PLACE, PROCESS = 105, 6

# --- two copies in any network ------------------------------------------------------------------------

# u = λ of both copies, Y their network's noiseless error signal Σ_a s_a g(u_a), ζ the label noise: Δ = Y − σζ
_u, _Y, _zeta, _q = FIELD, SIGNAL, ZETA, FIELD_SQUARE
_v = sp.Symbol("v", real=True)
_e, _rest = sp.symbols("e Y_0", real=True)
_GROWTH, _RATE = (sp.Function(name)(_v, _q, ETA, SIGMA, DECAY) for name in ("growth", "rate_of_Q_11"))


def _g(x: Expr) -> Expr:
    return sp.erf(x / sp.sqrt(2))


def _slope(x: Expr) -> Expr:
    t = sp.Dummy()
    return sp.diff(_g(t), t).subs(t, x)


def _rate_of_overlap(one: int, other: int, fields: tuple[Expr, Expr], signal: Expr) -> tuple[Expr, Expr]:
    """dQ_ik/dα as derived, for one mask class of all inputs: under the mean, and the decay of Q_ik over Q_ik."""
    (rhs,) = {x.rhs for x in equations_of_motion().assignments if x.lhs == D_Q[c, i, k]}
    slopes = [_slope(x) for x in fields]
    values: dict[Expr, Expr] = {FRACTION[c]: 1, VARIANCE[c]: 1, X[c, i, k]: 0}
    for mine, n, theirs in ((i, one, k), (k, other, i)):
        values |= {MASK[c, mine]: 1, V[mine]: _v}
        values[DRIFT[c, mine, theirs]] = slopes[n] * signal * fields[other if mine == i else one]
    values[SPREAD[i, k]] = slopes[one] * slopes[other] * signal**2
    return rhs.subs(values, simultaneous=True), rhs.coeff(X[c, i, k])


@cache
def _rate() -> Expr:
    """dQ_11/dα."""
    under_mean, decay = _rate_of_overlap(0, 0, (_u, _u), _Y - SIGMA * _zeta)
    return Mean(sp.factor(under_mean)) + decay * _q


@cache
def _growth() -> Expr:
    """(dℓ/dα)/ℓ as ℓ → 0: fields u ± e, e ~ N(0, ℓ/4) independent of the others."""
    fields = (_u + _e, _u - _e)
    signal = _v * _g(fields[0]) + _v * _g(fields[1]) + _rest - SIGMA * _zeta
    total = sp.Integer(0)
    for one, other, count in ((0, 0, 1), (1, 1, 1), (0, 1, -2)):
        under_mean, decay = _rate_of_overlap(one, other, fields, signal)
        total += count * under_mean
    second = sp.diff(total, _e, 2).subs(_e, 0) / 2
    return Mean(sp.factor(second.subs(_rest, _Y - 2 * _v * _g(_u)) / 4)) + decay


_WEIGHT = (1 + _u**2) * _slope(_u) ** 2
_SIGNAL, _NOISE = Mean(_WEIGHT * _Y**2), Mean(_WEIGHT)
_FLOOR = 2 * (1 + 3 * _q) / (sp.pi * (1 + 2 * _q) ** sp.Rational(3, 2))
_SCALE = (ETA * _v) ** 2
_AT_REST = _SCALE * (_SIGNAL + SIGMA**2 * _NOISE) - 2 * DECAY * (1 + _q)


def _sum_of_both() -> sp.Eq:
    return sp.Eq(_growth() + _rate(), _AT_REST, evaluate=False)


@once
def _two_copies() -> Iterator[Step]:
    both = _sum_of_both()
    yield same_means(
        "growth + dQ_11/dα = η²v² E[(1 + u²) g'(u)² (Y² + σ²)] − 2κ(1 + Q_11), since g''(u) = −u g'(u)",
        both.lhs,
        both.rhs,
    )
    yield gaussian_mean("E[(1 + u²) g'(u)²] = 2(1 + 3Q)/(π (1 + 2Q)^(3/2))", _WEIGHT, _FLOOR)


def _any_network() -> list[Claim]:
    resting = sp.Eq(_rate(), 0, evaluate=False)
    named = sp.Eq(_RATE, 0, evaluate=False)
    formula = sp.Eq(_growth(), _AT_REST, evaluate=False)
    common: list[Evidence] = [Proof(_two_copies)]
    where = {_GROWTH: _growth, _RATE: _rate}
    assumed = (
        "student nodes 1 and 2 have the same w and v at every input; any K, M, teacher and other nodes; erf nodes, "
        "white inputs, N → ∞, no masks; any η_v",
        "growth = (dℓ/dα)/ℓ for ℓ = |w_1 − w_2|²/N → 0: ℓ is the one combination of Q, R, v even under exchange "
        "of the copies and vanishes where they are equal, so that growth is an eigenvalue of the Jacobian there",
        "u = λ_1 ~ N(0, Q_11), Y = Σ_a s_a g(u_a) noiseless, ζ ~ N(0, 1) independent; Δ = Y − σζ",
    )
    signs = []
    for side in (sp.Gt, sp.Lt):
        relations = (sp.Gt(ETA, 0), sp.Gt(SIGMA, 0), sp.Eq(DECAY, 0), side(_v, 0), resting)
        signs += _certainly_grows(Domain(tuple(relations)), resting)
    return [
        Claim(
            "copies.growth",
            "At rest, a small distance between equal copies grows at a rate of which only weight decay is negative.",
            sp.Implies(named, sp.Eq(_GROWTH, _AT_REST, evaluate=False)),
            (),
            "this project",
            (
                *common,
                Follows(formula, Domain((resting,)), Combination(((sp.S.One, _sum_of_both()), (-sp.S.One, resting)))),
            ),
            Verdict.PROVED,
            where,
            assumed,
        ),
        Claim(
            "copies.never-stable",
            "Without weight decay, no fixed point with two equal copies of a node is stable under label noise.",
            sp.Implies(named, sp.Gt(_GROWTH, 0)),
            (sp.Gt(ETA, 0), sp.Gt(SIGMA, 0), sp.Ne(_v, 0), sp.Eq(DECAY, 0)),
            "this project",
            (*common, *signs),
            Verdict.PROVED,
            where,
            assumed,
        ),
    ]


def _certainly_grows(domain: Domain, resting: sp.Eq) -> list[Evidence]:
    """growth > 0 where dQ_11/dα = 0 and κ = 0."""
    square, floor = sp.Ge(_SIGNAL, 0, evaluate=False), sp.Gt(_SCALE * SIGMA**2 * _FLOOR, 0, evaluate=False)
    parts = (
        (sp.S.One, _sum_of_both()),
        (-sp.S.One, resting),
        (_SCALE, square),
        (_SCALE * SIGMA**2, sp.Eq(_NOISE, _FLOOR, evaluate=False)),
        (sp.S.One, floor),
        (-2 * (1 + _q), sp.Eq(DECAY, 0)),
    )
    return [
        Follows(square, domain, Pointwise()),
        Follows(floor, domain, Arithmetic()),
        Follows(sp.Gt(_growth(), 0, evaluate=False), domain, Combination(parts)),
    ]


# --- two groups of two copies -------------------------------------------------------------------------

_HALF, _QUARTER = sp.Rational(1, 2), sp.Rational(1, 4)
_RADIUS = sp.Rational(1, 10**9)
_EQUAL = {x: sp.Symbol(f"{x.name}_equal", real=True) for x in UNKNOWNS if x != Q_COPY}


def _box(*middle: str, unknowns: Iterable[sp.Symbol]) -> dict[sp.Symbol, tuple[Expr, Expr]]:
    at = zip(unknowns, map(sp.Rational, middle), strict=True)
    return {x: (y - _RADIUS, y + _RADIUS) for x, y in at}


def _state(entries: Callable[[str, tuple[int, ...]], sp.Symbol]) -> sp.Tuple:
    return sp.Tuple(*[entries(*x) for x in coordinates(4, 2)])


def _equal(letter: str, indices: tuple[int, ...]) -> sp.Symbol:
    return _EQUAL[equal_copies(letter, indices)]


def _with_equal_copies(decay: sp.Rational, *middle: str) -> SymmetricRest:
    return SymmetricRest(Setting(4, 2, _HALF, _HALF, decay), _state(_equal), _box(*middle, unknowns=_EQUAL.values()))


# Newton's method from the noiseless state, and from where perturbed copies and random starts end
_SADDLE = _with_equal_copies(
    sp.S.Zero, "1.872295424804", "0.386877490561", "1.347343914974", "0.144360762706", "0.388847352159"
)
_DECAYED = _with_equal_copies(
    sp.Rational(3, 2000), "1.226007097443", "0.284714783994", "1.085192387343", "0.130249329523", "0.421616387578"
)
_TOO_MUCH = _with_equal_copies(
    sp.Rational(3, 1000), "0.966867692601", "0.279281599471", "0.957874466289", "0.143366746829", "0.435928232664"
)
_ATTRACTOR = SymmetricRest(
    Setting(4, 2, _HALF, _HALF),
    _state(entry),
    _box(
        *("2.204161091827", "1.938620559997", "0.422267762907", "1.418728850675", "0.149621149280", "0.391004737368"),
        unknowns=UNKNOWNS,
    ),
)


def _inside(*rests: SymmetricRest) -> tuple[sp.Basic, ...]:
    ends = [(x, *pair) for rest in rests for x, pair in rest.box.items()]
    return tuple(r for x, low, high in ends for r in between(low, x, high, (True, True)))


def _resting(name: str, title: str, rest: SymmetricRest, right: int) -> Claim:
    """That one state of a box is at rest, and how many directions lead away from it."""
    return Claim(
        f"copies.{name}",
        title,
        sp.And(rest.at_rest, rest.spectrum(right)),
        _inside(rest),
        "this project",
        (Rests(rest, "rests"), Signs(rest, right, "spectrum")),
        Verdict.CERTIFIED,
        {},
        _SETTING,
    )


_SETTING = (
    "M = 2, Z = 2, A_n = 1, T = 1, both layers trained, η_v = η; erf nodes, white inputs, N → ∞",
    "eigenvalues of the Jacobian in Q above and on its diagonal, R and v: 22 of them",
)


def _at_attractor(
    name: str, title: str, pairs: Mapping[str, tuple[Expr, Expr]], assumed: str, *more: sp.Basic
) -> Claim:
    """One pruned error below another, for each pair of names and formulas, at the stable fixed point."""
    parts: list[sp.Basic] = []
    relations: list[Evidence] = []
    where: dict[Expr, Expr] = {}
    for n, (names, formulas) in enumerate(pairs.items()):
        first, second = (PrunedError(sp.Symbol(method), *UNKNOWNS) for method in names.split(" < "))
        where |= {first: formulas[0], second: formulas[1]}
        parts.append(sp.Lt(first, second))
        relations.append(Certified(Inequality(formulas[0] - formulas[1], _ATTRACTOR.box, -1), f"below-{n + 1}"))
    return Claim(
        f"copies.{name}",
        title,
        sp.And(_ATTRACTOR.at_rest, *parts),
        (*_inside(_ATTRACTOR), *more),
        "this project",
        (Rests(_ATTRACTOR, "rests"), *relations),
        Verdict.CERTIFIED,
        where,
        (*_SETTING[:1], assumed, "ε_g excludes the label noise"),
    )


def _lower_error() -> Claim:
    names = [PrunedError(sp.Symbol(x), *y) for x, y in (("unequal", UNKNOWNS), ("equal", _EQUAL.values()))]
    errors = [unpruned(), unpruned().subs({Q_COPY: Q_OWN}).subs(_EQUAL)]
    difference = Inequality(errors[0] - errors[1], {**_ATTRACTOR.box, **_SADDLE.box}, -1)
    return Claim(
        "copies.parting-lowers-the-error",
        "The stable fixed point, of unequal copies, has a lower error than the one with equal copies.",
        sp.And(_ATTRACTOR.at_rest, _SADDLE.at_rest, sp.Lt(*names)),
        _inside(_ATTRACTOR, _SADDLE),
        "this project",
        (Rests(_ATTRACTOR, "unequal"), Rests(_SADDLE, "equal"), Certified(difference, "below")),
        Verdict.CERTIFIED,
        dict(zip(names, errors, strict=True)),
        (*_SETTING[:1], "ε_g excludes the label noise; unpruned"),
    )


def claims() -> list[Claim]:
    """The claims of this family."""
    return [
        *_any_network(),
        _resting(
            "saddle",
            "At η = σ = 1/2 without weight decay the fixed point with equal copies is a saddle: 5 of 22 eigenvalues "
            "are positive.",
            _SADDLE,
            5,
        ),
        _resting(
            "attractor",
            "At η = σ = 1/2 without weight decay a fixed point with unequal copies is stable.",
            _ATTRACTOR,
            0,
        ),
        _lower_error(),
        _at_attractor(
            "order-turns",
            "At the stable fixed point, too, label noise turns the order of random edges and DPP nodes at k = 1 of 4.",
            {"random-edge < dpp-node": (random_edges().subs(p, _QUARTER), dpp_nodes(1))},
            "p = k/4 = 1/4 lies above p*(2, 2) = 0.2140: without noise DPP nodes are better (label-noise.order-turns)",
        ),
        _at_attractor(
            "dpp-below-random",
            "At the stable fixed point DPP nodes are better than random nodes, and than random edges, for k = 2 of 4.",
            {
                "dpp-node < random-node": (dpp_nodes(2), random_nodes(2)),
                "dpp-node < random-edge": (dpp_nodes(2), random_edges().subs(p, _HALF)),
            },
            "P(S) ∝ det Q_S, Q as it is: copies are unequal, and may be kept together; p = 1/2",
            sp.Gt(ALL_PAIRS, 0),
        ),
        _resting(
            "stable-with-weight-decay",
            "At η = σ = 1/2 and weight decay κ = 3/2000 the fixed point with equal copies is stable.",
            _DECAYED,
            0,
        ),
        _resting(
            "too-much-weight-decay",
            "At η = σ = 1/2 and weight decay κ = 3/1000 the fixed point with equal copies is unstable again.",
            _TOO_MUCH,
            2,
        ),
    ]
