"""Functions of `math` over an array, compiled by Numba without fast-math."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from numba import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

compiled = njit(error_model="numpy", cache=True)


@compiled
def asin(x: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """out = asin(x)"""
    for j in range(x.size):
        out[j] = math.asin(x[j])


@compiled
def erf(x: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """out = erf(x)"""
    for j in range(x.size):
        out[j] = math.erf(x[j])


@compiled
def exp(x: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """out = exp(x)"""
    for j in range(x.size):
        out[j] = math.exp(x[j])


@compiled
def sqrt(x: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """out = √x"""
    for j in range(x.size):
        out[j] = math.sqrt(x[j])


@compiled
def reciprocal(x: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """out = 1/x"""
    for j in range(x.size):
        out[j] = 1.0 / x[j]
