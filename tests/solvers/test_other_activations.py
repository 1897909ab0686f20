"""Compiled dynamics of other activations, two of them, and mini-batches, against SGD at finite N."""

import numpy as np
import pytest
from scipy.stats import t as student_t

from divprune_sym.gaussian import ACTIVATIONS, Activation
from divprune_sym.ground.checks import BadInput
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers import NoDerivative, Problem, find_fixed_point, integrate, integrate_batch
from divprune_sym.solvers.equations import Equations
from divprune_sym.specialized import specialized_state
from tests.dynamics.functions import FUNCTIONS

pytestmark = pytest.mark.slow(21)

N, RUNS, ALPHA = 500, 24, 1.5
LEARNING = {"eta": 0.6, "eta_v": 0.3, "sigma": 0.3}
# two-sided, over the 2·3 + 2 + 2 entries of Q, R and v of every case: one right case in a million is rejected
LIMIT = float(student_t.isf(1e-6 / 20, RUNS - 1))


def sgd(names, batch_size, seed):
    """RUNS students side by side, each with a teacher of its own: their order parameters before and after."""
    (g, slope), (h, _) = (FUNCTIONS[name] for name in names)
    rng = np.random.default_rng(seed)
    w, B = 0.7 * rng.normal(size=(RUNS, 2, N)), rng.normal(size=(RUNS, 1, N))
    w += 0.3 * B
    v, A = np.tile([0.9, 0.5], (RUNS, 1)), np.array([1.2])
    eta, eta_v, sigma = LEARNING.values()
    before = measured(w, B, v)
    for _ in range(round(ALPHA * N)):
        x = rng.normal(size=(RUNS, N, batch_size))
        field, taught = w @ x / np.sqrt(N), B @ x / np.sqrt(N)
        noise = sigma * rng.normal(size=(RUNS, batch_size))
        delta = np.einsum("ri,rib->rb", v, g(field)) - np.einsum("n,rnb->rb", A, h(taught)) - noise
        gradient = (slope(field) * delta[:, None]) @ x.swapaxes(1, 2) / batch_size
        pull = (g(field) * delta[:, None]).mean(axis=2)
        w -= eta / np.sqrt(N) * v[:, :, None] * gradient
        v -= eta_v / N * pull
    return before, measured(w, B, v), A


def measured(w, B, v):
    return w @ w.swapaxes(1, 2) / N, w @ B.swapaxes(1, 2) / N, B @ B.swapaxes(1, 2) / N, v.copy()


def largest_t(runs, **problem):
    """Student's t of the mean gap between SGD and the solution of each run's own start, the largest of all entries.

    The gaps are of order 1/√N, with a mean of order 1/N: that is below √(RUNS/N) = 0.2 standard errors of the mean,
    for each unit of its constant.
    """
    (Q0, R0, T0, v0), (Q, R, _, v), A = runs
    gaps = []
    for run in range(RUNS):
        start = OrderParameters.unpruned(Q0[run], R0[run], T0[run], v0[run], A)
        end = integrate(Problem(start, **LEARNING | problem), [ALPHA], rtol=1e-6)
        flat = [Q[run] - end.Q[0], R[run] - end.R[0], v[run] - end.v[0]]
        gaps.append(np.concatenate([gap.ravel() for gap in flat]))
    gaps = np.array(gaps)
    return float(np.abs(gaps.mean(axis=0) / (gaps.std(axis=0, ddof=1) / np.sqrt(RUNS))).max())


def test_a_linear_student_of_a_relu_teacher_in_batches_of_four():
    runs = sgd(("linear", "relu"), 4, seed=2)
    assert largest_t(runs, activation="linear", teacher_activation="relu", batch_size=4) < LIMIT
    assert largest_t(runs, activation="linear", teacher_activation="relu") > 2 * LIMIT


STATE = OrderParameters.unpruned([[0.5, 0.1], [0.1, 0.6]], [[0.2], [0.1]], [[1.0]], [0.8, 0.4], [1.0])


def test_an_activation_of_your_own():
    """A name and a formula: the same numbers as the built-in function of that formula."""
    mine = Activation("mine", g=lambda u: u)
    problems = [Problem(STATE, 0.3, 0.2, activation=g, small_eta=True) for g in (mine, "linear")]
    ours, theirs = (integrate(problem, [0.0, 2.0]) for problem in problems)
    np.testing.assert_array_equal(ours.Q, theirs.Q)
    np.testing.assert_array_equal(ours.generalization_error, theirs.generalization_error)


def test_the_cache_tells_activations_apart_by_formula_not_by_name():
    import sympy as sp

    first, second = (Equations(Activation("mine", g=g)).recipe() for g in (sp.sin, lambda u: 2 * u))
    assert first != second
    assert first == Equations(Activation("mine", g=lambda u: sp.sin(u))).recipe()
    assert Equations("erf[2]").recipe() != Equations("erf").recipe() != Equations("erf", "erf").recipe()
    assert Equations(batch_size=2).recipe() != Equations().recipe() != Equations(small_eta=True).recipe()


def test_the_small_learning_rate_is_said():
    solution = integrate(Problem(STATE, 0.3, 0.2, activation="linear", small_eta=True), [0.0, 0.5])
    assert solution.message == "reached the last α; in the limit of a small learning rate, without the terms in η²"
    assert solution.generalization_error[1] < solution.generalization_error[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"activation": "relu"}, "I4 of relu: no closed form: .* small_eta=True .* takes the limit"),
        ({"activation": "sign"}, r"J2\(i,i\) of sign: .* diverges"),
        ({"activation": "sign", "small_eta": True}, r"J2\(i,i\) of sign: .* diverges"),
        ({"activation": "he4"}, "I4 of he4: .* operations, compiled code takes 1000"),
        ({"activation": "erf", "teacher_activation": "sine"}, "cannot print erfi"),
    ],
)
def test_what_does_not_close_is_refused_by_name(options, words):
    with pytest.raises(BadInput, match=words):
        integrate(Problem(STATE, 0.1, **options), [1.0])


def test_a_fixed_point_with_two_activations():
    """A linear student of a linear teacher of twice the slope, h(u) = 2u: w = 2B is where it rests without noise."""
    start = OrderParameters.unpruned([[3.9]], [[1.95]], [[1.0]], [1.0], [1.0])
    problem = Problem(start, 0.2, activation="linear", teacher_activation="polynomial[0, 2]")
    found = find_fixed_point(problem)
    assert found.state.Q.item() == pytest.approx(4, rel=1e-9)
    assert found.state.R.item() == pytest.approx(2, rel=1e-9)
    assert found.generalization_error == pytest.approx(0, abs=1e-9)
    assert found.eigenvalues.real.max() < 0


def with_a_dead_node(g, alive):
    """The second node has no weights and learns none; without it, the student of one node."""
    Q, R, mask = (np.zeros(shape) for shape in ((2, 2), (2, 1), (1, 2)))
    Q[0, 0], R[0, 0], mask[0, 0] = 0.5, 0.3, 1.0
    K = 1 if alive else 2
    return OrderParameters(
        Q[None, :K, :K], R[None, :K], np.ones((1, 1, 1)), np.array([1.0, 0.5])[:K], np.ones(1), mask[:, :K],
        np.ones(1), np.ones(1), g,
    )  # fmt: skip


@pytest.mark.parametrize("g", [name for name in ACTIVATIONS if name != "sign"])  # whose student cannot learn
def test_a_masked_node_is_ordinary(g):
    """In both kinds of generated code: it stays at zero, and where g(0) = 0 the others do not see it."""
    rates, times = {"eta": 0.3, "small_eta": True}, [0.0, 1.0, 5.0]
    dead = Problem(with_a_dead_node(g, alive=False), **rates)
    solution, (in_lanes,) = integrate(dead, times), integrate_batch([dead], times)
    assert solution.success
    assert np.isfinite(solution.generalization_error).all()
    assert not solution.Q[:, 1].any()
    assert not solution.R[:, 1].any()
    assert np.array_equal(in_lanes.Q, solution.Q)
    if g in ("erf", "relu"):
        alone = integrate(Problem(with_a_dead_node(g, alive=True), **rates), times, rtol=1e-10)
        # tolerances of 1e-8 a step, some tens of steps
        np.testing.assert_allclose(solution.R[:, 0], alone.R[:, 0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(solution.generalization_error, alone.generalization_error, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "state", [with_a_dead_node("relu", alive=False), specialized_state(1, 2, 1.0, activation="relu"), STATE]
)
def test_a_kink_leaves_no_derivative(state):
    """One clear line, and no NaN: slopes of ReLU's closed forms are 0/0 for a field and itself."""
    problem = Problem(state.with_(activation="relu"), 0.3, small_eta=True)
    with pytest.raises(NoDerivative, match=r"of relu nodes: .* integrate\(\) needs none") as refused:
        find_fixed_point(problem)
    assert "\n" not in str(refused.value)
