"""Equations of motion for activations other than erf, for two of them, and for mini-batches.

The generated code is run by the interpreter; `tests/solvers/test_other_activations.py` compiles it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp

from divprune_sym.codegen.compiler import compile_system, refuse_unprintable
from divprune_sym.dynamics.closing import refuse_open
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.update import UpdateRule
from divprune_sym.gaussian import activation
from divprune_sym.ground.checks import BadInput
from divprune_sym.notation import OrderParameters
from tests.codegen.sources import SIZES, right_hand_side
from tests.dynamics.functions import FUNCTIONS, rates
from tests.dynamics.states import random_state, rounding
from tests.plain_ode import plain_rhs

pytestmark = pytest.mark.slow(40)

RATES = {"eta": 0.7, "eta_v": 0.3, "sigma": 0.4, "weight_decay": 0.05}


@cache
def generated(student, teacher=None, batch_size=1, small_eta=False):
    rule = UpdateRule(batch_size=sp.Integer(batch_size), two_activations=teacher is not None, small_eta=small_eta)
    h = None if teacher is None else activation(teacher)
    return compile_system(equations_of_motion(rule), activation(student), SIZES, ("dQ", "dR", "dv"), teacher=h)


# --- quadrature ---------------------------------------------------------------------------------------

# (g, h, Gauss–Hermite points a field, relative accuracy): polynomials are integrated exactly, up to the rounding of
# sums of 1e4 terms; the error of the others was found by doubling the points, and lies ten times below what is asked
SMOOTH = [
    ("linear", None, 4, 1e-12),
    ("he2", None, 6, 1e-12),
    ("he3", None, 8, 1e-12),
    ("polynomial[0, 1, 0, -1/6]", None, 8, 1e-12),
    ("sine", None, 24, 1e-11),
    ("erf", "linear", 40, 1e-9),
    ("linear", "erf", 40, 1e-9),
    ("erf", "he3", 40, 1e-9),
    ("erf", "erf[2]", 56, 1e-6),
    ("he2", "erf", 40, 1e-9),
    ("sine", "he2", 24, 1e-11),
]


@pytest.fixture(scope="module")
def state():
    """Two student nodes, one teacher node, three mask classes with frozen weights that are not zero."""
    x = random_state(2, 1, 3, seed=4)
    shrink = 0.6 / x.covariance.trace()
    return x.with_(**{name: shrink * getattr(x, name) for name in ("Q_classes", "R_classes", "T_classes")})


def judged(found, expected, accuracy):
    scale = max(np.abs(x).max() for x in expected)
    return max(np.abs(x - y).max() for x, y in zip(found, expected, strict=True)) <= accuracy * scale


@pytest.mark.parametrize(("student", "teacher", "points", "accuracy"), SMOOTH)
def test_against_quadrature(state, student, teacher, points, accuracy):
    names = (student, teacher or student)
    found = right_hand_side(generated(student, teacher), state, RATES)
    assert judged(found, rates(state, names, points, **RATES), accuracy)
    # the same judgement rejects another teacher, and equations without label noise
    other = "linear" if names[1] != "linear" else "erf"
    assert not judged(found, rates(state, (student, other), points, **RATES), accuracy)
    assert not judged(found, rates(state, names, points, **RATES | {"sigma": 0.0}), accuracy)


def test_batches_against_quadrature(state):
    found = right_hand_side(generated("he2", None, 5), state, RATES)
    assert judged(found, rates(state, ("he2", "he2"), 6, **RATES, batch_size=5), 1e-12)
    assert not judged(found, rates(state, ("he2", "he2"), 6, **RATES), 1e-12)


def test_small_learning_rate_against_quadrature(state):
    found = right_hand_side(generated("he2", None, 1, True), state, RATES)
    assert judged(found, rates(state, ("he2", "he2"), 6, **RATES, small_eta=True), 1e-12)
    assert not judged(found, rates(state, ("he2", "he2"), 6, **RATES), 1e-12)


# --- the mean change in one update, under masks: what quadrature cannot do, kinks and jumps ------------

N, SAMPLES, CHUNK = 240, 60_000, 2000
MASK = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
VARIANCE = np.array([1.0, 0.5, 1.8])
SPLIT = np.repeat([0, 1, 2], [N // 2, N // 4, N // 4])
# A right equation fails with probability below 20 · P(|z| > 5.5) = 8e-7: there are 20 entries.
LIMIT = 5.5

UPDATES = [
    ("relu", None, 1, True),
    ("relu", "erf", 1, True),
    ("relu", "relu", 1, True),
    ("erf", "sign", 1, False),
    ("erf", "relu", 1, False),
    ("linear", "relu", 3, False),
    ("erf", None, 4, False),
]


def overlaps(left, right):
    """left·right/N within each class.   (..., I, N), (J, N) → (..., classes, I, J)"""
    parts = [left[..., c == SPLIT] @ right[..., c == SPLIT].swapaxes(-1, -2) for c in range(len(MASK))]
    return np.stack(parts, axis=-3) / N


@cache
def network():
    rng = np.random.default_rng(30)
    w = 0.9 * rng.normal(size=(2, N))
    B = rng.normal(size=(1, N)) + 0.4 * w[:1]
    v, A = np.array([1.1, -0.7]), np.array([1.3])
    state = OrderParameters(
        overlaps(w, w), overlaps(w, B), overlaps(B, B), v, A, MASK, np.bincount(SPLIT) / N, VARIANCE
    )
    return w, B, state


@cache
def measured(student, teacher, batch_size, given):
    """N times the change of Q^c, R^c and v in one update of a mini-batch: means and standard errors."""
    w, B, state = network()
    v, A, learning = state.v, state.A, dict(given)
    (g, slope), (h, _) = FUNCTIONS[student], FUNCTIONS[teacher]
    rng = np.random.default_rng(31)
    changes = ([], [], [])
    for _ in range(SAMPLES // CHUNK):
        x = rng.normal(size=(CHUNK, batch_size, N)) * np.sqrt(VARIANCE)[SPLIT]
        field, taught = x @ w.T / np.sqrt(N), x @ B.T / np.sqrt(N)
        delta = g(field) @ v - h(taught) @ A - learning["sigma"] * rng.normal(size=(CHUNK, batch_size))
        gradient = np.einsum("sbi,sb,sbj->sij", v * slope(field), delta, x, optimize=True) / batch_size
        decay = 1 - learning["weight_decay"] / N
        after = decay * w - learning["eta"] / np.sqrt(N) * gradient * MASK.T[:, SPLIT]
        pull = (g(field) * delta[:, :, None]).mean(axis=1)
        v_after = decay * v - learning["eta_v"] / N * pull
        now = (overlaps(after, after), overlaps(after, B), v_after)
        for found, values, before in zip(changes, now, (state.Q_classes, state.R_classes, v), strict=True):
            found.append(N * (values - before))
    joined = [np.concatenate(parts) for parts in changes]
    return [(x.mean(axis=0), x.std(axis=0) / np.sqrt(len(x))) for x in joined]


def largest_deviation(update, **wrong):
    """max |z| over all entries of an update, against the equations; `wrong` of another teacher or batch size.

    The η² term is off by O(1/N), for Σ_j x_j² fluctuates with the fields. Without it, η is taken to 0 and the
    change measured in units of it.
    """
    student, teacher, batch_size, small_eta = update
    learning = RATES | ({"eta": 1e-6, "eta_v": 1e-6, "weight_decay": 0.0} if small_eta else {})
    unit = 1e-6 if small_eta else 1.0
    arguments = {"teacher": teacher, "batch_size": batch_size} | wrong
    function = generated(student, arguments["teacher"], arguments["batch_size"], small_eta)
    predicted = right_hand_side(function, network()[2], learning)
    found = measured(student, teacher or student, batch_size, tuple(learning.items()))
    pairs = zip(found, predicted, strict=True)
    return max(np.abs((mean - value) / (error + unit / N)).max() for (mean, error), value in pairs)


@pytest.mark.parametrize("update", UPDATES, ids=str)
@pytest.mark.statistical
def test_the_mean_change_in_one_update(update):
    assert largest_deviation(update) < LIMIT
    assert largest_deviation(update, teacher="linear") > 2 * LIMIT
    if update[2] > 1:
        assert largest_deviation(update, batch_size=1) > 2 * LIMIT


# --- sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 3), (8, 4)], ids=str)
def test_large_unmasked_systems_are_the_published_ones(shape):
    """Symbolically for K, M ≤ 3 in test_equations; here as numbers."""
    state = random_state(*shape, white=True)
    found = right_hand_side(generated("erf"), state, RATES)
    for name, value, plain in zip(("dQ", "dR", "dv"), found, plain_rhs(state, **RATES), strict=True):
        np.testing.assert_allclose(value, plain, rtol=0, atol=rounding(state), err_msg=name)


TWO_ACTIVATIONS = [("erf", "sign"), ("erf", "relu"), ("linear", "relu"), ("sine", "he2")]


@pytest.mark.parametrize(("student", "teacher"), TWO_ACTIVATIONS)
def test_a_committee_of_equal_nodes_is_one_node(student, teacher):
    """Determinants of equal fields are zero, and rounding makes some of them negative: their roots are off by √ε."""
    one = random_state(1, 1, seed=2).with_(v=np.array([1.1]), A=np.array([1.2]))
    double = np.ix_([0], [0, 0], [0, 0])
    twins = OrderParameters(
        *(getattr(one, name)[double] for name in ("Q_classes", "R_classes", "T_classes")),
        v=np.array([0.4, 0.7]),
        A=np.array([0.9, 0.3]),
        mask=np.ones((1, 2)),
        fraction=one.fraction,
        variance=one.variance,
    )
    learning = RATES | {"weight_decay": 0.0}
    both = right_hand_side(generated(student, teacher), twins, learning)
    alone = right_hand_side(generated(student, teacher), one, learning)
    # a node moves by its own share of v, and v as it is
    np.testing.assert_allclose(both[1][0] / twins.v[:, None], np.full((2, 2), alone[1].item() / 1.1), rtol=1e-6)
    np.testing.assert_allclose(both[2], np.full(2, alone[2].item()), rtol=1e-6)


# --- refusals -----------------------------------------------------------------------------------------


def refused(student, teacher=None, check=refuse_open, **rule):
    system = equations_of_motion(UpdateRule(two_activations=teacher is not None, **rule))
    with pytest.raises(BadInput) as caught:
        check(system, activation(student), None if teacher is None else activation(teacher))
    return str(caught.value)


def test_sign_cannot_learn_its_first_layer():
    for small_eta in (False, True):
        message = refused("sign", small_eta=small_eta)
        assert "equations of sign: the student's first layer cannot learn by gradient: J2(i,i) of sign" in message
        assert "diverges" in message
    refuse_open(equations_of_motion(UpdateRule(first_layer=False)), activation("sign"))


def test_relu_is_sent_to_the_small_learning_rate():
    message = refused("relu")
    assert "equations of relu: I4 of relu: no closed form" in message
    assert message.endswith(
        "small_eta=True (--small-eta) takes the limit of a small learning rate, without the terms in η²"
    )
    refuse_open(equations_of_motion(UpdateRule(small_eta=True)), activation("relu"))


def test_what_code_cannot_hold_is_refused_before_it_is_generated():
    message = refused("he4", check=refuse_unprintable)
    assert message.startswith("I4 of he4: ")
    assert "operations, compiled code takes 1000; small_eta=True (--small-eta) does without it" in message
    assert "cannot print erfi" in refused("erf", "sine", check=refuse_unprintable)
