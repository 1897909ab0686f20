"""Random edges whose kept weights have the best common factor, against DPP nodes at equal parameter count.

With the factor λ and y = λ²p/(1 + λ²p) ∈ (0, 1), the error of random edges is 1 + (6/π)F(p, y), F convex in y: the
best factor is the one zero of F_y, which is linear in u = 1/Z, F_y = u N₂ − N₁. Else as in `edge_against_node`:
Ψ = D/((1 − p)(p − u)) < c decides for p > u, where D is the least error less (1 − p)².
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Row, Verdict
from divprune_sym.claims.errors import M, Z, e, p, u
from divprune_sym.claims.evidence import BoundaryOfMinimum, Certified, Proof, once
from divprune_sym.claims.families import edge_against_node as plain
from divprune_sym.claims.families.edge_against_node import gap, share
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.steps import Step, is_zero, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

PLACE, PROCESS = 70, 0

y, r, q = sp.symbols("y r q", positive=True)  # r = √p, q = y/p
h = sp.Symbol("h", real=True)
_HALF, _THIRD, _QUARTER, _TENTH = (sp.Rational(1, n) for n in (2, 3, 4, 10))
_START, _MIDDLE = sp.Rational(19, 50), sp.Rational(3, 4)
# the best y at u = 1/3 is a little above ½ + (1 − p) times this
_LOWEST = sp.Rational(4, 25) - sp.Rational(3, 25) * (1 - p) - (1 - p) ** 2 / 5
_NEAR = sp.Rational(9, 10)
_NARROW, _WIDE = sp.Rational(3, 20), sp.Rational(3, 5)


@cache
def error() -> Expr:
    """e of random edges with the factor λ, in p, u and y = λ²p/(1 + λ²p)."""
    factor = sp.sqrt(y / (1 - y) / p)
    return errors.random_edge(factor).replace(sp.asin, lambda x: sp.asin(sp.simplify(x)))


@cache
def _slope() -> Expr:
    """∂e/∂y."""
    return sp.diff(error(), y)


def _parts() -> tuple[Expr, Expr]:
    """N₁ and N₂, ∂e/∂y = (uN₂ − N₁)."""
    return -_slope().subs(u, 0), sp.diff(_slope(), u)


def _best_at(distance: Expr, copies: Expr, expression: Expr) -> Expr:
    """An expression at y = ½ + (1 − p) distance, u = copies."""
    return expression.subs({u: copies, y: _HALF + (1 - p) * distance}, simultaneous=True)


@once
def _minimum() -> Iterator[Step]:
    E, slope, (first, second) = error(), _slope(), _parts()
    bends = [
        (u * y / (1 - y**2) ** sp.Rational(3, 2)),
        (1 - u) * p**3 * y / (1 - p**2 * y**2) ** sp.Rational(3, 2),
        sp.sqrt(p) * (1 - p * y) / (y * (2 - p * y)) ** sp.Rational(3, 2),
    ]
    yield same("e is convex in y: three terms, each ≥ 0, make ∂²e/∂y²", sp.diff(slope, y), 6 / sp.pi * sum(bends))
    at_0, at_1 = sp.limit(slope * sp.sqrt(y), y, 0, "+"), sp.limit(slope * sp.sqrt(1 - y), y, 1, "-")
    yield same("∂e/∂y → −∞ as y → 0, like −(6/π)√(p/(2y))", at_0, -6 / sp.pi * sp.sqrt(p / 2))
    yield same("∂e/∂y → +∞ as y → 1, like (6/π)u/√(2(1 − y))", at_1, 6 / sp.pi * u / sp.sqrt(2))
    yield same("∂e/∂y = uN₂ − N₁", slope, u * second - first)
    a, b = 1 / sp.sqrt(1 - y**2), p / sp.sqrt(1 - p**2 * y**2)
    yield same("N₂ = (6/π)(a − b)", second, 6 / sp.pi * (a - b))
    yield same("a > b, so that the best y falls as u grows", 1 / b**2 - 1 / a**2, 1 / p**2 - 1)
    best = sp.Function("y")(p)
    along = sp.diff(E.subs(y, best), p)
    direct = sp.diff(E, p).subs(y, best) + slope.subs(y, best) * sp.diff(best, p)
    yield same("the least error has the slope ∂e/∂p, as ∂e/∂y = 0 there", along, direct)
    yield is_zero("the best y is ½ at p = 1", slope.subs({p: 1, y: _HALF}))
    yield is_zero("where D = 0", gap(E).subs({p: 1, y: _HALF}))
    at_one = -sp.diff(gap(E), p).subs({p: 1, y: _HALF})
    yield same("D/(1 − p) → (2√3/π) u", at_one, 2 * sp.sqrt(3) / sp.pi * u)
    yield Step("so Ψ → (2√3/π) u/(1 − u) > u/(1 − u) ≥ c", bool(2 * sp.sqrt(3) / sp.pi > 1))
    yield same("y = ½ is the factor 1/√p", E.subs(y, _HALF), errors.random_edge(1 / sp.sqrt(p)))


@once
def _one_copy() -> Iterator[Step]:
    own = error().subs(u, 1)
    yield is_zero("Z = 1: the best y is p/2", _slope().subs({u: 1, y: p / 2}))
    yield same("and leaves 1 − (6/π) asin(p/2)", own.subs(y, p / 2), 1 - 6 / sp.pi * sp.asin(p / 2))


def _brackets() -> tuple[Expr, Expr, Expr]:
    z = p * y
    first = y / sp.sqrt(1 - y**2) - sp.asin(y)
    second = 2 * z / sp.sqrt(1 - z**2) - sp.asin(z)
    third = 2 * sp.sqrt(z) / sp.sqrt(2 - z) - 2 * sp.asin(sp.sqrt(z / 2))
    return first, second, third


@once
def _few_increasing() -> Iterator[Step]:
    E, (first, second, third) = error(), _brackets()
    yield same(
        "k ≤ M: edges are better where (e − 1)/p + 2 − u < 0",
        (gap(E) + p * (p - u)) / p,
        (E - 1) / p + 2 - u,
    )
    scaled = (E - 1).subs(y, p * q) / p
    rises = 6 / sp.pi * (u * first + (1 - u) * second - third) / p**2
    yield same("at y = pq this rises with p by B = uB₁ + (1 − u)B₂ − B₃", sp.diff(scaled, p), rises.subs(y, p * q))
    yield same("B₁ ≥ 0, as it vanishes at y = 0 and rises", sp.diff(first, y), y**2 / (1 - y**2) ** sp.Rational(3, 2))
    z = p * y
    yield same("B₂ = B₁(py) + py/√(1 − p²y²) ≥ 0", second, first.subs(y, z) + z / sp.sqrt(1 - z**2))


def _few() -> list[Certified]:
    """Up to p = u ≤ 1/2, and Z = 1."""
    _, second, third = (x.subs({p: 1, y: r**2}, simultaneous=True) for x in _brackets())
    one = p - 6 / sp.pi * sp.asin(p / 2)
    return [
        Certified(Inequality(one, {p: (0, 1)}, 1, {p: (1, 1)}), "z1"),
        Certified(Inequality(second / 2 - third, {r: (0, sp.Rational(18, 25))}, 1, {r: (2, 0)}), "few"),
    ]


def _below() -> list[Certified]:
    """D < 0 already with y = ½."""
    D = gap(errors.random_edge(1 / sp.sqrt(p)))
    rows = ((_THIRD, (_THIRD, _START), "u3"), (_QUARTER, (_START, _HALF), "u4"), (_TENTH, (_HALF, _MIDDLE), "u10"))
    return [
        Certified(Inequality(D.subs(u, p).subs(p, r**2), {r: (0, sp.Rational(29, 50))}, -1, {r: (1, 0)}), "diagonal"),
        Certified(Inequality(D.subs(u, 0).subs(p, r**2), {r: (0, sp.Rational(87, 100))}, -1, {r: (1, 0)}), "u0"),
        *[Certified(Inequality(D.subs(u, at), {p: ends}, -1), name) for at, ends, name in rows],
    ]


def _two_copies() -> list[Certified]:
    """Z = 2, p ≥ 1/2: nodes are better, whatever M. A convex function lies above its tangent near its minimum."""
    near = _HALF - (1 - p) ** 2 / 4 - 2 * (1 - p) ** 3 / 25
    over, slope = (x.subs({u: _HALF, y: near}) for x in (error() - (1 - p) / 2, _slope()))
    return [
        Certified(Inequality(over + slope * (end - near), {p: (_HALF, 1)}, 1, {p: (0, 1)}), f"z2-many-y{end}")
        for end in (0, 1)
    ]


def _where_best() -> list[Certified]:
    """The best y is ½ + (1 − p)(lowest + h), h within stated limits."""
    slope = _slope()
    return [
        Certified(Inequality(_best_at(_LOWEST, _THIRD, slope), {p: (_START, 1)}, -1, {p: (0, 1)}), "low"),
        Certified(Inequality(_best_at(_LOWEST + _NARROW, _QUARTER, slope), {p: (_START, _HALF)}, 1), "high4"),
        Certified(Inequality(_best_at(_LOWEST + _WIDE, _TENTH, slope), {p: (_HALF, _MIDDLE)}, 1), "high10"),
        Certified(Inequality(_best_at(_LOWEST + _WIDE, sp.S.Zero, slope), {p: (_MIDDLE, 1)}, 1, {p: (0, 1)}), "high0"),
    ]


def _difference(first: Expr, second: Expr, between: Expr) -> Expr:
    """1/√first − 1/√second without cancellation; between = second − first."""
    return between / (sp.sqrt(first * second) * (sp.sqrt(first) + sp.sqrt(second)))


def _copies_at(distance: Expr) -> Expr:
    """The u = N₁/N₂ whose best y is ½ + (1 − p) distance, without cancellation at p = 1."""
    at = _HALF + (1 - p) * distance
    z = p * at
    first = p * _difference(z * (2 - z), 1 - z**2, 1 - 2 * p * distance)
    second = _difference(1 - at**2, 1 / p**2 - at**2, (1 + p) / p**2)
    return first / second


def _psi_slope() -> Expr:
    """dΨ/dp times ((1 − p)(p − u))² at the best y."""
    D = gap(error())
    return sp.diff(D, p) * (1 - p) * (p - u) + D * (2 * p - 1 - u)


def _bend() -> Expr:
    """−½ d²D/dp² at the best y."""
    E = error()
    return 1 - (sp.diff(E, p, 2) - sp.diff(E, p, y) ** 2 / sp.diff(E, y, 2)) / 2


@once
def _rising() -> Iterator[Step]:
    yield from plain.sides_of_p()
    a, b = sp.symbols("a b", positive=True)
    yield same("1/√a − 1/√b = (b − a)/(√(ab)(√a + √b))", 1 / sp.sqrt(a) - 1 / sp.sqrt(b), _difference(a, b, b - a))
    z, at = p * y, _HALF + (1 - p) * h
    first, second = (sp.pi / 6 * part for part in _parts())
    yield same("N₁ = p/√(z(2 − z)) − p/√(1 − z²), z = py", first, p / sp.sqrt(z * (2 - z)) - p / sp.sqrt(1 - z**2))
    yield same("N₂ = 1/√(1 − y²) − 1/√(1/p² − y²)", second, 1 / sp.sqrt(1 - y**2) - 1 / sp.sqrt(1 / p**2 - y**2))
    yield same("N₁: b − a = (1 − p)(1 − 2ph) at y = ½ + (1 − p)h", (1 - 2 * z).subs(y, at), (1 - p) * (1 - 2 * p * h))
    yield same("N₂: b − a = (1 − p)(1 + p)/p²", 1 / p**2 - 1, (1 - p) * (1 + p) / p**2)


@once
def _rising_near_one() -> Iterator[Step]:
    f = sp.Function("D")(p)
    G = f / (1 - p)
    rises = (sp.diff(G, p) * (p - u) - G) / (p - u) ** 2
    yield same("Ψ = G/(p − u), G = D/(1 − p), rises where G'(p − u) > G", sp.diff(G / (p - u), p), rises)
    at_one, bend = sp.symbols("d b")
    square = at_one * (1 - p) - bend * (1 - p) ** 2
    yield same(
        "with D(1) = 0, d = −D'(1) and Taylor's theorem at p: G' = b, b = −½D'' at a place in (p, 1)",
        sp.diff(square / (1 - p), p),
        bend,
    )
    yield same("and at 1: G = d − b(1 − p), below d = (2√3/π)u if b > 0", square / (1 - p), at_one - bend * (1 - p))
    P, Y, *of = sp.symbols("P Y e0 e1 e2 e11 e12 e22")
    form = of[0] + of[1] * P + of[2] * Y + (of[3] * P**2 + 2 * of[4] * P * Y + of[5] * Y**2) / 2
    (best,) = sp.solve(sp.diff(form, Y), Y)
    yield same(
        "the least over y bends by E_pp − E_py²/E_yy", sp.diff(form.subs(Y, best), P, 2), of[3] - of[4] ** 2 / of[5]
    )


def _increasing() -> list[Certified]:
    def at_best(expression: Expr) -> Expr:
        distance = _LOWEST + h
        return expression.subs({u: _copies_at(distance), y: _HALF + (1 - p) * distance}, simultaneous=True)

    near_one = _bend() * (_NEAR - u) - 2 * sp.sqrt(3) / sp.pi * u
    return [
        Certified(Inequality(at_best(_psi_slope()), {p: (_START, _HALF), h: (0, _NARROW)}, 1), "rise-low"),
        Certified(Inequality(at_best(_psi_slope()), {p: (_HALF, _NEAR), h: (0, _WIDE)}, 1), "rise-high"),
        Certified(Inequality(at_best(near_one), {p: (_NEAR, 1), h: (0, _WIDE)}, 1), "rise-near-one"),
    ]


def _boundaries() -> list[BoundaryOfMinimum]:
    D = gap(error())
    few = (D + p * (p - u)).subs(u, _HALF)
    found = [BoundaryOfMinimum(Inequality(few, {p: (_TENTH, _HALF)}, 1), y, "z2", "p°(M, 2)")]
    for copies in range(3, 9):
        at = sp.Rational(1, copies)
        for groups in (1, 2, 3, 4, None):
            crossing = D.subs(u, at) - (1 - p) * (p - at) * share(copies, groups)
            inside = Inequality(crossing, {p: (_START, 1 - sp.Rational(1, 1000))}, 1)
            words = "∞" if groups is None else str(groups)
            found.append(BoundaryOfMinimum(inside, y, f"z{copies}-m{groups or 'inf'}", f"p°({words}, {copies})"))
    return found


def _rows() -> Iterator[Row]:
    yield Row("Z = 1, any M", (), first=False)
    yield Row("Z = 2, any M", ("p°(M, 2)",), first=True)
    for copies in range(3, 9):
        yield from (plain.row(copies, groups, "p°({M}, {Z})") for groups in (1, 2, 3, 4, None))


def claims() -> list[Claim]:
    """The claims of this family."""
    star = sp.Function("p°")(M, Z)
    better = sp.Lt(e("optimally-rescaled-random-edge", p, Z), e("dpp-node", p, M, Z))
    return [
        Claim(
            "edge-node.optimal-region",
            "With the best common factor on kept weights there is one boundary p°(M, Z) < 1 for every M and Z: random "
            "edges are better than DPP nodes for p < p°, worse for p° < p < 1. p° = 0 for Z = 1; p° < 1/2, the same "
            "for all M, for Z = 2; p° > 0.38 for Z ≥ 3, increasing with M.",
            sp.Equivalent(better, sp.Lt(p, star)),
            ("M, Z integers", "M ≥ 1", "Z ≥ 1", "0 < p < 1"),
            "this project; optimal rescaling",
            (
                Proof(plain.node_in_p),
                Proof(_minimum),
                Proof(_one_copy),
                Proof(_few_increasing),
                Proof(_rising),
                Proof(_rising_near_one),
                *_few(),
                *_below(),
                *_two_copies(),
                *_where_best(),
                *_increasing(),
                *_boundaries(),
            ),
            Verdict.OPEN,
            {e("random-edge", p, Z, y): error().subs(u, 1 / Z)},
            (
                *plain.ASSUMED,
                "kept weights times the factor λ > 0 that leaves the smallest error; y = λ²p/(1 + λ²p)",
            ),
            plain.drawn(_rows()),
        )
    ]
