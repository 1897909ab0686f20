"""Equations of motion of the order parameters, derived from the online-SGD update.

The update of one weight goes in; the change of the overlaps it causes is summed over the inputs of a
mask class, the field's names are given to the sums, and the expectation over the input is taken.
Nothing below states an equation of motion. (Saad & Solla 1995; Goldt et al. 2019, without masks.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.integrals import I2, I3, I4, J2
from divprune_sym.dynamics.symbols import (
    CLASSES,
    D_Q,
    D_R,
    D_V,
    DECAY,
    DRIFT,
    ERROR,
    ETA,
    ETA_V,
    FIELDS,
    FRACTION,
    MASK,
    MOMENTS,
    PULL,
    SIGMA,
    SPREAD,
    TEACHER,
    VARIANCE,
    C,
    K,
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
    n,
    p,
)


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


# --- the update, for one input coordinate j of class c ------------------------------------------------

_N, _zeta = sp.symbols("N zeta", positive=True)
_x, _B = sp.symbols("x_j B_nj", real=True)
_w = {node: sp.Symbol(f"w_{node}j", real=True) for node in (i, k)}
_delta = sp.Symbol("Delta", real=True)
_slope = {node: sp.Symbol(f"gprime_{node}", real=True) for node in (i, k)}
_value = {node: sp.Symbol(f"g_{node}", real=True) for node in (i, k)}
_linear = {row: sp.Symbol(f"u_{name}^c", real=True) for row, name in ((i, "i"), (k, "k"), (K + n, "n"))}


def first_layer_update(node: Expr) -> Expr:
    """w_ij(next) − w_ij = −(η/√N) v_i g'(λ_i) Δ m_ij x_j − (κ/N) w_ij."""
    gradient = V[node] * _slope[node] * _delta * MASK[c, node] * _x
    return -ETA / sp.sqrt(_N) * gradient - DECAY / _N * _w[node]


def second_layer_update(node: Expr) -> Expr:
    """v_i(next) − v_i = −(η_v/N) g(λ_i) Δ − (κ/N) v_i."""
    return -ETA_V / _N * _value[node] * _delta - DECAY / _N * V[node]


def _class_sums() -> dict[Expr, Expr]:
    """Σ_{j in c} of each product of two per-input quantities, by the law of large numbers for Σ x_j²."""
    return {
        _w[i] * _w[k]: _N * X[c, i, k],
        _w[i] * _B: _N * X[c, i, K + n],
        _x * _w[i]: sp.sqrt(_N) * _linear[i],
        _x * _w[k]: sp.sqrt(_N) * _linear[k],
        _x * _B: sp.sqrt(_N) * _linear[K + n],
        _x**2: _N * FRACTION[c] * VARIANCE[c],
    }


def _summed_over_class(per_input: Expr) -> Expr:
    """Σ_{j in c} of a polynomial in the per-input quantities."""
    inputs = (_x, _B, *_w.values())
    polynomial = sp.Poly(sp.expand(per_input), *inputs)
    sums = _class_sums()
    total = sp.Integer(0)
    for powers, coefficient in polynomial.terms():
        monomial = sp.Mul(*[x**power for x, power in zip(inputs, powers, strict=True)])
        total += coefficient * sums[monomial]
    return sp.expand(total)


def _rate(change: Expr) -> Expr:
    """d/dα of an order parameter whose change in one step is given: N·change as N → ∞ (α = steps/N)."""
    return sp.expand(sp.limit(sp.expand(_N * change), _N, sp.oo))


def _averaged(rate: Expr) -> Expr:
    """Expectation over the input and the label noise, with named averages.

    drift[c, i, b] = E[g'(λ_i) Δ u^c_b],  spread[i, k] = E[g'(λ_i) g'(λ_k) Δ²],  pull[i] = E[g(λ_i) Δ].
    """
    averages = {_slope[i] * _slope[k] * _delta**2: SPREAD[i, k], _value[i] * _delta: PULL[i]}
    for node in (i, k):
        for row, u in _linear.items():
            averages[_slope[node] * _delta * u] = DRIFT[c, node, row]
    random = (_delta, *_slope.values(), *_value.values(), *_linear.values())
    total = sp.Integer(0)
    for powers, coefficient in sp.Poly(rate, *random).terms():
        monomial = sp.Mul(*[x**power for x, power in zip(random, powers, strict=True)])
        total += coefficient * (monomial if monomial == 1 else averages[monomial])
    return total


# --- the error signal Δ = Σ_a s_a g(u_a) − σζ, ζ ~ N(0, 1) --------------------------------------------


def _with_error_signal(power: int) -> list[tuple[Expr, int]]:
    """Δ^power as [(coefficient, number of activations)] after averaging ζ: E ζ = 0, E ζ² = 1."""
    signal = sp.Symbol("signal")
    expanded = sp.Poly(sp.expand((signal - SIGMA * _zeta) ** power), signal, _zeta)
    moments = {0: 1, 1: 0, 2: 1}
    return [(coef * moments[noise], count) for (count, noise), coef in expanded.terms() if moments[noise]]


def averages(second_layer: bool = True) -> tuple[Assignment, ...]:
    """The named averages as sums of the integrals J2, I2, I3, I4."""
    drift = sum(q * sp.Sum(S[a] * I3(i, c, b, a), (a, 0, FIELDS - 1)) for q, _ in _with_error_signal(1))
    spread = sum(q * _squares(count) for q, count in _with_error_signal(2))
    named = [Assignment(DRIFT[c, i, b], drift), Assignment(SPREAD[i, k], spread, symmetric=True)]
    if second_layer:
        pull = sum(q * sp.Sum(S[a] * I2(i, a), (a, 0, FIELDS - 1)) for q, _ in _with_error_signal(1))
        named.append(Assignment(PULL[i], pull))
    return tuple(named)


def _squares(activations: int) -> Expr:
    """E[g'_i g'_k ∏ of 0 or 2 sums Σ_a s_a g_a]."""
    if activations == 0:
        return J2(i, k)
    return sp.Sum(S[a] * S[b] * I4(i, k, a, b), (a, 0, FIELDS - 1), (b, 0, FIELDS - 1))


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
def equations_of_motion(second_layer: bool = True) -> System:
    """The equations of motion of Q^c, R^c and v under any mask, for K and M left symbolic.

    Parameters
    ----------
    second_layer : bool
        Whether v learns too (η_v) or stays fixed.
    """
    grown = {node: _w[node] + first_layer_update(node) for node in (i, k)}
    change_Q = _summed_over_class(grown[i] * grown[k] - _w[i] * _w[k]) / _N
    change_R = _summed_over_class(grown[i] * _B - _w[i] * _B) / _N
    rates = [
        Assignment(D_Q[c, i, k], _averaged(_rate(change_Q)), symmetric=True),
        Assignment(D_R[c, i, n], _averaged(_rate(change_R))),
    ]
    if second_layer:
        rates.append(Assignment(D_V[i], _averaged(_rate(second_layer_update(i)))))
    return System(
        "equations_of_motion",
        (*fields(), *averages(second_layer), *rates),
        "online SGD: Saad & Solla 1995, Goldt et al. 2019; under any mask: docs/notation.md",
    )


@cache
def generalisation_error() -> System:
    """ε_g = ½ E[(Σ_a s_a g(u_a))²], label noise excluded, from C and s."""
    pairs = sp.Sum(S[a] * S[b] * I2(a, b), (a, 0, FIELDS - 1), (b, 0, FIELDS - 1))
    return System("generalization_error", (Assignment(ERROR, pairs / 2),), "Saad & Solla 1995")


@cache
def second_moments() -> System:
    """moments[a, b] = E[g(u_a) g(u_b)] for all fields."""
    return System("second_moments", (Assignment(MOMENTS[a, b], I2(a, b), symmetric=True),), "Saad & Solla 1995")
