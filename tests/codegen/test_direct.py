"""Compiled text has the bits of the text run by Python, and what generated text never has is refused by name."""

import ctypes
import math
from math import atan2, copysign, fabs, pi, sqrt

import numpy as np
import pytest

from divprune_sym.codegen import objects
from divprune_sym.codegen.direct import Unit
from divprune_sym.codegen.expressions import FLOAT, INTEGER, CannotLower
from divprune_sym.codegen.native import native
from divprune_sym.codegen.simd import (
    WIDTH,
    above,
    any_above,
    as_lanes,
    call,
    fma,
    half_pairs,
    lane_array,
    local_array,
    local_lanes,
    next_ticket,
    packed_indices,
    power_of_two,
    put,
    take,
    view,
)
from divprune_sym.codegen.special import asin, erf, exp, root
from tests.codegen.sources import as_python, exact_fma

SIZE = 3
ROWS, COLUMNS = half_pairs(SIZE)


@native
def steps(x, y):
    """Every operation and function of numbers."""
    if any_above(x, 3.0):
        return x - 3
    total = 0.0
    for n in range(2, 11, 3):
        total = fma(x / n, n % 4 + n // 2, -total)
    total = total + asin(above(fabs(x), 1.0, 1.0 / x, x)) + exp(-x * x) * erf(y) + root(y)
    return copysign(total, y) * sqrt(2.0 + x * x) * power_of_two(4.0)


@native
def each(x, y, out):
    for j in range(len(x)):
        out[j] = steps(x[j], y[j]) - atan2(x[j], y[j]) * pi


@native
def each_lane(x, y, out):
    a, b, c = as_lanes(x), as_lanes(y), as_lanes(out)
    for j in range(len(a)):
        c[j] = steps(a[j], b[j]) - atan2(a[j], b[j]) * pi


@native
def sums(x, out):
    """Arrays on the stack and on the heap, views, packs of pairs, and sums that become lanes on their way."""
    s = local_array((3,))
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
        own = local_lanes((3,))
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


def in_packs(x, y, z):
    """fma of packs of floats."""
    if np.ndim(x) == np.ndim(y) == np.ndim(z) == 0:
        return exact_fma(x, y, z)
    return np.array([exact_fma(*one) for one in zip(*np.broadcast_arrays(x, y, z), strict=True)])


def test_numbers_and_lanes_have_the_bits_of_python():
    x, y = np.random.default_rng(0).normal(size=(2, 400))
    x[::7] += 3.0
    x = x[np.argsort(x)]  # a branch is taken for all lanes or for none
    x[-(-np.count_nonzero(x > 3.0) % WIDTH) or len(x) :] = 4.0
    y = np.abs(y)
    alone, in_lanes, plain, fused_twice = np.empty((4, len(x)))
    each(x, y, alone)
    each_lane(*(a.reshape(-1, WIDTH) for a in (x, y, in_lanes)))
    as_python(each, fma=exact_fma)(x.tolist(), y.tolist(), plain)
    as_python(each)(x.tolist(), y.tolist(), fused_twice)
    np.testing.assert_array_equal(alone, plain)
    whole = np.repeat((x.reshape(-1, WIDTH) > 3.0).any(1) == (x.reshape(-1, WIDTH) > 3.0).all(1), WIDTH)
    np.testing.assert_array_equal(in_lanes[whole], alone[whole])
    assert whole.sum() > 390
    assert np.isfinite(alone).all()
    # rounding a product before it is added is seen
    assert (fused_twice != plain).any()


def test_arrays_have_the_bits_of_python():
    x = np.random.default_rng(1).normal(size=(SIZE, SIZE))
    ours, plain = np.full((2, SIZE, SIZE), np.nan)
    sums(x, ours)
    as_python(sums, fma=in_packs, local_array=np.zeros)(x, plain)
    np.testing.assert_array_equal(ours, plain)
    assert np.isfinite(ours).all()


@native
def ways(x, counts, out):
    """Loops that are left and gone on with, choices, truth values, rows, and integers."""
    n, found, is_open = len(x), -1, True
    left = n
    while left > 0 and x[left - 1, 0] < 4.0:
        left -= 1
        if x[left, 1] > 1.0:
            continue
        if not (x[left, 1] > -1.0 or counts[left] == 2):
            found = left
            break
        is_open = is_open and np.isfinite(x[left, 2])
    room = np.zeros(n, np.int64)
    for i in range(n - 1, -1, -2):
        row = x[i]
        room[i] = int(max(row[0], row[-2]) * 10.0) - min(i, 2)
        row[1] += float(room[i]) if row[1] >= 0.0 else -0.5
        mixed = 3
        if i != 1:
            mixed = x[i, 0] / 2
        out[i, 0], out[i, 1] = mixed, np.ceil(row[0]) ** 1.5
        for j in range(2):
            scratch = np.empty((2, n))
            scratch[1, i] = 1.0 * j
            if j == 1:
                break
            out[i, 2] = scratch[1, i] + (np.inf if np.isnan(row[2]) else abs(row[2]))
    while True:
        found += 1
        if next_ticket(counts) > 4:
            return found + left if is_open else room[0]


def test_loops_and_choices_are_those_of_python():
    """For states that take every way."""
    results = set()
    for seed in range(12):
        x = np.random.default_rng(seed).normal(size=(4, 3)) * 2
        x[seed % 4, 2] = [np.nan, 1.0, np.inf][seed % 3]
        x[:, 0] = np.abs(x[:, 0])
        given = [(x.copy(), np.arange(4) + seed % 3, np.zeros((4, 3))) for _ in range(2)]
        found = [f(*arguments) for f, arguments in zip((ways, ways.py_func), given, strict=True)]
        assert found[0] == found[1]
        results.add(found[0])
        for ours, plain in zip(*given, strict=True):
            np.testing.assert_array_equal(ours, plain)
    assert len(results) > 4


def test_another_function_is_called_at_its_address():
    def twice(address, x):
        call(address, x)
        call(address, x)

    def halve(x):
        x[0] *= 0.5

    x = np.ones(1)
    native(twice)(native(halve).address((FLOAT, 1)), x)
    assert x[0] == 0.25


def refused(function, *arguments):
    with pytest.raises(CannotLower) as error:
        native(function)(*arguments)
    return str(error.value)


def test_what_generated_text_never_has_is_refused():
    def text(x):
        return x + "a"

    def unpacked(x):
        (a, _) = x
        return a

    def two_kinds(x):
        if x > 1.0:
            return 1
        return x

    def nothing_at_the_end(x):  # noqa: RET503
        if x > 1.0:
            return x

    def one_way_only(x):
        if x > 1.0:
            y = 1.0
        return y

    def keyword(x):
        return np.sqrt(x, where=True)

    def chained(x):
        return 0.0 < x < 1.0

    for function, words in (
        (text, "cannot lower: 'a'"),
        (unpacked, "cannot lower: (a, _)"),
        (two_kinds, "cannot lower: return x"),
        (nothing_at_the_end, "cannot lower: def nothing_at_the_end"),
        (one_way_only, "cannot lower: y"),
        (keyword, "cannot lower: np.sqrt(x, where=True)"),
        (chained, "cannot lower: 0.0 < x < 1.0"),
    ):
        assert words in refused(function, 2.0)

    def rows(x):
        return x[0, 0]

    assert "in C order" in refused(rows, np.eye(4)[::2])
    assert "int32" in refused(rows, np.eye(2, dtype=np.int32))
    assert "cannot lower: x[0, 0]" in refused(rows, np.zeros((1, 1, 1)))
    assert math.isclose(native(two_kinds).py_func(4.0), 1.0)


def touch(x):
    x[0] = 2.0


def test_where_there_is_no_room_python_is_told():
    @native
    def inner(address, n):
        first = np.empty(4)
        first[0] = 2.0
        room = np.empty(n)
        call(address, room)
        return room[0] * first[0]

    @native
    def outer(address, n, out):
        for _ in range(3):
            kept = np.zeros(2)
            out[0] += kept[0] + inner(address, n)

    @native
    def through(outer, address, n, out):
        call(outer, address, n, out)

    here, out = native(touch).address((FLOAT, 1)), np.ones(1)
    outer(here, 10, out)
    assert out[0] == 13.0
    with pytest.raises(MemoryError, match="no room"):
        inner(here, 2**58)
    with pytest.raises(MemoryError, match="no room"):
        outer(here, 2**58, out)
    with pytest.raises(MemoryError, match="no room"):
        through(outer.address(INTEGER, INTEGER, (FLOAT, 1)), here, 2**58, out)
    assert out[0] == 13.0


def test_a_symbol_that_nobody_has_is_an_error_and_not_the_end():
    unit = Unit()
    unit.entry(lambda_of_nothing, ())
    text = unit.text.replace("define i32", "declare void @nobody_has_this()\n\ndefine i32").replace(
        "%failed = alloca i32", "call void @nobody_has_this()\n%failed = alloca i32"
    )
    with pytest.raises(RuntimeError, match="symbols"):
        objects.linked(objects.Code(None, objects.object_code(text)))
    with pytest.raises(RuntimeError):
        objects.linked(objects.Code(None, b"no object code at all"))
    address = objects.linked(objects.Code(None, objects.object_code(unit.text)))
    assert ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(address)(None) == 0


def lambda_of_nothing():
    """Does nothing."""
