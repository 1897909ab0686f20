"""What is compared: a method and a rival in the specialized state, as functions of one variable or as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.certify.formulas import (
    NodeErrors,
    NoFormula,
    Run,
    Subject,
    coordinated_errors,
    dpp_at,
    dpp_runs,
    kind_of,
    magnitude_at,
    magnitude_runs,
    node_error,
    node_errors,
    subject_of,
)
from divprune_sym.certify.signs import Piece
from divprune_sym.claims.errors import p
from divprune_sym.pruning.registry import METHODS

if TYPE_CHECKING:
    from sympy import Expr

EVERY, INFINITE = "every M", "M → ∞"
CHARTS = ("p", "root", "from one")
_R, _Q = sp.symbols("r q", positive=True)
_CHARTS_OF = {"dpp": ("p", "root"), "magnitude": ("p",)}
_APART = (*_CHARTS_OF, "coordinated")  # groups of copies stay apart
_CHART = {"p": [], "root": ["p = r²"], "from one": ["p = 1 − q²"]}
_S = {"p": "", "root": "; s = r²", "from one": ""}
_B = "b = 1/√s for s ≥ 1"
_KEEP = {"p": (p, p), "root": (_R, _R**2), "from one": (_Q, 1 - _Q**2)}


@dataclass(frozen=True)
class Setting:
    """A method in the specialized state.

    Parameters
    ----------
    subject : Subject
    M, Z : int
    rescale : {"none", "inverse-sqrt"}
        What follows edge pruning, in all methods.
    """

    subject: Subject
    M: int
    Z: int
    rescale: str = "none"
    _known: dict[tuple[str, str, str], list[list[Piece]]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def here(self) -> str:
        """The M asked for, in words."""
        return f"M = {self.M}"

    def own(self, share: Fraction | None = None) -> Expr:
        """e of the method, in p or at a share."""
        return self.subject.error(self.Z, self.M, self.rescale, share)

    def abouts(self, rival: str) -> list[str]:
        """For which M a rival is compared."""
        if self.of_nodes(rival):
            return [self.here, INFINITE, EVERY] if self.subject.for_every_M else [self.here]
        apart = self.subject.for_every_M and (_kind(rival) in _APART or _edges(rival).for_every_M)
        return [EVERY if apart else self.here]

    def shares(self, rival: str, about: str) -> list[Fraction] | None:
        """The keep fractions to compare at; None for all between 0 and 1."""
        possible = [self.subject.shares]
        kind = _kind(rival)
        if kind == "formula":
            possible.append(_edges(rival).shares)
        elif kind == "nodes" and about == self.here:
            K = self.M * self.Z
            possible.append(tuple(Fraction(k, K) for k in range(1, K)))
        limited = [set(shares) for shares in possible if shares is not None]
        return sorted(set.intersection(*limited)) if limited else None

    def of_nodes(self, rival: str) -> bool:
        """Whether a rival prunes nodes."""
        return _kind(rival) == "nodes"

    def law(self, rival: str) -> NodeErrors | None:
        """The errors of a rival that come in parts: of nodes, and of coordinated edges."""
        if _kind(rival) == "coordinated":
            return coordinated_errors(self.Z, self.rescale)
        return node_errors(rival, self.Z) if self.of_nodes(rival) else None

    def weights(self, rival: str, about: str) -> list[Expr]:
        """What w of the rival's law is: one value, or both ends where it depends on M and every M is asked for."""
        law = self.law(rival)
        if law is None or law.for_every_M:
            return [sp.S.Zero]
        return [law.at_infinity] if about == INFINITE else [sp.S.Zero, law.largest]

    def others(self, rival: str, about: str, share: Fraction) -> list[Expr]:
        """e of the rival at a share, for each of the weights."""
        law = self.law(rival)
        if _kind(rival) == "magnitude":
            return [magnitude_at(share, self.Z, self.rescale)]
        if law is None:
            return [_edges(rival).error(self.Z, self.M, self.rescale, share)]
        if about == self.here and self.of_nodes(rival):
            return [node_error(rival, int(share * self.M * self.Z), self.M, self.Z)]
        at = sp.Rational(share.numerator, share.denominator)
        part = next(x for x in law.parts if x.low <= at <= x.high)
        return [part.error(w).subs(p, at) for w in self.weights(rival, about)]

    def piece_at(self, rival: str, share: Fraction) -> Piece | None:
        """Where the parameter of a rival is all but known at a share; None where its error is a number."""
        if _kind(rival) != "dpp":
            return None
        run = dpp_at(share, self.Z, self.rescale)
        return Piece(run.x, run.low, run.high, run.keep, self.own(share), run.error, run.ends)

    def pieces(self, rival: str, about: str, chart: str) -> list[list[Piece]]:
        """Pieces that fill 0 < p < 1, for each of the weights; derived once.

        Raises
        ------
        NoFormula
            There are none in this variable.
        """
        asked = rival, about, chart
        if asked not in self._known:
            self._known[asked] = self._pieces(rival, about, chart)
        return self._known[asked]

    def _pieces(self, rival: str, about: str, chart: str) -> list[list[Piece]]:
        law = self.law(rival)
        if (runs := self._runs(rival, chart)) is not None:
            return [[self._along(run) for run in runs]]
        if law is None:
            return [[self._piece(_edges(rival).error(self.Z, self.M, self.rescale), chart, sp.S.Zero, sp.S.One)]]
        if len(law.parts) > 1 and chart != "p":
            msg = "the errors are not smooth"
            raise NoFormula(msg)
        return [
            [self._piece(part.error(w), chart, part.low, part.high) for part in law.parts]
            for w in self.weights(rival, about)
        ]

    def has_tail(self, rival: str) -> bool:
        """Whether the pieces leave out small p, where the rival is magnitude edges."""
        return _kind(rival) == "magnitude"

    def variables(self, rival: str, chart: str) -> list[str]:
        """What the variables of the pieces are."""
        said = {
            "dpp": [f"p = s K_11(s), which rises from 0 to 1 with s (edges.dpp-keep-fraction){_S[chart]}", _B],
            "magnitude": ["p = erfc(t/√2), which falls from 1 to 0 as t, the threshold on |w|/√Q_ii, rises"],
        }
        return said.get(_kind(rival), _CHART[chart])

    def _runs(self, rival: str, chart: str) -> list[Run] | None:
        """How a parameter runs through a rival; None where p itself does."""
        kind = _kind(rival)
        if kind not in _CHARTS_OF:
            return None
        if chart not in _CHARTS_OF[kind]:
            msg = "the errors are not smooth"
            raise NoFormula(msg)
        return dpp_runs(self.Z, self.rescale, chart) if kind == "dpp" else magnitude_runs(self.Z, self.rescale)

    def _along(self, run: Run) -> Piece:
        return Piece(run.x, run.low, run.high, run.keep, self.own().subs(p, run.keep), run.error, run.ends)

    def _piece(self, other: Expr, chart: str, low: Expr, high: Expr) -> Piece:
        x, keep = _KEEP[chart]
        own, there = (error if x == p else error.subs(p, keep) for error in (self.own(), other))
        meets = (low == 0, high == 1)
        return Piece(x, Fraction(int(low.p), int(low.q)), Fraction(int(high.p), int(high.q)), keep, own, there, meets)


@cache
def _kind(rival: str) -> str:
    return kind_of(METHODS[rival])


@cache
def _edges(rival: str) -> Subject:
    return subject_of(METHODS[rival])
