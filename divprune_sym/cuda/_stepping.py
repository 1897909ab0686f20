"""Time stepping by one thread, or by a block of `lanes` threads of which this is number `lane`.

The text below the line is copied into generated modules, next to the right-hand side. Steps, errors and decisions are
those of `solvers/_kernels.py`. Threads of a block share the entries of the state; what they decide by, each sums over
all entries in the same order, so that all decide alike, and as one thread alone.
"""

from __future__ import annotations

from math import isfinite, sqrt

import numpy as np
from numba import cuda, float64

# the generated module has those of its method: arguments would take registers that the equations need
ORDER, A, ERROR, DENSE = 5, np.zeros((7, 7)), np.zeros(7), np.zeros((7, 4))

jit = cuda.jit(device=True)


@jit
def fma(a, b, c):
    """a b + c, which the GPU does in one operation."""
    return a * b + c


@jit
def sync():
    """Wait for the other threads, where there are any."""


@jit
def rhs(y, dydt, p, lane, lanes):
    """The generated module has its own: dydt = f(y) with parameters p."""


# --- copied into every generated module from here on ---------------------------------------------------

DONE, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE, UNDER_WAY = 0, 1, 2, 3, 4
STAGES = len(ERROR)
POWERS = DENSE.shape[1]


@jit
def copy(source, target, lane, lanes):
    for j in range(lane, len(target), lanes):
        target[j] = source[j]
    sync()


@jit
def total(terms):
    found = 0.0
    for j in range(len(terms)):
        found += terms[j]
    sync()
    return found


@jit
def combine(y, h, weights, stages, count, out, lane, lanes):
    """out = y + h Σ_{s<count} weights[s] stages[s]."""
    for j in range(lane, len(y), lanes):
        moved = 0.0
        for s in range(count):
            moved = fma(weights[s], stages[s, j], moved)
        out[j] = fma(h, moved, y[j])
    sync()


@jit
def error_norm(y, y_new, h, stages, gap, rtol, atol, lane, lanes):
    for j in range(lane, len(y), lanes):
        moved = 0.0
        for s in range(STAGES):
            moved = fma(ERROR[s], stages[s, j], moved)
        share = h * moved / (atol + rtol * max(abs(y[j]), abs(y_new[j])))
        gap[j] = share * share
    sync()
    return sqrt(total(gap) / len(y))


@jit
def scaled_norm(x, y, gap, rtol, atol, lane, lanes):
    for j in range(lane, len(y), lanes):
        share = x[j] / (atol + rtol * abs(y[j]))
        gap[j] = share * share
    sync()
    return sqrt(total(gap) / len(y))


@jit
def explicit_step(y, slope, gap, rtol, atol, lane, lanes):
    """Hairer, Nørsett & Wanner, II.4: a step whose explicit Euler move is small; NaN where the slope is."""
    d0 = scaled_norm(y, y, gap, rtol, atol, lane, lanes)
    d1 = scaled_norm(slope, y, gap, rtol, atol, lane, lanes)
    return (1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1) + 0.0 * d1


@jit
def starting_step(h0, y, stages, gap, rtol, atol, lane, lanes):
    """The same, from the slope after that move: a step in which the slope changes little."""
    d1 = scaled_norm(stages[0], y, gap, rtol, atol, lane, lanes)
    for j in range(lane, len(y), lanes):
        stages[1, j] -= stages[0, j]
    sync()
    d2 = scaled_norm(stages[1], y, gap, rtol, atol, lane, lanes) / h0
    if not isfinite(d2):
        return h0
    steepest = max(d1, d2)
    h1 = max(1e-6, h0 * 1e-3) if steepest <= 1e-15 else (0.01 / steepest) ** (1.0 / (ORDER + 1))
    return min(100 * h0, h1)


@jit
def growth(norm, previous, rejected):
    """By how much the next step is longer than one of this error: PI control."""
    factor = 0.9 * norm ** (-0.7 / ORDER) * previous ** (0.4 / ORDER)
    return min(1.0 if rejected else 10.0, max(0.2, factor))


@jit
def report(alphas, filled, t, h, y, stages, out, lane, lanes):
    """Dense output at the times up to the end of this step; how many are filled by now."""
    weights = cuda.local.array((STAGES,), float64)
    while filled < len(alphas) and alphas[filled] <= t + h * (1.0 + 1e-14):
        theta = min((alphas[filled] - t) / h, 1.0)
        for stage in range(STAGES):
            weight = 0.0
            for power in range(POWERS - 1, -1, -1):
                weight = (weight + DENSE[stage, power]) * theta
            weights[stage] = weight
        combine(y, h, weights, stages, STAGES, out[filled], lane, lanes)
        filled += 1
    return filled


@jit
def adaptive(y, y_new, stages, gap, out, control, alphas, rtol, atol, max_steps, p, lane, lanes):
    """Embedded Runge–Kutta with first-same-as-last, PI step control and dense output at `alphas`.

    y in; out (S, n), and in `control`: status, outputs filled, accepted steps, right-hand sides, α reached. One
    right-hand side a turn, called from one place: a copy of it at every stage would not fit the registers.
    """
    t, h, previous, filled, steps, nfev, trials = 0.0, 0.0, 1e-4, 0, 0, 0, 0
    rejected, finite, status = False, True, UNDER_WAY
    last = alphas[len(alphas) - 1]
    stage = 0  # whose slope is computed next
    copy(y, y_new, lane, lanes)
    while status == UNDER_WAY:
        rhs(y_new, stages[stage], p, lane, lanes)
        nfev += 1
        if nfev == 1:
            while filled < len(alphas) and alphas[filled] <= 0.0:
                copy(y, out[filled], lane, lanes)
                filled += 1
            h = explicit_step(y, stages[0], gap, rtol, atol, lane, lanes)
            if filled == len(alphas):
                status = DONE
            elif not isfinite(h):
                status = NOT_FINITE
            for j in range(lane, len(y), lanes):
                y_new[j] = y[j] + h * stages[0, j]
            sync()
            stage = 1
            continue
        if nfev == 2:
            h = starting_step(h, y, stages, gap, rtol, atol, lane, lanes)
            stage = 0
        elif stage == STAGES - 1:
            # the last stage's point is the solution itself
            norm = error_norm(y, y_new, h, stages, gap, rtol, atol, lane, lanes)
            finite = isfinite(norm)
            if norm <= 1.0:
                filled = report(alphas, filled, t, h, y, stages, out, lane, lanes)
                if filled == len(alphas):
                    status = DONE
                copy(y_new, y, lane, lanes)
                copy(stages[STAGES - 1], stages[0], lane, lanes)
                t += h
                steps += 1
                norm = max(norm, 1e-10)
                h *= growth(norm, previous, rejected)
                previous, rejected = norm, False
            else:
                h *= max(0.2, 0.9 * norm ** (-1.0 / ORDER)) if finite else 0.1
                rejected = True
            stage = 0
        if stage == 0 and status == UNDER_WAY:
            trials += 1
            if last - t > 1e-14 * last:
                h = min(h, last - t)
            if trials > max_steps:
                status = TOO_MANY_STEPS
            elif h <= 1e-15 * max(t, 1e-300):
                status = STEP_TOO_SMALL if finite else NOT_FINITE
        stage += 1
        combine(y, h, A[stage], stages, stage, y_new, lane, lanes)
    if lane == 0:
        control[0], control[1], control[2], control[3], control[4] = status, filled, steps, nfev, t
