"""Expectations as data: a coefficient times E[product of factors] over jointly Gaussian, zero-mean fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, order=True)
class G:
    """The factor g^(order)(u_field)."""

    field: str
    order: int = 0

    def __str__(self) -> str:
        return f"g{chr(39) * self.order}(u_{self.field})"

    def latex(self) -> str:
        """The factor in LaTeX."""
        return f"g{chr(39) * self.order}(u_{{{self.field}}})"


@dataclass(frozen=True, order=True)
class U:
    """The linear factor u_field."""

    field: str

    def __str__(self) -> str:
        return f"u_{self.field}"

    def latex(self) -> str:
        """The factor in LaTeX."""
        return f"u_{{{self.field}}}"


Factor = G | U


@dataclass(frozen=True)
class Covariance:
    """Symmetric covariance of named fields; entries are SymPy expressions.

    `tilts` names the fields whose slopes it has absorbed, in order: it only serves the printed steps.
    """

    fields: tuple[str, ...]
    matrix: sp.ImmutableMatrix
    tilts: tuple[str, ...] = ()

    def __call__(self, a: str, b: str) -> Expr:
        return self.matrix[self.fields.index(a), self.fields.index(b)]


def covariance_symbol(a: str, b: str) -> sp.Symbol:
    """The symbol C_ab: positive on the diagonal (a variance), real elsewhere."""
    first, second = sorted((a, b))
    return sp.Symbol(f"C_{first}{second}", **({"positive": True} if a == b else {"real": True}))


def symbolic_covariance(fields: Iterable[str]) -> Covariance:
    """The covariance whose entries are the symbols C_ab."""
    names = tuple(dict.fromkeys(fields))
    entries = [[covariance_symbol(a, b) for b in names] for a in names]
    return Covariance(names, sp.ImmutableMatrix(entries))


@dataclass(frozen=True)
class Term:
    """coefficient · E[∏ factors] under a covariance."""

    coefficient: Expr
    factors: tuple[Factor, ...]
    covariance: Covariance

    def without(self, factor: Factor) -> Term:
        """The term with one occurrence of a factor removed."""
        rest = list(self.factors)
        rest.remove(factor)
        return replace(self, factors=tuple(rest))

    def times(self, coefficient: Expr, *factors: Factor) -> Term:
        """The term with a coefficient and factors multiplied in."""
        return replace(self, coefficient=self.coefficient * coefficient, factors=(*self.factors, *factors))

    def __str__(self) -> str:
        if not self.factors:
            return str(self.coefficient)
        tilts = "_{" + ",".join(self.covariance.tilts) + "}" if self.covariance.tilts else ""
        expectation = f"E{tilts}[{'·'.join(map(str, self.factors))}]"
        return expectation if self.coefficient == 1 else f"({self.coefficient})·{expectation}"

    def latex(self) -> str:
        """The term in LaTeX; a subscript of E names the tilts of its Gaussian."""
        if not self.factors:
            return str(sp.latex(self.coefficient))
        tilts = "_{" + ",".join(self.covariance.tilts) + "}" if self.covariance.tilts else ""
        product = r"\,".join(factor.latex() for factor in self.factors)
        expectation = rf"\mathbb{{E}}{tilts}\left[{product}\right]"
        return expectation if self.coefficient == 1 else sp.latex(self.coefficient) + r"\," + expectation
