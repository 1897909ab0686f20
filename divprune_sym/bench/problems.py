"""The problems that several tables solve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.simulate import random_network
from divprune_sym.solvers import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray


def learning_problem(K: int, M: int) -> Problem:
    """Both layers learn, η = 0.2, σ = 0.01, from random weights of a network of 1000 inputs."""
    network = random_network(np.random.default_rng(0), 1000, K, M)
    return Problem(network.order_parameters(), eta=0.2, eta_v=0.2, sigma=0.01)


def flat_problem(problem: Problem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """An unpruned problem as the peers take it: y = (Q, R, v) and p = (T, A, η, η_v, σ)."""
    x = problem.state
    y = np.concatenate([x.Q.ravel(), x.R.ravel(), x.v])
    return y, np.concatenate([x.T.ravel(), x.A, [problem.eta, problem.eta_v, problem.sigma]])
