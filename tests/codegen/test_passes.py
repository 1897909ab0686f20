"""Each pass on its own: it does what its name says, and the value of the expression stays the same."""

import numpy as np
import pytest
import sympy as sp

from divprune_sym.codegen.hoist import Hoister
from divprune_sym.codegen.lower import ordered_indices
from divprune_sym.codegen.sums import HalfSum, bound_indices, factor_out, free_indices, halve
from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import Assignment, averages, equations_of_motion
from divprune_sym.dynamics.integrals import I2, I3, I4, expand_integrals
from divprune_sym.gaussian import ERF
from tests.codegen.sources import RATES
from tests.dynamics.slow import evaluate, index_values, plain_integrals, run, state_values
from tests.dynamics.states import random_state, rounding

a, b, c, i, k, FIELDS = y.a, y.b, y.c, y.i, y.k, y.FIELDS
over_a, over_b = (a, 0, FIELDS - 1), (b, 0, FIELDS - 1)
S, C = y.S, y.C

STATE = random_state(2, 1, 3)
VALUES = state_values(STATE, **RATES) | plain_integrals(STATE)
VALUES |= {"X": STATE.overlaps, "C": STATE.covariance, "s": STATE.signed_weights}
AT = {i: 1, k: 0, a: 2, b: 0, c: 1}
CLOSE = {"rel": 0, "abs": rounding(STATE)}

DRIFT, SPREAD, PULL = (assignment.rhs for assignment in averages())


def value(expression):
    return evaluate(expression, VALUES, AT)


# --- halve --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        S[a] * S[b] * I4(i, k, a, b),
        S[a] * S[b] * I2(a, b),
        S[a] + S[b],
        C[a, i] * C[b, i] + 3,
    ],
    ids=str,
)
def test_symmetric_double_sums_are_halved(body):
    whole = sp.Sum(body, over_a, over_b)
    half = halve(whole)
    assert half == HalfSum(body, a, b)
    assert value(half) == pytest.approx(value(whole), **CLOSE)


@pytest.mark.parametrize(
    "whole",
    [
        sp.Sum(S[a] * I4(i, k, a, b), over_a, over_b),
        sp.Sum(I3(i, c, a, b), over_a, over_b),
        sp.Sum(C[a, b], over_a, over_b),
        sp.Sum(S[a] * C[i, k], over_a, (k, 0, y.K - 1)),
        sp.Sum(S[a], over_a),
    ],
    ids=str,
)
def test_other_sums_are_left_alone(whole):
    """C[a, b] is symmetric in fact, but nothing in its form says so."""
    assert halve(whole) == whole


def test_halving_reaches_inside():
    assert halve(SPREAD).atoms(HalfSum)
    assert value(halve(SPREAD)) == pytest.approx(value(SPREAD), **CLOSE)


# --- factor_out ---------------------------------------------------------------------------------------

EXPRESSIONS = {
    "drift": expand_integrals(DRIFT, ERF),
    "spread": expand_integrals(halve(SPREAD), ERF),
    "pull": expand_integrals(PULL, ERF),
    "terms": sp.Sum(2 * S[i] * (S[a] + C[a, i]) * C[i, k], over_a),
    "constant": sp.Sum(C[i, k], over_a),
    "halves that are not symmetric": HalfSum(S[a] * C[i, k] + S[b] * C[i, k], a, b),
    "nested": sp.Sum(S[a] * C[i, i] * sp.Sum(S[b] * C[a, i] * C[k, k], over_b), over_a),
    "no sum": S[a] * C[i, k] + 1,
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_factors_move_out_of_sums(name):
    expression = EXPRESSIONS[name]
    factored = factor_out(expression)
    assert value(factored) == pytest.approx(value(expression), **CLOSE)
    for summation in factored.atoms(sp.Sum, HalfSum):
        bound = set(bound_indices(summation))
        body = summation.args[0]
        assert len(sp.Add.make_args(body)) == 1
        assert all(free_indices(factor) & bound for factor in sp.Mul.make_args(body) if factor != 1)


def test_a_double_sum_of_products_becomes_a_product_of_sums():
    nested = factor_out(EXPRESSIONS["nested"])
    assert nested == C[i, i] * C[k, k] * sp.Sum(S[a] * C[a, i], over_a) * sp.Sum(S[b], over_b)


# --- hoist --------------------------------------------------------------------------------------------


def hoisted_value(expression, nest):
    """An expression by way of its temporaries, each computed once over its own indices."""
    rewritten, before, inside = Hoister().hoist(expression, nest)
    values = run([Assignment(t.array, t.expression) for t in before], VALUES)
    local = [Assignment(t.array, t.expression) for t in inside]
    fixed = {index: AT[index] for index in nest}
    for assignment in local:
        values = _run_inside(assignment, values, fixed)
    return evaluate(rewritten, values, AT)


def _run_inside(assignment, values, fixed):
    lhs = assignment.lhs
    if isinstance(lhs, sp.Symbol):
        return values | {lhs.name: evaluate(assignment.rhs, values, fixed)}
    array = np.full([int(evaluate(extent, values)) for extent in lhs.base.shape], np.nan)
    for at in index_values(lhs.indices, values):
        array[tuple(at[index] for index in lhs.indices)] = evaluate(assignment.rhs, values, fixed | at)
    return values | {str(lhs.base.label): array}


@pytest.mark.parametrize("nest", [(), (i,), (i, k), (c, i, k), (c, i, b)], ids=str)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_hoisting_keeps_the_value(name, nest):
    expression = factor_out(EXPRESSIONS[name])
    assert hoisted_value(expression, nest) == pytest.approx(value(expression), **CLOSE)


@pytest.mark.parametrize("assignment", equations_of_motion().assignments, ids=lambda x: str(x.lhs))
def test_a_temporary_is_over_exactly_the_indices_it_depends_on(assignment):
    expression = factor_out(expand_integrals(halve(assignment.rhs), ERF))
    nest = ordered_indices(assignment.lhs)
    _, before, inside = Hoister().hoist(expression, nest)
    for temporary in before:
        assert set(temporary.indices) == free_indices(temporary.expression)
        assert not set(nest) or not set(nest) <= set(temporary.indices)
    for temporary in inside:
        assert set(temporary.indices) == free_indices(temporary.expression) - set(nest)


def innermost_operations(expression):
    """Square roots, divisions and powers inside the sums over a and b of a right-hand side."""
    bodies = [summation.args[0] for summation in expression.atoms(sp.Sum, HalfSum)]
    return set().union(*[body.atoms(sp.Pow) for body in bodies])


def test_only_asin_is_left_in_the_innermost_loop():
    """1/√(1 + S_aa) depends on (i, k, a) only, so the loop over b has neither roots nor divisions."""
    expression = factor_out(EXPRESSIONS["spread"])
    assert innermost_operations(expression)
    rewritten, _, _ = Hoister().hoist(expression, (i, k))
    assert not innermost_operations(rewritten)
    (body,) = [summation.args[0] for summation in rewritten.atoms(HalfSum)]
    assert len(body.atoms(sp.asin)) == 1


def test_equal_expressions_share_a_temporary_under_other_index_names():
    """f(a) and f(b) are one array."""
    f = 1 / sp.sqrt(1 + C[a, a])
    hoister = Hoister()
    rewritten, before, _ = hoister.hoist(C[a, b] * f * f.xreplace({a: b}), (a, b))
    assert len(before) == 1
    array = before[0].array
    assert rewritten == C[a, b] * array * array.xreplace({a: b})
    _, again, _ = hoister.hoist(C[a, b] * f.xreplace({a: b}), (a, b))
    assert again == []


def test_cheap_products_are_not_stored():
    rewritten, before, inside = Hoister().hoist(S[a] * C[i, k] * S[i], (i, k, a))
    assert (rewritten, before, inside) == (S[a] * C[i, k] * S[i], [], [])
