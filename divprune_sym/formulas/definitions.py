"""What formulas are about: covariances of named fields, and expectations of products of activations.

E[g'(u_i) * u_y * g(u_a)]     primes differentiate g; u_i, lambda_i (student), rho_n (teacher) are fields
I2  I3  I4  J2                the integrals of online learning, with their usual fields
I3(1,2,3)                     the same with fields of your own
C_ia  C[i,a]                  covariances; Q_ik, R_in, T_nm of students and teachers
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.formulas.expressions import CONSTANTS, Token, Vocabulary, parse, suggestion, tokenize
from divprune_sym.gaussian import INTEGRALS, Activation, Derivation, G, NoClosedForm, U, expectation
from divprune_sym.gaussian.term import Factor, covariance_symbol
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST_FACTORS = 8
MOST_TERMS = 40
MOST_FIELDS = 6

_FIELDS = ("u", "lambda", "rho")
_COVARIANCES = ("C", "Q", "R", "T")
# what each letter says of its two fields
_ROLES = {
    "lambda": ("student",),
    "rho": ("teacher",),
    "Q": ("student", "student"),
    "R": ("student", "teacher"),
    "T": ("teacher", "teacher"),
}


@dataclass
class Fields:
    """The fields of a definition: their labels in order, how each is written, and what it is known to be."""

    labels: list[str] = field(default_factory=list)
    _written: dict[str, str] = field(default_factory=dict)
    _roles: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, label: str, written: str | None = None) -> None:
        """Note a field, and its name where one is written out.

        Raises
        ------
        BadInput
            One field under two names, or more fields than closed forms are good for.
        """
        if label not in self.labels:
            self.labels.append(label)
        if len(self.labels) > MOST_FIELDS:
            msg = f"definition: more than {MOST_FIELDS} fields: {', '.join(self.labels)[:80]}"
            raise BadInput(msg)
        if written is None:
            return
        earlier = self._written.setdefault(label, written)
        if earlier != written:
            msg = f"one field under two names: {label} is written {earlier} and {written}; keep to one of them"
            raise BadInput(msg)

    def learn(self, letter: str, labels: Sequence[str], written: str) -> None:
        """Note that a letter makes students or teachers of fields; raises `BadInput` if they are the other."""
        for label, role in zip(labels, _ROLES.get(letter, ()), strict=False):
            earlier, where = self._roles.setdefault(label, (role, written))
            if earlier != role:
                msg = f"field {label} is a {earlier} in {where}, but a {role} in {written}"
                raise BadInput(msg)

    def covariances(self) -> dict[str, sp.Symbol]:
        """The symbols C_ab of all pairs of fields, by name."""
        symbols = [covariance_symbol(a, b) for n, a in enumerate(self.labels) for b in self.labels[n:]]
        return {symbol.name: symbol for symbol in symbols}

    def pair(self, letters: str) -> tuple[str, str] | None:
        """The two fields whose labels are joined in C_letters; None if there are none, or more than one choice."""
        found = {
            tuple(sorted((a, b))): (a, b) for a in self.labels for b in self.labels if letters in (a + b, f"{a}_{b}")
        }
        return next(iter(found.values())) if len(found) == 1 else None


class Gaussian(Vocabulary):
    """The names of `definitions`, over one set of fields and one activation; keeps the derivations it makes."""

    heads = ("g", *INTEGRALS, *_COVARIANCES)

    def __init__(self, what: str, fields: Fields, activation: Activation) -> None:
        super().__init__(what, {})
        self.fields = fields
        self.activation = activation
        self.derivations: list[Derivation] = []
        self._factors: dict[sp.Symbol, Factor] | None = None

    def names(self) -> list[str]:
        """Every name that means something here."""
        inside = [f"u_{label}" for label in self.fields.labels] if self._factors is not None else []
        return [*inside, *self.fields.covariances(), *CONSTANTS, *INTEGRALS]

    def symbol(self, token: Token) -> Expr:
        """A covariance, a field, an integral with its usual fields, or a constant."""
        letter, _, letters = token.text.partition("_")
        if letter in _COVARIANCES and letters:
            return self._covariance(token, letter, self.fields.pair(letters))
        if letter in _FIELDS and letters:
            return self._field(token, letter, letters)
        if token.text in INTEGRALS:
            return self._derived(token, INTEGRALS[token.text])
        return super().symbol(token)

    def labeled(self, head: Token, primes: int, labels: list[Token]) -> Expr:
        """g'(u_a), I3(1,2,3) or C[i,a]."""
        if head.text == "g":
            return self._activation(head, primes, labels)
        if primes:
            raise self.refusal(head, f"{head} has no derivative here; g'(u_a) does, inside E[…]")
        names = [label.text for label in labels]
        if head.text in INTEGRALS:
            return self._integral(head, names)
        if len(names) != 2:
            raise self.refusal(head, f"{head.text}[…] takes 2 fields, found {len(names)}")
        for label in labels:
            if label.text not in self.fields.labels:
                raise self.unknown(label, "field", self.fields.labels)
        return self._covariance(head, head.text, (names[0], names[1]))

    def enter_expectation(self, token: Token) -> None:
        """From here on fields and g have a meaning."""
        if self._factors is not None:
            raise self.refusal(token, "E[…] inside E[…]")
        self._factors = {}

    def leave_expectation(self, token: Token, inside: Expr) -> Expr:
        """E[inside] in closed form, one product at a time."""
        assert self._factors is not None
        factors, self._factors = self._factors, None
        if not factors:
            return inside
        if not inside.is_polynomial(*factors):
            raise self.refusal(token, "inside E[…], fields and g can be added, multiplied and raised to whole powers")
        if _degree(inside, factors) > MOST_FACTORS:
            raise self.refusal(token, f"a product of more than {MOST_FACTORS} fields and activations")
        terms = sp.Poly(inside, *factors).terms()
        if len(terms) > MOST_TERMS:
            raise self.refusal(token, f"{len(terms)} products in one expectation, at most {MOST_TERMS}")
        total = []
        for powers, coefficient in terms:
            product = [f for f, power in zip(factors.values(), powers, strict=True) for _ in range(power)]
            total.append(coefficient * self._derived(token, product))
        return sp.Add(*total)

    def _covariance(self, token: Token, letter: str, pair: tuple[str, str] | None) -> Expr:
        if pair is None:
            raise self.unknown(token, "symbol", self.fields.covariances())
        self.fields.learn(letter, pair, f"{letter}_{''.join(pair)}")
        return covariance_symbol(*pair)

    def _field(self, token: Token, letter: str, label: str) -> Expr:
        if self._factors is None:
            raise self.refusal(token, f"{token.text} is a field: only its covariances have values outside E[…]")
        self.fields.learn(letter, (label,), token.text)
        return self._factor(U(label))

    def _activation(self, head: Token, primes: int, labels: list[Token]) -> Expr:
        if self._factors is None:
            raise self.refusal(head, "g belongs inside E[…]")
        letter, _, label = labels[0].text.partition("_")
        if len(labels) != 1 or letter not in _FIELDS or not label:
            raise self.refusal(labels[0], f"g takes one field, such as u_a, found {labels[0]}")
        if primes > MOST_FACTORS:
            raise self.refusal(head, f"{primes} derivatives, at most {MOST_FACTORS}")
        self.fields.learn(letter, (label,), labels[0].text)
        return self._factor(G(label, primes))

    def _factor(self, factor: Factor) -> Expr:
        assert self._factors is not None
        symbol = sp.Symbol(str(factor), real=True)
        self._factors[symbol] = factor
        return symbol

    def _integral(self, head: Token, names: list[str]) -> Expr:
        factors = INTEGRALS[head.text]
        usual = list(dict.fromkeys(factor.field for factor in factors))
        if len(names) != len(usual):
            raise self.refusal(head, f"{head.text} takes {len(usual)} fields, found {len(names)}")
        renamed = dict(zip(usual, names, strict=True))
        product = [G(renamed[f.field], f.order) if isinstance(f, G) else U(renamed[f.field]) for f in factors]
        return self._derived(head, product)

    def _derived(self, token: Token, factors: Iterable[Factor]) -> Expr:
        factors = tuple(factors)
        if not factors:
            return sp.Integer(1)
        try:
            derived = expectation(factors, self.activation)
        except NoClosedForm as refused:
            raise self.refusal(token, str(refused)) from None
        self.derivations.append(derived)
        return derived.closed_form


def _degree(expression: Expr, factors: Iterable[sp.Symbol]) -> int:
    """A bound on the number of factors in a product, without multiplying out."""
    if expression in factors:
        return 1
    if expression.is_Pow and expression.exp.is_Integer:
        return int(expression.exp) * _degree(expression.base, factors)
    degrees = [_degree(argument, factors) for argument in expression.args]
    return sum(degrees) if expression.is_Mul else max(degrees, default=0)


@dataclass(frozen=True)
class Defined:
    """A formula and its definition as expressions in the same covariances, and the derivations behind the latter."""

    formula: Expr
    definition: Expr
    fields: tuple[str, ...]
    derivations: tuple[Derivation, ...]


def read(formula: str, definition: str, activation: Activation) -> Defined:
    """Read a formula and the definition that it claims to be.

    Raises
    ------
    BadInput
        Either is no formula, a symbol is not a covariance of the definition's fields, a field has two names,
        or the definition has no closed form; the message names what.
    """
    fields = Fields()
    for _, label, written in _fields_in(tokenize(definition, "definition")):
        fields.add(label, written)
    known = tuple(fields.labels)
    for token, label, written in _fields_in(tokenize(formula, "formula")):
        if label not in known:
            msg = f"formula, column {token.column}: field {label} of {token} is not in the definition"
            raise BadInput(msg + suggestion(label, known))
        fields.add(label, written)
    meant = Gaussian("definition", fields, activation)
    value = parse(definition, meant)
    if not known:
        msg = f"definition: speaks of no field; write E[…] or one of {', '.join(INTEGRALS)}"
        raise BadInput(msg)
    stated = Gaussian("formula", fields, activation)
    claimed = parse(formula, stated)
    return Defined(claimed, value, known, (*meant.derivations, *stated.derivations))


def _fields_in(tokens: Sequence[Token]) -> Iterator[tuple[Token, str, str | None]]:
    """Each field, where it stands, and its name if one is written: all are known before a text is read."""
    for n, token in enumerate(tokens):
        letter, _, label = token.text.partition("_")
        if token.kind == "name" and letter in _FIELDS and label:
            yield token, label, f"{letter}_{label}"
        if token.text in INTEGRALS:
            own = tokens[n + 1].text in ("(", "[")
            usual = dict.fromkeys(factor.field for factor in INTEGRALS[token.text])
            for name in _labels_after(tokens[n + 2 :]) if own else usual:
                yield token, name, None


def _labels_after(tokens: Sequence[Token]) -> list[str]:
    found = []
    for token in tokens:
        if token.text in (")", "]") or token.kind == "end":
            break
        if token.kind in ("name", "number") and token.text.isalnum():
            found.append(token.text)
    return found
