"""Where a function of one variable has which sign: places found by evaluation, for certificates to confirm."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING

from divprune_sym.certify.formulas import PLACES, NoFormula
from divprune_sym.claims.balls import exact, precision, taylor, value
from divprune_sym.claims.programs import program_of

if TYPE_CHECKING:
    import sympy as sp
    from sympy import Expr

    from divprune_sym.claims.balls import Program

_GRID = 200
_NEAR_ENDS = range(10, 31)  # powers of ½
_HIGHEST_ZERO = 5


class NotToldApart(NoFormula):
    """Two errors that agree wherever it was tried."""


@dataclass(frozen=True)
class Piece:
    """Two errors as functions of x on an interval, and p(x).

    Parameters
    ----------
    x : Symbol
    low, high : Fraction
    keep : Expr
        p, in x; it is monotone.
    own, other : Expr
        e of the method and of its rival.
    meets : (bool, bool)
        Whether both may agree at the low and the high end, where p is 0 or 1: such an end is left out.
    """

    x: sp.Symbol
    low: Fraction
    high: Fraction
    keep: Expr
    own: Expr
    other: Expr
    meets: tuple[bool, bool]

    @property
    def gap(self) -> Expr:
        """own − other: negative where the method is better."""
        return self.own - self.other

    @cached_property
    def program(self) -> Program:
        """Of the gap."""
        return program_of(self.gap)


@dataclass(frozen=True)
class Stretch:
    """One sign of the gap from low to high, both included unless the errors meet there."""

    low: Fraction
    high: Fraction
    sign: int


@dataclass(frozen=True)
class Cut:
    """A change of sign inside; `sign`: that above it."""

    low: Fraction
    high: Fraction
    sign: int


@dataclass(frozen=True)
class Signs:
    """Of one piece.

    Parameters
    ----------
    stretches : tuple of Stretch
    cuts : tuple of Cut
    zeros : (int, int)
        Orders of the gap's zeros at the ends where the errors meet, 0 elsewhere.
    """

    stretches: tuple[Stretch, ...]
    cuts: tuple[Cut, ...]
    zeros: tuple[int, int]


@dataclass(frozen=True)
class Places:
    """What evaluation found about one rival.

    Parameters
    ----------
    rival, about : str
        Against whom, and for which M: "every M", "M → ∞" or "M = 2", say.
    chart : str
        In which variable, of `setting.CHARTS`.
    signs : tuple of tuple of Signs
        For each weight and piece of the setting.
    points : tuple of (Fraction, int)
        Keep fractions, with the sign of own − other, where only some are compared.
    equal : bool
        Both errors are one formula.
    """

    rival: str
    about: str
    chart: str = "p"
    signs: tuple[tuple[Signs, ...], ...] = ()
    points: tuple[tuple[Fraction, int], ...] = ()
    equal: bool = False


def located(piece: Piece) -> Signs:
    """The signs that evaluation shows; nothing is proved by them.

    Raises
    ------
    NoFormula
        The gap is not smooth where the errors meet, or has no definite sign somewhere.
    """
    with precision():
        zeros = tuple(_order(piece, end) if piece.meets[end] else 0 for end in (0, 1))
        points = _points(piece)
        found = [(x, _sign(piece, x)) for x in points]
        known = [(x, sign) for x, sign in found if sign]
        if len(known) < len(found) // 2:
            msg = "the errors cannot be told apart"
            raise NotToldApart(msg)
        cuts = [_cut(piece, a, b, above) for (a, below), (b, above) in pairwise(known) if below != above]
    ends = [piece.low, *(place for cut in cuts for place in (cut.low, cut.high)), piece.high]
    signs = [known[0][1], *(cut.sign for cut in cuts)]
    stretches = tuple(Stretch(ends[2 * n], ends[2 * n + 1], sign) for n, sign in enumerate(signs))
    return Signs(stretches, tuple(cuts), zeros)  # type: ignore[arg-type]


def _points(piece: Piece) -> list[Fraction]:
    length = piece.high - piece.low
    inner = [Fraction(n, _GRID) for n in range(1, _GRID)]
    near = [Fraction(1, 2**n) for n in _NEAR_ENDS]
    places = sorted({*inner, *near, *(1 - x for x in near)})
    ends = [end for end, meets in zip((Fraction(0), Fraction(1)), piece.meets, strict=True) if not meets]
    return sorted({piece.low + x * length for x in (*places, *ends)})


def _sign(piece: Piece, x: Fraction) -> int:
    found = value(piece.program, {piece.x.name: exact(x)})
    return 1 if found > 0 else -1 if found < 0 else 0


def _order(piece: Piece, end: int) -> int:
    at = (piece.low, piece.high)[end]
    found = taylor(piece.program, {piece.x.name: exact(at)}, piece.x.name, _HIGHEST_ZERO)
    for order, coefficient in enumerate(found):
        if not coefficient.is_finite():
            break
        if not coefficient.contains(0):
            return order
    if all(coefficient.is_finite() for coefficient in found):
        msg = f"the errors cannot be told apart at {piece.x} = {at}"
        raise NotToldApart(msg)
    msg = f"the errors are not smooth at {piece.x} = {at}"
    raise NoFormula(msg)


def _cut(piece: Piece, low: Fraction, high: Fraction, above: int) -> Cut:
    """By halving, to decimal places; a zero at such a place lies inside a shorter interval around it."""
    first, last = floor(low * PLACES), ceil(high * PLACES)
    while last - first > 1:
        middle = (first + last) // 2
        sign = _sign(piece, Fraction(middle, PLACES))
        if sign == 0:
            around = Fraction(1, 4 * PLACES)
            return Cut(Fraction(middle, PLACES) - around, Fraction(middle, PLACES) + around, above)
        first, last = (first, middle) if sign == above else (middle, last)
    return Cut(Fraction(first, PLACES), Fraction(last, PLACES), above)
