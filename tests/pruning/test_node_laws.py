"""Laws on subsets of nodes: pairs against subsets, and errors against one network a subset."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from divprune_sym import generalization_error, specialized_state
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import DPPNode, ImportanceNode, RandomNode
from divprune_sym.pruning.subset_laws import uniform_law
from tests.pruning.judges import NODE_METHODS, random_state, state_of

METHODS = [*NODE_METHODS.values(), DPPNode("activation")]
IDS = [*NODE_METHODS, "dpp-node-activation"]
NODES = pytest.mark.parametrize("method", METHODS, ids=IDS)
# Probabilities of kernels with condition numbers below 100, through eigenvectors: some 1e4 ε
ROUNDING = 2e-12


def tied_state():
    """Two pairs of tied |v|, so that importance is neither certain nor uniform."""
    state = random_state(11, K=5)
    return state.with_(v=np.array([1.0, -1.0, 0.5, 2.0, -0.5]))


STATES = [random_state(10), tied_state(), specialized_state(2, 3, 4.0), specialized_state(1, 4, 1.0)]
SIZES = [(state, keep) for state in STATES for keep in range(state.K + 1)]


@NODES
@pytest.mark.parametrize(("state", "keep"), SIZES)
def test_pairs_are_those_of_the_subsets(method, state, keep):
    law = method.law(state, keep)
    subsets, probabilities = law.subsets()
    assert law.keep == keep
    assert subsets.shape == (len(probabilities), keep)
    assert len({tuple(S) for S in subsets.tolist()}) == len(subsets)
    assert (np.diff(subsets, axis=1) > 0).all()
    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1, abs=ROUNDING)
    member = np.zeros((len(subsets), state.K))
    np.put_along_axis(member, subsets, 1.0, axis=1)
    np.testing.assert_allclose(
        law.pairs, np.einsum("s,si,sj->ij", probabilities, member, member), atol=ROUNDING, rtol=1e-7
    )


@NODES
@pytest.mark.parametrize(("state", "keep"), SIZES)
def test_the_error_is_the_mean_over_pruned_networks(method, state, keep):
    """Every subset as a smaller student of its own."""
    mean = 0.0
    for S, probability in zip(*method.law(state, keep).subsets(), strict=True):
        if keep == 0:
            mean += float(generalization_error(state.T, state.A))
        else:
            fields = [*S, *range(state.K, state.K + state.M)]
            small = state_of(state.covariance[np.ix_(fields, fields)], keep, state.v[S], state.A)
            mean += probability * float(generalization_error(small.covariance, small.signed_weights))
    scale = np.abs(state.signed_weights).sum() ** 2
    assert method.limit(state, keep).generalization_error() == pytest.approx(mean, abs=scale * ROUNDING)


@pytest.mark.parametrize("kernel", ["preactivation", "activation"])
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_dpp_nodes_against_determinants(kernel, keep):
    state = random_state(12)
    C = state.covariance[:4, :4]
    L = (
        C
        if kernel == "preactivation"
        else 2 / np.pi * np.arcsin(C / np.sqrt(np.outer(1 + C.diagonal(), 1 + C.diagonal())))
    )
    subsets, found = DPPNode(kernel).law(state, keep).subsets()
    minors = np.array([np.linalg.det(L[np.ix_(S, S)]) for S in subsets])
    np.testing.assert_allclose(found, minors / minors.sum(), atol=ROUNDING, rtol=1e-7)


def test_input_variance_is_a_factor_of_the_preactivation_kernel():
    """P(S) ∝ det L_S does not see it; the activation kernel is not linear in it."""
    state = random_state(12)
    loud = state.with_(variance=np.array([25.0]))
    for kernel, same in (("preactivation", True), ("activation", False)):
        quiet_law, loud_law = (DPPNode(kernel).law(x, 2).subsets()[1] for x in (state, loud))
        assert np.allclose(quiet_law, loud_law, atol=ROUNDING) == same


def test_one_node_of_each_group_first():
    """Beyond the rank of Q: the law of derivations/05_dpp_node_law.py, not that of a small ridge."""
    subsets, probabilities = DPPNode().law(specialized_state(2, 3, 4.0), 3).subsets()
    weights = np.array([(S < 3).sum() * (S >= 3).sum() for S in subsets])
    np.testing.assert_allclose(probabilities, weights / weights.sum(), atol=ROUNDING, rtol=1e-7)


def test_small_but_real_eigenvalues_count():
    """A trained Q whose copies differ by 1e-5 is not singular: its law is det Q_S, not the limit beyond rank 2.

    A pair of near-copies with extra variances a and b has the determinant a + b; in the limit all sets are alike.
    """
    copies = specialized_state(2, 2, 4.0)
    extra = 1e-10 * np.array([1.0, 3.0, 2.0, 6.0])
    Q = copies.Q + np.diag(extra)
    state = state_of(np.block([[Q, copies.R], [copies.R.T, copies.T]]), 4, copies.v, copies.A)
    subsets, probabilities = DPPNode().law(state, 3).subsets()
    minors = np.array([extra[:2].sum() if {0, 1} < set(S) else extra[2:].sum() for S in subsets.tolist()])
    # eigenvalues of 1e-10 are known to 1e-16: six digits
    np.testing.assert_allclose(probabilities, minors / minors.sum(), atol=1e-5, rtol=1e-7)
    np.testing.assert_allclose(DPPNode().law(copies, 3).subsets()[1], 0.25, atol=ROUNDING, rtol=1e-7)


def test_laws_too_large_to_list():
    """C(30, 15) subsets: the error without reweighting needs pairs only, and a list is refused."""
    state = specialized_state(10, 3, 1.0)
    for method in (RandomNode(), ImportanceNode()):
        limit = method.limit(state, 15)
        gap, variance = 0.5, 15 * 0.1 * 0.9 * 15 / 29
        assert limit.generalization_error() == pytest.approx(10 / 6 * (gap**2 + variance / 9), rel=1e-12)
        with pytest.raises(BadInput, match=r"C\(30, 15\) = 1\.55e\+08 subsets: at most 1000000"):
            limit.generalization_error(reweight=True)
    with pytest.raises(BadInput, match=r"C\(30, 15\)"):
        DPPNode().limit(state, 15).generalization_error(reweight=True)


@pytest.mark.parametrize(
    ("sure", "tied", "keep"), [((), (0, 1, 2), 1), ((3,), (0, 2), 2), ((0, 3), (1,), 3), ((1,), (), 1)]
)
def test_uniform_law(sure, tied, keep):
    law = uniform_law(np.array(sure, dtype=np.int64), np.array(tied, dtype=np.int64), 4, keep)
    subsets, probabilities = law.subsets()
    expected = [tuple(sorted((*sure, *rest))) for rest in combinations(tied, keep - len(sure))]
    assert [tuple(S) for S in subsets.tolist()] == expected
    assert probabilities.tolist() == [1 / comb(len(tied), keep - len(sure))] * len(expected)
    for i in range(4):
        assert law.pairs[i, i] == pytest.approx(sum(i in S for S in expected) / len(expected), abs=1e-15)
