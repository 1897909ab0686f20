"""A claim, what is shown for it, and the verdict that follows from that and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from html import escape
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanAtom

from divprune_sym.claims import domain as domains
from divprune_sym.claims import wellformed
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from divprune_sym.claims.domain import Domain
    from divprune_sym.claims.links import Fact


class Verdict(StrEnum):
    """What is known of a claim.

    All but refuted: the machine has checked that what the evidence shows entails the statement on its domain.
    proved: by symbolic steps alone. certified: ball arithmetic took part.
    refuted: false at a point of the domain, where ball arithmetic shows the strict opposite. supported: tests or
    measurements, no more. open: none of these, evidence that did not hold, or a link that was not checked.
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
    facts : tuple of Fact
        What links may use.
    """

    kind: Kind
    holds: bool
    summary: str
    lines: tuple[str, ...] = ()
    shows: sp.Basic | None = None
    file: str | None = None
    sha256: str | None = None
    place: tuple[str, str, str] | None = None
    facts: tuple[Fact, ...] = ()

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
    until : float
        When the search for a certificate is given up, by `time.monotonic`.
    """

    quick: bool
    recorded: Path
    fresh: Path | None = None
    until: float = inf


class Evidence(Protocol):
    """Something that can be examined again, by anyone."""

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Run it; known is what the evidence before it has shown."""


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
        Relations in the free symbols of the statement, or texts that spell them: "0 < p < 1", "M, Z integers".
    source : str
        Paper and equation or section, or "this project".
    evidence : sequence of Evidence
        All of it has to hold.
    expected : Verdict
        What the ledger expects the evidence to give; the verdict itself is always computed.
    where : mapping of Expr to Expr or callable
        What names in the statement stand for; a callable derives it when it is needed.
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
    where: Mapping[sp.Expr, sp.Expr | Callable[[], sp.Expr]] = field(default_factory=dict)
    assumptions: Sequence[str] = ()
    region: Region | None = None

    def __post_init__(self) -> None:
        if not self.id or not all(c.isascii() and (c.isalnum() or c in ".-") for c in self.id):
            msg = f"claim id {self.id!r}: use letters, digits, dots and hyphens"
            raise BadInput(msg)
        if not isinstance(self.statement, Boolean) or isinstance(self.statement, (BooleanAtom, sp.Symbol)):
            msg = f"claim {self.id}: the statement {self.statement!r} is no relation, nor a combination of relations"
            raise BadInput(msg)
        if isinstance(self.domain, str):
            msg = f"claim {self.id}: the domain {self.domain!r} is a text; expected a list of relations"
            raise BadInput(msg)
        wellformed.check_names(self.where, f"claim {self.id}, where")
        wellformed.check((self.statement, *self._given, *self.over.relations), f"claim {self.id}")

    @property
    def _given(self) -> list[sp.Basic]:
        """The meanings that are there without derivation."""
        return [meaning for meaning in self.where.values() if isinstance(meaning, sp.Basic)]

    @cached_property
    def over(self) -> Domain:
        """The domain as relations, which speak of what is left when all names are written out."""
        symbols = {x for part in (self.statement, *self._given) for x in wellformed.symbols(part)}
        return domains.read(self.domain, symbols - set(self.where), f"claim {self.id}, domain")

    @property
    def place(self) -> str:
        """The domain in words, with what SymPy assumes of the symbols."""
        parts = (self.explicit, *self.over.relations)
        assumed = wellformed.assumed(parts, self.over.relations)
        return ", ".join([*assumed, *([str(self.over)] if self.domain or not assumed else [])])

    @cached_property
    def meanings(self) -> dict[sp.Expr, sp.Expr]:
        """What the names of `where` stand for, derived."""
        found = {x: y if isinstance(y, sp.Basic) else y() for x, y in self.where.items()}
        wellformed.check((self.statement, *found.values()), f"claim {self.id}, where")
        return found

    @cached_property
    def explicit(self) -> sp.Basic:
        """The statement with every name of `where` written out."""
        return written_out(self.statement, self.meanings)

    def _repr_html_(self) -> str:
        """What a notebook shows: the statement, where it holds, and what is expected of its evidence."""
        from divprune_sym.claims.typeset import mathml

        meanings = "".join(mathml(name, meaning) for name, meaning in self.meanings.items())
        domain = f"<p>for {escape(self.place)}</p>"
        about = f"{self.id}; {self.source}; expected: {self.expected.value}"
        return f"<p><b>{escape(self.title)}</b> ({escape(about)})</p>{mathml(self.statement)}{meanings}{domain}"


def written_out(statement: sp.Basic, meanings: Mapping[sp.Expr, sp.Expr]) -> sp.Basic:
    """A statement with names replaced by what they stand for; no relation is decided on the way."""
    if isinstance(statement, sp.Rel):
        return statement.func(*(_derived(side.subs(dict(meanings))) for side in statement.args), evaluate=False)
    if isinstance(statement, sp.logic.boolalg.BooleanFunction) and statement.func in _CONNECTIVES:
        return statement.func(*(written_out(part, meanings) for part in statement.args), evaluate=False)
    return statement.subs(dict(meanings)) if meanings else statement


def _derived(side: sp.Expr) -> sp.Expr:
    """Derivatives carried out."""
    return side.replace(lambda x: isinstance(x, (sp.Derivative, sp.Subs)), lambda x: x.doit())


_CONNECTIVES = (sp.And, sp.Or, sp.Not, sp.Implies, sp.Equivalent)


def verdict(findings: Sequence[Finding], unlinked: str | None = None) -> Verdict:
    """The verdict that findings amount to: that of the weakest of them.

    None if one of them fails, or if a link from them to the statement was not checked.
    """
    kinds = {finding.kind for finding in findings}
    if not findings or Kind.NONE in kinds or not all(finding.holds for finding in findings):
        return Verdict.OPEN
    if Kind.WITNESS in kinds:
        return Verdict.REFUTED
    if unlinked is not None:
        return Verdict.OPEN
    if Kind.STATISTICS in kinds:
        return Verdict.SUPPORTED
    return Verdict.CERTIFIED if Kind.CERTIFICATE in kinds else Verdict.PROVED
