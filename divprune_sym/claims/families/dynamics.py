"""The derived equations of motion: equal to the published ones without a mask, closed under any mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.derived import (
    M1,
    N1,
    STUDENTS,
    STUDENTS_TOO,
    TEACHERS,
    TEACHERS_TOO,
    J,
    L,
    same_sums,
    uses_only,
)
from divprune_sym.claims.evidence import Proof
from divprune_sym.claims.statements import UsesOnly
from divprune_sym.claims.steps import Step
from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.integrals import I2, I3, I4, J2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

PLACE, PROCESS = 20, 4

_ONE_CLASS = (y.MASK[y.c, y.i], y.MASK[y.c, y.k], y.FRACTION[y.c], y.VARIANCE[y.c])


def _error_signal(i: Expr, b: Expr) -> Expr:
    """Σ_m A_m I3(i, b, m) − ΣJ vJ I3(i, b, j)."""
    teachers = sp.Sum(y.TEACHER[N1] * I3(i, y.c, b, y.K + N1), TEACHERS)
    return teachers - sp.Sum(y.V[J] * I3(i, y.c, b, J), STUDENTS)


def _published() -> dict[Expr, Expr]:
    """Goldt et al. 2019, equations of motion of Q, R and v."""
    i, k, n, v, A = y.i, y.k, y.n, y.V, y.TEACHER
    fluctuations = (
        sp.Sum(A[N1] * A[M1] * I4(i, k, y.K + N1, y.K + M1), TEACHERS, TEACHERS_TOO)
        - 2 * sp.Sum(v[J] * A[N1] * I4(i, k, J, y.K + N1), STUDENTS, TEACHERS)
        + sp.Sum(v[J] * v[L] * I4(i, k, J, L), STUDENTS, STUDENTS_TOO)
        + y.SIGMA**2 * J2(i, k)
    )
    drift_v = sp.Sum(A[N1] * I2(i, y.K + N1), TEACHERS) - sp.Sum(v[J] * I2(i, J), STUDENTS)
    return {
        y.D_R[y.c, i, n]: y.ETA * v[i] * _error_signal(i, y.K + n),
        y.D_Q[y.c, i, k]: y.ETA * v[i] * _error_signal(i, k)
        + y.ETA * v[k] * _error_signal(k, i)
        + y.ETA**2 * v[i] * v[k] * fluctuations,
        y.D_V[i]: y.ETA_V * drift_v,
    }


def _derived() -> dict[Expr, Expr]:
    """The library's rates with all masks 1, one class, no decay, and the named averages written out."""
    assigned = {x.lhs: x.rhs for x in equations_of_motion().assignments}
    drift, spread, pull = (assigned[x] for x in (y.DRIFT[y.c, y.i, y.b], y.SPREAD[y.i, y.k], y.PULL[y.i]))
    named = {y.SPREAD[y.i, y.k]: spread, y.PULL[y.i]: pull}
    for node, row in ((y.i, y.k), (y.k, y.i), (y.i, y.K + y.n)):
        named[y.DRIFT[y.c, node, row]] = drift.subs({y.i: node, y.b: row}, simultaneous=True)
    unmasked = {**dict.fromkeys(_ONE_CLASS, sp.Integer(1)), y.DECAY: 0}
    rates = (y.D_R[y.c, y.i, y.n], y.D_Q[y.c, y.i, y.k], y.D_V[y.i])
    return {lhs: assigned[lhs].xreplace(named).subs(unmasked) for lhs in rates}


def _written_out(expression: Expr, K: int, M: int) -> Expr:
    """All sums as their terms, fields numbered, s = (v, −A)."""
    sizes = {y.K: K, y.M: M}

    def terms(body: Expr, *limits: sp.Tuple) -> Expr:
        for index, low, high in limits:
            last = int(high.subs(sizes))
            body = sp.Add(*[body.subs(index, value) for value in range(int(low), last + 1)])
        return body

    plain = expression.replace(sp.Sum, terms).subs(sizes)
    weights = {y.S[j]: y.V[j] for j in range(K)} | {y.S[K + n]: -y.TEACHER[n] for n in range(M)}
    at_sizes = {s.subs(sizes): weight.subs(sizes) for s, weight in weights.items()}
    return sp.expand(plain.xreplace(at_sizes))


def _by_sizes() -> Iterator[Step]:
    ours, theirs = _derived(), _published()
    for K in (1, 2, 3):
        for M in (1, 2, 3):
            holds = all(_written_out(ours[lhs] - theirs[lhs], K, M) == 0 for lhs in theirs)
            yield Step(f"equal, term by term, for K = {K}, M = {M}", holds)


def _all_sizes() -> Iterator[Step]:
    ours = _derived()
    for lhs, published in _published().items():
        yield same_sums(
            f"{lhs}: equal for all K and M, sums over fields split into students (s = v) and teachers (s = −A)",
            ours[lhs],
            published,
        )


def _known() -> set[sp.Symbol]:
    """Order parameters, parameters of the problem, and what the integrals are functions of; N is not among them."""
    arrays = (y.Q, y.R, y.T, y.V, y.TEACHER, y.MASK, y.FRACTION, y.VARIANCE, y.C, y.X, y.S)
    return {*(x.label for x in arrays), y.K, y.M, y.CLASSES, y.ETA, y.ETA_V, y.SIGMA, y.DECAY}


def _equations() -> Iterator[tuple[sp.Eq, sp.Tuple]]:
    """Every assignment with what it may use: what is known, and what earlier ones assign."""
    known = _known()
    for assignment in equations_of_motion().assignments:
        yield sp.Eq(assignment.lhs, assignment.rhs, evaluate=False), sp.Tuple(*sorted(known, key=str))
        known.add(assignment.lhs.base.label)


def _closure() -> Iterator[Step]:
    for equation, known in _equations():
        yield uses_only(f"{equation.lhs} uses what is known by then, and nothing else", equation, known)


def claims() -> list[Claim]:
    """The claims of this family."""
    return [
        Claim(
            "dynamics.published",
            "Without a mask the derived equations of motion are the published ones.",
            sp.And(*[sp.Eq(lhs, rhs, evaluate=False) for lhs, rhs in _published().items()]),
            (),
            "Goldt et al., NeurIPS 2019 (arXiv:1906.08632), equations of motion of Q, R and v",
            (Proof(_all_sizes), Proof(_by_sizes)),
            Verdict.PROVED,
            _derived(),
            ("online SGD of both layers, white inputs, label noise σ, N → ∞, no weight decay", "any K ≥ 1 and M ≥ 1"),
        ),
        Claim(
            "dynamics.masked-closure",
            "Under any mask the overlaps per class of inputs obey closed equations.",
            sp.And(*[UsesOnly(*equation) for equation in _equations()]),
            (),
            "this project",
            (Proof(_closure),),
            Verdict.PROVED,
            {},
            (
                "inputs with one mask pattern form a class c, of fraction f_c; N → ∞ at fixed fractions",
                "drift = E[g'(λ_i) Δ u_b^c], spread = E[g'(λ_i) g'(λ_k) Δ²], pull = E[g(λ_i) Δ]; X^c = (Q^c, R^c, T^c)",
                "any K ≥ 1, M ≥ 1 and any number of mask classes",
            ),
        ),
    ]
