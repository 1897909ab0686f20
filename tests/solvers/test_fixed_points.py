"""Fixed points, their stability, and the expansion in η against the integrated equations."""

from dataclasses import replace

import numpy as np
import pytest

from divprune_sym.dynamics.plateau import plateau
from divprune_sym.dynamics.small_eta import A, L, M, Z, both_layers, soft_committee
from divprune_sym.dynamics.symbols import SIGMA
from divprune_sym.ground.checks import BadInput
from divprune_sym.method_names import PAPER
from divprune_sym.notation import OrderParameters
from divprune_sym.pruning import METHODS
from divprune_sym.pruning.registry import paper_methods
from divprune_sym.solvers import NoFixedPoint, Problem, find_fixed_point, integrate, slow_flow
from divprune_sym.solvers.jacobian import Flow
from divprune_sym.specialized import pruned_excess, specialized_state
from tests.dynamics.states import random_state

pytestmark = pytest.mark.slow(50)

ETAS = (0.02, 0.05)
NOISE = 0.3


def soft_committee_state(students, teachers):
    copied = np.eye(students, teachers)
    return OrderParameters.unpruned(copied @ copied.T, copied, np.eye(teachers), np.ones(students), np.ones(teachers))


def observed_order(remainders):
    """The power of η that remainders at the two η suggest: 2 after a right slope, 1 after a wrong one."""
    small, large = remainders
    return np.log(large / small) / np.log(ETAS[1] / ETAS[0]) if large * small > 0 else np.nan


def assert_second_order(remainders):
    # the third order moves it, but not half way to a neighboring power
    assert abs(observed_order(remainders) - 2) < 0.5


def problem_at(case, eta):
    state, both = case
    return Problem(state, eta=eta, eta_v=eta * both, sigma=NOISE)


CASES = {
    "soft, K = M = 2": (soft_committee_state(2, 2), False),
    "soft, K = 3, M = 1": (soft_committee_state(3, 1), False),
    "both, K = M = 2": (specialized_state(2, 1, 1.5), True),
    "both, K = 2, M = 1": (specialized_state(1, 2, 1.5), True),
}
# derived when a test asks for them
FLOORS = {
    "soft, K = M = 2": lambda: soft_committee(surplus=False).error.subs({M: 2}),
    "soft, K = 3, M = 1": lambda: soft_committee().error.subs({M: 1, L: 2}),
    "both, K = M = 2": lambda: both_layers().error.subs({M: 2, Z: 1, A: 1.5}),
    "both, K = 2, M = 1": lambda: both_layers().error.subs({M: 1, Z: 2, A: 1.5}),
}


@pytest.fixture(scope="module")
def integrated():
    """States after α = 3e5, longer than ten times the slowest relaxation, by case and η."""
    return {
        name: {eta: integrate(problem_at(case, eta), [3e5], rtol=1e-10, atol=1e-13) for eta in ETAS}
        for name, case in CASES.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_noise_floor_of_the_integrated_equations(integrated, name):
    slope = float(FLOORS[name]().subs(SIGMA, NOISE))
    errors = [integrated[name][eta].generalization_error[-1] for eta in ETAS]
    assert_second_order([error - eta * slope for error, eta in zip(errors, ETAS, strict=True)])
    # √2 for √3, or a factor of two, would show
    for wrong in (slope / 2, 2 * slope, slope * np.sqrt(1.5)):
        remainders = [error - eta * wrong for error, eta in zip(errors, ETAS, strict=True)]
        assert not abs(observed_order(remainders) - 2) < 0.5


@pytest.mark.parametrize("name", CASES)
def test_newton_finds_where_integration_ends(integrated, name):
    for eta in ETAS:
        found = find_fixed_point(problem_at(CASES[name], eta))
        end = integrated[name][eta].state()
        assert found.name == "specialized"
        assert found.residual < 1e-12
        assert found.feasible == (np.linalg.eigvalsh(found.state.overlaps).min() > -1e-8)
        np.testing.assert_allclose(found.state.Q, end.Q, atol=1e-6, rtol=1e-7)
        np.testing.assert_allclose(found.state.R, end.R, atol=1e-6, rtol=1e-7)
        np.testing.assert_allclose(found.state.v, end.v, atol=1e-6, rtol=1e-7)


def test_first_order_of_every_order_parameter(integrated):
    values = {M: 2, Z: 1, A: 1.5, SIGMA: NOISE}
    x1 = {name: float(value.subs(values).subs("delta", 0)) for name, value in both_layers().coefficients.items()}
    remainders = {name: [] for name in x1}
    for eta in ETAS:
        x = integrated["both, K = M = 2"][eta].state()
        found = {"q": x.Q[0, 0] - 1, "c": x.Q[0, 1], "r": x.R[0, 0] - 1, "p": x.R[0, 1], "dv": x.v[0] - 1.5}
        for name, value in found.items():
            remainders[name].append(value - eta * x1[name])
    for pair in remainders.values():
        assert_second_order(pair)


@pytest.mark.parametrize("name", ["soft, K = 3, M = 1", "both, K = 2, M = 1"])
def test_equal_nodes_part_at_a_rate_of_second_order(name):
    rates = [find_fixed_point(problem_at(CASES[name], eta)).escape_rate for eta in ETAS]
    assert_second_order(rates)


@pytest.mark.parametrize("sizes", [(2, 1, 1, 0.3), (2, 2, 3, 0.0), (2, 2, 3, 0.4)])
def test_jacobian_against_central_differences(sizes):
    K, teachers, classes, eta_v = sizes
    problem = Problem(random_state(K, teachers, classes), eta=0.7, eta_v=eta_v, sigma=0.5, weight_decay=eta_v / 4)
    flow, h = Flow(problem), 1e-5
    z = flow.coordinates(problem.state)
    columns = [(flow.velocity(z + h * e) - flow.velocity(z - h * e)) / (2 * h) for e in np.eye(len(z))]
    jacobian = flow.jacobian(z)
    # h² times third derivatives of order one, and rounding of size 1e-16/h
    np.testing.assert_allclose(jacobian, np.transpose(columns), rtol=0, atol=1e-8 * np.abs(jacobian).max())
    x = np.linspace(-1.0, 1.0, len(z))
    np.testing.assert_allclose(flow.product(z, x), jacobian @ x, rtol=0, atol=1e-13 * np.abs(jacobian).sum())
    if classes == 1:
        transposed = flow.transposed_product(z, x)
        np.testing.assert_allclose(transposed, x @ jacobian, rtol=0, atol=1e-13 * np.abs(jacobian).sum())
    assert np.array_equal(flow.coordinates(flow.state(z)), z)


# --- the symmetric plateau ----------------------------------------------------------------------------


def plateau_guess(width):
    found = plateau()
    Q, R = (float(x.subs(M, width)) for x in (found.Q, found.R))
    full = np.ones((width, width))
    return OrderParameters.unpruned(Q * full, R * full, np.eye(width), np.ones(width), np.ones(width))


@pytest.mark.parametrize("width", [2, 3])
def test_plateau_and_its_escape_rate(width):
    rate = float(plateau().escape_rate.subs(M, width))
    moved, deviations = [], []
    for eta in ETAS:
        guess = plateau_guess(width)
        found = find_fixed_point(Problem(guess, eta=eta))
        assert found.name == "symmetric plateau"
        moved.append(np.abs(found.state.Q - guess.Q).max())
        deviations.append(abs(found.escape_rate - eta * rate))
    # Q = Q0 + O(η), rate = η rate0 + O(η²)
    assert moved[1] / moved[0] == pytest.approx(2.5, rel=0.15)
    assert_second_order(deviations)


def test_escape_rate_is_the_growth_of_the_integrated_equations():
    problem = Problem(plateau_guess(2), eta=0.1)
    found = find_fixed_point(problem)
    tilt = 1e-6 * (np.eye(2) - 0.5)
    start = found.state.with_(R_classes=found.state.R_classes + tilt)
    times = np.array([0.5, 1.0]) * 5 / found.escape_rate
    growing = integrate(replace(problem, state=start), times, rtol=1e-12, atol=1e-15)
    apart = growing.R[:, 0, 0] - growing.R[:, 0, 1]
    grown = np.log(apart[1] / apart[0]) / (times[1] - times[0])
    assert grown == pytest.approx(found.escape_rate, rel=1e-4)


# --- manifolds of zeros -------------------------------------------------------------------------------


def split_state(first):
    """K = 2 copies of one teacher node, which share its second-layer weight 1."""
    return OrderParameters.unpruned(np.ones((2, 2)), np.ones((2, 1)), [[1.0]], [first, 1 - first], [1.0])


def test_noiseless_zeros_form_a_family():
    found = find_fixed_point(Problem(split_state(0.3), eta=0.1, eta_v=0.1))
    assert found.name == "specialized"
    assert found.null_dimension > 0
    assert find_fixed_point(Problem(specialized_state(2, 1, 1.0), eta=0.1, eta_v=0.1)).null_dimension == 0


def test_label_noise_selects_equal_copies():
    equal = slow_flow(Problem(split_state(0.5), eta=0.1, eta_v=0.1, sigma=NOISE))
    for rates in (equal.Q, equal.R, equal.v):
        np.testing.assert_allclose(rates, 0, atol=1e-12, rtol=1e-7)
    for first in (0.1, 0.3, 0.7):
        rates = slow_flow(Problem(split_state(first), eta=0.1, eta_v=0.1, sigma=NOISE)).v
        assert rates.sum() == pytest.approx(0, abs=1e-12)
        assert rates[0] * (0.5 - first) > 0


def test_slow_flow_of_the_integrated_equations():
    eta = 0.0125
    times = np.array([0.2, 0.4]) / (eta * NOISE) ** 2
    run = integrate(Problem(split_state(0.3), eta=eta, eta_v=eta, sigma=NOISE), times)
    gap = run.v[:, 1] - run.v[:, 0]
    middle = split_state(0.5 - gap.mean() / 2)
    rates = slow_flow(Problem(middle, eta=eta, eta_v=eta, sigma=NOISE)).v
    # the next order in η is relatively of size η; a missing factor of two would show
    assert (gap[1] - gap[0]) / (times[1] - times[0]) == pytest.approx(rates[1] - rates[0], rel=0.02)


# --- pruned -------------------------------------------------------------------------------------------

PRUNED = {
    "soft, K = M = 2": {"teachers": 2, "train_both": False},
    "both, K = M = 2": {"teachers": 2, "second_layer": 1.5},
    "both, K = 2, M = 1": {"teachers": 1, "copies": 2, "second_layer": 1.5},
}


@pytest.mark.parametrize("method", paper_methods().values(), ids=PAPER)
@pytest.mark.parametrize("name", PRUNED)
def test_pruned_excess_of_the_integrated_equations(integrated, name, method):
    states = [with_equal_copies(integrated[name][eta].state(), PRUNED[name]) for eta in ETAS]
    for keep, options in limits(method):
        excess = pruned_excess(method, keep, sigma=NOISE, **PRUNED[name], **options)
        errors = [method.limit(state, keep).generalization_error(**options) for state in states]
        remainders = [error - excess.noiseless - eta * excess.slope for error, eta in zip(errors, ETAS, strict=True)]
        assert excess.error < 1e-8
        assert_second_order(remainders)


def with_equal_copies(state, sizes):
    """Copies equal to the last bit, as they are in the theory: DPP laws look at the rank of Q."""
    if sizes.get("copies", 1) == 1:
        return state
    return state.with_(Q_classes=np.full_like(state.Q_classes, state.Q.mean()))


def limits(method):
    if method.unit == "node":
        return [(1, {})]
    return [(p, {"rescale": rescale}) for p in (0.3, 0.6) for rescale in ("none", "inverse-sqrt", "optimal")]


# --- refusals -----------------------------------------------------------------------------------------


def test_nothing_learns():
    with pytest.raises(BadInput, match="nothing learns"):
        find_fixed_point(Problem(specialized_state(1, 1, 1.0), eta=0.0))


def test_guess_of_another_size():
    with pytest.raises(BadInput, match=r"guess: R has shape \(1, 2, 2\), the problem's \(1, 1, 1\)"):
        find_fixed_point(Problem(specialized_state(1, 1, 1.0), eta=0.1), specialized_state(2, 1, 1.0))


def test_no_fixed_point_in_too_few_steps():
    problem = Problem(random_state(2, 1), eta=0.5, eta_v=0.5, sigma=1.0)
    with pytest.raises(NoFixedPoint, match="residual"):
        find_fixed_point(problem, max_steps=1)


def test_slow_flow_needs_a_zero():
    with pytest.raises(BadInput, match="no noiseless zero"):
        slow_flow(Problem(random_state(2, 1), eta=0.1, eta_v=0.1, sigma=NOISE))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"teachers": 2, "train_both": False, "copies": 2}, "soft committee"),
        ({"teachers": 2, "rescale": "best"}, "rescale 'best'"),
    ],
)
def test_pruned_excess_refusals(arguments, words):
    with pytest.raises(BadInput, match=words):
        pruned_excess(METHODS["random-edge"], 0.5, **arguments)


def test_pruned_excess_takes_names():
    by_name, itself = (pruned_excess(x, 0.5, teachers=2) for x in ("random-edge", METHODS["random-edge"]))
    assert by_name == itself
    with pytest.raises(BadInput, match="method 'nm-edge': has no moments of single weights"):
        pruned_excess("nm-edge", 0.5, teachers=2)
