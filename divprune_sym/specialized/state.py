"""The noiseless specialized state: each of M teacher nodes is copied by Z student nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import integer, number
from divprune_sym.notation import OrderParameters

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation


def specialized_state(
    teachers: int, copies: int, second_layer: float, *, activation: str | Activation = "erf"
) -> OrderParameters:
    """K = MZ, T = 1, A_n = v*, v_i = v*/Z: ε_g = 0 before pruning.

    Parameters
    ----------
    teachers : int
        M.
    copies : int
        Z, students per teacher node.
    second_layer : float
        v*.
    activation : str or Activation
        g, of student and teacher alike.

    Raises
    ------
    BadInput
        M or Z below 1, a second layer that is no finite number, or an unknown activation.
    """
    M, Z = integer("teachers", teachers, 1), integer("copies", copies, 1)
    v = number("second layer", second_layer)
    copied = np.repeat(np.eye(M), Z, axis=0)
    second = np.full(M * Z, v / Z), np.full(M, v)
    return OrderParameters.unpruned(copied @ copied.T, copied, np.eye(M), *second, activation=activation)
