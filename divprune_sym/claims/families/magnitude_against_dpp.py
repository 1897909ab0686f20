"""Magnitude edges against DPP edges: where in the plane of p and Z each leaves the smaller error.

Copies have one mask under magnitude pruning, so that e_magnitude does not depend on Z; e_DPP = e_DPP(u = 0) + uW is
linear in u = 1/Z. Hence magnitude is better exactly where u > u*(p) = D/W with D = e_magnitude − e_DPP(u = 0).
u* rises from below 0 to one maximum between 1/4 and 1/3, and falls to 0 at p = 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Region, Row, Verdict
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.errors import e, p, s, t, u
from divprune_sym.claims.evidence import Boundary, Certified, Proof, once
from divprune_sym.claims.families.edges import ASSUMED, DPP_B, KEEP_B, SOURCE, b, density, moments_of_dpp_edges, z
from divprune_sym.claims.links import Fact
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rules import (
    Arithmetic,
    At,
    Combination,
    Far,
    Follows,
    Hill,
    Inverted,
    Large,
    Larger,
    Slope,
    slope_of_ratio,
)
from divprune_sym.claims.statements import OneInterval
from divprune_sym.claims.steps import is_zero, limit, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sympy import Expr

    from divprune_sym.claims.claim import Evidence
    from divprune_sym.claims.steps import Step

PLACE, PROCESS = 80, 3

_LEAST = sp.Rational(1, 1600)  # below this s, Mills' bound decides
_TAIL = sp.Rational(17, 5)  # t is larger there


def _magnitude(keep: Expr) -> Expr:
    """e of magnitude edges at a keep fraction: t = √2 erfinv(1 − p)."""
    threshold = sp.sqrt(2) * sp.erfinv(1 - keep)
    return errors.magnitude_edge(errors.magnitude_square(threshold, keep))


_W_S, _W_B = sp.diff(errors.dpp_edge(), u), sp.diff(DPP_B, u)
_D_S = _magnitude(errors.dpp_keep()) - errors.dpp_edge().subs(u, 0)
_D_B = _magnitude(KEEP_B) - DPP_B.subs(u, 0)


@once
def _laws() -> Iterator[Step]:
    yield from moments_of_dpp_edges()
    keep = sp.erfc(t / sp.sqrt(2))
    yield same("magnitude: P(|z| > t) = erfc(t/√2)", 2 * sp.integrate(density(z), (z, t, sp.oo)), keep)
    square = 2 * sp.integrate(z**2 * density(z), (z, t, sp.oo))
    yield same("E[z²; |z| > t] = p + 2t n(t)", square, errors.magnitude_square(t, keep))
    x = sp.Symbol("m", positive=True)
    yield is_zero("e_magnitude does not depend on u", sp.diff(errors.magnitude_edge(x), u))
    yield is_zero("e_DPP is linear in u", sp.diff(errors.dpp_edge(), u, 2))
    kept = s * z**2 / (1 + s * z**2)
    yield same("π − π² = sz²/(1 + sz²)² > 0: E z²π² < E z²π", kept - kept**2, s * z**2 / (1 + s * z**2) ** 2)


_KEEP_T = sp.erfc(t / sp.sqrt(2))
_SQUARE_T = errors.magnitude_square(t, _KEEP_T)
_MILLS_GAP = 2 * density(t) / t - _KEEP_T
_AT_KEEP = sp.sqrt(2) * sp.erfinv(1 - p)
_KAPPA = 1 + _TAIL**2
_NEAR = Domain((sp.Le(s, _LEAST),))
_LARGE = Domain((sp.Ge(s, 1),))
_m = sp.Symbol("m", positive=True)


@once
def mills_tail() -> Iterator[Step]:
    x = sp.Symbol("x", positive=True)
    gap = x / (1 + x) - (x - x**2)
    yield same("x/(1 + x) = x − x² + x³/(1 + x): p ≥ s − 3s² and p ≤ s", gap, x**3 / (1 + x))
    slope = sp.diff(2 * density(t) / t - sp.erfc(t / sp.sqrt(2)), t)
    yield same(
        "Mills: 2n(t)/t − p has the derivative −2n(t)/t² and the limit 0, so p ≤ 2n(t)/t", slope, -2 * density(t) / t**2
    )
    bound = t * 2 * density(t) - t**2 * (2 * density(t) / t)
    yield is_zero("hence 2t n(t) ≥ t² p, and m = p + 2t n(t) ≥ (1 + t²) p", bound)
    yield limit("2n(t)/t − p → 0 as t → ∞", _MILLS_GAP, t, sp.oo, sp.S.Zero)


def _of_m(at_u: Expr) -> sp.Basic:
    """Magnitude edges are better, in m = E[z²; |z| > t] and s."""
    return sp.Lt(errors.magnitude_edge(_m) - errors.dpp_edge().subs(u, at_u), 0)


def _below_mills() -> list[Evidence]:
    """m ≥ (1 + t²)p by Mills, at t > 17/5: p(t) falls, and is above 1/1600 there."""
    beyond, small = Domain((sp.Ge(t, _TAIL),)), read(("p ≤ 1/1600",), {p}, "domain")
    above, inside = sp.Gt(_SQUARE_T, _KAPPA * _KEEP_T), read(("p < 1",), {p}, "domain")
    rest, below_one = sp.Ge((t**2 - _TAIL**2) * _KEEP_T, 0, evaluate=False), sp.Gt(1 - _SQUARE_T, 0)
    at = {t: _AT_KEEP}
    far = Inequality(1 - p - sp.erf(_TAIL / sp.sqrt(2)), {p: (0, _LEAST)}, 1)
    return [
        Follows(sp.Lt(sp.diff(_MILLS_GAP, t), 0, evaluate=False), Domain(), Arithmetic()),
        Follows(sp.Gt(_MILLS_GAP, 0), Domain(), Far(t)),
        Follows(rest, beyond, Arithmetic()),
        Follows(above, beyond, Combination(((t**2, sp.Gt(_MILLS_GAP, 0)), (sp.S.One, rest)))),
        Certified(far, "tail-t"),
        Follows(sp.Ge(_AT_KEEP, _TAIL), small, Inverted()),
        Follows(sp.Gt(_AT_KEEP, 0), inside, Inverted()),
        Follows(_at(above, at), small, At(at, Fact(above, beyond))),
        Follows(sp.Gt(sp.diff(1 - _SQUARE_T, t), 0, evaluate=False), Domain(), Arithmetic()),
        Follows(below_one, Domain(), Slope(t, sp.S.Zero)),
        Follows(_at(below_one, at), inside, At(at, Fact(below_one))),
    ]


def _tail_claims() -> list[Evidence]:
    """D < 0 for s ≤ 1/1600, with m replaced by a smaller value, where e_magnitude is larger."""
    keep, bound = errors.dpp_keep(), _KAPPA * (s - 3 * s**2)
    square = errors.magnitude_square(_AT_KEEP, p)
    in_p, one = sp.Gt(square, _KAPPA * p), sp.Gt(1 - square, 0)
    value = square.subs(p, keep)
    low = Inequality(keep - s + 3 * s**2, {s: (0, _LEAST)}, 1, {s: (3, 0)})
    steps = ((sp.S.One, _at(in_p, {p: keep})), (_KAPPA, low.relation))
    small, inside = read(("p ≤ 1/1600",), {p}, "domain"), read(("p < 1",), {p}, "domain")
    above = sp.Gt(value, bound)
    return [
        *_below_mills(),
        Certified(low, "tail-low"),
        Certified(Inequality(_LEAST - keep, {s: (0, _LEAST)}, 1), "tail-high"),
        Certified(Inequality(sp.diff(errors.magnitude_edge(_m), _m), {_m: (0, 1)}, -1), "tail-m"),
        Certified(Inequality(gap_of_m(bound), {s: (0, _LEAST)}, -1, {s: (1, 0)}), "tail-s"),
        Follows(steps[0][1], _NEAR, At({p: keep}, Fact(in_p, small))),
        Follows(_at(one, {p: keep}), _NEAR, At({p: keep}, Fact(one, inside))),
        Follows(above, _NEAR, Combination(steps)),
        Follows(sp.Lt(_D_S, 0), _NEAR, Larger(_m, _of_m(sp.S.Zero), bound, value, (sp.S.Zero, sp.S.One))),
    ]


def gap_of_m(at_m: Expr) -> Expr:
    """D where E[z²; |z| > t] has another value."""
    return errors.magnitude_edge(at_m) - errors.dpp_edge().subs(u, 0)


def _at(relation: sp.Basic, values: Mapping[sp.Symbol, Expr]) -> sp.Basic:
    sides = [side.subs(dict(values), simultaneous=True) for side in relation.args]
    return relation.func(*sides, evaluate=False)


def _weight() -> list[Evidence]:
    """W > 0 for all s."""
    positive = sp.Gt(_W_S, 0)
    return [
        Certified(Inequality(_W_S, {s: (0, 1)}, 1, {s: (1, 0)}), "w-s"),
        Certified(Inequality(_W_B, {b: (0, 1)}, 1, {b: (2, 0)}), "w-b"),
        Follows(positive, _LARGE, Large(s, b)),
    ]


# D − uW
_UNDER_BOTH = Combination(((sp.S.One, sp.Lt(_D_S, 0)), (u, sp.Gt(_W_S, 0))))
_NAMES = {
    e("magnitude-edge", errors.dpp_keep()): _magnitude(errors.dpp_keep()),
    e("dpp-edge", s, u): errors.dpp_edge(),
}
_IN_S = (*ASSUMED, "p = s K_11(s), which runs through (0, 1) with s > 0 (edges.dpp-keep-fraction)")


def _always_better() -> Claim:
    third = sp.Rational(1, 3)
    magnitude, dpp = _NAMES
    shows = sp.Lt(e("magnitude-edge", p), e("dpp-edge", p, third))
    at_third = sp.Lt(_D_S - _W_S / 3, 0)
    whole = sp.Lt(_NAMES[magnitude] - _NAMES[dpp], 0)
    copies = read(("1/3 ≤ u", "u ≤ 1"), {u}, "domain")
    far = copies & sp.Ge(s, _LEAST)
    return Claim(
        "edges.magnitude-below-dpp",
        "With at most three copies of each teacher node, magnitude edges leave a smaller error than DPP edges, "
        "at every keep fraction.",
        sp.Lt(magnitude, dpp),
        ("s > 0", "1/3 ≤ u ≤ 1"),
        SOURCE,
        (
            Proof(_laws),
            Proof(mills_tail),
            *_tail_claims(),
            *_weight(),
            Certified(Inequality(_D_S - _W_S / 3, {s: (_LEAST, 1)}, -1), "s", shows),
            Certified(Inequality(_D_B - _W_B / 3, {b: (0, 1)}, -1, {b: (2, 0)}), "b", shows),
            Follows(at_third, _LARGE, Large(s, b)),
            Follows(whole, copies & sp.Le(s, _LEAST), _UNDER_BOTH),
            Follows(whole, far, Combination(((sp.S.One, at_third), (u - third, sp.Gt(_W_S, 0))))),
        ),
        Verdict.CERTIFIED,
        _NAMES,
        _IN_S,
    )


def _region() -> Claim:
    magnitude, dpp = _NAMES
    s_n, b_n = slope_of_ratio(_D_S, _W_S, s), slope_of_ratio(_D_B, _W_B, b)
    tenth, fifth, ninth = sp.Rational(1, 10), sp.Rational(1, 5), sp.Rational(1, 9)
    ratio = sp.Function("u*")
    rises, falls = sp.Gt(sp.Derivative(ratio(s), s), 0), sp.Lt(sp.Derivative(ratio(s), s), 0)
    near = Inequality(_D_S - _W_S / 4, {s: (ninth, ninth + sp.Rational(1, 1000))}, 1)
    whole = _NAMES[magnitude] - _NAMES[dpp]
    copies = read(("0 < u", "u ≤ 1/4"), {u}, "domain")
    top = copies & sp.Ge(s, ninth) & sp.Le(s, ninth + sp.Rational(1, 1000))
    at_top = ((sp.S.One, near.relation), (sp.Rational(1, 4) - u, sp.Gt(_W_S, 0)))
    return Claim(
        "edges.dpp-below-magnitude-region",
        "For each Z ≥ 4 DPP edges are better than magnitude edges exactly for keep fractions inside one interval "
        "(p₋(Z), p₊(Z)), 0 < p₋ < p₊ < 1; outside its closure magnitude edges are better.",
        OneInterval(magnitude - dpp, s, 0, sp.oo),
        ("0 < u ≤ 1/4",),
        "this project",
        (
            Proof(_laws),
            Proof(mills_tail),
            *_tail_claims(),
            *_weight(),
            Certified(Inequality(s_n, {s: (_LEAST, tenth)}, 1), "rises", rises),
            Certified(Inequality(sp.diff(s_n, s), {s: (tenth, fifth)}, -1), "turns"),
            Certified(Inequality(s_n, {s: (fifth, 1)}, -1), "falls", falls),
            Certified(Inequality(b_n, {b: (0, 1)}, 1, {b: (4, 0)}), "falls-to-0", falls),
            Certified(near, "above", sp.Gt(ratio(ninth), sp.Rational(1, 4))),
            Follows(sp.Lt(whole, 0), copies & sp.Le(s, _LEAST), _UNDER_BOTH),
            Follows(sp.Gt(whole, 0), top, Combination(at_top)),
            Follows(
                OneInterval(whole, s, 0, sp.oo),
                copies,
                Hill(_D_S, _W_S, u, _LEAST, tenth, fifth, ninth, b, _D_B, _W_B),
            ),
            Boundary(Inequality(_D_S, {s: (_LEAST, tenth)}, 1), "inf-low", "p₋(∞)", errors.dpp_keep()),
            *[_end(copies, side) for copies in range(4, 11) for side in ("low", "high")],
        ),
        Verdict.CERTIFIED,
        _NAMES,
        _IN_S,
        Region(
            "keep fraction p",
            ("DPP edges are better", "magnitude edges are better"),
            tuple(_rows()),
        ),
    )


def _rows() -> Iterator[Row]:
    yield Row("Z ≤ 3", (), first=False)
    yield from (Row(f"Z = {copies}", (f"p₋({copies})", f"p₊({copies})"), first=False) for copies in range(4, 11))


def _end(copies: int, side: str) -> Boundary:
    x, name = sp.Rational(1, copies), f"p{'₋' if side == 'low' else '₊'}({copies})"
    in_s = _D_S - x * _W_S
    if side == "low":
        return Boundary(Inequality(in_s, {s: (_LEAST, sp.Rational(1, 9))}, 1), f"{copies}-low", name, errors.dpp_keep())
    return Boundary(Inequality(in_s, {s: (sp.Rational(1, 9), 100)}, -1), f"{copies}-high", name, errors.dpp_keep())


def claims() -> list[Claim]:
    """The claims of this family."""
    return [_always_better(), _region()]
