"""What goes in and what comes out: refusals, statuses, messages, solutions and their files."""

import re

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers import IntegrationFailed, Problem, Status, integrate, integrate_fixed_step
from divprune_sym.solvers.solution import Outcome, message_of
from tests.dynamics.states import random_state

MASKED = Problem(random_state(2, 1, 4), 0.5, 0.4, 0.1, 0.01)
UNMASKED = Problem(random_state(2, 1), 0.5, 0.4)


# --- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([], "alphas: empty"),
        ([-1.0, 2.0], "alphas: starts at -1, must be ≥ 0"),
        ([0.0, 2.0, 1.0], "alphas: must increase, but 2 is followed by 1"),
        ([1.0, 1.0], "alphas: must increase, but 1 is followed by 1"),
        ([0.0, np.nan], r"alphas: nan at index \(1,\)"),
        ([0.0, np.inf], r"alphas: inf at index \(1,\)"),
        (["0", "1"], "alphas: expected a rectangular array of real numbers"),
        (1.0, r"alphas: shape \(\), expected \(any\)"),
        ([[0.0, 1.0]], r"alphas: shape \(1, 2\), expected \(any\)"),
    ],
)
def test_alphas_are_checked(alphas, message):
    for run in (integrate, lambda problem, times: integrate_fixed_step(problem, times, 0.1)):
        with pytest.raises(BadInput, match=message):
            run(UNMASKED, alphas)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtol": 0.0}, r"rtol = 0.0: must lie in \[1e-14, 1\]"),
        ({"rtol": np.nan}, "rtol = nan"),
        ({"rtol": "1e-8"}, "rtol: expected a number"),
        ({"atol": 0.0}, r"atol = 0.0: must lie in \[1e-100, 1\]"),
        ({"max_steps": 0}, "max_steps = 0: must be at least 1"),
        ({"max_steps": 10.5}, "max_steps: expected an integer"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(BadInput, match=message):
        integrate(UNMASKED, [0.0, 1.0], **options)


@pytest.mark.parametrize("dt", [0.0, -0.1, np.inf, 1e-13, 5e-9])
def test_a_fixed_step_without_end_is_refused(dt):
    """5e-9 over α = 10 would be 2e9 steps."""
    with pytest.raises(BadInput, match="dt = "):
        integrate_fixed_step(UNMASKED, [10.0], dt)


@pytest.mark.parametrize("name", ["eta", "eta_v", "sigma", "weight_decay"])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "0.1", True, None, 10**400])
def test_rates_are_checked(name, value):
    rates = {"eta": 0.1, "eta_v": 0.1} | {name: value}
    with pytest.raises(BadInput, match=f"^{name}"):
        Problem(random_state(2, 1), **rates)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "rlu"}, "activation 'rlu': not known; did you mean 'relu'?"),
        ({"teacher_activation": "sgn"}, "activation 'sgn': not known; did you mean 'sign'?"),
        ({"activation": 3}, "activation = 3: expected a name or an Activation"),
        ({"batch_size": 0}, "batch_size = 0: must be at least 1"),
        ({"batch_size": 2.0}, "batch_size: expected an integer"),
        ({"small_eta": 1}, "small_eta = 1: expected True or False"),
        ({"second_layer": 1}, "second_layer = 1: expected True or False"),
        ({"second_layer": False, "eta_v": 0.1}, "eta_v = 0.1: the second layer is frozen"),
    ],
)
def test_activations_and_batches_are_checked(options, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        Problem(random_state(2, 1), 0.1, **options)


# --- the solution -------------------------------------------------------------------------------------


def test_solution_arrays():
    alphas = np.geomspace(0.1, 10, 5)
    solution = integrate(MASKED, alphas)
    assert solution.success
    assert solution.status == Status.DONE
    assert solution.message == "reached the last α"
    np.testing.assert_array_equal(solution.t, alphas)
    assert solution.Q_classes.shape == (5, 4, 2, 2)
    assert solution.R_classes.shape == (5, 4, 2, 1)
    assert solution.Q.shape == (5, 2, 2)
    assert solution.R.shape == (5, 2, 1)
    assert solution.v.shape == (5, 2)
    assert solution.generalization_error.shape == (5,)
    np.testing.assert_array_equal(solution.Q, solution.Q_classes.sum(axis=1))
    np.testing.assert_array_equal(solution.R, solution.R_classes.sum(axis=1))
    assert solution.nfev >= 6 * solution.steps + 2
    assert "Q_classes" not in repr(solution)


def test_alpha_zero_is_the_given_state():
    for solution in (integrate(MASKED, [0.0]), integrate_fixed_step(MASKED, [0.0], 0.1)):
        assert solution.steps == 0
        state = solution.state(0)
        np.testing.assert_array_equal(state.overlaps, MASKED.state.overlaps)
        np.testing.assert_array_equal(state.v, MASKED.state.v)


def test_a_state_of_the_solution():
    solution = integrate(MASKED, [0.0, 1.0, 5.0])
    state = solution.state(1)
    assert isinstance(state, OrderParameters)
    np.testing.assert_array_equal(state.Q, solution.Q[1])
    np.testing.assert_array_equal(state.v, solution.v[1])
    for unchanged in ("T_classes", "A", "mask", "fraction", "variance"):
        np.testing.assert_array_equal(getattr(state, unchanged), getattr(MASKED.state, unchanged))
    np.testing.assert_array_equal(solution.state().Q, solution.Q[-1])


def test_the_first_layer_alone():
    solution = integrate(Problem(random_state(2, 1), 0.5), [0.0, 5.0])
    np.testing.assert_array_equal(solution.v[0], solution.v[1])


def test_the_problem_is_not_changed_by_solving_it():
    before = {name: np.copy(value) for name, value in vars(MASKED.state).items()}
    integrate(MASKED, [5.0])
    integrate_fixed_step(MASKED, [0.5], 0.1)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(MASKED.state, name), value)


@pytest.mark.parametrize(
    ("problem", "names"),
    [
        (UNMASKED, {"alpha", "generalization_error", "Q", "R", "v"}),
        (MASKED, {"alpha", "generalization_error", "Q", "R", "v", "Q_classes", "R_classes"}),
    ],
    ids=["one class", "classes"],
)
def test_saved_and_read_back(tmp_path, problem, names):
    solution = integrate(problem, [0.5, 1.0])
    solution.save(tmp_path / "run.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    with np.load(tmp_path / "run.npz", allow_pickle=False) as saved:
        # the rest is what load_solution needs besides
        assert {name for name in saved.files if not name.startswith("problem_")} == names | {"about"}
        for name in names:
            np.testing.assert_array_equal(saved[name], getattr(solution, name))
            assert saved[name].dtype == np.float64


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    solution = integrate(UNMASKED, [0.5])
    with pytest.raises(BadInput, match="nowhere"):
        solution.save(tmp_path / "nowhere" / "run.npz")


def test_problems_and_solutions_are_compared_by_value():
    problem = Problem(UNMASKED.state, 0.5, 0.4)
    solution = integrate(problem, [0.5])
    assert problem == UNMASKED
    assert problem != MASKED
    assert solution == integrate(problem, [0.5])
    assert solution != integrate(problem, [0.25])


# --- stopping early -----------------------------------------------------------------------------------


def test_too_many_steps():
    partial = integrate(UNMASKED, [0.001, 0.002, 1000.0], max_steps=3, throw=False)
    assert not partial.success
    assert partial.status == Status.TOO_MANY_STEPS
    assert partial.message == "gave up after max_steps = 3 steps, 0 of them rejected; raise max_steps or rtol"
    np.testing.assert_array_equal(partial.alpha, [0.001, 0.002])
    assert len(partial.Q) == len(partial.v) == len(partial.generalization_error) == 2
    message = r"stopped at α = \d.*: gave up after max_steps = 3 steps.*; last ε_g = \d"
    with pytest.raises(IntegrationFailed, match=message):
        integrate(UNMASKED, [0.001, 0.002, 1000.0], max_steps=3)


def test_nothing_reached():
    empty = integrate(UNMASKED, [1000.0], max_steps=1, throw=False)
    assert empty.alpha.shape == (0,)
    assert empty.Q.shape == (0, 2, 2)
    assert empty.generalization_error.shape == (0,)
    with pytest.raises(IntegrationFailed) as failure:
        integrate(UNMASKED, [1000.0], max_steps=1)
    assert "ε_g" not in str(failure.value)


def test_rejected_steps_count_against_max_steps():
    """It is a bound on work, so an endless series of rejections ends too."""
    solution = integrate(UNMASKED, [1000.0], max_steps=50, rtol=1e-10, throw=False)
    assert solution.nfev <= 12 * 50 + 2


def test_an_absurd_learning_rate():
    """η² overflows: the slopes at α = 0 are infinite."""
    problem = Problem(random_state(2, 1), 1e200)
    partial = integrate(problem, [0.0, 1.0], throw=False)
    assert partial.status == Status.NOT_FINITE
    np.testing.assert_array_equal(partial.alpha, [0.0])
    with pytest.raises(IntegrationFailed, match="stopped at α = 0: the order parameters diverged; lower eta"):
        integrate(problem, [0.0, 1.0])


def test_every_status_has_a_message():
    for status in Status:
        outcome = Outcome(np.zeros((1, 1)), 0, status, 7, 100, 1.0, trials=9)
        assert message_of(status, outcome)
    assert "2 of them rejected" in message_of(Status.TOO_MANY_STEPS, outcome)


def test_a_large_learning_rate_is_hard_but_possible():
    """Adaptive steps follow a student that overshoots; the norms grow, nothing overflows."""
    solution = integrate(Problem(random_state(2, 1), 100.0, 20.0), [1.0])
    assert solution.success
    assert np.isfinite(solution.Q).all()


def test_an_unstable_fixed_step():
    """RK4 is unstable where dt · η_v Σ I2 > 2.8: v alternates, grows and overflows."""
    problem = Problem(random_state(2, 1), 0.1, 50.0)
    partial = integrate_fixed_step(problem, [0.0, 10_000.0], 5.0, throw=False)
    assert partial.status == Status.NOT_FINITE
    assert len(partial.alpha) == 1
    with pytest.raises(IntegrationFailed, match="lower eta, eta_v or a fixed dt"):
        integrate_fixed_step(problem, [0.0, 10_000.0], 5.0)
