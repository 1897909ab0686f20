"""SymPy expressions and statements in Coq's language, over its real numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.statements import is_true
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sympy import Basic, Expr

_RELATIONS = {sp.Lt: "<", sp.Le: "<=", sp.Gt: ">", sp.Ge: ">=", sp.Eq: "=", sp.Ne: "<>"}
_DECIDED = {sp.Lt: "Rlt_dec", sp.Le: "Rle_dec", sp.Gt: "Rgt_dec", sp.Ge: "Rge_dec", sp.Eq: "Req_EM_T"}
# words of the language, and what the files take from the library: no name of a claim stands for them
_RESERVED = frozenset(
    ("as", "at", "else", "end", "exists", "fix", "for", "forall", "fun", "if", "in", "let", "match", "mod", "return")
) | {"R", "PI", "IZR", "sqrt", "asin", "claim", *_DECIDED.values()}
_GREEK = {"sigma": "sigma", "pi": "pi_"}


class NotExpressible(BadInput):
    """A part of a claim that Coq's real numbers, as this library writes them, have no word for."""


def name_of(text: str) -> str:
    """A Coq identifier for a name."""
    plain = re.sub(r"\W+", "_", text).strip("_")
    if not plain.isascii() or not plain or plain[0].isdigit():
        plain = "x_" + "".join(c if c.isascii() else f"u{ord(c):x}" for c in plain)
    return _GREEK.get(plain, f"{plain}_" if plain in _RESERVED else plain)


def term(expression: Expr, names: Mapping[Expr, str]) -> str:
    """An expression; what `names` holds is written so.

    Raises
    ------
    NotExpressible
        A part that is no number, name, sum, product, power of a multiple of ½, arc sine or case.
    """
    if expression in names:
        return names[expression]
    if expression.is_Rational:
        return _rational(expression)
    if expression is sp.pi:
        return "PI"
    if isinstance(expression, sp.Add):
        return "(" + " + ".join(term(part, names) for part in expression.args) + ")"
    if isinstance(expression, sp.Mul):
        return _product(expression, names)
    if isinstance(expression, sp.Pow) and (2 * expression.exp).is_Integer:
        return _power(expression, names)
    if isinstance(expression, sp.Piecewise):
        return _cases(expression, names)
    if isinstance(expression, sp.asin):
        return f"(asin {term(expression.args[0], names)})"
    msg = f"{str(expression)[:80]} is no expression of Coq's real numbers"
    raise NotExpressible(msg)


def _rational(number: sp.Rational) -> str:
    whole = f"{abs(number.p)}" if number.q == 1 else f"({abs(number.p)} / {number.q})"
    return f"(- {whole})" if number.p < 0 else whole


def _product(product: sp.Mul, names: Mapping[Expr, str]) -> str:
    above, below = [], []
    for part in product.args:
        base, power = part.as_base_exp()
        if power.is_Rational and power < 0:
            below.append(term(base**-power, names))
        elif part.is_Rational and part.q != 1:
            above += [] if abs(part.p) == 1 and part.p > 0 else [_rational(sp.Integer(part.p))]
            below.append(str(part.q))
        else:
            above.append(term(part, names))
    text = " * ".join(above) or "1"
    return f"({text} / ({' * '.join(below)}))" if below else f"({text})"


def _power(power: sp.Pow, names: Mapping[Expr, str]) -> str:
    base, exponent = power.as_base_exp()
    if exponent < 0:
        return f"(/ {term(base**-exponent, names)})"
    whole, half = divmod(int(2 * exponent), 2)
    root = f"(sqrt {term(base, names)})" if half else ""
    plain = term(base, names) if whole == 1 else f"({term(base, names)} ^ {whole})"
    return root if not whole else f"({plain} * {root})" if half else plain


def _cases(cases: sp.Piecewise, names: Mapping[Expr, str]) -> str:
    value, condition = cases.args[0]
    if is_true(condition):
        return term(value, names)
    if type(condition) not in _DECIDED or len(cases.args) == 1:
        msg = f"the case {condition} is no single relation, or the cases end without another"
        raise NotExpressible(msg)
    first, second = (term(side, names) for side in condition.args)
    rest = (
        term(sp.Piecewise(*cases.args[1:], evaluate=False), names)
        if len(cases.args) > 2
        else term(cases.args[1][0], names)
    )
    return f"(if {_DECIDED[type(condition)]} {first} {second} then {term(value, names)} else {rest})"


def proposition(statement: Basic, names: Mapping[Expr, str]) -> str:
    """A statement.

    Raises
    ------
    NotExpressible
        It is made of something else than relations and logical connectives.
    """
    if type(statement) in _RELATIONS:
        first, second = (term(side, names) for side in statement.args)
        return f"{first} {_RELATIONS[type(statement)]} {second}"
    words = {sp.And: " /\\ ", sp.Or: " \\/ ", sp.Implies: " -> ", sp.Equivalent: " <-> "}
    if type(statement) in words:
        parts = statement.args if isinstance(statement, sp.Implies) else sorted(statement.args, key=str)
        return "(" + words[type(statement)].join(proposition(part, names) for part in parts) + ")"
    if isinstance(statement, sp.Not):
        return f"(~ {proposition(statement.args[0], names)})"
    msg = f"{type(statement).__name__} is no relation, nor a combination of relations"
    raise NotExpressible(msg)
