"""Expectations as data: a coefficient times E[product of factors] over jointly Gaussian, zero-mean fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from divprune_sym.gaussian.functions import Activation


@dataclass(frozen=True)
class G:
    """The factor g^(order)(u_field); `of` names the function where it is not the one activation of all fields."""

    field: str
    order: int = 0
    of: Activation | None = None

    @property
    def combination(self) -> tuple[tuple[str, Expr], ...]:
        """The argument as a linear combination of fields."""
        return ((self.field, sp.Integer(1)),)

    def __str__(self) -> str:
        return f"{self.of or 'g'}{chr(39) * self.order}(u_{self.field})"

    def latex(self) -> str:
        """The factor in LaTeX."""
        function = self.of.latex() if self.of else "g"
        return f"{function}{chr(39) * self.order}(u_{{{self.field}}})"


@dataclass(frozen=True)
class U:
    """The linear factor u_field."""

    field: str

    @property
    def combination(self) -> tuple[tuple[str, Expr], ...]:
        """The argument as a linear combination of fields."""
        return ((self.field, sp.Integer(1)),)

    def __str__(self) -> str:
        return f"u_{self.field}"

    def latex(self) -> str:
        """The factor in LaTeX."""
        return f"u_{{{self.field}}}"


@dataclass(frozen=True)
class Wave:
    """The factor cos X or sin X of a linear combination X = Σ ω_a u_a of fields."""

    function: type[sp.sin] | type[sp.cos]
    combination: tuple[tuple[str, Expr], ...]

    @property
    def argument(self) -> Expr:
        """X in symbols u_a."""
        return sp.Add(*[weight * sp.Symbol(f"u_{field}", real=True) for field, weight in self.combination])

    # Unevaluated: sin(−X) must not become −sin(X) in print, the sign would not be the term's.
    def __str__(self) -> str:
        return str(self.function(self.argument, evaluate=False))

    def latex(self) -> str:
        """The factor in LaTeX."""
        return str(sp.latex(self.function(self.argument, evaluate=False)))


Factor = G | U | Wave


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

    def between(self, x: Factor, y: Factor) -> Expr:
        """The covariance of the arguments of two factors."""
        return sp.Add(*[p * q * self(a, b) for a, p in x.combination for b, q in y.combination])


def covariance_symbol(a: str, b: str) -> sp.Symbol:
    """The symbol C_ab: positive on the diagonal (a variance), real elsewhere.

    Names of more than one letter are kept apart, C_a_bc, or they could be read in two ways.
    """
    first, second = sorted((a, b))
    between = "" if len(first) == len(second) == 1 else "_"
    return sp.Symbol(f"C_{first}{between}{second}", **({"positive": True} if a == b else {"real": True}))


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

    def without(self, *factors: Factor) -> Term:
        """The term with one occurrence of each factor removed."""
        rest = list(self.factors)
        for factor in factors:
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
        if self.coefficient == 1:
            return expectation
        return rf"\left({sp.latex(self.coefficient)}\right)\,{expectation}"
