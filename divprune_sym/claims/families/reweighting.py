"""Reweighting: void for edges on white inputs, exact for nodes as long as every group keeps one."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import read
from divprune_sym.claims.errors import M, Z, e, k
from divprune_sym.claims.evidence import Proof, once
from divprune_sym.claims.families.nodes import node_laws
from divprune_sym.claims.rules import Arithmetic, Follows, Termwise
from divprune_sym.claims.steps import Step, is_zero, nonnegative, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

PLACE, PROCESS = 90, 5

_SOURCE = "Acharyya et al., UAI 2021 (arXiv:2006.16617); Mariet & Sra, ICLR 2016 (arXiv:1511.05077): reweighting"
_ASSUMED = (
    "noiseless specialized state (T = 1, Z exact copies of each teacher node, v_i = v*/Z)",
    "v'_S = v_S + (I2_SS)⁺ I2_{S,S̄} v_S̄ (minimum norm); e = 6 ε_g/(M v*²)",
    "DPP kernel L = Q, beyond its rank the limit ε → 0",
)
_DPP = e("reweighted-dpp-node", M, Z, k)
_KEPT = sp.Symbol("k_n", integer=True, positive=True)
_COUNT = sp.Symbol("x", integer=True, nonnegative=True)
_V, _OMEGA = sp.symbols("v omega", positive=True)
_LOST, _STEP = sp.symbols("W D", nonnegative=True)
# what each kept copy receives: (J/3)⁺ = 3J/k_n² times the lost I2 and weight
_CHANGE = 3 / _KEPT**2 * _KEPT * (Z - _KEPT) * _V / Z / 3
_RESTORED = sp.Eq(_KEPT * (_V / Z + _CHANGE), _V, evaluate=False)
_z, _K = sp.Symbol("z", integer=True, nonnegative=True), sp.Symbol("K", integer=True, positive=True)
_CHANCE = sp.binomial(_K - _z, k) / sp.binomial(_K, k)
_COUNTS, _n = sp.IndexedBase("k", integer=True, nonnegative=True), sp.Symbol("n", integer=True)


def _edges_void() -> Iterator[Step]:
    w, d = sp.symbols("w_1:3"), sp.symbols("delta_1:4")
    lost_signal, change = (sp.Add(*[x**2 for x in xs]) for xs in (w, d))
    # E x_j x_l = ω δ_jl: only equal indices are left of the square of Σ w_j x_j − Σ δ_l x_l
    square = sum(_OMEGA * x * y * int(x == y) for x in (*w, *d) for y in (*w, *d))
    yield same("the mean square of lost preactivation minus correction", square, _OMEGA * (lost_signal + change))
    x, y = sp.symbols("x y", nonnegative=True)
    full = sp.Matrix([[1, x], [x, 1]])
    yield Step("correlated inputs differ: δ = x w there, not 0", (full[:1, :1].inv() * full[:1, 1:] * y)[0] == x * y)


@once
def _kept_groups() -> Iterator[Step]:
    """A group with k_n ≥ 1 nodes is restored, one with none is lost."""
    yield from node_laws()
    # J is the k_n × k_n matrix of ones: J J = k_n J
    factor = 3 / _KEPT**2
    yield same("(J/3)⁺ = 3J/k_n²: A A⁺ A = A", _KEPT**2 * factor / 3**2, sp.Rational(1, 3))
    yield same("and A⁺ A A⁺ = A⁺; both products are symmetric", _KEPT**2 * factor**2 / 3, factor)
    yield same("each kept copy receives v*(Z − k_n)/(Z k_n)", _CHANGE, _V * (Z - _KEPT) / (Z * _KEPT))
    yield same("so a group with k_n ≥ 1 has total weight v*, its own", _RESTORED.lhs, _RESTORED.rhs)


def _dpp_error() -> Expr:
    """The mean fraction of groups that keep no node: k ≤ M groups keep one node each; beyond, every group keeps one."""
    return sp.Piecewise(((M - k) / M, k <= M), (sp.Integer(0), True))


def _dpp() -> Iterator[Step]:
    yield from _kept_groups()
    counts = sp.symbols("k_1:4")
    yield is_zero(
        "k ≥ M: P(S) ∝ ∏ k_n vanishes where a group keeps no node, so e = 0", sp.Mul(*counts).subs(counts[1], 0)
    )
    yield same("k ≤ M: k groups keep one node, M − k none, so e = 1 − k/M", (M - k) / M, 1 - k / M)


def _random() -> Iterator[Step]:
    yield from _kept_groups()
    step = sp.combsimp(_CHANCE.subs(_z, _z + 1) / _CHANCE)
    yield same("no node is given: C(K, k)/C(K, k) = 1", _CHANCE.subs(_z, 0), sp.Integer(1))
    yield same("one more is cut with probability (K − k − z)/(K − z)", step, (_K - k - _z) / (_K - _z))
    yield same("which is the ratio of two chances", _CHANCE.subs(_z, _z + 1) / _CHANCE, (_K - k - _z) / (_K - _z))
    for groups, copies in ((2, 3), (3, 2), (3, 3)):
        holds = True
        for size in range(1, groups * copies + 1):
            subsets = list(combinations(range(groups * copies), size))
            empty = sum(groups - len({i // copies for i in S}) for S in subsets)
            at = sp.Rational(comb(groups * copies - copies, size), comb(groups * copies, size))
            holds &= sp.Rational(empty, len(subsets) * groups) == at
        yield Step(f"equal to the sum over all subsets, M = {groups}, Z = {copies}", holds)


def _term(count: Expr) -> Expr:
    """[k_n = 0] − (1 − k_n)."""
    return sp.Piecewise((sp.Integer(1), sp.Eq(count, 0)), (sp.Integer(0), True)) - 1 + count


def _least() -> Iterator[Step]:
    yield from _dpp()
    yield nonnegative("[k_n = 0] ≥ 1 − k_n: for k_n ≥ 1", _COUNT - 1, {_COUNT: 1 + sp.Symbol("a", nonnegative=True)})
    yield is_zero("and for k_n = 0, with equality", _COUNT, {_COUNT: sp.Integer(0)})


def claims() -> list[Claim]:
    """The claims of this family."""
    least = sp.Ge(sp.Sum(_term(_COUNTS[_n]), (_n, 1, M)), 0, evaluate=False)
    where = ("M, Z, k integers", "M ≥ 1", "Z ≥ 1", "1 ≤ k ≤ M*Z")
    few = sp.Implies(k <= M, sp.Eq(_DPP, 1 - k / M, evaluate=False))
    many = sp.Implies(k > M, sp.Eq(_DPP, 0, evaluate=False))
    square = e("lost", _LOST, _STEP)
    return [
        Claim(
            "reweighting.edges-void",
            "For white inputs reweighting after edge pruning changes nothing, whatever the mask.",
            sp.Gt(square, e("lost", _LOST, sp.S.Zero)),
            ("D > 0", "W ≥ 0", sp.Gt(_OMEGA, 0, evaluate=False)),
            "this project; the refit by least squares of Mariet & Sra, ICLR 2016",
            (
                Proof(_edges_void),
                Follows(
                    sp.Gt(_OMEGA * (_LOST + _STEP), _OMEGA * _LOST, evaluate=False),
                    read((sp.Gt(_STEP, 0, evaluate=False),), {_STEP}, "domain"),
                    Arithmetic(),
                ),
            ),
            Verdict.PROVED,
            {square: _OMEGA * (_LOST + _STEP), e("lost", _LOST, sp.S.Zero): _OMEGA * _LOST},
            (
                "E[x xᵀ] = ω 1",
                "kept weights of a node are refitted to its unpruned preactivation by least squares",
                "W = Σ w_j² over the lost weights, D = Σ δ_l² over the changes of the kept ones, any numbers of both",
            ),
        ),
        Claim(
            "reweighting.dpp-node-exact",
            "Reweighted DPP node pruning restores the teacher exactly for k ≥ M; for k < M it leaves e = 1 − k/M.",
            sp.And(few, many, _RESTORED),
            where,
            _SOURCE,
            (Proof(_dpp),),
            Verdict.PROVED,
            {_DPP: _dpp_error()},
            (*_ASSUMED, "e = share of the groups that keep no node: the others have their own weight v* again"),
        ),
        Claim(
            "reweighting.random-node",
            "Reweighted random nodes leave e = C(K − Z, k)/C(K, k), the probability that a group loses all nodes.",
            sp.And(
                sp.Eq(_CHANCE.subs(_z, 0), 1, evaluate=False),
                sp.Eq(_CHANCE.subs(_z, _z + 1) / _CHANCE, (_K - k - _z) / (_K - _z), evaluate=False),
                _RESTORED,
            ),
            ("k, z, K integers", "z ≥ 0", "K ≥ z + 1", "1 ≤ k ≤ K"),
            "this project",
            (Proof(_random),),
            Verdict.PROVED,
            {},
            (*_ASSUMED, "z given nodes are all cut with probability C(K − z, k)/C(K, k): one after the other"),
        ),
        Claim(
            "reweighting.dpp-least",
            "With reweighting no law on subsets of k nodes leaves less than the DPP, random nodes included.",
            sp.And(least, few, many),
            where,
            "this project",
            (
                Proof(_least),
                Follows(least, read((), set(), "domain"), Termwise(_COUNT, read(("x ≥ 0",), {_COUNT}, "domain"))),
            ),
            Verdict.PROVED,
            {_DPP: _dpp_error()},
            (*_ASSUMED, "k_n nodes of group n are kept, Σ_n k_n = k; a group is lost only if it keeps none"),
        ),
    ]
