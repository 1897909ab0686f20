"""What `check` says: a verdict, and for a wrong formula the simplest covariance that shows it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath as mp

from divprune_sym import gaussian
from divprune_sym.formulas.agreement import DIGITS, POINTS, UNSEEN, Agreement, Verdict, compare, compare_at
from divprune_sym.formulas.definitions import Defined, read
from divprune_sym.formulas.points import read_point
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.work import within

if TYPE_CHECKING:
    from divprune_sym.formulas.agreement import Comparison
    from divprune_sym.gaussian import Activation

SECONDS = 30.0
_SHOWN = 20


_SEEN = (
    f"{DIGITS} digits: a relative difference above 1e-{DIGITS} would have been seen, "
    f"and one above 1e-{UNSEEN} where the definition is 0"
)


@dataclass(frozen=True)
class Report:
    """A formula, its definition, and whether they agree, at all covariances or `at` a given one."""

    formula: str
    definition: str
    activation: str
    at: str | None
    closed_form: str
    agreement: Agreement

    @property
    def agrees(self) -> bool:
        """Whether no difference was found."""
        return self.agreement.verdict is not Verdict.DIFFERS

    @property
    def proved(self) -> bool:
        """Whether they are equal for certain."""
        return self.agreement.verdict is Verdict.PROVED

    def __str__(self) -> str:
        found = self.agreement
        if found.counterexample is not None:
            return "\n".join(["differ", *self._difference(found.counterexample)])
        if self.at is not None:
            return f"agree at {self.at}, not proved ({_SEEN})"
        if found.verdict is Verdict.PROVED:
            return (
                f"agree (proved: the difference simplifies to 0; and at {found.points} covariances to {DIGITS} digits)"
            )
        skipped = f", no value at {POINTS - found.points} others" if found.points < POINTS else ""
        low, high = found.variances
        where = f"{found.points} random covariances, variances {low:.3g} to {high:.3g}{skipped}"
        return f"agree wherever compared, not proved ({where}; {_SEEN})"

    def _difference(self, comparison: Comparison) -> list[str]:
        rows = {"formula": comparison.formula, "definition": comparison.definition, "difference": comparison.difference}
        shown = [f"  {name:12s}{_number(value)}" for name, value in rows.items()]
        return [f"  at {comparison.point.described()}", *shown, f"  reproduce:  {self._command(comparison)}"]

    def _command(self, comparison: Comparison) -> str:
        words = ["divprune-sym", "check", self.formula, "--against", self.definition]
        if self.activation != "erf":
            words += ["--activation", self.activation]
        return shlex.join([*words, "--at", str(comparison.point)])

    def record(self) -> dict[str, Any]:
        """The same as data; numbers are strings, for they have more digits than a float."""
        comparison = self.agreement.counterexample
        return {
            "verdict": "agree" if self.agrees else "differ",
            "proved": self.proved,
            "covariances": self.agreement.points,
            "variances": list(self.agreement.variances),
            "digits": DIGITS,
            "smallest_difference_seen": {"relative": f"1e-{DIGITS}", "absolute": f"1e-{UNSEEN}"},
            "activation": self.activation,
            "at": self.at,
            "closed_form": self.closed_form,
            "counterexample": None if comparison is None else self._counterexample(comparison),
        }

    def _counterexample(self, comparison: Comparison) -> dict[str, Any]:
        values = (comparison.formula, comparison.definition, comparison.difference)
        formula, definition, difference = (None if value is None else _number(value) for value in values)
        return {
            "covariance": {str(symbol): str(value) for symbol, value in comparison.point.entries.items()},
            "formula": formula,
            "definition": definition,
            "difference": difference,
            "reproduce": self._command(comparison),
        }


def check_formula(formula: str, definition: str, activation: str = "erf", at: str | None = None) -> Report:
    """Hold a formula against its definition.

    Parameters
    ----------
    formula : str
        A closed form in the covariances C_ab of the definition's fields.
    definition : str
        What it should be: ``E[g'(u_i) * u_y * g(u_a)]``, or a name such as I3 or I3(1,2,3).
    activation : str
        The function g.
    at : str, optional
        Compare at this covariance only: ``C_ia = 1/2, C_ii = 2``; variances left out are 1, covariances 0.

    Raises
    ------
    BadInput
        One of the texts cannot be used, the definition has no closed form, or all of it takes too long.
    """
    g = gaussian.activation(activation)
    report = within(SECONDS, lambda: _checked(formula, definition, g, at))
    if report is None:
        msg = f"formula: gave up after {SECONDS:g} s; it is too large to compare"
        raise BadInput(msg)
    return report


def _checked(formula: str, definition: str, activation: Activation, at: str | None) -> Report:
    defined = read(formula, definition, activation)
    agreement = compare(defined) if at is None else _at(defined, at, activation)
    return Report(formula, definition, activation.name, at, str(defined.definition), agreement)


def _at(defined: Defined, at: str, activation: Activation) -> Agreement:
    comparison = compare_at(defined, read_point(at, defined.fields, activation))
    if comparison is None:
        msg = f"--at: formula or definition divides by zero, or overflows, at {at[:80]}"
        raise BadInput(msg)
    if comparison.agrees:
        return Agreement(Verdict.SAMPLED, 1)
    return Agreement(Verdict.DIFFERS, 1, comparison)


def _number(value: Any) -> str:
    return "no real value" if value is None else str(mp.nstr(value, _SHOWN))
