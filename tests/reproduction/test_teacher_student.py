"""Theory against measurement on small trained students, and theories that have to be caught.

Every statistical test is Student's t over 24 independent networks, Bonferroni over its comparisons: it fails correct
theory with probability 1e-5 over seeds (FALSE_ALARM), and the wrong theories beside it must get p < 1e-7
(REJECTION). ε_g is compared by its logarithm, as networks differ in scale. The O(1/N) difference of a finite network
is well below a standard error at N = 1000: 200 networks did not show it. Its logarithm's mean moves by half the
variance of the relative fluctuation, ½ 0.03², a tenth of a standard error.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student_t

from divprune_sym import OrderParameters, integrate, specialized_state
from divprune_sym.evaluation import error_of
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS, RESCALINGS
from divprune_sym.pruning.registry import paper_methods
from divprune_sym.reproduction import retraining, teacher_student
from divprune_sym.reproduction.backend import pruned_covariances
from divprune_sym.reproduction.retraining import retrain_dpp_nodes, retrain_random_edges
from divprune_sym.reproduction.teacher_student import (
    Comparison,
    Setting,
    compare_pruning,
    problem,
    specialized_network,
    train_networks,
)

pytestmark = pytest.mark.slow(30)

FALSE_ALARM, REJECTION = 1e-5, 1e-7
SETTING = Setting(M=2, K=3, N=1000, teacher_v=1.0, sigma=0.1, alphas=(0.0, 2.0, 10.0), networks=24, masks=20)
LATER = (0.0, 1.0, 5.0, 10.0)
# ε_g sums (K+M)² terms below one
ROUNDING = 1e-13


def pvalue(simulated, theory):
    """Whether theory is the mean of simulation, (networks, times); exactly equal columns are left out."""
    gap = np.log(simulated) - np.log(theory)
    gap = gap[:, np.abs(gap).max(axis=0) > ROUNDING]
    statistic = np.abs(gap.mean(axis=0)) / (gap.std(axis=0, ddof=1) / np.sqrt(len(gap)))
    return min(1.0, 2 * gap.shape[1] * float(student_t.sf(statistic, len(gap) - 1).min()))


@pytest.fixture(scope="module")
def trained():
    return train_networks(SETTING, np.random.default_rng(2))


@pytest.fixture(scope="module")
def rows(trained):
    return compare_pruning(trained.networks, trained.integrated, (1, 2, 3), SETTING.masks, np.random.default_rng(3))


@pytest.mark.statistical
def test_training(trained):
    assert trained.simulated.shape == trained.theory.shape == (24, 3)
    np.testing.assert_allclose(trained.simulated[:, 0], trained.theory[:, 0], rtol=1e-13)  # one and the same state
    assert [error_of(x.order_parameters()) for x in trained.networks] == pytest.approx(trained.simulated[:, -1])
    assert [error_of(x) for x in trained.integrated] == pytest.approx(trained.theory[:, -1])
    assert pvalue(trained.simulated, trained.theory) > FALSE_ALARM


@pytest.mark.statistical
def test_training_on_other_noise_is_noticed(trained):
    other = replace(SETTING, sigma=1.0)
    rng = np.random.default_rng(2)  # the same initial networks
    fresh = [
        teacher_student.random_network(child, SETTING.N, SETTING.K, SETTING.M, teacher_v=SETTING.teacher_v)
        for child in rng.spawn(SETTING.networks)
    ]
    wrong = [integrate(problem(x.order_parameters(), other), other.alphas).generalization_error for x in fresh]
    np.testing.assert_allclose(np.array(wrong)[:, 0], trained.theory[:, 0], rtol=1e-13)
    assert pvalue(trained.simulated, wrong) < REJECTION


def test_training_is_reproducible():
    small = replace(SETTING, N=60, networks=2, alphas=(1.0,))
    seen = []
    first, second = (train_networks(small, np.random.default_rng(5), seen.append) for _ in range(2))
    np.testing.assert_array_equal(first.simulated, second.simulated)
    assert seen[-1] == 1.0


def test_every_method_keep_and_variant_is_compared(rows):
    node, edge = {"plain", "reweighted"}, {"plain", *RESCALINGS[1:]}
    expected = {
        (name, variant, keep / 3)
        for name, method in paper_methods().items()
        for variant in (node if method.unit == "node" else edge)
        for keep in (1, 2, 3)
    }
    assert len(rows) == len(expected)
    assert {(row.method, row.variant, row.keep) for row in rows} == expected


def test_no_choice_means_no_difference(rows):
    """All kept, or nodes without ties ranked by importance: both faces compute one number."""
    settled = [row for row in rows if row.keep == 1.0 or row.method == "importance-node"]
    for row in settled:
        assert row.measured == pytest.approx(row.theory, abs=ROUNDING)
        assert row.t_statistic == 0.0
    assert len(settled) > 15


@pytest.mark.statistical
def test_limits_meet_masks(rows):
    limit = student_t.isf(FALSE_ALARM / (2 * len(rows)), SETTING.networks - 1)
    assert max(abs(row.t_statistic) for row in rows) < limit
    for row in rows:
        assert row.difference == pytest.approx(row.measured - row.theory, abs=ROUNDING)
        assert row.error_bar > 0
        # integrated instead of measured order parameters: O(1/√N) away
        assert row.reference == pytest.approx(row.theory, abs=0.05)


@pytest.mark.statistical
def test_error_bars(trained, rows):
    """Magnitude pruning has one mask a network, so the spread between networks is all there is."""
    (row,) = (row for row in rows if (row.method, row.variant, row.keep) == ("magnitude-edge", "plain", 2 / 3))
    method, rng = METHODS["magnitude-edge"], np.random.default_rng(13)
    measured, theory = [], []
    for network in trained.networks:
        mask = method.draw(teacher_student.Layer.on_white_inputs(network.w, network.v), 2 / 3, rng)[0]
        measured.append(error_of(replace(network, w=network.w * mask).order_parameters()))
        theory.append(method.limit(network.order_parameters(), 667 / 1000).generalization_error())
    gap = np.array(measured) - np.array(theory)
    assert row.measured == pytest.approx(np.mean(measured), abs=ROUNDING)
    assert row.error_bar == pytest.approx(np.std(measured, ddof=1) / np.sqrt(24), rel=1e-9)
    assert row.difference_error == pytest.approx(gap.std(ddof=1) / np.sqrt(24), rel=1e-9)


@pytest.mark.statistical
def test_limits_of_another_fraction_are_noticed(trained, monkeypatch):
    """Theory that forgets which fraction was kept: every edge method, at keep 2 of 3, is far off."""
    monkeypatch.setattr(teacher_student, "edges_kept", lambda keep, N: round((keep - 0.15) * N))
    found = compare_pruning(trained.networks, trained.integrated, (2,), 5, np.random.default_rng(4))
    threshold = student_t.isf(REJECTION / 2, SETTING.networks - 1)
    wrong = {row.method: abs(row.t_statistic) for row in found if row.variant == "plain" and "edge" in row.method}
    assert len(wrong) == 3
    assert min(wrong.values()) > threshold, wrong


def test_copies_of_the_teacher():
    """The specialized state at finite N, measured, beside its ideal T = 1; importance has only ties to break."""
    rng = np.random.default_rng(6)
    networks = [specialized_network(child, 120, 2, 2, 4.0) for child in rng.spawn(6)]
    assert [error_of(x.order_parameters()) for x in networks] == pytest.approx([0.0] * 6, abs=16 * ROUNDING)
    progress = []
    found = compare_pruning(networks, [specialized_state(2, 2, 4.0)], (2, 3), 200, rng, progress.append)
    assert progress == pytest.approx(np.arange(1, 13) / 12)
    by = {(row.method, row.variant, row.keep): row for row in found}
    for keep in (0.5, 0.75):
        restored = by["dpp-node", "reweighted", keep]
        assert max(abs(restored.theory), abs(restored.measured)) < 16 * ROUNDING
        assert by["importance-node", "plain", keep].theory == pytest.approx(by["random-node", "plain", keep].theory)
    # k ≤ M distinct groups: (v*²/6)(2 · ¼) at k = 2
    assert by["dpp-node", "plain", 0.5].reference == pytest.approx(16 / 12, rel=1e-12)


def test_pruned_covariances(trained):
    network = trained.networks[0]
    masks = np.random.default_rng(7).random((3, 3, SETTING.N)) < 0.4
    for mask, C in zip(masks, pruned_covariances(network, masks), strict=True):
        pruned = replace(network, w=network.w * mask)
        np.testing.assert_allclose(C, pruned.order_parameters().covariance, atol=ROUNDING, rtol=0)


def test_t_statistic():
    row = Comparison("m", "plain", 0.5, 1.0, 1.0, 1.2, 0.1, (0.1, 0.3))
    assert row.difference == pytest.approx(0.2, rel=1e-15)
    # the spread of two numbers 0.2 apart is √0.02, and that of their mean 0.1
    assert row.t_statistic == pytest.approx(2.0, rel=1e-14)
    assert replace(row, gaps=(1e-11, 1e-11)).t_statistic == 0.0
    assert replace(row, gaps=(0.25, 0.25)).t_statistic == np.inf


def test_too_little_to_compare(trained):
    rng = np.random.default_rng(8)
    for networks, references in ((trained.networks[:1], trained.integrated), (trained.networks, ())):
        with pytest.raises(BadInput, match="expected at least 2 and 1"):
            compare_pruning(networks, references, (1,), 5, rng)
    with pytest.raises(BadInput, match="masks = 0: must be at least 1"):
        compare_pruning(trained.networks, trained.integrated, (1,), 0, rng)


@pytest.fixture(scope="module")
def retrained_edges(trained):
    return retrain_random_edges(trained.networks, SETTING, 0.5, LATER, np.random.default_rng(9))


@pytest.mark.statistical
def test_retraining_under_a_random_mask(retrained_edges):
    found = retrained_edges
    assert found.label == "random-edge, p = 0.5"
    assert found.alphas.tolist() == list(LATER)
    assert found.simulated.shape == found.theory.shape == (24, 4)
    assert found.theory[:, -1].mean() < 0.8 * found.theory[:, 0].mean()
    assert pvalue(found.simulated, found.theory) > FALSE_ALARM


@pytest.mark.statistical
def test_retraining_without_the_mask_is_noticed(trained, retrained_edges):
    """The same pruned state, with equations of motion that let pruned weights grow back."""
    wrong = []
    for network in trained.networks:
        C = METHODS["random-edge"].limit(network.order_parameters(), 0.5).covariance
        free = OrderParameters.unpruned(C[:3, :3], C[:3, 3:], C[3:, 3:], network.v, network.A)
        wrong.append(integrate(problem(free, SETTING), LATER).generalization_error)
    np.testing.assert_allclose(np.array(wrong)[:, 0], retrained_edges.theory[:, 0], rtol=1e-12)
    assert pvalue(retrained_edges.simulated, wrong) < REJECTION


@pytest.mark.statistical
def test_retraining_at_another_fraction_is_noticed(trained, retrained_edges):
    states = [METHODS["random-edge"].mask_classes(x.order_parameters(), 0.6).state for x in trained.networks]
    wrong = [integrate(problem(state, SETTING), LATER).generalization_error for state in states]
    assert pvalue(retrained_edges.simulated, wrong) < REJECTION


def test_retraining_keeps_round_pN_edges(trained):
    """p = 0.3 of 4 inputs keeps one edge: the theory is that of a quarter."""
    small = replace(SETTING, N=4)
    networks = train_networks(replace(small, networks=2, alphas=(0.0,)), np.random.default_rng(10)).networks
    found = retrain_random_edges(networks, small, 0.3, (0.0,), np.random.default_rng(11))
    expected = [METHODS["random-edge"].limit(x.order_parameters(), 0.25).generalization_error() for x in networks]
    assert found.theory[:, 0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.statistical
def test_retraining_the_nodes_a_dpp_kept(trained, monkeypatch):
    found = retrain_dpp_nodes(trained.networks, SETTING, 2, LATER, np.random.default_rng(12))
    assert found.label == "dpp-node, k = 2"
    np.testing.assert_allclose(found.simulated[:, 0], found.theory[:, 0], rtol=1e-12)
    assert pvalue(found.simulated, found.theory) > FALSE_ALARM

    # the same masks and data, and equations that expect more noise
    monkeypatch.setattr(retraining, "problem", lambda state, setting: problem(state, replace(setting, sigma=1.0)))
    wrong = retrain_dpp_nodes(trained.networks, SETTING, 2, LATER, np.random.default_rng(12))
    np.testing.assert_array_equal(wrong.simulated, found.simulated)
    assert pvalue(wrong.simulated, wrong.theory) < REJECTION
