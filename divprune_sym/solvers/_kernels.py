"""Time stepping on plain arrays: no kernel raises, every kernel returns a status (solvers/solution.py has its words).

They are generated text that nobody has to generate (see `codegen.expressions` for what it may hold): compiled once,
they call the right-hand side of each problem, compiled apart, at its address `rhs`.
"""

from __future__ import annotations

from math import fabs, sqrt

import numpy as np

from divprune_sym.codegen.native import native
from divprune_sym.codegen.simd import above, call, fma, next_ticket

DONE, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE, UNDER_WAY, STIFF, CALM = 0, 1, 2, 3, 4, 5, 6
# as the next ticket it says that nobody waits any more; trial steps between two looks at it
GIVEN_UP, PAUSE = 2**62, 200
# where a run stands, besides its state and slope
T, H, PREVIOUS, REJECTED, FINITE, TRIALS, STEPS, NFEV, FILLED, STATUS, STIFF_STEPS = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
# the same of an implicit method
ORDER, EQUAL, AGE, FACTORED, JACOBIANS, FACTORIZATIONS, RADIUS, CALM_STEPS = 11, 12, 13, 14, 15, 16, 17, 18
CONTROL = 19
# steps times the fastest rate from which on an implicit method makes longer ones, so many of them in a row
STIFF_FROM, STIFF_IN_A_ROW = 1.0, 10.0


@native
def copy(source, target):
    for j in range(len(source)):
        target[j] = source[j]


@native
def all_finite(y):
    total = 0.0
    for j in range(len(y)):
        total += 0.0 * y[j]
    return total == 0.0


@native
def combine(y, h, weights, stages, count, out):
    """out = y + h Σ_{s<count} weights[s] stages[s], for floats and for lanes."""
    for j in range(len(y)):
        out[j] = 0.0
    for s in range(count):
        if weights[s] != 0.0:
            for j in range(len(y)):
                out[j] = fma(weights[s], stages[s, j], out[j])
    for j in range(len(y)):
        out[j] = fma(h, out[j], y[j])


@native
def error_norm(y, y_new, h, stages, count, errors, scratch, rtol, atol):
    """Root mean square of a step's error over its tolerance, for floats and for lanes.

    Where there is a second estimate of lower order (Hairer, Nørsett & Wanner, II.10) it damps the first.
    """
    total, lower = 0.0 * h, 0.0 * h
    for row in range(2):
        for j in range(len(y)):
            scratch[j] = 0.0
        for s in range(count):
            if errors[row, s] != 0.0:
                for j in range(len(y)):
                    scratch[j] = fma(errors[row, s], stages[s, j], scratch[j])
        partial = 0.0 * h
        for j in range(len(y)):
            scale = fma(rtol, above(fabs(y[j]), fabs(y_new[j]), fabs(y[j]), fabs(y_new[j])), atol)
            share = scratch[j] / scale
            partial = fma(share, share, partial)
        if row == 0:
            total = partial
        else:
            lower = partial
    # the last term only keeps 0/0 away
    return h * total / sqrt((total + 0.01 * lower + 1e-300) * float(len(y)))


@native
def scaled_norm(x, y, rtol, atol):
    total = 0.0
    for j in range(len(y)):
        share = x[j] / (atol + rtol * abs(y[j]))
        total += share * share
    return np.sqrt(total / len(y))


@native
def first_guess(y, slope, rtol, atol):
    """Hairer, Nørsett & Wanner, II.4: a step whose explicit Euler move is small."""
    d0, d1 = scaled_norm(y, y, rtol, atol), scaled_norm(slope, y, rtol, atol)
    return 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1


@native
def starting_step(h0, y, slope, moved, rtol, atol, order):
    """The same, from the slope after that move: a step in which the slope changes little."""
    change = np.empty(len(y))
    for j in range(len(y)):
        change[j] = moved[j] - slope[j]
    d1, d2 = scaled_norm(slope, y, rtol, atol), scaled_norm(change, y, rtol, atol) / h0
    if not np.isfinite(d2):
        return h0
    steepest = max(d1, d2)
    h1 = max(1e-6, h0 * 1e-3) if steepest <= 1e-15 else (0.01 / steepest) ** (1.0 / (order + 1))
    return min(100 * h0, h1)


@native
def begun(control, slope, alphas, y, out):
    """Report α = 0 if asked to; whether that was all, or there is no slope to start with."""
    control[PREVIOUS], control[FINITE] = 1e-4, 1.0
    filled = 0
    while filled < len(alphas) and alphas[filled] <= 0.0:
        copy(y, out[filled])
        filled += 1
    control[FILLED] = filled
    if filled == len(alphas):
        return DONE
    return UNDER_WAY if all_finite(slope) else NOT_FINITE


@native
def limited(control, last):
    """Shorten the step so that it ends at the last time; STEP_TOO_SMALL or NOT_FINITE if there is none left."""
    if last - control[T] > 1e-14 * last:
        control[H] = min(control[H], last - control[T])
    if control[H] <= 1e-15 * max(control[T], 1e-300):
        return STEP_TOO_SMALL if control[FINITE] == 1.0 else NOT_FINITE
    return UNDER_WAY


@native
def accepted(control, norm, order):
    """Judge a trial step; shorten the next one if it failed."""
    control[TRIALS] += 1.0
    control[FINITE] = 1.0 if np.isfinite(norm) else 0.0
    if norm <= 1.0:
        return True
    control[H] *= max(0.2, 0.9 * norm ** (-1.0 / order)) if control[FINITE] == 1.0 else 0.1
    control[REJECTED] = 1.0
    return False


@native
def stepped(control, norm, order):
    """Move the time, and choose the next step by the last two errors (PI control)."""
    control[T] += control[H]
    control[STEPS] += 1.0
    norm = max(norm, 1e-10)
    growth = 0.9 * norm ** (-0.7 / order) * control[PREVIOUS] ** (0.4 / order)
    growth = min(1.0 if control[REJECTED] == 1.0 else 10.0, max(0.2, growth))
    control[PREVIOUS], control[REJECTED] = norm, 0.0
    control[H] *= growth


@native
def stability(y_new, point, end, stage, h):
    """A step times the fastest rate, for floats and for lanes: from two slopes at its end (Hairer & Wanner, IV.2)."""
    slopes, states = 0.0 * h, 0.0 * h
    for j in range(len(y_new)):
        slope, state = end[j] - stage[j], y_new[j] - point[j]
        slopes, states = fma(slope, slope, slopes), fma(state, state, states)
    # the last term only keeps 0/0 away
    return h * sqrt(slopes / (states + 1e-300))


@native
def bounded_by_stability(control, limit, last, patience):
    """Whether steps have been bounded by stability for a while, and more than `patience` of them are left to go."""
    control[STIFF_STEPS] = control[STIFF_STEPS] + 1.0 if limit > STIFF_FROM else 0.0
    return control[STIFF_STEPS] >= STIFF_IN_A_ROW and last - control[T] > patience * control[H]


@native
def hand_over(control, h, y, slope, y_new, end, start):
    """Differences of the cubic through the ends of a step, three points to a step, for an implicit method."""
    for j in range(len(y)):
        # at shares 0, 1/3, 2/3 and 1 of the step
        before, after = y[j], y_new[j]
        third = (20.0 * before + 7.0 * after + h * (4.0 * slope[j] - 2.0 * end[j])) / 27.0
        two_thirds = (7.0 * before + 20.0 * after + h * (2.0 * slope[j] - 4.0 * end[j])) / 27.0
        start[0, j] = after
        start[1, j] = after - two_thirds
        start[2, j] = after - 2.0 * two_thirds + third
        start[3, j] = after - 3.0 * two_thirds + 3.0 * third - before
    control[H] = h / 3.0
    control[ORDER], control[STIFF_STEPS] = 0.0, 0.0


@native
def dense_weights(theta, dense, weights):
    """Weights of the stages in the solution at a share θ of the step."""
    for stage in range(dense.shape[0]):
        weights[stage] = 0.0
        for power in range(dense.shape[1] - 1, -1, -1):
            weights[stage] = (weights[stage] + dense[stage, power]) * theta


@native
def adaptive(
    rhs,
    y,
    slope,
    control,
    start,
    alphas,
    out,
    trace,
    pause,
    rtol,
    atol,
    max_steps,
    patience,
    order,
    a,
    errors,
    dense,
    p,
):
    """Embedded Runge–Kutta with first-same-as-last, PI step control and dense output at `alphas`.

    rhs is the address of dydt = f(y) with parameters p. y, slope (n,) and control hold where the run stands and are
    moved on; a time of NaN begins it. Stage `last` is the solution itself; stages after it serve the dense output
    only. The run pauses after `pause` trial steps in all. A trace (cap, 1 + d, n + 2) with room for all steps until
    then keeps the polynomial of each; one with cap = 0 keeps none. Where the steps are bounded by stability and more
    than `patience` of them are left, it returns STIFF with what an implicit method starts from in `start` (4, n).

    Returns the status; out (S, n) holds the states at the first control[FILLED] times.
    """
    n, last, all_stages = len(y), errors.shape[1] - 1, a.shape[0]
    y_new, scratch, point = np.empty(n), np.empty(n), np.empty(n)
    stages = np.empty((all_stages, n))
    weights = np.empty(all_stages)
    # where the error needs no slope at the end, rejected steps do not compute it
    late = errors[0, last] == 0.0 and errors[1, last] == 0.0
    if np.isnan(control[T]):
        for x in range(len(control)):
            control[x] = 0.0
        call(rhs, y, slope, p)
        control[NFEV] = 1.0
        status = begun(control, slope, alphas, y, out)
        if status != UNDER_WAY:
            return status
        h0 = first_guess(y, slope, rtol, atol)
        for j in range(n):
            point[j] = fma(h0, slope[j], y[j])
        call(rhs, point, scratch, p)
        control[NFEV] += 1.0
        control[H] = starting_step(h0, y, slope, scratch, rtol, atol, order)
    copy(slope, stages[0])
    traced = 0
    filled = int(control[FILLED])
    while filled < len(alphas):
        if control[TRIALS] >= max_steps:
            return TOO_MANY_STEPS
        if control[TRIALS] >= pause:
            return UNDER_WAY
        status = limited(control, alphas[-1])
        if status != UNDER_WAY:
            return status
        t, h = control[T], control[H]
        for stage in range(1, last):
            combine(y, h, a[stage], stages, stage, point)
            call(rhs, point, stages[stage], p)
        combine(y, h, a[last], stages, last, y_new)
        control[NFEV] += last - 1
        if not late:
            call(rhs, y_new, stages[last], p)
            control[NFEV] += 1.0
        norm = error_norm(y, y_new, h, stages, last + 1 if not late else last, errors, scratch, rtol, atol)
        if not accepted(control, norm, order):
            continue
        if late:
            call(rhs, y_new, stages[last], p)
            control[NFEV] += 1.0
        limit = stability(y_new, point, stages[last], stages[last - 1], h) if patience < np.inf else 0.0
        due = trace.shape[0] > 0 or alphas[filled] < t + h * (1.0 - 1e-14)
        for stage in range(last + 1, all_stages if due else 0):
            combine(y, h, a[stage], stages, stage, point)
            call(rhs, point, stages[stage], p)
            control[NFEV] += 1.0
        while filled < len(alphas) and alphas[filled] <= t + h * (1.0 + 1e-14):
            if alphas[filled] >= t + h * (1.0 - 1e-14):
                copy(y_new, out[filled])
            else:
                dense_weights((alphas[filled] - t) / h, dense, weights)
                combine(y, h, weights, stages, all_stages, out[filled])
            filled += 1
        if trace.shape[0] > 0:
            keep(trace[traced], t, h, y, stages, dense)
            traced += 1
        stepped(control, norm, order)
        control[FILLED] = filled
        stiff = filled < len(alphas) and bounded_by_stability(control, limit, alphas[-1], patience)
        if stiff:
            hand_over(control, h, y, stages[0], y_new, stages[last], start)
        copy(y_new, y)
        copy(stages[last], stages[0])
        copy(stages[0], slope)
        if stiff:
            return STIFF
    return DONE


@native
def keep(row, t, h, y, stages, dense):
    """The polynomial of one step: row[0] = (t, h, y), row[d] = (0, 0, coefficient of θ^d)."""
    row[0, 0], row[0, 1] = t, h
    for j in range(len(y)):
        row[0, 2 + j] = y[j]
    for power in range(dense.shape[1]):
        for j in range(len(y)):
            total = 0.0
            for stage in range(dense.shape[0]):
                total = fma(dense[stage, power], stages[stage, j], total)
            row[1 + power, 2 + j] = h * total


@native
def fixed_step(rhs, y, control, alphas, out, dt, a, b, p):
    """Runge–Kutta with a fixed step, shortened only to land on each of `alphas`; control says how far it came.

    Returns the status; out (S, n) holds the states at the first control[FILLED] times.
    """
    n, s = len(y), len(b)
    point, stages = np.empty(n), np.empty((s, n))
    for filled in range(len(alphas)):
        t = control[T]
        span = alphas[filled] - t
        count = max(1, int(np.ceil(span / dt - 1e-9))) if span > 0.0 else 0
        for step in range(count):
            h = span / count
            for stage in range(s):
                combine(y, h, a[stage], stages, stage, point)
                call(rhs, point, stages[stage], p)
            combine(y, h, b, stages, s, point)
            copy(point, y)
            control[STEPS] += 1.0
            control[NFEV] += s
            if not all_finite(y):
                control[T] = t + h * (step + 1)
                return NOT_FINITE
        control[T] = alphas[filled]
        copy(y, out[filled])
        control[FILLED] += 1.0
    return DONE


@native
def adaptive_many(
    rhs,
    starts,
    parameters,
    alphas,
    tickets,
    states,
    controls,
    memories,
    rtol,
    atol,
    max_steps,
    patience,
    order,
    a,
    errors,
    dense,
):
    """Integrate the trajectories whose numbers `tickets` gives out, until there are none left.

    starts (N, n) and parameters (N, m) in, states (N, S, n) and controls (N, CONTROL) out, their status among them;
    where it is STIFF, memories (N, 4, n) has what an implicit method starts from. Any number of threads may share the
    tickets.
    """
    n = starts.shape[1]
    y, slope, trace = np.empty(n), np.empty(n), np.empty((0, 1, 1))
    while True:
        ticket = next_ticket(tickets)
        if ticket >= len(starts):
            return
        copy(starts[ticket], y)
        control = controls[ticket]
        control[T] = np.nan
        trials = 0.0
        control[STATUS] = UNDER_WAY
        while control[STATUS] == UNDER_WAY and tickets[0] < GIVEN_UP:
            trials += PAUSE
            control[STATUS] = adaptive(
                rhs, y, slope, control, memories[ticket], alphas, states[ticket], trace, trials,
                rtol, atol, max_steps, patience, order, a, errors, dense, parameters[ticket],
            )  # fmt: skip
