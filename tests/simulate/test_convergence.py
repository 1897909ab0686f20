"""N → ∞: SGD follows the equations of motion up to O(1/√N), and wrong equations are rejected."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from divprune_sym.simulate import Network, Training, random_network, train_replicas
from tests.plain_ode import plain_integrate

pytestmark = pytest.mark.slow(32)

TRAINING = Training(eta=1.5, eta_v=0.8, sigma=0.3, weight_decay=0.1)
ALPHA = 4.0
FALSE_ALARM = 1e-3  # of each test, had its seed not been fixed
CERTAIN = 1e-9  # below this a wrong equation counts as rejected

K, M = 2, 2
OVERLAPS = np.array([[0.6, 0.1, 0.2, 0.05], [0.1, 0.4, 0.0, 0.15], [0.2, 0.0, 1.0, 0.2], [0.05, 0.15, 0.2, 0.8]])
REPLICAS = {250: 64, 1000: 32, 4000: 16}


def prescribed_network(rng, N):
    """Random weights with [[Q, R], [Rᵀ, T]] = OVERLAPS exactly, so that only SGD noise makes runs differ."""
    orthonormal, _ = np.linalg.qr(rng.standard_normal((N, K + M)))
    weights = np.sqrt(N) * np.linalg.cholesky(OVERLAPS) @ orthonormal.T
    return Network(weights[:K], np.array([0.8, 0.6]), weights[K:], np.array([1.0, 1.5]))


def observe(Q_classes, R_classes, v):
    """What the tests look at, as one vector: every Q^c (upper triangle) and R^c, their totals, and v."""
    upper = np.triu_indices(Q_classes.shape[-1])
    Q = np.concatenate([Q_classes, Q_classes.sum(axis=0, keepdims=True)])
    R = np.concatenate([R_classes, R_classes.sum(axis=0, keepdims=True)])
    return np.concatenate([Q[:, upper[0], upper[1]].ravel(), R.ravel(), v])


def measured(trajectory):
    state = trajectory.states[-1]
    return observe(state.Q_classes, state.R_classes, state.v)


def predicted(state, training, alpha=ALPHA):
    rates = (training.eta, training.eta_v, training.sigma, training.weight_decay)
    path = plain_integrate(state, [alpha], *rates)
    return observe(path.Q_classes[-1], path.R_classes[-1], path.v[-1])


def without_noise_of_the_gradient(training, slower=1e3):
    """Rates and a time at which the η² term counts `slower` times less, and every other term the same."""
    slow = replace(
        training,
        eta=training.eta / slower,
        eta_v=training.eta_v / slower,
        weight_decay=training.weight_decay / slower,
    )
    return slow, ALPHA * slower


@pytest.fixture(scope="module")
def deviations():
    """√N × measured order parameters for every N, one run a row, and the state all runs start from."""
    rng = np.random.default_rng(5)
    runs = {}
    for N, n in REPLICAS.items():
        networks = [prescribed_network(rng, N) for _ in range(n)]
        trajectories = train_replicas(networks, TRAINING, [ALPHA], rng)
        runs[N] = np.sqrt(N) * np.stack([measured(t) for t in trajectories])
    return runs, networks[0].order_parameters()


def p_value(runs, N, prediction):
    """How likely deviations from the prediction as large, or as small, are if they scale as 1/√N.

    To leading order √N (measured − predicted) is Gaussian with mean 0 and a variance that N does not change.
    So its mean square at N, divided by the sample variance at N = 250 (about the runs' own mean: no equation
    enters), follows F(n, n₂₅₀ − 1) for each observable.  Two-sided; Bonferroni over the observables.
    """
    smallest = min(runs)
    n, n_smallest = len(runs[N]), len(runs[smallest])
    ratio = np.mean((runs[N] - np.sqrt(N) * prediction) ** 2, axis=0) / runs[smallest].var(axis=0, ddof=1)
    law = stats.f(n, n_smallest - 1)
    return ratio.size * 2 * np.minimum(law.sf(ratio), law.cdf(ratio)).min()


@pytest.mark.parametrize("N", [1000, 4000])
@pytest.mark.statistical
def test_deviation_shrinks_as_one_over_root_N(deviations, N):
    runs, start = deviations
    assert p_value(runs, N, predicted(start, TRAINING)) > FALSE_ALARM


@pytest.mark.parametrize(
    ("training", "alpha"),
    [
        (replace(TRAINING, eta=1.1 * TRAINING.eta), ALPHA),
        (replace(TRAINING, eta_v=0.9 * TRAINING.eta_v), ALPHA),
        (replace(TRAINING, sigma=0.0), ALPHA),
        (replace(TRAINING, weight_decay=0.0), ALPHA),
        without_noise_of_the_gradient(TRAINING),
    ],
    ids=["η + 10 %", "η_v − 10 %", "no label noise", "no decay", "no η² term"],
)
@pytest.mark.statistical
def test_wrong_equations_are_rejected(deviations, training, alpha):
    runs, start = deviations
    assert p_value(runs, 4000, predicted(start, training, alpha)) < CERTAIN


@pytest.fixture(scope="module")
def pruned_runs():
    """Half of all edges cut at random, K = 3, M = 2, two input variances: 24 runs from one network."""
    rng = np.random.default_rng(17)
    N = 1000
    whole = random_network(rng, N, 3, 2)
    mask = rng.permuted(np.tile(np.arange(N) % 2, (3, 1)), axis=1).astype(float)
    network = replace(whole, w=whole.w * mask, mask=mask, variance=rng.choice([0.6, 1.4], N, p=[0.25, 0.75]))
    trajectories = train_replicas([network] * 24, TRAINING, [ALPHA], rng)
    return network.order_parameters(), np.stack([measured(t) for t in trajectories])


def t_test(runs, prediction):
    """p-value of the runs' mean being the prediction, Bonferroni over all that moves.

    The mean of n runs is known to σ/√n with σ = O(1/√N); the prediction is off by O(1/N), which is
    √(n/N) ≈ 0.15 of that error here.
    """
    moves = runs.std(axis=0) > 1e-12
    np.testing.assert_allclose(
        runs[:, ~moves], np.broadcast_to(prediction, runs.shape)[:, ~moves], atol=1e-9, rtol=1e-7
    )
    return moves.sum() * stats.ttest_1samp(runs[:, moves], prediction[moves]).pvalue.min()


@pytest.mark.statistical
def test_pruned_student_follows_the_class_equations(pruned_runs):
    start, runs = pruned_runs
    assert len(start.fraction) == 16  # 2³ mask patterns, each with both variances
    assert t_test(runs, predicted(start, TRAINING)) > FALSE_ALARM


@pytest.mark.parametrize(
    "change",
    [
        lambda s: {"mask": np.ones_like(s.mask)},
        lambda s: {"variance": np.ones_like(s.variance)},
        lambda s: {"fraction": np.roll(s.fraction, 1)},
    ],
    ids=["no mask", "white inputs", "fractions of other classes"],
)
@pytest.mark.statistical
def test_wrong_classes_are_rejected(pruned_runs, change):
    start, runs = pruned_runs
    wrong = predicted(start.with_(**change(start)), TRAINING)
    moves = runs.std(axis=0) > 1e-12  # what stands still is not what these test
    assert t_test(runs[:, moves], wrong[moves]) < CERTAIN
