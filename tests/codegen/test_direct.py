"""Functions straight to LLVM have the bits of Numba's own code, and refuse what generated text never has."""

import math
from math import atan2, copysign, fabs, pi, sqrt

import numpy as np
import pytest
from numba import njit

from divprune_sym.codegen.direct import CannotLower, direct
from divprune_sym.codegen.simd import (
    WIDTH,
    above,
    any_above,
    as_lanes,
    fma,
    half_pairs,
    lane_array,
    local_array,
    local_lanes,
    packed_indices,
    power_of_two,
    put,
    take,
    view,
)
from divprune_sym.codegen.special import asin, erf, exp, root

SIZE = 3
ROWS, COLUMNS = half_pairs(SIZE)


def steps(x, y):
    """Every operation and function of numbers."""
    if any_above(x, 3.0):
        return x - 3
    total = 0.0
    for n in range(2, 11, 3):
        total = fma(x / n, n % 4 + n // 2, -total)
    total = total + asin(above(fabs(x), 1.0, 1.0 / x, x)) + exp(-x * x) * erf(y) + root(y)
    return copysign(total, y) * sqrt(2.0 + x * x) + atan2(x, y) * pi + power_of_two(4.0)


def sums(x, out):
    """Arrays on the stack and on the heap, views, packs of pairs, and sums that become lanes on their way."""
    s = local_array((SIZE,))
    for i in range(SIZE):
        s[i] = x[i, i] - 1.0
    room = np.empty((2 * x.shape[0],))
    part = view(room, x.shape[0], (x.shape[0],))
    for i in range(x.shape[0]):
        part[i] = room[i] = -x[i, 0]
    lanes = lane_array((x.shape[1],))
    for pack in range(0, len(ROWS), WIDTH):
        i = packed_indices(ROWS, pack)
        k = packed_indices(COLUMNS, pack)
        own = local_lanes((SIZE,))
        sum1 = 0.0
        x1 = 2.0
        for a in range(SIZE):
            own[a] = take(x, (a, i)) * x1
            sum2 = 0.0
            for b in range(a + 1):
                sum2 = fma(own[b], part[b], sum2)
            sum1 = fma(sum2, s[a], sum1)
            lanes[a] = sum1
        x1 = lanes[SIZE - 1]
        put(out, (i, k), x1)
        put(out, (k, i), x1 + take(s, (i,)))
    x1 = room[SIZE + 1]
    for i in range(SIZE):
        x1 = x1 + out[i, 0]
    out[0, 0] = x1


def both(function):
    return direct(function), njit(error_model="numpy")(function)


def test_numbers_and_lanes_have_the_bits_of_numba():
    x, y = np.random.default_rng(0).normal(size=(2, 400))
    x[::7] += 3.0

    def each(f):
        @njit
        def alone(x, y, out):
            for j in range(len(x)):
                out[j] = f(x[j], y[j])

        @njit
        def in_lanes(x, y, out):
            a, b, c = as_lanes(x), as_lanes(y), as_lanes(out)
            for j in range(len(a)):
                c[j] = f(a[j], b[j])

        found = np.empty((2, *x.shape))
        alone(x, y, found[0])
        order = np.argsort(x)  # a branch is taken for all lanes or for none
        in_lanes(x[order].reshape(-1, WIDTH), y[order].reshape(-1, WIDTH), found[1].reshape(-1, WIDTH))
        return found

    ours, numbas = map(each, both(steps))
    np.testing.assert_array_equal(ours, numbas)
    plain = [steps(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True) if b > 0 or a > 3]
    np.testing.assert_allclose(ours[0][(y > 0) | (x > 3)], plain, rtol=1e-12, atol=1e-12)
    assert np.isfinite(ours).all()
    assert (ours != numbas + np.spacing(numbas)).all()


def test_arrays_have_the_bits_of_numba():
    x = np.random.default_rng(1).normal(size=(SIZE, SIZE))

    def result(f):
        @njit
        def call(x, out):
            f(x, out)

        out = np.full((SIZE, SIZE), np.nan)
        call(x, out)
        return out

    ours, numbas = map(result, both(sums))
    np.testing.assert_array_equal(ours, numbas)
    assert np.isfinite(ours).all()


def test_what_generated_text_never_has_is_refused():
    @direct
    def power(x):
        return x**2.5

    @direct
    def rows(x):
        return x[0, 0]

    for function, given, words in ((power, 2.0, r"cannot lower: x \*\* 2.5"), (rows, np.eye(2).T[:1], "in C order")):
        with pytest.raises(CannotLower, match=words):
            njit(lambda x, function=function: function(x))(given)
    assert math.isclose(power.py_func(4.0), 32.0)
