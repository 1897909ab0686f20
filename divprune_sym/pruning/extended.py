"""Magnitude and DPP edges at any time of training: pruned states with a bound on what the moments' error does.

The Gaussian weight ensemble holds along the whole trajectory of online SGD, so that a state at any time has pruned
overlaps, not only the specialised one. Here they are computed for many states at once, by compiled code; the
integrals are derived at the end of derivations/07_variants.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation.error import generalization_error
from divprune_sym.ground.checks import BadInput, number
from divprune_sym.ground.values import ByValue
from divprune_sym.pruning.methods.dpp_edge import DPPEdge
from divprune_sym.pruning.methods.magnitude_edge import MagnitudeEdge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.method import Pairs

_METHODS = {method.name: method for method in (MagnitudeEdge(), DPPEdge())}


@dataclass(frozen=True, eq=False)
class ExtendedLimit(ByValue):
    """S states after edge pruning.

    Attributes
    ----------
    covariance : (S, K+M, K+M)
        [[Q', R'], [R'ᵀ, T]].
    overlap_bound : (S, K, K)
        Q' as computed misses Q' by no more, at the threshold or scale that the keep fraction has in float64.
    generalization_error, error_bound : (S,)
        ε_g, and what the overlaps' error can change of it.
    """

    covariance: NDArray[np.float64]
    overlap_bound: NDArray[np.float64]
    generalization_error: NDArray[np.float64]
    error_bound: NDArray[np.float64]


def extended_limit(method: str, states: Sequence[OrderParameters], keep: float) -> ExtendedLimit:
    """What magnitude or DPP edge pruning leaves of unpruned states, as N → ∞.

    Parameters
    ----------
    method : {"magnitude-edge", "dpp-edge"}
    states : sequence of S OrderParameters
        Of the same K and M, one mask class each: say, those of a `Solution` at its times.
    keep : float
        p ∈ (0, 1).

    Raises
    ------
    BadInput
        Another method, no state, states of different sizes or with more than one class, or `keep` outside (0, 1).
    """
    p = number("keep fraction", keep, np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0))
    if not states or len({(x.K, x.M) for x in states}) != 1 or any(len(x.fraction) != 1 for x in states):
        msg = "states: expected at least one, all unpruned and of the same K and M"
        raise BadInput(msg)
    if method not in _METHODS:
        msg = f"method {method!r}: choose from {', '.join(_METHODS)}"
        raise BadInput(msg)
    law = _METHODS[method].keep_law(p)
    assert law.pairs is not None
    C = np.array([x.covariance for x in states])
    s = np.array([x.signed_weights for x in states])
    K = states[0].K
    bound = _prune(C, K, law.kept_square, law.pairs)
    # ∂ε_g/∂Q_ik, each ordered pair, is v_i v_k/2 times E[g'(λ_i) g'(λ_k)] ≤ 2/π
    error_bound = np.einsum("si,sik,sk->s", np.abs(s[:, :K]), bound, np.abs(s[:, :K])) / np.pi
    return ExtendedLimit(C, bound, generalization_error(C, s), error_bound)


def _prune(C: NDArray[np.float64], K: int, kept_square: float, pairs: Pairs) -> NDArray[np.float64]:
    """Covariances (S, K+M, K+M) pruned in place; the bound of Q' (S, K, K)."""
    upper = np.triu_indices(K, 1)
    square = np.einsum("sii->si", C[:, :K, :K]).copy()
    scale = np.sqrt(square[:, upper[0]] * square[:, upper[1]])
    overlap = C[:, upper[0], upper[1]]
    r = np.clip(np.divide(overlap, scale, out=np.zeros_like(scale), where=scale > 0), -1.0, 1.0)
    product, product_bound = (x.reshape(r.shape) for x in pairs(r.ravel()))
    C[:, :K, K:] *= kept_square
    C[:, K:, :K] *= kept_square
    bound = np.zeros_like(C[:, :K, :K])
    C[:, upper[0], upper[1]] = C[:, upper[1], upper[0]] = scale * product
    bound[:, upper[0], upper[1]] = bound[:, upper[1], upper[0]] = scale * product_bound
    nodes = np.arange(K)
    C[:, nodes, nodes] = square * kept_square
    return bound
