"""`limit` against `draw`: the same method read for N → ∞ and run on large Gaussian networks.

Every statistical test here fails correct code with probability 1e-6 over seeds (FALSE_ALARM), and has to give
wrong theory p < 1e-12 (REJECTION). Edges: 60 networks of N = 3000; what masks make of a network's overlaps minus
the limit of these overlaps, judged by Student's t. The two faces of one method differ by O(1/N), the bias of a
sample quantile: up to a quarter of a standard error here (measured on 6000 networks of N = 200), which at most
triples that probability.
"""

import numpy as np
import pytest
from scipy.special import erf
from scipy.stats import norm

from divprune_sym import Network, generalization_error
from divprune_sym.pruning import DPPNode, Layer, NodeLimit, RandomNode
from divprune_sym.pruning.subset_laws import uniform_law
from tests.pruning.judges import (
    ALL_METHODS,
    EDGE_METHODS,
    FALSE_ALARM,
    NODE_METHODS,
    REJECTION,
    covariance,
    fit_pvalue,
    gaussian_rows,
    law_of,
    mean_pvalue,
    state_of,
    subset_codes,
)

pytestmark = pytest.mark.slow(26)

K, M, N, NETWORKS = 3, 2, 3000, 60
C = covariance(K, M, 2)
STATE = state_of(C, K, np.array([1.0, -0.5, 2.0]), np.array([1.0, 1.5]))
UPPER = np.triu_indices(K + M)
OF_STUDENT = UPPER[0] < K
NODES = pytest.mark.parametrize("method", NODE_METHODS.values(), ids=NODE_METHODS)
DRAWS = 40_000


@pytest.fixture(scope="module", params=EDGE_METHODS.values(), ids=EDGE_METHODS)
def edge_samples(request):
    """An edge method, the networks' own states, and {p: pruned overlaps (networks, F, F)} of its masks."""
    rng = np.random.default_rng(21)
    states, samples = [], {0.25: [], 0.5: []}
    for _ in range(NETWORKS):
        rows = gaussian_rows(C, N, rng)
        states.append(state_of(rows @ rows.T / N, K, np.ones(K), np.ones(M)))
        layer = Layer.on_white_inputs(rows[:K], np.ones(K))
        for keep, overlaps in samples.items():
            pruned = rows.copy()
            pruned[:K] *= request.param.draw(layer, keep, rng)[0]
            overlaps.append(pruned @ pruned.T / N)
    return request.param, states, samples


def gap_pvalue(overlaps, theory):
    """Measured minus theory (F, F) of each network; the teacher's own overlaps are left out."""
    gaps = np.array(overlaps) - np.array(theory)
    return mean_pvalue(gaps[:, *UPPER][:, OF_STUDENT])


@pytest.mark.statistical
def test_edge_limits_are_what_masks_do(edge_samples):
    method, states, samples = edge_samples
    for keep, overlaps in samples.items():
        assert gap_pvalue(overlaps, [method.limit(x, keep).covariance for x in states]) > FALSE_ALARM
        for wrong in (keep - 0.1, keep + 0.1):
            assert gap_pvalue(overlaps, [method.limit(x, wrong).covariance for x in states]) < REJECTION


@pytest.mark.statistical
def test_edge_limits_of_another_method_are_rejected(edge_samples):
    method, states, samples = edge_samples
    for other in EDGE_METHODS.values():
        if other is not method:
            for keep, overlaps in samples.items():
                assert gap_pvalue(overlaps, [other.limit(x, keep).covariance for x in states]) < REJECTION


def tampered(state, diagonal, off_diagonal, teacher):
    """Pruned overlaps with given factors on Q_ii, Q_ik and R_in."""
    wrong = state.covariance
    wrong[:K, :K] *= np.where(np.eye(K, dtype=bool), diagonal, off_diagonal)
    wrong[:K, K:] *= teacher
    wrong[K:, :K] *= teacher
    return wrong


@pytest.mark.statistical
def test_wrong_limits_are_rejected(edge_samples):
    """One mask shared by all nodes (p for p²), p for E[z²π], and E[z²π]² Q_ik for the bivariate moment."""
    method, states, samples = edge_samples
    for keep, overlaps in samples.items():
        m = method.keep_law(keep).kept_square
        factors = [(m, m, m)]
        if method.name != "random-edge":  # for random edges these two are the limit itself
            factors += [(keep, keep**2, keep), (m, m**2, m)]
        for wrong in factors:
            assert gap_pvalue(overlaps, [tampered(x, *wrong) for x in states]) < REJECTION


@pytest.fixture(scope="module")
def small_network():
    """Four nodes of unequal lengths, three of them tied in |v|: no two methods agree on which to keep."""
    rows = gaussian_rows(covariance(4, 2, 6), 50, np.random.default_rng(20))
    w = rows[:4] * np.array([0.2, 0.7, 1.5, 3.0])[:, None]
    return Network(w, np.array([1.0, 1.0, -1.0, 2.0]), rows[4:], np.ones(2))


def right_and_wrong_masks(method, network, keep, rng):
    """Masks of the method, and of one that it should not be taken for."""
    layer = Layer.on_white_inputs(network.w, network.v)
    other = DPPNode() if not isinstance(method, DPPNode) else RandomNode()
    return (x.draw(layer, keep, rng, DRAWS) for x in (method, other))


@NODES
@pytest.mark.parametrize("keep", [1, 2, 3])
@pytest.mark.statistical
def test_nodes_are_drawn_by_the_law_of_the_limit(method, keep, small_network):
    """The law at a network's own order parameters."""
    law = law_of(*method.law(small_network.order_parameters(), keep).subsets())
    right, wrong = right_and_wrong_masks(method, small_network, keep, np.random.default_rng(22))
    assert fit_pvalue(subset_codes(right), law) > FALSE_ALARM
    assert fit_pvalue(subset_codes(wrong), law) < REJECTION


@NODES
@pytest.mark.parametrize("reweight", [False, True])
@pytest.mark.statistical
def test_node_errors_are_the_mean_over_masks(method, reweight, small_network):
    """The mean error of 40 000 masks is normal about the limit."""
    limit = method.limit(small_network.order_parameters(), 2)
    expected = limit.generalization_error(reweight=reweight)
    right, wrong = right_and_wrong_masks(method, small_network, 2, np.random.default_rng(23))

    def error_of(mask):
        S = np.flatnonzero(mask)
        certain = uniform_law(S, np.empty(0, dtype=np.int64), 4, len(S))
        return NodeLimit(limit.unpruned, certain, method).generalization_error(reweight=reweight)

    def pvalue(masks):
        patterns, counts = np.unique(masks, axis=0, return_counts=True)
        gaps = np.repeat([error_of(mask) for mask in patterns], counts) - expected
        return float(2 * norm.sf(abs(gaps.mean()) / (gaps.std() / np.sqrt(DRAWS))))

    assert pvalue(right) > FALSE_ALARM
    assert pvalue(wrong) < REJECTION


@pytest.mark.parametrize("method", ALL_METHODS.values(), ids=ALL_METHODS)
@pytest.mark.statistical
def test_errors_are_measured_errors(method):
    """ε_g of a pruned finite network against 400 000 fresh inputs to the network itself.

    N = 30 inputs: fields are exactly Gaussian for Gaussian inputs, at any N. The squared error of a test input
    averages to a normal variable; the unpruned ε_g is far off.
    """
    rng = np.random.default_rng(24)
    rows = gaussian_rows(C, 30, rng)
    w, B = rows[:K], rows[K:]
    mask = method.draw(Layer.on_white_inputs(w, STATE.v), 2 if method.unit == "node" else 0.5, rng)[0]
    v = STATE.v * mask if method.unit == "node" else STATE.v
    pruned = w if method.unit == "node" else w * mask

    X = rng.standard_normal((400_000, 30)) / np.sqrt(30)

    def output(first, second):
        return erf(X @ first.T / np.sqrt(2)) @ second

    losses = 0.5 * (output(pruned, v) - output(B, STATE.A)) ** 2

    def pvalue(network):
        state = network.order_parameters()
        gap = losses - float(generalization_error(state.covariance, state.signed_weights))
        return 2 * norm.sf(abs(gap.mean()) / (gap.std() / np.sqrt(len(gap))))

    assert pvalue(Network(pruned, v, B, STATE.A)) > FALSE_ALARM
    assert pvalue(Network(w, STATE.v, B, STATE.A)) < REJECTION
