"""The three rules that give every integral (docs/notation.md, "Three rules"), and the two facts they rest on.

Each rule takes one term and returns the terms whose sum equals it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.term import Covariance, G, Term, U

if TYPE_CHECKING:
    from collections.abc import Callable

    from divprune_sym.gaussian.activation import Activation


def lower_derivative(term: Term, factor: G, activation: Activation) -> list[Term]:
    """g^(n) for n ≥ 2 as polynomial times g': g'' = −γ u g' because g' is a Gaussian."""
    slope = activation.gaussian_slope
    if slope is None:
        msg = f"lower_derivative: g' of {activation.name} is no Gaussian"
        raise ValueError(msg)
    u = sp.Symbol("u", real=True)
    polynomial = sp.Poly(sp.simplify(sp.diff(activation.g(u), u, factor.order) / sp.diff(activation.g(u), u)), u)
    rest = term.without(factor)
    return [
        rest.times(coefficient, G(factor.field, 1), *[U(factor.field)] * power)
        for (power,), coefficient in polynomial.terms()
    ]


def tilt(term: Term, factor: G, activation: Activation) -> list[Term]:
    """Absorb g'(u_i) = A exp(−γu_i²/2) into the Gaussian.

    E[g'(u_i) F] = A (1 + γC_ii)^(−1/2) E_C̃[F] with C̃ = C − γ C_·i C_i· / (1 + γC_ii).
    Side condition: 1 + γC_ii > 0.
    """
    slope = activation.gaussian_slope
    if slope is None:
        msg = f"tilt: g' of {activation.name} is no Gaussian"
        raise ValueError(msg)
    height, rate = slope
    C, i = term.covariance, factor.field
    widened = 1 + rate * C(i, i)
    entries = [[C(a, b) - rate * C(a, i) * C(b, i) / widened for b in C.fields] for a in C.fields]
    tilted = Covariance(C.fields, sp.ImmutableMatrix(entries), (*C.tilts, i))
    rest = replace(term.without(factor), covariance=tilted)
    return [rest.times(height / sp.sqrt(widened))]


def stein(term: Term, factor: U) -> list[Term]:
    """E[y F(u)] = Σ_a Cov(y, u_a) E[∂_a F]: one term for every other factor."""
    rest = term.without(factor)
    terms = []
    for other in rest.factors:
        weight = term.covariance(factor.field, other.field)
        derivative = () if isinstance(other, U) else (G(other.field, other.order + 1),)
        terms.append(rest.without(other).times(weight, *derivative))
    return terms


def parity(term: Term) -> list[Term]:
    """An odd function under a centred Gaussian has expectation zero."""
    return [replace(term, coefficient=sp.Integer(0), factors=())]


def price(term: Term, closed_form: Callable[[Term], Expr], activation: Activation) -> list[Term]:
    """∂E[g(a)g(b)]/∂C_ab = E[g'(a)g'(b)], integrated from C_ab = 0, where the factors are independent and odd.

    The antiderivative is accepted only if its derivative gives the integrand back and it vanishes at 0.
    """
    if activation.gaussian_slope is None:
        msg = f"price: g' of {activation.name} is no Gaussian"
        raise ValueError(msg)
    _, rate = activation.gaussian_slope
    a, b = (factor.field for factor in term.factors)
    c = sp.Symbol("c", real=True)
    A, B, P = sp.symbols("A B P", positive=True)
    variances = ((A - 1) / rate, (B - 1) / rate)
    generic = Covariance((a, b), sp.ImmutableMatrix([[variances[0], c], [c, variances[1]]]))
    slope = closed_form(Term(sp.Integer(1), (G(a, 1), G(b, 1)), generic))
    # P² = AB leaves one parameter: the integrand is a function of c and P alone
    integrand = sp.simplify(slope.subs(B, P**2 / A))
    antiderivative = sp.integrate(integrand, c)
    if sp.simplify(sp.diff(antiderivative, c) - integrand) != 0 or antiderivative.subs(c, 0) != 0:
        msg = f"price: no antiderivative found for {integrand}"
        raise ValueError(msg)
    C = term.covariance
    width = {c: C(a, b), P: sp.sqrt(1 + rate * C(a, a)) * sp.sqrt(1 + rate * C(b, b))}
    value = antiderivative.subs(width, simultaneous=True)
    return [replace(term, coefficient=term.coefficient * value, factors=())]
