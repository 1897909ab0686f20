"""Every method on nodes of every activation: both ends, and masked networks in between.

The statistical test is made for every pair of a method and an activation: Student's t over 20 networks of N = 1000, the
gap between what masks make of a network and what its limit says. Correct code fails one pair with probability 1e-6 over
seeds, so that all pairs together give about one false alarm in 10 000; the value of another activation must get
p < 1e-9. The bias of order 1/N that limits of weight-dependent masks have is below a third of a standard error here.
"""

from functools import cache

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from divprune_sym import Network, OrderParameters, generalization_error
from divprune_sym.evaluation import error_of, errors_of, moments_of
from divprune_sym.gaussian import ACTIVATIONS
from divprune_sym.pruning import METHODS as REGISTERED
from divprune_sym.pruning import Layer
from tests.pruning.judges import covariance, gaussian_rows

K, M, N, NETWORKS, MASKS = 3, 2, 1000, 20, 4
FALSE_ALARM, REJECTION = 1e-6, 1e-9
V, A = np.array([1.0, -0.5, 2.0]), np.array([1.0, 1.5])
C = covariance(K, M, 2)
NAMES = [*dict.fromkeys([*ACTIVATIONS, "erf[2]", "he3", "polynomial[1, 1, 1/2]"])]
PAIRS = [(g, None) for g in NAMES] + [("relu", "erf"), ("erf", "sign")]
METHODS = REGISTERED.usable()

functions = pytest.mark.parametrize(("g", "h"), PAIRS, ids=[f"{g} from {h or 'itself'}" for g, h in PAIRS])
methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def state_of(g, h, C=C):
    return OrderParameters.unpruned(C[:K, :K], C[:K, K:], C[K:, K:], V, A, activation=g, teacher_activation=h)


@functions
@methods
def test_the_ends(method, g, h):
    """Keeping everything changes nothing; keeping nothing leaves the teacher's error, and what dead nodes put out."""
    state, everything = state_of(g, h), K if method.unit == "node" else 1.0
    rounding = 1e-12 * np.abs(np.diag(state.covariance)).max() ** 3 * np.abs(state.signed_weights).sum() ** 2
    assert abs(method.limit(state, everything).generalization_error() - error_of(state)) <= rounding
    dead = C.copy()
    dead[:K], dead[:, :K] = 0.0, 0.0
    nothing = state_of(g, h, dead) if method.unit == "edge" else state_of(g, h).with_(v=np.zeros(K))
    assert abs(method.limit(state, type(everything)(0)).generalization_error() - error_of(nothing)) <= rounding


@cache
def masked(name):
    """(networks, masked covariances or kept nodes of each) of a method at half."""
    method, rng = METHODS[name], np.random.default_rng(31)
    found = []
    for _ in range(NETWORKS):
        rows = gaussian_rows(C, N, rng)
        count = 1 if method.deterministic else MASKS if method.unit == "edge" else 100
        masks = method.draw(Layer.on_white_inputs(rows[:K], V), 2 if method.unit == "node" else 0.5, rng, count)
        fields = []
        for mask in masks if method.unit == "edge" else ():
            pruned = rows.copy()
            pruned[:K] *= mask
            fields.append(pruned @ pruned.T / N)
        found.append((rows @ rows.T / N, np.array(fields) if fields else masks))
    return found


@functions
@methods
@pytest.mark.statistical
def test_halfway_it_is_what_masks_do(method, g, h):
    twin = "relu" if (g, h) == ("erf", None) else "erf"
    gaps, wrong = [], []
    for own, drawn in masked(method.name):
        if method.unit == "edge":
            measured = errors_of([state_of(g, h, x) for x in drawn]).mean()
        else:
            measured = errors_of([state_of(g, h, own).with_(v=V * mask) for mask in drawn]).mean()
        keep = 2 if method.unit == "node" else 0.5
        for theory, found in ((state_of(g, h, own), gaps), (state_of(twin, None, own), wrong)):
            found.append(measured - method.limit(theory, keep).generalization_error())
    # a method that leaves nothing to chance differs by rounding only
    assert np.abs(gaps).max() < 1e-12 or ttest_1samp(gaps, 0.0).pvalue > FALSE_ALARM
    assert ttest_1samp(wrong, 0.0).pvalue < REJECTION


@functions
def test_refitted_and_rescaled(g, h):
    """A refit reproduces the unpruned output as well as the kept nodes can, and no factor beats the best one."""
    state = state_of(g, h)
    moments, subsets = moments_of(state), [[0, 1], [0, 2], [1, 2]]
    expected = []
    for kept in subsets:
        v = np.zeros(K)
        v[kept] = np.linalg.lstsq(moments[np.ix_(kept, kept)], moments[kept, :K] @ V, rcond=None)[0]
        expected.append(error_of(state.with_(v=v)))
    refitted = METHODS["random-node"].limit(state, 2).generalization_error(reweight=True)
    assert refitted == pytest.approx(np.mean(expected), rel=1e-9)
    edges = METHODS["random-edge"].limit(state, 0.5)
    best = edges.generalization_error(rescale="optimal")
    for factor in (0.0, 0.3, 1.0, 1.1, 2.0, 30.0):
        scale = np.array([factor] * K + [1.0] * M)
        found = generalization_error(edges.covariance * np.outer(scale, scale), state.signed_weights, g, h, K)
        assert best <= found + 1e-12 * (1 + abs(found))


@pytest.mark.statistical
def test_kernels_of_outputs():
    """A DPP over outputs draws by the law of its limit: of the student's own activation, which another one's is not."""
    from divprune_sym.pruning import DPPNode

    laws = {g: DPPNode("activation").law(state_of(g, None), 2).pairs for g in ("relu", "he3", "erf")}
    layer = Layer.on_white_inputs(np.linalg.cholesky(C)[:K] * np.sqrt(K + M), V, "relu")
    drawn = DPPNode("activation").draw(layer, 2, np.random.default_rng(0), 40_000)
    counted = (drawn[:, :, None] & drawn[:, None, :]).mean(axis=0)
    # nine shares of 40 000 draws: beyond 6 standard errors once in 1e8
    assert np.abs(counted - laws["relu"]).max() < 6 * 0.5 / 200
    assert min(np.abs(counted - laws[g]).max() for g in ("he3", "erf")) > 6 * 0.5 / 200


@pytest.mark.parametrize("c", [1e-9, 1e-3, 100.0, 1e6])
@functions
def test_the_best_factor_knows_no_unit(g, h, c):
    """(Q, R) → (c²Q, cR) changes nothing."""
    unit = np.array([c] * K + [1.0] * M)
    errors = [
        METHODS["random-edge"].limit(state_of(g, h, x), 0.5).generalization_error(rescale="optimal")
        for x in (C, C * np.outer(unit, unit))
    ]
    assert errors[1] == pytest.approx(errors[0], rel=1e-9)


def test_the_best_factor_may_be_none_at_all():
    """A student that answers −g(ρ) is best without its edges."""
    state = OrderParameters.unpruned([[1.0]], [[-1.0]], [[1.0]], [1.0], [1.0])
    error = METHODS["random-edge"].limit(state, 0.5).generalization_error(rescale="optimal")
    assert error == pytest.approx(float(generalization_error(np.eye(1), np.ones(1))), rel=1e-14)


@pytest.mark.parametrize("g", ["relu", "erf"])
def test_a_network_measures_its_own_activation(g):
    network = Network(np.eye(2), V[:2], np.eye(2), A, activation=g)
    assert network.order_parameters().activation == g
