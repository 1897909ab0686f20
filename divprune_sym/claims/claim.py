"""A claim, what is shown for it, and the verdict that follows from that and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

import sympy as sp

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Verdict(StrEnum):
    """What is known of a claim.

    proved: by symbolic steps alone, for the whole domain. certified: ball arithmetic over the whole domain took part.
    refuted: false at a point, where ball arithmetic shows the strict opposite. supported: tests or measurements, no
    more. open: none of these, or evidence that did not hold.
    """

    PROVED = "proved"
    CERTIFIED = "certified"
    REFUTED = "refuted"
    SUPPORTED = "supported"
    OPEN = "open"


class Kind(StrEnum):
    """What sort of evidence a finding comes from."""

    SYMBOLIC = "symbolic proof"
    CERTIFICATE = "ball certificate"
    WITNESS = "witness"
    STATISTICS = "statistical test"
    NONE = "none"


@dataclass(frozen=True)
class Finding:
    """What one piece of evidence came to when it was examined.

    Parameters
    ----------
    kind : Kind
    holds : bool
    summary : str
        One line.
    lines : tuple of str
        The steps, or what else there is to read.
    shows : Basic, optional
        The statement that this piece shows, where it is not the claim itself.
    file, sha256 : str, optional
        A certificate's name and checksum.
    place : (str, str, str), optional
        A boundary's name and the ends of its enclosure.
    """

    kind: Kind
    holds: bool
    summary: str
    lines: tuple[str, ...] = ()
    shows: sp.Basic | None = None
    file: str | None = None
    sha256: str | None = None
    place: tuple[str, str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is absent is left out."""
        found = {
            "kind": str(self.kind),
            "holds": self.holds,
            "summary": self.summary,
            "lines": list(self.lines),
            "shows": None if self.shows is None else str(self.shows),
            "file": self.file,
            "sha256": self.sha256,
            "place": None if self.place is None else list(self.place),
        }
        return {name: value for name, value in found.items() if value not in (None, [])}


@dataclass(frozen=True)
class Row:
    """One line of a map: which boundaries cut 0 … 1, in order, and whether the first side holds first."""

    label: str
    boundaries: tuple[str, ...]
    first: bool


@dataclass(frozen=True)
class Region:
    """How to draw where a comparison holds; the places themselves come from the evidence.

    Parameters
    ----------
    variable : str
        What runs from 0 to 1.
    sides : (str, str)
        What holds where the comparison does, and where it does not.
    rows : sequence of Row
    """

    variable: str
    sides: tuple[str, str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Bench:
    """Where evidence is examined.

    Parameters
    ----------
    quick : bool
        Check the certificates and measurements that were recorded; otherwise find and make them anew.
    recorded : Path
        Folder of what was recorded.
    fresh : Path, optional
        Folder that takes what is found anew.
    """

    quick: bool
    recorded: Path
    fresh: Path | None = None


class Evidence(Protocol):
    """Something that can be examined again, by anyone."""

    def examine(self, claim: Claim, bench: Bench) -> Finding:
        """Run it."""


@dataclass(frozen=True)
class Claim:
    """One statement and the evidence for or against it.

    Parameters
    ----------
    id : str
        Letters, digits, dots and hyphens.
    title : str
        The statement in one English sentence.
    statement : Basic
        The same in SymPy: a relation, or a logical combination of relations.
    domain : sequence of Basic or str
        What the variables range over.
    source : str
        Paper and equation or section, or "this project".
    evidence : sequence of Evidence
        All of it has to hold.
    expected : Verdict
        What the ledger expects the evidence to give; the verdict itself is always computed.
    where : mapping of Expr to Expr
        What names in the statement stand for.
    assumptions : sequence of str
        What is taken for granted.
    region : Region, optional
        Where it holds, to be drawn.
    """

    id: str
    title: str
    statement: sp.Basic
    domain: Sequence[sp.Basic | str]
    source: str
    evidence: Sequence[Evidence]
    expected: Verdict
    where: Mapping[sp.Expr, sp.Expr] = field(default_factory=dict)
    assumptions: Sequence[str] = ()
    region: Region | None = None

    def __post_init__(self) -> None:
        if not self.id or not all(c.isascii() and (c.isalnum() or c in ".-") for c in self.id):
            msg = f"claim id {self.id!r}: use letters, digits, dots and hyphens"
            raise BadInput(msg)
        if not isinstance(self.statement, sp.Basic):
            msg = f"claim {self.id}: the statement is a {type(self.statement).__name__}, expected a SymPy expression"
            raise BadInput(msg)

    @property
    def explicit(self) -> sp.Basic:
        """The statement with every name of `where` written out."""
        return self.statement.subs(dict(self.where)) if self.where else self.statement

    def _repr_html_(self) -> str:
        """What a notebook shows: the statement, where it holds, and what is expected of its evidence."""
        from divprune_sym.claims.typeset import mathml

        meanings = "".join(mathml(name, meaning) for name, meaning in self.where.items())
        domain = f"<p>for {escape(self.domain_text)}</p>" if self.domain else ""
        about = f"{self.id}; {self.source}; expected: {self.expected.value}"
        return f"<p><b>{escape(self.title)}</b> ({escape(about)})</p>{mathml(self.statement)}{meanings}{domain}"

    @property
    def domain_text(self) -> str:
        """The domain in one line."""
        return "; ".join(map(str, self.domain))


def verdict(findings: Sequence[Finding]) -> Verdict:
    """The verdict that findings amount to: that of the weakest of them, and none if one of them fails."""
    kinds = {finding.kind for finding in findings}
    if not findings or Kind.NONE in kinds or not all(finding.holds for finding in findings):
        return Verdict.OPEN
    if Kind.WITNESS in kinds:
        return Verdict.REFUTED
    if Kind.STATISTICS in kinds:
        return Verdict.SUPPORTED
    return Verdict.CERTIFIED if Kind.CERTIFICATE in kinds else Verdict.PROVED
