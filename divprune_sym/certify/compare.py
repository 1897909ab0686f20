"""A method against one rival: the claim about where it is better, built from places that are to be confirmed.

The same claim is built by the run that finds the places and by whoever verifies them later: nothing but the places,
and the method's overlaps, passes from one to the other.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.certify.formulas import NoFormula
from divprune_sym.certify.setting import CHARTS, EVERY, INFINITE, Setting
from divprune_sym.certify.signs import Cut, NotToldApart, Piece, Places, Signs, Stretch, located
from divprune_sym.certify.tail import tail_of
from divprune_sym.certify.words import sentence
from divprune_sym.claims.balls import ball, precision, value
from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import Domain, between, sum_of
from divprune_sym.claims.errors import M, e, p, s
from divprune_sym.claims.evidence import Boundary, Certified, Numbers, Proof
from divprune_sym.claims.links import Fact
from divprune_sym.claims.programs import program_of
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rules import At, Ends, Follows, Rises
from divprune_sym.claims.statements import TurnsOnce
from divprune_sym.claims.steps import same, vanishes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from sympy import Expr
    from sympy.core.relational import Relational

    from divprune_sym.claims.claim import Evidence

_W = sp.Symbol("w", nonnegative=True)
_ASSUMED = (
    "noiseless specialized state of erf nodes (T = 1, Z exact copies of each teacher node, v_i = v*/Z), N → ∞",
    "e = 6 ε_g/(M v*²), at equal parameter count: a fraction p of every node's edges, or k = pMZ of MZ nodes",
)


# --- finding ------------------------------------------------------------------------------------------


def places(setting: Setting, rival: str, about: str) -> Places:
    """Where which error is smaller, as evaluation shows it.

    Raises
    ------
    NoFormula
        In no variable both errors are smooth enough, or a sign cannot be told.
    """
    shares = setting.shares(rival, about)
    if shares is not None:
        points = tuple((x, _sign_at(setting, rival, about, x)) for x in shares)
        if not points:
            msg = "no keep fraction in common"
            raise NoFormula(msg)
        return Places(rival, about, points=points)
    refusals = []
    for chart in CHARTS:
        try:
            pieces = setting.pieces(rival, about, chart)
            return Places(rival, about, chart, tuple(tuple(map(located, row)) for row in pieces))
        except NoFormula as error:
            refusals.append(error)
            if isinstance(error, NotToldApart) and all(vanishes(piece.gap) for row in pieces for piece in row):
                return Places(rival, about, chart, equal=True)
    raise refusals[0]


def _sign_at(setting: Setting, rival: str, about: str, share: Fraction) -> int:
    piece = setting.piece_at(rival, share)
    if piece is not None:
        return _sign_on(piece)
    own = setting.own(share)
    gaps = [own - other for other in setting.others(rival, about, share)]
    signs = {_sign_of(gap) for gap in gaps}
    if signs == {0} and all(map(vanishes, gaps)):
        return 0
    if len(signs) > 1 or 0 in signs:
        msg = f"at p = {share} it depends on M, or cannot be told, which error is smaller"
        raise NoFormula(msg)
    return signs.pop()


def _sign_of(number: Expr) -> int:
    with precision():
        found = value(program_of(number), {})
    return 1 if found > 0 else -1 if found < 0 else 0


def _sign_on(piece: Piece) -> int:
    with precision():
        found = value(piece.program, {piece.x.name: ball((piece.low, piece.high))})
    if not (found > 0 or found < 0):
        msg = f"the errors cannot be told apart at {piece.x} = {float(piece.low):.6g}"
        raise NotToldApart(msg)
    return 1 if found > 0 else -1


# --- claims -------------------------------------------------------------------------------------------


def claim_of(setting: Setting, found: Places) -> Claim:
    """The claim that these places are right, with the evidence that can show it."""
    if found.points:
        parts, evidence, where, domain = _at_points(setting, found)
    else:
        rows = setting.pieces(found.rival, found.about, found.chart)
        build = _equal if found.equal else _for_every_M if len(rows) > 1 else _regions
        parts, evidence, where, domain = build(setting, found, rows)
    return Claim(
        _name("bound", setting.subject.name, found.rival, found.about, f"Z{setting.Z}", setting.rescale),
        sentence(setting, found),
        sp.And(*parts) if len(parts) > 1 else parts[0],
        domain,
        "this project, for a method that was stated by its user",
        evidence,
        Verdict.CERTIFIED if found.signs or any(sign for _, sign in found.points) else Verdict.PROVED,
        where,
        (*_ASSUMED, *_more(setting, found)),
    )


def _name(*parts: str) -> str:
    plain = [re.sub(r"[^A-Za-z0-9]+", "-", part.replace("∞", "inf")).strip("-") for part in parts if part != "none"]
    return ".".join(plain)


def _more(setting: Setting, found: Places) -> list[str]:
    after = ["kept edges multiplied by 1/√p"] if setting.rescale == "inverse-sqrt" else []
    return [*after, *setting.variables(found.rival, found.chart)]


def _symbols(setting: Setting, found: Places, piece: Piece) -> tuple[Expr, Expr]:
    """The names of both errors."""
    keep = piece.keep if piece.keep.is_polynomial() else sp.Function("p")(piece.x)
    return _names(setting, found, keep)


def _names(setting: Setting, found: Places, keep: Expr) -> tuple[Expr, Expr]:
    groups = {EVERY: M, INFINITE: sp.oo}.get(found.about, setting.M)
    nodes = setting.of_nodes(found.rival)
    return e(setting.subject.name, keep, setting.Z), e(found.rival, keep, *([groups] if nodes else []), setting.Z)


def _relation(own: Expr, other: Expr, sign: int) -> Relational:
    return {-1: sp.Lt, 0: sp.Eq, 1: sp.Gt}[sign](own, other, evaluate=False)


Built = tuple[list[sp.Basic], "list[Evidence]", dict[sp.Expr, sp.Expr], "list[Relational]"]


def _equal(setting: Setting, found: Places, rows: Sequence[Sequence[Piece]]) -> Built:
    piece = rows[0][0]
    own, other = _symbols(setting, found, piece)
    step = same("both errors are one formula", piece.own, piece.other)
    domain = _interval(piece.x, piece.low, piece.high, piece.meets)
    return [sp.Eq(own, other, evaluate=False)], [Proof(lambda: [step])], {own: piece.own, other: piece.other}, domain


def _interval(x: sp.Symbol, low: Fraction, high: Fraction, open_ends: tuple[bool, bool]) -> list[Relational]:
    return between(sp.Rational(low), x, sp.Rational(high), (not open_ends[0], not open_ends[1]))


def _regions(setting: Setting, found: Places, rows: Sequence[Sequence[Piece]]) -> Built:
    """One sign on each stretch, and one change of sign in each cut."""
    parts: list[sp.Basic] = []
    evidence: list[Evidence] = []
    where: dict[Expr, Expr] = {}
    domain: list[Relational] = []
    (row,), (signs,) = rows, found.signs
    tail = setting.has_tail(found.rival)
    for x, group in groupby(row, key=lambda piece: piece.x):
        pieces = list(group)
        own, other = _symbols(setting, found, pieces[0])
        where |= {own: pieces[0].own, other: _in_cases(pieces)}
        whole = _interval(x, pieces[0].low, pieces[-1].high, (pieces[0].meets[0], pieces[-1].meets[1]))
        if tail:
            whole = whole[:1]
            beyond = sp.Ge(x, sp.Rational(pieces[-1].high), evaluate=False)
            parts.append(sp.Implies(beyond, _relation(own, other, 1), evaluate=False))
            evidence += tail_of(setting.own(), pieces[-1].gap)
        domain += whole
        for piece in pieces:
            n = row.index(piece)
            for m, stretch in enumerate(signs[n].stretches):
                inside = [r for r in _of_stretch(piece, stretch) if r not in whole]
                relation = _relation(own, other, stretch.sign)
                parts.append(sp.Implies(sp.And(*inside), relation, evaluate=False) if inside else relation)
                evidence.append(_certified(piece, stretch, signs[n].zeros, f"{n}-{m}"))
            for m, cut in enumerate(signs[n].cuts):
                turns, shown = _turn(piece, cut, f"{n}-cut{m}", f"p{len(evidence)}")
                parts.append(turns)
                evidence += shown
    return parts, evidence, where, domain


def _in_cases(pieces: Sequence[Piece]) -> Expr:
    if len(pieces) == 1:
        return pieces[0].other
    *first, last = pieces
    return sp.Piecewise(*[(y.other, y.x <= sp.Rational(y.high)) for y in first], (last.other, True))


def _of_stretch(piece: Piece, stretch: Stretch) -> list[Relational]:
    return _interval(piece.x, stretch.low, stretch.high, _open(piece, stretch))


def _open(piece: Piece, stretch: Stretch) -> tuple[bool, bool]:
    return piece.meets[0] and stretch.low == piece.low, piece.meets[1] and stretch.high == piece.high


def _certified(piece: Piece, stretch: Stretch, zeros: tuple[int, int], part: str, gap: Expr | None = None) -> Certified:
    low, high = (order if is_open else 0 for order, is_open in zip(zeros, _open(piece, stretch), strict=True))
    box = {piece.x: (sp.Rational(stretch.low), sp.Rational(stretch.high))}
    orders = {piece.x: (low, high)} if low or high else {}
    return Certified(Inequality(piece.gap if gap is None else gap, box, stretch.sign, orders), part)


def _turn(piece: Piece, cut: Cut, part: str, named: str) -> tuple[sp.Basic, list[Evidence]]:
    """One change of sign inside a cut, since the derivative has one sign there."""
    rising = piece.gap if cut.sign > 0 else piece.other - piece.own
    low, high = sp.Rational(cut.low), sp.Rational(cut.high)
    box = {piece.x: (low, high)}
    turns = TurnsOnce(rising, piece.x, low, high)
    return turns, [
        Certified(Inequality(sp.diff(rising, piece.x), box, 1), f"{part}-slope"),
        Follows(turns, Domain(), Rises()),
        Boundary(Inequality(rising, box, 1), part, named, None if piece.keep == piece.x else piece.keep),
    ]


# --- for every M --------------------------------------------------------------------------------------


def _for_every_M(setting: Setting, found: Places, rows: Sequence[Sequence[Piece]]) -> Built:
    """One sign where both ends of w have the same."""
    law = setting.law(found.rival)
    assert law is not None
    parts: list[sp.Basic] = []
    evidence: list[Evidence] = []
    first = rows[0]
    own, other = _symbols(setting, found, first[0])
    cases = [(part.error(law.weight), p <= part.high) for part in law.parts[:-1]]
    whole = law.parts[-1].error(law.weight)
    where = {own: first[0].own, other: sp.Piecewise(*cases, (whole, True)) if cases else whole}
    for n, part in enumerate(law.parts):
        gap = first[n].own - part.error(_W)
        for m, stretch in enumerate(common(found.signs[0][n], found.signs[1][n])):
            inside = Domain(tuple(_of_stretch(first[n], stretch)))
            parts.append(sp.Implies(sp.And(*inside.relations), _relation(own, other, stretch.sign), evaluate=False))
            for k, end in enumerate([sp.S.Zero, law.largest]):
                at_end = gap.subs({_W: end}, simultaneous=True)
                zeros = found.signs[k][n].zeros
                evidence.append(_certified(first[n], stretch, zeros, f"{n}-{m}-{k}", at_end))
            evidence += _between(_relation(gap, sp.S.Zero, stretch.sign), inside, law.largest, law.weight)
    domain = [*_interval(p, first[0].low, first[-1].high, (True, True)), sp.Ge(M, 1, evaluate=False)]
    return parts, evidence, where, domain


def common(first: Signs, second: Signs) -> list[Stretch]:
    """Where both have the same sign."""
    found = []
    for a in first.stretches:
        for b in second.stretches:
            low, high = max(a.low, b.low), min(a.high, b.high)
            if a.sign == b.sign and low < high:
                found.append(Stretch(low, high, a.sign))
    return found


def _between(relation: Relational, inside: Domain, largest: Expr, weight: Expr) -> list[Evidence]:
    """From both ends of w to every M."""
    span = Domain(tuple(between(0, _W, largest, (True, True))))
    special = relation.func(*(side.subs({_W: weight}, simultaneous=True) for side in relation.args), evaluate=False)
    general = Fact(relation, sum_of([inside, span]))
    return [
        Follows(relation, general.domain, Ends(_W, sp.S.Zero, largest)),
        Follows(special, inside & sp.Ge(M, 1, evaluate=False), At({_W: weight}, general)),
    ]


# --- at some keep fractions ---------------------------------------------------------------------------


def _at_points(setting: Setting, found: Places) -> Built:
    built: Built = ([], [], {}, [])
    for n, (share, sign) in enumerate(found.points):
        piece = setting.piece_at(found.rival, share)
        one = _at_point(setting, found, share, sign) if piece is None else _near_point(setting, found, n, piece)
        for whole, more in zip((built[0], built[1], built[3]), (one[0], one[1], one[3]), strict=True):
            whole += [x for x in more if x not in whole]
        built[2].update(one[2])
    return built


def _at_point(setting: Setting, found: Places, share: Fraction, sign: int) -> Built:
    """Two numbers; for every M where the rival depends on it, those at both ends of w."""
    at = sp.Rational(share.numerator, share.denominator)
    own, other = _names(setting, found, at)
    value_of, others = setting.own(share), setting.others(found.rival, found.about, share)
    if len(others) == 1:
        shown = _number(_relation(value_of, others[0], sign))
        return [_relation(own, other, sign)], [shown], {own: value_of, other: others[0]}, []
    law = setting.law(found.rival)
    assert law is not None
    part = next(x for x in law.parts if x.low <= at <= x.high)
    gap = (value_of - part.error(_W)).subs(p, at)
    relation = _relation(gap, sp.S.Zero, sign)
    ends = [_number(relation.func(gap.subs(_W, end), sp.S.Zero, evaluate=False)) for end in (sp.S.Zero, law.largest)]
    evidence = [*ends, *_between(relation, Domain(), law.largest, law.weight)]
    where = {own: value_of, other: part.error(law.weight).subs(p, at)}
    return [_relation(own, other, sign)], evidence, where, [sp.Ge(M, 1, evaluate=False)]


def _number(relation: Relational) -> Evidence:
    if isinstance(relation, sp.Eq):
        return Proof(lambda: [same("both errors are equal", *relation.args)])
    return Numbers((relation,))


def _near_point(setting: Setting, found: Places, n: int, piece: Piece) -> Built:
    """p(x) passes the share between two places, and the sign is the same all the way."""
    (share, sign), x = found.points[n], piece.x
    at = sp.Rational(share.numerator, share.denominator)
    (own, _), (_, other) = _names(setting, found, at), _symbols(setting, found, piece)
    where = {own: piece.own, other: piece.other}
    parts: list[sp.Basic] = []
    passes: list[Relational] = []
    for end in (piece.low, piece.high):
        place = sp.Rational(end)
        keep = piece.keep.subs(x, place)
        side = sp.Lt if (end == piece.low) == (x == s) else sp.Gt
        where[e("keep", place)] = keep
        parts.append(side(e("keep", place), at, evaluate=False))
        passes.append(side(keep, at, evaluate=False))
    inside = _of_stretch(piece, Stretch(piece.low, piece.high, sign))
    parts.append(sp.Implies(sp.And(*inside), _relation(own, other, sign), evaluate=False))
    shown = _certified(piece, Stretch(piece.low, piece.high, sign), (0, 0), f"{n}")
    return parts, [Numbers(tuple(passes)), shown], where, [sp.Gt(x, 0, evaluate=False)]
