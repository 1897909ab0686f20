"""Masks that share as little as they can: against all masks of a small layer, and their two faces."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS, Layer
from divprune_sym.pruning.methods.coordinated_edge import CoordinatedEdge, shared_fraction
from divprune_sym.specialized import specialized_state
from divprune_sym.testing import assert_limit_matches_draw

LAYER = CoordinatedEdge("layer")


@pytest.mark.parametrize(("Z", "N", "size"), [(2, 4, 2), (2, 4, 3), (3, 4, 1), (3, 4, 2), (3, 3, 2)])
def test_no_masks_share_less(Z, N, size):
    """All masks with `size` inputs in every row, up to the order of nodes."""
    rows = [np.isin(np.arange(N), kept) for kept in combinations(range(N), size)]
    shared = [
        np.mean([(a & b).mean() for a, b in combinations(mask, 2)]) for mask in combinations_with_replacement(rows, Z)
    ]
    assert min(shared) == pytest.approx(shared_fraction(size / N, Z), abs=1e-12)


@pytest.mark.parametrize(("K", "N", "keep"), [(1, 7, 0.4), (3, 10, 0.25), (4, 9, 0.5), (5, 30, 0.77), (6, 5, 0.2)])
def test_rows_and_columns_are_even(K, N, keep):
    layer = Layer.on_white_inputs(np.random.default_rng(1).standard_normal((K, N)), np.ones(K))
    masks = LAYER.draw(layer, keep, 3, count=20)
    assert (masks.sum(axis=2) == int(keep * N + 0.5)).all()
    columns = masks.sum(axis=1)
    assert (columns.max(axis=1) - columns.min(axis=1)).max() <= 1
    assert len(np.unique(masks.reshape(20, -1), axis=0)) > 1


@pytest.mark.statistical
def test_nodes_and_inputs_are_alike():
    """1500 masks of 3 nodes and 4 inputs: any two nodes share c, and any node keeps any input, within five σ."""
    masks = LAYER.draw(Layer.on_white_inputs(np.ones((3, 4)), np.ones(3)), 0.5, 5, count=1500)
    shared = np.einsum("tij,tkj->tik", masks, masks.astype(float)) / 4
    pairs = shared[:, *np.triu_indices(3, 1)]
    error = pairs.std(axis=0) / np.sqrt(1500)
    assert (abs(pairs.mean(axis=0) - shared_fraction(0.5, 3)) < 5 * error).all()
    assert (abs(pairs.mean(axis=0) - 0.25) > 5 * error).all()  # what independent masks share
    assert abs(masks.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(1500)


@pytest.mark.parametrize("groups", ["kernel", "layer"])
@pytest.mark.statistical
def test_both_faces_agree(groups):
    method = CoordinatedEdge(groups)
    assert_limit_matches_draw(method, inputs=400, networks=10, masks=4)

    class Wrong(CoordinatedEdge):
        """Draws the masks of random edges."""

        def draw(self, layer, keep, rng, count=1):
            return METHODS["random-edge"].draw(layer, keep, rng, count)

    with pytest.raises(AssertionError, match="Q within a group"):
        assert_limit_matches_draw(Wrong(groups), inputs=400, networks=10, masks=4)


def test_groups_come_from_the_kernel():
    """Copies of two teacher nodes: c within a group, p² between; told nothing, all six nodes are one group."""
    state = specialized_state(2, 3, 1.0)
    told, blind = METHODS["coordinated-edge"].limit(state, 0.5), LAYER.limit(state, 0.5)
    within = state.Q == 1
    np.fill_diagonal(within, False)
    assert told.covariance[:6, :6][within] == pytest.approx(shared_fraction(0.5, 3))
    assert blind.covariance[:6, :6][within] == pytest.approx(shared_fraction(0.5, 6))
    random = METHODS["random-edge"].limit(state, 0.5).generalization_error()
    assert told.generalization_error() < blind.generalization_error() < random


def test_a_small_correlation_makes_no_group():
    Q, R = np.array([[[1.0, 0.3], [0.3, 1.0]]]), np.zeros((1, 2, 1))
    weak = specialized_state(1, 2, 1.0).with_(Q_classes=Q, R_classes=R)
    assert METHODS["coordinated-edge"].limit(weak, 0.5).covariance[0, 1] == pytest.approx(0.25 * 0.3)


def test_other_groups_are_refused():
    with pytest.raises(BadInput, match="groups 'none': choose from kernel, layer"):
        CoordinatedEdge("none")
