"""Reduce an expectation to closed form by the three rules, keeping every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian import rules
from divprune_sym.gaussian.term import Factor, G, Term, U, symbolic_covariance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from divprune_sym.gaussian.activation import Activation


class NoClosedForm(ValueError):
    """The rules stop at a factor; the message names it."""


@dataclass(frozen=True)
class Step:
    """One application of one rule: `before` equals the sum of `after` wherever the conditions hold."""

    rule: str
    before: Term
    after: tuple[Term, ...]
    conditions: tuple[sp.Basic, ...] = ()

    def __str__(self) -> str:
        result = " + ".join(map(str, self.after)) or "0"
        given = f"   [{', '.join(map(str, self.conditions))}]" if self.conditions else ""
        return f"{self.rule}: {self.before} = {result}{given}"

    def latex(self) -> str:
        """The step as one LaTeX equation."""
        return f"{self.before.latex()} = {' + '.join(term.latex() for term in self.after) or '0'}"


@dataclass(frozen=True)
class Derivation:
    """An expectation, its closed form, and the steps that lead from one to the other."""

    term: Term
    closed_form: Expr
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [f"{n}. {step}" for n, step in enumerate(self.steps, 1)]
        return "\n".join([*lines, f"{self.term} = {self.closed_form}"])

    def latex(self) -> str:
        """The steps and the result as LaTeX, one equation a line."""
        lines = [step.latex() for step in self.steps]
        return "\n".join([*lines, f"{self.term.latex()} = {sp.latex(self.closed_form)}"])


@dataclass
class _Reducer:
    """Applies the rules in a fixed order until no factor is left, and notes the steps."""

    activation: Activation
    steps: list[Step] = field(default_factory=list)

    def closed_form(self, term: Term) -> Expr:
        if not term.factors:
            return term.coefficient
        rule, after, conditions = self._apply(term)
        self.steps.append(Step(rule, term, tuple(after), conditions))
        return sp.Add(*[self.closed_form(t) for t in after if t.coefficient != 0])

    def _apply(self, term: Term) -> tuple[str, list[Term], tuple[sp.Basic, ...]]:
        # Slopes go first: once tilted away, Stein's lemma can only bring them back one by one.
        high = _first(term, lambda f: isinstance(f, G) and f.order >= 2)
        slope = _first(term, lambda f: isinstance(f, G) and f.order == 1)
        linear = _first(term, lambda f: isinstance(f, U))
        if (high or slope) and self.activation.gaussian_slope is None:
            msg = f"no closed form: the factor {high or slope} of {self.activation} is no Gaussian"
            raise NoClosedForm(msg)
        if isinstance(high, G):
            return "derivative", rules.lower_derivative(term, high, self.activation), ()
        if isinstance(slope, G):
            _, rate = self.activation.gaussian_slope or (0, 0)
            positive = sp.Gt(1 + rate * term.covariance(slope.field, slope.field), 0, evaluate=False)
            return "tilting", rules.tilt(term, slope, self.activation), (positive,)
        if isinstance(linear, U):
            return "Stein", rules.stein(term, linear), ()
        if self.activation.is_odd and len(term.factors) % 2:
            return "parity", rules.parity(term), ()
        if self.activation.is_odd and len(term.factors) == 2 and self.activation.gaussian_slope:
            return "Price", rules.price(term, self.closed_form, self.activation), ()
        product = "·".join(map(str, term.factors))
        msg = f"no closed form: E[{product}] of {self.activation} is beyond tilting, Stein and Price"
        raise NoClosedForm(msg)


def _first(term: Term, wanted: Callable[[Factor], bool]) -> Factor | None:
    return next((factor for factor in term.factors if wanted(factor)), None)


def expectation(factors: Sequence[Factor], activation: Activation) -> Derivation:
    """E[∏ factors] over zero-mean jointly Gaussian fields with covariances C_ab, in closed form.

    Parameters
    ----------
    factors : sequence of G and U
        G("i", n) is g^(n)(u_i), U("y") is the linear field u_y.
    activation : Activation
        The function g.

    Raises
    ------
    NoClosedForm
        The rules do not reach a closed form; the message names the factor that stopped them.
    """
    fields = [factor.field for factor in factors]
    term = Term(sp.Integer(1), tuple(factors), symbolic_covariance(fields))
    reducer = _Reducer(activation)
    value = reducer.closed_form(term)
    return Derivation(term, value, tuple(reducer.steps))


INTEGRALS: dict[str, tuple[Factor, ...]] = {
    "J2": (G("i", 1), G("k", 1)),
    "I2": (G("a"), G("b")),
    "I3": (G("i", 1), U("y"), G("a")),
    "I4": (G("i", 1), G("k", 1), G("a"), G("b")),
}


def integral(name: str, activation: Activation) -> Derivation:
    """Derive one of the four integrals of online learning (Saad & Solla 1995): J2, I2, I3 or I4."""
    return expectation(INTEGRALS[name], activation)
