"""Certified regions as ranges of keep fractions, and as sentences that a paper could print."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import sympy as sp

from divprune_sym.certify.setting import EVERY, INFINITE
from divprune_sym.claims.balls import ball, dyadic, precision, value
from divprune_sym.claims.programs import program_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from divprune_sym.certify.setting import Setting
    from divprune_sym.certify.signs import Piece, Places, Signs

    End = tuple[Fraction, Fraction]
    Range = tuple[End, End, int]

_DIGITS = Decimal("1e-12")


def ranges(pieces: Sequence[Piece], signs: Sequence[Signs]) -> list[Range]:
    """(low, high, sign) in p, in the order of p; an end is an enclosure of a boundary, or exact."""
    found: list[Range] = []
    for piece, own in zip(pieces, signs, strict=True):
        ends = [(piece.low, piece.low), *((cut.low, cut.high) for cut in own.cuts), (piece.high, piece.high)]
        for n, stretch in enumerate(own.stretches):
            a, b = (_keep(piece, end) for end in ends[n : n + 2])
            found.append((min(a, b), max(a, b), stretch.sign))
    return merged(sorted(found))


def merged(found: Iterable[Range]) -> list[Range]:
    """Neighbors of one sign put together."""
    together: list[Range] = []
    for low, high, sign in found:
        if together and together[-1][2] == sign:
            together[-1] = (together[-1][0], high, sign)
        else:
            together.append((low, high, sign))
    return together


def _keep(piece: Piece, end: End) -> End:
    if piece.keep == piece.x:
        return end
    if end[0] == end[1] and (at := piece.keep.subs(piece.x, sp.Rational(end[0]))).is_Rational:
        exact = Fraction(int(at.p), int(at.q))
        return exact, exact
    with precision():
        image = value(program_of(piece.keep), {piece.x.name: ball(end)})
        return dyadic(image.lower()), dyadic(image.upper())


def _shown(end: End) -> str:
    """The digits that both ends of an enclosure have."""
    if end[0] == end[1]:
        return str(end[0])
    low, high = (
        str((Decimal(x.numerator) / Decimal(x.denominator)).quantize(_DIGITS, rounding=way))
        for x, way in zip(end, (ROUND_FLOOR, ROUND_CEILING), strict=True)
    )
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False))
    return f"{''.join(digit for digit, _ in alike)}…"


def enclosure(end: End) -> list[str]:
    """Both ends as decimals, rounded outward."""
    return [
        str((Decimal(x.numerator) / Decimal(x.denominator)).quantize(Decimal("1e-13"), rounding=way).normalize())
        for x, way in zip(end, (ROUND_FLOOR, ROUND_CEILING), strict=True)
    ]


def sentence(setting: Setting, found: Places) -> str:
    """What was found, for a paper."""
    whom = "for every M" if found.about == EVERY else "as M → ∞" if found.about == INFINITE else f"at {found.about}"
    after = ", kept edges multiplied by 1/√p" if setting.rescale == "inverse-sqrt" else ""
    head = f"With Z = {setting.Z} copies of each teacher node, {whom}{after}, {setting.subject.name}"
    if found.equal:
        return f"{head} leaves the same error as {found.rival} at every keep fraction."
    if found.points:
        return f"{head} leaves {_of_points(found)}."
    parts = all_ranges(setting, found)
    if len(parts) == 1:
        return f"{head} leaves {_of_ranges(parts[0], found.rival)}."
    return f"{head} leaves {_of_both(parts[0], parts[1], found.rival)}."


def all_ranges(setting: Setting, found: Places) -> list[list[Range]]:
    """Of each weight."""
    rows = setting.pieces(found.rival, found.about, found.chart)
    parts = [ranges(pieces, signs) for pieces, signs in zip(rows, found.signs, strict=True)]
    if setting.has_tail(found.rival):
        (first, *rest), nothing = parts[0], (Fraction(0), Fraction(0))
        parts = [merged([(nothing, first[0], 1), first, *rest])]
    return parts


def regions_as_json(setting: Setting, found: Places) -> list[dict[str, Any]]:
    """Keep fractions with the sign there: each end as an enclosure, [low, high], in decimals."""
    said = {-1: "smaller", 0: "equal", 1: "larger"}
    if found.points:
        return [{"keep": str(share), "error": said[sign]} for share, sign in found.points]
    if found.equal:
        return [{"from": ["0", "0"], "to": ["1", "1"], "error": said[0]}]
    parts = all_ranges(setting, found)
    both = parts[0] if len(parts) == 1 else shared(*parts)
    return [{"from": enclosure(low), "to": enclosure(high), "error": said[sign]} for low, high, sign in both]


def _of_points(found: Places) -> str:
    words = {-1: "a smaller error than", 0: "the same error as", 1: "a larger error than"}
    parts = []
    for sign, said in words.items():
        at = [str(share) for share, own in found.points if own == sign]
        if at:
            parts.append(f"{said} {found.rival} at p = {', '.join(at)}")
    return "; ".join(parts)


def _of_ranges(parts: Sequence[Range], rival: str) -> str:
    better = [x for x in parts if x[2] < 0]
    if len(parts) == 1:
        return f"a {'smaller' if better else 'larger'} error than {rival} at every keep fraction 0 < p < 1"
    return f"a smaller error than {rival} exactly for {_listed(better)}, and a larger one beyond"


def _of_both(first: Sequence[Range], second: Sequence[Range], rival: str) -> str:
    found = shared(first, second)
    ends = [(Fraction(0), Fraction(0)), *(end for low, high, _ in found for end in (low, high)), (Fraction(1),) * 2]
    if all(a == b for a, b in zip(ends[::2], ends[1::2], strict=True)):
        return _of_ranges(merged(found), rival)
    words = [
        f"a {said} error than {rival} for {_listed([x for x in found if x[2] == sign])}"
        for sign, said in ((-1, "smaller"), (1, "larger"))
        if any(x[2] == sign for x in found)
    ]
    return f"{' and '.join(words) or 'no certain order'}; elsewhere it depends on M"


def shared(first: Sequence[Range], second: Sequence[Range]) -> list[Range]:
    """Where both have one sign."""
    found: list[Range] = []
    for a in first:
        for b in second:
            low, high = max(a[0], b[0]), min(a[1], b[1])
            if a[2] == b[2] and low < high:
                found.append((low, high, a[2]))
    return found


def _listed(parts: Sequence[Range]) -> str:
    return " and ".join(f"{_shown(low)} < p < {_shown(high)}" for low, high, _ in parts)
