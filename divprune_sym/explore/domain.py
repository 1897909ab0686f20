"""Where a question is asked: ranges of M, Z and of k or p, read from text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 64
MOST_POINTS = 200_000
MOST_NODES = 400

_WHOLE = re.compile(r"([0-9]{1,6})(?:\.\.([0-9]{1,6}))?")
_SHARES = re.compile(r"([01]?\.?[0-9]{0,12})(?:\.\.([01]?\.?[0-9]{0,12})(?::(0?\.[0-9]{1,12}))?)?")
_DEFAULT_STEP = Fraction(1, 100)


@dataclass(frozen=True)
class Domain:
    """Every M and Z of two ranges, with k of K = MZ nodes kept, or a share p of edges.

    Parameters
    ----------
    M, Z : range
    k : range or None
        Nodes kept; edges keep p = k/K. None: all from 1 to K − 1 (at 0 and K nothing is compared).
    p : tuple of Fraction or None
        Shares kept instead of k.
    """

    M: range
    Z: range
    k: range | None = None
    p: tuple[Fraction, ...] | None = None

    def kept(self, M: int, Z: int) -> list[tuple[int | None, Fraction]]:
        """(k or None, p) for one student."""
        if self.p is not None:
            return [(None, p) for p in self.p]
        K = M * Z
        wanted = range(1, K) if self.k is None else self.k
        return [(k, Fraction(k, K)) for k in wanted if 0 < k < K]

    def students(self) -> Iterator[tuple[int, int]]:
        """Every (M, Z)."""
        return ((M, Z) for M in self.M for Z in self.Z)

    def __len__(self) -> int:
        return sum(len(self.kept(M, Z)) for M, Z in self.students())

    def __str__(self) -> str:
        kept = "k = 1..K-1" if self.k is None else f"k = {_spelled(self.k)}"
        if self.p is not None:
            kept = f"p = {float(self.p[0]):g}..{float(self.p[-1]):g} ({len(self.p)} values)"
        return f"M = {_spelled(self.M)}, Z = {_spelled(self.Z)}, {kept}"


def _spelled(values: range) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]}..{values[-1]}"


def read_domain(text: str, of_nodes: bool) -> Domain:
    """A domain from ``M=1..8,Z=1..8,k=all`` or ``M=2,Z=1..8,p=0.01..0.99:0.01``.

    Parameters
    ----------
    text : str
        Ranges of M, Z and of k or p, separated by commas.
    of_nodes : bool
        Whether a method that prunes nodes is in question: then k, not p, says what is kept.

    Raises
    ------
    BadInput
        A range is missing, unreadable, empty or too large; the message names it.
    """
    given = _assigned(text)
    for name in ("M", "Z"):
        if name not in given:
            msg = f"--over: {name} is missing; write M=1..8,Z=1..8,k=all, say"
            raise BadInput(msg)
    if "k" in given and "p" in given:
        msg = "--over: k and p both say what is kept, give one"
        raise BadInput(msg)
    if of_nodes and "p" in given:
        msg = "--over: p is for edges alone; nodes are kept by number, k=all or k=1..5"
        raise BadInput(msg)
    M, Z = (_whole_range(name, given[name]) for name in ("M", "Z"))
    if M[-1] * Z[-1] > MOST_NODES:
        msg = f"--over: K = M Z reaches {M[-1] * Z[-1]}, at most {MOST_NODES}"
        raise BadInput(msg)
    shares = None
    if not of_nodes and "k" not in given:
        shares = _shares(given.get("p", "0.01..0.99"))
    k = None if given.get("k", "all") == "all" else _whole_range("k", given["k"])
    domain = Domain(M, Z, k, shares)
    if not 0 < len(domain) <= MOST_POINTS:
        msg = f"--over: {len(domain)} points, expected 1 to {MOST_POINTS} (k and K - k at least 1)"
        raise BadInput(msg)
    return domain


def _assigned(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in ("M", "Z", "k", "p") or not equals:
            msg = f"--over: {part.strip()[:40]!r} is no range; write M=1..8, Z=3, k=all, k=1..5 or p=0.1..0.9:0.05"
            raise BadInput(msg)
        if name in given:
            msg = f"--over: {name} is given twice"
            raise BadInput(msg)
        given[name] = value
    return given


def _whole_range(name: str, text: str) -> range:
    match = _WHOLE.fullmatch(text)
    if match is None:
        msg = f"--over: {name}={text[:40]}: expected a whole number or a range such as 1..8"
        raise BadInput(msg)
    low, high = int(match[1]), int(match[2] or match[1])
    limit = MOST_NODES if name == "k" else LARGEST
    if not 1 <= low <= high <= limit:
        msg = f"--over: {name}={text}: expected 1 <= from <= to <= {limit}"
        raise BadInput(msg)
    return range(low, high + 1)


def _shares(text: str) -> tuple[Fraction, ...]:
    match = _SHARES.fullmatch(text)
    low, high = (match[1], match[1] if match[2] is None else match[2]) if match else ("", "")
    if match is None or low in ("", ".") or high in ("", "."):
        msg = f"--over: p={text[:40]}: expected a share or a range such as 0.1..0.9:0.05"
        raise BadInput(msg)
    step = Fraction(match[3]) if match[3] else _DEFAULT_STEP
    first, last = Fraction(low), Fraction(high)
    if not 0 < first <= last < 1 or step == 0:
        msg = f"--over: p={text}: expected 0 < from <= to < 1 and a step above 0"
        raise BadInput(msg)
    count = int((last - first) / step) + 1
    if count > MOST_POINTS:
        msg = f"--over: p={text}: {count} shares, at most {MOST_POINTS}"
        raise BadInput(msg)
    return tuple(first + n * step for n in range(count))
