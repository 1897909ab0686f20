"""Reduce an expectation to closed form by the three rules, keeping every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian import rules
from divprune_sym.gaussian.covariance import field_name, not_known
from divprune_sym.gaussian.derivation import Derivation, Diverges, NoClosedForm, Step
from divprune_sym.gaussian.functions import Activation
from divprune_sym.gaussian.roots import regular
from divprune_sym.gaussian.shape import bell, unknown
from divprune_sym.gaussian.term import Covariance, Factor, G, Term, U, Wave, symbolic_covariance
from divprune_sym.gaussian.vocabulary import VOCABULARY
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Applied = tuple[str, list[Term], tuple[sp.Basic, ...]]


@dataclass
class _Reducer:
    """Applies the rules in a fixed order until no factor is left, and notes the steps."""

    activation: Activation
    steps: list[Step] = field(default_factory=list)

    def closed_form(self, term: Term) -> Expr:
        if not term.factors or term.coefficient == 0:
            return term.coefficient
        rule, after, conditions = self._apply(term)
        self.steps.append(Step(rule, term, tuple(after), conditions))
        return sp.Add(*[self.closed_form(t) for t in after])

    def _apply(self, term: Term) -> Applied:
        for attempt in (self._definition, self._fixed, self._parity, self._signs, self._slopes, self._linear):
            applied = attempt(term)
            if applied is not None:
                return applied
        return self._waves_and_pairs(term)

    def _definition(self, term: Term) -> Applied | None:
        functions = {f: rules.function_of(f, self.activation) for f in term.factors if isinstance(f, G)}
        strange = [f for f in sorted(functions, key=lambda f: -f.order) if unknown(functions[f]) is not None]
        if strange and not (strange[0].order == 0 and self._is_odd(term)):
            function = functions[strange[0]]
            msg = (
                f"no closed form: the factor {strange[0]} of {function} stops {self._named(term)}: "
                f"no rule knows {unknown(function)}, only {VOCABULARY}"
            )
            raise NoClosedForm(msg)
        if strange or all(bell(function) for function in functions.values()):
            return None
        return "definition", rules.spell_out(term, self.activation), ()

    def _parity(self, term: Term) -> Applied | None:
        return ("parity", rules.parity(term), ()) if self._is_odd(term) else None

    def _is_odd(self, term: Term) -> bool:
        odd = [rules.is_odd(factor, self.activation) for factor in term.factors]
        return None not in odd and sum(map(bool, odd)) % 2 == 1

    def _fixed(self, term: Term) -> Applied | None:
        factor = _first(term, lambda f: term.covariance.between(f, f) == 0)
        if factor is None:
            return None
        if rules.is_delta(factor, self.activation):
            cause = "that the other slopes fix to 0" if term.covariance.tilts else "without variance"
            msg = f"{self._named(term)} diverges: {factor} is a δ function of a field {cause}"
            raise Diverges(msg)
        return "fixed field", rules.fix(term, factor, self.activation), ()

    def _signs(self, term: Term) -> Applied | None:
        signs, deltas = Counter[str](), Counter[str]()
        for factor in term.factors:
            if isinstance(factor, G) and _is_sign(factor, self.activation):
                (deltas if factor.order else signs)[factor.field] += 1
        crowded = [name for name, count in signs.items() if count + deltas[name] > 1 and deltas[name] <= 1]
        if not crowded:
            return None
        return "powers of sign", rules.powers_of_sign(term, crowded[0], self.activation), ()

    def _slopes(self, term: Term) -> Applied | None:
        # Slopes go before linear factors: once tilted away, Stein's lemma can only bring them back one by one.
        # Derivatives of δ come last, the lowest first: lowering one raises the others.
        steep = [f for f in term.factors if isinstance(f, G) and f.order >= 2]
        high = [f for f in steep if not rules.is_delta(f, self.activation)]
        if high:
            return "derivative", rules.lower_derivative(term, high[0], self.activation), ()
        slope = _first(term, lambda f: isinstance(f, G) and f.order == 1)
        if isinstance(slope, G):
            return "tilting", rules.tilt(term, slope, self.activation), (self._reach(term, slope, "tilt"),)
        if steep:
            lowest = min(steep, key=lambda f: f.order)
            variance = term.covariance(lowest.field, lowest.field)
            return "Stein backwards", rules.stein_backwards(term, lowest), (_positive(variance),)
        return None

    def _linear(self, term: Term) -> Applied | None:
        linear = _first(term, lambda f: isinstance(f, U))
        if not isinstance(linear, U):
            return None
        if all(isinstance(f, U) for f in term.factors):
            return "Wick", rules.wick(term), ()
        return "Stein", rules.stein(term, linear), ()

    def _waves_and_pairs(self, term: Term) -> Applied:
        waves = [f for f in term.factors if isinstance(f, Wave)]
        sigmoids = [f for f in term.factors if isinstance(f, G)]
        if len(waves) > 1:
            return "product to sum", rules.product_to_sum(term, waves[0], waves[1]), ()
        if waves and not sigmoids:
            return "characteristic function", rules.characteristic_function(term, waves[0]), ()
        if len(waves) + len(sigmoids) != 2:
            msg = f"no closed form: {self._named(term)} is beyond tilting, Stein and Price"
            raise NoClosedForm(msg)
        rule = rules.price_wave if waves else rules.price
        conditions = [self._reach(term, sigmoid, "price") for sigmoid in sigmoids]
        return "Price", rule(term, self.closed_form, self.activation), tuple(dict.fromkeys(conditions))

    def _reach(self, term: Term, factor: G, rule: str) -> sp.Basic:
        slope = rules.slope_of(factor, self.activation, rule)
        return _positive(slope.reach(term.covariance(factor.field, factor.field)))

    def _named(self, term: Term) -> str:
        return f"E[{'·'.join(map(str, term.factors))}] of {self.activation}"


def _first(term: Term, wanted: Callable[[Factor], bool]) -> Factor | None:
    return next((factor for factor in term.factors if wanted(factor)), None)


def _is_sign(factor: G, activation: Activation) -> bool:
    slope = bell(rules.function_of(factor, activation))
    return slope is not None and slope.is_delta


def _positive(expression: Expr) -> sp.Basic:
    return sp.Gt(expression, 0, evaluate=False)


def expectation(
    factors: Sequence[Factor],
    activation: Activation,
    activations: Mapping[str, Activation] | None = None,
    covariance: Covariance | None = None,
) -> Derivation:
    """E[∏ factors] over zero-mean jointly Gaussian fields with covariances C_ab, in closed form.

    Parameters
    ----------
    factors : sequence of G and U
        G("i", n) is g^(n)(u_i), U("y") is the linear field u_y.
    activation : Activation
        The function g.
    activations : mapping of str to Activation, optional
        The functions of those fields that have another, by name: a teacher's, say.
    covariance : Covariance, optional
        From `named_covariance`; the symbols C_ab if left out.

    Raises
    ------
    NoClosedForm
        The rules do not reach a closed form; the message names the factor that stopped them.
    Diverges
        The expectation is infinite.
    BadInput
        A factor, a name or an activation that cannot be used.
    """
    checked = _checked_factors(factors)
    fields = list(dict.fromkeys(name for factor in checked for name, _ in factor.combination))
    own = dict(activations or {})
    for function in (activation, *own.values()):
        if not isinstance(function, Activation):
            msg = f'activation = {function!r}: expected an Activation; activation("erf") finds one by name'
            raise BadInput(msg)
    if covariance is not None and not isinstance(covariance, Covariance):
        msg = f"covariance: expected a Covariance, got {type(covariance).__name__}; named_covariance makes one"
        raise BadInput(msg)
    for name in own:
        if name not in fields:
            raise BadInput(not_known("activations: field", name, fields))
    for name in fields:
        if covariance is not None and name not in covariance.fields:
            raise BadInput(not_known("factors: field", name, covariance.fields))
    product = tuple(replace(f, of=own[f.field]) if isinstance(f, G) and f.field in own else f for f in checked)
    term = Term(sp.Integer(1), product, covariance or symbolic_covariance(fields))
    reducer = _Reducer(activation)
    value = reducer.closed_form(term)
    if any(_has_kink(step, activation) for step in reducer.steps):
        value = regular(value)
    return Derivation(term, value, tuple(reducer.steps), activation)


def _has_kink(step: Step, activation: Activation) -> bool:
    return any(isinstance(factor, G) and _is_sign(factor, activation) for factor in step.before.factors)


def _checked_factors(factors: Sequence[Factor]) -> tuple[Factor, ...]:
    for n, factor in enumerate(factors):
        if not isinstance(factor, (G, U, Wave)):
            msg = f"factors[{n}] = {factor!r}: expected G(field, order) or U(field)"
            raise BadInput(msg)
        for name, _ in factor.combination:
            field_name(f"factors[{n}]", name)
        if isinstance(factor, G) and (not isinstance(factor.order, int) or factor.order < 0):
            msg = f"factors[{n}] = {factor!r}: the order of a derivative must be an integer, at least 0"
            raise BadInput(msg)
    return tuple(factors)


INTEGRALS: dict[str, tuple[G | U, ...]] = {
    "J2": (G("i", 1), G("k", 1)),
    "I2": (G("a"), G("b")),
    "I3": (G("i", 1), U("y"), G("a")),
    "I4": (G("i", 1), G("k", 1), G("a"), G("b")),
}

# The same unit twice: another integral where the slope is a δ function, and a closed form where I4 has none.
COINCIDENT: dict[str, tuple[G | U, ...]] = {
    "J2(i,i)": (G("i", 1), G("i", 1)),
    "I4(i,i,a,b)": (G("i", 1), G("i", 1), G("a"), G("b")),
}


def integral(
    name: str, activation: Activation, teacher: Activation | None = None, all_outputs: bool = False
) -> Derivation:
    """Derive one of the integrals of online learning (Saad & Solla 1995).

    Parameters
    ----------
    name : str
        J2, I2, I3 or I4, or the same unit twice: J2(i,i), I4(i,i,a,b).
    activation : Activation
        The function g of all fields.
    teacher : Activation, optional
        The function of the last field, where that is a teacher's: only students have slopes, so J2 ignores it.
    all_outputs : bool
        Every field without a slope is a teacher's: both of I2 and I4.

    Raises
    ------
    BadInput
        No such integral.
    NoClosedForm
        There is none; the message names the factor that stops the rules.
    """
    known = INTEGRALS | COINCIDENT
    if name not in known:
        raise BadInput(not_known("integral", name, known))
    factors = known[name]
    try:
        return expectation(factors, activation, _of_teacher(factors, teacher, all_outputs))
    except NoClosedForm as refused:
        msg = f"{name} of {activation}{f' and {teacher}' if teacher else ''}: {refused}{_remedy(name)}"
        raise type(refused)(msg) from None


def _remedy(name: str) -> str:
    at_second_order = name.startswith(("J2", "I4"))
    return "; it enters with η² only, and dynamics at a small learning rate do without" if at_second_order else ""


def _of_teacher(factors: tuple[Factor, ...], teacher: Activation | None, all_outputs: bool) -> dict[str, Activation]:
    outputs = [factor.field for factor in factors if isinstance(factor, G) and factor.order == 0]
    return dict.fromkeys(outputs if all_outputs else outputs[-1:], teacher) if teacher is not None else {}


def closing(activation: Activation, teacher: Activation | None = None) -> dict[str, Derivation | NoClosedForm]:
    """Every integral with its derivation, or with the reason why there is none.

    Dynamics at any learning rate need all four; where J2 or I4 are missing, those in the limit of a small
    learning rate, without the terms in η², need I2 and I3 alone.

    Parameters
    ----------
    activation : Activation
        g.
    teacher : Activation, optional
        h of the teacher's nodes; g if left out.
    """
    found: dict[str, Derivation | NoClosedForm] = {}
    for name in INTEGRALS | COINCIDENT:
        try:
            found[name] = integral(name, activation, teacher)
        except NoClosedForm as refused:
            found[name] = refused
    return found
