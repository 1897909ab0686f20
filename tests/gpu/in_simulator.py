"""CUDA kernels in Numba's simulator, against the CPU. Run by test_cuda.py, in a process of its own."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

import divprune_sym as dp
from divprune_sym import cuda
from divprune_sym.cuda import kdpp
from divprune_sym.dpp import LEnsemble
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import DPPEdge, DPPNode, Layer, RandomEdge
from divprune_sym.pruning.after import rescaling
from divprune_sym.reproduction import reproduce
from divprune_sym.reproduction.backend import CPU
from divprune_sym.reproduction.digits import DigitsSetting
from divprune_sym.simulate import Diverged
from divprune_sym.solvers import IntegrationFailed
from divprune_sym.solvers.adaptive import prepared

# the simulator waits for its threads by asking in turn, and keeps them from running while it asks: 5 ms by default
sys.setswitchinterval(2e-5)

# what a GPU does without a word, NumPy's numbers warn of
simulated_overflow = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def problems(K, M, count=2, classes=False, **rates):
    rng = np.random.default_rng(0)
    rates = {"eta": 0.5, "eta_v": 0.3, "sigma": 0.2} | rates
    states = [dp.random_network(rng, 100, K, M, teacher_v=2.0).order_parameters() for _ in range(count)]
    if classes:
        states = [RandomEdge().mask_classes(state, 0.5).state for state in states]
    return [dp.Problem(state, **rates) for state in states]


@pytest.mark.parametrize("layout", ["thread", "block"])
@pytest.mark.parametrize(
    ("K", "M", "rates"),
    [(3, 2, {"weight_decay": 0.05}), (1, 1, {"eta_v": 0.0})],
    ids=["both layers", "first layer"],
)
def test_right_hand_sides_are_those_of_the_cpu(layout, K, M, rates):
    given = problems(K, M, **rates)
    for slope, problem in zip(cuda.right_hand_sides(given, layout), given, strict=True):
        module, y, p = prepared(problem)
        expected = np.empty_like(y)
        module.rhs(y, expected, p)
        assert np.abs(slope - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("layout", ["thread", "block"])
def test_right_hand_sides_under_masks(layout):
    given = problems(2, 1, classes=True)
    for slope, problem in zip(cuda.right_hand_sides(given, layout), given, strict=True):
        module, y, p = prepared(problem)
        expected = np.empty_like(y)
        module.rhs(y, expected, p)
        assert np.abs(slope - expected).max() <= 1e-12 * np.abs(expected).max()


def test_trajectories_keep_their_tolerance_and_the_layout_changes_nothing():
    given, alphas = problems(2, 1, count=1, eta=0.2, eta_v=0.1), [0.0, 0.1, 0.5]
    by_thread, by_block = (cuda.integrate_many(given, alphas, rtol=1e-4, layout=way) for way in ("thread", "block"))
    for thread, block, problem in zip(by_thread, by_block, given, strict=True):
        exact = dp.integrate(problem, alphas, rtol=1e-11)
        assert thread.success
        assert thread.alpha.tolist() == alphas
        assert np.array_equal(thread.Q[0], problem.state.Q)
        assert (thread.nfev - 2) % 6 == 0
        assert thread.nfev >= 2 + 6 * thread.steps
        # at most `steps` local errors of 1e-4 (1 + |y|), each carried on by a flow that grows little in this time
        allowed = thread.steps * 1e-4 * (1 + np.abs(exact.Q).max())
        assert 0 < np.abs(thread.Q - exact.Q).max() <= allowed
        assert np.abs(thread.generalization_error - exact.generalization_error).max() <= allowed
        assert np.array_equal(thread.Q, block.Q)
        assert np.array_equal(thread.v, block.v)


@simulated_overflow
@pytest.mark.parametrize("layout", ["thread", "block"])
def test_statuses_are_those_of_the_cpu(layout):
    (given,) = problems(1, 1, count=1)
    stopped = cuda.integrate_many([given], [1.0, 50.0], max_steps=2, throw=False, layout=layout)[0]
    assert (stopped.status, stopped.success, len(stopped.alpha)) == (1, False, 0)
    with pytest.raises(IntegrationFailed, match="gave up after max_steps"):
        cuda.integrate_many([given], [1.0, 50.0], max_steps=2, layout=layout)
    (diverging,) = problems(1, 1, count=1, eta=1e200)
    assert cuda.integrate_many([diverging], [1.0], throw=False, layout=layout)[0].status in (2, 3)


def test_problems_of_different_sizes_are_refused():
    with pytest.raises(BadInput, match=r"problems: expected some, of one size .* got K = 1, M = 1, 1 classes.*K = 2"):
        cuda.integrate_many([*problems(1, 1), *problems(2, 1)], [1.0])
    with pytest.raises(BadInput, match="got none"):
        cuda.right_hand_sides([])


def network(K=2, M=1, N=12):
    return dp.random_network(np.random.default_rng(3), N, K, M)


@pytest.mark.parametrize("functions", [{}, {"activation": "relu", "teacher_activation": "sign"}], ids=["erf", "relu"])
def test_sgd_on_the_same_inputs(functions):
    mask = np.arange(24).reshape(2, 12) % 3 > 0
    masked = replace(network(), mask=mask, **functions)
    training = dp.Training(eta=0.5, eta_v=0.3, sigma=0.2, weight_decay=0.1)
    runs = [
        train([masked, masked], training, [0.0, 0.5, 2.0], np.random.default_rng(5))
        for train in (cuda.train_replicas, dp.train_replicas)
    ]
    for on_gpu, on_cpu in zip(*runs, strict=True):
        # dot products of N terms in another order: about N ε each, over 24 steps
        bound = 24 * 12 * np.finfo(float).eps * np.abs(on_cpu.network.w).max()
        assert np.abs(on_gpu.network.w - on_cpu.network.w).max() <= bound
        assert np.abs(on_gpu.network.v - on_cpu.network.v).max() <= bound
        assert len(on_gpu.states) == 3
        assert not np.array_equal(on_gpu.states[0].Q, on_gpu.states[2].Q)
    assert not np.array_equal(runs[0][0].network.w, runs[0][1].network.w)


@simulated_overflow
def test_sgd_refuses_what_it_cannot_run():
    training = dp.Training(eta=0.5)
    with pytest.raises(Diverged, match="no longer finite"):
        cuda.train_replicas([network()], dp.Training(eta=1e300), [2.0], np.random.default_rng(0))
    with pytest.raises(BadInput, match=r"networks: expected networks of one size \(N, K, M\) and one activation, got"):
        cuda.train_replicas([network(), network(K=3)], training, [1.0], np.random.default_rng(0))


SAMPLES, LEVEL = 300, 1e-4


def tally(samples, subsets):
    place = {tuple(subset): at for at, subset in enumerate(subsets)}
    return np.bincount([place[tuple(sample)] for sample in samples], minlength=len(subsets))


def kernels():
    rng = np.random.default_rng(7)
    full, low = rng.standard_normal((5, 5)), rng.standard_normal((5, 2))
    return {
        "matrix": LEnsemble.from_matrix(full @ full.T),
        "rank 2": LEnsemble.from_factor(low),
        "diagonal": LEnsemble.from_diagonal([0.1, 3.0, 1.0, 0.5, 2.0]),
    }


@pytest.mark.parametrize(("name", "k"), [("matrix", 2), ("diagonal", 2)])
def test_k_dpp_law_by_enumeration(name, k, monkeypatch):
    """False alarms: 1e-4 for each of 2; uniform subsets are rejected by the same test where the law is not uniform."""
    monkeypatch.setattr(kdpp, "threads_per_sample", lambda: 1)
    kernel = kernels()[name]
    subsets, p = kernel.subset_probabilities(k)
    counts = tally(cuda.sample_k([kernel], k, np.random.default_rng(1), SAMPLES)[0], subsets)
    possible = p > 1e-12
    assert counts[~possible].sum() == 0
    assert chisquare(counts[possible], SAMPLES * p[possible]).pvalue > LEVEL
    rng = np.random.default_rng(2)
    wrong = tally([sorted(rng.choice(5, k, replace=False)) for _ in range(SAMPLES)], subsets)
    assert wrong[~possible].sum() > 0 or chisquare(wrong[possible], SAMPLES * p[possible]).pvalue < LEVEL


def test_threads_share_the_work_of_a_sample(monkeypatch):
    drawn = []
    for threads in (1, 3):
        monkeypatch.setattr(kdpp, "threads_per_sample", lambda threads=threads: threads)
        drawn.append(cuda.sample_k([kernels()["matrix"]], 3, np.random.default_rng(4), 4))
    assert np.array_equal(*drawn)


def test_many_kernels_at_once():
    drawn = cuda.sample_k(list(kernels().values()), 2, np.random.default_rng(1), 3)
    assert drawn.shape == (3, 3, 2)
    assert (np.diff(drawn, axis=2) > 0).all()
    assert cuda.sample_k([kernels()["matrix"]], 0, np.random.default_rng(1), 3).shape == (1, 3, 0)
    assert (cuda.sample_k([kernels()["matrix"]], 5, np.random.default_rng(1), 1)[0, 0] == np.arange(5)).all()


def test_kernels_of_different_sizes_are_refused():
    with pytest.raises(BadInput, match=r"kernels: expected kernels on one number of items, got \[2, 5\]"):
        cuda.sample_k([kernels()["matrix"], LEnsemble.from_diagonal([1.0, 2.0])], 1, np.random.default_rng(0))


def test_overlaps_and_errors_of_pruned_networks():
    student, rng = network(3, 2, 20), np.random.default_rng(6)
    masks = rng.random((5, 3, 20)) < 0.5
    C, expected = cuda.pruned_covariances(student, masks), CPU.covariances(student, masks)
    # a dot product of N terms in another order
    assert np.abs(C - expected).max() <= 20 * np.finfo(float).eps * np.abs(expected).max()
    s = student.order_parameters().signed_weights
    # 25 terms of at most s_a s_b/2, each to a few roundings
    bound = 25 * 4 * np.finfo(float).eps * np.abs(s).max() ** 2
    assert np.abs(cuda.generalization_error(expected, s) - CPU.errors(expected, s)).max() <= bound
    for functions in (("relu",), ("relu", "sign", 3)):
        gap = cuda.generalization_error(expected, s, *functions) - CPU.errors(expected, s, *functions)
        assert np.abs(gap).max() <= 4 * bound * np.abs(expected).max()
    assert cuda.generalization_error(expected[0], s).shape == ()
    assert cuda.generalization_error(expected[:0], s).shape == (0,)
    assert cuda.pruned_covariances(student, masks[:0]).shape == (0, 5, 5)


def test_methods_draw_by_the_gpu():
    layer = Layer.on_white_inputs(network(4, 1, 9).w, np.ones(4))
    asked = []

    def sampler(kernels, k, rng, count):
        asked.append((len(kernels), kernels[0].N, k, count))
        return cuda.sample_k(kernels, k, rng, count)

    nodes = DPPNode(sampler=sampler).draw(layer, 3, np.random.default_rng(0), 2)
    edges = DPPEdge(sampler=sampler).draw(layer, 1 / 3, np.random.default_rng(0), 2)
    assert asked == [(1, 4, 3, 2), (4, 9, 3, 2)]
    assert (nodes.shape, edges.shape) == ((2, 4), (2, 4, 9))
    assert (nodes.sum(axis=1) == 3).all()
    assert (edges.sum(axis=2) == 3).all()
    seen = Layer(layer.weights, layer.outgoing, layer.activation_kernel, layer.preactivation_kernel, np.eye(9))
    with pytest.raises(BadInput, match="sampler: it draws edges of the linear kernel on white inputs"):
        DPPEdge(sampler=sampler).draw(seen, 0.5, np.random.default_rng(0))


def test_the_reproduction_is_that_of_the_cpu(tmp_path, monkeypatch):
    """Equal seeds: training and everything that is not drawn by a DPP agree to the tolerance of the integrators."""
    digits = DigitsSetting((4,), 2, 1, (0.5,))
    # fewer factors to try on either side
    monkeypatch.setattr(rescaling, "_GRID", np.linspace(-4.0, 4.0, 9))
    monkeypatch.setattr(rescaling, "_ROUNDS", 1)
    scale = reproduce.Scale(12, 2, 1, 0.2, 0.2, digits, (1, 2), (1, 2), 2)
    found = {}
    for backend, name in (("cuda", "SIMULATED"), ("cpu", "QUICK")):
        monkeypatch.setattr(reproduce, name, scale)
        reproduce.reproduce(tmp_path / backend, "quick", 1, backend)
        found[backend] = json.loads((tmp_path / backend / "results.json").read_text())
        assert (tmp_path / backend / "report.html").stat().st_size > 10_000
    on_gpu, on_cpu = found["cuda"], found["cpu"]
    assert (on_gpu["backend"], on_cpu["backend"]) == ("CUDA, in Numba's simulator", "CPU")
    for name, curve in on_cpu["training"].items():
        assert np.allclose(on_gpu["training"][name]["simulated"], curve["simulated"], rtol=1e-12, atol=0)
        # some ten steps with errors of 1e-5 each
        assert np.allclose(on_gpu["training"][name]["theory"], curve["theory"], rtol=3e-4, atol=0)
    for mine, other in zip(on_gpu["pruning"]["noisy"], on_cpu["pruning"]["noisy"], strict=True):
        assert (mine["method"], mine["variant"], mine["keep"]) == (other["method"], other["variant"], other["keep"])
        if mine["method"] in ("importance-node", "magnitude-edge"):
            assert np.isclose(mine["measured"], other["measured"], rtol=1e-12, atol=0)


def test_a_full_reproduction_is_refused_in_the_simulator(tmp_path):
    with pytest.raises(BadInput, match="in Numba's simulator the whole reproduction would take weeks; add --quick"):
        reproduce.reproduce(tmp_path / "out", "full", 1, "cuda")
    assert not (tmp_path / "out").exists()
