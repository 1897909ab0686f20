"""One loop: online SGD over a block of inputs drawn beforehand.  Arrays in, changed in place; a count out.

The text below the line is copied into a module for each pair of activations, after the functions it calls.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    def student_output(u: float) -> float:
        """g(u)."""

    def student_slope(u: float) -> float:
        """g'(u)."""

    def teacher_output(u: float) -> float:
        """h(u)."""


# --- copied into generated modules from here on ---------------------------------------------------------

# A dot product vectorizes only if its sum may be reordered.  That license ends with the innermost loops: where it
# covers an `isfinite`, LLVM cancels the subtraction behind it, and a NaN passes for finite.
innermost = njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


def _move(w: NDArray[np.float64], shrink: float, step: float, x: NDArray[np.float64]) -> None:
    """w ← shrink w − step x, in place."""
    for j in range(w.size):
        w[j] = shrink * w[j] - step * x[j]


def _move_masked(
    w: NDArray[np.float64], shrink: float, step: float, x: NDArray[np.float64], m: NDArray[np.float64]
) -> None:
    """w ← shrink w − step (m ∘ x), in place."""
    for j in range(w.size):
        w[j] = shrink * w[j] - step * (m[j] * x[j])


dot, move, move_masked = innermost(_dot), innermost(_move), innermost(_move_masked)


def _sgd_steps(
    w: NDArray[np.float64],
    v: NDArray[np.float64],
    B: NDArray[np.float64],
    A: NDArray[np.float64],
    mask: NDArray[np.float64],
    X: NDArray[np.float64],
    zeta: NDArray[np.float64],
    eta: float,
    eta_v: float,
    sigma: float,
    weight_decay: float,
    weight_decay_v: float,
) -> int:
    """One SGD step per row of X, in place.

    w, mask: (K, N)  v: (K,)  B: (M, N)  A: (M,)  X: (S, N)  zeta: (S,)

    With fields λ = w x/√N, ρ = B x/√N, all taken before the step, and Δ = Σ v g(λ) − Σ A h(ρ) − σζ:

        w_i ← (1 − κ/N) w_i − (η/√N) v_i g'(λ_i) Δ (m_i ∘ x),      v_i ← (1 − κ_v/N) v_i − (η_v/N) g(λ_i) Δ.

    A deterministic function of its arguments.  Returns the number of steps taken: fewer than S when the next
    one would have a λ or Δ that is not finite; it is the caller who raises.
    """
    K, N = w.shape
    S: int = X.shape[0]
    root_N = math.sqrt(N)
    shrink = 1.0 - weight_decay / N
    shrink_v = 1.0 - weight_decay_v / N
    learns_all = np.empty(K, np.bool_)  # reading the mask doubles the cost of a move: rows without holes skip it
    for i in range(K):
        learns_all[i] = mask[i].min() == 1.0
    g = np.empty(K)
    slope = np.empty(K)
    for t in range(S):
        x = X[t]
        delta = -sigma * zeta[t]
        for n in range(B.shape[0]):
            delta -= A[n] * teacher_output(dot(B[n], x) / root_N)
        for i in range(K):
            field = dot(w[i], x) / root_N
            if not math.isfinite(field):
                return t
            g[i] = student_output(field)
            slope[i] = student_slope(field)
            delta += v[i] * g[i]
        if not math.isfinite(delta):
            return t
        for i in range(K):
            step = eta / root_N * v[i] * slope[i] * delta
            if learns_all[i]:
                move(w[i], shrink, step, x)
            else:
                move_masked(w[i], shrink, step, x, mask[i])
            v[i] = shrink_v * v[i] - eta_v / N * g[i] * delta
    return S


sgd_steps = njit(cache=True, nogil=True)(_sgd_steps)
