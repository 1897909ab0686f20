"""The question put to `explore`, read from text: nothing in it is ever executed, but for files of methods.

question  side ("<=" | "<" | ">=" | ">") side
side      ("+" | "-")? term (("+" | "-") term)*
term      number ("*" error)? | error
error     "ERROR" "(" method ("," option)* ")"
method    name | FILE.py:CLASS
option    "inverse-sqrt" | "optimal" | "reweight"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from divprune_sym.bound.regions import Comparison
from divprune_sym.ground.checks import BadInput
from divprune_sym.named_activations import checked_activation
from divprune_sym.pruning import NodeMethod
from divprune_sym.pruning.user_method import load_method

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation
    from divprune_sym.pruning.after.rescaling import Rescaling
    from divprune_sym.pruning.registry import Method

LONGEST = 1000
MOST_DIGITS = 30
RELATIONS = ("<=", "<", ">=", ">")
RESCALED: dict[str, Rescaling] = {"inverse-sqrt": "inverse-sqrt", "optimal": "optimal"}

_TOKEN = re.compile(
    r"\s*(?:(?P<error>ERROR)\b|(?P<file>[^\s(),*<>]+\.py:[A-Za-z_]\w*)|(?P<relation>[<>]=?)|(?P<number>[0-9]+(?:\.[0-9]+)?(?:/[0-9]+)?)"
    r"|(?P<name>[A-Za-z][\w-]*)|(?P<sign>[-+*(),]))"
)
_SAME_AS = str.maketrans({"≤": "<=", "≥": ">=", "−": "-", "·": "*", "×": "*"})


@dataclass(frozen=True)
class PrunedError:
    """ε_g after one method and what follows it, in units of v*²."""

    method: Method
    rescale: Rescaling = "none"
    reweight: bool = False

    def __str__(self) -> str:
        after = [self.rescale] if self.rescale != "none" else ["reweight"] if self.reweight else []
        return f"ERROR({', '.join([self.method.name, *after])})"

    @property
    def of_nodes(self) -> bool:
        """Whether nodes are pruned."""
        return isinstance(self.method, NodeMethod)

    def value(self, M: int, Z: int, keep: float, activation: str | Activation = "erf") -> float | None:
        """At keep fraction p of the specialized state; None where the method cannot keep that share."""
        return Comparison(M, Z, 1.0, self.rescale, self.reweight, activation).error(self.method, keep)


@dataclass(frozen=True)
class Side:
    """A sum of numbers and multiples of errors."""

    terms: tuple[tuple[Fraction, PrunedError | None], ...]

    def __str__(self) -> str:
        text = " + ".join(_spelled(coefficient, error) for coefficient, error in self.terms)
        return text.replace("+ -", "- ")

    def errors(self) -> list[PrunedError]:
        """The errors it is made of."""
        return [error for _, error in self.terms if error is not None]


def _spelled(coefficient: Fraction, error: PrunedError | None) -> str:
    if error is None:
        return str(coefficient)
    return {1: f"{error}", -1: f"-{error}"}.get(coefficient, f"{coefficient}*{error}")  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Question:
    """left relation right, errors in units of v*², of students and teachers whose nodes have one activation."""

    left: Side
    relation: str
    right: Side
    activation: str | Activation = "erf"

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"

    def errors(self) -> list[PrunedError]:
        """Every error on either side, once each."""
        return list(dict.fromkeys([*self.left.errors(), *self.right.errors()]))


def read_question(text: str, activation: str | Activation = "erf") -> Question:
    """The question that a text asks of nodes of an activation.

    Parameters
    ----------
    text : str
        Two sums of errors and numbers with <, <=, > or >= between them; files of methods in it are run.
    activation : str or Activation
        Of student and teacher nodes alike.

    Raises
    ------
    BadInput
        It is none, the message names the column; or the activation is not known.
    """
    if len(text) > LONGEST:
        msg = f"question: {len(text)} characters, at most {LONGEST} are read"
        raise BadInput(msg)
    return _Reader(text.translate(_SAME_AS), checked_activation("activation", activation)).question()


class _Reader:
    """Recursive descent over the words of a question."""

    def __init__(self, text: str, activation: str | Activation) -> None:
        self.activation = activation
        self.words: list[tuple[str, str, int]] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                column = position + len(text[position:]) - len(text[position:].lstrip()) + 1
                msg = f"question, column {column}: {text[column - 1]!r} means nothing here"
                raise BadInput(msg)
            kind = str(match.lastgroup)
            self.words.append((kind, match[kind], match.start(kind) + 1))
            position = match.end()
        self.words.append(("end", "the end", len(text) + 1))
        self.position = 0

    def question(self) -> Question:
        left = self.side()
        relation = self.take("relation", "one of " + " ".join(RELATIONS))
        right = self.side()
        self.take("end", "+, - or the end")
        question = Question(left, relation, right, self.activation)
        if not question.errors():
            msg = "question: compares numbers only; write ERROR(dpp-node) <= ERROR(random-edge), say"
            raise BadInput(msg)
        return question

    def side(self) -> Side:
        terms = [self.term(self.sign())]
        while self.words[self.position][1] in ("+", "-"):
            terms.append(self.term(self.sign()))
        return Side(tuple(terms))

    def sign(self) -> int:
        if self.words[self.position][1] not in ("+", "-"):
            return 1
        self.position += 1
        return 1 if self.words[self.position - 1][1] == "+" else -1

    def term(self, sign: int) -> tuple[Fraction, PrunedError | None]:
        coefficient = Fraction(sign)
        if self.words[self.position][0] == "number":
            coefficient *= self.number()
            if self.words[self.position][1] != "*":
                return coefficient, None
            self.position += 1
        return coefficient, self.error()

    def number(self) -> Fraction:
        text, column = self.words[self.position][1:]
        self.position += 1
        if len(text) > MOST_DIGITS:
            msg = f"question, column {column}: a number of {len(text)} characters, at most {MOST_DIGITS} are read"
            raise BadInput(msg)
        value, _, denominator = text.partition("/")
        if denominator and int(denominator) == 0:
            msg = f"question, column {column}: {text} divides by zero"
            raise BadInput(msg)
        return Fraction(value) / Fraction(denominator or 1)

    def error(self) -> PrunedError:
        self.take("error", "ERROR(method)")
        self.take("sign", "(", "(")
        kind = "file" if self.words[self.position][0] == "file" else "name"
        name = self.take(kind, "the name of a method, or FILE.py:CLASS")
        method = load_method(name)
        options: list[str] = []
        while self.words[self.position][1] == ",":
            self.position += 1
            column = self.words[self.position][2]
            options.append(self.option(method, column))
        self.take("sign", ")", ")")
        if len(options) > 1:
            msg = f"question: {name} is given {' and '.join(options)}; one of them can follow pruning"
            raise BadInput(msg)
        option = options[0] if options else ""
        return PrunedError(method, RESCALED.get(option, "none"), option == "reweight")

    def option(self, method: Method, column: int) -> str:
        name = self.take("name", "an option")
        allowed = ("reweight",) if isinstance(method, NodeMethod) else tuple(RESCALED)
        if name not in allowed:
            msg = f"question, column {column}: {method.name} takes {' or '.join(allowed)}, not {name!r}"
            raise BadInput(msg)
        return name

    def take(self, kind: str, wanted: str, text: str | None = None) -> str:
        found, word, column = self.words[self.position]
        if found != kind or (text is not None and word != text):
            msg = f"question, column {column}: expected {wanted}, found {word if found == 'end' else repr(word[:40])}"
            raise BadInput(msg)
        self.position += 1
        return word
