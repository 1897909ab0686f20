"""What a map suggests, as a file of claims that `divprune-sym verify` reads: open, until somebody proves them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from divprune_sym.explore.points import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from divprune_sym.explore.maps import Boundary, Map
    from divprune_sym.explore.question import PrunedError, Side
    from divprune_sym.explore.rules import Rule

_HEAD = '''"""Suggested by a map, open until proved; examine with: divprune-sym verify {name}

{question}
over {domain}; {points} points; {activation} nodes
"""

import sympy as sp

from divprune_sym.claims import Claim, Missing, Verdict
from divprune_sym.claims.errors import M, Z, e, k, p

K = M * Z
MAP = "fits {points} points of a map, which prove nothing"

CLAIMS = [
'''


def claims_file(found: Map, name: str) -> str:
    """Python source with one open claim for each rule, or for each boundary in p."""
    parts = [_rule_claim(found, n, rule) for n, rule in enumerate(found.rules, 1)]
    stretches = [(boundary, M) for boundary in found.boundaries for M in _stretches(boundary.M)]
    parts += [_boundary_claim(found, n, *stretch) for n, stretch in enumerate(stretches, 1)]
    if not parts and len({point.verdict for point in found.points if point.verdict != Verdict.EQUAL}) == 1:
        parts = [_uniform_claim(found)]
    head = _HEAD.format(
        name=name,
        question=found.question,
        domain=found.domain,
        points=len(found.points),
        activation=found.question.activation,
    )
    return head + "".join(parts) + "]\n"


def _uniform_claim(found: Map) -> str:
    """The comparison holds everywhere, or its opposite does."""
    holds = any(point.verdict == Verdict.HOLDS for point in found.points)
    title = f"{found.question} {'holds' if holds else 'fails'} everywhere{_but_for_ties(found)}."
    return _claim("explored-everywhere", title, _relation(found, holds), _domain(found))


def _rule_claim(found: Map, n: int, rule: Rule) -> str:
    condition = _condition(rule.condition)
    statement = f"sp.Implies({condition}, {_relation(found, rule.kind != 'fails whenever')})"
    if rule.kind == "exactly when":
        statement = f"sp.And({statement}, sp.Implies(sp.Not({condition}), {_relation(found, False)}))"
    return _claim(f"explored-{n}", f"{found.question} {rule}{_but_for_ties(found)}.", statement, _domain(found))


def _but_for_ties(found: Map) -> str:
    return " (but for ties)" if found.count(Verdict.EQUAL) else ""


def _stretches(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """The first and last of each run of whole numbers that follow each other."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return list(zip(starts, ends, strict=True))


def _boundary_claim(found: Map, n: int, boundary: Boundary, M: tuple[int, int]) -> str:
    """One sign on each side of p*, between this boundary and its neighbors in the map."""
    ends = sorted({0.0, 1.0, *(b.p for b in found.boundaries if set(b.M) & set(boundary.M) and b.Z == boundary.Z)})
    at = ends.index(boundary.p)
    side = {where: _relation(found, holds) for where, holds in _sides(boundary)}
    low, here, high = ends[at - 1], boundary.p, ends[at + 1]
    below, at_it, above = (_exact(repr(end)) for end in (low, here, high))
    inside = f"sp.And(p > {below}, p < {at_it})", f"sp.And(p > {at_it}, p < {above})"
    statement = f"sp.And(sp.Implies({inside[0]}, {side['below']}), sp.Implies({inside[1]}, {side['above']}))"
    title = (
        f"For Z = {boundary.Z} {found.question} {'holds' if boundary.holds_below else 'fails'} for p < p* and "
        f"{'fails' if boundary.holds_below else 'holds'} for p > p*, p* = {here:.9f}, next to it."
    )
    return _claim(f"explored-{n}", title, statement, f"[sp.Eq(Z, {boundary.Z}), M >= {M[0]}, M <= {M[1]}]")


def _sides(boundary: Boundary) -> tuple[tuple[str, bool], tuple[str, bool]]:
    return ("below", boundary.holds_below), ("above", not boundary.holds_below)


def _claim(name: str, title: str, statement: str, domain: str) -> str:
    return (
        f"    Claim(\n        {name!r},\n        {title!r},\n        {statement},\n        {domain},\n"
        f'        "explored",\n        [Missing(MAP)],\n        Verdict.OPEN,\n    ),\n'
    )


def _domain(found: Map) -> str:
    kept = "p < 1" if found.domain.p is not None else "k >= 1, k <= K - 1"
    return f"[M >= 1, Z >= 1, {kept}]"


def _condition(text: str) -> str:
    """ "a <= b and c >= d" in SymPy's words; a rule joins at most two."""
    text = _exact(text)
    for word, function in ((" and ", "And"), (" or ", "Or")):
        if word in text:
            return f"sp.{function}({', '.join(text.split(word))})"
    return text


def _exact(text: str) -> str:
    """Decimal numbers as fractions: claims hold no others."""
    return re.sub(r"\d+\.\d+(?:e-?\d+)?", r'sp.Rational("\g<0>")', text)


def _relation(found: Map, holds: bool) -> str:
    """The comparison, or its opposite, in SymPy; where the map has ties it cannot tell < from <=, and <= is claimed."""
    opposite = {"<=": ">", "<": ">=", ">=": "<", ">": "<="}
    relation = found.question.relation if holds else opposite[found.question.relation]
    if found.count(Verdict.EQUAL):
        relation = relation[0] + "="
    name = {"<=": "Le", "<": "Lt", ">=": "Ge", ">": "Gt"}[relation]
    asked, in_k = found.question, found.domain.p is None
    sides = (_spelled(side, in_k, str(asked.activation)) for side in (asked.left, asked.right))
    return f"sp.{name}({', '.join(sides)})"


def _spelled(side: Side, in_k: bool, activation: str) -> str:
    """ε_g = M v*² e/6, and errors are in units of v*²."""
    terms = [
        f"sp.Rational({coefficient.numerator}, {coefficient.denominator})"
        + ("" if error is None else f" * M / 6 * {_error(error, in_k, activation)}")
        for coefficient, error in side.terms
    ]
    return " + ".join(terms)


def _error(error: PrunedError, in_k: bool, activation: str) -> str:
    """e of a method's name is that of erf nodes; of others it is a symbol of its own."""
    after = "reweighted" if error.reweight else "" if error.rescale == "none" else error.rescale
    parts = ("" if activation == "erf" else activation, error.method.name, after)
    name = re.sub(r"[^a-z0-9-]", "", "-".join(part for part in parts if part).lower())
    kept = "k" if error.of_nodes else "k / K" if in_k else "p"
    return f'e("{name}", M, Z, {kept})'
