"""Time stepping on plain arrays: no kernel raises, every kernel returns a status (solvers/api.py turns it into words).

The text below the line is copied into the generated module of each problem, next to its right-hand
side, so that Numba compiles and caches the two together (it cannot cache functions that take functions).
Arrays are copied by loops: Numba spends seconds on compiling the error message of a slice assignment.
"""

from __future__ import annotations

import numpy as np
from numba import njit

jit = njit(error_model="numpy", nogil=True)


def rhs(y, dydt, p):
    """The generated module has its own: dydt = f(y) with parameters p."""
    raise NotImplementedError


# --- copied into every generated module from here on ---------------------------------------------------

DONE, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE = 0, 1, 2, 3


@jit
def copy(source, target):
    for j in range(len(source)):
        target[j] = source[j]


@jit
def all_finite(y):
    total = 0.0
    for j in range(len(y)):
        total += 0.0 * y[j]
    return total == 0.0


@jit
def error_norm(error, y, y_new, rtol, atol):
    total = 0.0
    for j in range(len(y)):
        scale = atol + rtol * max(abs(y[j]), abs(y_new[j]))
        total += (error[j] / scale) * (error[j] / scale)
    return np.sqrt(total / len(y))


@jit
def combine(y, h, weights, stages, count, out):
    """out = y + h Σ_{s<count} weights[s] stages[s]."""
    for j in range(len(y)):
        out[j] = 0.0
    for s in range(count):
        if weights[s] != 0.0:
            for j in range(len(y)):
                out[j] += weights[s] * stages[s, j]
    for j in range(len(y)):
        out[j] = y[j] + h * out[j]


@jit
def starting_step(y, slope, rtol, atol, p, order):
    """Hairer, Nørsett & Wanner, II.4: a step whose explicit Euler move is small and whose slope changes little."""
    zero, trial, moved = np.zeros(len(y)), np.empty(len(y)), np.empty(len(y))
    d0, d1 = error_norm(y, y, y, rtol, atol), error_norm(slope, y, y, rtol, atol)
    h0 = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    for j in range(len(y)):
        trial[j] = y[j] + h0 * slope[j]
    rhs(trial, moved, p)
    for j in range(len(y)):
        zero[j] = moved[j] - slope[j]
    d2 = error_norm(zero, y, y, rtol, atol) / h0
    if not np.isfinite(d2):
        return h0
    steepest = max(d1, d2)
    h1 = max(1e-6, h0 * 1e-3) if steepest <= 1e-15 else (0.01 / steepest) ** (1.0 / (order + 1))
    return min(100 * h0, h1)


@jit
def adaptive(y0, alphas, rtol, atol, max_steps, order, a, b, error, dense, p):
    """Embedded Runge–Kutta with first-same-as-last, PI step control and dense output at `alphas`.

    Returns (states (S, n), outputs filled, status, accepted steps, right-hand sides, α reached).
    """
    n, s = len(y0), len(b)
    out = np.empty((len(alphas), n))
    y, y_new, zero, gap = y0.copy(), np.empty(n), np.zeros(n), np.empty(n)
    stages = np.empty((s, n))
    weights = np.empty(s)
    t, filled, steps, nfev, previous = 0.0, 0, 0, 1, 1e-4
    rhs(y, stages[0], p)
    while filled < len(alphas) and alphas[filled] <= 0.0:
        copy(y, out[filled])
        filled += 1
    if filled == len(alphas):
        return out, filled, DONE, steps, nfev, t
    if not all_finite(stages[0]):
        return out, filled, NOT_FINITE, steps, nfev, t
    h = starting_step(y, stages[0], rtol, atol, p, order)
    nfev += 1
    last = alphas[-1]
    rejected, finite = False, True
    for _ in range(max_steps):
        if last - t > 1e-14 * last:
            h = min(h, last - t)
        if h <= 1e-15 * max(t, 1e-300):
            return out, filled, STEP_TOO_SMALL if finite else NOT_FINITE, steps, nfev, t
        for stage in range(1, s):
            combine(y, h, a[stage], stages, stage, y_new)
            rhs(y_new, stages[stage], p)
        nfev += s - 1
        # the last stage's point is the solution itself: a[s-1] = b
        combine(zero, h, error, stages, s, gap)
        norm = error_norm(gap, y, y_new, rtol, atol)
        finite = np.isfinite(norm)
        if not finite:
            h *= 0.1
            rejected = True
            continue
        if norm > 1.0:
            h *= max(0.2, 0.9 * norm ** (-1.0 / order))
            rejected = True
            continue
        while filled < len(alphas) and alphas[filled] <= t + h * (1.0 + 1e-14):
            theta = min((alphas[filled] - t) / h, 1.0)
            for stage in range(s):
                weights[stage] = 0.0
                for power in range(dense.shape[1] - 1, -1, -1):
                    weights[stage] = (weights[stage] + dense[stage, power]) * theta
            combine(y, h, weights, stages, s, out[filled])
            filled += 1
        t += h
        steps += 1
        copy(y_new, y)
        copy(stages[s - 1], stages[0])
        if filled == len(alphas):
            return out, filled, DONE, steps, nfev, t
        norm = max(norm, 1e-10)
        growth = 0.9 * norm ** (-0.7 / order) * previous ** (0.4 / order)
        growth = min(1.0 if rejected else 10.0, max(0.2, growth))
        previous, rejected = norm, False
        h *= growth
    return out, filled, TOO_MANY_STEPS, steps, nfev, t


@jit
def fixed_step(y0, alphas, dt, a, b, p):
    """Runge–Kutta with a fixed step, shortened only to land on each of `alphas`.

    Returns (states (S, n), outputs filled, status, steps, right-hand sides, α reached).
    """
    n, s = len(y0), len(b)
    out = np.empty((len(alphas), n))
    y, point = y0.copy(), np.empty(n)
    stages = np.empty((s, n))
    t, steps = 0.0, 0
    for filled in range(len(alphas)):
        span = alphas[filled] - t
        count = max(1, int(np.ceil(span / dt - 1e-9))) if span > 0.0 else 0
        for step in range(count):
            h = span / count
            for stage in range(s):
                combine(y, h, a[stage], stages, stage, point)
                rhs(point, stages[stage], p)
            combine(y, h, b, stages, s, point)
            copy(point, y)
            steps += 1
            if not all_finite(y):
                return out, filled, NOT_FINITE, steps, steps * s, t + h * (step + 1)
        t = alphas[filled]
        copy(y, out[filled])
    return out, len(alphas), DONE, steps, steps * s, t
