"""Time stepping of several trajectories side by side, each with its own step; `_kernels.py` has what one of them does.

All that is special here: a lane whose trajectory has
ended takes the next one at once, and what the lanes decide they decide one by one, with the functions of a single
trajectory. So each trajectory goes through the same operations, in the same order, as alone.
"""

from __future__ import annotations

import numpy as np

from divprune_sym.codegen.native import native
from divprune_sym.codegen.simd import WIDTH, above, as_lanes, call, next_ticket
from divprune_sym.solvers._kernels import (
    FILLED,
    GIVEN_UP,
    NFEV,
    STATUS,
    STIFF,
    TOO_MANY_STEPS,
    TRIALS,
    UNDER_WAY,
    H,
    T,
    accepted,
    begun,
    bounded_by_stability,
    combine,
    dense_weights,
    error_norm,
    first_guess,
    fma,
    hand_over,
    limited,
    stability,
    starting_step,
    stepped,
)


@native
def read_lane(source, lane, target):
    for j in range(len(target)):
        target[j] = source[j, lane]


@native
def write_lane(source, target, lane):
    for j in range(len(source)):
        target[j, lane] = source[j]


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
    n, last, all_stages = starts.shape[1], errors.shape[1] - 1, a.shape[0]
    width = WIDTH
    late = errors[0, last] == 0.0 and errors[1, last] == 0.0
    Y, Y_new, P = np.zeros((n, width)), np.zeros((n, width)), np.zeros((parameters.shape[1], width))
    Points, Scratch, Stages = np.zeros((n, width)), np.zeros((n, width)), np.zeros((all_stages, n, width))
    Steps, Norms, Keep, Limits = np.zeros((1, width)), np.zeros((1, width)), np.zeros((1, width)), np.zeros((1, width))
    y, y_new, p, point, scratch = as_lanes(Y), as_lanes(Y_new), as_lanes(P), as_lanes(Points), as_lanes(Scratch)
    stages, steps, norms, kept = as_lanes(Stages), as_lanes(Steps), as_lanes(Norms), as_lanes(Keep)
    limits = as_lanes(Limits)
    one, slope, moved, new, final = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    own = np.empty((all_stages, n))
    weights = np.empty(all_stages)
    who = np.empty(width, np.int64)
    for lane in range(width):
        who[lane] = -1
    fresh = np.zeros(width)
    guesses = np.zeros(width)
    while tickets[0] < GIVEN_UP:
        # lanes without a trajectory take the next
        beginning = True
        while beginning:
            beginning = False
            for lane in range(width):
                fresh[lane] = 0.0
                if who[lane] < 0:
                    ticket = next_ticket(tickets)
                    if ticket < len(starts):
                        who[lane], fresh[lane], beginning = ticket, 1.0, True
                        write_lane(starts[ticket], Y, lane)
                        write_lane(parameters[ticket], P, lane)
                        for x in range(controls.shape[1]):
                            controls[ticket, x] = 0.0
            if beginning:
                call(rhs, y, scratch, p)
                for lane in range(width):
                    if fresh[lane] == 1.0:
                        control = controls[who[lane]]
                        read_lane(Scratch, lane, slope)
                        read_lane(Y, lane, one)
                        write_lane(slope, Stages[0], lane)
                        control[NFEV] = 1.0
                        control[STATUS] = begun(control, slope, alphas, one, states[who[lane]])
                        guesses[lane] = first_guess(one, slope, rtol, atol)
                        for j in range(n):
                            Points[j, lane] = fma(guesses[lane], slope[j], one[j])
                        if control[STATUS] != UNDER_WAY:
                            who[lane], fresh[lane] = -1, 0.0
                call(rhs, point, scratch, p)
                for lane in range(width):
                    if fresh[lane] == 1.0:
                        control = controls[who[lane]]
                        read_lane(Y, lane, one)
                        read_lane(Stages[0], lane, slope)
                        read_lane(Scratch, lane, moved)
                        control[NFEV] += 1.0
                        control[H] = starting_step(guesses[lane], one, slope, moved, rtol, atol, order)
        busy = False
        for lane in range(width):
            Steps[0, lane] = 0.0
            if who[lane] >= 0:
                control = controls[who[lane]]
                status = TOO_MANY_STEPS if control[TRIALS] >= max_steps else limited(control, alphas[-1])
                control[STATUS] = status
                if status == UNDER_WAY:
                    Steps[0, lane] = control[H]
                    busy = True
                else:
                    who[lane] = -1
        if not busy:
            idle = True
            for lane in range(width):
                idle = idle and who[lane] < 0
            if idle and tickets[0] >= len(starts):
                return
            continue
        h = steps[0]
        for stage in range(1, last):
            combine(y, h, a[stage], stages, stage, point)
            call(rhs, point, stages[stage], p)
        combine(y, h, a[last], stages, last, y_new)
        if not late:
            call(rhs, y_new, stages[last], p)
        norms[0] = error_norm(y, y_new, h, stages, last + 1 if not late else last, errors, scratch, rtol, atol)
        due, any_kept = False, False
        for lane in range(width):
            Keep[0, lane] = 0.0
            if who[lane] >= 0:
                control = controls[who[lane]]
                control[NFEV] += last - 1 if late else last
                if accepted(control, Norms[0, lane], order):
                    Keep[0, lane] = 1.0
                    any_kept = True
                    control[NFEV] += 1.0 if late else 0.0
                    if alphas[int(control[FILLED])] < control[T] + control[H] * (1.0 - 1e-14):
                        Keep[0, lane] = 2.0
                        control[NFEV] += all_stages - last - 1
                        due = True
        if late and any_kept:
            call(rhs, y_new, stages[last], p)
        if patience < np.inf:
            limits[0] = stability(y_new, point, stages[last], stages[last - 1], h)
        for stage in range(last + 1, all_stages if due else 0):
            combine(y, h, a[stage], stages, stage, point)
            call(rhs, point, stages[stage], p)
        for lane in range(width):
            if who[lane] >= 0 and Keep[0, lane] > 0.0:
                control = controls[who[lane]]
                state = states[who[lane]]
                filled = int(control[FILLED])
                end = control[T] + control[H] * (1.0 - 1e-14)
                if Keep[0, lane] == 2.0:
                    read_lane(Y, lane, one)
                    for stage in range(all_stages):
                        read_lane(Stages[stage], lane, own[stage])
                while filled < len(alphas) and alphas[filled] <= control[T] + control[H] * (1.0 + 1e-14):
                    if alphas[filled] >= end:
                        read_lane(Y_new, lane, state[filled])
                    else:
                        dense_weights((alphas[filled] - control[T]) / control[H], dense, weights)
                        combine(one, control[H], weights, own, all_stages, state[filled])
                    filled += 1
                made = control[H]
                stepped(control, Norms[0, lane], order)
                control[FILLED] = filled
                if filled == len(alphas):
                    control[STATUS] = 0.0
                    who[lane] = -1
                elif bounded_by_stability(control, Limits[0, lane], alphas[-1], patience):
                    read_lane(Y, lane, one)
                    read_lane(Stages[0], lane, slope)
                    read_lane(Y_new, lane, new)
                    read_lane(Stages[last], lane, final)
                    hand_over(control, made, one, slope, new, final, memories[who[lane]])
                    control[STATUS] = STIFF
                    who[lane] = -1
        keep_lanes(y, y_new, kept[0])
        keep_lanes(stages[0], stages[last], kept[0])


@native
def keep_lanes(old, new, kept):
    """Lanes of accepted steps move on."""
    for j in range(len(old)):
        old[j] = above(kept, 0.5, new[j], old[j])
