"""Peers do the same work as we do, or comparing with them would mean nothing."""

from itertools import pairwise

import numpy as np
import pytest

from divprune_sym import Problem, integrate
from divprune_sym.bench.floors import asin_floors, asins, elementwise_asin, repeated
from divprune_sym.bench.peers import elementwise, published_loops
from divprune_sym.bench.peers.lambdified import flat_right_hand_side
from divprune_sym.bench.peers.one_pass import one_pass
from divprune_sym.bench.problems import flat_problem, learning_problem
from tests.dynamics.states import random_state, rounding
from tests.plain_ode import plain_rhs

pytestmark = pytest.mark.slow(13)

RATES = {"eta": 0.3, "eta_v": 0.2, "sigma": 0.1}


def flat_plain(state):
    return np.concatenate([x.ravel() for x in plain_rhs(state, **RATES, weight_decay=0.0)])


def white_problem(K, M):
    state = random_state(K, M, white=True)
    return state, flat_problem(Problem(state, **RATES))


@pytest.mark.parametrize(("K", "M"), [(1, 1), (2, 2), (3, 1)])
def test_published_loops_are_the_equations(K, M):
    state, (y, p) = white_problem(K, M)
    dydt = np.full_like(y, np.nan)
    published_loops.flat(y, dydt, (K, M, p))
    np.testing.assert_allclose(dydt, flat_plain(state), rtol=0, atol=rounding(state))


@pytest.mark.parametrize(("K", "M"), [(1, 1), (2, 1)])
def test_lambdified_equations_are_the_equations(K, M):
    state, (y, p) = white_problem(K, M)
    dydt = np.full_like(y, np.nan)
    flat_right_hand_side(K, M)(y, dydt, p)
    np.testing.assert_allclose(dydt, flat_plain(state), rtol=0, atol=rounding(state))


def test_euler_converges_to_our_trajectory_at_first_order():
    problem = learning_problem(2, 1)
    y, p = flat_problem(problem)
    solution = integrate(problem, [1.0], rtol=1e-12)
    exact = np.concatenate([solution.Q[-1].ravel(), solution.R[-1].ravel(), solution.v[-1]])
    errors = [np.abs(published_loops.euler(y, 1.0 / steps, steps, (2, 1, p)) - exact).max() for steps in (200, 400)]
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.05)


def test_one_pass_moves_and_multiplies():
    rng = np.random.default_rng(1)
    w, B, X, rates = rng.normal(size=(3, 20)), rng.normal(size=(2, 20)), rng.normal(size=(5, 20)), rng.normal(size=3)
    moved, total = w.copy(), 0.0
    for x, following in pairwise(X):
        moved -= rates[:, None] * x
        total += (moved @ following).sum() + (B @ following).sum()
    assert one_pass(w, B, X, rates) == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(w, moved, rtol=1e-13)


def test_floor_counts_asins():
    """η² term: K(K+1)/2 · (K+M)(K+M+1)/2; the second layer: K(K+1)/2 + KM."""
    assert asins(2, 2, second_layer=False) == 30
    assert asins(4, 2, second_layer=False) == 210
    assert asins(4, 2) == 210 + 10 + 8
    for floor in asin_floors(2, 2):
        floor.run()
        assert floor.units == 50 * 1024 / 37


@pytest.mark.parametrize(
    ("name", "numpy"),
    [("asin", np.arcsin), ("exp", np.exp), ("sqrt", np.sqrt), ("reciprocal", np.reciprocal)],
)
def test_elementwise(name, numpy):
    x = np.linspace(0.1, 1.0, 9)
    out = np.empty(9)
    getattr(elementwise, name)(x, out)
    np.testing.assert_allclose(out, numpy(x), rtol=1e-15)


def test_our_asin_over_an_array():
    x, out = np.linspace(-1, 1, 64), np.empty(64)
    elementwise_asin()(x, out)
    np.testing.assert_array_max_ulp(out, np.arcsin(x), maxulp=4)


def test_repeated_calls_each_see_a_new_state():
    y, dydt = np.ones(1), np.empty(1)

    def grow(y, dydt, p):
        dydt[0] = y[0] * p

    from numba import njit

    repeated(njit(grow))(5, y, dydt, 1e300)
    # y doubles with every call
    assert y[0] == 32.0
