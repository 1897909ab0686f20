"""Proofs of rational relations in Coq: the difference of both sides is a product of factors whose signs are known.

Where the sign of an integer factor is not known, cases decide: ≤ −1, 0, ≥ 1. What is found here needs no trust:
coqc checks every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.arithmetic import certain, impossible, nonnegative, sign
from divprune_sym.claims.coq.gallina import NotExpressible, term
from divprune_sym.claims.domain import Domain
from divprune_sym.claims.statements import is_true

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sympy import Expr
    from sympy.core.relational import Relational

    Names = Mapping[Expr, str]

_DEEPEST = 3
_WORDS = {sp.Lt: "lt", sp.Le: "le", sp.Gt: "gt", sp.Ge: "ge", sp.Eq: "eq", sp.Ne: "ne"}
_STRICT = (sp.Lt, sp.Gt, sp.Ne)


def hypotheses(where: Domain) -> list[Relational]:
    """The relations of a domain as e ≥ 0, e > 0 or equalities; those between integers are tightened."""
    found: list[Relational] = []
    for relation in where.relations:
        if isinstance(relation, sp.Eq):
            found.append(relation)
            continue
        below, above = _sides(relation, where)
        if above is not None:
            gap = sp.expand(above - below)
            strict = isinstance(relation, (sp.Lt, sp.Gt, sp.Ne))
            tight = strict and where.is_integer(gap)
            found.append((sp.Gt if strict and not tight else sp.Ge)(gap - int(tight), 0, evaluate=False))
    return list(dict.fromkeys(found))


def _sides(relation: Relational, where: Domain) -> tuple[Expr, Expr] | tuple[Expr, None]:
    if not isinstance(relation, sp.Ne):
        return relation.lts, relation.gts
    for a, b in (relation.args, reversed(relation.args)):
        if certain(
            sp.Le(a, b, evaluate=False), Domain(tuple(r for r in where.relations if r != relation), where.integers)
        ):
            return a, b
    return relation.lhs, None


def script(relation: Relational, where: Domain, names: Names) -> list[str]:
    """The tactics that prove a relation from the hypotheses of a domain.

    Raises
    ------
    NotExpressible
        No product of factors of known sign was found.
    """
    lines: list[str] = []
    where = Domain(tuple(hypotheses(where)), where.integers)
    sides = list(relation.args)
    poles = {x for side in sides for x in _denominators(side)}
    for x, value in _known(where):
        lines.append(f"assert (E_{x.name} : {names[x]} = {term(value, names)}) by nra.")
        lines.append(f"try rewrite E_{x.name} in *.")
        where = Domain(
            tuple(r.subs(x, value) for r in where.relations if not is_true(r.subs(x, value))), where.integers
        )
        sides = [side.subs(x, value) for side in sides]
        poles = {pole.subs(x, value) for pole in poles}
    for n, (x, least) in enumerate(_raised(where)):
        name = names[x].removeprefix("(IZR ").removesuffix(")")
        lines.append(f"assert (L{n} : {least + 1} <= {names[x]}) by (apply (next {least} {name}); nra).")
        where &= sp.Ge(x - least - 1, 0, evaluate=False)
    relation = relation.func(*sides, evaluate=False)
    gap = relation.lhs - relation.rhs if isinstance(relation, (sp.Eq, sp.Ne)) else relation.gts - relation.lts
    product = sp.factor(sp.cancel(sp.together(gap)))
    poles |= _denominators(product)
    poles = {x for pole in poles for x, _ in _factors(pole) if not x.is_number}
    for n, factor in enumerate(sorted(poles, key=str)):
        own = sign(factor, where)
        if own == 0:
            msg = f"whether {factor} vanishes on {where} is not known"
            raise NotExpressible(msg)
        lines.append(f"assert (P{n} : 0 < {term(own * factor, names)}) by nra.")
    return lines + _cases(type(relation), product, where, names, 0)


def _known(where: Domain) -> Iterator[tuple[sp.Symbol, Expr]]:
    """Symbols that have one value only."""
    rest = where
    for _ in range(_DEEPEST):
        found = next(_one_known(rest), None)
        if found is None:
            return
        yield found
        rest = Domain(tuple(r for r in (r.subs(*found) for r in rest.relations) if not is_true(r)), rest.integers)


def _one_known(where: Domain) -> Iterator[tuple[sp.Symbol, Expr]]:
    for relation in hypotheses(where):
        gap = relation.lhs - relation.rhs
        for x in sorted(gap.free_symbols, key=str, reverse=True):
            slope = sp.diff(gap, x)
            if slope not in (1, -1):
                continue
            if isinstance(relation, sp.Eq) or (
                isinstance(relation, sp.Ge) and certain(sp.Le(gap, 0, evaluate=False), where)
            ):
                yield x, sp.expand(x - gap / slope)


def _raised(where: Domain) -> Iterator[tuple[sp.Symbol, Expr]]:
    """Integers that are above their stated lower bound."""
    for relation in where.relations:
        least = sp.solve(relation.gts - relation.lts, *relation.free_symbols) if isinstance(relation, sp.Ge) else []
        for x in relation.free_symbols:
            alone = len(relation.free_symbols) == 1 and where.is_integer(x) and sp.diff(relation.gts, x) == 1
            if alone and least[0].is_integer and certain(sp.Gt(x, least[0], evaluate=False), where):
                yield x, least[0]


def _denominators(expression: Expr) -> set[Expr]:
    bases = {x.base for x in expression.atoms(sp.Pow) if x.exp.is_number and x.exp < 0}
    return {base for x in bases for base, _ in _factors(x) if not base.is_number}


def _factors(expression: Expr) -> list[tuple[Expr, int]]:
    whole = sp.factor(sp.together(expression))
    return [(base, int(power)) for base, power in (part.as_base_exp() for part in sp.Mul.make_args(whole))]


def _cases(kind: type, product: Expr, where: Domain, names: Names, depth: int) -> list[str]:
    """Tactics for one product, or for the cases of one of its factors."""
    if impossible(where):
        return ["exfalso; nra."]
    if product == 0 and kind not in _STRICT:
        return [f"apply gap_{_WORDS[kind]} with 0; [ by_field | lra ]."]
    factors = [(base, power) for base, power in _factors(product) if not base.is_number]
    for base, power in factors:
        if power > 0 and certain(sp.Eq(base, 0, evaluate=False), where):
            return [
                f"assert (F{depth} : {term(base, names)} = 0) by nra.",
                *_vanishing(kind, product, base, f"F{depth}", names),
            ]
    signs = {base: _sign(base, kind, where) for base, _ in factors}
    unknown = next((base for base, own in signs.items() if own == 0), None)
    if unknown is not None:
        return _split(kind, product, unknown, where, names, depth)
    texts, lines = [], []
    constant = sp.Mul(*[base**power for base, power in _factors(product) if base.is_number])
    for n, (base, power) in enumerate(factors):
        own = signs[base]
        positive = term(own * base, names)
        constant *= own ** abs(power)
        lines.append(f"assert (F{depth}_{n} : 0 {'<' if sign(base, where) else '<='} {positive}) by nra.")
        texts.append(
            positive if power == 1 else f"({positive} ^ {power})" if power > 0 else f"(/ ({positive} ^ {-power}))"
        )
    if kind is sp.Eq or (constant < 0 and kind is not sp.Ne):
        msg = f"{product} is of the wrong sign on {where}"
        raise NotExpressible(msg)
    text = " * ".join([term(abs(constant), names), *texts])
    word = _WORDS[kind] + ("_below" if kind is sp.Ne and constant < 0 else "")
    return [*lines, f"apply gap_{word} with ({text}); [ by_field | solve [ positive ] ]."]


def _sign(base: Expr, kind: type, where: Domain) -> int:
    """1 or −1 where it is known as well as the relation needs it."""
    own = sign(base, where)
    if own or kind in _STRICT or kind is sp.Eq:
        return own
    return 1 if nonnegative(base, where) else -1 if nonnegative(-base, where) else 0


def _vanishing(kind: type, product: Expr, base: Expr, known: str, names: Names) -> list[str]:
    rest = term(sp.factor(sp.cancel(product / base)), names)
    return [
        f"apply gap_{_WORDS[kind]} with ({term(base, names)} * {rest}); [ by_field | rewrite {known}, Rmult_0_l; lra ]."
    ]


def _split(kind: type, product: Expr, base: Expr, where: Domain, names: Names, depth: int) -> list[str]:
    if not where.is_integer(base) or depth == _DEEPEST:
        msg = f"the sign of {base} on {where} is not known"
        raise NotExpressible(msg)
    inner = {x: name.removeprefix("(IZR ").removesuffix(")") for x, name in names.items()}
    lines = [f"destruct (int_cases {term(base, inner)}%Z) as [C{depth}|[C{depth}|C{depth}]]; to_reals C{depth}."]
    for relation in (sp.Le(base, -1, evaluate=False), sp.Eq(base, 0, evaluate=False), sp.Ge(base, 1, evaluate=False)):
        inside = where & relation
        if isinstance(relation, sp.Eq) and not impossible(inside):
            tactics = _never(product, where) if kind in _STRICT else _vanishing(kind, product, base, f"C{depth}", names)
        else:
            tactics = _cases(kind, product, inside, names, depth + 1)
        lines += ["{", *tactics, "}"]
    return lines


def _never(product: Expr, where: Domain) -> list[str]:
    msg = f"{product} may vanish on {where}"
    raise NotExpressible(msg)
