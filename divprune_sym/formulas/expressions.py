"""Formulas from text: a small grammar of its own, so that nothing a user writes is ever executed.

    sum      product (("+" | "-") product)*
    product  signed (("*" | "/") signed)*
    signed   ("+" | "-")* power
    power    atom (("^" | "**") signed)?
    atom     number | name | function "(" sum ("," sum)* ")" | head primes? "(" labels ")"
             | "E" "[" sum "]" | "(" sum ")"

Which names and heads exist is the business of a `Vocabulary`. Numbers are exact: 0.1 is one tenth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

import sympy as sp
from sympy import Expr

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Limits: a formula within them is read and evaluated in moments, whatever it says.
LONGEST = 4000
DEEPEST = 50
MOST_DIGITS = 40
MOST_DECIMAL_PLACES = 300
HIGHEST_POWER = 64
MOST_BITS = 1024


def _least(*arguments: Expr) -> Expr:
    # as it stands: SymPy would compare each pair
    return sp.Min(*arguments, evaluate=False)


def _greatest(*arguments: Expr) -> Expr:
    return sp.Max(*arguments, evaluate=False)


FUNCTIONS: dict[str, Callable[..., Expr]] = {
    "sqrt": sp.sqrt,
    "exp": sp.exp,
    "log": sp.log,
    "ln": sp.log,
    "erf": sp.erf,
    "abs": sp.Abs,
    "Abs": sp.Abs,
    "Heaviside": sp.Heaviside,
    "sign": sp.sign,
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": sp.tan,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "tanh": sp.tanh,
    "asin": sp.asin,
    "arcsin": sp.asin,
    "acos": sp.acos,
    "arccos": sp.acos,
    "atan": sp.atan,
    "arctan": sp.atan,
    "atan2": sp.atan2,
    "min": _least,
    "max": _greatest,
}
_TWO_ARGUMENTS = (sp.atan2,)
_SEVERAL_ARGUMENTS = (_least, _greatest)
_GROWING = (sp.exp, sp.sinh, sp.cosh)
CONSTANTS = {"pi": sp.pi, "E": sp.E}

# what a formula copied from a paper or from our own output may hold
_SAME_AS = str.maketrans({"π": "pi", "·": "*", "×": "*", "−": "-", "′": "'", "’": "'", "λ": "lambda", "ρ": "rho"})
_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)"
    r"|(?P<primes>'+)"
    r"|(?P<operator>\*\*|[-+*/^()\[\],])"
)


@dataclass(frozen=True)
class Token:
    """A word of a formula and the column where it begins, counted from 1."""

    kind: str
    text: str
    column: int

    def __str__(self) -> str:
        return repr(self.text[:40]) if self.kind != "end" else "the end"


class Vocabulary:
    """The names a formula may use: constants and the given symbols.

    Parameters
    ----------
    what : str
        What refusals call the text: "formula", say.
    symbols : mapping of str to Expr
        The symbols.
    """

    # heads whose arguments are labels of fields, not expressions
    heads: tuple[str, ...] = ()

    def __init__(self, what: str, symbols: Mapping[str, Expr]) -> None:
        self.what = what
        self.symbols = symbols

    def names(self) -> list[str]:
        """Every name, for suggestions."""
        return [*self.symbols, *CONSTANTS]

    def symbol(self, token: Token) -> Expr:
        """The value of a name."""
        found = self.symbols.get(token.text, CONSTANTS.get(token.text))
        if found is None:
            raise self.unknown(token, "symbol", self.names())
        return found

    def labeled(self, head: Token, primes: int, labels: list[Token]) -> Expr:
        """The value of a head with labels; a vocabulary with heads overrides this."""
        raise NotImplementedError

    def enter_expectation(self, token: Token) -> None:
        """Called at E[; a vocabulary that knows fields overrides this."""
        raise self.refusal(token, "E[…] has no meaning here")

    def leave_expectation(self, token: Token, inside: Expr) -> Expr:
        """The value of E[inside]."""
        raise NotImplementedError

    def refusal(self, token: Token, problem: str) -> BadInput:
        """One line that says where and what."""
        return BadInput(f"{self.what}, column {token.column}: {problem}")

    def unknown(self, token: Token, kind: str, known: Iterable[str]) -> BadInput:
        """The refusal of a name that means nothing."""
        return self.refusal(token, f"unknown {kind} {token}{suggestion(token.text, known)}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """The known name that a wrong one resembles, or all of them."""
    names = list(dict.fromkeys(known))
    near = get_close_matches(name[:80], names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def parse(text: str, vocabulary: Vocabulary) -> Expr:
    """The expression that a text spells.

    Raises
    ------
    BadInput
        The text is no formula, uses a name that the vocabulary lacks, or is too large; the message says
        where.
    """
    return _Parser(tokenize(text, vocabulary.what), vocabulary).parse()


def tokenize(text: str, what: str) -> list[Token]:
    """The words of a text, closed by an end token; raises `BadInput` where a character means nothing."""
    if len(text) > LONGEST:
        msg = f"{what}: {len(text)} characters, at most {LONGEST} are read"
        raise BadInput(msg)
    if not text.strip():
        msg = f"{what}: is empty"
        raise BadInput(msg)
    plain = text.translate(_SAME_AS)
    # the column in the text as given of every character of its translation
    columns = [n for n, character in enumerate(text, 1) for _ in character.translate(_SAME_AS)]
    found, position = [], 0
    while position < len(plain):
        if plain[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(plain, position)
        if match is None:
            msg = f"{what}, column {columns[position]}: {_shown(plain[position])} means nothing here"
            raise BadInput(msg)
        found.append(Token(str(match.lastgroup), match.group(), columns[position]))
        position = match.end()
    return [*found, Token("end", "", len(text) + 1)]


def _shown(character: str) -> str:
    """A character, with its code where it may look like another one."""
    return repr(character) if character.isascii() else f"{character!r} (U+{ord(character):04X})"


class _Parser:
    """Recursive descent over the tokens, building SymPy expressions."""

    def __init__(self, tokens: list[Token], vocabulary: Vocabulary) -> None:
        self.tokens = tokens
        self.vocabulary = vocabulary
        self.position = 0
        self.depth = 0

    @property
    def here(self) -> Token:
        return self.tokens[self.position]

    def parse(self) -> Expr:
        value = self.sum()
        if self.here.kind != "end":
            hint = "; write * between factors" if self.here.text not in (")", "]", ",") else ""
            self.refuse(self.here, f"expected an operator, found {self.here}{hint}")
        if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
            self.refuse(self.tokens[0], "divides by zero")
        if value.has(sp.I):
            self.refuse(self.tokens[0], "is not real: a root, an arc sine or a logarithm leaves its domain")
        return value

    def refuse(self, token: Token, problem: str) -> NoReturn:
        raise self.vocabulary.refusal(token, problem)

    def take(self, *texts: str) -> Token | None:
        """The next token if it is one of these."""
        token = self.here
        if token.kind == "operator" and token.text in texts:
            self.position += 1
            return token
        return None

    def expect(self, text: str, after: Token) -> Token:
        token = self.take(text)
        if token is None:
            opened = f" to close {after} of column {after.column}" if text in ")]" else f" after {after}"
            self.refuse(self.here, f"expected {text!r}{opened}, found {self.here}")
        return token

    def sum(self) -> Expr:
        terms = [self.product()]
        while token := self.take("+", "-"):
            terms.append(self.product() if token.text == "+" else -self.product())
        return sp.Add(*terms)

    def product(self) -> Expr:
        factors = [self.signed()]
        while token := self.take("*", "/"):
            factor = self.signed()
            if token.text == "/" and factor == 0:
                self.refuse(token, "divides by zero")
            factors.append(factor if token.text == "*" else 1 / factor)
        return sp.Mul(*factors)

    def signed(self) -> Expr:
        negative = False
        while token := self.take("+", "-"):
            negative ^= token.text == "-"
        value = self.power()
        return -value if negative else value

    def power(self) -> Expr:
        base = self.atom()
        token = self.take("^", "**")
        if token is None:
            return base
        self.enter(token)
        exponent = self.signed()
        self.depth -= 1
        return self.raised(base, exponent, token)

    def raised(self, base: Expr, exponent: Expr, token: Token) -> Expr:
        """base^exponent, unless it is a number too large to write down."""
        if exponent.is_number and not exponent.is_Rational:
            self.refuse(token, f"an exponent must be rational or contain a symbol, found {str(exponent)[:40]}")
        if exponent.is_number:
            # SymPy multiplies out the powers of all numbers in the base
            size = max((max(n.p.bit_length(), n.q.bit_length()) for n in base.atoms(sp.Rational)), default=1)
            if abs(exponent) > HIGHEST_POWER or size * abs(exponent) > MOST_BITS:
                self.refuse(token, f"the power is too high (at most {HIGHEST_POWER}, and {MOST_BITS} bits)")
            if base == 0 and exponent < 0:
                self.refuse(token, "divides by zero")
        value = sp.Pow(base, exponent)
        if value.is_Pow and value.exp.is_Rational and abs(value.exp) > HIGHEST_POWER:
            self.refuse(token, f"the power is too high (at most {HIGHEST_POWER})")
        return value

    def atom(self) -> Expr:
        token = self.here
        self.position += 1
        if token.kind == "number":
            return self.number(token)
        if token.kind == "name":
            return self.named(token)
        if token.text == "(":
            return self.enclosed(token, ")")
        raise self.vocabulary.refusal(token, f"expected a number, a name or '(', found {token}")

    def enclosed(self, opening: Token, closing: str) -> Expr:
        self.enter(opening)
        value = self.sum()
        self.expect(closing, opening)
        self.depth -= 1
        return value

    def enter(self, token: Token) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(token, f"nested more than {DEEPEST} deep")

    def number(self, token: Token) -> Expr:
        mantissa, _, power = token.text.lower().partition("e")
        if len(mantissa) > MOST_DIGITS or len(power) > 5 or abs(int(power or 0)) > MOST_DECIMAL_PLACES:
            self.refuse(token, f"the number has too many digits (at most {MOST_DIGITS}, exponent at most 300)")
        return sp.Rational(token.text)

    def named(self, token: Token) -> Expr:
        if token.text == "E" and (opening := self.take("[")):
            self.vocabulary.enter_expectation(token)
            return self.vocabulary.leave_expectation(token, self.enclosed(opening, "]"))
        primes = 0
        if self.here.kind == "primes":
            primes = len(self.here.text)
            self.position += 1
        if token.text in self.vocabulary.heads and (self.here.text in ("(", "[") or primes):
            return self.vocabulary.labeled(token, primes, self.labels(token))
        if primes:
            self.refuse(token, f"{token} has no derivative here; g'(u_a) does, inside E[…]")
        if opening := self.take("("):
            return self.called(token, opening)
        if token.text in FUNCTIONS:
            self.refuse(token, f"{token} is a function: write {token.text}(…)")
        return self.vocabulary.symbol(token)

    def labels(self, head: Token) -> list[Token]:
        opening = self.take("(", "[")
        if opening is None:
            self.refuse(self.here, f"expected '(' after {head}, found {self.here}")
        found = []
        while True:
            if self.here.kind not in ("name", "number") or "." in self.here.text:
                self.refuse(self.here, f"expected a field in {head.text}{opening.text}…, found {self.here}")
            found.append(self.here)
            self.position += 1
            if self.take(",") is None:
                break
        self.expect(")" if opening.text == "(" else "]", opening)
        return found

    def called(self, token: Token, opening: Token) -> Expr:
        if token.text not in FUNCTIONS:
            known = [*FUNCTIONS, *self.vocabulary.heads]
            raise self.vocabulary.unknown(token, "function", known)
        function = FUNCTIONS[token.text]
        arguments = self.arguments(opening)
        several = function in _SEVERAL_ARGUMENTS
        wanted = 2 if several or function in _TWO_ARGUMENTS else 1
        if len(arguments) < wanted or (len(arguments) > wanted and not several):
            words = f"{wanted}{' or more' * several} argument{'s' * (wanted > 1)}"
            self.refuse(token, f"{token} takes {words}, found {len(arguments)}")
        if several and any(argument.has(sp.I) for argument in arguments):
            self.refuse(token, f"{token} of a number that is not real")
        if function is sp.log and arguments[0] == 0:
            self.refuse(token, "the logarithm of zero")
        if function in _GROWING and arguments[0].is_number and abs(arguments[0]) > MOST_BITS:
            self.refuse(token, f"the argument of {token.text} is too large (at most {MOST_BITS})")
        return function(*arguments)

    def arguments(self, opening: Token) -> list[Expr]:
        self.enter(opening)
        found = [self.sum()]
        while self.take(","):
            found.append(self.sum())
        self.expect(")", opening)
        self.depth -= 1
        return found
