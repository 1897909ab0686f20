"""The networks, order parameters, masks and kernels offered to users are what they say."""

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from divprune_sym import Network, generalization_error
from divprune_sym.dpp import LEnsemble
from divprune_sym.ground.checks import BadInput
from divprune_sym.testing import kernels, masks, networks, order_parameters

SETTINGS = settings(database=None, derandomize=True, max_examples=500, phases=[Phase.generate])


@given(networks())
def test_networks_are_small(network):
    assert isinstance(network, Network)
    assert network.K <= 4
    assert network.M <= 3
    assert network.N <= 8
    assert np.abs(network.w).max() <= 4
    assert (network.mask == 1).all()


@given(networks(K=2, M=1, N=3, masked=True))
def test_masked_weights_are_zero(network):
    assert (network.K, network.M, network.N) == (2, 1, 3)
    assert not network.w[network.mask == 0].any()


@pytest.mark.parametrize(
    "wanted",
    [
        lambda x: (x.mask == 0).any() and (x.mask == 1).any(),
        lambda x: x.K > 1 and (x.w[0] == x.w[1]).all() and x.w[0].any(),
        lambda x: x.N < x.K + x.M,
    ],
    ids=["mask", "copies", "singular"],
)
def test_what_can_be_reached(wanted):
    find(networks(masked=True), wanted, settings=SETTINGS)


@given(st.booleans().flatmap(lambda masked: order_parameters(masked=masked)))
def test_order_parameters_are_those_of_weights(state):
    """They pass the door again, and have an error."""
    assert float(generalization_error(state.covariance, state.signed_weights)) >= -1e-14
    assert state.fraction.sum() == pytest.approx(1)
    assert np.linalg.eigvalsh(state.covariance).min() >= -1e-12 * max(1, np.abs(state.covariance).max())


@given(masks(3, 4))
def test_masks(mask):
    assert mask.shape == (3, 4)
    assert np.isin(mask, (0, 1)).all()


@given(st.data())
def test_kernels_have_their_rank(data):
    N = data.draw(st.integers(1, 8))
    rank = data.draw(st.integers(0, N))
    L = data.draw(kernels(N, rank))
    assert np.array_equal(L, L.T)
    assert LEnsemble.from_matrix(L).rank == rank


def test_kernels_shrink_to_a_diagonal():
    L = find(kernels(3, 2), lambda L: True, settings=settings(database=None, derandomize=True))
    assert np.array_equal(L, np.diag([1.0, 1.0, 0.0]))


def test_no_such_rank():
    with pytest.raises(BadInput, match="rank = 4: must be between 0 and 3"):
        kernels(3, 4)
