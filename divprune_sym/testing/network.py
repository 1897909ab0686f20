"""Networks, their order parameters and mask classes, and kernels of given rank, to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from divprune_sym.ground.checks import integer
from divprune_sym.simulate import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters

LARGEST_WEIGHT = 4.0


def _numbers(count: int, largest: float = LARGEST_WEIGHT) -> st.SearchStrategy[list[float]]:
    number = st.floats(-largest, largest, allow_subnormal=False)
    return st.lists(number, min_size=count, max_size=count)


def _matrices(rows: int, columns: int) -> st.SearchStrategy[NDArray[np.float64]]:
    return _numbers(rows * columns).map(lambda numbers: np.reshape(np.array(numbers), (rows, columns)))


@st.composite
def networks(
    draw: st.DrawFn,
    *,
    K: int | None = None,
    M: int | None = None,
    N: int | None = None,
    masked: bool = False,
) -> Network:
    """Small networks of any weights up to 4, zeros and equal nodes among them, shrinking towards zeros.

    Parameters
    ----------
    K, M, N : int, optional
        Student nodes, teacher nodes, inputs; 1 to 4, 1 to 3 and 1 to 8 if left out.
    masked : bool
        With a mask of student weights; masked weights are zero.
    """
    K = draw(st.integers(1, 4)) if K is None else integer("K", K, 1)
    M = draw(st.integers(1, 3)) if M is None else integer("M", M, 1)
    N = draw(st.integers(1, 8)) if N is None else integer("N", N, 1)
    w, B = draw(_matrices(K, N)), draw(_matrices(M, N))
    copies = draw(st.lists(st.integers(0, K - 1), min_size=K, max_size=K)) if draw(st.booleans()) else range(K)
    mask = draw(masks(K, N)) if masked else np.ones((K, N))
    v, A = (np.array(draw(_numbers(count))) for count in (K, M))
    return Network(w=w[list(copies)] * mask, v=v, B=B, A=A, mask=mask)


def masks(K: int, N: int) -> st.SearchStrategy[NDArray[np.float64]]:
    """Masks (K, N) of zeros and ones, shrinking towards ones."""
    bits = st.lists(st.sampled_from([1.0, 0.0]), min_size=K * N, max_size=K * N)
    return bits.map(lambda numbers: np.reshape(np.array(numbers), (K, N)))


def order_parameters(
    *, K: int | None = None, M: int | None = None, N: int | None = None, masked: bool = False
) -> st.SearchStrategy[OrderParameters]:
    """Order parameters of real networks: overlaps that weights can have, in the mask classes that are present.

    Parameters
    ----------
    K, M, N, masked
        As in `networks`. With fewer inputs than nodes the overlaps are singular.
    """
    return networks(K=K, M=M, N=N, masked=masked).map(lambda network: network.order_parameters())


def kernels(N: int, rank: int) -> st.SearchStrategy[NDArray[np.float64]]:
    """Kernels L = ΦΦᵀ (N, N) of a given rank, which rounding does not hide, shrinking towards a diagonal one.

    Φ is unit lower trapezoidal with entries up to 1, and its rows stand in any order: eigenvalues fall at most like
    4^(−rank), so that ranks up to about 20 are clear in float64.

    Raises
    ------
    BadInput
        The rank is not in [0, N].
    """
    N = integer("N", N, 1)
    rank = integer("rank", rank, 0, N)

    def kernel(numbers: list[float], order: list[int]) -> NDArray[np.float64]:
        factor = np.tril(np.reshape(np.array(numbers), (N, rank)), -1) + np.eye(N, rank)
        product = factor @ factor.T
        return np.asarray((0.5 * (product + product.T))[np.ix_(order, order)])

    return st.builds(kernel, _numbers(N * rank, 1.0), st.permutations(range(N)))
