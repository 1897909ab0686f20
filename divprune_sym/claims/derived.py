"""Steps about what the library derives: Gaussian means, and sums over all fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.links import Fact
from divprune_sym.claims.statements import FIELD, FIELD_SQUARE, ZETA, Mean, UsesOnly, is_random
from divprune_sym.claims.steps import Confirmed, vanishes
from divprune_sym.dynamics import symbols as y
from divprune_sym.formulas.proof import proves_zero
from divprune_sym.gaussian import ERF, INTEGRALS, integral
from divprune_sym.gaussian.term import G

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sympy import Expr


def mean_of(name: str) -> Expr:
    """E[…] of an integral of the library, with g(u) = erf(u/√2) written out."""
    product = sp.Integer(1)
    for factor in INTEGRALS[name]:
        u = sp.Symbol(f"u_{factor.field}", real=True)
        product *= sp.diff(sp.erf(u / sp.sqrt(2)), u, factor.order) if isinstance(factor, G) else u
    return Mean(product)


def mean(says: str, name: str, formula: Expr) -> Confirmed:
    """A step: the library's rules derive this formula for the mean, for every positive definite covariance."""
    derived = integral(name, ERF).closed_form
    fields = list(dict.fromkeys(factor.field for factor in INTEGRALS[name]))
    fact = Fact(sp.Eq(mean_of(name), formula, evaluate=False))
    return Confirmed(says, proves_zero(derived - formula, fields), fact)


def same_means(says: str, first: Expr, second: Expr) -> Confirmed:
    """A step: two sums of multiples of means are equal, as their integrands are once ζ ~ N(0, 1) is averaged.

    ζ is independent of all other random variables (`statements.is_random`); these stand under means only.
    """
    difference = sp.expand(first - second)
    outside = difference.replace(Mean, lambda x: sp.Dummy()).free_symbols
    integrand = sp.expand(difference.replace(Mean, lambda x: x))
    terms = sp.Poly(integrand, ZETA).terms()
    averaged = sp.Add(*[coefficient * _NOISE_MOMENTS[power] for (power,), coefficient in terms])
    holds = not any(map(is_random, outside)) and vanishes(averaged)
    return Confirmed(says, holds, Fact(sp.Eq(first, second, evaluate=False)))


_NOISE_MOMENTS = {0: 1, 1: 0, 2: 1}


def gaussian_mean(says: str, integrand: Expr, formula: Expr) -> Confirmed:
    """A step: SymPy integrates over the field u ~ N(0, Q_11), the only random variable here."""
    density = sp.exp(-(FIELD**2) / (2 * FIELD_SQUARE)) / sp.sqrt(2 * sp.pi * FIELD_SQUARE)
    found = sp.integrate(sp.expand(integrand) * density, (FIELD, -sp.oo, sp.oo))
    alone = not any(map(is_random, integrand.free_symbols - {FIELD}))
    return Confirmed(says, alone and vanishes(found - formula), Fact(sp.Eq(Mean(integrand), formula, evaluate=False)))


def uses_only(says: str, equation: sp.Eq, names: Iterable[sp.Symbol]) -> Confirmed:
    """A step: the right side of an equation has no free symbol, array or index range but these."""
    allowed = sp.Tuple(*sorted(set(names), key=str))
    rhs = equation.rhs
    used = {x.base.label for x in rhs.atoms(sp.Indexed)}
    used |= {x for x in rhs.free_symbols if not isinstance(x, (sp.Idx, sp.Indexed))}
    return Confirmed(says, used <= set(allowed), Fact(UsesOnly(equation, allowed)))


# --- sums over fields ---------------------------------------------------------------------------------

J, L = sp.Idx("j", y.K), sp.Idx("l", y.K)
N1, M1 = sp.Idx("n1", y.M), sp.Idx("m1", y.M)
STUDENTS, TEACHERS = (J, 0, y.K - 1), (N1, 0, y.M - 1)
STUDENTS_TOO, TEACHERS_TOO = (L, 0, y.K - 1), (M1, 0, y.M - 1)


def same_sums(says: str, over_fields: Expr, split: Expr) -> Confirmed:
    """A step: equal for all K and M, once sums over fields are sums over students (s = v) and teachers (s = −A).

    Parameters
    ----------
    says : str
    over_fields : Expr
        Sums over all K + M fields.
    split : Expr
        Sums over students j, l and teachers n1, m1.
    """
    ordered = split.replace(sp.Sum, lambda body, *limits: sp.Sum(body, *sorted(limits, key=str)))
    holds = sp.expand(_split(over_fields) - sp.expand(ordered)) == 0
    return Confirmed(says, bool(holds), Fact(sp.Eq(over_fields, split, evaluate=False)))


def _split(expression: Expr) -> Expr:
    """Σ over fields as Σ over students with s = v and Σ over teachers with s = −A."""

    def halves(body: Expr, *limits: sp.Tuple) -> Expr:
        fields = [index for index, _, high in limits]
        total = sp.Integer(0)
        students, teachers = ((J, STUDENTS), (L, STUDENTS_TOO)), ((N1, TEACHERS), (M1, TEACHERS_TOO))
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
