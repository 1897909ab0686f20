"""Pruning a trained network: counts, least squares, the order of layers, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.networks.moments import MomentSum, SeenLayer
from divprune_sym.networks.network import DenseNetwork
from divprune_sym.networks.prune import PruneSetting, methods_for_networks, prune_network
from divprune_sym.networks.scores import ScoredEdges, ScoredNodes
from divprune_sym.networks.sklearn_models import from_sklearn
from divprune_sym.pruning import METHODS, DPPNode, EdgeMethod, ImportanceNode, Layer, RandomEdge, RandomNode

pytestmark = pytest.mark.slow(12)

X, Y = load_digits(return_X_y=True)
X = X[:600] / 16
DEAD = X.std(axis=0) == 0

# groups of inputs can keep few shares only
ANY_SHARE = {name: method for name, method in METHODS.items() if not getattr(method, "fractions", None)}
ALL = methods_for_networks(ANY_SHARE)
NODE_METHODS = {name: m for name, m in ALL.items() if m.unit == "node"}
EDGE_METHODS = {name: m for name, m in ALL.items() if m.unit == "edge"}


def prune_layers(network, x, method, fraction, rng, *, reweight):
    """Compact where nodes are removed."""
    return prune_network(network, x, method, fraction, rng, PruneSetting(reweight=reweight)).smallest


def trained(*hidden):
    classifier = MLPClassifier(hidden, activation="logistic", learning_rate_init=0.01, batch_size=50, random_state=0)
    for _ in range(15):
        classifier.partial_fit(X, Y[:600], classes=np.arange(10))
    network = from_sklearn(classifier)
    # fields, not probabilities, at the output: least squares is about them
    return DenseNetwork(network.weights, network.biases, (*network.activations[:-1], "identity"))


@pytest.fixture(scope="module")
def deep():
    return trained(24, 16)


@pytest.fixture(scope="module")
def shallow():
    """One hidden layer: what follows it is the output, so both are easily compared."""
    return trained(24)


def rng():
    return np.random.default_rng(5)


def fitted_with_constant(columns, targets):
    """Least squares of targets (n, O) on columns (n, k) and a constant: the fitted values."""
    design = np.column_stack([columns, np.ones(len(columns))])
    return design @ np.linalg.lstsq(design, targets)[0]


def test_data_have_dead_pixels():
    assert DEAD.sum() > 3


@pytest.mark.parametrize("reweight", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_keeping_everything_changes_nothing(deep, name, reweight):
    kept = prune_layers(deep, X, ALL[name], 1.0, rng(), reweight=reweight)
    np.testing.assert_allclose(kept.forward(X), deep.forward(X), rtol=0, atol=1e-12)
    assert kept.parameters == deep.parameters


@pytest.mark.parametrize("reweight", [False, True])
@pytest.mark.parametrize("fraction", [0.2, 0.55, 0.9])
@pytest.mark.parametrize("name", NODE_METHODS)
def test_nodes_kept(deep, name, fraction, reweight):
    pruned = prune_layers(deep, X, NODE_METHODS[name], fraction, rng(), reweight=reweight)
    first, second = round(24 * fraction), round(16 * fraction)
    assert [W.shape for W in pruned.weights] == [(first, 64), (second, first), (10, second)]


@pytest.mark.parametrize("reweight", [False, True])
@pytest.mark.parametrize("fraction", [0.2, 0.55, 0.9])
@pytest.mark.parametrize("name", EDGE_METHODS)
def test_edges_kept(deep, name, fraction, reweight):
    pruned = prune_layers(deep, X, EDGE_METHODS[name], fraction, rng(), reweight=reweight)
    for before, after in zip(deep.weights[:2], pruned.weights[:2], strict=True):
        assert (np.count_nonzero(after, axis=1) == round(fraction * before.shape[1])).all()
    np.testing.assert_array_equal(pruned.weights[2], deep.weights[2])


def test_removed_nodes_send_nothing_on(shallow):
    pruned = prune_layers(shallow, X, ImportanceNode(), 0.5, rng(), reweight=False)
    score = np.abs(shallow.weights[1]).sum(axis=0)
    h = shallow.outputs(0, X) * (score > np.sort(score)[11])
    np.testing.assert_allclose(pruned.forward(X), shallow.preactivations(1, h), rtol=0, atol=1e-12)


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("name", NODE_METHODS)
def test_reweighted_nodes_are_the_least_squares_fit(shallow, name, fraction):
    plain, reweighted = (
        prune_layers(shallow, X, NODE_METHODS[name], fraction, rng(), reweight=reweight) for reweight in (False, True)
    )
    np.testing.assert_array_equal(plain.weights[0], reweighted.weights[0])
    wanted = shallow.forward(X)
    best = fitted_with_constant(plain.outputs(0, X), wanted)
    np.testing.assert_allclose(reweighted.forward(X), best, rtol=0, atol=1e-8)
    loss = [np.square(network.forward(X) - wanted).sum(axis=0) for network in (plain, reweighted)]
    assert (loss[1] <= loss[0] * (1 + 1e-9)).all()


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("name", EDGE_METHODS)
def test_reweighted_edges_are_the_least_squares_fit(shallow, name, fraction):
    plain, reweighted = (
        prune_layers(shallow, X, EDGE_METHODS[name], fraction, rng(), reweight=reweight) for reweight in (False, True)
    )
    wanted = shallow.preactivations(0, X)
    fields = reweighted.preactivations(0, X)
    for unit, mask in enumerate(plain.weights[0] != 0):
        best = fitted_with_constant(X[:, mask], wanted[:, [unit]])[:, 0]
        np.testing.assert_allclose(fields[:, unit], best, rtol=0, atol=1e-8)
    loss = [np.square(p.preactivations(0, X) - wanted).sum(axis=0) for p in (plain, reweighted)]
    assert (loss[1] <= loss[0] * (1 + 1e-9)).all()
    # the change of minimum norm leaves alone what cannot help
    np.testing.assert_allclose(reweighted.weights[0][:, DEAD], plain.weights[0][:, DEAD], rtol=0, atol=1e-9)


def duplicated(mlp):
    """The same function, every hidden unit twice: a copy gets half the outgoing weight."""
    weights, biases = list(mlp.weights), list(mlp.biases)
    for layer in range(mlp.hidden_layers):
        weights[layer] = np.repeat(weights[layer], 2, axis=0)
        biases[layer] = np.repeat(biases[layer], 2)
        weights[layer + 1] = np.repeat(weights[layer + 1], 2, axis=1) / 2
    return DenseNetwork(tuple(weights), tuple(biases), mlp.activations)


def test_reweighting_recovers_a_network_of_copies():
    original = trained(10, 6)
    copies = duplicated(original)
    np.testing.assert_allclose(copies.forward(X), original.forward(X), rtol=0, atol=1e-12)
    # the kernel of the copies has half rank: the DPP keeps one of each pair
    method = DPPNode(kernel="activation")
    reweighted = prune_layers(copies, X, method, 0.5, rng(), reweight=True)
    plain = prune_layers(copies, X, method, 0.5, rng(), reweight=False)
    np.testing.assert_allclose(reweighted.forward(X), original.forward(X), rtol=0, atol=1e-6)
    assert np.abs(plain.forward(X) - original.forward(X)).max() > 0.1


def test_reweighting_survives_kept_copies():
    """Uniform choice keeps both of some pairs: the moments of the kept units are singular."""
    original = trained(10)
    reweighted = prune_layers(duplicated(original), X, RandomNode(), 0.9, rng(), reweight=True)
    np.testing.assert_allclose(reweighted.forward(X), original.forward(X), rtol=0, atol=1e-6)


class Spy(EdgeMethod):
    """Random edges, and a record of the layers that were looked at."""

    name = "spy"

    def __init__(self):
        self.seen = []

    def keep_law(self, keep):
        raise NotImplementedError

    def draw(self, layer, keep, rng, count=1):
        self.seen.append(layer)
        return RandomEdge().draw(layer, keep, rng, count)


@pytest.mark.parametrize("reweight", [False, True])
def test_second_layer_is_pruned_on_what_the_pruned_first_one_sends(deep, reweight):
    spy = Spy()
    pruned = prune_layers(deep, X, spy, 0.3, rng(), reweight=reweight)
    sent, unpruned = (network.outputs(0, X) for network in (pruned, deep))
    np.testing.assert_allclose(spy.seen[0].input_moments, X.T @ X / len(X), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(spy.seen[1].input_moments, sent.T @ sent / len(X), rtol=1e-12, atol=1e-15)
    assert np.abs(spy.seen[1].input_moments - unpruned.T @ unpruned / len(X)).max() > 1e-3
    if reweight:
        fields = deep.preactivations(1, sent)
        for unit, mask in enumerate(pruned.weights[1] != 0):
            best = fitted_with_constant(sent[:, mask], fields[:, [unit]])[:, 0]
            np.testing.assert_allclose(pruned.preactivations(1, sent)[:, unit], best, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ALL)
def test_pruning_repeats_with_its_generator(deep, name):
    once, again = (prune_layers(deep, X, ALL[name], 0.4, rng(), reweight=True) for _ in range(2))
    for a, b in zip(once.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("x", "fraction", "error", "message"),
    [
        (X[:, :60], 0.5, BadShape, "x: 60 inputs in each row, the network takes 64"),
        (X, 1.5, BadInput, "keep = 1.5"),
        (X[:0], 0.5, BadInput, "no rows"),
    ],
)
def test_pruning_refuses(shallow, x, fraction, error, message):
    with pytest.raises(error, match=message):
        prune_layers(shallow, x, RandomNode(), fraction, rng(), reweight=False)


def test_nothing_and_everything(shallow):
    """0 %: what is left does not depend on the input; refitted, the best constant."""
    x = X[:200]
    for method in ALL.values():
        left = prune_network(shallow, x, method, 0.0, rng()).network
        np.testing.assert_allclose(left.forward(x), np.tile(left.forward(x[:1]), (200, 1)), atol=1e-12, rtol=1e-7)
    fitted = prune_network(shallow, x, RandomNode(), 0.0, rng(), PruneSetting(reweight=True)).network
    np.testing.assert_allclose(fitted.forward(x)[0], shallow.forward(x).mean(axis=0), atol=1e-10, rtol=1e-7)


@pytest.mark.parametrize("meaning", ["removed", "silenced"])
@pytest.mark.parametrize("fit_bias", [True, False])
def test_every_meaning_of_a_refit_is_least_squares(shallow, meaning, fit_bias):
    """The change of kept outgoing weights is the least-squares fit to what pruned nodes no longer put out."""
    setting = PruneSetting(reweight=True, fit_bias=fit_bias, pruned_node=meaning)
    pruned = prune_network(shallow, X, RandomNode(), 0.5, rng(), setting)
    kept = pruned.mask.kept[0]
    h, V = shallow.outputs(0, X), shallow.weights[1]
    still = 1 / (1 + np.exp(-shallow.biases[0])) if meaning == "silenced" else np.zeros(len(kept))
    wanted = (h - still)[:, ~kept] @ V[:, ~kept].T
    design = np.column_stack([h[:, kept], np.ones(len(X))]) if fit_bias else h[:, kept]
    best = design @ np.linalg.lstsq(design, wanted)[0]
    unfitted = prune_network(shallow, X, RandomNode(), 0.5, rng(), PruneSetting(pruned_node=meaning))
    np.testing.assert_array_equal(unfitted.mask.kept[0], kept)
    gained = pruned.network.forward(X) - unfitted.network.forward(X)
    np.testing.assert_allclose(gained, best, rtol=0, atol=1e-7)


def test_published_setting():
    published = PruneSetting.as_published(reweight=True)
    assert (published.pruned_node, published.fit_bias, published.source) == ("silenced", False, "original")


def test_original_activations(deep):
    spy = Spy()
    prune_network(deep, X, spy, 0.3, rng(), PruneSetting(source="original"))
    sent = deep.outputs(0, X)
    np.testing.assert_allclose(spy.seen[1].input_moments, sent.T @ sent / len(X), rtol=1e-12, atol=1e-15)


def test_chosen_layers_and_their_own_shares(deep):
    pruned = prune_network(deep, X, RandomEdge(), {1: 0.25}, rng(), PruneSetting(layers=(1,)))
    np.testing.assert_array_equal(pruned.network.weights[0], deep.weights[0])
    assert pruned.mask.fractions == {1: 0.25}
    both = prune_network(deep, X, RandomNode(), {0: 0.5, 1: 0.25}, rng())
    assert both.compact().widths == (64, 12, 4, 10)
    with pytest.raises(BadInput, match="no share for layer 1"):
        prune_network(deep, X, RandomNode(), {0: 0.5}, rng())
    with pytest.raises(BadInput, match="layer = 2: must be between 0 and 1"):
        prune_network(deep, X, RandomNode(), 0.5, rng(), PruneSetting(layers=(2,)))
    with pytest.raises(BadInput, match="no hidden layer"):
        prune_network(DenseNetwork(deep.weights[:1], deep.biases[:1], ("identity",)), X, RandomNode(), 0.5, rng())
    with pytest.raises(BadInput, match="removed or silenced"):
        PruneSetting(pruned_node="gone")


def test_ridge_shrinks_the_change(shallow):
    changes = []
    for ridge in (0.0, 0.1, 10.0):
        pruned = prune_network(shallow, X, RandomEdge(), 0.5, rng(), PruneSetting(reweight=True, ridge=ridge))
        kept = pruned.mask.kept[0]
        changes.append(np.linalg.norm(pruned.network.weights[0] - shallow.weights[0] * kept))
    assert changes[0] > changes[1] > changes[2] > 0


def test_scores_of_ones_own(shallow):
    size = ScoredEdges(lambda layer: np.abs(layer.weights))
    ours, theirs = (
        prune_network(shallow, X, method, 0.3, rng()).network.weights[0] for method in (size, METHODS["magnitude-edge"])
    )
    np.testing.assert_array_equal(ours, theirs)
    order = ScoredNodes(lambda layer: np.arange(24.0))
    assert prune_network(shallow, X, order, 0.25, rng()).mask.kept[0].nonzero()[0].tolist() == list(range(18, 24))
    with pytest.raises(BadShape, match="scores of scored-node"):
        prune_network(shallow, X, ScoredNodes(lambda layer: np.ones(3)), 0.5, rng())


@pytest.mark.statistical
def test_ties_are_broken_uniformly(shallow):
    """χ² of how often each of 24 equal nodes is kept in 4000 draws of 6, false alarm 1e-6; a fixed six fails."""
    equal = ScoredNodes(lambda layer: np.ones(24))
    look = Spy()
    prune_network(shallow, X, look, 0.5, rng())

    def statistic(masks):
        counts = masks.sum(axis=0)
        expected = len(masks) / 4
        # a kept set has fixed size: the variance of a count is that of a hypergeometric one
        return np.sum((counts - expected) ** 2) / (expected * 0.75) * 23 / 24

    limit = chi2.isf(1e-6, 23)
    drawn = equal.draw(look.seen[0], 6, np.random.default_rng(3), 4000)
    assert statistic(drawn) < limit
    assert statistic(np.tile(np.arange(24) < 6, (4000, 1))) > limit


@pytest.mark.parametrize("name", ["random-node", "random-edge"])
@pytest.mark.statistical
def test_random_baselines_are_uniform_on_real_layers(shallow, name):
    """Each of 64 inputs, or 24 nodes, is kept equally often: 400 draws, χ² with false alarm 1e-6."""
    generator = np.random.default_rng(11)
    masks = np.stack([prune_network(shallow, X, METHODS[name], 0.25, generator).mask.kept[0] for _ in range(400)])
    counts = masks.reshape(-1, masks.shape[-1]).sum(axis=0)
    rows, size = masks.reshape(-1, masks.shape[-1]).shape
    expected = rows / 4
    gap = np.sum((counts - expected) ** 2) / (expected * 0.75) * (size - 1) / size
    assert gap < chi2.isf(1e-6, size - 1)
    by_size = prune_network(shallow, X, METHODS["magnitude-edge"], 0.25, generator).mask.kept[0]
    wrong = by_size.sum(axis=0) * (rows / len(by_size))
    assert np.sum((wrong - rows / 4) ** 2) / (rows / 4 * 0.75) > chi2.isf(1e-6, 63)


def test_progress_of_dpp_edges_counts_nodes(deep):
    seen = []
    prune_network(deep, X, METHODS["dpp-edge"], 0.5, rng(), progress=seen.append)
    first, second = np.arange(1, 25) / 48, 0.5 + np.arange(1, 17) / 32
    np.testing.assert_allclose(seen, [*first, 0.5, *second, 1.0])


@pytest.mark.parametrize("rows", [1, 4095, 4096, 9000])
def test_moments_in_blocks(rows):
    x = np.random.default_rng(3).standard_normal((rows, 5)) + 3
    total = MomentSum()
    for start in range(0, rows, 1000):
        total.add(x[start : start + 1000])
    found = total.moments()
    np.testing.assert_allclose(found.second, x.T @ x / rows, rtol=1e-12)
    centered = x - x.mean(axis=0)
    np.testing.assert_allclose(found.covariance, centered.T @ centered / rows, rtol=1e-12, atol=1e-12)


def test_what_is_seen_of_a_layer(deep):
    """Moments are those of the tensors, taken when they are asked for and once."""
    look = SeenLayer(deep, 1, X)
    h = deep.outputs(0, X)
    u, g = deep.preactivations(1, h), deep.outputs(1, h)
    seen = (look.input_moments, h), (look.preactivation_kernel, u), (look.activation_kernel, g)
    for found, tensor in seen:
        np.testing.assert_allclose(found, tensor.T @ tensor / len(X), rtol=1e-10)
    assert look.inputs is look.inputs
    # a method of one's own may look at a changed copy
    double = replace(look, weights=2 * look.weights)
    assert type(double) is Layer
    np.testing.assert_array_equal(double.input_moments, look.input_moments)
    assert isinstance(look, SeenLayer)
    bare = 1 / (1 + np.exp(-h @ deep.weights[1].T))
    np.testing.assert_allclose(look.outputs_without_biases.mean, bare.mean(axis=0), rtol=1e-12)
    with pytest.raises(BadInput, match="second moments of the inputs of layer 0"):
        SeenLayer(deep, 0, 1e200 * X).input_moments  # noqa: B018


def test_a_method_by_its_name(shallow):
    """The same masks from the same seed, and the kernel of real networks for DPP nodes."""
    for name, method in (("random-edge", METHODS["random-edge"]), ("dpp-node", DPPNode(kernel="activation"))):
        named, given = (prune_network(shallow, X, how, 0.5, 7) for how in (name, method))
        assert named == given
    with pytest.raises(BadInput, match="random-edg"):
        prune_network(shallow, X, "random-edg", 0.5, 7)
