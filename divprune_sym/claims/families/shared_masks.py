"""What edge masks that do not look at weights should share, and where edges then beat DPP nodes.

Z nodes keep the fraction p of the inputs each, c_ik is the fraction that i and k both keep. Input j is kept by n_j of
them, Σ_j n_j = pZN and Σ_j n_j(n_j − 1) = N Σ_{i≠k} c_ik. For integers (n − b)(n − b − 1) ≥ 0, so that the mean of
c_ik is at least c_Z(p) = b(2pZ − b − 1)/(Z(Z − 1)), with b = floor(pZ). The error is a mean of arc sines of c_ik, and
these are convex and increase: equal c_ik = c_Z(p) are best.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Region, Row, Verdict
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.errors import M, Z, e, p, u
from divprune_sym.claims.evidence import Boundary, Certified, Proof, once
from divprune_sym.claims.families.edge_against_node import ASSUMED, node_in_p, node_of_p, share
from divprune_sym.claims.links import Fact
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rules import Arithmetic, At, Ends, Equal, Follows, Slope, Termwise, Turns
from divprune_sym.claims.statements import TurnsOnce
from divprune_sym.claims.steps import Step, is_zero, limit, nonnegative, same
from divprune_sym.gaussian import ERF, integral
from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

PLACE, PROCESS = 65, 1

_SETTING = (
    *ASSUMED[:1],
    "masks do not depend on weights and teacher; every node keeps round(pN) inputs; c_ik: fraction that i and k keep",
    "e = 6 ε_g/(M v*²)",
)
b = sp.Symbol("b", integer=True, nonnegative=True)
K = sp.Symbol("K", integer=True, positive=True)
a, y, n, r, A, S, Y = sp.symbols("a y n r A S Y", real=True)
c = sp.Symbol("c", nonnegative=True)
_COUNTS, _ARCS = sp.IndexedBase("n", integer=True), sp.IndexedBase("t", nonnegative=True)
_j, _q = sp.symbols("j q", integer=True)
_N, _PAIRS = sp.symbols("N P", integer=True, positive=True)
_HALF = sp.Rational(1, 2)


def shared(size: Expr) -> Expr:
    """c of so many nodes, where b ≤ p·size ≤ b + 1."""
    return b * (2 * p * size - b - 1) / (size * (size - 1))


@cache
def edge(both: Expr) -> Expr:
    """e where two copies both keep this fraction of the inputs, in p and u."""
    return errors.edge_error(p, both)


@cache
def _error_of_mean(arc: Expr) -> Expr:
    """e where asin(c_ik/(1 + p)) has this mean over pairs of copies, in p and Z."""
    return edge(c).subs(sp.asin(c / (p + 1)), arc).subs(u, 1 / Z)


@once
def _pairs() -> Iterator[Step]:
    """Of three copies with unequal c_ik, against the sum over all fields."""
    I2 = integral("I2", ERF)
    first, second = I2.term.covariance.fields

    def moment(ab: Expr, aa: Expr, bb: Expr) -> Expr:
        entries = ((first, second, ab), (first, first, aa), (second, second, bb))
        return I2.closed_form.subs({covariance_symbol(x, z): value for x, z, value in entries}, simultaneous=True)

    c12, c13, c23 = shares = sp.symbols("c_12 c_13 c_23", nonnegative=True)
    between = sp.Matrix([[p, c12, c13], [c12, p, c23], [c13, c23, p]])
    students = sum(moment(x, p, p) for x in between) / 9
    whole = 3 * (students - 2 * moment(p, p, sp.S.One) + moment(sp.S.One, sp.S.One, sp.S.One))
    mean = sum(sp.asin(x / (p + 1)) for x in shares) / 3
    yield same(
        "e depends on c_ik through the mean of asin(c_ik/(1 + p)) alone: Z = 3", whole, _error_of_mean(mean).subs(Z, 3)
    )


# --- the least that can be shared ---------------------------------------------------------------------


def _domain(texts: tuple[object, ...], *symbols: sp.Symbol) -> Domain:
    return read(texts, symbols, "domain")


_BEND = y / (1 - y**2) ** sp.Rational(3, 2)
_STEEPER = 1 / sp.sqrt(1 - y**2) - 1 / sp.sqrt(1 - a**2)
_ABOVE_TANGENT = sp.asin(y) - sp.asin(a) - (y - a) / sp.sqrt(1 - a**2)
_RANGE = _domain(("0 ≤ a ≤ 1/2", "0 ≤ y ≤ 1/2"), a, y)
# all of [0, 1/2] for t ≥ 0
_t = sp.Symbol("t", nonnegative=True)
_ANY = _t / (1 + _t**2)
_ABOVE_ANY = _ABOVE_TANGENT.subs(y, _ANY)


_HALVES = _domain(("0 ≤ a ≤ 1/2",), a)


def _convex() -> list[Proof | Follows]:
    """asin lies above its tangents."""
    above, below = _domain(("0 ≤ a", "a < y", "y ≤ 1/2"), a, y), _domain(("0 ≤ y", "y < a", "a ≤ 1/2"), a, y)
    found: list[Proof | Follows] = [Proof(lambda: [is_zero("the tangent at y = a touches", _ABOVE_TANGENT, {y: a})])]
    for side, sign in ((above, sp.Ge), (below, sp.Le)):
        found += [
            Follows(sp.Ge(_BEND, 0, evaluate=False), side, Arithmetic()),
            Follows(sign(_STEEPER, 0, evaluate=False), side, Slope(y, a)),
            Follows(sp.Ge(_ABOVE_TANGENT, 0, evaluate=False), side, Slope(y, a)),
        ]
    tangent = Fact(sp.Ge(_ABOVE_TANGENT, 0, evaluate=False), _RANGE)
    found.append(Follows(tangent.statement, _RANGE, At({}, tangent)))
    return [*found, Follows(sp.Ge(_ABOVE_ANY, 0, evaluate=False), _HALVES, At({y: _ANY}, tangent))]


def _integers() -> list[Follows]:
    """(n − b)(n − b − 1) ≥ 0."""
    whole = _domain(("n integer",), n)
    product = sp.Ge((n - b) * (n - b - 1), 0, evaluate=False)
    sides = (sp.Le(n, b, evaluate=False), sp.Ge(n, b + 1, evaluate=False))
    return [Follows(product, whole & side, Arithmetic()) for side in sides]


def _least(id: str, title: str, name: str, size: Expr, assumed: str) -> Claim:
    """No masks of `size` nodes share less, and e is least where all pairs share this."""
    own = sp.Eq(a, shared(size) / (1 + p), evaluate=False)
    texts = ("M, Z integers", "M ≥ 1", "Z ≥ 2", "0 < p < 1", "0 ≤ a ≤ 1/2", own)
    ends = (sp.Le(b, p * size, evaluate=False), sp.Le(p * size, b + 1, evaluate=False))
    used = {Z, p, a, b} | size.free_symbols
    domain = _domain(texts if M in used else ("Z integer", *texts[2:]), *used)
    domain &= ends[0]
    domain &= ends[1]
    counts = sp.Ge(sp.Sum((_COUNTS[_j] - b) * (_COUNTS[_j] - b - 1), (_j, 1, _N)), 0, evaluate=False)
    arcs = sp.Ge(sp.Sum(_ABOVE_ANY.subs(_t, _ARCS[_q]), (_q, 1, _PAIRS)), 0, evaluate=False)
    in_means = sp.Eq(
        size * (size - 1) * (1 + p) * Y + p * size - (2 * b + 1) * p * size + b * (b + 1),
        size * (size - 1) * (1 + p) * (Y - a),
        evaluate=False,
    )
    attained = sp.Eq(
        ((b + 1 - p * size) * b * (b - 1) + (p * size - b) * (b + 1) * b) / (size * (size - 1)),
        (1 + p) * a,
        evaluate=False,
    )
    values = {A: sp.asin(a), r: 1 / sp.sqrt(1 - a**2)}
    general = Fact(
        sp.Ge(S - A, 0, evaluate=False),
        Domain(
            (
                sp.Gt(r, 0, evaluate=False),
                sp.Ge(Y - a, 0, evaluate=False),
                sp.Ge(S - A - r * (Y - a), 0, evaluate=False),
            )
        ),
    )
    _, shares_more, above = (
        x.func(*(side.subs(values) for side in x.args), evaluate=False) for x in general.domain.relations
    )
    arc = sp.Ge(S - sp.asin(a), 0, evaluate=False)
    masks, best = e("blind-edge", p, Z, S), e(name, p, Z, a)
    return Claim(
        id,
        title,
        sp.And(counts, in_means, arcs, sp.Implies(sp.And(shares_more, above), sp.Ge(masks, best)), attained),
        (*domain.relations, *(sp.Contains(x, sp.S.Integers) for x in domain.integers)),
        "this project",
        (
            Proof(_pairs),
            *_integers(),
            Follows(counts, Domain(), Termwise(n, _domain(("n integer",), n))),
            Proof(
                lambda: [same("the mean of (n − b)(n − b − 1), as one of y", in_means.lhs, in_means.rhs, {a: own.rhs})]
            ),
            *_convex(),
            Follows(arcs, _HALVES, Termwise(_t, _HALVES)),
            Follows(general.statement, general.domain, Arithmetic()),
            Follows(arc, _HALVES & shares_more & above, At(values, general)),
            Proof(lambda: [same("b of them keep an input, or b + 1", attained.lhs, attained.rhs, {a: own.rhs})]),
        ),
        Verdict.PROVED,
        {masks: _error_of_mean(S), best: _error_of_mean(sp.asin(a))},
        (
            *_SETTING,
            "n_j nodes keep input j, Σ_j n_j = p·N times their number",
            "y = c_ik/(1 + p) of every pair lies in [0, 1/2], all of which is t/(1 + t²) for t ≥ 0",
            "Y and S are the means of y and of asin y; a law on masks leaves the mean of what its masks leave",
            assumed,
        ),
    )


# --- what sharing less gains --------------------------------------------------------------------------

_LEAST = b * (2 * p * K - b - 1) / (K * (K - 1))
_SIZES = ("K integer", "K ≥ 2", "0 < p < 1", "b + 1 ≤ K", "b ≤ p*K", "p*K ≤ b + 1")


def _gain() -> Claim:
    domain = _domain(_SIZES, K, p, b)
    f = p * K - b
    first, second = b * (1 - f) ** 2, (K - b - 1) * (f**2 + b)
    gain = e("gain", K, p, b)
    parts, whole = sp.Ge(second, 0, evaluate=False), sp.Ge(first + second, 0, evaluate=False)
    rest = f * (1 - f) / (K * (K - 1))
    most = p * (1 - p) / (K - 1)
    return Claim(
        "masks.gain",
        "Balanced masks of K nodes share less than independent ones, by at most p(1 − p)/(K − 1): nothing as K → ∞.",
        sp.And(
            sp.Ge(gain, 0),
            sp.Le(gain, most),
            sp.Eq(sp.Limit(most, K, sp.oo), 0, evaluate=False),
            sp.Ge(_LEAST, 0, evaluate=False),
        ),
        _SIZES,
        "this project",
        (
            Follows(parts, domain, Arithmetic()),
            Follows(whole, domain, At({}, Fact(parts, domain))),
            Follows(sp.Ge(rest, 0, evaluate=False), domain, Arithmetic()),
            Follows(sp.Ge(_LEAST, 0, evaluate=False), domain & sp.Ge(b, 1), Arithmetic()),
            Proof(lambda: [is_zero("b = 0: nothing is shared", _LEAST, {b: sp.Integer(0)})]),
            Proof(lambda: [limit("and p(1 − p)/(K − 1) → 0", most, K, sp.oo, sp.Integer(0))]),
        ),
        Verdict.PROVED,
        {gain: p**2 - _LEAST},
        (*_SETTING, "gain = p² − c_K(p), the mean fraction that two of K nodes share less; b = floor(pK)"),
    )


# --- against DPP nodes --------------------------------------------------------------------------------

q, w = sp.symbols("q w", positive=True)  # 1 − p, and u/p or u/(1 − p)
B, k, T, X, x = sp.symbols("B k T X x", real=True)
# c_Z is below this for any b: the difference is (pZ − b − 1/2)²/(Z(Z − 1))
_SMOOTH = p**2 - u * (p * (1 - p) - u / 4) / (1 - u)
_FIRST = 2 * u * (p - u) / (1 - u)  # b = 1
_LAST_BUT_ONE = (1 - 2 * u) * (2 * p + u - 1) / (1 - u)  # b = Z − 2
_LAST = 2 * p - 1  # b = Z − 1
_OWN = {u: 1 / Z}
_TWO_THIRDS = sp.Rational(2, 3)


def _gap(both: Expr) -> Expr:
    """D = e_edge − (1 − p)²."""
    return edge(both) - (1 - p) ** 2


def _rising(both: Expr) -> Expr:
    """The derivative of D/((1 − p)(p − u)) in p, times the square of the denominator."""
    D = _gap(both)
    return sp.diff(D, p) * (1 - p) * (p - u) + D * (2 * p - 1 - u)


def _own(both: Expr) -> Expr:
    """At u = 1/Z."""
    return both.subs(_OWN)


_COORDINATED = edge(c).subs(_OWN).subs(c, shared(Z))
_FEW = 1 - 2 * p + p * u


def _below(both: Expr) -> sp.Rel:
    return sp.Lt(_gap(both).subs(_OWN), 0, evaluate=False)


def _piece(*texts: str) -> Domain:
    sizes = ("Z, b integers", "Z ≥ 2", "b < p*Z", "p*Z ≤ b + 1", "b + 2 ≤ Z")
    return _domain((*sizes, *texts), Z, b, p)


_NEAR_ONE = {p: 1 - q, u: w * q}
_NEAR_ZERO = {u: w * p}
# (part, c, shift to a box, its sides, w at p and Z, and where)
_REGIONS = (
    ("smooth-high", _SMOOTH, _NEAR_ONE, (0, _TWO_THIRDS), ("1 ≤ 2*p", "1 ≤ b", "2*Z*(1 - p) ≥ 3")),
    ("smooth-low", _SMOOTH, _NEAR_ZERO, (0, _TWO_THIRDS), ("2*p ≤ 1", "1 ≤ b", "2*p*Z ≥ 3")),
    ("last-but-one", _LAST_BUT_ONE, _NEAR_ONE, (_TWO_THIRDS, 1), ("1 ≤ 2*p", "1 ≤ b", "2*Z*(1 - p) ≤ 3")),
    ("first", _FIRST, _NEAR_ZERO, (_TWO_THIRDS, 1), ("2*p ≤ 1", "1 ≤ b", "2*p*Z ≤ 3")),
)


def _certified_pieces() -> Iterator[Certified | Follows]:
    """D < 0 on each region, with its own bound on c or its own b."""
    for part, both, shift, sides, texts in _REGIONS:
        expression = _gap(both).subs(shift, simultaneous=True)
        from_one = shift is _NEAR_ONE
        along, order = (q, 2) if from_one else (p, 1)
        box = {along: (0, _HALF), w: sides}
        inequality = Inequality(expression, box, -1, {along: (order, 0)})
        found = Certified(inequality, part)
        yield found
        values = {q: 1 - p, w: 1 / (Z * (1 - p))} if from_one else {w: 1 / (Z * p)}
        yield Follows(_below(both), _piece(*texts), At(values, found.fact))


def _monotone() -> Iterator[Follows | Proof]:
    """asin increases."""
    rising = _domain(("0 ≤ x", "x < y", "y ≤ 1/2"), x, y)
    yield Proof(lambda: [is_zero("equal arguments", sp.asin(y) - sp.asin(x), {y: x})])
    yield Follows(sp.Ge(1 / sp.sqrt(1 - y**2), 0, evaluate=False), rising, Arithmetic())
    yield Follows(_MORE, rising, Slope(y, x))
    yield Follows(_MORE, _ORDERED, At({}, Fact(_MORE, _ORDERED)))


_MORE = sp.Ge(sp.asin(y) - sp.asin(x), 0, evaluate=False)
_ORDERED = _domain(("0 ≤ x", "x ≤ y", "y ≤ 1/2"), x, y)


def _smooth_pieces() -> Iterator[Follows | Proof]:
    """From the bound on c to c itself."""
    yield from _monotone()
    most, own = _own(_SMOOTH) / (1 + p), shared(Z) / (1 + p)
    g, h = sp.symbols("g h", nonnegative=True)
    shift = {p: (1 + g) / (2 + g + h), Z: 2 + g + h}
    yield Proof(lambda: [nonnegative("the bound on c/(1 + p) is at most 1/2", _HALF - most, shift)])
    general = Fact(
        sp.Lt(B + k * X, 0, evaluate=False),
        Domain((sp.Lt(B + k * T, 0, evaluate=False), sp.Ge(T - X, 0, evaluate=False), sp.Ge(k, 0, evaluate=False))),
    )
    yield Follows(general.statement, general.domain, Arithmetic())
    arcs = {T: sp.asin(most), X: sp.asin(own)}
    slope = edge(c).coeff(sp.asin(c / (p + 1))).subs(_OWN)
    rest = (edge(c).subs(sp.asin(c / (p + 1)), 0) - (1 - p) ** 2).subs(_OWN)
    for texts in (region[-1] for region in _REGIONS[:2]):
        domain = _piece(*texts)
        more = sp.Ge(arcs[T] - arcs[X], 0, evaluate=False)
        yield Follows(more, domain, At({y: most, x: own}, Fact(_MORE, _ORDERED)))
        yield Follows(_BELOW_SQUARE, domain, At({B: rest, k: slope, **arcs}, general))


_BELOW_SQUARE = sp.Lt(_COORDINATED - (1 - p) ** 2, 0, evaluate=False)


def _exact_pieces() -> Iterator[Follows]:
    for value, texts in ((Z - 2, _REGIONS[2][-1]), (sp.Integer(1), _REGIONS[3][-1])):
        yield Follows(_BELOW_SQUARE, _piece(*texts), Equal({b: value}))


def _few_pieces() -> Iterator[Certified | Follows]:
    """p ≤ 1/Z, where copies share nothing."""
    few = edge(sp.Integer(0)) - _FEW
    yield from (
        Certified(Inequality(few.subs(u, end), {p: (0, _HALF)}, -1, {p: (1, 0)}), f"few-u{n}")
        for n, end in enumerate((sp.Integer(0), _HALF))
    )
    box = _domain(("0 < p ≤ 1/2", "0 ≤ u ≤ 1/2"), p, u)
    whole = sp.Lt(few, 0, evaluate=False)
    yield Follows(whole, box, Ends(u, sp.S.Zero, _HALF))
    domain = _piece("p*Z ≤ 1")
    yield Follows(sp.Lt(few.subs(_OWN), 0, evaluate=False), domain, At(_OWN, Fact(whole, box)))
    yield Follows(sp.Lt(_COORDINATED - _FEW.subs(_OWN), 0, evaluate=False), domain, Equal({b: sp.Integer(0)}))


def _beats_nodes() -> Claim:
    sides = e("coordinated-edge", p, Z, b), e("dpp-node", p, M, Z)
    return Claim(
        "masks.coordinated-beats-nodes",
        "Coordinated edges leave less than DPP nodes at equal parameter count, for every M, every Z ≥ 2 and every keep "
        "fraction p ≤ 1 − 1/Z.",
        sp.Lt(*sides),
        ("M, Z, b integers", "M ≥ 1", "Z ≥ 2", "b < p*Z", "p*Z ≤ b + 1", "b + 2 ≤ Z"),
        "this project",
        (
            Proof(node_in_p),
            *_few_pieces(),
            *_certified_pieces(),
            *_smooth_pieces(),
            *_exact_pieces(),
        ),
        Verdict.CERTIFIED,
        {sides[0]: _COORDINATED, sides[1]: node_of_p()},
        (*ASSUMED, "masks as in masks.group-least; b = ceil(pZ) − 1"),
    )


_COPIES, _GROUPS = (2, 3, 4, 5, 6, 8), (1, 2, 3, None)


def _boundaries() -> Iterator[Boundary]:
    for copies in _COPIES:
        at = sp.Rational(1, copies)
        for groups in _GROUPS:
            crossing = _gap(_LAST).subs(u, at) - (1 - p) * (p - at) * share(copies, groups)
            inside = Inequality(crossing, {p: (1 - at, 1 - sp.Rational(1, 1000))}, 1)
            yield Boundary(inside, f"z{copies}-m{groups or 'inf'}", f"p*({groups or '∞'}, {copies})")


def _map() -> Region:
    rows = [
        Row(f"Z = {copies}, M = {groups or '∞'}", (f"p*({groups or '∞'}, {copies})",), True)
        for copies in _COPIES
        for groups in _GROUPS
    ]
    return Region("keep fraction p = k/(MZ)", ("coordinated edges are better", "DPP nodes are better"), rows)


_MANY = (1 - p) ** 2 + (1 - p) * (p - 1 / Z) * (M - 1) / (M * (Z - 1) - 1)


@cache
def _slope_at_one() -> Expr:
    """−d/dp of e_edge − e_DPP at p = 1, where both are 0."""

    def slope(node: Expr) -> Expr:
        return sp.simplify(-sp.diff(edge(_LAST).subs(_OWN) - node, p).subs(p, 1))

    return sp.Piecewise((slope((1 - p) ** 2), sp.Eq(M, 1)), (slope(_MANY), True))


def _boundary() -> Claim:
    f = edge(_LAST).subs(_OWN) - node_of_p()
    once_in_p = TurnsOnce(f, p, 1 - 1 / Z, 1)
    sizes = _domain(("M, Z integers", "M ≥ 1", "Z ≥ 2"), M, Z)
    rising = sp.Gt(_rising(_LAST), 0, evaluate=False)
    found = Certified(Inequality(_rising(_LAST), {p: (_HALF, 1), u: (0, _HALF)}, 1, {p: (0, 2)}), "rising")
    last = _domain(("1 - 1/Z < p", "p < 1", "Z ≥ 2"), p, Z)
    sides = e("coordinated-edge", p, Z), e("dpp-node", p, M, Z)
    slope = e("slope", M, Z)
    less = 1 / Z - (1 - 1 / Z) * (M - 1) / (M * (Z - 1) - 1)
    many = _domain(("M, Z integers", "M ≥ 2", "Z ≥ 2"), M, Z)
    return Claim(
        "masks.coordinated-boundary",
        "Beyond p = 1 − 1/Z there is one boundary p*(M, Z) < 1: below it coordinated edges leave less than DPP nodes, "
        "above it more.",
        sp.And(TurnsOnce(sides[0] - sides[1], p, 1 - 1 / Z, 1), sp.Gt(slope, 0)),
        ("M, Z integers", "M ≥ 1", "Z ≥ 2"),
        "this project",
        (
            Proof(node_in_p),
            found,
            Follows(rising.subs(_OWN), last, At(_OWN, found.fact)),
            Follows(once_in_p, sizes, Turns(1 - 1 / Z, (1 - p) * (p - 1 / Z), "above")),
            Follows(sp.Gt(1 / Z, 0, evaluate=False), sizes, Arithmetic()),
            Follows(sp.Ge(less, 0, evaluate=False), many, Arithmetic()),
            *_boundaries(),
        ),
        Verdict.CERTIFIED,
        {sides[0]: edge(_LAST).subs(_OWN), sides[1]: node_of_p(), slope: _slope_at_one},
        (
            *ASSUMED,
            "masks as in masks.group-least: c = 2p − 1 for p ≥ 1 − 1/Z; slope: −d/dp of e_edge − e_DPP at p = 1",
            "boundaries at the M and Z listed are enclosed; for Z = 2 they are the same for all M ≥ 2",
        ),
        _map(),
    )


def claims() -> list[Claim]:
    """The claims of this family."""
    return [
        _least(
            "masks.group-least",
            "Told which nodes are copies, no law on masks that is blind to weights leaves less than balanced masks, "
            "where floor(pZ) or ceil(pZ) of the Z copies keep an input and all pairs are alike.",
            "coordinated-edge",
            Z,
            "masks of different groups may be anything",
        ),
        _least(
            "masks.layer-least",
            "Told nothing, no law that treats all K = MZ nodes alike leaves less than balanced masks of the layer.",
            "layer-coordinated-edge",
            M * Z,
            "the law is exchangeable over nodes, so that the mean over pairs of copies is that over all pairs",
        ),
        _gain(),
        _beats_nodes(),
        _boundary(),
    ]
