"""Special functions of floats and of lanes, branch-free polynomials with stated errors.

The coefficients are fitted, and the errors bounded, in derivations/08_special_functions.py; the text below the line
is one for all targets.
"""

from __future__ import annotations

from math import copysign, fabs, sqrt

from numba import njit

from divprune_sym.codegen.simd import above, any_above, fma

jit = njit(error_model="numpy", nogil=True)

# --- copied into modules of other targets from here on --------------------------------------------------


@jit
def root(x):
    """√x of an x that rounding may have brought below 0."""
    return sqrt(above(x, 0.0, x, 0.0))


@jit
def asin_series(t):
    """(asin(√t)/√t − 1)/t for 0 ≤ t ≤ ¼."""
    p = 0.03195826719857793
    p = fma(p, t, -0.016292928326923292)
    p = fma(p, t, 0.01957309451186207)
    p = fma(p, t, 0.006511179404935689)
    p = fma(p, t, 0.012173197552383056)
    p = fma(p, t, 0.013884611731469728)
    p = fma(p, t, 0.017359769713400513)
    p = fma(p, t, 0.0223717536156155)
    p = fma(p, t, 0.0303819593276466)
    p = fma(p, t, 0.04464285682355408)
    p = fma(p, t, 0.07500000000343)
    return fma(p, t, 0.16666666666665383)


@jit
def asin_anywhere(x):
    """asin x: the series at x where |x| ≤ ½, else π/2 minus twice the series at √((1 − |x|)/2)."""
    size = fabs(x)
    t = above(size, 0.5, fma(size, -0.5, 0.5), size * size)
    root = sqrt(4.0 * t)
    start = above(size, 0.5, 1.5707963267948966 - root, size)
    rest = fma(above(size, 0.5, -root, size) * t, asin_series(t), above(size, 0.5, 6.123233995736766e-17, 0.0))
    return copysign(start + rest, x)


@jit
def asin(x):
    """asin x to 2 ulp; where all lanes have |x| ≤ ½ the same bits without the root."""
    if any_above(fabs(x), 0.5):
        return asin_anywhere(x)
    t = x * x
    return x + (x * t) * asin_series(t)
