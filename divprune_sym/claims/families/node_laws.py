"""The best that any law on k nodes can do in the noiseless specialized state, and how near the DPP comes.

e of a subset is a mean of (1 − k_n/Z)² over groups, and Σ k_n = k: equal counts are best, b = floor(k/M) or b + 1.
With r = k − bM groups of b + 1 nodes, s = M − r of b, h = b − 1 and g = Z − b − 1,

    e_DPP − e_least = (M(M − 1)hg + hs(s − 1) + gr(r − 1))/(M Z² (M(Z − 1) − 1))   for M ≤ k < MZ, M ≥ 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.errors import M, Z, e
from divprune_sym.claims.evidence import Proof, once
from divprune_sym.claims.families.nodes import node_laws
from divprune_sym.claims.links import Fact
from divprune_sym.claims.rules import Arithmetic, At, Follows, Termwise
from divprune_sym.claims.steps import Step, is_zero, nonnegative, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

PLACE, PROCESS = 45, 2

_ASSUMED = (
    "specialized state: T = 1, Z exact copies of each teacher node, v_i = v*/Z; no noise, kept weights unchanged",
    "e = 6 ε_g/(M v*²); k = bM + r nodes are kept, b = floor(k/M)",
)
_DPP_ASSUMED = (*_ASSUMED, "DPP kernel L = Q; beyond its rank M the law is the limit ε → 0 of L + ε1")
b = sp.Symbol("b", integer=True, nonnegative=True)
r = sp.Symbol("r", integer=True, nonnegative=True)
k = b * M + r
_COUNTS, _m = sp.IndexedBase("k", integer=True), sp.Symbol("m", integer=True)
_n, _SQUARE = sp.Symbol("n", real=True), sp.Symbol("S", real=True)

_h, _g, _s = b - 1, Z - b - 1, M - r
# at k = bM + r
LEAST = (_s * (Z - b) ** 2 + r * (Z - b - 1) ** 2) / (M * Z**2)
_DPP = errors.dpp_node_many(k)
_PARTS = (M * (M - 1) * _h * _g, _h * _s * (_s - 1), _g * r * (r - 1))
_EXCESS = sum(_PARTS) / (M * Z**2 * (M * (Z - 1) - 1))
_SIZES = ("M, Z, b, r integers", "M ≥ 2", "b ≥ 1", "b + 1 ≤ Z", "r + 1 ≤ M")


def _domain(*texts: object) -> Domain:
    return read(texts, {M, Z, b, r}, "domain")


def _least() -> Claim:
    law, best = e("node-law", M, Z, b, r, _SQUARE), e("balanced-nodes", M, Z, b, r)
    counts = sp.Ge(sp.Sum((_COUNTS[_m] - b) * (_COUNTS[_m] - b - 1), (_m, 1, M)), 0, evaluate=False)
    in_means = _SQUARE - (2 * b + 1) * k / M + b * (b + 1)
    whole = read(("n integer",), {_n}, "domain")
    product = sp.Ge((_n - b) * (_n - b - 1), 0, evaluate=False)
    sides = (sp.Le(_n, b, evaluate=False), sp.Ge(_n, b + 1, evaluate=False))
    more = sp.Ge(in_means, 0, evaluate=False)
    return Claim(
        "nodes.least",
        "No law on k of K nodes leaves less than balanced groups: k − bM of M groups keep b + 1 copies, the others b.",
        sp.And(counts, sp.Implies(more, sp.Ge(law, best))),
        ("M, Z, b, r integers", "M ≥ 1", "Z ≥ 1", "r + 1 ≤ M"),
        "this project",
        (
            Proof(node_laws),
            *(Follows(product, whole & side, Arithmetic()) for side in sides),
            Follows(counts, Domain(), Termwise(_n, whole)),
            Follows(more, Domain((more,)), Arithmetic()),
        ),
        Verdict.PROVED,
        {law: 1 - 2 * k / (M * Z) + _SQUARE / Z**2, best: LEAST},
        (
            *_ASSUMED,
            "k_m nodes of group m are kept, Σ k_m = k; S is the mean of k_m² over groups and over the law, so that the "
            "mean of (k_m − b)(k_m − b − 1) is S − (2b + 1)k/M + b(b + 1)",
        ),
    )


@once
def _excess() -> Iterator[Step]:
    yield from node_laws()
    yield same("e_DPP − e_least, for k > M", _DPP - LEAST, _EXCESS)
    few = {b: sp.Integer(0)}
    yield same("k < M: e_DPP = e_least", errors.dpp_node_few(k), LEAST, few)
    yield is_zero("and for k = M", errors.dpp_node_few(k) - LEAST, {b: sp.Integer(1), r: sp.Integer(0)})


def _zeros() -> Iterator[Step]:
    """Where the three parts are 0."""
    total = sum(_PARTS)
    one = sp.Integer(1)
    yield is_zero("k = M", total, {b: one, r: sp.Integer(0)})
    yield is_zero("k = M + 1", total, {b: one, r: one})
    yield is_zero("k = MZ − 1", total, {b: Z - 1, r: M - 1})
    yield is_zero("Z = 2", total, {Z: sp.Integer(2), b: one})


def _chain(parts: tuple[Expr, ...], domain: Domain, strict: bool) -> list[Follows]:
    """Σ parts > 0 (or ≥ 0), from the sign of the first and that the others are ≥ 0."""
    sign = sp.Gt if strict else sp.Ge
    found, total, shown = list[Follows](), sp.Integer(0), None
    for part in parts:
        total += part
        relation = sign(total, 0, evaluate=False)
        found.append(Follows(relation, domain, Arithmetic() if shown is None else At({}, shown)))
        shown = Fact(relation, domain)
    return found


def _positive() -> list[Follows]:
    """Otherwise the sum is > 0: each case names the part that is."""
    inner, at_first, at_last = _PARTS
    some, none = ("r ≥ 1",), (sp.Eq(r, 0, evaluate=False),)
    found = []
    for edge in (some, none):
        last = (at_first, at_last) if edge is some else (at_first,)
        found += _chain((inner, *last), _domain(*_SIZES, "b ≥ 2", "b + 2 ≤ Z", *edge), strict=True)
        found += _chain(
            (at_first,), _domain(*_SIZES, "b ≥ 2", sp.Eq(Z, b + 1, evaluate=False), "r + 2 ≤ M"), strict=True
        )
    found += _chain((at_last,), _domain(*_SIZES, sp.Eq(b, 1, evaluate=False), "Z ≥ 3", "r ≥ 2"), strict=True)
    return found


def _attained() -> Claim:
    sides = e("dpp-node", M, Z, b, r), e("balanced-nodes", M, Z, b, r)
    alike = sp.Or(sp.Le(k, M + 1), sp.Ge(k, M * Z - 1), sp.Le(Z, 2))
    return Claim(
        "nodes.dpp-least",
        "DPP nodes leave the least that any law can for k ≤ M + 1, for k ≥ MZ − 1 and for Z ≤ 2, and more otherwise.",
        sp.Equivalent(sp.Eq(*sides), alike),
        _SIZES,
        "this project",
        (Proof(_excess), Proof(_zeros), *_positive()),
        Verdict.PROVED,
        {sides[0]: _DPP, sides[1]: LEAST},
        (*_DPP_ASSUMED, "M ≤ k < MZ and M ≥ 2; for k < M and for k = MZ they are equal, and for M = 1 all laws are"),
    )


def _twice() -> Iterator[Step]:
    yield from _excess()
    h, y, x, z = sp.symbols("h y x z", nonnegative=True)
    sizes = {b: 1 + h, M: 1 + z + x, r: z}
    lead = (2 * LEAST - _DPP) * (M * (Z - 1) - 1)
    yield nonnegative("2e_least − e_DPP ≥ 0 for b ≤ Z − 2", lead, {**sizes, Z: 3 + h + y})
    yield nonnegative("and for b = Z − 1", lead, sizes, {Z: b + 1})


def _near() -> Claim:
    sides = e("dpp-node", M, Z, b, r), e("balanced-nodes", M, Z, b, r)
    mean, left = (k - M) / M, (M * Z - k) / M
    bound = (Z - 1) / (4 * Z**2)
    # (bound − excess)·Z²
    parts = (
        r * (M - r) / M**2,
        mean * left * (Z - 2) / ((Z - 1) * (M * (Z - 1) - 1)),
        (mean - left) ** 2 / (4 * (Z - 1)),
    )
    domain = _domain(*_SIZES)
    return Claim(
        "nodes.dpp-near-least",
        "DPP nodes leave at most twice what the best law leaves, and at most (Z − 1)/(4Z²) ≤ 1/18 more.",
        sp.And(
            sp.Le(sides[0], 2 * sides[1]),
            sp.Le(sides[0] - sides[1], bound),
            sp.Implies(Z >= 3, sp.Le(bound, sp.Rational(1, 18))),
        ),
        _SIZES,
        "this project",
        (
            Proof(_twice),
            *_chain(parts, domain, strict=False),
            Follows(
                sp.Ge(sp.Rational(1, 18) - bound, 0, evaluate=False),
                read(("Z integer", "Z ≥ 3"), {Z}, "domain"),
                Arithmetic(),
            ),
        ),
        Verdict.PROVED,
        {sides[0]: _DPP, sides[1]: LEAST},
        (*_DPP_ASSUMED, "M ≤ k < MZ and M ≥ 2; Z = 2: they are equal"),
    )


def claims() -> list[Claim]:
    """The claims of this family."""
    return [_least(), _attained(), _near()]
