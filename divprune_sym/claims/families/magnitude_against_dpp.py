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
from divprune_sym.claims.errors import e, p, s, t, u
from divprune_sym.claims.evidence import Boundary, Certified, Proof, once
from divprune_sym.claims.families.edges import ASSUMED, DPP_B, KEEP_B, SOURCE, b, density, moments_of_dpp_edges, z
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.steps import is_zero, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

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


def _slope(first: Expr, second: Expr, x: sp.Symbol) -> Expr:
    """(first/second)' times second²."""
    return sp.diff(first, x) * second - first * sp.diff(second, x)


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
    yield same("π − π² = sz²/(1 + sz²)² > 0: E z²π² < E z²π, so W > 0", kept - kept**2, s * z**2 / (1 + s * z**2) ** 2)


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


def _tail_claims() -> list[Certified]:
    """D < 0 for s ≤ 1/1600, with m replaced by a smaller value, where e_magnitude is larger."""
    x = sp.Symbol("m", positive=True)
    kappa = 1 + _TAIL**2
    bound = errors.magnitude_edge(kappa * (s - 3 * s**2)) - errors.dpp_edge().subs(u, 0)
    threshold = sp.Symbol("t", positive=True)
    return [
        # p(t) decreases, and at t = 17/5 it is above 1/1600 ≥ p
        Certified(
            Inequality(sp.erfc(threshold / sp.sqrt(2)) - _LEAST, {threshold: (3, _TAIL)}, 1),
            "tail-t",
            sp.Gt(sp.erfc(_TAIL / sp.sqrt(2)), _LEAST),
        ),
        Certified(Inequality(sp.diff(errors.magnitude_edge(x), x), {x: (0, 1)}, -1), "tail-m"),
        Certified(Inequality(bound, {s: (0, _LEAST)}, -1, {s: (1, 0)}), "tail-s"),
    ]


def _always_better() -> Claim:
    third = sp.Rational(1, 3)
    shows = sp.Lt(e("magnitude-edge", p), e("dpp-edge", p, third))
    return Claim(
        "edges.magnitude-below-dpp",
        "With at most three copies of each teacher node, magnitude edges leave a smaller error than DPP edges, "
        "at every keep fraction.",
        sp.Lt(e("magnitude-edge", p), e("dpp-edge", p, u)),
        ("0 < p < 1", "1/3 ≤ u ≤ 1"),
        SOURCE,
        (
            Proof(_laws),
            Proof(mills_tail),
            *_tail_claims(),
            Certified(Inequality(_D_S - _W_S / 3, {s: (_LEAST, 1)}, -1), "s", shows),
            Certified(Inequality(_D_B - _W_B / 3, {b: (0, 1)}, -1, {b: (2, 0)}), "b", shows),
        ),
        Verdict.OPEN,
        {},
        ASSUMED,
    )


def _region() -> Claim:
    low, high = sp.symbols("p_- p_+", positive=True)
    better = sp.Lt(e("dpp-edge", p, u), e("magnitude-edge", p))
    s_n, b_n = _slope(_D_S, _W_S, s), _slope(_D_B, _W_B, b)
    tenth, fifth, ninth = sp.Rational(1, 10), sp.Rational(1, 5), sp.Rational(1, 9)
    ratio = sp.Function("u*")
    rises, falls = sp.Gt(sp.Derivative(ratio(s), s), 0), sp.Lt(sp.Derivative(ratio(s), s), 0)
    near = Inequality(_D_S - _W_S / 4, {s: (ninth, ninth + sp.Rational(1, 1000))}, 1)
    return Claim(
        "edges.dpp-below-magnitude-region",
        "For each Z ≥ 4 DPP edges are better than magnitude edges exactly for keep fractions inside one interval "
        "(p₋(Z), p₊(Z)), 0 < p₋ < p₊ < 1; outside its closure magnitude edges are better.",
        sp.Equivalent(better, sp.And(sp.Lt(low, p), sp.Lt(p, high))),
        ("0 < p < 1", "0 < u ≤ 1/4"),
        "this project",
        (
            Proof(_laws),
            Proof(mills_tail),
            *_tail_claims(),
            Certified(Inequality(s_n, {s: (_LEAST, tenth)}, 1), "rises", rises),
            Certified(Inequality(sp.diff(s_n, s), {s: (tenth, fifth)}, -1), "turns"),
            Certified(Inequality(s_n, {s: (fifth, 1)}, -1), "falls", falls),
            Certified(Inequality(b_n, {b: (0, 1)}, 1, {b: (4, 0)}), "falls-to-0", falls),
            Certified(near, "above", sp.Gt(ratio(ninth), sp.Rational(1, 4))),
            Boundary(Inequality(_D_S, {s: (_LEAST, tenth)}, 1), "inf-low", "p₋(∞)", errors.dpp_keep()),
            *[_end(copies, side) for copies in range(4, 11) for side in ("low", "high")],
        ),
        Verdict.OPEN,
        {},
        (
            *ASSUMED,
            "u* = D/W as a function of s: it rises, turns once, and falls to 0, so that u* > 1/Z is one interval",
        ),
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
