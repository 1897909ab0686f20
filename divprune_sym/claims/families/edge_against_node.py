"""Random edges against DPP nodes at equal parameter count, p = k/K: the exact region in M, Z and p.

With u = 1/Z and c = (M − 1)/(M(Z − 1) − 1), which grows with M from 0 to 1/(Z − 1) when Z ≥ 3:
e_DPP = 1 − 2p + pu for p ≤ u (k ≤ M), and (1 − p)² + (1 − p)(p − u)c for p ≥ u. With D = e_edge − (1 − p)²,

- p ≤ u: edges are better where D + p(p − u) < 0, which M does not enter;
- p > u: edges are better where Ψ = D/((1 − p)(p − u)) < c. Where D ≥ 0, Ψ increases: each M has one boundary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Region, Row, Verdict
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.errors import M, Z, e, k, p, u
from divprune_sym.claims.evidence import Boundary, Certified, Proof, Witness, once
from divprune_sym.claims.families.nodes import node_laws
from divprune_sym.claims.links import Fact
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rules import At, Ends, Follows, Join, Never, Turns
from divprune_sym.claims.statements import OneInterval, TurnsOnce
from divprune_sym.claims.steps import Step, is_zero, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sympy import Expr

PLACE, PROCESS = 60, 0

_ABSTRACT = (
    "Acharyya et al., UAI 2021 (arXiv:2006.16617), abstract: “even the baseline random edge pruning method performs "
    "better than the DPP node pruning method”"
)
ASSUMED = (
    "noiseless specialized state (T = 1, Z exact copies of each teacher node, v_i = v*/Z), N → ∞, no reweighting",
    "equal parameter count: k of K = MZ nodes, or a fraction p = k/K of every node's edges",
    "e = 6 ε_g/(M v*²); DPP kernel L = Q, beyond its rank the limit ε → 0",
)
_QUARTER, _THIRD, _HALF = sp.Rational(1, 4), sp.Rational(1, 3), sp.Rational(1, 2)

c = sp.Symbol("c", nonnegative=True)
_FEW = 1 - 2 * p + p * u
_MANY = (1 - p) ** 2 + (1 - p) * (p - u) * c
_EDGE_AT_K = errors.random_edge().subs({p: k / (M * Z), u: 1 / Z}, simultaneous=True)
_NODE_AT_K = sp.Piecewise((errors.dpp_node_few(), k <= M), (errors.dpp_node_many(), True))
_STATEMENT = sp.Lt(e("random-edge", M, Z, k), e("dpp-node", M, Z, k))


@once
def node_in_p() -> Iterator[Step]:
    """The node error at k = pMZ."""
    yield from node_laws()
    in_p = {k: p * M * Z}
    yield same("k ≤ M: e_DPP = 1 − 2p + pu", errors.dpp_node_few().subs(in_p), _FEW.subs(u, 1 / Z))
    many = _MANY.subs({u: 1 / Z, c: (M - 1) / (M * (Z - 1) - 1)}, simultaneous=True)
    yield same("k > M: e_DPP = (1 − p)² + (1 − p)(p − u)c", errors.dpp_node_many().subs(in_p), many)
    yield same("at p = u they meet", _FEW.subs(u, p), _MANY.subs(u, p))
    grows = sp.factor(sp.diff((M - 1) / (M * (Z - 1) - 1), M))
    yield same("dc/dM = (Z − 2)/(M(Z − 1) − 1)²", grows, (Z - 2) / (M * (Z - 1) - 1) ** 2)
    yield Step("c → 1/(Z − 1) as M → ∞", sp.limit((M - 1) / (M * (Z - 1) - 1), M, sp.oo) == 1 / (Z - 1))
    yield is_zero("e_edge is linear in u", sp.diff(errors.random_edge(), u, 2))


def gap(edge: Expr) -> Expr:
    """D = e_edge − (1 − p)²."""
    return edge - (1 - p) ** 2


def _psi_slope(edge: Expr) -> Expr:
    """dΨ/dp times ((1 − p)(p − u))²."""
    D = gap(edge)
    return sp.diff(D, p) * (1 - p) * (p - u) + D * (2 * p - 1 - u)


@once
def sides_of_p() -> Iterator[Step]:
    D = sp.Symbol("D")
    yield same("p ≤ u: e_edge − e_DPP = D + p(p − u), at most D", D + (1 - p) ** 2 - _FEW, D + p * (p - u))
    yield same("p ≥ u: e_edge − e_DPP = D − (1 − p)(p − u)c", D + (1 - p) ** 2 - _MANY, D - (1 - p) * (p - u) * c)
    f = sp.Function("D")(p)
    psi = f / ((1 - p) * (p - u))
    slope = sp.diff(f, p) * (1 - p) * (p - u) + f * (2 * p - 1 - u)
    yield same(
        "dΨ/dp = (D'(1 − p)(p − u) + D(2p − 1 − u))/((1 − p)(p − u))²",
        sp.diff(psi, p),
        slope / ((1 - p) * (p - u)) ** 2,
    )
    yield is_zero("D = 0 at p = 1", gap(errors.random_edge()).subs(p, 1))


def _three_copies_or_fewer(edge: Expr) -> list[Certified]:
    """Z = 1: never; Z = 2, 3: the boundary lies at k < M, where M does not enter."""
    D = gap(edge)
    found = [Certified(Inequality(D.subs(u, 1) + p * (p - 1), {p: (0, 1)}, 1, {p: (1, 1)}), "z1")]
    for copies, most in ((2, 1), (3, _HALF)):
        at = sp.Rational(1, copies)
        # (D + p(p − u))/p increases for p ≤ u
        slope = sp.diff(D.subs(u, at), p) * p - D.subs(u, at) + p**2
        found.append(Certified(Inequality(slope, {p: (0, at)}, 1, {p: (2, 0)}), f"z{copies}-few"))
        # D − (1 − p)(p − u)c > 0 for the largest c; at p = u it is D
        many = D.subs(u, at) - (1 - p) * (p - at) * most
        found.append(Certified(Inequality(many, {p: (at, 1)}, 1, {p: (0, 1)}), f"z{copies}-many"))
    return found


def _four_copies_or_more(edge: Expr) -> list[Certified]:
    """Z ≥ 4: edges are better up to p = 1/4 ≥ u, and Ψ increases from there."""
    D = gap(edge)
    return [
        Certified(Inequality(D.subs(u, 0), {p: (0, _QUARTER)}, -1, {p: (1, 0)}), "few-u0"),
        Certified(Inequality(D.subs(u, _QUARTER), {p: (0, _QUARTER)}, -1, {p: (1, 0)}), "few-u1"),
        Certified(Inequality(_psi_slope(edge), {p: (_QUARTER, 1), u: (0, _QUARTER)}, 1, {p: (0, 2)}), "many"),
    ]


def _near_one() -> Iterator[Step]:
    """At p → 1 node pruning is better."""
    slope = sp.simplify(-sp.diff(errors.random_edge(), p).subs(p, 1))
    yield same("D/(1 − p) → (2√3/π) u at p = 1", slope, 2 * sp.sqrt(3) / sp.pi * u)
    yield Step("so Ψ → (2√3/π) u/(1 − u), which exceeds 1/(Z − 1) = u/(1 − u) ≥ c", bool(2 * sp.sqrt(3) / sp.pi > 1))


def share(copies: int, groups: int | None) -> Expr:
    """c; no M: its limit."""
    if groups is None:
        return sp.Rational(1, copies - 1)
    return sp.Rational(groups - 1, groups * (copies - 1) - 1) if groups > 1 else sp.Integer(0)


def _upper(edge: Expr, copies: int, groups: int | None, low: Expr) -> Boundary:
    """The boundary at k > M, above p = low."""
    at, words = sp.Rational(1, copies), "∞" if groups is None else str(groups)
    crossing = gap(edge).subs(u, at) - (1 - p) * (p - at) * share(copies, groups)
    inside = Inequality(crossing, {p: (low, 1 - sp.Rational(1, 1000))}, 1)
    return Boundary(inside, f"z{copies}-m{groups or 'inf'}", f"p*({words}, {copies})")


_LARGE = range(4, 9)


def drawn(rows: Iterable[Row]) -> Region:
    """A map in p of these rows."""
    return Region("keep fraction p = k/(MZ)", ("random edges are better", "DPP nodes are better"), tuple(rows))


def row(copies: int, groups: int | None, *boundaries: str, first: bool = True) -> Row:
    """The row of one Z and M, whose upper boundary is p*(M, Z) in another letter."""
    many = "∞" if groups is None else str(groups)
    return Row(f"Z = {copies}, M = {many}", tuple(x.format(M=many, Z=copies) for x in boundaries), first)


def _plain_rows() -> Iterator[Row]:
    yield Row("Z = 1, any M", (), first=False)
    for copies in (2, 3):
        yield Row(f"Z = {copies}, any M", (f"p*(M, {copies})",), first=True)
    for copies in _LARGE:
        yield from (row(copies, groups, "p*({M}, {Z})") for groups in (*range(1, 9), None))


def _plain_boundaries() -> list[Boundary]:
    D = gap(errors.random_edge())
    found = []
    for copies in (2, 3):
        at = sp.Rational(1, copies)
        few = Inequality(D.subs(u, at) + p * (p - at), {p: (sp.Rational(1, 100), at)}, 1)
        found.append(Boundary(few, f"z{copies}", f"p*(M, {copies})"))
    sizes = [(copies, groups) for copies in _LARGE for groups in (*range(1, 9), None)]
    return found + [_upper(errors.random_edge(), copies, groups, _QUARTER) for copies, groups in sizes]


def _paper_sentence() -> Claim:
    return Claim(
        "edge-node.paper-sentence",
        "At equal parameter count random edges leave a smaller error than DPP nodes, for all M, Z and k.",
        _STATEMENT,
        ("M, Z, k integers", "M ≥ 1", "Z ≥ 1", "1 ≤ k", "k < M*Z"),
        _ABSTRACT,
        (Witness({M: 2, Z: 3, k: 3}),),
        Verdict.REFUTED,
        {e("random-edge", M, Z, k): _EDGE_AT_K, e("dpp-node", M, Z, k): _NODE_AT_K},
        ASSUMED,
    )


def node_of_p() -> Expr:
    """e of DPP nodes at k = pMZ."""
    many = _MANY.subs({u: 1 / Z, c: (M - 1) / (M * (Z - 1) - 1)}, simultaneous=True)
    return sp.Piecewise((_FEW.subs(u, 1 / Z), p * Z <= 1), ((1 - p) ** 2, sp.Eq(M, 1)), (many, True))


def _turns_where(edge: Expr) -> list[Follows]:
    """One boundary for each Z, from the certificates."""
    f = edge.subs(u, 1 / Z) - node_of_p()
    once_in_p = TurnsOnce(f, p, 0, 1)
    large = read(("Z ≥ 4", "M ≥ 1"), {M, Z}, "domain")
    quarter = read(("0 < p ≤ 1/4", "0 ≤ u ≤ 1/4"), {p, u}, "domain")
    first, inside = read(("0 < p ≤ 1/4", "Z ≥ 4"), {p, Z}, "domain"), read(("1/4 < p < 1", "Z ≥ 4"), {p, Z}, "domain")
    D, rising = sp.Lt(gap(edge), 0), sp.Gt(_psi_slope(edge), 0)
    box = read(("1/4 ≤ p < 1", "0 ≤ u ≤ 1/4"), {p, u}, "domain")
    own = {u: 1 / Z}
    return [
        Follows(once_in_p, read(("Z = 1", "M ≥ 1"), {M, Z}, "domain"), Never()),
        *[
            Follows(
                once_in_p,
                read((sp.Eq(Z, copies), "M ≥ 1"), {M, Z}, "domain"),
                Turns(sp.Rational(1, copies), p, "below"),
            )
            for copies in (2, 3)
        ],
        Follows(D, quarter, Ends(u, sp.S.Zero, _QUARTER)),
        Follows(D.subs(own), first, At(own, Fact(D, quarter))),
        Follows(rising.subs(own), inside, At(own, Fact(rising, box))),
        Follows(once_in_p, large, Turns(_QUARTER, (1 - p) * (p - 1 / Z), "above")),
    ]


def _region() -> Claim:
    edge = errors.random_edge()
    sides = e("random-edge", p, Z), e("dpp-node", p, M, Z)
    return Claim(
        "edge-node.region",
        "For every M and Z there is one boundary p*(M, Z) < 1: random edges are better than DPP nodes for p < p*, "
        "worse for p* < p < 1. p* = 0 for Z = 1; p* < 1/Z for Z = 2 and 3; p* > 1/4 for Z ≥ 4.",
        sp.And(
            TurnsOnce(sides[0] - sides[1], p, 0, 1),
            sp.Implies(sp.Eq(Z, 1), sp.Gt(*sides)),
            *[sp.Implies(sp.And(sp.Eq(Z, n), sp.Ge(p, sp.Rational(1, n))), sp.Gt(*sides)) for n in (2, 3)],
            sp.Implies(sp.And(sp.Ge(Z, 4), sp.Le(p, _QUARTER)), sp.Lt(*sides)),
        ),
        ("M, Z integers", "M ≥ 1", "Z ≥ 1", "0 < p < 1"),
        "this project (the region in which the paper's sentence holds)",
        (
            Proof(node_in_p),
            Proof(sides_of_p),
            *_three_copies_or_fewer(edge),
            *_four_copies_or_more(edge),
            Proof(_near_one),
            *_turns_where(edge),
            *_plain_boundaries(),
        ),
        Verdict.CERTIFIED,
        {sides[0]: edge.subs(u, 1 / Z), sides[1]: node_of_p()},
        (*ASSUMED, "p = k/(MZ); boundaries at the M and Z listed are enclosed, those of k ≤ M do not depend on M"),
        drawn(_plain_rows()),
    )


# --- kept weights times 1/√p --------------------------------------------------------------------------

_r = sp.Symbol("r", positive=True)  # √p, in which all is smooth


def _in_root(expression: Expr) -> Expr:
    return expression.subs(p, _r**2)


def _rescaled_near_one() -> Iterator[Step]:
    slope = sp.simplify(-sp.diff(errors.random_edge(1 / sp.sqrt(p)), p).subs(p, 1))
    yield same("D/(1 − p) → (2√3/π) u at p = 1", slope, 2 * sp.sqrt(3) / sp.pi * u)
    yield Step("so Ψ → (2√3/π) u/(1 − u) > u/(1 − u) ≥ c", bool(2 * sp.sqrt(3) / sp.pi > 1))


def _rescaled_sides() -> Iterator[Step]:
    yield from sides_of_p()
    f, h = sp.Function("a")(_r), sp.Function("b")(_r)
    yield same(
        "k ≤ M: D + p(p − u) = a + ub, below 0 where u < −a/b if b > 0; (−a/b)' = (ab' − a'b)/b²",
        sp.diff(-f / h, _r),
        (f * sp.diff(h, _r) - sp.diff(f, _r) * h) / h**2,
    )


def _along() -> Expr:
    """(−a/b)' times b², in r, where D + p(p − u) = a + ub."""
    few = _in_root(gap(errors.random_edge(1 / sp.sqrt(p))) + p * (p - u))
    a, b = few.subs(u, 0), sp.diff(few, u)
    return a * sp.diff(b, _r) - sp.diff(a, _r) * b


def _rescaled_certificates() -> list[Certified]:
    edge = errors.random_edge(1 / sp.sqrt(p))
    D = gap(edge)
    few = _in_root(D + p * (p - u))
    slope = sp.diff(few, u)
    root_fifth = sp.Rational(9, 20)  # p = 0.2025: −a/b increases up to here
    third = sp.Rational(29, 50)  # p = 0.3364 > 1/3
    many = D - (1 - p) * (p - _HALF)
    along = _along()
    diagonal = _in_root(D.subs(u, p))
    return [
        Certified(Inequality(few.subs(u, 1), {_r: (0, 1)}, 1, {_r: (0, 1)}), "z1"),
        Certified(Inequality(few.subs(u, _HALF), {_r: (0, sp.Rational(71, 100))}, 1), "z2-few"),
        Certified(Inequality(many.subs(u, _HALF), {p: (_HALF, 1)}, 1, {p: (0, 1)}), "z2-many"),
        Certified(Inequality(slope, {_r: (0, root_fifth)}, 1), "b"),
        Certified(Inequality(along, {_r: (0, root_fifth)}, 1), "ratio"),
        Certified(Inequality(few.subs(u, 0), {_r: (root_fifth, third)}, -1), "few-u0"),
        Certified(Inequality(few.subs(u, _THIRD), {_r: (root_fifth, third)}, -1), "few-u1"),
        Certified(Inequality(_in_root(D.subs(u, 0)), {_r: (0, third)}, -1, {_r: (1, 0)}), "many-u0"),
        Certified(Inequality(diagonal, {_r: (0, third)}, -1, {_r: (1, 0)}), "many-diagonal"),
        Certified(Inequality(_psi_slope(edge), {p: (_THIRD, 1), u: (0, _THIRD)}, 1, {p: (0, 2)}), "many"),
    ]


def _rescaled_boundaries() -> list[Boundary]:
    edge = errors.random_edge(1 / sp.sqrt(p))
    few = gap(edge) + p * (p - u)
    found = []
    for copies in range(3, 9):
        at = sp.Rational(1, copies)
        low = Inequality(few.subs(u, at), {p: (sp.Rational(1, 1000), sp.Rational(1, 8))}, -1)
        found.append(Boundary(low, f"z{copies}-low", f"p₁({copies})"))
        found += [_upper(edge, copies, groups, _THIRD) for groups in (1, 2, 3, 4, None)]
    return found


def _rescaled_rows() -> Iterator[Row]:
    yield from (Row(f"Z = {copies}, any M", (), first=False) for copies in (1, 2))
    for copies in range(3, 9):
        for groups in (1, 2, 3, 4, None):
            yield row(copies, groups, "p₁({Z})", "p*({M}, {Z})", first=False)


_LAST = sp.Rational(841, 2500)  # 0.58², above 1/3
_LOW, _HIGH = 1 / (16 * Z**2), 1 - 1 / (50 * Z)  # there nodes are better


def _rescaled_interval(edge: Expr) -> list[Follows]:
    """One interval for every Z ≥ 3, from the certificates."""
    few, D, own, root = gap(edge) + p * (p - u), gap(edge), {u: 1 / Z}, {_r: sp.sqrt(p)}
    f = node_of_p() - edge.subs(own)
    one = OneInterval(f, p, 0, 1)
    start = sp.Rational(81, 400)

    def over(*relations: str | sp.Basic) -> Domain:
        return read(relations, {M, Z, p, u, _r}, "domain")

    def at(relation: sp.Basic, values: Mapping[sp.Symbol, Expr], domain: Domain, general: Fact) -> Follows:
        return Follows(relation, domain, At(values, general))

    few_r, falls = sp.Lt(_in_root(few), 0), sp.Lt(_in_root(D.subs(u, 0)), 0)
    box = over("9/20 ≤ r ≤ 29/50", "0 ≤ u ≤ 1/3")
    up_to = over("0 < p ≤ 841/2500")
    triangle = over("0 < p ≤ 841/2500", "0 ≤ u", "u ≤ p")
    a, b = few.subs(u, 0), sp.diff(few, u)
    along = _along()
    rising_in_p = sp.Gt(a * sp.diff(b, p) - sp.diff(a, p) * b, 0)
    wide = over("1/3 ≤ p < 1", "0 ≤ u ≤ 1/3")
    rises = sp.Gt(_psi_slope(edge), 0)
    large = over("Z ≥ 3", "M ≥ 1")
    below = over("0 < p", "p < 81/400")
    return [
        at(
            sp.Gt(few.subs(u, 1), 0),
            root,
            over("0 < p < 1"),
            Fact(sp.Gt(_in_root(few).subs(u, 1), 0), over("0 < r < 1")),
        ),
        at(
            sp.Gt(few.subs(u, _HALF), 0),
            root,
            over("0 < p ≤ 1/2"),
            Fact(sp.Gt(_in_root(few).subs(u, _HALF), 0), over("0 < r ≤ 71/100")),
        ),
        Follows(few_r, box, Ends(u, sp.S.Zero, _THIRD)),
        at(sp.Lt(few.subs(own), 0), root | own, over("81/400 ≤ p ≤ 841/2500", "Z ≥ 3"), Fact(few_r, box)),
        at(sp.Lt(D.subs(u, 0), 0), root, up_to, Fact(falls, over("0 < r ≤ 29/50"))),
        at(sp.Lt(D.subs(u, p), 0), root, up_to, Fact(sp.Lt(_in_root(D.subs(u, p)), 0), over("0 < r ≤ 29/50"))),
        Follows(sp.Lt(D, 0), triangle, Ends(u, sp.S.Zero, p)),
        at(sp.Lt(D.subs(own), 0), own, over("p ≤ 841/2500", "p*Z ≥ 1", "Z ≥ 3"), Fact(sp.Lt(D, 0), triangle)),
        at(sp.Gt(b, 0), root, below, Fact(sp.Gt(_in_root(b), 0), over("0 ≤ r ≤ 9/20"))),
        at(rising_in_p, root, below, Fact(sp.Gt(along, 0), over("0 ≤ r ≤ 9/20"))),
        Follows(TurnsOnce(f, p, 0, 1 / Z), large, Turns(start, b, "below")),
        at(rises.subs(own), own, over("1/3 < p < 1", "Z ≥ 3"), Fact(rises, wide)),
        Follows(TurnsOnce(-f, p, 1 / Z, 1), large, Turns(_THIRD, (1 - p) * (p - 1 / Z), "above")),
        at(_at_low(few).relation.subs(own), own, over("Z ≥ 3"), Fact(_at_low(few).relation, over("0 < u ≤ 1/3"))),
        at(_at_high(D).relation.subs(own), own, over("Z ≥ 3"), Fact(_at_high(D).relation, over("0 < u ≤ 1/3"))),
        Follows(one, large, Join(1 / Z, _LAST, _LOW, _HIGH)),
    ]


def _at_low(few: Expr) -> Inequality:
    """Nodes are better at p = u²/16."""
    return Inequality(_in_root(few).subs(_r, u / 4), {u: (0, _THIRD)}, 1, {u: (1, 0)})


def _at_high(D: Expr) -> Inequality:
    """And at p = 1 − u/50, where D > (1 − p)u."""
    return Inequality(D.subs(p, 1 - u / 50) - u**2 / 50, {u: (0, _THIRD)}, 1, {u: (2, 0)})


def _rescaled() -> Claim:
    edge = errors.random_edge(1 / sp.sqrt(p))
    sides = e("rescaled-random-edge", p, Z), e("dpp-node", p, M, Z)
    sure = sp.And(sp.Ge(Z, 3), sp.Ge(p * Z, 1), sp.Le(p, _LAST))
    return Claim(
        "edge-node.rescaled-region",
        "With kept weights multiplied by 1/√p, random edges are never better than DPP nodes for Z ≤ 2; for Z ≥ 3 they "
        "are better inside one interval of keep fractions, p₁ < p < p*, and worse outside its closure; "
        "0 < p₁ < 1/Z and 0.336 < p* < 1.",
        sp.And(
            *[sp.Implies(sp.Eq(Z, n), sp.Gt(*sides)) for n in (1, 2)],
            sp.Implies(sp.Ge(Z, 3), OneInterval(sides[1] - sides[0], p, 0, 1)),
            sp.Implies(sure, sp.Lt(*sides)),
        ),
        ("M, Z integers", "M ≥ 1", "Z ≥ 1", "0 < p < 1"),
        "this project; rescaling by 1/√p",
        (
            Proof(node_in_p),
            Proof(_rescaled_sides),
            *_rescaled_certificates(),
            Proof(_rescaled_near_one),
            Certified(_at_low(gap(edge) + p * (p - u)), "at-low"),
            Certified(_at_high(gap(edge)), "at-high"),
            *_rescaled_interval(edge),
            *_rescaled_boundaries(),
        ),
        Verdict.CERTIFIED,
        {sides[0]: edge.subs(u, 1 / Z), sides[1]: node_of_p()},
        ASSUMED,
        drawn(_rescaled_rows()),
    )


def claims() -> list[Claim]:
    """The claims of this family."""
    return [_paper_sentence(), _region(), _rescaled()]
