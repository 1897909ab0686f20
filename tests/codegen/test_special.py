"""The polynomials against ball arithmetic at a million points, at the edges, and against mpmath at some of them."""

import math

import flint
import mpmath as mp
import numpy as np
import pytest

from divprune_sym.codegen import special
from divprune_sym.codegen.native import native
from divprune_sym.codegen.simd import WIDTH, as_lanes

pytestmark = pytest.mark.slow(24)

ULPS = 2.0
DIGITS = 40
POINTS = 1_000_000
RANGES = {"asin": (-1.0, 1.0), "exp": (-745.1, 709.782), "erf": (-6.5, 6.5)}
# where the formula changes, the function's domain ends, or numbers are subnormal
AROUND = {
    "asin": [0.0, 0.125, 0.5, 1.0, 1e-300, 1e-8],
    "exp": [0.0, 0.5 * math.log(2), 1.0, 10.5 * math.log(2), 708.396, 709.78, 745.13, 1e-300, 1e-17],
    "erf": [0.0, 1.0, 2.25, 6.0, 5.95, 1e-300, 1e-8, 40.0],
}


def each(f):
    @native
    def run(x, out):
        for j in range(len(x)):
            out[j] = f(x[j])

    return run


def each_lane(f):
    @native
    def run(x, out):
        source, target = as_lanes(x), as_lanes(out)
        for j in range(len(source)):
            target[j] = f(source[j])

    return run


FLOATS, LANES = ({name: make(getattr(special, name)) for name in RANGES} for make in (each, each_lane))


def evaluated(name, x):
    out = np.empty_like(x)
    LANES[name](x.reshape(-1, WIDTH), out.reshape(-1, WIDTH))
    return out


def around(points):
    """Fifty neighbors on both sides, and the mirror images."""
    near = [np.nextafter(x, np.inf) if step else x for x in points for step in (0, 1)]
    for x in points:
        up = down = x
        for _ in range(50):
            up, down = np.nextafter(up, np.inf), np.nextafter(down, -np.inf)
            near += [up, down]
    return np.array([*near, *[-x for x in near]])


def arguments(name):
    """Most uniformly over the range, some at every order of magnitude, and the edges; a multiple of the width."""
    rng = np.random.default_rng(1)
    low, high = RANGES[name]
    uniform = rng.uniform(low, high, int(0.8 * POINTS))
    small = rng.choice([-1.0, 1.0], POINTS // 5) * np.exp(rng.uniform(-40, 0, POINTS // 5)) * min(high, -low)
    edges = around(AROUND[name])
    x = np.concatenate([uniform, small, edges[(edges >= low) & (edges <= high)]])
    return np.concatenate([x, np.zeros(-len(x) % WIDTH)])


def exact(name, x):
    """Head and tail of the function in ball arithmetic: their sum has twice the digits of a float."""
    head, tail = np.empty_like(x), np.empty_like(x)
    with flint.ctx.workdps(DIGITS) if hasattr(flint.ctx, "workdps") else _digits():
        function = {"asin": flint.arb.asin, "exp": flint.arb.exp, "erf": flint.arb.erf}[name]
        for j, value in enumerate(x.tolist()):
            y = function(flint.arb(value))
            head[j] = float(y)
            tail[j] = float(y - head[j])
    return head, tail


class _digits:
    def __enter__(self):
        self.before, flint.ctx.dps = flint.ctx.dps, DIGITS

    def __exit__(self, *_):
        flint.ctx.dps = self.before


def ulps(values, head, tail):
    """Error in units of the last place of the exact value."""
    return np.abs((values - head) - tail) / np.spacing(np.abs(head))


@pytest.mark.parametrize("name", RANGES)
def test_a_million_points_and_the_edges(name):
    x = arguments(name)
    assert len(x) >= POINTS
    head, tail = exact(name, x)
    worst = ulps(evaluated(name, x), head, tail).max()
    assert worst < ULPS
    # the measure sees one last place more
    assert ulps(np.nextafter(np.nextafter(head, np.inf), np.inf), head, tail).max() > 1.4


@pytest.mark.parametrize("name", RANGES)
def test_the_balls_are_what_mpmath_gives(name):
    x = np.random.default_rng(2).choice(arguments(name), 500)
    head, tail = exact(name, x)
    with mp.workdps(60):
        for value, first, second in zip(x, head, tail, strict=True):
            true = getattr(mp, name)(mp.mpf(float(value)))
            assert abs(true - mp.mpf(first) - mp.mpf(second)) <= abs(true) * mp.mpf(2) ** -100 + mp.mpf(2) ** -1074


@pytest.mark.parametrize("name", RANGES)
def test_floats_and_lanes_have_the_same_bits(name):
    """Also asin with its formulas side by side."""
    x = np.random.default_rng(3).choice(arguments(name), 20_000)
    alone = np.empty_like(x)
    FLOATS[name](x, alone)
    np.testing.assert_array_equal(evaluated(name, x), alone)
    order = np.random.default_rng(4).permutation(len(x))
    np.testing.assert_array_equal(evaluated(name, x[order]), alone[order])


def test_a_correlation_that_rounding_brings_above_1_is_1():
    beyond = np.array([1 + 2**-52, 1 + 2**-50, -1 - 2**-51, 1.0])
    half = math.pi / 2
    np.testing.assert_array_equal(evaluated("asin", beyond), [half, half, -half, half])


def test_beyond_the_range():
    x = np.array([np.nan, np.inf, -np.inf, 1e308])
    np.testing.assert_array_equal(evaluated("erf", x), [np.nan, 1.0, -1.0, 1.0])
    np.testing.assert_array_equal(evaluated("exp", x), [np.nan, np.inf, 0.0, np.inf])
    np.testing.assert_array_equal(evaluated("exp", np.array([-746.0, -1e308, 710.0, 0.0])), [0.0, 0.0, np.inf, 1.0])
    assert np.isnan(evaluated("asin", np.array([np.nan, 1.0 + 1e-12, -1.5, np.inf]))).all()


@pytest.mark.parametrize("name", ["asin", "erf"])
def test_odd_functions_are_odd(name):
    x = arguments(name)[:10_000]
    np.testing.assert_array_equal(evaluated(name, -x), -evaluated(name, x))
