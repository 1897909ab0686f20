"""Edge pruning in the noiseless specialized state: DPP against random edges, and the shape of each error in p.

DPP edges are parametrized by s, π(z) = sz²/(1 + sz²): the keep fraction p = s K_11(s) increases from 0 to 1 with s.
For s ≥ 1 the same functions are written in b = 1/√s with erfc; there b = 0 is p = 1, and all is smooth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.errors import e, p, s, t, u
from divprune_sym.claims.evidence import Certified, Proof, Witness, once
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rules import Ends, Follows, Large
from divprune_sym.claims.special import KeptMoment
from divprune_sym.claims.steps import Step, is_zero, limit, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

    from divprune_sym.claims.claim import Evidence

PLACE, PROCESS = 50, 3

ASSUMED = ("specialized state, N → ∞, white inputs, K = MZ; e does not depend on M", "u = 1/Z, e = 6 ε_g/(M v*²)")
SOURCE = "Acharyya et al., UAI 2021 (arXiv:2006.16617): edge pruning at equal parameter count"

b = sp.Symbol("b", positive=True)
z = sp.Symbol("z", real=True)

# √(π/2) exp(b²/2) erfc(b/√2), the Mills ratio of b
_MILLS = sp.sqrt(sp.pi / 2) * sp.exp(b**2 / 2) * sp.erfc(b / sp.sqrt(2))
KEEP_B = 1 - b * _MILLS
SQUARE_B = 1 - b**2 * KEEP_B
BOTH_B = 1 - 2 * b**2 - b**4 / 2 + sp.Rational(5, 2) * b**3 * _MILLS + b**5 * _MILLS / 2
DPP_B = errors.edge_error(SQUARE_B, BOTH_B)
RANDOM_AT_B = errors.random_edge().subs(p, KEEP_B)
RANDOM_AT_S = errors.random_edge().subs(p, errors.dpp_keep())


def density(x: Expr) -> Expr:
    """The standard normal density."""
    return sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)


@once
def moments_of_dpp_edges() -> Iterator[Step]:
    """The moments in s are those of π, and those in b the same."""
    kept = s * z**2 / (1 + s * z**2)
    for name, integrand, moment in (
        ("p = E π = s K_11(s)", kept, s * KeptMoment(1, 1, s)),
        ("E z²π = s K_21(s)", z**2 * kept, s * KeptMoment(2, 1, s)),
        ("E z²π² = s² K_32(s)", z**2 * kept**2, s**2 * KeptMoment(3, 2, s)),
    ):
        yield same(name, integrand, moment.replace(KeptMoment, lambda *x: KeptMoment(*x, evaluate=False).integrand))
    yield same(
        "dK_nk/ds = −k K_(n+1)(k+1) under the mean",
        sp.diff(KeptMoment(2, 1, s).integrand, s),
        -KeptMoment(3, 2, s).integrand,
    )
    x, w = sp.symbols("x w", positive=True)
    decay = sp.integrate(sp.exp(-x * z**2) * density(z), (z, -sp.oo, sp.oo))
    yield same("E exp(−xz²) = 1/√(1 + 2x)", decay, 1 / sp.sqrt(1 + 2 * x))
    # 1/(b² + z²) = ∫ exp(−x(b² + z²)) dx, with w² = 1 + 2x
    resolvent = sp.integrate(sp.exp(-(b**2) * (w**2 - 1) / 2), (w, 1, sp.oo))
    yield same("E 1/(b² + z²) = Mills(b)/b", resolvent, _MILLS / b)
    at_b = {s: 1 / b**2}
    yield same("π = 1 − b²/(b² + z²): p = 1 − b Mills", kept.subs(at_b), 1 - b**2 / (b**2 + z**2))
    yield same("z²π = z² − b²π: E z²π = 1 − b²p", (z**2 * kept).subs(at_b), z**2 - b**2 * kept.subs(at_b))
    expanded = z**2 - 2 * b**2 + 3 * b**4 / (b**2 + z**2) - b**6 / (b**2 + z**2) ** 2
    yield same("z²π² = z² − 2b² + 3b⁴/(b² + z²) − b⁶/(b² + z²)²", (z**2 * kept**2).subs(at_b), expanded)
    squared = -sp.diff(_MILLS / b, b) / (2 * b)  # E 1/(b² + z²)², from d/db²
    yield same("so that E z²π² is its formula in b", 1 - 2 * b**2 + 3 * b**3 * _MILLS - b**6 * squared, BOTH_B)


@once
def _range_of_p() -> Iterator[Step]:
    kept = s * z**2 / (1 + s * z**2)
    yield same("dπ/ds = z²/(1 + sz²)² > 0: p increases with s", sp.diff(kept, s), z**2 / (1 + s * z**2) ** 2)
    yield is_zero("p = 0 at s = 0", errors.dpp_keep().subs(s, 0))
    yield limit("p → 1 as b → 0, that is s → ∞", KEEP_B, b, sp.S.Zero, sp.S.One)
    yield same("both charts agree", errors.dpp_keep(), KEEP_B.subs(b, 1 / sp.sqrt(s)))


def _linear_in_u(difference: Expr) -> Iterator[Step]:
    yield is_zero("the difference is linear in u = 1/Z, so its values at u = 0 and 1 decide", sp.diff(difference, u, 2))


_INSIDE = ("0 < p < 1", "0 ≤ u ≤ 1")
_POSITIVE_S = read(("s > 0", "0 ≤ u ≤ 1"), {s, u}, "domain")
_LARGE_S = Domain((sp.Ge(s, 1),))


def by_ends(relation: sp.Basic, domain: Domain, low: Expr, high: Expr) -> Follows:
    """A relation linear in u, from its values at two ends."""
    return Follows(relation, domain, Ends(u, low, high))


def _dpp_keep() -> Claim:
    slope = s * KeptMoment(1, 1, s)
    at_one = sp.Limit(KEEP_B, b, 0)
    return Claim(
        "edges.dpp-keep-fraction",
        "The keep fraction of DPP edges rises from 0 to 1 as the scale s of their kernel runs from 0 to ∞.",
        sp.And(
            sp.Gt(sp.Derivative(e("keep", s), s), 0),
            sp.Eq(slope.subs(s, 0), 0, evaluate=False),
            sp.Eq(slope, KEEP_B.subs(b, 1 / sp.sqrt(s)), evaluate=False),
            sp.Eq(at_one, 1, evaluate=False),
        ),
        ("s > 0",),
        "this project",
        (
            Proof(moments_of_dpp_edges),
            Proof(_range_of_p),
            Certified(Inequality(sp.diff(slope, s), {s: (0, 1)}, 1), "s"),
            Certified(Inequality(sp.diff(KEEP_B, b), {b: (0, 1)}, -1), "b"),
            Follows(sp.Gt(sp.diff(slope, s), 0), _LARGE_S, Large(s, b)),
        ),
        Verdict.CERTIFIED,
        {e("keep", s): slope},
        ("π(z) = sz²/(1 + sz²), p = E π(z) = s K_11(s), z ~ N(0, 1)",),
    )


def _dpp_below_random() -> Claim:
    in_s, in_b = errors.dpp_edge() - RANDOM_AT_S, DPP_B - RANDOM_AT_B
    parts: list[Evidence] = []
    for end, order in ((0, 2), (1, 1)):
        shows = sp.Lt(e("dpp-edge", p, end), e("random-edge", p, end))
        parts.append(Certified(Inequality(in_s.subs(u, end), {s: (0, 1)}, -1, {s: (1, 0)}), f"s-u{end}", shows))
        parts.append(Certified(Inequality(in_b.subs(u, end), {b: (0, 1)}, -1, {b: (order, 0)}), f"b-u{end}", shows))
        parts.append(Follows(sp.Lt(in_s.subs(u, end), 0), _LARGE_S, Large(s, b)))
    return Claim(
        "edges.dpp-below-random",
        "At every keep fraction and for every Z, DPP edges leave a smaller error than random edges.",
        sp.Lt(e("dpp-edge", s, u), e("random-edge", s * KeptMoment(1, 1, s), u)),
        ("s > 0", "0 ≤ u ≤ 1"),
        SOURCE,
        (Proof(moments_of_dpp_edges), *parts, by_ends(sp.Lt(in_s, 0), _POSITIVE_S, sp.S.Zero, sp.S.One)),
        Verdict.CERTIFIED,
        {e("random-edge", s * KeptMoment(1, 1, s), u): RANDOM_AT_S, e("dpp-edge", s, u): errors.dpp_edge()},
        (*ASSUMED, "p = s K_11(s), which runs through (0, 1) with s > 0 (edges.dpp-keep-fraction)"),
    )


@once
def _magnitude_law() -> Iterator[Step]:
    keep = sp.erfc(t / sp.sqrt(2))
    yield same("P(|z| > t) = erfc(t/√2)", 2 * sp.integrate(density(z), (z, t, sp.oo)), keep)
    square = errors.magnitude_square(t, keep)
    yield same("E[z²; |z| > t] = p + 2t n(t)", 2 * sp.integrate(z**2 * density(z), (z, t, sp.oo)), square)
    yield same("dm/dp = t² > 0", sp.diff(square, t), t**2 * sp.diff(keep, t))
    yield Step("m runs from 0 to 1 with p", square.subs(t, 0) == 1 and sp.limit(square, t, sp.oo) == 0)


def _decreasing() -> list[Claim]:
    x = sp.Symbol("m", positive=True)
    random = errors.random_edge()
    first, second = sp.diff(random, p), sp.diff(random, p, 2)
    of_square = sp.diff(errors.magnitude_edge(x), x)
    at_s, at_b = sp.diff(errors.dpp_edge(), s), sp.diff(DPP_B, b)
    half, bend = sp.Rational(1, 2), sp.Derivative(e("random-edge", p, u), (p, 2))
    prime = sp.Derivative(e("random-edge", p, u), p)
    inside = read(_INSIDE, {p, u}, "domain")
    left = read(("0 < p < 1", "0 ≤ u ≤ 1/2"), {p, u}, "domain")
    keep = sp.erfc(t / sp.sqrt(2))
    square = errors.magnitude_square(t, keep)
    in_s = read(("0 < s", "s ≤ 1", "0 ≤ u ≤ 1"), {s, u}, "domain")
    in_b = read(("0 < b", "b ≤ 1", "0 ≤ u ≤ 1"), {b, u}, "domain")
    return [
        Claim(
            "edges.random-decreasing",
            "The error of random edges decreases in the keep fraction, for every Z.",
            sp.Lt(prime, 0),
            _INSIDE,
            "this project",
            (
                Certified(Inequality(first.subs(u, 0), {p: (0, 1)}, -1, {p: (0, 1)}), "slope-u0"),
                Certified(Inequality(first.subs(u, 1), {p: (0, 1)}, -1), "slope-u1"),
                by_ends(sp.Lt(first, 0), inside, sp.S.Zero, sp.S.One),
            ),
            Verdict.CERTIFIED,
            {e("random-edge", p, u): random},
            ASSUMED,
        ),
        Claim(
            "edges.random-convex",
            "The error of random edges is convex in the keep fraction for every Z ≥ 2.",
            sp.Gt(bend, 0),
            ("0 < p < 1", "0 ≤ u ≤ 1/2"),
            "this project",
            (
                Certified(Inequality(second.subs(u, 0), {p: (0, 1)}, 1), "u0"),
                Certified(Inequality(second.subs(u, half), {p: (0, 1)}, 1), "u1"),
                by_ends(sp.Gt(second, 0), left, sp.S.Zero, half),
            ),
            Verdict.CERTIFIED,
            {e("random-edge", p, u): random},
            ASSUMED,
        ),
        Claim(
            "edges.random-convex-one-copy",
            "The error of random edges is convex in the keep fraction for Z = 1.",
            sp.Ge(second.subs(u, 1), 0),
            ("0 < p < 1",),
            "this project (the case that the claim before leaves out)",
            (Witness({p: sp.Rational(1, 10)}),),
            Verdict.REFUTED,
            {},
            ASSUMED,
        ),
        Claim(
            "edges.magnitude-decreasing",
            "The error of magnitude edges decreases in the keep fraction.",
            sp.And(
                sp.Lt(sp.Derivative(e("magnitude-edge", x), x), 0),
                sp.Eq(sp.diff(square, t), t**2 * sp.diff(keep, t), evaluate=False),
            ),
            ("0 < m < 1", "t > 0"),
            "this project",
            (Proof(_magnitude_law), Certified(Inequality(of_square, {x: (0, 1)}, -1), "1")),
            Verdict.CERTIFIED,
            {e("magnitude-edge", x): errors.magnitude_edge(x)},
            (*ASSUMED, "m = E[z²; |z| > t], p = P(|z| > t); dm = t² dp, so e falls with p where it falls with m"),
        ),
        Claim(
            "edges.dpp-decreasing",
            "The error of DPP edges decreases in the keep fraction, for every Z.",
            sp.And(
                sp.Lt(sp.Derivative(e("dpp-edge", s, u), s), 0),
                sp.Gt(sp.Derivative(e("dpp-edge", b**-2, u), b), 0),
            ),
            ("0 < s ≤ 1", "0 < b ≤ 1", "0 ≤ u ≤ 1"),
            "this project",
            (
                Proof(moments_of_dpp_edges),
                Certified(Inequality(at_s.subs(u, 0), {s: (0, 1)}, -1), "s-u0"),
                Certified(Inequality(at_s.subs(u, 1), {s: (0, 1)}, -1), "s-u1"),
                by_ends(sp.Lt(at_s, 0), in_s, sp.S.Zero, sp.S.One),
                Certified(Inequality(at_b.subs(u, 0), {b: (0, 1)}, 1, {b: (2, 0)}), "b-u0"),
                Certified(Inequality(at_b.subs(u, 1), {b: (0, 1)}, 1, {b: (1, 0)}), "b-u1"),
                by_ends(sp.Gt(at_b, 0), in_b, sp.S.Zero, sp.S.One),
            ),
            Verdict.CERTIFIED,
            {e("dpp-edge", s, u): errors.dpp_edge(), e("dpp-edge", b**-2, u): DPP_B},
            (*ASSUMED, "p = s K_11(s), which rises with s (edges.dpp-keep-fraction); s = 1/b² for s ≥ 1"),
        ),
    ]


def claims() -> list[Claim]:
    """The claims of this family."""
    return [_dpp_keep(), _dpp_below_random(), *_decreasing()]
