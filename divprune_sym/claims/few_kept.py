"""Magnitude edges where few edges are kept: p and the kept square are no power series in each other at p = 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.arithmetic import certain
from divprune_sym.claims.domain import Domain, between
from divprune_sym.claims.errors import p, t
from divprune_sym.claims.links import Fact, NotEntailed, follows, short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sympy import Basic, Expr

TAIL = sp.Rational(17, 5)  # a threshold t
LEAST_KEEP = sp.Rational(1, 1400)  # p is below this there
SQUARE = sp.Symbol("m", positive=True)
_KEEP = sp.erfc(t / sp.sqrt(2))


@dataclass(frozen=True)
class FewKept:
    """Where t ≥ T, magnitude edges keep a square m ≥ (1 + T²) p (Mills), and their error e(m) falls with m.

    So e(p) of another method, above e((1 + T²) p), is above e(m).

    Parameters
    ----------
    own : Expr
        The other method's error, in p, at one Z.
    """

    own: Expr

    @property
    def says(self) -> str:
        """The theorem in a few words."""
        return f"by Mills' bound on the kept square for t ≥ {TAIL}"

    def premises(self, statement: Basic, domain: Domain) -> Iterable[Fact]:
        """e(m) falls, and the other error is above e((1 + T²) p) for small p."""
        square = errors.magnitude_square(t, _KEEP)
        meant = sp.Gt(self.own.subs(p, _KEEP), errors.magnitude_edge(square), evaluate=False)
        if not follows(meant, statement, domain):
            msg = f"{short(statement)} does not compare an error with that of magnitude edges"
            raise NotEntailed(msg)
        for relation in (sp.Ge(t, TAIL, evaluate=False), sp.Lt(_KEEP.subs(t, TAIL), LEAST_KEEP, evaluate=False)):
            if not certain(relation, domain):
                msg = f"{relation} is not certain on {domain}"
                raise NotEntailed(msg)
        falls = sp.Lt(sp.diff(errors.magnitude_edge(SQUARE), SQUARE), 0, evaluate=False)
        return [
            Fact(falls, Domain(tuple(between(0, SQUARE, 1)))),
            Fact(sp.Gt(below(self.own), 0, evaluate=False), Domain(tuple(between(0, p, LEAST_KEEP, (False, True))))),
        ]


def below(own: Expr) -> Expr:
    """The other error minus e((1 + T²) p)."""
    return own - errors.magnitude_edge((1 + TAIL**2) * p)
