"""One common factor on the kept weights."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from divprune_sym import generalization_error, specialized_state
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS, RESCALINGS, rescaled
from tests.pruning.judges import EDGE_METHODS, EPS, random_state

EDGES = pytest.mark.parametrize("method", EDGE_METHODS.values(), ids=EDGE_METHODS)


def error_with(limit, factor):
    """ε_g with all student fields multiplied by a factor, or by each of several."""
    student = np.arange(len(limit.unpruned.signed_weights)) < limit.unpruned.K
    scale = np.where(student, np.asarray(factor)[..., None], 1.0)
    scaled = limit.covariance * scale[..., :, None] * scale[..., None, :]
    return generalization_error(scaled, limit.unpruned.signed_weights)


def rounding(limit):
    """ε_g sums (K+M)² terms of at most s_a s_b/2, each a few ε off."""
    return 10 * EPS * np.abs(limit.unpruned.signed_weights).sum() ** 2


@EDGES
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("keep", [0.05, 0.5, 0.9])
def test_optimal_is_the_best_of_a_fine_grid_and_of_scipy(method, seed, keep):
    limit = method.limit(random_state(seed), keep)
    best = limit.generalization_error(rescale="optimal")
    logs = np.linspace(-16, 16, 6401)
    grid = error_with(limit, np.exp(logs))
    # the grid's own best may be off by its spacing, so it is refined by SciPy before "no better than" means equal
    around = logs[np.argmin(grid)]
    scipy = minimize_scalar(
        lambda x: float(error_with(limit, np.exp(x))),
        bounds=(around - 0.005, around + 0.005),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert best <= min(grid) + rounding(limit)
    # near its minimum ε_g is flat: an error of 1e-7 in log factor is second order
    assert best == pytest.approx(min(scipy.fun, min(grid)), abs=rounding(limit) + 1e-13)


@EDGES
def test_the_three_rescalings(method):
    limit = method.limit(random_state(5), 0.3)
    none, inverse_sqrt, optimal = (limit.generalization_error(rescale=how) for how in RESCALINGS)
    assert none == limit.generalization_error() == error_with(limit, 1.0)
    assert inverse_sqrt == pytest.approx(error_with(limit, 1 / np.sqrt(0.3)), abs=rounding(limit))
    assert optimal <= min(none, inverse_sqrt)


@EDGES
@pytest.mark.parametrize("rescale", RESCALINGS)
def test_nothing_kept_cannot_be_rescaled(method, rescale):
    """ε_g is the teacher's own ½ Σ A A I2(T), whatever the factor."""
    state = random_state(6)
    K = state.K
    teacher = generalization_error(state.covariance[K:, K:], state.A)
    assert method.limit(state, 0.0).generalization_error(rescale=rescale) == pytest.approx(float(teacher), rel=1e-14)


@EDGES
@pytest.mark.parametrize("rescale", RESCALINGS)
def test_a_perfect_student_is_left_alone(method, rescale):
    limit = method.limit(specialized_state(2, 3, 4.0), 1.0)
    assert abs(limit.generalization_error(rescale=rescale)) <= rounding(limit)


def test_several_states_find_their_own_factors():
    limits = [METHODS["random-edge"].limit(random_state(seed), 0.4) for seed in range(3)]
    together = rescaled(
        np.stack([x.covariance for x in limits]),
        np.stack([x.unpruned.signed_weights for x in limits]),
        4,
        0.4,
        "optimal",
    )
    assert together.error.tolist() == [x.generalization_error(rescale="optimal") for x in limits]


def test_many_nodes_are_rescaled_block_by_block(monkeypatch):
    limit = METHODS["magnitude-edge"].limit(random_state(8), 0.4)
    at_once = limit.generalization_error(rescale="optimal")
    monkeypatch.setattr("divprune_sym.pruning.after.rescaling._BLOCK", 100)
    assert limit.generalization_error(rescale="optimal") == at_once


def test_unknown_rescaling():
    limit = METHODS["random-edge"].limit(random_state(7), 0.4)
    with pytest.raises(BadInput, match=r"rescale 'best': choose from none, inverse-sqrt, optimal"):
        limit.generalization_error(rescale="best")
    with pytest.raises(BadInput, match="rescale 'best'"):
        rescaled(limit.covariance[None], limit.unpruned.signed_weights[None], 4, 0.4, "best")
