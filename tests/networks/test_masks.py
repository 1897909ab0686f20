"""Masks on disk, and what `apply` and `compact` make of a network."""

from __future__ import annotations

import json

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.networks.masks import Mask, apply, compact
from tests.networks.files import inputs, network

RNG = np.random.default_rng(3)
NODES = {0: np.array([True, False, True, True, False]), 1: np.array([False, True, True, False])}
EDGES = {0: RNG.random((5, 6)) < 0.5, 1: RNG.random((4, 5)) < 0.5}


@pytest.mark.parametrize(("unit", "kept"), [("node", NODES), ("edge", EDGES)])
def test_there_and_back(tmp_path, unit, kept):
    mask = Mask(unit, kept, "dpp-node", 7, "silenced", {"numpy": "2.0"})
    mask.save(tmp_path / "m.npz")
    found = Mask.load(tmp_path / "m.npz")
    assert (found.unit, found.method, found.seed, found.pruned_node) == (unit, "dpp-node", 7, "silenced")
    assert found.versions == {"numpy": "2.0"}
    assert found.kept.keys() == kept.keys()
    for layer in kept:
        np.testing.assert_array_equal(found.kept[layer], kept[layer])


def test_one_bit_each(tmp_path):
    Mask("edge", {0: np.ones((500, 784), dtype=bool)}).save(tmp_path / "m.npz")
    assert (tmp_path / "m.npz").stat().st_size < 500 * 784 / 8 + 2000


def test_files_that_are_no_mask(tmp_path):
    path = tmp_path / "m.npz"
    Mask("node", NODES).save(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInput, match="is no npz file, or a truncated one"):
        Mask.load(path)
    whole = {"format": 1, "unit": "node", "method": "", "seed": None, "pruned_node": "removed", "versions": {}}
    halves = [
        {"about": np.array(json.dumps(whole | {"shapes": {"0": shape}})), "layer0": bits}
        for shape, bits in (([9], np.zeros(1, np.uint8)), ([-1], np.zeros(1, np.uint8)), ([3], np.zeros(1)))
    ]
    halves.append({"about": np.array("[" * 200_000)})
    for arrays in (*halves, {"a": np.ones(2)}, {"about": np.array("{}")}, {"about": np.array("no JSON")}):
        np.savez(path, **arrays)
        with pytest.raises(BadInput, match="holds no mask, or half of one"):
            Mask.load(path)


@pytest.mark.parametrize(
    ("unit", "kept", "meaning"),
    [
        ("row", NODES, "removed"),
        ("node", NODES, "gone"),
        ("node", EDGES, "removed"),
        ("node", {0: np.ones(5)}, "removed"),
    ],
)
def test_masks_refused(unit, kept, meaning):
    with pytest.raises(BadInput):
        Mask(unit, kept, pruned_node=meaning)


@pytest.mark.parametrize("meaning", ["removed", "silenced"])
def test_compact_computes_the_same(meaning):
    mask, net, x = Mask("node", NODES, pruned_node=meaning), network(), inputs()
    zeros, small = apply(mask, net), compact(mask, net)
    assert zeros.widths == net.widths
    assert small.widths == (6, 3, 2, 3)
    np.testing.assert_allclose(small.forward(x), zeros.forward(x), atol=1e-12, rtol=0)
    assert small.parameters == 3 * 7 + 2 * 4 + 3 * 3
    assert small.multiply_adds == small.dense_multiply_adds == 18 + 6 + 6


def test_what_a_pruned_node_puts_out():
    """By hand, one layer: nothing, or g(b)."""
    net, x = network((6, 5, 3), ("sigmoid", "identity")), inputs()
    kept = NODES[0]
    h = net.outputs(0, x)
    b = 1 / (1 + np.exp(-net.biases[0]))
    for meaning, still in (("removed", np.zeros(5)), ("silenced", b)):
        wanted = net.preactivations(1, np.where(kept, h, still))
        found = apply(Mask("node", {0: kept}, pruned_node=meaning), net)
        np.testing.assert_allclose(found.forward(x), wanted, atol=1e-12, rtol=0)


def test_edges_keep_the_shape():
    mask, net = Mask("edge", EDGES), network()
    left = apply(mask, net)
    for layer, kept in EDGES.items():
        np.testing.assert_array_equal(left.weights[layer], net.weights[layer] * kept)
    assert compact(mask, net).widths == net.widths
    assert left.multiply_adds == sum(int(kept.sum()) for kept in EDGES.values()) + 12
    assert left.dense_multiply_adds == net.dense_multiply_adds


def test_masks_of_another_network():
    with pytest.raises(BadShape, match=r"mask of layer 0: shape \(4,\)"):
        apply(Mask("node", {0: np.ones(4, dtype=bool)}), network())
    with pytest.raises(BadShape, match="mask of layer 2"):
        apply(Mask("node", {2: np.ones(3, dtype=bool)}), network())


def test_nothing_left_to_write_down():
    mask = Mask("node", {0: np.zeros(5, dtype=bool)})
    assert apply(mask, network()).widths == network().widths
    with pytest.raises(BadInput, match="layer 0: no node is kept"):
        compact(mask, network())
