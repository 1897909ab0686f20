"""Masks drawn on real layers: counts, laws, ties, and what is refused.

Seeds are fixed. Over seeds, a correct sampler fails one of the χ² tests with probability 1e-6 (FALSE_ALARM), and
the wrong samplers beside it must get p < 1e-12 (REJECTION).
"""

from itertools import combinations

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.pruning import METHODS, DPPEdge, DPPNode, ImportanceNode, Layer, MagnitudeEdge, RandomEdge, RandomNode
from divprune_sym.specialized import specialized_state
from tests.pruning.judges import (
    ALL_METHODS,
    EDGE_METHODS,
    FALSE_ALARM,
    NODE_METHODS,
    REJECTION,
    fit_pvalue,
    law_of,
    layer,
    subset_codes,
    uniform_masks,
)

pytestmark = pytest.mark.slow(22)

DRAWS = 20_000
NODES = pytest.mark.parametrize("method", NODE_METHODS.values(), ids=NODE_METHODS)
EDGES = pytest.mark.parametrize("method", EDGE_METHODS.values(), ids=EDGE_METHODS)
ALL = pytest.mark.parametrize("method", ALL_METHODS.values(), ids=ALL_METHODS)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def some_keep(method):
    return 2 if method.unit == "node" else 0.4


@NODES
@pytest.mark.parametrize("keep", range(5))
def test_nodes_kept(method, keep, rng):
    masks = method.draw(layer(1), keep, rng, 50)
    assert masks.dtype == bool
    assert masks.shape == (50, 4)
    assert (masks.sum(axis=1) == keep).all()


@EDGES
@pytest.mark.parametrize(("keep", "edges"), [(0.0, 0), (0.05, 0), (0.06, 1), (0.4, 4), (0.5, 5), (0.99, 9), (1.0, 9)])
def test_edges_kept(method, keep, edges, rng):
    """round(pN), half up: 0.5 · 9 = 4.5 gives 5."""
    masks = method.draw(layer(2), keep, rng, 20)
    assert masks.dtype == bool
    assert masks.shape == (20, 4, 9)
    assert (masks.sum(axis=2) == edges).all()


@ALL
def test_a_seed_repeats_the_masks(method):
    look = layer(3)
    first, second = (method.draw(look, some_keep(method), np.random.default_rng(9), 30) for _ in range(2))
    assert (first == second).all()
    other = method.draw(look, some_keep(method), np.random.default_rng(10), 30)
    settled = method.deterministic or isinstance(method, ImportanceNode)  # no ties here
    assert (first == other).all() == settled


@ALL
def test_one_mask_by_default_and_none_on_request(method, rng):
    assert len(method.draw(layer(3), some_keep(method), rng)) == 1
    assert len(method.draw(layer(3), some_keep(method), rng, 0)) == 0


@NODES
@pytest.mark.parametrize("keep", [-1, 5, 1.5, True])
def test_impossible_numbers_of_nodes(method, keep, rng):
    with pytest.raises(BadInput, match="keep"):
        method.draw(layer(4), keep, rng)
    with pytest.raises(BadInput, match="keep"):
        method.limit(specialized_state(2, 2, 1.0), keep)


@EDGES
@pytest.mark.parametrize("keep", [-0.1, 1.1, float("nan"), "half"])
def test_impossible_fractions_of_edges(method, keep, rng):
    with pytest.raises(BadInput, match="keep fraction"):
        method.draw(layer(4), keep, rng)
    with pytest.raises(BadInput, match="keep fraction"):
        method.limit(specialized_state(2, 2, 1.0), keep)


@pytest.mark.statistical
def test_random_nodes_are_uniform(rng):
    law = law_of(np.array(list(combinations(range(4), 2))), np.full(6, 1 / 6))
    look = layer(5)
    assert fit_pvalue(subset_codes(RandomNode().draw(look, 2, rng, DRAWS)), law) > FALSE_ALARM
    assert fit_pvalue(subset_codes(DPPNode().draw(look, 2, rng, DRAWS)), law) < REJECTION


@pytest.mark.statistical
def test_random_edges_are_uniform_and_independent_between_nodes(rng):
    """All 36 pairs of subsets, two of four edges for each of two nodes."""
    look = Layer.on_white_inputs(np.ones((2, 4)), np.ones(2))
    one = law_of(np.array(list(combinations(range(4), 2))), np.full(6, 1 / 6))
    law = {a + 16 * b: p * q for a, p in one.items() for b, q in one.items()}
    masks = RandomEdge().draw(look, 0.5, rng, DRAWS)
    assert fit_pvalue(subset_codes(masks.reshape(DRAWS, 8)), law) > FALSE_ALARM
    shared = np.repeat(masks[:, :1], 2, axis=1)
    assert fit_pvalue(subset_codes(shared.reshape(DRAWS, 8)), law) < REJECTION
    bernoulli = rng.random((DRAWS, 8)) < 0.5
    assert fit_pvalue(subset_codes(bernoulli), law) < REJECTION


@pytest.mark.statistical
def test_importance_breaks_ties_uniformly(rng):
    """Scores 2, 1, 1, 1, 1, ½ and three kept: the best for certain, two of the four at the threshold."""
    look = layer(6, K=6, ties=True)
    tied = [0, 1, 3, 5]
    law = law_of(np.array([(2, *pair) for pair in combinations(tied, 2)]), np.full(6, 1 / 6))
    assert fit_pvalue(subset_codes(ImportanceNode().draw(look, 3, rng, DRAWS)), law) > FALSE_ALARM
    first_come = np.zeros((DRAWS, 6), dtype=bool)
    first_come[:, np.argsort(-np.abs(look.outgoing[:, 0]), kind="stable")[:3]] = True
    assert fit_pvalue(subset_codes(first_come), law) < REJECTION
    assert fit_pvalue(subset_codes(uniform_masks(3, 6, rng, DRAWS)), law) < REJECTION


def test_importance_adds_up_all_outgoing_weights(rng):
    outgoing = np.array([[2.0, 2.0], [3.0, 0.0], [-3.5, 0.2], [2.4, -2.4]])  # scores 4, 3, 3.7, 4.8
    look = Layer.on_white_inputs(rng.standard_normal((4, 5)), outgoing)
    assert ImportanceNode().draw(look, 2, rng)[0].tolist() == [True, False, False, True]


@pytest.mark.statistical
def test_scores_a_rounding_apart_are_tied(rng):
    look = Layer.on_white_inputs(rng.standard_normal((3, 5)), [0.1 + 0.2, 0.3, -0.3])
    law = {1: 1 / 3, 2: 1 / 3, 4: 1 / 3}
    assert fit_pvalue(subset_codes(ImportanceNode().draw(look, 1, rng, DRAWS)), law) > FALSE_ALARM


@pytest.mark.statistical
def test_nodes_without_outgoing_weights_are_all_alike(rng):
    look = Layer.on_white_inputs(rng.standard_normal((4, 5)), np.zeros(4))
    law = law_of(np.array(list(combinations(range(4), 2))), np.full(6, 1 / 6))
    assert fit_pvalue(subset_codes(ImportanceNode().draw(look, 2, rng, DRAWS)), law) > FALSE_ALARM


def test_magnitude_keeps_the_largest(rng):
    look = layer(7, N=200)
    masks = MagnitudeEdge().draw(look, 0.3, rng, 3)
    assert (masks == masks[0]).all()
    for weights, mask in zip(np.abs(look.weights), masks[0], strict=True):
        assert weights[mask].min() > weights[~mask].max()


@pytest.mark.parametrize(
    ("weights", "keep", "sure", "tied"),
    [
        ([3.0, 1.0, -1.0, 1.0, -1.0, 0.5], 3, (0,), (1, 2, 3, 4)),
        ([0.0, 2.0, 0.0, 0.0, -1.0, 0.0], 4, (1, 4), (0, 2, 3, 5)),
    ],
    ids=["equal magnitudes", "already pruned"],
)
@pytest.mark.statistical
def test_magnitude_breaks_ties_uniformly(weights, keep, sure, tied, rng):
    look = Layer.on_white_inputs(np.array([weights]), np.ones(1))
    law = law_of(np.array([(*sure, *pair) for pair in combinations(tied, 2)]), np.full(6, 1 / 6))
    masks = MagnitudeEdge().draw(look, keep / 6, rng, DRAWS)[:, 0]
    assert fit_pvalue(subset_codes(masks), law) > FALSE_ALARM
    first_come = np.zeros((DRAWS, 6), dtype=bool)
    first_come[:, np.argsort(-np.abs(weights), kind="stable")[:keep]] = True
    assert fit_pvalue(subset_codes(first_come), law) < REJECTION


def determinant_law(L, keep):
    """P(S) ∝ det L_S, by plain determinants."""
    subsets = np.array(list(combinations(range(len(L)), keep)))
    minors = np.array([np.linalg.det(L[np.ix_(S, S)]) for S in subsets])
    return law_of(subsets, minors / minors.sum())


@pytest.mark.parametrize("keep", [1, 2, 3])
@pytest.mark.parametrize("kernel", ["preactivation", "activation"])
@pytest.mark.statistical
def test_dpp_nodes_follow_the_determinants(kernel, keep, rng):
    # unequal lengths: 20 000 draws tell the two kernels, and either from uniform, at p < 1e-12
    weights = rng.standard_normal((4, 6)) * np.array([0.3, 0.8, 1.5, 3.0])[:, None]
    look = Layer.on_white_inputs(weights, np.ones(4))
    laws = {
        "preactivation": determinant_law(look.preactivation_kernel, keep),
        "activation": determinant_law(look.activation_kernel, keep),
    }
    drawn = subset_codes(DPPNode(kernel).draw(look, keep, rng, DRAWS))
    assert fit_pvalue(drawn, laws.pop(kernel)) > FALSE_ALARM
    (other,) = laws.values()
    assert fit_pvalue(drawn, other) < REJECTION


@pytest.mark.statistical
def test_dpp_nodes_use_the_kernel_of_the_data(rng):
    """On real data the kernels come from the data, not from the weights."""
    look = Layer(np.ones((3, 4)), np.ones((3, 1)), np.diag([1.0, 2.0, 5.0]), np.diag([5.0, 2.0, 1.0]))
    for kernel, diagonal in (("activation", [1, 2, 5]), ("preactivation", [5, 2, 1])):
        law = {1 << i: weight / 8 for i, weight in enumerate(diagonal)}
        assert fit_pvalue(subset_codes(DPPNode(kernel).draw(look, 1, rng, DRAWS)), law) > FALSE_ALARM


def test_unknown_node_kernel():
    with pytest.raises(BadInput, match=r"kernel 'rbf': choose from preactivation, activation"):
        DPPNode("rbf")


WEIGHTS = np.array([0.5, -1.0, 2.0, -0.7, 1.4])


@pytest.mark.parametrize("keep", [1, 2, 4])
@pytest.mark.statistical
def test_dpp_edges_on_white_inputs(keep, rng):
    look = Layer.on_white_inputs(WEIGHTS[None], np.ones(1))
    drawn = subset_codes(DPPEdge().draw(look, keep / 5, rng, DRAWS)[:, 0])
    assert fit_pvalue(drawn, determinant_law(np.diag(WEIGHTS**2), keep)) > FALSE_ALARM
    assert fit_pvalue(drawn, determinant_law(np.diag(np.abs(WEIGHTS)), keep)) < REJECTION


@pytest.mark.parametrize("keep", [2, 3])
@pytest.mark.statistical
def test_dpp_edges_on_correlated_inputs(keep, rng):
    """The kernel L_jl = w_j E[x_j x_l] w_l of each node; the diagonal alone is another law."""
    X = rng.standard_normal((40, 5)) @ (np.eye(5) + np.tri(5, k=-1))
    moments = X.T @ X / 40
    weights = np.array([WEIGHTS, WEIGHTS[::-1]])
    look = Layer(weights, np.ones((2, 1)), np.eye(2), np.eye(2), moments)
    masks = DPPEdge().draw(look, keep / 5, rng, DRAWS)
    for node, w in enumerate(weights):
        drawn = subset_codes(masks[:, node])
        L = w[:, None] * moments * w
        assert fit_pvalue(drawn, determinant_law(L, keep)) > FALSE_ALARM
        assert fit_pvalue(drawn, determinant_law(np.diag(np.diag(L)), keep)) < REJECTION


@pytest.mark.parametrize("white", [True, False])
@pytest.mark.statistical
def test_dpp_edges_keep_dead_edges_last(white, rng):
    """Three edges of five can carry a signal; beyond these the limit ε → 0 keeps dead ones, uniformly."""
    alive = np.array([1, 0, 1, 1, 0], dtype=bool)
    if white:
        look = Layer.on_white_inputs((WEIGHTS * alive)[None], np.ones(1))
    else:
        moments = np.where(np.outer(alive, alive), np.full((5, 5), 0.3) + 0.7 * np.eye(5), 0.0)
        look = Layer(WEIGHTS[None], np.ones((1, 1)), np.eye(1), np.eye(1), moments)
    assert not DPPEdge().draw(look, 2 / 5, rng, 200)[:, 0, ~alive].any()
    drawn = DPPEdge().draw(look, 4 / 5, rng, DRAWS)[:, 0]
    law = law_of(np.array([[0, 1, 2, 3], [0, 2, 3, 4]]), [0.5, 0.5])
    assert fit_pvalue(subset_codes(drawn), law) > FALSE_ALARM


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weights": np.ones(4)}, BadShape, r"weights: shape \(4,\)"),
        ({"weights": np.ones((0, 4))}, BadInput, "at least one node and one input"),
        ({"weights": np.full((2, 4), np.nan)}, BadInput, "weights: nan"),
        ({"outgoing": np.ones((3, 1))}, BadShape, r"outgoing: shape \(3, 1\), expected \(2, any\)"),
        ({"activation_kernel": np.eye(3)}, BadShape, "activation_kernel"),
        ({"preactivation_kernel": np.full((2, 2), np.inf)}, BadInput, "preactivation_kernel: inf"),
        ({"input_moments": np.eye(3)}, BadShape, r"input_moments: shape \(3, 3\), expected \(4, 4\)"),
    ],
)
def test_layers_that_cannot_be(change, error, message):
    good = {
        "weights": np.ones((2, 4)),
        "outgoing": np.ones((2, 1)),
        "activation_kernel": np.eye(2),
        "preactivation_kernel": np.eye(2),
    }
    Layer(**good)
    with pytest.raises(error, match=message):
        Layer(**good | change)


def test_white_layers_that_cannot_be():
    with pytest.raises(BadShape, match="weights"):
        Layer.on_white_inputs(np.ones(4), np.ones(4))
    with pytest.raises(BadInput, match="at least one node and one input"):
        Layer.on_white_inputs(np.ones((4, 0)), np.ones(4))
    with pytest.raises(BadShape, match=r"outgoing: shape \(4, 1\), expected \(2, any\)"):
        Layer.on_white_inputs(np.ones((2, 4)), np.ones(4))


@ALL
def test_names(method):
    assert METHODS[method.name] is method
    assert repr(method) == f"<pruning method {method.name}>"
