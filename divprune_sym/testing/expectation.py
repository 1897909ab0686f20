"""A formula against the Gaussian expectation that it claims to be."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import mpmath as mp
import numpy as np
import sympy as sp
from hypothesis import Phase, assume, given, settings

from divprune_sym.formulas.agreement import Comparison, compare_at
from divprune_sym.formulas.definitions import Defined, read
from divprune_sym.formulas.points import Point, read_point, shrunk
from divprune_sym.gaussian import activation as activation_of
from divprune_sym.gaussian.derivation import TOLERANCE
from divprune_sym.gaussian.quadrature import term_value
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.ground.checks import BadInput, real_array, symmetric
from divprune_sym.testing.covariance import Conditioning, covariances
from divprune_sym.testing.names import name_of
from divprune_sym.testing.rounding import rounding_bound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

Formula = Any  # str, SymPy expression, or callable

# covariances at which the definition itself is integrated numerically
_QUADRATURES = 2
_SHOWN = 20


def assert_expectation_equals(
    formula: Formula,
    definition: str,
    activation: str = "erf",
    *,
    conditioning: Conditioning | None = None,
    slack: float = 10.0,
    at: str | ArrayLike | None = None,
    max_examples: int = 50,
) -> None:
    """Assert that a formula is the expectation of its definition, at every covariance tried.

    The definition is taken twice. Its closed form, derived by the library, is compared with the formula to 40 digits at
    covariances drawn by Hypothesis. And the definition is integrated numerically, by a quadrature that shares no rule
    with the derivation, at two covariances: a mistake in the derivation is found too.

    Parameters
    ----------
    formula : str, sympy.Expr or callable
        A closed form in the covariances C_ab of the definition's fields, as text (the language of ``divprune-sym
        check``; nothing in it is executed) or in SymPy; or a function of the covariance matrix (F, F) in float64, its
        rows in the order in which the definition names the fields.
    definition : str
        ``E[g'(u_i) * u_y * g(u_a)]``, or a name such as I3.
    activation : str
        The function g.
    conditioning : Conditioning, optional
        Of the covariances. Left out: every kind for a closed form, WELL for a function.
    slack : float
        A function may be further off than the rounding bound of the derived closed form by this factor, since it may
        compute another form of it. Closed forms have no tolerance.
    at : str or (F, F) array, optional
        Compare at this covariance only: ``"C_ia = 1/2, C_ii = 2"``, where variances left out are 1 and covariances 0;
        or all of it, its rows in the order in which the definition names the fields.
    max_examples : int
        Covariances drawn.

    Raises
    ------
    AssertionError
        They differ. The message has the simplest covariance found that shows it, both values, and a line that repeats
        the comparison.
    BadInput
        A text cannot be read, the definition has no closed form, or formula or definition has no value at `at`.
    """
    check = _Check(formula, definition, activation, slack)
    if at is not None:
        check.compare_at(_point_at(at, check.fields, activation))
        return
    if conditioning is None and callable(formula):
        conditioning = Conditioning.WELL

    # what is found is shrunk by changes of single entries, which is faster, and ends at simpler fractions
    @settings(settings(), max_examples=max_examples, phases=[Phase.generate], report_multiple_bugs=False, deadline=None)
    @given(covariances(len(check.fields), conditioning=conditioning))
    def on_covariances(C: NDArray[np.float64]) -> None:
        point = _point(check.fields, C)
        agrees = check.agrees_at(point)
        assume(agrees is not None)
        if not agrees:
            raise _Differs(point)

    try:
        on_covariances()
    except _Differs as found:
        raise AssertionError(check.refutation(found.point)) from None
    check.integrate()


class _Differs(Exception):
    """A covariance where formula and definition differ."""

    def __init__(self, point: Point) -> None:
        super().__init__(str(point))
        self.point = point


class _Check:
    """One formula against one definition."""

    def __init__(self, formula: Formula, definition: str, activation: str, slack: float) -> None:
        self.formula, self.definition, self.activation, self.slack = formula, definition, activation, slack
        g = activation_of(activation)
        self.defined: Defined = read(formula if isinstance(formula, str) else "0", definition, g)
        self.function = formula if callable(formula) and not isinstance(formula, sp.Expr) else None
        if self.function is None and not isinstance(formula, str):
            self.defined = replace(self.defined, formula=_known(formula, self.defined.fields))
        self.fields = self.defined.fields

    def agrees_at(self, point: Point) -> bool | None:
        """Whether they agree at a point; None where there is nothing to compare."""
        comparison = self._compared(point)
        return None if comparison is None else self._agrees(comparison)

    def compare_at(self, point: Point) -> None:
        """Raise AssertionError where they differ, and BadInput where there is nothing to compare."""
        agrees = self.agrees_at(point)
        if agrees is None:
            msg = f"at: formula or definition divides by zero, or overflows, at {point}"
            raise BadInput(msg)
        if not agrees:
            raise AssertionError(self._message(point))

    def refutation(self, point: Point) -> str:
        """What there is to say of a point where they differ: of the simplest that changes of single entries lead to."""

        def differs(p: Point) -> bool:
            return p.is_definite and self.agrees_at(p) is False

        # a singular covariance cannot be changed entry by entry: those nearby often differ as well
        start = next((p for p in (point, *_lifted(point)) if differs(p)), None)
        return self._message(point if start is None else shrunk(start, differs))

    def _compared(self, point: Point) -> Comparison | None:
        if self.function is None:
            return compare_at(self.defined, point)
        exact = compare_at(replace(self.defined, formula=self.defined.definition), point)
        if exact is None:
            return None
        C = [[float(point.entries[covariance_symbol(a, b)]) for b in self.fields] for a in self.fields]
        value = mp.mpf(float(self.function(np.array(C))))
        return Comparison(point, value, exact.definition, value - exact.definition)

    def _agrees(self, comparison: Comparison) -> bool:
        if self.function is None:
            return comparison.agrees
        values = {symbol.name: float(value) for symbol, value in comparison.point.entries.items()}
        bound = rounding_bound(self.defined.definition, values)
        return bool(not mp.isfinite(bound) or abs(comparison.definition - comparison.formula) <= self.slack * bound)

    def _message(self, point: Point) -> str:
        found = self._compared(point)
        assert found is not None
        shown = "no real value" if found.formula is None else mp.nstr(found.formula, _SHOWN)
        own = f", {self.activation!r}" if self.activation != "erf" else ""
        return (
            f"the formula is not {self.definition} at {point.described()}\n"
            f"  formula     {shown}\n  definition  {mp.nstr(found.definition, _SHOWN)}\n"
            f"reproduce: assert_expectation_equals({_written(self.formula)}, {self.definition!r}{own}, at={_at(point)})"
        )

    def integrate(self) -> None:
        """Hold what the library derived against quadrature of what it was derived from."""
        for seed in range(_QUADRATURES):
            values = _moderate(self.fields, seed)
            for derived in self.defined.derivations:
                integrated = term_value(derived.term, values, derived.activation)
                closed = float(sp.N(derived.closed_form.subs(values)))
                if not abs(integrated - closed) <= TOLERANCE * max(1.0, abs(closed)):
                    msg = f"{derived.term} is {integrated:.10g} by quadrature, {closed:.10g} as derived, at {values}"
                    raise AssertionError(msg)


def _known(formula: object, fields: tuple[str, ...]) -> sp.Expr:
    """A SymPy formula with the library's own symbols; whatever a user assumed of theirs, a name means one number."""
    if isinstance(formula, (int, float, Fraction)):
        formula = sp.sympify(formula)
    if not isinstance(formula, sp.Expr):
        msg = f"formula: expected text, a SymPy expression or a function, got {type(formula).__name__}"
        raise BadInput(msg)
    symbols = {s.name: s for s in (covariance_symbol(a, b) for a in fields for b in fields)}
    for symbol in formula.free_symbols:
        if symbol.name not in symbols:
            msg = f"formula: symbol {symbol} is no covariance of the definition's fields: {', '.join(symbols)}"
            raise BadInput(msg)
    return formula.xreplace({symbol: symbols[symbol.name] for symbol in formula.free_symbols})


def _written(formula: Formula) -> str:
    if isinstance(formula, str):
        return repr(formula)
    if isinstance(formula, sp.Expr):
        return f'sympify("{sp.srepr(formula)}")'
    return name_of(formula, "formula") if callable(formula) else repr(formula)


def _point_at(at: str | ArrayLike, fields: tuple[str, ...], activation: str) -> Point:
    if isinstance(at, str):
        return read_point(at, fields, activation_of(activation))
    return _point(fields, symmetric("at", real_array("at", at, (len(fields), len(fields)))))


def _at(point: Point) -> str:
    """A point as it is written for `at`: entries that are unusual, or the whole matrix where fields are copies."""
    if point.is_definite:
        return repr(str(point))
    return repr([[float(point.entries[covariance_symbol(a, b)]) for b in point.fields] for a in point.fields])


def _lifted(point: Point) -> Iterator[Point]:
    """The same with larger variances."""
    for more in (Fraction(1), Fraction(1, 2), Fraction(1, 1024)):
        variances = {s: value + more for s, value in point.entries.items() if s.is_positive}
        yield Point(point.fields, {**point.entries, **variances})


def _point(fields: tuple[str, ...], C: NDArray[np.float64]) -> Point:
    """The covariance in exact fractions: every float64 is one."""
    entries = {
        covariance_symbol(a, b): Fraction(float(C[i, j])) for i, a in enumerate(fields) for j, b in enumerate(fields)
    }
    return Point(fields, entries)


def _moderate(fields: tuple[str, ...], seed: int) -> dict[sp.Symbol, float]:
    """A covariance that the grids of the quadrature are made for."""
    root = 0.25 * np.random.default_rng(seed).standard_normal((len(fields), len(fields) + 2))
    C = root @ root.T + 0.08 * np.eye(len(fields))
    return {covariance_symbol(a, b): float(C[i, j]) for i, a in enumerate(fields) for j, b in enumerate(fields)}
