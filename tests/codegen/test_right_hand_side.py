"""The generated right-hand side against the plain one, and what it costs."""

from dataclasses import replace

import numpy as np
import pytest

from divprune_sym.codegen.native import native
from divprune_sym.codegen.simd import WIDTH, as_lanes
from divprune_sym.codegen.targets import CPU
from divprune_sym.solvers.equations import Equations
from divprune_sym.solvers.modules import flat_parameters, problem_module
from tests.codegen.sources import RATES, SIZES, Counting, generate_equations, generated_equations, right_hand_side
from tests.dynamics.states import random_state, rounding
from tests.plain_ode import plain_rhs

pytestmark = pytest.mark.slow(25)

UNPACKED = replace(CPU, packs=False)
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


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_trajectory_or_lanes_of_trajectories_give_the_same_bits(shape):
    """Pairs of nodes side by side, or trajectories side by side: every lane does the same operations."""
    K, M, _ = shape
    states = [random_state(*shape, seed=seed) for seed in range(WIDTH)]
    parameters = np.array([flat_parameters(x, [0.7, 0.3, 0.4, 0.05 * seed]) for seed, x in enumerate(states)])
    y = np.array([np.concatenate([x.Q_classes.ravel(), x.R_classes.ravel(), x.v]) for x in states])
    alone = np.full_like(y, np.nan)
    for lane in range(WIDTH):
        problem_module(Equations(), K, M).rhs(y[lane], alone[lane], parameters[lane])
    together = np.full_like(y.T, np.nan, order="C")
    in_lanes(problem_module(Equations(), K, M, "batch").rhs, y.T.copy(), together, parameters.T.copy())
    np.testing.assert_array_equal(together, alone.T)


def in_lanes(rhs, y, dydt, p):
    @native
    def call(y, dydt, p):
        rhs(as_lanes(y), as_lanes(dydt), as_lanes(p))

    call(y, dydt, p)


@pytest.mark.parametrize("classes", [1, 5])
@pytest.mark.parametrize("second_layer", [True, False])
def test_compiled_is_the_same_function(classes, second_layer):
    """Compiled code has its own asin and fuses products into sums; it writes every entry of dydt."""
    state = random_state(2, 1, classes)
    rates = RATES if second_layer else RATES | {"eta_v": 0.0}
    parameters = flat_parameters(state, list(rates.values()))
    y = np.concatenate([state.Q_classes.ravel(), state.R_classes.ravel(), state.v if second_layer else []])
    dydt = np.full_like(y, np.nan)
    problem_module(Equations(second_layer=second_layer), 2, 1).rhs(y, dydt, parameters)
    ours = np.concatenate([x.ravel() for x in plain_rhs(state, **rates)])
    np.testing.assert_allclose(dydt, ours[: len(y)], rtol=0, atol=rounding(state))


def asin_calls(K, M):
    """Of the η² term, and of the second layer."""
    return K * (K + 1) // 2 * (K + M) * (K + M + 1) // 2, K * (K + 1) // 2 + K * M


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 3, 1)], ids=str)
def test_asin_calls(shape):
    """By executing the source, with sizes read at run time and with frozen ones, as floats."""
    K, M, _ = shape
    state, eta, eta_v = random_state(*shape), *asin_calls(K, M)
    for sizes in (SIZES, {"K": K, "M": M, "classes": 1}):
        first, both = Counting(), Counting()
        right_hand_side(generate_equations(False, sizes, UNPACKED), state, asin=first)
        right_hand_side(generate_equations(True, sizes, UNPACKED), state, asin=both)
        assert (first.calls, both.calls - first.calls) == (eta, eta_v)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 3, 1)], ids=str)
def test_asin_calls_of_packed_pairs(shape):
    """As many packs as hold all pairs: no lane more."""
    K, M, _ = shape
    pairs, fields = K * (K + 1) // 2, (K + M) * (K + M + 1) // 2
    packs, crossed = -(-pairs // WIDTH), -(-K * M // WIDTH)
    asin = Counting()
    right_hand_side(generate_equations(True, {"K": K, "M": M, "classes": 1}), random_state(*shape), asin=asin)
    assert asin.calls == packs * fields + packs + crossed
    assert asin.lanes == asin.calls * WIDTH


def test_asin_calls_do_not_grow_with_the_number_of_classes():
    counts = []
    for classes in (1, 3, 1024):
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
