"""Tridiagonal form of a symmetric matrix by LAPACK, called without the interpreter lock: threads run side by side.

SciPy offers the routines to Cython; their addresses are called through ctypes, which releases the lock. (Its Python
wrappers have no dormtr.)
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba.extending import get_cython_function_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_ARGUMENTS = {"dsytrd": 10, "dsterf": 4, "dormtr": 13}
# block size times columns of workspace: more than LAPACK's own choice of 32 does not pay at these sizes
_BLOCK = 64


@cache
def _routine(name: str) -> Callable[..., None]:
    address = get_cython_function_address("scipy.linalg.cython_lapack", name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * _ARGUMENTS[name])(address)


def _call(name: str, *arguments: Any) -> None:
    """Call a routine; int arguments and the trailing info are passed by reference, arrays by their address."""
    info = ctypes.c_int(0)
    _routine(name)(*map(_reference, arguments), ctypes.byref(info))
    if info.value != 0:
        msg = f"LAPACK {name}: info = {info.value}"
        raise np.linalg.LinAlgError(msg)


def _reference(argument: Any) -> Any:
    if isinstance(argument, np.ndarray):
        return argument.ctypes.data
    return ctypes.byref(ctypes.c_int(argument)) if isinstance(argument, int) else argument


def tridiagonalize(
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return d (n,), e (n − 1,) and τ of T = Qᵀ A Q; `matrix`, (n, n), C-contiguous, is overwritten by reflectors."""
    n = len(matrix)
    d, e, tau = np.empty(n), np.empty(max(n - 1, 1)), np.empty(max(n - 1, 1))
    work = np.empty(_BLOCK * n)
    _call("dsytrd", b"L", n, matrix, n, d, e, tau, work, len(work))
    return d, e[: n - 1], tau


def tridiagonal_eigenvalues(d: NDArray[np.float64], e: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the eigenvalues of a symmetric tridiagonal matrix, ascending, (n,)."""
    values, off_diagonal = d.copy(), np.append(e, 0.0)
    _call("dsterf", len(values), values, off_diagonal)
    return values


def back_transform(reflectors: NDArray[np.float64], tau: NDArray[np.float64], vectors: NDArray[np.float64]) -> None:
    """Turn eigenvectors of T into those of A, in place.   vectors: (m, n), one a row, C-contiguous"""
    m, n = vectors.shape
    work = np.empty(_BLOCK * max(m, n) + 65 * _BLOCK)
    _call("dormtr", b"L", b"L", b"N", n, m, reflectors, n, tau, vectors, n, work, len(work))
