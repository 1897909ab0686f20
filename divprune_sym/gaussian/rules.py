"""The three rules that give every integral (docs/notation.md, "Three rules"), and the facts they rest on.

Each rule takes one term and returns the terms whose sum equals it. `activation` is the function of those
factors that do not carry one of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.shape import bell, parts
from divprune_sym.gaussian.term import Covariance, Factor, G, Term, U, Wave, covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from divprune_sym.gaussian.functions import Activation
    from divprune_sym.gaussian.shape import Bell

    ClosedForm = Callable[[Term], Expr]


def function_of(factor: G, activation: Activation) -> Activation:
    """The activation a factor belongs to."""
    return factor.of or activation


def symbols_of(term: Term, activation: Activation) -> set[sp.Symbol]:
    """The symbols in a term: of its coefficient, its covariance and its functions."""
    found = set(term.coefficient.free_symbols) | set(term.covariance.matrix.free_symbols)
    for factor in term.factors:
        found |= set().union(*[weight.free_symbols for _, weight in factor.combination])
        if isinstance(factor, G):
            found |= function_of(factor, activation).symbols
    return found


def slope_of(factor: Factor, activation: Activation, rule: str) -> Bell:
    """The Gaussian slope of the activation of a factor, which `rule` cannot do without."""
    function = function_of(factor, activation) if isinstance(factor, G) else activation
    slope = bell(function)
    if slope is None:
        msg = f"{rule}: g' of {function.name} is no Gaussian"
        raise ValueError(msg)
    return slope


def collect(terms: Iterable[Term]) -> list[Term]:
    """Add the coefficients of terms that differ in nothing else, and drop what adds up to zero."""
    sums: dict[tuple[frozenset[tuple[Factor, int]], Covariance], Term] = {}
    for term in terms:
        key = (frozenset(Counter(term.factors).items()), term.covariance)
        sums[key] = replace(sums[key], coefficient=sums[key].coefficient + term.coefficient) if key in sums else term
    return [term for term in sums.values() if term.coefficient != 0]


# --- what an activation is made of --------------------------------------------------------------------


def spell_out(term: Term, activation: Activation) -> list[Term]:
    """Write every activation that is not itself a sigmoid in linear factors, sigmoids and waves."""
    grown = [replace(term, factors=())]
    for factor in term.factors:
        spelled: Iterable[tuple[Expr, tuple[Factor, ...]]] = [(sp.Integer(1), (factor,))]
        if isinstance(factor, G) and bell(function_of(factor, activation)) is None:
            spelled = parts(function_of(factor, activation), factor.field, factor.order)
        grown = collect(t.times(coefficient, *factors) for t in grown for coefficient, factors in spelled)
    return grown


def lower_derivative(term: Term, factor: G, activation: Activation) -> list[Term]:
    """g^(n) for n ≥ 2 as polynomial times g': g'' = −γ u g' because g' is a Gaussian."""
    rate = slope_of(factor, activation, "lower_derivative").rate
    u = sp.Dummy("u", real=True)
    polynomial = sp.Integer(1)
    for _ in range(factor.order - 1):
        polynomial = sp.diff(polynomial, u) - rate * u * polynomial
    rest = term.without(factor)
    return [
        rest.times(coefficient, G(factor.field, 1, factor.of), *[U(factor.field)] * power)
        for (power,), coefficient in sp.Poly(polynomial, u).terms()
    ]


def fix(term: Term, factor: Factor, activation: Activation) -> list[Term]:
    """A factor whose argument has no variance is the constant it takes at 0."""
    rest = term.without(factor)
    value = _at_zero(factor, activation)
    return [rest.times(value)] if value != 0 else [replace(rest, coefficient=sp.Integer(0), factors=())]


def _at_zero(factor: Factor, activation: Activation) -> Expr:
    if isinstance(factor, U):
        return sp.Integer(0)
    if isinstance(factor, Wave):
        return factor.function(0)
    u = sp.Dummy("u", real=True)
    return function_of(factor, activation).derivative(u, factor.order).subs(u, 0)


def powers_of_sign(term: Term, field: str, activation: Activation) -> list[Term]:
    """sign(u)² = 1; beside one δ(u), sign(u)^n counts as 1/(n + 1) for even n and as 0 for odd n.

    The second is g' gⁿ = (gⁿ⁺¹)'/(n + 1), true for every gain, in the limit of infinite gain.
    """
    signs = [f for f in term.factors if isinstance(f, G) and f.field == field and f.order == 0]
    signs = [f for f in signs if slope_of(f, activation, "powers_of_sign").is_delta]
    heights = [slope_of(f, activation, "powers_of_sign").height * sp.sqrt(sp.pi / 2) for f in signs]
    on_delta = any(isinstance(f, G) and f.field == field and is_delta(f, activation) for f in term.factors)
    if not on_delta:
        kept = signs[: len(signs) % 2]
        return [term.without(*signs).times(sp.Mul(*heights[len(kept) :]), *kept)]
    weight = sp.Rational(1 - len(signs) % 2, len(signs) + 1)
    return [term.without(*signs).times(sp.Mul(*heights) * weight)]


def is_delta(factor: Factor, activation: Activation) -> bool:
    """Whether a factor is δ(u) or one of its derivatives."""
    if not isinstance(factor, G) or factor.order == 0:
        return False
    slope = bell(function_of(factor, activation))
    return slope is not None and slope.is_delta


# --- tilting ------------------------------------------------------------------------------------------


def tilt(term: Term, factor: G, activation: Activation) -> list[Term]:
    """Absorb g'(u_i) = A exp(−γu_i²/2) into the Gaussian.

    E[g'(u_i) F] = A (1 + γC_ii)^(−1/2) E_C̃[F] with C̃ = C − γ C_·i C_i· / (1 + γC_ii).
    Side condition: 1 + γC_ii > 0. For g' = √(2π) A δ, drop the 1 and put γ = 1: C̃ is C conditioned on u_i = 0.
    """
    slope = slope_of(factor, activation, "tilt")
    C, i = term.covariance, factor.field
    reach = slope.reach(C(i, i))
    entries = [[C(a, b) - slope.rate * C(a, i) * C(b, i) / reach for b in C.fields] for a in C.fields]
    tilted = Covariance(C.fields, sp.ImmutableMatrix(entries), (*C.tilts, i))
    rest = replace(term.without(factor), covariance=tilted)
    return [rest.times(slope.height / sp.sqrt(reach))]


# --- Stein --------------------------------------------------------------------------------------------


def stein(term: Term, factor: U) -> list[Term]:
    """E[y F(u)] = Σ_a Cov(y, u_a) E[∂_a F]: one term for every other factor."""
    rest = term.without(factor)
    terms = []
    for other in rest.factors:
        weight = term.covariance.between(factor, other)
        scale, derivative = _derivative(other)
        terms.append(rest.without(other).times(weight * scale, *derivative))
    return collect(terms)


def _derivative(factor: Factor) -> tuple[int, tuple[Factor, ...]]:
    """d/dX of a factor of argument X."""
    if isinstance(factor, U):
        return 1, ()
    if isinstance(factor, G):
        return 1, (replace(factor, order=factor.order + 1),)
    if factor.function is sp.sin:
        return 1, (replace(factor, function=sp.cos),)
    return -1, (replace(factor, function=sp.sin),)


def stein_backwards(term: Term, factor: G) -> list[Term]:
    """Lower the order of δ^(n)(u_i), n ≥ 1, by Stein's lemma for the linear factor u_i.

    E[u_i δ^(n−1) F] = C_ii E[δ^(n) F] + Σ_a C_ia E[δ^(n−1) ∂_a F], where u δ^(n−1) = −(n−1) δ^(n−2).
    """
    n = factor.order - 1
    variance = term.covariance(factor.field, factor.field)
    rest, lowered = term.without(factor), replace(factor, order=factor.order - 1)
    terms = [replace(t.times(-1 / variance), factors=(lowered, *t.factors)) for t in stein_of(rest, factor.field)]
    if n >= 2:
        terms.append(rest.times(-(n - 1) / variance, replace(factor, order=factor.order - 2)))
    return collect(terms)


def stein_of(term: Term, field: str) -> list[Term]:
    """E[u_field F] for the F of a term."""
    return stein(term.times(sp.Integer(1), U(field)), U(field))


def wick(term: Term) -> list[Term]:
    """E[u_a u_b …] of linear factors alone: Stein's lemma until none is left, a sum over pairings (Wick, Isserlis)."""
    fields = tuple(sorted(factor.field for factor in term.factors if isinstance(factor, U)))
    C = term.covariance
    # expanded in symbols, so that entries that are long formulas stay as they are
    entries = {covariance_symbol(a, b): C(a, b) for a in fields for b in fields}
    value = _moment(fields).subs(entries, simultaneous=True)
    return [replace(term, coefficient=term.coefficient * value, factors=())]


@lru_cache(maxsize=4096)
def _moment(fields: tuple[str, ...]) -> Expr:
    """E of a product of fields in the symbols C_ab."""
    if not fields:
        return sp.Integer(1)
    first, rest = fields[0], fields[1:]
    pairings = []
    for other, count in Counter(rest).items():
        # equal partners give equal terms
        place = rest.index(other)
        pairings.append(count * covariance_symbol(first, other) * _moment(rest[:place] + rest[place + 1 :]))
    return sp.expand(sp.Add(*pairings))


def parity(term: Term) -> list[Term]:
    """An odd function under a centered Gaussian has expectation zero."""
    return [replace(term, coefficient=sp.Integer(0), factors=())]


def is_odd(factor: Factor, activation: Activation) -> bool | None:
    """Whether a factor is odd; None where it is neither even nor odd."""
    if isinstance(factor, U):
        return True
    if isinstance(factor, Wave):
        return factor.function is sp.sin
    if not function_of(factor, activation).is_odd:
        return None
    return factor.order % 2 == 0


# --- Price --------------------------------------------------------------------------------------------


def price(term: Term, closed_form: ClosedForm, activation: Activation) -> list[Term]:
    """∂E[g(a)h(b)]/∂C_ab = E[g'(a)h'(b)], integrated from C_ab = 0, where the factors are independent and odd.

    The integrand is A/√(P² − γγ'c²) with P² = (1 + γC_aa)(1 + γ'C_bb). Its antiderivative is accepted only if
    its derivative gives the integrand back and it vanishes at 0. With a δ among the slopes the arcsine is
    written as atan2(x, √(P² − x²)): the same number, and no division where a field has no variance.
    """
    first, second = (factor for factor in term.factors if isinstance(factor, G))
    slopes = slope_of(first, activation, "price"), slope_of(second, activation, "price")
    taken = symbols_of(term, activation)
    c = fresh("c", taken, real=True)
    A, B, P = (fresh(name, taken, positive=True) for name in "ABP")
    # one field may carry both factors; the lemma is about two
    a, b = first.field, second.field if second.field != first.field else f"{second.field}2"
    variances = [(reach - slope.offset) / slope.rate for reach, slope in zip((A, B), slopes, strict=True)]
    generic = Covariance((a, b), sp.ImmutableMatrix([[variances[0], c], [c, variances[1]]]))
    lemma = Term(sp.Integer(1), (G(a, 1, first.of), G(b, 1, second.of)), generic)
    # P² = AB leaves one parameter: the integrand is a function of c and P alone
    integrand = sp.simplify(closed_form(lemma).subs(B, P**2 / A))
    rate = sp.sqrt(slopes[0].rate * slopes[1].rate)
    angle = _angle(rate * c, P, regular=any(slope.is_delta for slope in slopes))
    antiderivative = slopes[0].height * slopes[1].height / rate * angle
    if sp.simplify(sp.diff(antiderivative, c) - integrand) != 0 or antiderivative.subs(c, 0) != 0:
        msg = f"price: no antiderivative found for {integrand}"
        raise ValueError(msg)
    reaches = [slope.reach(term.covariance(f.field, f.field)) for f, slope in zip((first, second), slopes, strict=True)]
    width = {c: term.covariance.between(first, second), P: sp.sqrt(reaches[0]) * sp.sqrt(reaches[1])}
    value = antiderivative.subs(width, simultaneous=True)
    return [replace(term, coefficient=term.coefficient * value, factors=())]


def _angle(x: Expr, P: Expr, regular: bool) -> Expr:
    """asin(x/P)."""
    return sp.atan2(x, sp.sqrt(P**2 - x**2)) if regular else sp.asin(x / P)


def price_wave(term: Term, closed_form: ClosedForm, activation: Activation) -> list[Term]:
    """Price's rule for sin X and one sigmoid g(u_a), integrated in c = Cov(X, u_a) from 0.

    The integrand E[cos X g'(u_a)] is a Gaussian in c of negative width: its antiderivative is erfi.
    """
    wave = next(factor for factor in term.factors if isinstance(factor, Wave))
    factor = next(factor for factor in term.factors if isinstance(factor, G))
    slope = slope_of(factor, activation, "price")
    taken = symbols_of(term, activation)
    c = fresh("c", taken, real=True)
    A, V = (fresh(name, taken, positive=True) for name in "AV")
    variance = (A - slope.offset) / slope.rate
    generic = Covariance(("a", "x"), sp.ImmutableMatrix([[variance, c], [c, V]]))
    cosine = Wave(sp.cos, (("x", sp.Integer(1)),))
    integrand = closed_form(Term(sp.Integer(1), (G("a", 1, factor.of), cosine), generic))
    antiderivative = slope.height * sp.sqrt(sp.pi / (2 * slope.rate)) * sp.exp(-V / 2)
    antiderivative *= sp.erfi(c * sp.sqrt(slope.rate) / sp.sqrt(2 * A))
    if sp.simplify(sp.diff(antiderivative, c) - integrand) != 0 or antiderivative.subs(c, 0) != 0:
        msg = f"price: no antiderivative found for {integrand}"
        raise ValueError(msg)
    C = term.covariance
    width = {c: C.between(wave, factor), V: C.between(wave, wave), A: slope.reach(C(factor.field, factor.field))}
    value = antiderivative.subs(width, simultaneous=True)
    return [replace(term, coefficient=term.coefficient * value, factors=())]


def fresh(name: str, taken: set[sp.Symbol], **assumptions: bool) -> sp.Symbol:
    """A symbol that nothing in a term uses for something else."""
    names = {symbol.name for symbol in taken}
    while name in names:
        name += "_"
    return sp.Symbol(name, **assumptions)


# --- waves --------------------------------------------------------------------------------------------


def product_to_sum(term: Term, first: Wave, second: Wave) -> list[Term]:
    """A product of two waves as half the sum of two waves of the sum and the difference of their arguments."""
    plus, minus = _combined(first, second, 1), _combined(first, second, -1)
    half = sp.Rational(1, 2)
    if first.function is second.function:
        # cos X cos Y and sin X sin Y
        sign = 1 if first.function is sp.cos else -1
        waves = [(half, Wave(sp.cos, minus)), (sign * half, Wave(sp.cos, plus))]
    else:
        # sin X cos Y = ½ sin(X + Y) + ½ sin(X − Y); the roles of X and Y decide the second sign
        sign = 1 if first.function is sp.sin else -1
        waves = [(half, Wave(sp.sin, plus)), (sign * half, Wave(sp.sin, minus))]
    rest = term.without(first, second)
    return collect(t for coefficient, wave in waves for t in _with_wave(rest, coefficient, wave))


def _combined(first: Wave, second: Wave, sign: int) -> tuple[tuple[str, Expr], ...]:
    weights = dict(first.combination)
    for field, weight in second.combination:
        weights[field] = weights.get(field, sp.Integer(0)) + sign * weight
    return tuple((field, weight) for field, weight in sorted(weights.items()) if weight != 0)


def _with_wave(term: Term, coefficient: Expr, wave: Wave) -> list[Term]:
    if wave.combination:
        return [term.times(coefficient, wave)]
    return [term.times(coefficient)] if wave.function is sp.cos else []


def characteristic_function(term: Term, wave: Wave) -> list[Term]:
    """E cos X = exp(−Var(X)/2)."""
    value = sp.exp(-sp.expand(term.covariance.between(wave, wave)) / 2)
    return [term.without(wave).times(value)]
