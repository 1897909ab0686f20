"""Order parameters and errors along a trajectory, from its flat states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.codegen.error import generalization_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers.api import Problem


def unflattened(
    states: NDArray[np.float64], x: OrderParameters
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Q (S, C, K, K), R (S, C, K, M) and v (S, K) of flat states (S, n); v is constant where they have none."""
    classes, K, M = x.R_classes.shape
    q, r = classes * K * K, classes * K * (K + M)
    Q = states[:, :q].reshape(len(states), classes, K, K)
    R = states[:, q:r].reshape(len(states), classes, K, M)
    return Q, R, states[:, r:] if states.shape[1] > r else np.tile(x.v, (len(states), 1))


def errors_along(
    problem: Problem, Q: NDArray[np.float64], R: NDArray[np.float64], v: NDArray[np.float64]
) -> NDArray[np.float64]:
    """ε_g along a trajectory."""
    x = problem.state
    K, M = x.K, x.M
    C = np.empty((len(Q), K + M, K + M))
    C[:, :K, :K] = np.einsum("c,scik->sik", x.variance, Q)
    C[:, :K, K:] = np.einsum("c,scin->sin", x.variance, R)
    C[:, K:, :K] = np.swapaxes(C[:, :K, K:], 1, 2)
    C[:, K:, K:] = np.einsum("c,cnm->nm", x.variance, x.T_classes)
    s = np.concatenate([v, np.tile(-x.A, (len(v), 1))], axis=1)
    return generalization_error(C, s, problem.activation, problem.teacher_activation, K)
