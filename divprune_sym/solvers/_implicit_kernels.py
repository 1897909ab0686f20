"""Implicit time stepping on plain arrays: backward differences of order 1 to 5 with steps and order of their own.

The numerical differentiation formulas of Shampine and Reichelt (SIAM J. Sci. Comput. 18, 1, 1997), in backward
differences of equally spaced states, which are interpolated anew whenever the step changes; Newton's iteration keeps
its Jacobian and factors while it converges. What is special here:

- Only independent coordinates z are moved; `first` and `other` are where each stands in the flat state y.
- The fastest growth exp(λα) bounds the step, h λ ≤ a power of the tolerance, however little of it there is in the
  state: a plateau left through overlaps far below the tolerance would otherwise be stepped over. λ comes from
  inverse iterations with the factors at hand, one or two a step.
- Coordinates that symmetry keeps equal are kept so to the last bit: rounding breaks no symmetry.
"""

from __future__ import annotations

from math import fabs, sqrt

import numpy as np

from divprune_sym.codegen.native import native
from divprune_sym.codegen.simd import WIDTH, as_lanes, call, fma
from divprune_sym.solvers._kernels import (
    AGE,
    CALM,
    CALM_STEPS,
    DONE,
    EQUAL,
    FACTORED,
    FACTORIZATIONS,
    FILLED,
    FINITE,
    JACOBIANS,
    NFEV,
    NOT_FINITE,
    ORDER,
    RADIUS,
    STEP_TOO_SMALL,
    STEPS,
    TOO_MANY_STEPS,
    TRIALS,
    UNDER_WAY,
    H,
    T,
    begun,
    copy,
    first_guess,
    starting_step,
)

# rows of a run's memory: differences, a growing and a fast direction, twins, and the Jacobian from JACOBIAN on
GROWING, FAST, TWIN, JACOBIAN = 8, 9, 10, 11
NEWTON_ITERATIONS, LARGEST_ORDER = 4, 5
# the error that each factor e of growth may have, over rtol
GROWTH_ERROR = 10.0
# coordinates that differ by no more than this share are equal: what some thousand explicit steps leave
ROUNDING = 2e-14
# steps for which a Jacobian serves at most: where its growth bounds the step, and elsewhere
YOUNG, OLD = 30.0, 50.0
# longest steps that growth allows, over the step, from which on one look at it will do
NEAR = 4.0


@native
def leading(order):
    """α_k = (1 − κ_k) Σ_{j≤k} 1/j, with the κ of Shampine & Reichelt."""
    total = 0.0
    for j in range(1, order + 1):
        total += 1.0 / j
    return (1.0 - kappa(order)) * total


@native
def kappa(order):
    """Shampine & Reichelt 1997, table 1; order 5 is the backward differentiation formula itself."""
    if order == 1:
        return -0.1850
    if order == 2:
        return -1.0 / 9.0
    if order == 3:
        return -0.0823
    return -0.0415 if order == 4 else 0.0


@native
def error_constant(order):
    """The error of a step is this times the difference of order k + 1."""
    return kappa(order) * leading(order) / (1.0 - kappa(order)) + 1.0 / (order + 1)


@native
def slope_of(rhs, z, first, other, y, dydt, f, p):
    """f(z): through the flat arrays y and dydt."""
    for j in range(len(z)):
        y[first[j]] = z[j]
        y[other[j]] = z[j]
    call(rhs, y, dydt, p)
    for j in range(len(z)):
        f[j] = dydt[first[j]]


@native
def differentiate(rhs, slopes, directions, z, f, first, other, y, dydt, moved, memory, p):
    """Row JACOBIAN + m of the memory: ∂f/∂z_m; the number of right-hand sides it took.

    By the generated derivative at the address `slopes`; where there is none (0), or it is not finite, as at the kinks
    of a closed form, by differences: Newton's iteration needs no more.
    """
    if slopes != 0:
        for j in range(len(z)):
            y[first[j]] = z[j]
            y[other[j]] = z[j]
        found = np.empty(directions.shape)
        call(slopes, y, directions, found, p)
        total = 0.0
        for m in range(len(z)):
            for j in range(len(z)):
                memory[JACOBIAN + m, j] = found[m // WIDTH, first[j], m % WIDTH]
                total += 0.0 * memory[JACOBIAN + m, j]
        if total == 0.0:
            return 0.0
    slope_of(rhs, z, first, other, y, dydt, f, p)
    for m in range(len(z)):
        before = z[m]
        z[m] = before + 1e-8 * max(fabs(before), 0.1)
        step = z[m] - before
        slope_of(rhs, z, first, other, y, dydt, moved, p)
        z[m] = before
        for j in range(len(z)):
            memory[JACOBIAN + m, j] = (moved[j] - f[j]) / step
    return len(z) + 1.0


@native
def factor(memory, c, lower, upper, pivots):
    """The factors of 1 − cJ, transposed as J is: row m is a column, in packs of `WIDTH`. False if it is singular.

    lower, upper (n + 1, packs, WIDTH) are zero beside their triangles: whole packs are added, whatever n is. The last
    row of `lower` is room for `solve`, that of `upper` has the inverses of the diagonal.
    """
    n, packs = len(pivots), lower.shape[1]
    low, up = as_lanes(lower), as_lanes(upper)
    for m in range(n):
        for q in range(packs):
            for lane in range(WIDTH):
                lower[m, q, lane], upper[m, q, lane] = 0.0, 0.0
        for j in range(n):
            upper[m, j // WIDTH, j % WIDTH] = -c * memory[JACOBIAN + m, j]
        upper[m, m // WIDTH, m % WIDTH] += 1.0
    for k in range(n):
        first, within = k // WIDTH, k % WIDTH
        largest, at = fabs(upper[k, first, within]), k
        for j in range(k + 1, n):
            if fabs(upper[k, j // WIDTH, j % WIDTH]) > largest:
                largest, at = fabs(upper[k, j // WIDTH, j % WIDTH]), j
        pivots[k] = at
        if not (largest > 0.0 and largest < 1e300):
            return False
        if at != k:
            q, lane = at // WIDTH, at % WIDTH
            for m in range(k):
                lower[m, first, within], lower[m, q, lane] = lower[m, q, lane], lower[m, first, within]
            for m in range(k, n):
                upper[m, first, within], upper[m, q, lane] = upper[m, q, lane], upper[m, first, within]
        inverse = 1.0 / upper[k, first, within]
        upper[n, first, within] = inverse
        upper[k, first, within] = 0.0
        for j in range(k + 1, n):
            q, lane = j // WIDTH, j % WIDTH
            lower[k, q, lane] = inverse * upper[k, q, lane]
            upper[k, q, lane] = 0.0
        for m in range(k + 1, n):
            share = -upper[m, first, within]
            if share != 0.0:
                for q in range(first, packs):
                    up[m, q] = fma(share, low[k, q], up[m, q])
    return True


@native
def solve(lower, upper, pivots, x):
    """x becomes (1 − cJ)⁻¹ x."""
    n, packs = len(pivots), lower.shape[1]
    low, up = as_lanes(lower), as_lanes(upper)
    for k in range(n):
        x[k], x[pivots[k]] = x[pivots[k]], x[k]
    for q in range(packs):
        for lane in range(WIDTH):
            lower[n, q, lane] = 0.0
    for k in range(n):
        lower[n, k // WIDTH, k % WIDTH] = x[k]
    for k in range(n):
        share = -lower[n, k // WIDTH, k % WIDTH]
        for q in range(k // WIDTH, packs):
            low[n, q] = fma(share, low[k, q], low[n, q])
    for k in range(n - 1, -1, -1):
        first, within = k // WIDTH, k % WIDTH
        x[k] = lower[n, first, within] * upper[n, first, within]
        for q in range(first + 1):
            low[n, q] = fma(-x[k], up[k, q], low[n, q])


@native
def keep_twins(x, twins, scale):
    """Twins become equal where they differ by less than any error that counts; those that differ by more are none."""
    for j in range(len(x)):
        twin = int(twins[j])
        if fabs(x[j] - x[twin]) <= max(1e-3 * scale[j], 10.0 * ROUNDING):
            x[j] = x[twin]
        else:
            twins[j] = j


@native
def find_twins(memory, order, twins):
    """Coordinates that differ by rounding only, in their differences too: twins[j] is the first that j equals."""
    for j in range(len(twins)):
        twins[j] = j
        for m in range(j):
            equal = twins[m] == m
            for row in range(order + 1):
                equal = equal and fabs(memory[row, j] - memory[row, m]) <= ROUNDING * fabs(memory[0, j])
            if equal:
                twins[j] = m
                for row in range(order + 1):
                    memory[row, j] = memory[row, m]
                break


@native
def size_of(x, scale):
    """Root mean square of x over a scale."""
    total = 0.0
    for j in range(len(x)):
        share = x[j] / scale[j]
        total = fma(share, share, total)
    return sqrt(total / len(x))


@native
def respace(memory, order, share):
    """The differences of states spaced by so many steps: the same polynomial at other points.

    A step back is E = 1 − ∇, so that the new difference is 1 − (1 − ∇)^share: a series in ∇, and so are its powers.
    """
    weights = np.zeros((order + 1, order + 1))
    weights[0, 0] = 1.0
    for i in range(1, order + 1):
        term = share
        for m in range(1, order + 1):
            for k in range(order + 1 - m):
                weights[i, k + m] = fma(weights[i - 1, k], term, weights[i, k + m])
            term *= (m - share) / (m + 1)
    for i in range(1, order + 1):
        for j in range(memory.shape[1]):
            memory[i, j] *= weights[i, i]
        for k in range(i + 1, order + 1):
            for j in range(memory.shape[1]):
                memory[i, j] = fma(weights[i, k], memory[k, j], memory[i, j])


@native
def change_step(control, memory, share):
    """Make the step so many times as long."""
    respace(memory, int(control[ORDER]), share)
    control[H] *= share
    control[EQUAL] = 0.0


@native
def growth_rate(lower, upper, pivots, c, direction, twins, scratch):
    """One inverse iteration: (1 − cJ)⁻¹ grows the direction of the rightmost eigenvalue λ by 1/(1 − cλ)."""
    for j in range(len(direction)):
        direction[j] = direction[int(twins[j])]
    copy(direction, scratch)
    solve(lower, upper, pivots, scratch)
    along, size = 0.0, 0.0
    for j in range(len(direction)):
        along = fma(direction[j], scratch[j], along)
        size = fma(scratch[j], scratch[j], size)
    if not (size > 0.0 and size < 1e300):
        return 0.0
    for j in range(len(direction)):
        direction[j] = scratch[j] / sqrt(size)
    return (1.0 - 1.0 / along) / c


@native
def fastest_rate(memory, direction, scratch, times):
    """The spectral radius of the Jacobian, by so many power iterations from the direction found last."""
    n = len(direction)
    rate = 0.0
    for _ in range(times):
        for j in range(n):
            scratch[j] = 0.0
        for m in range(n):
            for j in range(n):
                scratch[j] = fma(direction[m], memory[JACOBIAN + m, j], scratch[j])
        size = 0.0
        for j in range(n):
            size = fma(scratch[j], scratch[j], size)
        rate = sqrt(size)
        if not (rate > 0.0 and rate < 1e300):
            return 0.0
        for j in range(n):
            direction[j] = scratch[j] / rate
    return rate


@native
def longest(order, rate, rtol):
    """The longest step that resolves growth at a rate: an error of about 10 rtol in each factor e, of 1e-4 at most."""
    if rate <= 0.0:
        return np.inf
    return ((order + 1) * min(max(GROWTH_ERROR * rtol, 1e-12), 1e-4)) ** (1.0 / order) / rate


@native
def begin(rhs, first, other, y, slope, control, memory, alphas, out, start, rtol, atol, p):
    """Differences to start with: from the last explicit step, or of order 1 from the slope at α = 0."""
    n = len(first)
    if np.isnan(control[T]):
        for x in range(len(control)):
            control[x] = 0.0
        call(rhs, y, slope, p)
        control[NFEV] = 1.0
        status = begun(control, slope, alphas, y, out)
        if status != UNDER_WAY:
            return status
        h0, moved = first_guess(y, slope, rtol, atol), np.empty(len(y))
        for j in range(len(y)):
            moved[j] = fma(h0, slope[j], y[j])
        probe = np.empty(len(y))
        call(rhs, moved, probe, p)
        control[NFEV] += 1.0
        control[H] = min(starting_step(h0, y, slope, probe, rtol, atol, 1), alphas[-1])
        control[ORDER] = 1.0
        copy(y, start[0])
        for j in range(len(y)):
            start[1, j] = control[H] * slope[j]
    else:
        control[ORDER] = 3.0
    for row in range(JACOBIAN):
        for j in range(n):
            memory[row, j] = start[row, first[j]] if row <= int(control[ORDER]) else 0.0
    find_twins(memory, int(control[ORDER]), memory[TWIN])
    for j in range(n):
        memory[GROWING, j] = 1.0 / (1.0 + j)
        memory[FAST, j] = 1.0 / (1.0 + j)
    control[FACTORED], control[EQUAL], control[CALM_STEPS] = 0.0, 0.0, 0.0
    control[RADIUS] = -1.0
    return UNDER_WAY


@native
def newton(rhs, c, first, other, y, dydt, z, d, psi, scale, f, lower, upper, pivots, twins, wanted, control, p):
    """Solve d = c f(z + d) − ψ; the number of iterations, 0 if they do not converge. z moves with d."""
    before, rate = -1.0, -1.0
    for j in range(len(z)):
        d[j] = 0.0
    for iteration in range(1, NEWTON_ITERATIONS + 1):
        slope_of(rhs, z, first, other, y, dydt, f, p)
        control[NFEV] += 1.0
        for j in range(len(z)):
            f[j] = c * f[j] - psi[j] - d[j]
        solve(lower, upper, pivots, f)
        keep_twins(f, twins, scale)
        size = size_of(f, scale)
        if not np.isfinite(size):
            control[FINITE] = 0.0
            return 0
        if before >= 0.0:
            rate = size / max(before, 1e-300)
            if rate >= 1.0 or rate ** (NEWTON_ITERATIONS - iteration) / (1.0 - rate) * size > wanted:
                return 0
        for j in range(len(z)):
            d[j] += f[j]
            z[j] += f[j]
        if size == 0.0 or (rate >= 0.0 and rate / (1.0 - rate) * size < wanted):
            return iteration
        before = size
    return 0


@native
def advance_differences(memory, order, d):
    """The differences at the end of a step whose correction is d."""
    for j in range(len(d)):
        memory[order + 2, j] = d[j] - memory[order + 1, j]
        memory[order + 1, j] = d[j]
    for row in range(order, -1, -1):
        for j in range(len(d)):
            memory[row, j] += memory[row + 1, j]


@native
def state_within(memory, order, x, first, other, target):
    """The interpolated state x steps after the end of a step (x ≤ 0)."""
    for j in range(len(first)):
        total, weight = memory[0, j], 1.0
        for row in range(1, order + 1):
            weight *= (x + row - 1.0) / row
            total = fma(weight, memory[row, j], total)
        target[first[j]] = total
        target[other[j]] = total


@native
def keep_polynomial(row, t, h, memory, order, first, other):
    """The polynomial of the step that began at t, as `keep` writes it: in powers of the share θ of the step."""
    for power in range(row.shape[0]):
        for j in range(row.shape[1]):
            row[power, j] = 0.0
    row[0, 0], row[0, 1] = t, h
    basis = np.zeros(order + 1)
    basis[0] = 1.0
    for j in range(len(first)):
        row[0, 2 + first[j]] = memory[0, j]
    for k in range(1, order + 1):
        # the product of (θ − 1 + m)/(m + 1) over m < k
        for power in range(k, -1, -1):
            lower = basis[power - 1] if power > 0 else 0.0
            basis[power] = ((k - 2.0) * basis[power] + lower) / k
        for power in range(k + 1):
            for j in range(len(first)):
                row[power, 2 + first[j]] = fma(basis[power], memory[k, j], row[power, 2 + first[j]])
    for power in range(order + 1):
        for j in range(len(first)):
            row[power, 2 + other[j]] = row[power, 2 + first[j]]


@native
def choose_step(control, memory, error, safety, rate, scale, rtol):
    """After order + 1 equal steps: the order that allows the longest next step, the higher one if both do."""
    order = int(control[ORDER])
    best, chosen = 0.0, order
    for candidate in range(max(order - 1, 1), min(order + 1, LARGEST_ORDER) + 1):
        size = error if candidate == order else error_constant(candidate) * size_of(memory[candidate + 1], scale)
        share = min(10.0, safety * max(size, 1e-30) ** (-1.0 / (candidate + 1)))
        share = min(share, longest(candidate, rate, rtol) / control[H])
        if share >= best * 0.999:
            best, chosen = max(share, 0.2), candidate
    # a little longer is not worth new factors
    if chosen == order and best > 0.9 and best < 1.2:
        return
    control[ORDER] = chosen
    change_step(control, memory, best)


@native
def implicit(
    rhs,
    slopes,
    directions,
    first,
    other,
    y,
    slope,
    control,
    memory,
    start,
    alphas,
    out,
    trace,
    pause,
    rtol,
    atol,
    max_steps,
    calm,
    p,
):
    """Backward differences with Newton's iteration, and dense output at `alphas`; see `adaptive` for the arguments.

    slopes is the address of the derivative along `directions`, or 0; see `differentiate`. first, other (n,) are where
    each coordinate stands in y. memory (JACOBIAN + n, n) and control hold where the run
    stands; control[ORDER] = 0 begins it, from `start` (4, len(y)), which `hand_over` fills. After `calm` steps that
    an explicit method could make it returns CALM, with y and slope at the end of the last step.
    """
    n = len(first)
    z, d, psi, f, scale = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    flat, dydt, scratch, moved = np.empty(len(y)), np.empty(len(y)), np.empty(n), np.empty(n)
    packs = (n + WIDTH - 1) // WIDTH
    lower, upper = np.empty((n + 1, packs, WIDTH)), np.empty((n + 1, packs, WIDTH))
    pivots = np.empty(n, np.int64)
    if np.isnan(control[T]) or control[ORDER] == 0.0:
        status = begin(rhs, first, other, y, slope, control, memory, alphas, out, start, rtol, atol, p)
        if status != UNDER_WAY:
            return status
    elif control[FACTORED] != 0.0:
        factor(memory, control[FACTORED], lower, upper, pivots)
    wanted = max(2e-15 / rtol, 3e-3)
    traced, filled, last = 0, int(control[FILLED]), alphas[-1]
    while filled < len(alphas):
        if control[TRIALS] >= max_steps:
            return TOO_MANY_STEPS
        if control[TRIALS] >= pause:
            return UNDER_WAY
        if last - control[T] > 1e-14 * last and control[H] > (last - control[T]) * (1.0 + 1e-14):
            change_step(control, memory, (last - control[T]) / control[H])
        if control[H] <= 1e-15 * max(control[T], 1e-300):
            return STEP_TOO_SMALL if control[FINITE] == 1.0 else NOT_FINITE
        t, h, order = control[T], control[H], int(control[ORDER])
        for j in range(n):
            z[j], psi[j], weight = memory[0, j], 0.0, 0.0
            for row in range(1, order + 1):
                weight += 1.0 / row
                z[j] += memory[row, j]
                psi[j] = fma(weight, memory[row, j], psi[j])
            psi[j] /= leading(order)
            scale[j] = atol + rtol * max(fabs(z[j]), fabs(memory[0, j]))
        c = h / leading(order)
        if control[RADIUS] < 0.0:
            control[NFEV] += differentiate(
                rhs, slopes, directions, memory[0], f, first, other, flat, dydt, moved, memory, p
            )
            control[JACOBIANS] += 1.0
            control[RADIUS] = fastest_rate(memory, memory[FAST], scratch, 8)
            control[AGE], control[FACTORED] = 0.0, 0.0
        iterations = 0
        control[TRIALS] += 1.0
        control[FINITE] = 1.0
        sound = True
        if control[FACTORED] != c:
            sound = factor(memory, c, lower, upper, pivots)
            control[FACTORED] = c
            control[FACTORIZATIONS] += 1.0
        if sound:
            iterations = newton(
                rhs, c, first, other, flat, dydt, z, d, psi, scale, f, lower, upper, pivots, memory[TWIN], wanted,
                control, p,
            )  # fmt: skip
        if iterations == 0:
            if control[AGE] > 0.0:
                control[RADIUS] = -1.0
            else:
                change_step(control, memory, 0.5)
            continue
        error = error_constant(order) * size_of(d, scale)
        safety = 0.9 * (2 * NEWTON_ITERATIONS + 1.0) / (2 * NEWTON_ITERATIONS + iterations)
        if error > 1.0:
            change_step(control, memory, max(0.2, safety * error ** (-1.0 / (order + 1))))
            continue
        advance_differences(memory, order, d)
        control[T] += h
        control[STEPS] += 1.0
        control[AGE] += 1.0
        control[EQUAL] += 1.0
        while filled < len(alphas) and alphas[filled] <= t + h * (1.0 + 1e-14):
            state_within(memory, order, min((alphas[filled] - control[T]) / h, 0.0), first, other, out[filled])
            filled += 1
        control[FILLED] = filled
        if trace.shape[0] > 0:
            keep_polynomial(trace[traced], t, h, memory, order, first, other)
            traced += 1
        rate, bound = 0.0, 0.0
        for _ in range(2):
            # once more where growth is not far from bounding the step
            if bound < NEAR:
                rate = max(rate, growth_rate(lower, upper, pivots, c, memory[GROWING], memory[TWIN], scratch))
                bound = longest(order, rate, rtol) / h
        control[CALM_STEPS] = control[CALM_STEPS] + 1.0 if h * control[RADIUS] < 0.5 else 0.0
        if control[EQUAL] >= order + 1:
            choose_step(control, memory, error, safety, rate, scale, rtol)
        elif bound < 0.7:
            change_step(control, memory, max(bound, 0.2))
        if control[AGE] >= (YOUNG if bound < 2.0 else OLD):
            control[RADIUS] = -1.0
        if control[CALM_STEPS] >= calm and filled < len(alphas):
            slope_of(rhs, memory[0], first, other, y, slope, f, p)
            control[NFEV] += 1.0
            control[H] = min(control[H], 1.0 / max(control[RADIUS], 1e-300))
            return CALM
    return DONE
