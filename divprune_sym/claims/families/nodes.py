"""Node pruning in the noiseless specialized state: exact for all M, Z and k, by the ε → 0 law of the k-DPP."""

from __future__ import annotations

from itertools import combinations
from math import comb, prod
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.errors import M, Z, e, k
from divprune_sym.claims.evidence import Proof, once
from divprune_sym.claims.steps import Step, is_zero, nonnegative, positive, same
from divprune_sym.gaussian import ERF, integral
from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sympy import Expr

PLACE, PROCESS = 40, 2

_SOURCE = "Acharyya et al., UAI 2021 (arXiv:2006.16617): DPP node pruning against random node pruning"
_DOMAIN = ("M, Z, k integers", "M ≥ 1", "Z ≥ 1", "M*Z ≥ 2", "1 ≤ k ≤ M*Z")
_ASSUMED = (
    "specialized state: T = 1, Z exact copies of each teacher node, v_i = v*/Z; no noise, no reweighting",
    "DPP kernel L = Q; beyond its rank M the law is the limit ε → 0 of L + ε1",
)

_a, _b, _c, _d = sp.symbols("a b c d", integer=True, nonnegative=True)
_RANDOM, _DPP = e("random-node", M, Z, k), e("dpp-node", M, Z, k)
# k ≤ M
_FEW = {k: 1 + _a, M: 1 + _a + _b, Z: 1 + _c}


def _error_of_counts() -> Iterator[Step]:
    """ε_g of a subset that keeps k_n nodes of group n."""
    I2 = integral("I2", ERF)
    first, second = I2.term.covariance.fields

    def moment(C12: int) -> Expr:
        entries = {covariance_symbol(first, first): 1, covariance_symbol(second, second): 1}
        return I2.closed_form.subs({**entries, covariance_symbol(first, second): C12}, simultaneous=True)

    yield same("E[g²] = 1/3 for fields of one group", moment(1), sp.Rational(1, 3))
    yield same("E[g g] = 0 for fields of different groups: no term couples groups", moment(0), sp.Integer(0))
    kept = sp.Symbol("k_n", nonnegative=True)
    v = sp.Symbol("v", positive=True)
    signed = v * kept / Z - v
    yield same("ε_g = (v*²/6) Σ_n (1 − k_n/Z)²", signed**2 * moment(1) / 2, v**2 / 6 * (1 - kept / Z) ** 2)


def _random_law() -> Iterator[Step]:
    K = sp.Symbol("K", integer=True, positive=True)
    single = sp.binomial(K - 1, k - 1) / sp.binomial(K, k)
    pair = sp.binomial(K - 2, k - 2) / sp.binomial(K, k)
    yield same("a uniform subset keeps a node with probability k/K", sp.combsimp(single), k / K)
    yield same("and two given nodes with k(k − 1)/(K(K − 1))", sp.combsimp(pair), k * (k - 1) / (K * (K - 1)))
    mean, pairs = k / M, Z * (Z - 1) * k * (k - 1) / (M * Z * (M * Z - 1))
    by_moments = 1 - 2 * mean / Z + (pairs + mean) / Z**2
    yield same("e = 1 − 2E k_n/Z + E k_n²/Z²", by_moments, errors.random_node())


def _dpp_law() -> Iterator[Step]:
    kept, size = sp.symbols("k_n Z", positive=True, integer=True)
    yield is_zero("k ≤ M: two copies in S make det Q_S vanish, and sets without have det 1", sp.ones(2, 2).det())
    few = k * (1 - 1 / Z) ** 2 + (M - k)
    yield same("so k groups keep one node, M − k none", few / M, errors.dpp_node_few())
    identity = sp.binomial(size, kept) * kept - size * sp.binomial(size - 1, kept - 1)
    yield is_zero(
        "k > M: P(S) ∝ ∏ k_n (leading coefficient in ε, derivation 05); C(Z, k_n) k_n = Z C(Z − 1, k_n − 1): one node "
        "of every group, the other k − M uniform among K − M",
        sp.gammasimp(sp.combsimp(identity)),
    )
    drawn, pool = k - M, M * (Z - 1)
    mean, pairs = drawn / M, (Z - 1) * (Z - 2) * drawn * (drawn - 1) / (pool * (pool - 1))
    by_moments = (1 - 1 / Z) ** 2 - 2 * (1 - 1 / Z) * mean / Z + (pairs + mean) / Z**2
    yield same("e = E(1 − (1 + h)/Z)² with h hypergeometric", by_moments, errors.dpp_node_many())


def _enumerated(groups: int, copies: int, size: int, weight: Callable[[list[int]], int]) -> Expr:
    total = mass = sp.Integer(0)
    for subset in combinations(range(groups * copies), size):
        counts = [sum(i // copies == n for i in subset) for n in range(groups)]
        total += weight(counts) * sum((1 - sp.Rational(c, copies)) ** 2 for c in counts)
        mass += weight(counts)
    return total / mass / groups


def _against_enumeration() -> Iterator[Step]:
    for groups, copies in ((2, 3), (3, 2), (1, 4), (3, 3)):
        at = {M: groups, Z: copies}
        holds = True
        for size in range(1, groups * copies + 1):
            few = size <= groups
            dpp = (errors.dpp_node_few if few else errors.dpp_node_many)().subs({**at, k: size})
            law = (lambda c: int(max(c) <= 1)) if few else prod
            holds &= errors.random_node().subs({**at, k: size}) == _enumerated(groups, copies, size, lambda c: 1)
            holds &= dpp == _enumerated(groups, copies, size, law)
        count = sum(comb(groups * copies, size) for size in range(1, groups * copies + 1))
        yield Step(f"both equal the sum over all {count} subsets, M = {groups}, Z = {copies}", bool(holds))


@once
def node_laws() -> Iterator[Step]:
    """The laws of k_n and the errors that follow."""
    yield from _error_of_counts()
    yield from _random_law()
    yield from _dpp_law()
    yield from _against_enumeration()


def _gap_few() -> Iterator[Step]:
    gap = errors.random_node() - errors.dpp_node_few()
    closed = k * (k - 1) * (Z - 1) / (M * Z**2 * (M * Z - 1))
    yield same("k ≤ M: e_random − e_DPP = k(k − 1)(Z − 1)/(M Z²(MZ − 1))", gap, closed)
    yield nonnegative("≥ 0 for k = 1 + a, M = k + b, Z = 1 + c (K ≥ 2)", closed * (M * Z - 1), _FEW)


def _gap_many() -> Iterator[Step]:
    gap = errors.random_node() - errors.dpp_node_many()
    K = M * Z
    closed = (K - k) * (K - k - 1) * (M - 1) / (K * Z * (K - 1) * (K - M - 1))
    yield same("k > M: e_random − e_DPP = (M − 1)(K − k)(K − k − 1)/(K Z (K − 1)(K − M − 1))", gap, closed)
    yield is_zero("k = K: it is 0", closed, {k: K})
    below = {M: 2 + _b, Z: 2 + _c, k: (2 + _b) * (2 + _c) - 1 - _d}
    yield nonnegative("k < K, M ≥ 2: ≥ 0 with K − k = 1 + d", closed, below)
    yield same("M = 1: both are (1 − k/Z)²", errors.random_node(), errors.dpp_node_one_group(), {M: 1})


def _equality() -> Iterator[Step]:
    yield from _gap_few()
    yield from _gap_many()
    few, many = (errors.random_node() - x for x in (errors.dpp_node_few(), errors.dpp_node_many()))
    yield positive("k ≤ M: > 0 once k ≥ 2 and Z ≥ 2", k * (k - 1) * (Z - 1), {k: 2 + _a, Z: 2 + _c})
    yield is_zero("k ≤ M: 0 for k = 1", few, {k: 1})
    yield is_zero("k ≤ M: and for Z = 1", few, {Z: 1})
    further = {M: 2 + _b, Z: 2 + _c, k: (2 + _b) * (2 + _c) - 2 - _d}
    over = (M - 1) * (M * Z - k) * (M * Z - k - 1)
    yield positive("k > M: > 0 once M ≥ 2 and k ≤ K − 2", over, further)
    yield is_zero("k > M: 0 for k = K − 1", many, {k: M * Z - 1})


def _shape() -> Iterator[Step]:
    """First and second differences in k."""
    random, few, many = errors.random_node(), errors.dpp_node_few(), errors.dpp_node_many()
    one = errors.dpp_node_one_group()
    sizes = {M: 1 + _b, Z: 1 + _c}
    inside = {**sizes, k: (1 + _b) * (1 + _c) - _d}
    most = {M: 2 + _b, Z: 2 + _c, k: (2 + _b) * (2 + _c) - _d}
    K = M * Z
    yield nonnegative("random: e(k − 1) − e(k) ≥ 0 for k ≤ K", (K - 1) * _first(random), inside)
    yield nonnegative("random: e(k + 1) − 2e(k) + e(k − 1) ≥ 0", (K - 1) * _second(random), sizes)
    yield nonnegative("DPP, k > M ≥ 2: e(k − 1) − e(k) ≥ 0 for k ≤ K", _first(many), most)
    yield nonnegative("DPP, k > M ≥ 2: e(k + 1) − 2e(k) + e(k − 1) ≥ 0", _second(many), {M: 2 + _b, Z: 2 + _c})
    yield nonnegative("DPP, M = 1: e = (1 − k/Z)² decreases", _first(one), {Z: 1 + _c, k: 1 + _c - _d})
    yield nonnegative("and is convex", _second(one), {Z: 1 + _c})
    yield nonnegative("DPP, k ≤ M: linear, decreasing", _first(few), _FEW)
    yield is_zero("DPP, k ≤ M: second difference 0", _second(few))
    yield is_zero("both formulas agree at k = M", many - few, {k: M})
    yield is_zero("and so do they at M = 1", one - few, {k: 1, M: 1})
    two = {M: 2 + _b, Z: 2 + _c}
    kink = many.subs(k, k + 1) - 2 * few + few.subs(k, k - 1)
    yield nonnegative("convex at the kink k = M", kink, two, {k: M})
    beyond = many.subs(k, k + 1) - 2 * many + few.subs(k, k - 1)
    yield nonnegative("and at k = M + 1", beyond, two, {k: M + 1})
    yield nonnegative("where it decreases", few.subs(k, k - 1) - many, two, {k: M + 1})
    one_kink = one.subs(k, k + 1) - 2 * few + few.subs(k, k - 1)
    yield nonnegative("convex at the kink, M = 1", one_kink, {Z: 1 + _c}, {k: 1, M: 1})
    one_beyond = one.subs(k, k + 1) - 2 * one + few.subs(k, k - 1)
    yield nonnegative("and at k = 2", one_beyond, {Z: 1 + _c}, {k: 2, M: 1})
    yield nonnegative("where it decreases", few.subs(k, k - 1) - one, {Z: 2 + _c}, {k: 2, M: 1})


def _first(error: Expr) -> Expr:
    return error.subs(k, k - 1) - error


def _second(error: Expr) -> Expr:
    return error.subs(k, k + 1) - 2 * error + error.subs(k, k - 1)


def claims() -> list[Claim]:
    """The claims of this family."""
    where = {_RANDOM: errors.random_node(), _DPP: errors.dpp_node()}
    near = {
        e(name, M, Z, at): formula(at)
        for name, formula in (("random-node", errors.random_node), ("dpp-node", errors.dpp_node))
        for at in (k - 1, k, k + 1)
    }
    equal = sp.Or(sp.Eq(k, 1), sp.Eq(Z, 1), sp.Eq(M, 1) & (k > M), sp.Ge(k, M * Z - 1) & (k > M))
    setting = Proof(node_laws, shows=sp.Eq(_RANDOM, errors.random_node()) & sp.Eq(_DPP, errors.dpp_node()))
    return [
        Claim(
            "nodes.dpp-not-worse",
            "DPP node pruning never leaves a larger error than random node pruning.",
            sp.Le(_DPP, _RANDOM),
            _DOMAIN,
            _SOURCE,
            (setting, Proof(_gap_few), Proof(_gap_many)),
            Verdict.PROVED,
            where,
            _ASSUMED,
        ),
        Claim(
            "nodes.dpp-equal",
            "DPP and random node pruning leave the same error only for k = 1, Z = 1, or k > M with M = 1 or k ≥ K − 1.",
            sp.Equivalent(sp.Eq(_DPP, _RANDOM), equal),
            _DOMAIN,
            "this project",
            (setting, Proof(_equality)),
            Verdict.PROVED,
            where,
            _ASSUMED,
        ),
        Claim(
            "nodes.decreasing-convex",
            "Both node errors decrease in k and are convex in k.",
            sp.And(*[_decreases_convexly(name) for name in ("random-node", "dpp-node")]),
            _DOMAIN,
            "this project",
            (setting, Proof(_shape)),
            Verdict.PROVED,
            near,
            _ASSUMED,
        ),
    ]


def _decreases_convexly(name: str) -> sp.Basic:
    before, here, after = (e(name, M, Z, at) for at in (k - 1, k, k + 1))
    return sp.And(sp.Ge(before, here), sp.Implies(k <= M * Z - 1, sp.Ge(after + before, 2 * here)))
