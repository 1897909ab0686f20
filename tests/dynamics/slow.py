"""Indexed SymPy sums evaluated as they stand, term by term: slow, and the same for numbers and for symbols."""

from __future__ import annotations

import itertools
import math

import numpy as np
import sympy as sp

from divprune_sym.codegen.sums import HalfSum
from divprune_sym.dynamics.integrals import I2, I3, I4, J2
from tests import plain_ode


def evaluate(expression, values, at=None):
    """The value of an expression.

    `values` maps names of arrays and symbols to what they hold, and the classes of formal integrals to functions
    of integer indices; `at` maps indices to integers.
    """
    at = at or {}
    if isinstance(expression, sp.Idx):
        return at[expression]
    if isinstance(expression, sp.Symbol):
        return values[expression.name]
    if isinstance(expression, sp.Indexed):
        where = tuple(int(evaluate(index, values, at)) for index in expression.indices)
        return values[str(expression.base.label)][where]
    if isinstance(expression, sp.Sum):
        return _sum(expression.function, expression.limits, values, at)
    if isinstance(expression, HalfSum):
        return _half_sum(*expression.args, values, at)
    if isinstance(expression, sp.Integer):
        return int(expression)
    if isinstance(expression, (sp.Rational, sp.NumberSymbol)):
        return values.get("exact", float)(expression)
    args = [evaluate(arg, values, at) for arg in expression.args]
    if expression.func in values:
        return values[expression.func](*args)
    return _OPERATIONS[expression.func](*args)


_OPERATIONS = {
    sp.Add: lambda *terms: sum(terms[1:], terms[0]),
    sp.Mul: lambda *factors: math.prod(factors),
    sp.Pow: lambda base, exponent: base**exponent,
    sp.asin: math.asin,
}


def _sum(body, limits, values, at):
    index, low, high = limits[-1]
    rest = limits[:-1]
    run = range(int(evaluate(low, values, at)), int(evaluate(high, values, at)) + 1)
    terms = [_sum(body, rest, values, at | {index: j}) for j in run] if rest else None
    return sum(terms if rest else [evaluate(body, values, at | {index: j}) for j in run])


def _half_sum(body, a, b, values, at):
    """What HalfSum stands for in words: the diagonal once, everything below it twice."""
    total = 0
    for j in range(int(evaluate(a.upper, values, at)) + 1):
        total += evaluate(body, values, at | {a: j, b: j})
        total += 2 * sum(evaluate(body, values, at | {a: j, b: below}) for below in range(j))
    return total


def index_values(indices, values):
    """Every assignment of integers to the indices."""
    ranges = [range(int(evaluate(index.upper, values)) + 1) for index in indices]
    for at in itertools.product(*ranges):
        yield dict(zip(indices, at, strict=True))


def run(assignments, values, dtype=float):
    """Carry out assignments in order; returns `values` and every array they fill."""
    values = dict(values)
    for assignment in assignments:
        lhs = assignment.lhs
        if not isinstance(lhs, sp.Indexed):
            values[lhs.name] = evaluate(assignment.rhs, values)
            continue
        label = str(lhs.base.label)
        if label not in values:
            shape = [int(evaluate(extent, values)) for extent in lhs.base.shape]
            values[label] = np.full(shape, None if dtype is object else np.nan, dtype)
        for at in index_values(sorted(lhs.atoms(sp.Idx), key=str), values):
            where = tuple(int(evaluate(index, values, at)) for index in lhs.indices)
            values[label][where] = evaluate(assignment.rhs, values, at)
    return values


def state_values(state, eta, eta_v, sigma, weight_decay):
    """The inputs of the equations of motion, under their names."""
    return {
        "K": state.K,
        "M": state.M,
        "classes": len(state.mask),
        "Q": state.Q_classes,
        "R": state.R_classes,
        "T": state.T_classes,
        "v": state.v,
        "A": state.A,
        "mask": state.mask,
        "fraction": state.fraction,
        "variance": state.variance,
        "eta": eta,
        "eta_v": eta_v,
        "sigma": sigma,
        "weight_decay": weight_decay,
    }


def plain_integrals(state):
    """The formal integrals of a state by the published formulas in `plain_ode`."""
    C = state.covariance
    i2, j2, i4 = plain_ode.I2(C), plain_ode.J2(C), plain_ode.I4(C)
    # y[c] holds the covariances of the class's part of each field with all fields
    i3 = [plain_ode.I3(C, omega * X) for omega, X in zip(state.variance, state.overlaps, strict=True)]
    return {
        I2: lambda a, b: i2[a, b],
        J2: lambda i, k: j2[i, k],
        I3: lambda i, c, b, a: i3[c][i, b, a],
        I4: lambda i, k, a, b: i4[i, k, a, b],
    }
