"""One budget for all layers, pruning in steps, and what the authors' code does."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chi2

from divprune_sym.cli import main
from divprune_sym.ground.checks import BadInput
from divprune_sym.networks import DenseNetwork, PruneSetting, prune_network, read_data, save_network
from divprune_sym.networks.prune import edges_among, methods_for_networks
from divprune_sym.networks.published import PublishedDPPNode, PublishedRandomEdge, published_method
from divprune_sym.networks.schedules import allocated, kept_parameters, prune_in_steps, rounded_to_nothing
from divprune_sym.networks.training import TrainSetting, random_start, train
from divprune_sym.pruning import METHODS, DPPEdge, Layer

DATA = read_data("digits")
ALL = methods_for_networks(METHODS)


@pytest.fixture(scope="module")
def net():
    start = random_start((64, 24, 16, 10), ("sigmoid", "tanh", "softmax"), 0)
    return train(start, DATA.x_train, DATA.y_train, TrainSetting(12, 1e-2))


def rng():
    return np.random.default_rng(4)


@pytest.mark.parametrize("method", ["magnitude-edge", "importance-node", "random-node"])
@pytest.mark.parametrize("budget", [0.3, 0.75])
def test_a_budget_is_kept(net, method, budget):
    shares = allocated(net, DATA.x_train, method, budget, 4, PruneSetting(reweight=True))
    pruned = prune_network(net, DATA.x_train, ALL[method], shares, rng())
    assert pruned.smallest.parameters == kept_parameters(net, pruned.mask.unit, shares) <= budget * net.parameters
    # one step of 5 % of the largest layer away from the budget, at most
    assert pruned.smallest.parameters > (budget - 0.15) * net.parameters


def test_the_layer_that_hurts_less_gives_up_more():
    """A layer of copies can be halved for nothing; random weights cannot."""
    weights = np.random.default_rng(0).normal(size=(12, 6))
    narrow = DenseNetwork(
        (weights, np.random.default_rng(1).normal(size=(12, 12)), np.ones((2, 12))),
        (np.zeros(12), np.zeros(12), np.zeros(2)),
        ("tanh", "tanh", "identity"),
    )
    twice = narrow.with_layers(
        {0: (np.repeat(weights[:6], 2, axis=0), np.zeros(12)), 1: (narrow.weights[1], np.zeros(12))}
    )
    x = np.random.default_rng(2).normal(size=(400, 6))
    shares = allocated(twice, x, ALL["dpp-node"], 0.6, rng(), PruneSetting(reweight=True))
    assert shares[0] <= 0.5 < shares[1]


def test_budgets_that_cannot_be(net):
    with pytest.raises(BadInput, match=r"--keep-parameters 0\.001: at least 0\.\d+ of the parameters are left"):
        allocated(net, DATA.x_train, ALL["magnitude-edge"], 0.001, rng(), PruneSetting())
    assert rounded_to_nothing({0: 24, 1: 16}, ALL["random-node"], {0: 0.01, 1: 0.5}) == [
        "keep = 0.01 is 0 of 24 nodes of layer 0; at least 0.0208 keeps one"
    ]
    assert "0 of 64 edges of each node of layer 0" in rounded_to_nothing({0: 64}, ALL["random-edge"], {0: 0.001})[0]
    assert rounded_to_nothing({0: 64}, ALL["random-edge"], {0: 0.0}) == []


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"random-nm-edge"}))
def test_steps_prune_what_the_last_one_left(net, method):
    masks = []

    def after(pruned, step):
        masks.append(pruned.mask.kept)
        return pruned

    setting = PruneSetting(reweight=True)
    found = prune_in_steps(net, DATA.x_train, method, {0: 0.25, 1: 0.5}, 3, 4, setting, after)
    assert len(masks) == 3
    for before, now in pairwise(masks):
        assert all((now[n] <= before[n]).all() for n in now)
        assert any((now[n] < before[n]).any() for n in now)
    assert found.mask.fractions == pytest.approx({0: 0.25, 1: 0.5})
    assert found.network.widths == net.widths
    np.testing.assert_allclose(
        found.smallest.forward(DATA.x_test), found.network.forward(DATA.x_test), atol=1e-10, rtol=1e-7
    )
    for n, kept in found.mask.kept.items():
        assert not found.network.weights[n][~kept].any()
    if found.mask.unit == "edge":
        assert all((kept.sum(axis=1) == kept[0].sum()).all() for kept in found.mask.kept.values())
    if method == "column-edge":
        assert all((kept == kept[0]).all() for kept in found.mask.kept.values())
    if method == "nm-edge":
        assert all(
            (kept.reshape(len(kept), -1, 4).sum(axis=2) == 4 * kept.mean()).all() for kept in found.mask.kept.values()
        )


@pytest.mark.statistical
def test_edges_drawn_among_what_is_left_are_uniform():
    """Of 8 edges 4 are left, and 2 of these drawn, 6000 times: χ² of the 6 pairs, false alarm 1e-6; not so if one of
    the four were drawn a tenth more often.
    """
    left = np.zeros((6000, 8), dtype=bool)
    left[:, [1, 2, 5, 7]] = True
    look = Layer(np.ones((6000, 8)), np.ones((6000, 1)), np.eye(6000), np.eye(6000))
    mask = edges_among(look, METHODS["random-edge"], 0.25, left, np.random.default_rng(2))
    assert (mask <= left).all()
    assert (mask.sum(axis=1) == 2).all()
    counts = np.unique(mask @ (1 << np.arange(8)), return_counts=True)[1]
    assert len(counts) == 6
    assert np.sum((counts - 1000) ** 2 / 1000) < chi2.isf(1e-6, 5)
    skewed = np.array([1100, 1100, 1100, 900, 900, 900])
    assert np.sum((skewed - 1000) ** 2 / 1000) > chi2.isf(1e-6, 5)


def test_one_step_is_pruning(net):
    setting = PruneSetting(reweight=True)
    for method in ("magnitude-edge", "importance-node"):
        stepped = prune_in_steps(net, DATA.x_train, ALL[method], {0: 0.5, 1: 0.5}, 1, rng(), setting)
        once = prune_network(net, DATA.x_train, ALL[method], 0.5, rng(), setting)
        np.testing.assert_allclose(
            stepped.network.forward(DATA.x_test), once.network.forward(DATA.x_test), atol=1e-9, rtol=1e-7
        )


def test_steps_that_cannot_be(net):
    with pytest.raises(BadInput, match="random-nm-edge: its pattern cannot be drawn among the edges"):
        prune_in_steps(net, DATA.x_train, "random-nm-edge", {0: 0.25}, 2, rng(), PruneSetting())
    with pytest.raises(BadInput, match="pruned nodes are removed"):
        prune_in_steps(net, DATA.x_train, ALL["random-node"], {0: 0.3}, 2, rng(), PruneSetting.as_published())


def test_published_refit_of_nodes(net):
    """Kept outputs without biases are fitted to pruned ones without a constant, and these are dropped."""
    setting = PruneSetting.as_published((0,), reweight=True)
    pruned = prune_network(net, DATA.x_train, ALL["importance-node"], 0.5, rng(), setting)
    kept = pruned.mask.kept[0]
    g = 1 / (1 + np.exp(-DATA.x_train @ net.weights[0].T))
    alpha = np.linalg.lstsq(g[:, kept], g[:, ~kept])[0]
    V = net.weights[1].T
    np.testing.assert_allclose(pruned.network.weights[1].T[kept], V[kept] + alpha @ V[~kept], atol=1e-6, rtol=1e-7)
    assert not pruned.network.weights[1].T[~kept].any()
    np.testing.assert_array_equal(pruned.network.biases[1], net.biases[1])
    plain = prune_network(net, DATA.x_train, ALL["importance-node"], 0.5, rng(), PruneSetting.as_published((0,)))
    np.testing.assert_array_equal(plain.network.weights[1], net.weights[1])  # pruned nodes put out g(b)


def test_published_refit_of_edges(net):
    setting = PruneSetting.as_published((0, 1), reweight=True)
    pruned = prune_network(net, DATA.x_train, METHODS["magnitude-edge"], 0.5, rng(), setting)
    h = net.outputs(0, DATA.x_train)  # of the original network
    for unit in range(4):
        kept = pruned.mask.kept[1][unit]
        lost = h[:, ~kept] @ net.weights[1][unit, ~kept]
        delta = np.linalg.lstsq(h[:, kept], lost)[0]
        np.testing.assert_allclose(
            pruned.network.weights[1][unit, kept], net.weights[1][unit, kept] + delta, atol=1e-6, rtol=1e-7
        )
    np.testing.assert_array_equal(pruned.network.biases[0], net.biases[0])


def test_published_kernels():
    """exp(−β Σ (w_i·x − w_k·x)²); at β = 0.3 and 60 000 images it is a multiple of the identity."""
    x = np.random.default_rng(0).normal(size=(40, 6)) / 20
    W = np.random.default_rng(1).normal(size=(5, 6))
    layer = Layer(W, np.ones((5, 1)), np.eye(5), np.eye(5), x.T @ x / 40)
    fields = x @ W.T
    wanted = np.exp(-0.3 * np.sum((fields[:, :, None] - fields[:, None, :]) ** 2, axis=0))
    np.testing.assert_allclose(PublishedDPPNode(40).kernel(layer), wanted, atol=1e-12, rtol=1e-7)
    assert np.abs(PublishedDPPNode(600_000).kernel(layer) - np.eye(5)).max() < 1e-12
    edge = published_method(METHODS["dpp-edge"], 40)
    assert isinstance(edge, DPPEdge)
    assert (edge.kernel, edge.beta) == ("rbf", 12.0)
    assert published_method(METHODS["magnitude-edge"], 40) is METHODS["magnitude-edge"]


@pytest.mark.statistical
def test_published_random_edges_are_independent():
    """Counts of 4000 rows of 10 edges are binomial: χ² of their variance, false alarm 1e-6; a fixed count fails."""
    layer = Layer(np.ones((4, 10)), np.ones((4, 1)), np.eye(4), np.eye(4))

    def statistic(masks):
        counts = masks.sum(axis=-1).ravel()
        return float(np.sum((counts - 3.0) ** 2) / 2.1)

    low, high = chi2.ppf([5e-7, 1 - 5e-7], 4000)
    assert low < statistic(PublishedRandomEdge().draw(layer, 0.3, 3, 1000)) < high
    assert statistic(METHODS["random-edge"].draw(layer, 0.3, np.random.default_rng(3), 1000)) < low


def test_from_the_command_line(net, tmp_path, capsys):
    path, out = tmp_path / "net.npz", tmp_path / "out.onnx"
    save_network(net, path)
    command = ["prune", str(path), "--method", "magnitude-edge", "--data", "digits", "--seed", "1", "--json"]
    assert main([*command, "--keep-parameters", "0.3", "--reweight", "--fine-tune", "2", "-o", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fine_tuned"]["parameters"] <= 0.3 * net.parameters
    assert found["fine_tuned"]["error"] < found["after"]["error"]
    assert out.exists()
    assert main([*command, "--keep", "0.1", "--steps", "3", "--reweight", "--fine-tune", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 3
    assert main([*command[:3], "importance-node", *command[4:-1], "--keep", "0.6", "--as-published", "--reweight"]) == 0
    assert "kept of layer 0: 0.6, layer 1: 0.6" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--keep or --keep-parameters: give one of them"),
        (["--keep", "0.5", "--keep-parameters", "0.5"], "--keep or --keep-parameters: give one of them"),
        (["--keep-parameters", "0.001"], "at least 0."),
        (["--keep", "0.5", "--steps", "0"], "--steps = 0: must be at least 1"),
        (["--keep", "0.5", "--steps", "2", "--checkpoint", "c.npz", "--seed", "1"], "leave out --steps"),
        (["--keep", "0.5", "--fine-tune", "-1"], "epochs = -1"),
    ],
)
def test_refusals(stops, net, tmp_path, options, words):
    path = tmp_path / "net.npz"
    save_network(net, path)
    assert words in stops("prune", path, "--method", "magnitude-edge", "--data", "digits", *options)
