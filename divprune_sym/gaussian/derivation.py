"""A reduction to closed form as data: every step can be read, printed and checked on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.quadrature import random_values, term_value
from divprune_sym.gaussian.rules import symbols_of
from divprune_sym.gaussian.term import Term
from divprune_sym.ground.randomness import Rng, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from divprune_sym.gaussian.functions import Activation

# of the two sides of a step, relative to the larger of 1 and the size of the terms; the quadrature is good to 1e-9
TOLERANCE = 1e-7


class NoClosedForm(ValueError):
    """The rules stop at a factor; the message names it."""


class Diverges(NoClosedForm):
    """The expectation is infinite; the message names the factor that makes it so."""


class WrongStep(ArithmeticError):
    """A step whose two sides differ; the message shows the step and both values."""


@dataclass(frozen=True)
class Step:
    """One application of one rule: `before` equals the sum of `after` wherever the conditions hold."""

    rule: str
    before: Term
    after: tuple[Term, ...]
    conditions: tuple[sp.Basic, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        # SymPy would decide relations while it rebuilds them: 1 + C > 0 would come back as True
        parts = tuple((type(condition), condition.args) for condition in self.conditions)
        return _rebuilt, (self.rule, self.before, self.after, parts)

    def __str__(self) -> str:
        result = " + ".join(map(str, self.after)) or "0"
        given = f"   [{', '.join(map(str, self.conditions))}]" if self.conditions else ""
        return f"{self.rule}: {self.before} = {result}{given}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def latex(self) -> str:
        """The step as one LaTeX equation."""
        return f"{self.before.latex()} = {' + '.join(term.latex() for term in self.after) or '0'}"


def _rebuilt(
    rule: str, before: Term, after: tuple[Term, ...], conditions: tuple[tuple[type[sp.Rel], tuple[Expr, ...]], ...]
) -> Step:
    return Step(rule, before, after, tuple(kind(*args, evaluate=False) for kind, args in conditions))


@dataclass(frozen=True)
class Derivation:
    """An expectation, its closed form, and the steps that lead from one to the other.

    Price's rule rests on a lemma about two fields with covariances A, B and c of its own; the steps
    of the lemma come before the step that uses it.
    """

    term: Term
    closed_form: Expr
    steps: tuple[Step, ...]
    activation: Activation

    @property
    def conditions(self) -> tuple[sp.Basic, ...]:
        """What the closed form rests on: the conditions of all steps outside lemmas, each once."""
        # a lemma has symbols of its own
        ours = symbols_of(self.term, self.activation)
        conditions = [condition for step in self.steps for condition in step.conditions]
        return tuple(dict.fromkeys(c for c in conditions if c.free_symbols and c.free_symbols <= ours))

    def check(self, rng: Rng, points: int = 2) -> float:
        """Check every step on its own, and the result, by quadrature at random covariances.

        Parameters
        ----------
        rng : numpy.random.Generator or int
            A seed stands for a new generator.
            Draws the covariances, and the values of any other symbol.
        points : int
            How many covariances.

        Returns
        -------
        float
            The largest discrepancy, relative to the larger of 1 and the size of the terms.

        Raises
        ------
        WrongStep
            The two sides of a step, or the expectation and its closed form, differ.
        """
        rng = generator(rng)
        return max(self._discrepancy(rng) for _ in range(points))

    def _discrepancy(self, rng: np.random.Generator) -> float:
        """The largest relative difference between the two sides of any step, at one random covariance."""
        terms = [self.term, *[term for step in self.steps for term in (step.before, *step.after)]]
        conditions = [condition for step in self.steps for condition in step.conditions]
        values = random_values(terms, conditions, self.activation, rng)
        if values is None:
            msg = "no admissible covariance found in 1000 draws"
            raise WrongStep(msg)
        sides: list[tuple[str, Term, Sequence[Term]]] = [(str(s), s.before, s.after) for s in self.steps]
        closed = Term(self.closed_form, (), self.term.covariance)
        sides.append((f"{self.term} = {self.closed_form}", self.term, [closed]))
        worst = 0.0
        for text, before, after in sides:
            left = term_value(before, values, self.activation)
            rights = [term_value(term, values, self.activation) for term in after]
            gap = abs(left - sum(rights)) / max(1.0, abs(left), *map(abs, rights))
            if not gap <= TOLERANCE:
                shown = ", ".join(f"{symbol} = {value:.6g}" for symbol, value in values.items())
                msg = f"{text}\nleft side {left:.10g}, right side {sum(rights):.10g} at {shown}"
                raise WrongStep(msg)
            worst = max(worst, gap)
        return worst

    def __str__(self) -> str:
        lines = [f"{n}. {step}" for n, step in enumerate(self.steps, 1)]
        return "\n".join([*lines, f"{self.term} = {self.closed_form}"])

    def latex(self) -> str:
        """The steps and the result as LaTeX, one equation a line."""
        return "\n".join([*[step.latex() for step in self.steps], self._result()])

    def _result(self) -> str:
        return f"{self.term.latex()} = {sp.latex(self.closed_form, inv_trig_style='full')}"

    def _repr_latex_(self) -> str:
        lines = [rf"\text{{{step.rule}:}}\quad {step.latex()}" for step in self.steps]
        body = " \\\\\n".join([*lines, self._result()])
        return f"$$\\begin{{gathered}}\n{body}\n\\end{{gathered}}$$"
