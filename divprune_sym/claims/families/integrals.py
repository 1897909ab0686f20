"""The four Gaussian integrals of online learning with erf nodes, for any covariance.

Three facts about Gaussian densities give them: the product with exp(−u²/2) is Gaussian again (tilting), integration by
parts (Stein), and ∂p/∂C_ab = ∂_a ∂_b p (Price). The published forms satisfy what these facts demand, and are what the
library derives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.derived import mean, mean_of
from divprune_sym.claims.evidence import Proof, once
from divprune_sym.claims.steps import Step, is_zero, same
from divprune_sym.formulas.proof import proves_zero
from divprune_sym.gaussian.term import covariance_symbol as cov

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sympy import Expr

PLACE, PROCESS = 10, 4

_SOURCE = "Saad & Solla, PRE 52, 4225 (1995), appendix"
_ASSUMED = ("g(u) = erf(u/√2); u jointly Gaussian with mean 0 and covariance C positive definite",)


def _I2(p: str, q: str) -> Expr:
    return 2 / sp.pi * sp.asin(cov(p, q) / sp.sqrt((1 + cov(p, p)) * (1 + cov(q, q))))


def _J2(p: str, q: str) -> Expr:
    return 2 / sp.pi / sp.sqrt((1 + cov(p, p)) * (1 + cov(q, q)) - cov(p, q) ** 2)


def _I3() -> Expr:
    ii, aa, ia, iy, ay = 1 + cov("i", "i"), 1 + cov("a", "a"), cov("i", "a"), cov("i", "y"), cov("a", "y")
    return 2 / sp.pi / sp.sqrt(ii * aa - ia**2) * (ay * ii - iy * ia) / ii


def _I4() -> Expr:
    ii, kk, aa, bb = (1 + cov(p, p) for p in "ikab")
    ik, ia, ib, ka, kb, ab = (cov(*pair) for pair in ("ik", "ia", "ib", "ka", "kb", "ab"))
    L4 = ii * kk - ik**2
    L0 = L4 * ab - ka * kb * ii - ia * ib * kk + ik * ia * kb + ik * ib * ka
    L1 = L4 * aa - ka**2 * ii - ia**2 * kk + 2 * ik * ia * ka
    L2 = L4 * bb - kb**2 * ii - ib**2 * kk + 2 * ik * ib * kb
    return 4 / sp.pi**2 / sp.sqrt(L4) * sp.asin(L0 / sp.sqrt(L1 * L2))


def _covariance(names: str) -> sp.Matrix:
    return sp.Matrix(len(names), len(names), lambda p, q: cov(names[p], names[q]))


def _vanishes(says: str, expression: Expr) -> Step:
    return Step(says, sp.cancel(sp.together(expression)) == 0)


@once
def _price() -> Iterator[Step]:
    a, b, A, B, c = sp.symbols("a b A B c", real=True)
    log_density = -(B * a**2 - 2 * c * a * b + A * b**2) / (2 * (A * B - c**2)) - sp.log(A * B - c**2) / 2
    mixed = sp.diff(log_density, a, b) + sp.diff(log_density, a) * sp.diff(log_density, b)
    twice = sp.diff(log_density, a, 2) + sp.diff(log_density, a) ** 2
    yield _vanishes("Price: ∂p/∂C_ab = ∂_a ∂_b p", sp.diff(log_density, c) - mixed)
    yield _vanishes("and ∂p/∂C_aa = ½ ∂_a² p", sp.diff(log_density, A) - twice / 2)


@once
def _slope() -> Iterator[Step]:
    u = sp.Symbol("u", real=True)
    g = sp.erf(u / sp.sqrt(2))
    yield same("g'(u) = √(2/π) exp(−u²/2)", sp.diff(g, u), sp.sqrt(2 / sp.pi) * sp.exp(-(u**2) / 2))


def _J2_steps() -> Iterator[Step]:
    yield from _slope()
    C = _covariance("ik")
    # g'g' p ∝ exp(−uᵀ(C⁻¹ + 1)u/2): the integral is (2/π) (det C det(C⁻¹ + 1))^(−1/2)
    yield _vanishes("det C det(C⁻¹ + 1) = det(1 + C)", C.det() * (C.inv() + sp.eye(2)).det() - (C + sp.eye(2)).det())
    determinant = (C + sp.eye(2)).det()
    yield _vanishes("(2/π)² /J2² = det(1 + C)", (2 / sp.pi) ** 2 / _J2("i", "k") ** 2 - determinant)
    yield mean("equal to what the library derives by its rules", "J2", _J2("i", "k"))


def _I2_steps() -> Iterator[Step]:
    yield from _price()
    yield is_zero("I2 = 0 at C_ab = 0: independent fields, g odd", _I2("a", "b").subs(cov("a", "b"), 0))
    slope = sp.diff(_I2("a", "b"), cov("a", "b"))
    yield Step("∂I2/∂C_ab = E[g'_a g'_b] = J2", proves_zero(slope - _J2("a", "b"), ["a", "b"]))
    yield mean("equal to what the library derives by its rules", "I2", _I2("a", "b"))


def _I3_steps() -> Iterator[Step]:
    yield from _price()
    P = sp.Matrix(3, 3, lambda p, q: sp.Symbol(f"P_{min(p, q)}{max(p, q)}", real=True))
    u = sp.Matrix(sp.symbols("u:3", real=True))
    gradient = sp.Matrix([sp.diff(-(u.T * P * u)[0] / 2, x) for x in u])
    stein = (P.inv() * gradient + u).applyfunc(sp.cancel)
    yield Step("Stein: C ∇p = −u p, so E[u_y F] = Σ_a C_ya E[∂_a F]", stein == sp.zeros(3, 1))
    by_parts = 2 * sp.diff(_I2("i", "a"), cov("i", "i")) * cov("i", "y") + _J2("i", "a") * cov("a", "y")
    yield Step(
        "I3 = C_yi E[g''_i g_a] + C_ya E[g'_i g'_a], with E[g''_i g_a] = 2 ∂I2/∂C_ii",
        proves_zero(by_parts - _I3(), ["i", "y", "a"]),
    )
    yield mean("equal to what the library derives by its rules", "I3", _I3())


def _I4_steps() -> Iterator[Step]:
    C = _covariance("ikab")
    E = sp.Matrix([[1, 0], [0, 1], [0, 0], [0, 0]])
    block = sp.eye(2) + C[:2, :2]
    S = C - C * E * block.inv() * E.T * C
    tilted = ((sp.eye(4) + C * E * E.T) * S - C).applyfunc(sp.cancel)
    yield Step("g'_i g'_k p is Gaussian: (C⁻¹ + e_i e_iᵀ + e_k e_kᵀ)⁻¹ = S", tilted == sp.zeros(4))
    yield Step("of weight (2/π) det(1 + C_ik,ik)^(−1/2), as for J2", all(step.holds for step in _J2_steps()))
    downdated = {cov("a", "a"): S[2, 2], cov("b", "b"): S[3, 3], cov("a", "b"): S[2, 3]}
    ours = 2 / sp.pi / sp.sqrt(block.det()) * _I2("a", "b").subs(downdated, simultaneous=True)
    yield Step("I4 = (2/π) det(1 + C_ik,ik)^(−1/2) I2 at S", proves_zero(ours - _I4(), list("ikab")))
    yield mean("equal to what the library derives by its rules", "I4", _I4())


def claims() -> list[Claim]:
    """The claims of this family."""
    rows: tuple[tuple[str, str, Expr, Callable[[], Iterable[Step]]], ...] = (
        ("J2", "E[g'(u_i) g'(u_k)]", _J2("i", "k"), _J2_steps),
        ("I2", "E[g(u_a) g(u_b)]", _I2("a", "b"), _I2_steps),
        ("I3", "E[g'(u_i) u_y g(u_a)]", _I3(), _I3_steps),
        ("I4", "E[g'(u_i) g'(u_k) g(u_a) g(u_b)]", _I4(), _I4_steps),
    )
    return [
        Claim(
            f"integrals.{name}",
            f"{name} = {meaning} has the published closed form.",
            sp.Eq(mean_of(name), formula, evaluate=False),
            (),
            _SOURCE,
            (Proof(steps),),
            Verdict.PROVED,
            {},
            _ASSUMED,
        )
        for name, meaning, formula, steps in rows
    ]
