"""Reweighting edges on inputs of any covariance: when it lowers the error, and when it raises it.

A node's kept weights are refitted by least squares to its unpruned field λ on inputs of covariance Ω. If the refit is
exact, the new field is the projection of λ on the kept inputs: Q' = R' = q. Before it, Q' = w_SᵀΩ_SS w_S and
R' = Q' + x with x = w_SᵀΩ_SL w_L, what kept and lost inputs have in common.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.errors import Z, e, p, u
from divprune_sym.claims.evidence import Certified, Proof, Witness
from divprune_sym.claims.links import Fact
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rules import Arithmetic, At, Ends, Follows, Slope
from divprune_sym.claims.steps import Step, is_zero, same
from divprune_sym.gaussian import ERF, integral
from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

PLACE, PROCESS = 95, 5

_SETTING = (
    "noiseless specialized state (T = 1, Z exact copies of each teacher node, v_i = v*/Z), Gaussian inputs",
    "kept weights of a node are refitted to its unpruned field by least squares",
    "e = 6 ε_g/(M v*²)",
)
_HALF = sp.Rational(1, 2)
q0, q, R = sp.symbols("q_0 q R", positive=True)
D = sp.Symbol("D", nonnegative=True)
_s = sp.Symbol("s", positive=True)


def _domain(texts: tuple[object, ...], *symbols: sp.Symbol) -> Domain:
    return read(texts, symbols, "domain")


@cache
def _one_node(Q: Expr, R_: Expr, T: Expr = sp.S.One) -> Expr:
    """E (g(λ') − g(ρ))² times 3, of fields with these variances and covariance."""
    I2 = integral("I2", ERF)
    first, second = I2.term.covariance.fields

    def moment(ab: Expr, aa: Expr, bb: Expr) -> Expr:
        entries = ((first, second, ab), (first, first, aa), (second, second, bb))
        return I2.closed_form.subs({covariance_symbol(x, y): value for x, y, value in entries}, simultaneous=True)

    return sp.expand(3 * (moment(Q, Q, Q) - 2 * moment(R_, Q, T) + moment(T, T, T)), deep=False)


def _projected(at: Expr) -> Expr:
    """e where Q' = R' = q, Z = 1."""
    return errors.random_edge().subs(u, 1).subs(p, at)


def _single() -> Iterator[Step]:
    yield same("one node with Q' = R' = q: e of random edges at p = q and Z = 1", _one_node(q, q), _projected(q))
    yield same("least distance: 1 − q ≤ 1 − 2R' + Q', with R' = Q' it is q ≥ Q'", 1 - 2 * q0 + q0, 1 - q0)


def _lower() -> Claim:
    before, after = e("pruned", q0), e("reweighted", q)
    falling = Certified(Inequality(sp.diff(_projected(q), q), {q: (0, 1)}, -1))
    domain = _domain(("q_0 < q", "q ≤ 1"), q0, q)
    return Claim(
        "reweighting.edges-lower",
        "Z = 1, and a node's kept and lost inputs have nothing in common (x = 0): reweighting edges lowers e on "
        "inputs of any covariance, unless it changes nothing.",
        sp.Lt(after, before),
        ("q_0 < q", "q ≤ 1"),
        "this project",
        (
            Proof(_single),
            falling,
            Follows(sp.Gt(_projected(q0) - _projected(q), 0, evaluate=False), domain, Slope(q, q0)),
        ),
        Verdict.CERTIFIED,
        {before: _projected(q0), after: _projected(q)},
        (
            *_SETTING,
            "Z = 1; x = 0 holds as N → ∞ where signs of weights are independent, also for magnitude and DPP edges",
            "q_0 = Q' = R' before, q = Q' = R' after: least squares make q ≥ q_0, and q = q_0 if nothing changes",
        ),
    )


def _raise() -> Claim:
    first, second, c = sp.symbols("w_1 w_2 c", real=True)
    sides = e("reweighted", first, second, c), e("pruned", first, second, c)
    T = first**2 + second**2 + 2 * c * first * second
    kept = first + c * second
    return Claim(
        "reweighting.edges-never-raise",
        "Reweighting edges never raises e on inputs of the covariance that it was fitted on.",
        sp.Le(*sides),
        ("w_1 > 0", "w_2 > 0", "-1 < c", "c < 1"),
        "this project",
        (Witness({first: 1, second: 1, c: sp.Rational(1, 10)}),),
        Verdict.REFUTED,
        {sides[0]: _one_node(kept**2, kept**2, T), sides[1]: _one_node(first**2, first**2 + c * first * second, T)},
        (
            "one node that has learned one teacher node, two inputs of variance 1 and correlation c",
            "of its weights w_1 and w_2 the first is kept: reweighted it is w_1 + c w_2",
            "e = 6 ε_g/v*²",
        ),
    )


@cache
def _rate() -> Expr:
    """d e/ds at s = 1, random edges with kept weights times s, in p and u."""
    return sp.expand(sp.diff(errors.random_edge(_s), _s).subs(_s, 1))


def _mask_moments() -> Iterator[Step]:
    X = sp.Symbol("X", real=True)
    yield same("Q' = p + 2p(1 − p)X: a kept and a lost input", p + 2 * p * (1 - p) * X, p * (1 + 2 * (1 - p) * X))
    yield same("R' = p + p(1 − p)X", p + p * (1 - p) * X, p * (1 + (1 - p) * X))
    between = p**2 + 2 * p**2 * (1 - p) * X
    scaled = p**2 * (1 + 2 * (1 - p) * X)
    yield same("two copies: p² + 2p²(1 − p)X, the kept input in the other mask too", between, scaled)
    yield is_zero("the rate is linear in u = 1/Z", sp.diff(_rate(), u, 2))


def _first_order() -> Claim:
    rate = e("rate", p, Z)
    low = _domain(("0 < p < 1", "0 ≤ u ≤ 1/2"), p, u)
    falling = sp.Lt(_rate(), 0, evaluate=False)
    own = {u: 1 / Z}
    many = _domain(("0 < p < 1", "Z ≥ 2"), p, Z)
    ends = [
        Certified(Inequality(_rate().subs(u, end), {p: (0, 1)}, sign, {p: (1, 1)}), f"u{name}")
        for end, sign, name in ((sp.Integer(0), -1, "0"), (_HALF, -1, "half"), (sp.Integer(1), 1, "1"))
    ]
    return Claim(
        "reweighting.edges-first-order",
        "To first order in correlations of inputs, reweighting random edges multiplies kept weights by 1 + (1 − p)X: "
        "for X > 0 this raises e where Z = 1 and lowers it for every Z ≥ 2; for X < 0 the other way round.",
        sp.And(sp.Implies(sp.Eq(Z, 1), sp.Gt(rate, 0)), sp.Implies(Z >= 2, sp.Lt(rate, 0))),
        ("0 < p < 1", "Z integer", "Z ≥ 1"),
        "this project",
        (
            Proof(_mask_moments),
            *ends,
            Follows(falling, low, Ends(u, sp.S.Zero, _HALF)),
            Follows(falling.subs(own), many, At(own, Fact(falling, low))),
        ),
        Verdict.CERTIFIED,
        {rate: lambda: _rate().subs(u, 1 / Z)},
        (
            *_SETTING,
            "Ω = 1 + Γ, Γ small with zero diagonal; X = wᵀΓw/N; masks independent of all else; rate: d e/ds at s = 1",
        ),
    )


_x, _y, _X, _Y = sp.symbols("x y X Y", real=True)


def _arcs(domain: Domain) -> Iterator[Certified | Follows]:
    """asin(Q/(1 + Q)) rises with Q = R + D, and asin(R/√(2(1 + Q))) falls; so X + 2Y > 0 of both changes."""
    order = _domain(("0 ≤ x", "x < y", "y < 1"), _x, _y)
    more = Fact(sp.Gt(sp.asin(_y) - sp.asin(_x), 0, evaluate=False), order)
    slope = sp.Ge(1 / sp.sqrt(1 - _y**2), 0, evaluate=False)
    yield Follows(sp.Gt(*slope.args, evaluate=False), order, Arithmetic())
    yield Follows(more.statement, order, Slope(_y, _x))
    Q = R + D
    own = (R / (1 + R), Q / (1 + Q))
    teacher = (R / sp.sqrt(2 * (1 + Q)), R / sp.sqrt(2 * (1 + R)))
    nearer = sp.Gt(teacher[1] - teacher[0], 0, evaluate=False)
    yield Follows(sp.Gt(sp.diff(nearer.lhs, D), 0, evaluate=False), domain, Arithmetic())
    yield Follows(nearer, domain, Slope(D, sp.S.Zero))
    yield Certified(Inequality(1 - teacher[1], {R: (0, 1)}, 1), "teacher")
    changes = [sp.asin(high) - sp.asin(low) for low, high in (own, teacher)]
    for change, (low, high) in zip(changes, (own, teacher), strict=True):
        yield Follows(sp.Gt(change, 0, evaluate=False), domain, At({_x: low, _y: high}, more))
    signs = Domain((sp.Gt(_X, 0, evaluate=False), sp.Gt(_Y, 0, evaluate=False)))
    both = Fact(sp.Gt(_X + 2 * _Y, 0, evaluate=False), signs)
    yield Follows(both.statement, signs, Arithmetic())
    total = sp.Gt(changes[0] + 2 * changes[1], 0, evaluate=False)
    yield Follows(total, domain, At({_X: changes[0], _Y: changes[1]}, both))


def _unseen() -> Claim:
    sides = e("reweighted", R, D), e("pruned", R)
    return Claim(
        "reweighting.edges-unseen",
        "Z = 1, white inputs: refitting kept weights to any other inputs raises e, as it adds to Q' and not to R'.",
        sp.Gt(*sides),
        ("R ≤ 1", "D > 0"),
        "this project",
        tuple(_arcs(_domain(("R ≤ 1", "D > 0"), R, D))),
        Verdict.CERTIFIED,
        {sides[0]: _one_node(R + D, R), sides[1]: _one_node(R, R)},
        (
            *_SETTING,
            "Z = 1; R = Q' = R' before, D = |δ|²/N of the corrections δ, which as N → ∞ are orthogonal to kept weights "
            "and teacher: they come from lost weights and other data",
        ),
    )


def claims() -> list[Claim]:
    """The claims of this family."""
    return [_lower(), _raise(), _first_order(), _unseen()]
