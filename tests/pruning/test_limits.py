"""What pruning does to order parameters as N → ∞: ends, invariances, the reference table, refusals."""

import numpy as np
import pytest

from divprune_sym import OrderParameters, generalization_error, specialized_state
from divprune_sym.ground.checks import BadInput, refuse_negative
from divprune_sym.pruning import METHODS, RandomEdge
from tests.pruning.judges import ALL_METHODS, EDGE_METHODS, EPS, NODE_METHODS, random_state

NODES = pytest.mark.parametrize("method", NODE_METHODS.values(), ids=NODE_METHODS)
EDGES = pytest.mark.parametrize("method", EDGE_METHODS.values(), ids=EDGE_METHODS)
ALL = pytest.mark.parametrize("method", ALL_METHODS.values(), ids=ALL_METHODS)
STATES = [random_state(seed) for seed in range(4)]

# k: random node, DPP node, random edge, DPP edge, magnitude edge; computed elsewhere, and derived once more in
# derivations/04_pruned_errors.py
TABLE = {
    1: (3.8519, 3.8519, 3.7546, 2.4050, 2.3320),
    2: (2.6074, 2.3704, 2.5700, 1.2039, 1.0620),
    3: (1.6000, 1.4815, 1.6585, 0.5555, 0.4170),
    4: (0.8296, 0.7901, 0.9487, 0.2050, 0.1181),
    5: (0.2963, 0.2963, 0.4010, 0.0424, 0.0144),
}
COLUMNS = ("random-node", "dpp-node", "random-edge", "dpp-edge", "magnitude-edge")


def error_of(state):
    return float(generalization_error(state.covariance, state.signed_weights))


def keep_of(method, nodes, K):
    """The same share of parameters for both units."""
    return nodes if method.unit == "node" else nodes / K


@pytest.mark.parametrize("nodes", TABLE)
def test_reference_table(nodes):
    """M = 2, Z = 3, v* = 4, to all printed digits."""
    state = specialized_state(2, 3, 4.0)
    for name, printed in zip(COLUMNS, TABLE[nodes], strict=True):
        error = METHODS[name].limit(state, keep_of(METHODS[name], nodes, 6)).generalization_error()
        assert f"{error:.4f}" == f"{printed:.4f}"
    tied = METHODS["importance-node"].limit(state, nodes).generalization_error()
    assert tied == METHODS["random-node"].limit(state, nodes).generalization_error()


@ALL
@pytest.mark.parametrize("state", STATES)
def test_all_kept_and_none_kept(method, state):
    rounding = 20 * EPS * np.abs(state.signed_weights).sum() ** 2
    everything = method.limit(state, keep_of(method, state.K, state.K)).generalization_error()
    assert everything == pytest.approx(error_of(state), abs=rounding)
    teacher = float(generalization_error(state.T, state.A))
    assert method.limit(state, keep_of(method, 0, state.K)).generalization_error() == pytest.approx(
        teacher, abs=rounding
    )


@EDGES
@pytest.mark.parametrize("state", STATES)
def test_edges_approach_their_ends(method, state):
    """No jump at p = 0 and p = 1, where the limit is not computed but copied.

    1 − E[z²π] and E[z²π] are O(p log 1/p) at the ends, also of the products: 1e-7 at p = 1e-9.
    """
    for near, end in ((1e-9, 0.0), (1 - 1e-9, 1.0)):
        np.testing.assert_allclose(
            method.limit(state, near).covariance, method.limit(state, end).covariance, atol=3e-7, rtol=1e-7
        )


@EDGES
@pytest.mark.parametrize("keep", [1e-6, 0.1, 0.5, 0.9, 1 - 1e-6])
def test_pruned_overlaps_are_those_of_weights(method, keep):
    """Q' − R'T⁻¹R'ᵀ ≥ 0: pruned weights exist that have these overlaps; no overlap grows, the teacher's stay."""
    for state in [*STATES, specialized_state(2, 3, 4.0)]:
        C = method.limit(state, keep).covariance
        np.testing.assert_array_equal(C, C.T)
        refuse_negative("C", np.linalg.eigvalsh(C))
        assert (np.abs(C) <= np.abs(state.covariance) * (1 + 1e-14)).all()
        np.testing.assert_array_equal(C[state.K :, state.K :], state.T)


@EDGES
def test_rotation_of_units_and_signs(method):
    """Scaling or flipping one node's weights scales or flips its pruned overlaps: z = w/√Q_ii is all that counts."""
    state = STATES[0]
    scale = np.array([2.0, -1.0, 0.25, 1.0, 1.0, 1.0])
    C = state.covariance * np.outer(scale, scale)
    other = OrderParameters.unpruned(C[:4, :4], C[:4, 4:], C[4:, 4:], state.v, state.A)
    expected = method.limit(state, 0.3).covariance * np.outer(scale, scale)
    np.testing.assert_allclose(method.limit(other, 0.3).covariance, expected, rtol=1e-12, atol=1e-14)


@EDGES
def test_input_variance(method):
    """Masks see the weights, so the variance of the inputs is a factor before and after."""
    state = STATES[1]
    loud = OrderParameters.unpruned(state.Q, state.R, state.T, state.v, state.A, variance=3.0)
    expected = 3.0 * method.limit(state, 0.3).covariance
    np.testing.assert_allclose(method.limit(loud, 0.3).covariance, expected, rtol=1e-13)


@EDGES
def test_dead_nodes_stay_dead(method):
    state = STATES[2]
    Q, R = np.array(state.Q), np.array(state.R)
    Q[1], Q[:, 1], R[1] = 0.0, 0.0, 0.0
    C = method.limit(OrderParameters.unpruned(Q, R, state.T, state.v, state.A), 0.4).covariance
    assert not C[1].any()
    alive = np.array([0, 2, 3, 4, 5])
    whole = method.limit(state, 0.4).covariance
    np.testing.assert_array_equal(C[np.ix_(alive, alive)], whole[np.ix_(alive, alive)])


@EDGES
def test_the_state_is_left_as_it_was(method):
    state = STATES[3]
    before = state.covariance
    method.limit(state, 0.0)
    method.limit(state, 0.4)
    np.testing.assert_array_equal(state.covariance, before)


@EDGES
def test_more_edges_are_better_in_the_specialized_state(method):
    """Only there: a student that is worse than nothing gains by losing edges."""
    state = specialized_state(2, 3, 4.0)
    errors = [method.limit(state, p).generalization_error() for p in np.linspace(0, 1, 41)]
    assert (np.diff(errors) < 0).all()


@NODES
def test_more_nodes_are_better_in_the_specialized_state(method):
    state = specialized_state(3, 3, 4.0)
    errors = [method.limit(state, k).generalization_error() for k in range(10)]
    assert (np.diff(errors) < 0).all()


def test_importance_is_certain_without_ties():
    state = STATES[0]
    best = np.argsort(-np.abs(state.v))[:2]
    subsets, probabilities = METHODS["importance-node"].law(state, 2).subsets()
    assert subsets.tolist() == [sorted(best.tolist())]
    assert probabilities.tolist() == [1.0]


def test_random_edges_in_closed_form():
    state = STATES[0]
    C = RandomEdge().limit(state, 0.3).covariance
    expected = 0.09 * state.Q + (0.3 - 0.09) * np.diag(np.diag(state.Q))
    np.testing.assert_allclose(C[:4, :4], expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(C[:4, 4:], 0.3 * state.R, rtol=1e-15)


@EDGES
def test_pruned_twice_is_refused(method):
    once = RandomEdge().mask_classes(STATES[0], 0.5).state
    with pytest.raises(BadInput, match=f"{method.name}: the state has 16 mask classes, expected an unpruned one"):
        method.limit(once, 0.5)


def test_specialized_state_refusals():
    for arguments, message in (((0, 3, 1.0), "teachers"), ((2, 0, 1.0), "copies"), ((2, 3, "a"), "second layer")):
        with pytest.raises(BadInput, match=message):
            specialized_state(*arguments)
