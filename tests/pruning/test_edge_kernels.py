"""RBF kernels over edges, against the features themselves, and masks drawn from them.

Seeds are fixed; over seeds, each statistical check would fail a correct sampler with probability 1e-6.
"""

import doctest
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chisquare

from divprune_sym.dpp import KernelWarning, LEnsemble, rbf_kernel
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import DPPEdge, Layer, edge_kernels, rbf_edge_kernel

WEIGHTS = np.array([[1.0, -0.5, 3.0, 2.0, 0.7], [0.2, 1.0, 1.0, 0.0, -1.0]])


def inputs():
    """Five inputs, one never lit and one a copy."""
    x = np.random.default_rng(90).standard_normal((300, 5)) @ (np.eye(5) + 0.4 * np.tri(5, k=-1))
    x[:, 2] = 0.0
    x[:, 4] = x[:, 0]
    return x


def layer(weights=WEIGHTS, moments=None):
    K = len(weights)
    moments = inputs().T @ inputs() / 300 if moments is None else moments
    return Layer(weights, np.ones((K, 1)), np.eye(K), np.eye(K), moments)


@pytest.mark.parametrize("beta", [None, 0.7])
def test_no_samples_are_needed(beta):
    features = (inputs() * WEIGHTS[0]).T / np.sqrt(300)
    found = rbf_edge_kernel(WEIGHTS[0], layer().input_moments, beta)
    np.testing.assert_allclose(found, rbf_kernel(features, beta), rtol=0, atol=1e-12)


def counts(masks):
    """How often each subset of two edges is kept."""
    pairs = np.nonzero(masks)[1].reshape(-1, 2)
    return np.array([((pairs == S).all(axis=1)).sum() for S in combinations(range(5), 2)])


@pytest.mark.parametrize("beta", [None, 0.7])
@pytest.mark.statistical
def test_masks_follow_the_law_of_the_features(beta):
    n = 8000
    masks = DPPEdge("rbf", beta).draw(layer(), 0.4, np.random.default_rng(91), n)
    expected = []
    for w in WEIGHTS:
        features = (inputs() * w).T / np.sqrt(300)
        expected.append(n * LEnsemble.from_matrix(rbf_kernel(features, beta)).subset_probabilities(2)[1])
    for node in range(2):
        drawn, cells = counts(masks[:, node]), expected[node] > 5
        assert drawn[~cells].sum() <= expected[node][~cells].sum() + 20
        law = expected[node][cells]
        assert chisquare(drawn[cells], law * drawn[cells].sum() / law.sum()).pvalue > 1e-6
    uniform = np.full(10, n / 10)
    assert chisquare(counts(masks[:, 0]), uniform).pvalue < 1e-12


def test_white_inputs_and_another_seed():
    white = Layer(WEIGHTS, np.ones((2, 1)), np.eye(2), np.eye(2))
    same = [DPPEdge("rbf").draw(white, 0.4, np.random.default_rng(92), 50) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    identity = DPPEdge("rbf").draw(layer(moments=np.eye(5)), 0.4, np.random.default_rng(92), 50)
    np.testing.assert_array_equal(same[0], identity)


def test_a_beta_that_makes_the_kernel_the_identity_is_warned_of():
    weights = np.arange(1.0, 6.0)[None]
    with pytest.warns(KernelWarning, match="edges of a node: the kernel is a multiple of the identity"):
        DPPEdge("rbf", 1e4).draw(layer(weights, np.eye(5)), 0.4, np.random.default_rng(93))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: DPPEdge("cubic"), "kernel 'cubic': choose from linear, rbf"),
        (lambda: DPPEdge("linear", 1.0), "beta = 1.0: belongs to the kernel 'rbf'"),
        (lambda: DPPEdge("rbf", 0.0), "beta = 0: must be positive"),
        (lambda: DPPEdge("rbf").keep_law(0.5), "its limit is known for the kernel 'linear', not for 'rbf'"),
    ],
)
def test_refusals(ask, words):
    with pytest.raises(BadInput, match=words):
        ask()


def test_the_example():
    assert doctest.testmod(edge_kernels).failed == 0
