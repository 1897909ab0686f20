"""Order parameters and errors along a trajectory, from its flat states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation.error import generalization_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from divprune_sym.solvers.problem import Problem


def unflattened(
    states: NDArray[np.float64], problems: Sequence[Problem]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Q (P, S, C, K, K), R (P, S, C, K, M) and v (P, S, K), moving or not, of flat states (P, S, n) of P problems."""
    classes, K, M = problems[0].state.R_classes.shape
    P, S, n = states.shape
    q, r = classes * K * K, classes * K * (K + M)
    Q, R = states[..., :q].reshape(P, S, classes, K, K), states[..., q:r].reshape(P, S, classes, K, M)
    if n > r:
        return Q, R, states[..., r:]
    return Q, R, np.repeat(np.array([x.state.v for x in problems])[:, None], S, axis=1)


def errors_of_many(problems: Sequence[Problem], states: NDArray[np.float64]) -> NDArray[np.float64]:
    """ε_g (P, S) of flat states (P, S, n) of problems of one size and with the same equations."""
    K, M = problems[0].state.K, problems[0].state.M
    P, S = states.shape[:2]
    variance = np.array([x.state.variance for x in problems])
    C, s = np.empty((P, S, K + M, K + M)), np.empty((P, S, K + M))
    Q, R, s[..., :K] = unflattened(states, problems)
    T = np.array([x.state.T_classes for x in problems])
    C[..., :K, :K], C[..., :K, K:], C[..., K:, K:] = (
        _over_classes(variance, overlaps) for overlaps in (Q, R, T[:, None])
    )
    C[..., K:, :K] = np.swapaxes(C[..., :K, K:], -1, -2)
    s[..., K:] = -np.array([x.state.A for x in problems])[:, None]
    return generalization_error(C, s, problems[0].state.activation, problems[0].state.teacher_activation, K)


def _over_classes(variance: NDArray[np.float64], overlaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ_c variance_c overlaps_c (P, S, C, …), class after class: equal bits for one problem and for many."""
    total = variance[:, 0, None, None, None] * overlaps[:, :, 0]
    for c in range(1, variance.shape[1]):
        total += variance[:, c, None, None, None] * overlaps[:, :, c]
    return total
