"""Equations of motion of the order parameters, derived from the online-SGD update.

The update of one weight goes in; the change of the overlaps it causes is summed over the inputs of a
mask class, the field's names are given to the sums, and the expectation over the input is taken.
Nothing below states an equation of motion. (Saad & Solla 1995; Goldt et al. 2019, without masks.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.integrals import I2, I2_GH, I2_HH, I3, I3_H, I4, I4_GH, I4_HH, J2
from divprune_sym.dynamics.symbols import (
    CLASSES,
    D_Q,
    D_R,
    D_V,
    DRIFT,
    ERROR,
    ETA,
    FIELDS,
    FRACTION,
    MOMENTS,
    PULL,
    SPREAD,
    TEACHER,
    VARIANCE,
    C,
    K,
    M,
    Q,
    R,
    S,
    T,
    V,
    X,
    a,
    b,
    c,
    i,
    k,
    l,
    m,
    n,
    p,
)
from divprune_sym.dynamics.update import (
    ONE,
    OTHER,
    SGD,
    TAUGHT,
    WEIGHT,
    ZETA,
    N,
    UpdateRule,
    first_layer_update,
    in_samples,
    second_layer_update,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Assignment:
    """lhs = rhs for every value of the free indices of lhs; `symmetric`: in its last two indices."""

    lhs: Expr
    rhs: Expr
    symmetric: bool = False


@dataclass(frozen=True)
class System:
    """A list of assignments in the order they are to be evaluated, and the equation they come from."""

    name: str
    assignments: tuple[Assignment, ...]
    source: str

    def _repr_latex_(self) -> str:
        from divprune_sym.dynamics.latex import aligned

        return f"$${aligned(((x.lhs, x.rhs) for x in self.assignments), 'aligned')}$$"


# --- from the update of one weight to rates of order parameters ---------------------------------------

_linear = {row: sp.Symbol(f"u_{name}^c", real=True) for row, name in ((i, "i"), (k, "k"), (K + n, "n"))}
_overlap = sp.Symbol("overlap_of_two_inputs", real=True)


def _class_sums() -> dict[Expr, Expr]:
    """Σ_{j in c} of each product of two per-input quantities.

    Σ x_j² follows the law of large numbers; two independent inputs have an overlap of order √N only.
    """
    x, w = ONE.x, WEIGHT
    return {
        w[i] * w[k]: N * X[c, i, k],
        w[i] * TAUGHT: N * X[c, i, K + n],
        x * w[i]: sp.sqrt(N) * _linear[i],
        x * w[k]: sp.sqrt(N) * _linear[k],
        x * TAUGHT: sp.sqrt(N) * _linear[K + n],
        x**2: N * FRACTION[c] * VARIANCE[c],
        x * OTHER.x: sp.sqrt(N) * _overlap,
    }


def _summed_over_class(per_input: Expr) -> Expr:
    """Σ_{j in c} of a polynomial in the per-input quantities."""
    inputs = (ONE.x, OTHER.x, TAUGHT, *WEIGHT.values())
    polynomial = sp.Poly(sp.expand(per_input), *inputs)
    sums = _class_sums()
    total = sp.Integer(0)
    for powers, coefficient in polynomial.terms():
        monomial = sp.Mul(*[x**power for x, power in zip(inputs, powers, strict=True)])
        total += coefficient * sums[monomial]
    return sp.expand(total)


def _rate(change: Expr) -> Expr:
    """d/dα of an order parameter whose change in one update is given: N·change as N → ∞ (α = updates/N)."""
    return sp.expand(sp.limit(sp.expand(N * change), N, sp.oo))


def _averaged(rate: Expr) -> Expr:
    """Expectation over the input and the label noise, with named averages.

    drift[c, i, b] = E[g'(λ_i) Δ u^c_b],  spread[i, k] = E[g'(λ_i) g'(λ_k) Δ²],  pull[i] = E[g(λ_i) Δ].
    """
    slope, value, delta = ONE.slope, ONE.value, ONE.delta
    averages = {slope[i] * slope[k] * delta**2: SPREAD[i, k], value[i] * delta: PULL[i]}
    for node in (i, k):
        for row, u in _linear.items():
            averages[slope[node] * delta * u] = DRIFT[c, node, row]
    random = (delta, *slope.values(), *value.values(), *_linear.values())
    total = sp.Integer(0)
    for powers, coefficient in sp.Poly(rate, *random).terms():
        monomial = sp.Mul(*[x**power for x, power in zip(random, powers, strict=True)])
        total += coefficient * (monomial if monomial == 1 else averages[monomial])
    return total


def _to_first_order(rate: Expr) -> Expr:
    """Without the terms in η² (and η_v²: there are none)."""
    return sp.expand(sp.Add(*[rate.coeff(ETA, power) * ETA**power for power in (0, 1)]))


def _rates(rule: UpdateRule) -> tuple[Assignment, ...]:
    rates: list[Assignment] = []
    if rule.first_layer:
        grown = {node: WEIGHT[node] + first_layer_update(node, rule) for node in (i, k)}
        change_Q = in_samples(grown[i] * grown[k] - WEIGHT[i] * WEIGHT[k], rule.batch_size)
        change_R = in_samples(grown[i] * TAUGHT - WEIGHT[i] * TAUGHT, rule.batch_size)
        rate_Q, rate_R = (_averaged(_rate(_summed_over_class(change) / N)) for change in (change_Q, change_R))
        rate_Q = _to_first_order(rate_Q) if rule.small_eta else rate_Q
        rates += [Assignment(D_Q[c, i, k], rate_Q, symmetric=True), Assignment(D_R[c, i, n], rate_R)]
    if rule.second_layer:
        change_v = in_samples(second_layer_update(i, rule), rule.batch_size)
        rates.append(Assignment(D_V[i], _averaged(_rate(change_v))))
    return tuple(rates)


# --- the error signal Δ = Σ_a s_a g(u_a) − σζ, ζ ~ N(0, 1) --------------------------------------------


@dataclass(frozen=True)
class _Nodes:
    """The part of Δ that some nodes put out, with two index letters to sum over them, and what h or g they have."""

    function: str
    letters: tuple[sp.Idx, sp.Idx]
    size: Expr
    first_field: Expr

    def term(self, letter: sp.Idx) -> tuple[Expr, Expr, tuple[Expr, ...]]:
        """Weight, field and summation range of one node."""
        field = self.first_field + letter
        return S[field], field, (letter, 0, self.size - 1)


_ALL = _Nodes("g", (a, b), FIELDS, sp.S.Zero)
_STUDENTS, _TEACHERS = _Nodes("g", (l, m), K, sp.S.Zero), _Nodes("h", (n, p), M, K)

# E[… f₁(u) f₂(u) …] by the functions in it
_TWO = {"gg": I2, "gh": I2_GH, "hh": I2_HH}
_LINEAR = {"g": I3, "h": I3_H}
_FOUR = {"gg": I4, "gh": I4_GH, "hh": I4_HH}


def _outputs(rule: UpdateRule) -> tuple[_Nodes, ...]:
    return (_STUDENTS, _TEACHERS) if rule.two_activations else (_ALL,)


def _sum_of(nodes: tuple[_Nodes, ...], power: int, average: Callable[[str, tuple[Expr, ...]], Expr]) -> Expr:
    """E[… (Σ_a s_a g(u_a))^power …], a sum for each way to take the nodes of the factors."""
    total = sp.Integer(0)
    for chosen in combinations_with_replacement(nodes, power):
        ways = factorial(power) // prod(factorial(chosen.count(part)) for part in nodes)
        used = [part.term(part.letters[chosen[:j].count(part)]) for j, part in enumerate(chosen)]
        weights, fields, ranges = zip(*used, strict=True)
        body = sp.Mul(*weights) * average("".join(part.function for part in chosen), fields)
        total += ways * sp.Sum(body, *ranges)
    return total


def _with_error_signal(power: int, sigma: Expr) -> list[tuple[Expr, int]]:
    """Δ^power as [(coefficient, number of activations)] after averaging ζ: E ζ = 0, E ζ² = 1."""
    signal = sp.Symbol("signal")
    expanded = sp.Poly(sp.expand((signal - sigma * ZETA) ** power), signal, ZETA)
    moments = {0: 1, 1: 0, 2: 1}
    return [(coef * moments[noise], count) for (count, noise), coef in expanded.terms() if moments[noise]]


def averages(rule: UpdateRule = SGD) -> tuple[Assignment, ...]:
    """The named averages as sums of the integrals J2, I2, I3, I4."""
    nodes = _outputs(rule)

    def squares(activations: int) -> Expr:
        if activations == 0:
            return J2(i, k)
        return _sum_of(nodes, activations, lambda functions, fields: _FOUR[functions](i, k, *fields))

    def drift(_: int) -> Expr:
        return _sum_of(nodes, 1, lambda function, fields: _LINEAR[function](i, c, b, *fields))

    def pull(_: int) -> Expr:
        return _sum_of(nodes, 1, lambda function, fields: _TWO["g" + function](i, *fields))

    def expanded(power: int, average: Callable[[int], Expr]) -> Expr:
        return sp.Add(*[q * average(count) for q, count in _with_error_signal(power, rule.sigma)])

    return (
        Assignment(DRIFT[c, i, b], expanded(1, drift)),
        Assignment(SPREAD[i, k], expanded(2, squares), symmetric=True),
        Assignment(PULL[i], expanded(1, pull)),
    )


def fields() -> tuple[Assignment, ...]:
    """From Q, R, T, v, A to one overlap matrix X per class, the covariance C of the fields, and s = (v, −A)."""
    return (
        Assignment(X[c, i, k], Q[c, i, k]),
        Assignment(X[c, i, K + n], R[c, i, n]),
        Assignment(X[c, K + n, i], R[c, i, n]),
        Assignment(X[c, K + n, K + p], T[c, n, p]),
        Assignment(C[a, b], sp.Sum(VARIANCE[c] * X[c, a, b], (c, 0, CLASSES - 1)), symmetric=True),
        *signed_weights(),
    )


def signed_weights() -> tuple[Assignment, ...]:
    """s = (v, −A)."""
    return (Assignment(S[i], V[i]), Assignment(S[K + n], -TEACHER[n]))


@cache
def equations_of_motion(rule: UpdateRule = SGD) -> System:
    """The equations of motion of Q^c, R^c and v under any mask, for K and M left symbolic.

    Parameters
    ----------
    rule : UpdateRule
        What of the update takes place; all of it if left out, with one input a step and one activation.
    """
    rates = _rates(rule)
    used = set[Expr]().union(*[rate.rhs.atoms(sp.IndexedBase) for rate in rates])
    named = [average for average in averages(rule) if average.lhs.base in used]
    limit = "; limit of a small learning rate, without the terms in η²" if rule.small_eta else ""
    return System(
        "equations_of_motion",
        (*fields(), *named, *rates),
        f"online SGD: Saad & Solla 1995, Goldt et al. 2019; under any mask: docs/notation.md{limit}",
    )


@cache
def error_equations(two_activations: bool = False) -> System:
    """ε_g = ½ E[(Σ_a s_a g(u_a))²], label noise excluded, from C and s; the teacher's nodes may have another h."""
    nodes = _outputs(UpdateRule(two_activations=two_activations))
    pairs = _sum_of(nodes, 2, lambda functions, fields: _TWO[functions](*fields))
    return System("generalization_error", (Assignment(ERROR, pairs / 2),), "Saad & Solla 1995")


@cache
def second_moments(two_activations: bool = False) -> System:
    """moments[a, b] = E[g(u_a) g(u_b)] for all fields, or E[g(u_a) h(u_b)]."""
    pair = I2_GH(a, b) if two_activations else I2(a, b)
    return System(
        "second_moments", (Assignment(MOMENTS[a, b], pair, symmetric=not two_activations),), "Saad & Solla 1995"
    )
