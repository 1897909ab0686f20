"""Least squares after pruning, against NumPy's on samples: the same moments on both sides, so equal to rounding."""

from itertools import combinations

import numpy as np
import pytest

from divprune_sym.evaluation.error import second_moments
from divprune_sym.pruning import METHODS, reweighted_edges, reweighted_second_layer
from divprune_sym.specialized import specialized_state
from tests.pruning.judges import EPS, NODE_METHODS, random_state

# Normal equations square the condition number of the samples, here below 100: 1e4 · 10 nodes · ε, and room.
LEAST_SQUARES = 1e-10


@pytest.fixture
def rng():
    return np.random.default_rng(17)


@pytest.mark.parametrize("outputs", [None, 1, 3])
@pytest.mark.parametrize("keep", range(1, 6))
def test_nodes_against_lstsq(outputs, keep, rng):
    G = np.tanh(rng.standard_normal((200, 5)) @ (np.eye(5) + 0.4))
    v = rng.standard_normal(5 if outputs is None else (5, outputs))
    subsets = np.array(list(combinations(range(5), keep)))
    refitted = reweighted_second_layer(G.T @ G / 200, v, subsets)
    assert refitted.shape == subsets.shape + v.shape[1:]
    for S, found in zip(subsets, refitted, strict=True):
        np.testing.assert_allclose(found, np.linalg.lstsq(G[:, S], G @ v)[0], atol=LEAST_SQUARES, rtol=1e-7)


def test_the_change_has_minimum_norm(rng):
    """Nodes 0 and 1 are copies: the refit shares the lost output between them, wherever v began."""
    G = rng.standard_normal((200, 4))
    G[:, 1] = G[:, 0]
    G[:, 3] += G[:, 0]
    v = np.array([1.0, -5.0, 0.5, 2.0])
    (found,) = reweighted_second_layer(G.T @ G / 200, v, np.array([[0, 1, 2]]))
    change = np.linalg.lstsq(G[:, :3], G[:, 3] * v[3])[0]
    np.testing.assert_allclose(found, v[:3] + change, atol=LEAST_SQUARES, rtol=1e-7)
    assert found[0] - v[0] == pytest.approx(found[1] - v[1], abs=LEAST_SQUARES)


def test_nothing_kept_or_nothing_lost(rng):
    moments, v = np.eye(3) + 0.2, rng.standard_normal((3, 2))
    assert reweighted_second_layer(moments, v, np.empty((1, 0), dtype=np.int64)).shape == (1, 0, 2)
    np.testing.assert_array_equal(reweighted_second_layer(moments, v, np.arange(3)[None]), v[None])


@pytest.mark.parametrize("method", NODE_METHODS.values(), ids=NODE_METHODS)
@pytest.mark.parametrize("keep", range(5))
def test_the_limit_is_the_best_error_of_every_subset(method, keep):
    """½ min over v_S of E[(φ_S − teacher)²] would use the teacher; the refit sees the student alone, as on data."""
    state = random_state(3)
    moments = second_moments(state.covariance)
    limit = method.limit(state, keep)
    error = 0.0
    for S, probability in zip(*limit.law.subsets(), strict=True):
        # normal equations for the whole v'_S, not for its change
        refitted = np.linalg.solve(moments[np.ix_(S, S)], moments[S, : state.K] @ state.v)
        s = np.zeros(state.K + state.M)
        s[S], s[state.K :] = refitted, -state.A
        error += probability * 0.5 * s @ moments @ s
    assert limit.generalization_error(reweight=True) == pytest.approx(error, rel=1e-11)


@pytest.mark.parametrize(("M", "Z"), [(2, 3), (3, 2), (1, 4)])
def test_dpp_nodes_lose_nothing_once_every_teacher_node_is_kept(M, Z):
    """ε_g is back to zero for k ≥ M under DPP, and not under random pruning, which misses groups."""
    state = specialized_state(M, Z, 4.0)
    # (K+M)² terms of size v*² M/6 cancel
    rounding = 16 * M * (M * Z + M) * EPS
    for keep in range(M, M * Z + 1):
        assert abs(METHODS["dpp-node"].limit(state, keep).generalization_error(reweight=True)) < rounding
    if M > 1:
        assert METHODS["random-node"].limit(state, M).generalization_error(reweight=True) > 0.1


def kept_edges(rng, K, N, keep):
    return rng.permuted(np.tile(np.arange(N) < keep, (K, 1)), axis=1)


def test_white_inputs_leave_the_edges_alone(rng):
    weights, masks = rng.standard_normal((3, 8)), kept_edges(rng, 3, 8, 5)
    np.testing.assert_array_equal(reweighted_edges(weights, masks, np.eye(8)), weights * masks)


@pytest.mark.parametrize("keep", [1, 4, 7])
def test_edges_against_lstsq(keep, rng):
    X = rng.standard_normal((300, 8)) @ (np.eye(8) + 0.3 * np.tri(8, k=-1))
    weights, masks = rng.standard_normal((3, 8)), kept_edges(rng, 3, 8, keep)
    refitted = reweighted_edges(weights, masks, X.T @ X / 300)
    assert not refitted[~masks].any()
    for w, mask, found in zip(weights, masks, refitted, strict=True):
        np.testing.assert_allclose(found[mask], np.linalg.lstsq(X[:, mask], X @ w)[0], atol=LEAST_SQUARES, rtol=1e-7)
        lost, regained = X @ (w * mask - w), X @ (found - w)
        assert regained @ regained < lost @ lost


def test_dead_and_copied_inputs_do_no_harm(rng):
    """Input 0 never varies and 2 is a copy of 1: rank-deficient moments, and the change of minimum norm."""
    X = rng.standard_normal((300, 6))
    X[:, 0] = 0.0
    X[:, 2] = X[:, 1]
    X[:, 5] += X[:, 1] - 0.5 * X[:, 3]
    weights = rng.standard_normal((1, 6))
    mask = np.array([[True, True, True, True, False, False]])
    (found,) = reweighted_edges(weights, mask, X.T @ X / 300)
    change = np.linalg.lstsq(X[:, :4], X[:, 4:] @ weights[0, 4:])[0]
    np.testing.assert_allclose(found[:4], weights[0, :4] + change, atol=LEAST_SQUARES, rtol=1e-7)
    assert found[0] == weights[0, 0]
    assert found[1] - weights[0, 1] == pytest.approx(found[2] - weights[0, 2], abs=LEAST_SQUARES)


def test_edges_all_kept_or_all_lost(rng):
    weights = rng.standard_normal((2, 4))
    masks = np.array([[True] * 4, [False] * 4])
    np.testing.assert_array_equal(reweighted_edges(weights, masks, np.eye(4) + 0.5), weights * masks)
