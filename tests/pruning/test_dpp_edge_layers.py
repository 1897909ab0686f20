"""DPP edge pruning of layers: streams, threads, progress and checkpoints; the χ² tests are in test_draw."""

from __future__ import annotations

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput, NotPositiveSemidefinite, NotSymmetric
from divprune_sym.pruning import DPPEdge, Layer, reweighted_edges
from divprune_sym.pruning.methods import dpp_edge

K, N = 5, 12


def on(moments, seed=0):
    weights = np.random.default_rng(seed).standard_normal((K, len(moments)))
    return Layer(weights, np.ones((K, 1)), np.eye(K), np.eye(K), moments)


@pytest.fixture
def look():
    X = np.random.default_rng(1).standard_normal((40, N))
    X[:, 3] = 0.0
    return on(X.T @ X / 40)


def draw(look, seed=3, **options):
    return DPPEdge().draw_share(look, 0.5, np.random.default_rng(seed), 2, **options)


def test_threads_do_not_matter(look, monkeypatch):
    alone = draw(look)
    monkeypatch.setattr(dpp_edge, "SMALL", 1)
    np.testing.assert_array_equal(draw(look), alone)


def test_progress_ends_at_one(look):
    seen = []
    draw(look, progress=seen.append)
    np.testing.assert_allclose(seen, np.arange(1, K + 1) / K)


def interrupted(look, path, seed=3):
    def stop(share):
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(look, seed, progress=stop, checkpoint=path)


def test_an_interrupted_draw_goes_on(look, tmp_path):
    path = tmp_path / "masks.npz"
    interrupted(look, path)
    with np.load(path) as saved:
        assert saved["done"].sum() == 3
    seen = []
    np.testing.assert_array_equal(draw(look, checkpoint=path, progress=seen.append), draw(look))
    assert len(seen) == 2
    assert not path.exists()


def test_checkpoints_are_saved_on_the_way(look, tmp_path, monkeypatch):
    monkeypatch.setattr("divprune_sym.pruning.draw_checkpoint.SECONDS", -1.0)
    path, held = tmp_path / "masks.npz", []
    draw(look, checkpoint=path, progress=lambda _: held.append(path.exists()))
    assert held == [True] * K


def test_checkpoints_of_other_draws(look, tmp_path):
    path = tmp_path / "masks.npz"
    interrupted(look, path)
    for other in (lambda: draw(look, 4, checkpoint=path), lambda: draw(on(np.eye(N)), checkpoint=path)):
        with pytest.raises(BadInput, match="not a checkpoint of this draw"):
            other()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="cannot be read as a checkpoint"):
        draw(look, checkpoint=path)


def test_moments_that_cannot_be():
    moments = np.eye(N)
    moments[0, 1] = 0.5
    with pytest.raises(NotSymmetric, match="input_moments"):
        draw(on(moments))
    moments[1, 0], moments[1, 1] = 0.5, 0.1
    with pytest.raises(NotPositiveSemidefinite, match="kernel of node 0"):
        draw(on(moments))


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e150])
def test_units_of_the_weights_do_not_matter(look, scale):
    scaled = Layer(look.weights * scale, look.outgoing, np.eye(K), np.eye(K), look.input_moments)
    assert (draw(scaled).sum(axis=2) == N // 2).all()


def test_a_ridge_shrinks_the_change(look):
    rng = np.random.default_rng(2)
    masks = rng.permuted(np.tile(np.arange(N) < 6, (K, 1)), axis=1)
    G, w = look.input_moments, look.weights
    found = reweighted_edges(w, masks, G, ridge=0.3)
    for node, mask in enumerate(masks):
        block = G[np.ix_(mask, mask)] + 0.3 * np.eye(6)
        change = np.linalg.solve(block, G[np.ix_(mask, ~mask)] @ w[node, ~mask])
        np.testing.assert_allclose(found[node, mask], w[node, mask] + change, atol=1e-12, rtol=1e-7)
    seen = []
    far = reweighted_edges(w, masks, G, ridge=1e9, progress=seen.append)
    np.testing.assert_allclose(far, w * masks, atol=1e-7, rtol=1e-7)
    assert seen[-1] == 1.0
    with pytest.raises(BadInput, match="ridge = -1"):
        reweighted_edges(w, masks, G, ridge=-1)
