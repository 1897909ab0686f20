"""States that training starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import integer, number
from divprune_sym.notation import OrderParameters

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation


def small_overlaps(
    students: int,
    teachers: int,
    second_layer: float = 1.0,
    overlap: float = 1e-3,
    activation: str | Activation = "erf",
    seed: int = 1,
) -> OrderParameters:
    """A student whose overlaps with all others are small and random.

    Q_ii = 1; Q_ik and R_in are drawn from N(0, overlap²); T = 1, A = v*, v = v* M/K.

    Parameters
    ----------
    students, teachers : int
        K and M.
    second_layer : float
        v*.
    overlap : float
        Their standard deviation, at most 0.1.
    activation : str or Activation
    seed : int

    Raises
    ------
    BadInput
        A value out of range, or overlaps that no weights have.
    """
    K, M = integer("students", students, 1), integer("teachers", teachers, 1)
    v, scale = number("second_layer", second_layer), number("overlap", overlap, 0.0, 0.1)
    rng = np.random.default_rng(integer("seed", seed, 0))
    noise = scale * rng.standard_normal((K, K))
    Q = np.eye(K) + np.triu(noise, 1) + np.triu(noise, 1).T
    R = scale * rng.standard_normal((K, M))
    return OrderParameters.unpruned(Q, R, np.eye(M), np.full(K, v * M / K), np.full(M, v), activation=activation)
