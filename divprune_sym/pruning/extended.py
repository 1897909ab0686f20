"""Edge pruning at any time of training: pruned states with a bound on what the moments' error does.

The Gaussian weight ensemble holds along the whole trajectory of online SGD, so that a state at any time has pruned
overlaps, not only the specialized one. Here they are computed for many states at once, by compiled code; the
integrals are derived at the end of derivations/07_variants.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation.error import generalization_error
from divprune_sym.evaluation.slopes import mean_square_slopes
from divprune_sym.ground.checks import BadInput, number
from divprune_sym.ground.values import ByValue
from divprune_sym.pruning.method import EdgeMethod, pruned_covariances
from divprune_sym.pruning.user_method import as_loaded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters


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


def extended_limit(method: str | EdgeMethod, states: Sequence[OrderParameters], keep: float) -> ExtendedLimit:
    """What edge pruning leaves of unpruned states, as N → ∞.

    Parameters
    ----------
    method : str or EdgeMethod
        Or its name, or FILE.py:CLASS (which is run): masks of different nodes are independent given the weights, such
        as those of "magnitude-edge" or "dpp-edge".
    states : sequence of S OrderParameters
        Of the same K, M and activations, one mask class each: say, those of a `Solution` at its times.
    keep : float
        p ∈ (0, 1).

    Raises
    ------
    BadInput
        Another method, no state, states that differ in size or activation or have more than one class, or `keep`
        outside (0, 1).
    """
    p = number("keep fraction", keep, np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0))
    kinds = {(x.K, x.M, x.activation, x.teacher_activation) for x in states}
    if len(kinds) != 1 or any(len(x.fraction) != 1 for x in states):
        msg = "states: expected at least one, all unpruned and of the same K, M and activations"
        raise BadInput(msg)
    loaded = as_loaded(method)
    if not isinstance(loaded, EdgeMethod):
        msg = f"method {loaded.name!r}: has no moments of single weights; take one such as magnitude-edge or dpp-edge"
        raise BadInput(msg)
    x, C = states[0], np.array([x.covariance for x in states])
    K, s = x.K, np.array([x.signed_weights for x in states])
    C, bound = pruned_covariances(C, K, loaded.keep_law(p))
    # ∂ε_g/∂Q_ik, each ordered pair, is v_i v_k/2 times E[g'(λ_i) g'(λ_k)], and that at most √(E[g'_i²] E[g'_k²])
    steepness = np.abs(s[:, :K]) * np.sqrt(mean_square_slopes(np.einsum("saa->sa", C)[:, :K], x.activation))
    error_bound = 0.5 * np.einsum("si,sik,sk->s", steepness, bound, steepness)
    return ExtendedLimit(C, bound, generalization_error(C, s, x.activation, x.teacher_activation, K), error_bound)
