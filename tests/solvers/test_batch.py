"""Batches: the bits of each trajectory do not depend on its company."""

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput
from divprune_sym.solvers import IntegrationFailed, Problem, Status, integrate, integrate_batch
from divprune_sym.solvers import batch as batch_module
from tests.dynamics.states import random_state

pytestmark = pytest.mark.slow(20)

ALPHAS = np.array([0.0, 0.3, 4.0, 9.0])
# from fast to slow, and one that fails: lanes are refilled at different times
PROBLEMS = [Problem(random_state(2, 1, 2, seed=s), 0.1 + 0.3 * s, 0.2, 0.1 * s, 0.01) for s in range(7)]


def assert_same(ours, others):
    assert len(ours) == len(others)
    for one, other in zip(ours, others, strict=True):
        for name in ("alpha", "Q_classes", "R_classes", "v", "generalization_error"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        assert (one.status, one.nfev, one.steps, one.message) == (other.status, other.nfev, other.steps, other.message)


@pytest.fixture(scope="module")
def alone():
    return [integrate(problem, ALPHAS) for problem in PROBLEMS]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("in_lanes", [True, False])
def test_alone_or_in_a_batch(alone, threads, in_lanes, monkeypatch):
    monkeypatch.setattr(batch_module, "_LARGEST_IN_LANES", 10_000 if in_lanes else 0)
    assert len({x.nfev for x in alone}) > 3, "the problems are too alike to need refilling at different times"
    assert_same(integrate_batch(PROBLEMS, ALPHAS, threads=threads), alone)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_any_part(alone, seed):
    order = np.random.default_rng(seed).permutation(7)[: 5 + seed]
    ours = integrate_batch([PROBLEMS[j] for j in order], ALPHAS, threads=1 + seed % 2)
    assert_same(ours, [alone[j] for j in order])


def test_the_comparison_sees_a_last_bit(alone):
    nudged = PROBLEMS[0].state.with_(v=np.nextafter(PROBLEMS[0].state.v, 2.0))
    ours = integrate_batch([Problem(nudged, 0.1, 0.2, 0.0, 0.01)], ALPHAS)
    with pytest.raises(AssertionError):
        assert_same(ours, alone[:1])


def test_a_failure_does_not_touch_its_neighbors(alone):
    problems = [*PROBLEMS[:3], Problem(random_state(2, 1, 2), 1e200, 0.1), *PROBLEMS[3:]]
    ours = integrate_batch(problems, ALPHAS, throw=False)
    assert_same(ours[:3] + ours[4:], alone)
    assert ours[3].status == Status.NOT_FINITE
    with pytest.raises(IntegrationFailed, match="stopped at α = 0"):
        integrate_batch(problems, ALPHAS)


def test_stopping_early_is_the_same_too():
    ours = integrate_batch(PROBLEMS, ALPHAS, max_steps=4, throw=False)
    assert_same(ours, [integrate(problem, ALPHAS, max_steps=4, throw=False) for problem in PROBLEMS])
    assert Status.TOO_MANY_STEPS in {x.status for x in ours}


def test_the_other_method(alone):
    ours = integrate_batch(PROBLEMS, ALPHAS, method="dopri5", rtol=1e-6)
    assert_same(ours, [integrate(problem, ALPHAS, method="dopri5", rtol=1e-6) for problem in PROBLEMS])


def test_time_zero_only(alone):
    ours = integrate_batch(PROBLEMS, [0.0])
    for one, other in zip(ours, alone, strict=True):
        np.testing.assert_array_equal(one.Q[0], other.Q[0])


@pytest.mark.parametrize(
    ("problems", "message"),
    [
        ([], "problems: empty"),
        (
            [PROBLEMS[0], Problem(random_state(2, 1), 0.1)],
            r"problems\[1\]: classes, K, M and equations are .*a batch of their own",
        ),
        ([Problem(random_state(2, 1), 0.1), Problem(random_state(2, 1), 0.1, 0.1)], r"problems\[1\]"),
    ],
)
def test_what_does_not_fit_together_is_refused(problems, message):
    with pytest.raises(BadInput, match=message):
        integrate_batch(problems, ALPHAS)


def test_no_threads():
    with pytest.raises(BadInput, match="threads"):
        integrate_batch(PROBLEMS, ALPHAS, threads=0)
