"""Integrated trajectories against SciPy's DOP853 on the plain equations, and against what must be conserved."""

import numpy as np
import pytest

from divprune_sym.notation import OrderParameters
from divprune_sym.solvers import Problem, generalization_error, integrate, integrate_fixed_step, second_moments
from divprune_sym.solvers._kernels import adaptive
from tests.dynamics.states import random_state, rounding
from tests.plain_ode import I2, plain_generalization_error, plain_integrate

LOG_SPACED = np.geomspace(0.01, 50, 12)
LINEAR = np.linspace(0, 50, 11)

PROBLEMS = {
    "unmasked": (Problem(random_state(2, 1, white=True), 0.5, 0.5), LOG_SPACED),
    "unmasked, larger": (Problem(random_state(3, 2, white=True), 0.5, 0.4), LINEAR),
    "mask classes": (Problem(random_state(3, 2, 8, white=True), 0.6, 0.3), LOG_SPACED),
    "mask classes of unequal variance": (Problem(random_state(2, 1, 4), 0.6, 0.3), LINEAR),
    "decay and noise": (Problem(random_state(3, 2, 5), 0.4, 0.3, 0.5, 0.02), LINEAR),
    "first layer only": (Problem(random_state(2, 1, 3), 0.7, 0.0, 0.3), LOG_SPACED),
    "v only decays": (Problem(random_state(2, 1, 3), 0.7, 0.0, 0.3, 0.01), LINEAR),
}
AGREEMENT = 1e-9


def parameters(problem):
    return problem.eta, problem.eta_v, problem.sigma, problem.weight_decay


@pytest.mark.parametrize("name", PROBLEMS)
def test_agreement_with_dop853(name):
    problem, alphas = PROBLEMS[name]
    ours = integrate(problem, alphas, rtol=1e-12)
    plain = plain_integrate(problem.state, alphas, *parameters(problem), rtol=1e-12)
    for attribute in ("Q_classes", "R_classes", "v"):
        np.testing.assert_allclose(
            getattr(ours, attribute), getattr(plain, attribute), rtol=0, atol=AGREEMENT, err_msg=attribute
        )
    np.testing.assert_allclose(ours.generalization_error, plain.error, rtol=0, atol=AGREEMENT)


def test_the_comparison_sees_a_small_change():
    problem, alphas = PROBLEMS["decay and noise"]
    ours = integrate(problem, alphas, rtol=1e-12)
    eta, eta_v, sigma, decay = parameters(problem)
    plain = plain_integrate(problem.state, alphas, eta, eta_v, sigma * (1 + 1e-6), decay, rtol=1e-12)
    assert np.abs(ours.Q_classes - plain.Q_classes).max() > 10 * AGREEMENT


@pytest.mark.parametrize("name", ["unmasked", "first layer only", "decay and noise"])
def test_the_default_tolerance(name):
    """rtol = 1e-8 in each step leaves a smooth, contracting trajectory within 1e-6."""
    problem, alphas = PROBLEMS[name]
    coarse, fine = integrate(problem, alphas), integrate(problem, alphas, rtol=1e-12)
    difference = np.abs(coarse.generalization_error - fine.generalization_error).max()
    assert 0 < difference < 1e-6
    assert coarse.nfev < fine.nfev


def test_dense_output_is_what_stepping_to_that_alpha_gives():
    problem, _ = PROBLEMS["mask classes of unequal variance"]
    alphas = np.array([0.37, 2.9, 11.3, 20.0])
    dense = integrate(problem, alphas, rtol=1e-11)
    for j, alpha in enumerate(alphas):
        stepped = integrate(problem, [alpha], rtol=1e-11)
        # two solutions with their own errors of some 10 rtol
        np.testing.assert_allclose(dense.Q_classes[j], stepped.Q_classes[0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(dense.v[j], stepped.v[0], rtol=0, atol=1e-9)


def test_fixed_steps_converge_with_order_4():
    problem, _ = PROBLEMS["decay and noise"]
    exact = integrate(problem, [4.0], rtol=1e-13)
    steps = [2.0**-j for j in range(2, 6)]
    errors = [np.abs(integrate_fixed_step(problem, [4.0], dt).Q - exact.Q).max() for dt in steps]
    assert min(errors) > 1e-11
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(4, abs=0.1)


def test_a_continued_run_is_one_run():
    problem, _ = PROBLEMS["decay and noise"]
    whole = integrate(problem, [10.0], rtol=1e-12)
    half = integrate(problem, [4.0], rtol=1e-12)
    rest = integrate(Problem(half.state(), *parameters(problem)), [6.0], rtol=1e-12)
    np.testing.assert_allclose(rest.Q_classes, whole.Q_classes, rtol=0, atol=1e-10)
    np.testing.assert_allclose(rest.v, whole.v, rtol=0, atol=1e-10)


# --- what the equations conserve ----------------------------------------------------------------------


@pytest.mark.parametrize("name", PROBLEMS)
def test_overlaps_stay_overlaps(name):
    """Q exactly symmetric, every class positive semi-definite up to the integration's error."""
    problem, alphas = PROBLEMS[name]
    solution = integrate(problem, alphas)
    np.testing.assert_array_equal(solution.Q_classes, np.swapaxes(solution.Q_classes, 2, 3))
    for j in range(len(alphas)):
        assert np.linalg.eigvalsh(solution.state(j).overlaps).min() > -1e-6


@pytest.mark.parametrize("name", ["mask classes", "decay and noise", "first layer only"])
def test_masked_weights_only_decay(name):
    """Rows with m_i^c = 0 solve dR = −κR, and products of two of them dQ = −2κQ."""
    problem, alphas = PROBLEMS[name]
    solution, state = integrate(problem, alphas), problem.state
    decay = np.exp(-problem.weight_decay * alphas)[:, None]
    frozen = state.mask == 0
    assert frozen.any()
    for c, i in np.argwhere(frozen):
        np.testing.assert_allclose(solution.R_classes[:, c, i], decay * state.R_classes[c, i], rtol=1e-7, atol=1e-7)
        for k in np.flatnonzero(frozen[c]):
            expected = decay[:, 0] ** 2 * state.Q_classes[c, i, k]
            np.testing.assert_allclose(solution.Q_classes[:, c, i, k], expected, rtol=1e-7, atol=1e-7)


def split_class(state, c, share):
    """Class c as two classes with a share and the rest of its inputs."""
    shares = np.array([share, 1 - share])

    def divided(array):
        return np.concatenate([np.delete(array, c, axis=0), np.multiply.outer(shares, array[c])])

    def repeated(array):
        return np.concatenate([np.delete(array, c, axis=0), np.stack([array[c]] * 2)])

    return state.with_(
        Q_classes=divided(state.Q_classes),
        R_classes=divided(state.R_classes),
        T_classes=divided(state.T_classes),
        fraction=divided(state.fraction),
        mask=repeated(state.mask),
        variance=repeated(state.variance),
    )


def test_splitting_a_class_changes_nothing():
    problem, alphas = PROBLEMS["decay and noise"]
    finer = Problem(split_class(problem.state, 2, 0.3), *parameters(problem))
    ours, split = integrate(problem, alphas, rtol=1e-12), integrate(finer, alphas, rtol=1e-12)
    assert split.Q_classes.shape[1] == ours.Q_classes.shape[1] + 1
    np.testing.assert_allclose(split.Q, ours.Q, rtol=0, atol=AGREEMENT)
    np.testing.assert_allclose(split.R, ours.R, rtol=0, atol=AGREEMENT)
    np.testing.assert_allclose(split.v, ours.v, rtol=0, atol=AGREEMENT)


def test_student_nodes_may_be_renamed():
    problem, alphas = PROBLEMS["mask classes"]
    state, order = problem.state, [2, 0, 1]
    renamed = state.with_(
        Q_classes=state.Q_classes[:, order][:, :, order],
        R_classes=state.R_classes[:, order],
        v=state.v[order],
        mask=state.mask[:, order],
    )
    ours = integrate(problem, alphas, rtol=1e-12)
    other = integrate(Problem(renamed, *parameters(problem)), alphas, rtol=1e-12)
    np.testing.assert_allclose(other.R, ours.R[:, order], rtol=0, atol=AGREEMENT)
    np.testing.assert_allclose(other.v, ours.v[:, order], rtol=0, atol=AGREEMENT)


def test_input_variance_is_a_change_of_scale():
    """x = √ω x': overlaps of √ω w learn with rate ωη, since √ω Δw = −(ηω/√N) v g' Δ x'."""
    white, omega = random_state(2, 1, white=True), 1.7
    scaled = white.with_(
        Q_classes=omega * white.Q_classes,
        R_classes=omega * white.R_classes,
        T_classes=omega * white.T_classes,
    )
    with_variance = Problem(white.with_(variance=np.array([omega])), 0.5, 0.4, 0.2, 0.01)
    without = Problem(scaled, 0.5 * omega, 0.4, 0.2, 0.01)
    ours, other = integrate(with_variance, LINEAR, rtol=1e-12), integrate(without, LINEAR, rtol=1e-12)
    np.testing.assert_allclose(omega * ours.Q, other.Q, rtol=0, atol=AGREEMENT)
    np.testing.assert_allclose(ours.generalization_error, other.generalization_error, rtol=0, atol=AGREEMENT)


def test_a_student_that_is_the_teacher_stays_it():
    """ε_g = 0 is a fixed point without noise; the second node has no weights and is not heard."""
    state = OrderParameters.unpruned([[1.3, 0.0], [0.0, 0.0]], [[1.3], [0.0]], [[1.3]], [0.7, 0.0], [0.7])
    solution = integrate(Problem(state, 0.8, 0.5), [0.0, 10.0])
    assert np.abs(solution.generalization_error).max() < rounding(state)
    np.testing.assert_allclose(solution.Q[1], state.Q, rtol=0, atol=rounding(state))


# --- generalization error on its own ------------------------------------------------------------------


def test_generalization_error_of_many_covariances():
    states = [random_state(2, 2, 3, seed) for seed in range(6)]
    C = np.stack([state.covariance for state in states]).reshape(2, 3, 4, 4)
    s = np.stack([state.signed_weights for state in states]).reshape(2, 3, 4)
    errors = generalization_error(C, s)
    assert errors.shape == (2, 3)
    for error, state in zip(errors.ravel(), states, strict=True):
        plain = plain_generalization_error(state.covariance, state.signed_weights)
        assert error == pytest.approx(plain, rel=1e-13, abs=1e-15)
    one = generalization_error(C, s[0, 0])
    assert one[0, 0] == errors[0, 0]
    assert generalization_error(C[0, 0], s[0, 0]) == errors[0, 0]


def test_second_moments():
    C = random_state(3, 2).covariance
    np.testing.assert_allclose(second_moments(C), I2(C), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(second_moments(np.asfortranarray(C)), second_moments(C))
    np.testing.assert_allclose(second_moments(np.eye(2, dtype=int)), np.eye(2) / 3, rtol=0, atol=1e-15)


def test_other_memory_layouts_are_not_compiled_anew():
    """Each kernel has one version, whatever order or flags the arrays of a state have."""
    state = random_state(2, 1, 4)
    problem = Problem(state, 0.5, 0.4)
    expected = integrate(problem, [0.5]).Q
    compiled = len(adaptive._entries)
    turned = {name: np.asfortranarray(getattr(state, name)) for name in ("mask", "Q_classes", "R_classes", "T_classes")}
    np.testing.assert_array_equal(integrate(Problem(state.with_(**turned), 0.5, 0.4), [0.5]).Q, expected)
    assert len(adaptive._entries) == compiled == 1
