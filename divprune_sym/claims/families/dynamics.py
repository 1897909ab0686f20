"""The derived equations of motion: equal to the published ones without a mask, closed under any mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.evidence import Proof, Step
from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.integrals import I2, I3, I4, J2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

_j, _l = sp.Idx("j", y.K), sp.Idx("l", y.K)
_n, _m = sp.Idx("n1", y.M), sp.Idx("m1", y.M)
_STUDENTS, _TEACHERS = (_j, 0, y.K - 1), (_n, 0, y.M - 1)
_STUDENTS_TOO, _TEACHERS_TOO = (_l, 0, y.K - 1), (_m, 0, y.M - 1)
_ONE_CLASS = (y.MASK[y.c, y.i], y.MASK[y.c, y.k], y.FRACTION[y.c], y.VARIANCE[y.c])


def _error_signal(i: Expr, b: Expr) -> Expr:
    """Σ_m A_m I3(i, b, m) − Σ_j v_j I3(i, b, j)."""
    teachers = sp.Sum(y.TEACHER[_n] * I3(i, y.c, b, y.K + _n), _TEACHERS)
    return teachers - sp.Sum(y.V[_j] * I3(i, y.c, b, _j), _STUDENTS)


def _published() -> dict[Expr, Expr]:
    """Goldt et al. 2019, equations of motion of Q, R and v."""
    i, k, n, v, A = y.i, y.k, y.n, y.V, y.TEACHER
    fluctuations = (
        sp.Sum(A[_n] * A[_m] * I4(i, k, y.K + _n, y.K + _m), _TEACHERS, _TEACHERS_TOO)
        - 2 * sp.Sum(v[_j] * A[_n] * I4(i, k, _j, y.K + _n), _STUDENTS, _TEACHERS)
        + sp.Sum(v[_j] * v[_l] * I4(i, k, _j, _l), _STUDENTS, _STUDENTS_TOO)
        + y.SIGMA**2 * J2(i, k)
    )
    drift_v = sp.Sum(A[_n] * I2(i, y.K + _n), _TEACHERS) - sp.Sum(v[_j] * I2(i, _j), _STUDENTS)
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


def _split(expression: Expr) -> Expr:
    """Σ over fields as Σ over students with s = v and Σ over teachers with s = −A."""

    def halves(body: Expr, *limits: sp.Tuple) -> Expr:
        fields = [index for index, _, high in limits]
        total = sp.Integer(0)
        students, teachers = ((_j, _STUDENTS), (_l, _STUDENTS_TOO)), ((_n, _TEACHERS), (_m, _TEACHERS_TOO))
        for kinds in range(2 ** len(fields)):
            value, ranges, used = body, [], [0, 0]
            for bit, field in enumerate(fields):
                teacher = kinds >> bit & 1
                index, limit = (teachers if teacher else students)[used[teacher]]
                used[teacher] += 1
                at = y.K + index if teacher else index
                value = value.xreplace({y.S[field]: -y.TEACHER[index] if teacher else y.V[index]}).subs(field, at)
                ranges.append(limit)
            sign, rest = sp.factor_terms(value).as_coeff_Mul()
            total += sign * sp.Sum(rest, *sorted(ranges, key=str))
        return total

    return sp.expand(expression.replace(sp.Sum, halves))


def _all_sizes() -> Iterator[Step]:
    ours, theirs = _derived(), _published()
    for lhs, published in theirs.items():
        ordered = published.replace(sp.Sum, lambda body, *limits: sp.Sum(body, *sorted(limits, key=str)))
        yield Step(
            f"{lhs}: equal for all K and M, sums over fields split into students (s = v) and teachers (s = −A)",
            sp.expand(_split(ours[lhs]) - sp.expand(ordered)) == 0,
        )


def _closure() -> Iterator[Step]:
    """Every array on the right is an order parameter, a parameter of the problem, or assigned from those."""
    known = {
        y.Q.label,
        y.R.label,
        y.T.label,
        y.V.label,
        y.TEACHER.label,
        y.MASK.label,
        y.FRACTION.label,
        y.VARIANCE.label,
    }
    for assignment in equations_of_motion().assignments:
        used = {x.base.label for x in assignment.rhs.atoms(sp.Indexed)}
        if assignment.rhs.has(I2, I3, I4, J2):
            used |= {y.C.label, y.X.label}  # what the integrals are functions of
        yield Step(f"{assignment.lhs} uses {', '.join(sorted(map(str, used))) or 'parameters only'}", used <= known)
        known.add(assignment.lhs.base.label)
    symbols = {s for x in equations_of_motion().assignments for s in x.rhs.free_symbols if not isinstance(s, sp.Idx)}
    names = {str(s) for s in symbols if not isinstance(s, sp.Indexed)}
    allowed = {str(label) for label in known} | {"K", "M", "classes", "eta", "eta_v", "sigma", "weight_decay"}
    yield Step("no symbol is left but sizes and rates; N has dropped out", names <= allowed)


def claims() -> list[Claim]:
    """The claims of this family."""
    masked = {x.lhs: x.rhs for x in equations_of_motion().assignments if x.lhs.base in (y.D_Q, y.D_R, y.D_V)}
    return [
        Claim(
            "dynamics.published",
            "Without a mask the derived equations of motion are the published ones.",
            sp.And(*[sp.Eq(lhs, rhs, evaluate=False) for lhs, rhs in _published().items()]),
            ("K ≥ 1, M ≥ 1 integers",),
            "Goldt et al., NeurIPS 2019 (arXiv:1906.08632), equations of motion of Q, R and v",
            (Proof(_all_sizes), Proof(_by_sizes)),
            Verdict.PROVED,
            {},
            ("online SGD of both layers, white inputs, label noise σ, N → ∞, no weight decay",),
        ),
        Claim(
            "dynamics.masked-closure",
            "Under any mask the overlaps per class of inputs obey closed equations.",
            sp.And(*[sp.Eq(lhs, rhs, evaluate=False) for lhs, rhs in masked.items()]),
            ("K ≥ 1, M ≥ 1, any number of mask classes",),
            "this project",
            (Proof(_closure),),
            Verdict.PROVED,
            {},
            (
                "inputs with one mask pattern form a class c, of fraction f_c; N → ∞ at fixed fractions",
                "drift = E[g'(λ_i) Δ u_b^c], spread = E[g'(λ_i) g'(λ_k) Δ²], pull = E[g(λ_i) Δ]; X^c = (Q^c, R^c, T^c)",
            ),
        ),
    ]
