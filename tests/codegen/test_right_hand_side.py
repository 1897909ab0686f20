"""The generated right-hand side against the plain one, and what it costs."""

import numpy as np
import pytest
from dynamics.states import random_state, rounding
from plain_ode import plain_rhs

from divprune_sym.solvers.problem import problem_module

from .sources import RATES, Counting, generate_equations, generated_equations, right_hand_side

SHAPES = [(1, 1, 1), (2, 1, 1), (1, 3, 2), (2, 1, 5), (2, 2, 4), (3, 2, 8)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equal_to_the_plain_equations(shape):
    state = random_state(*shape)
    ours = right_hand_side(generated_equations(), state)
    for name, value, plain in zip(("dQ", "dR", "dv"), ours, plain_rhs(state, **RATES), strict=True):
        np.testing.assert_allclose(value, plain, rtol=0, atol=rounding(state), err_msg=name)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_first_layer_only(shape):
    state = random_state(*shape)
    frozen = RATES | {"eta_v": 0.0}
    ours = right_hand_side(generated_equations(second_layer=False), state, frozen)
    for value, plain in zip(ours[:2], plain_rhs(state, **frozen)[:2], strict=True):
        np.testing.assert_allclose(value, plain, rtol=0, atol=rounding(state))


def test_frozen_sizes_and_sizes_read_at_run_time_are_one_function():
    state = random_state(2, 2, 4)
    at_run_time = right_hand_side(generated_equations(), state)
    frozen = right_hand_side(generate_equations(sizes={"K": 2, "M": 2, "classes": 4}), state)
    for ours, other in zip(at_run_time, frozen, strict=True):
        np.testing.assert_array_equal(ours, other)


@pytest.mark.parametrize("classes", [1, 5])
@pytest.mark.parametrize("second_layer", [True, False])
def test_compiled_is_the_same_function(classes, second_layer):
    """Compiled code may fuse and reorder, within the same rounding; it writes every entry of dydt."""
    state = random_state(2, 1, classes)
    rates = RATES if second_layer else RATES | {"eta_v": 0.0}
    constants = (state.T_classes, state.A, state.mask, state.fraction, state.variance, state.v)
    parameters = (*[np.array(x) for x in constants], *rates.values())
    y = np.concatenate([state.Q_classes.ravel(), state.R_classes.ravel(), state.v if second_layer else []])
    dydt = np.full_like(y, np.nan)
    problem_module("erf", 2, 1, second_layer).rhs(y, dydt, parameters)
    ours = np.concatenate([x.ravel() for x in plain_rhs(state, **rates)])
    np.testing.assert_allclose(dydt, ours[: len(y)], rtol=0, atol=rounding(state))


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 3, 1)], ids=str)
def test_asin_calls(shape):
    """η² term: K(K+1)/2 · (K+M)(K+M+1)/2; the second layer adds one for each student node and field."""
    K, M, _ = shape
    state, first, both = random_state(*shape), Counting(), Counting()
    right_hand_side(generated_equations(second_layer=False), state, asin=first)
    right_hand_side(generated_equations(), state, asin=both)
    assert first.calls == K * (K + 1) // 2 * (K + M) * (K + M + 1) // 2
    assert both.calls - first.calls == K * (K + M)


def test_asin_calls_do_not_grow_with_the_number_of_classes():
    counts = []
    for classes in (1, 3, 8):
        asin = Counting()
        right_hand_side(generated_equations(), random_state(3, 2, classes), asin=asin)
        counts.append(asin.calls)
    assert counts[0] == counts[1] == counts[2]


def test_equal_nodes_and_a_pruned_node_are_finite():
    """Copies make every covariance singular, and a node without weights has variance 0."""
    state = random_state(2, 1)
    for Q, R in (([[1.0, 1.0], [1.0, 1.0]], [[1.0], [1.0]]), ([[0.0, 0.0], [0.0, 0.8]], [[0.0], [0.3]])):
        special = state.with_(
            Q_classes=np.array([Q]), R_classes=np.array([R]), T_classes=np.ones((1, 1, 1)), variance=np.ones(1)
        )
        ours = right_hand_side(generated_equations(), special)
        for value, plain in zip(ours, plain_rhs(special, **RATES), strict=True):
            np.testing.assert_allclose(value, plain, rtol=0, atol=rounding(special))
