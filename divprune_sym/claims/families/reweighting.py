"""Reweighting: void for edges on white inputs, exact for nodes as long as every group keeps one."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.errors import M, Z, e, k
from divprune_sym.claims.evidence import Proof, once
from divprune_sym.claims.families.nodes import node_laws
from divprune_sym.claims.steps import Step, is_zero, nonnegative, same

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE, PROCESS = 90, 5

_SOURCE = "Acharyya et al., UAI 2021 (arXiv:2006.16617); Mariet & Sra, ICLR 2016 (arXiv:1511.05077): reweighting"
_ASSUMED = (
    "noiseless specialized state (T = 1, Z exact copies of each teacher node, v_i = v*/Z)",
    "v'_S = v_S + (I2_SS)⁺ I2_{S,S̄} v_S̄ (minimum norm); e = 6 ε_g/(M v*²)",
    "DPP kernel L = Q, beyond its rank the limit ε → 0",
)
_DPP, _RANDOM = e("reweighted-dpp-node", M, Z, k), e("reweighted-random-node", M, Z, k)
_EMPTY = sp.binomial(M * Z - Z, k) / sp.binomial(M * Z, k)


def _edges_void() -> Iterator[Step]:
    kept, lost = sp.symbols("n l", integer=True, positive=True)
    weights = sp.MatrixSymbol("w", lost, 1)
    change = sp.Identity(kept).I * sp.ZeroMatrix(kept, lost) * weights
    yield Step(
        "δ_S = (Ω_SS)⁻¹ Ω_{S,S̄} w_S̄ is 0 for any sizes, as Ω = 1 has Ω_SS = 1 and Ω_{S,S̄} = 0",
        change.doit() == sp.ZeroMatrix(kept, 1),
    )
    w, d, omega = sp.symbols("w_1:3"), sp.symbols("delta_1:4"), sp.Symbol("omega", positive=True)
    lost_signal = sp.Add(*[x**2 for x in w])
    error = omega * (lost_signal + sp.Add(*[x**2 for x in d]))  # E x_j x_l = ω δ_jl: no cross terms
    gradient = [sp.diff(error, x) for x in d]
    yield Step(
        "the mean square of lost preactivation minus correction, ω(Σ w_j² + Σ δ_j²), has its minimum at δ = 0",
        sp.solve(gradient, d) == dict.fromkeys(d, 0),
    )
    x, y = sp.symbols("x y", nonnegative=True)
    full = sp.Matrix([[1, x], [x, 1]])
    yield Step("correlated inputs differ: δ = x w there, not 0", (full[:1, :1].inv() * full[:1, 1:] * y)[0] == x * y)


@once
def _kept_groups() -> Iterator[Step]:
    """A group with k_n ≥ 1 nodes is restored, one with none is lost."""
    kept = sp.Symbol("k_n", integer=True, positive=True)
    v = sp.Symbol("v", positive=True)
    yield from node_laws()
    # J is the k_n × k_n matrix of ones: J J = k_n J
    factor = 3 / kept**2
    yield same("(J/3)⁺ = 3J/k_n²: A A⁺ A = A", kept**2 * factor / 3**2, sp.Rational(1, 3))
    yield same("and A⁺ A A⁺ = A⁺; both products are symmetric", kept**2 * factor**2 / 3, factor)
    lost = (Z - kept) * v / Z
    change = factor * kept * lost / 3  # each entry of A⁺ (1/3)1 v_lost
    yield same("each kept copy receives v*(Z − k_n)/(Z k_n)", change, v * (Z - kept) / (Z * kept))
    yield same("so a group with k_n ≥ 1 has total weight v*, its own", kept * (v / Z + change), v)


def _dpp() -> Iterator[Step]:
    yield from _kept_groups()
    counts = sp.symbols("k_1:4")
    yield is_zero(
        "k ≥ M: P(S) ∝ ∏ k_n vanishes where a group keeps no node, so e = 0", sp.Mul(*counts).subs(counts[1], 0)
    )
    yield same("k ≤ M: k groups keep one node, M − k none, so e = 1 − k/M", (M - k) / M, 1 - k / M)


def _random() -> Iterator[Step]:
    yield from _kept_groups()
    K = sp.Symbol("K", integer=True, positive=True)
    for copies in range(1, 5):
        one_by_one = sp.Mul(*[(K - k - j) / (K - j) for j in range(copies)])
        avoided = sp.combsimp(sp.binomial(K - copies, k) / sp.binomial(K, k))
        yield same(
            f"Z = {copies}: C(K − Z, k)/C(K, k) is the probability that Z given nodes are cut", avoided, one_by_one
        )
    for groups, copies in ((2, 3), (3, 2), (3, 3)):
        holds = True
        for size in range(1, groups * copies + 1):
            subsets = list(combinations(range(groups * copies), size))
            empty = sum(groups - len({i // copies for i in S}) for S in subsets)
            at = sp.Rational(comb(groups * copies - copies, size), comb(groups * copies, size))
            holds &= sp.Rational(empty, len(subsets) * groups) == at
        yield Step(f"equal to the sum over all subsets, M = {groups}, Z = {copies}", holds)


def _dpp_below_random() -> Iterator[Step]:
    yield from _kept_groups()
    a, b, kept = sp.symbols("a b k_n", nonnegative=True)
    yield nonnegative("[k_n = 0] ≥ 1 − k_n for k_n = 1 + a", kept - 1, {kept: 1 + a})
    yield is_zero(
        "and for k_n = 0, with equality; summed, at least M − k groups keep no node", (1 - (1 - kept)).subs(kept, 0)
    )
    for groups, copies in ((2, 3), (3, 2), (3, 3)):
        holds = all(
            groups - len({i // copies for i in S}) >= max(0, groups - size)
            for size in range(groups * copies + 1)
            for S in combinations(range(groups * copies), size)
        )
        yield Step(f"so it is for every subset, M = {groups}, Z = {copies}", holds)
    yield nonnegative("the DPP attains the bound: M e_DPP − (M − k) = 0", (a + b) * (1 - a / (a + b)) - b, {a: a, b: b})


def claims() -> list[Claim]:
    """The claims of this family."""
    return [
        Claim(
            "reweighting.edges-void",
            "For white inputs reweighting after edge pruning changes nothing, whatever the mask.",
            sp.Eq(sp.Symbol("delta_S"), 0),
            (),
            "this project; the refit by least squares of Mariet & Sra, ICLR 2016",
            (Proof(_edges_void),),
            Verdict.OPEN,
            {},
            ("E[x xᵀ] = ω 1", "kept weights of a node are refitted to its unpruned preactivation by least squares"),
        ),
        Claim(
            "reweighting.dpp-node-exact",
            "Reweighted DPP node pruning restores the teacher exactly for k ≥ M; for k < M it leaves e = 1 − k/M.",
            sp.Eq(_DPP, sp.Max(0, 1 - k / M)),
            ("M, Z, k integers", "M ≥ 1", "Z ≥ 1", "1 ≤ k ≤ M*Z"),
            _SOURCE,
            (Proof(_dpp),),
            Verdict.OPEN,
            {},
            _ASSUMED,
        ),
        Claim(
            "reweighting.random-node",
            "Reweighted random nodes leave e = C(K − Z, k)/C(K, k), the probability that a group loses all nodes.",
            sp.Eq(_RANDOM, _EMPTY),
            ("M, Z, k integers", "M ≥ 1", "Z ≥ 1", "1 ≤ k ≤ M*Z"),
            "this project",
            (Proof(_random),),
            Verdict.OPEN,
            {},
            _ASSUMED,
        ),
        Claim(
            "reweighting.dpp-least",
            "With reweighting no law on subsets of k nodes leaves less than the DPP, random nodes included.",
            sp.Le(_DPP, _RANDOM),
            ("M, Z, k integers", "M ≥ 1", "Z ≥ 1", "1 ≤ k ≤ M*Z"),
            "this project",
            (Proof(_dpp_below_random),),
            Verdict.OPEN,
            {},
            _ASSUMED,
        ),
    ]
