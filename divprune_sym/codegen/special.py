"""Special functions of floats and of lanes, branch-free polynomials with stated errors.

The coefficients are fitted, and the errors bounded, in derivations/08_special_functions.py; the text below the line
is one for all targets.
"""

from __future__ import annotations

from math import copysign, fabs, sqrt

from divprune_sym.codegen.native import native as jit
from divprune_sym.codegen.simd import above, any_above, fma, power_of_two

# --- copied into modules of other targets from here on --------------------------------------------------


@jit
def root(x):
    """√x of an x that rounding may have brought below 0."""
    return sqrt(above(x, 0.0, x, 0.0))


@jit
def asin_series(t):
    """(asin(√t)/√t − 1)/t for 0 ≤ t ≤ ¼."""
    p = 0.031911517366437214
    p = fma(p, t, -0.016223042835786947)
    p = fma(p, t, 0.019527418033572348)
    p = fma(p, t, 0.006528314382072657)
    p = fma(p, t, 0.01216912596572734)
    p = fma(p, t, 0.013885249700627496)
    p = fma(p, t, 0.01735970319124056)
    p = fma(p, t, 0.022371758164449775)
    p = fma(p, t, 0.03038195913172745)
    p = fma(p, t, 0.044642856828470766)
    p = fma(p, t, 0.07500000000336815)
    return fma(p, t, 0.1666666666666541)


@jit
def asin_short(t):
    """The same for t ≤ 1/64."""
    p = 0.018128034074420544
    p = fma(p, t, 0.022355639086570383)
    p = fma(p, t, 0.030382116817325222)
    p = fma(p, t, 0.044642856235210415)
    p = fma(p, t, 0.07500000000219528)
    return fma(p, t, 0.1666666666666649)


@jit
def asin_tiers(t):
    """The series, or the short one where that will do: each lane has what its own t asks for."""
    # the number after 1/64: the correlation of a field with itself is far above it
    if any_above(0.015625000000000003, t):
        return above(t, 0.015625, asin_series(t), asin_short(t))
    return asin_series(t)


@jit
def asin_anywhere(x):
    """asin x: the series at x where |x| ≤ ½, else π/2 minus twice the series at √((1 − |x|)/2)."""
    size = fabs(x)
    t = above(size, 0.5, fma(size, -0.5, 0.5), size * size)
    # a correlation that rounding has brought above 1 is 1; what lies further out stays without a value
    t = above(-1e-13, t, t, above(t, 0.0, t, 0.0))
    chord = sqrt(4.0 * t)
    far = 1.5707963267948966 - chord
    # what that difference and π/2 lost by rounding
    lost = ((1.5707963267948966 - far) - chord) + 6.123233995736766e-17
    rest = fma(above(size, 0.5, -chord, size) * t, asin_tiers(t), above(size, 0.5, lost, 0.0))
    return copysign(above(size, 0.5, far, size) + rest, x)


@jit
def asin_beyond(x):
    """asin x, without the root where all lanes have |x| ≤ ½."""
    if any_above(fabs(x), 0.5):
        return asin_anywhere(x)
    t = x * x
    return x + (x * t) * asin_tiers(t)


@jit
def asin(x):
    """asin x to 2 ulp (1.3 measured); where all lanes have |x| ≤ ⅛ or ≤ ½ the same bits, sooner."""
    t = x * x
    if any_above(t, 0.015625):
        return asin_beyond(x)
    return x + (x * t) * asin_short(t)


@jit
def exp_series(t):
    """(exp t − 1 − t)/t² for |t| ≤ ½ ln 2."""
    p = 2.5000199922588884e-08
    p = fma(p, t, 2.763019746339893e-07)
    p = fma(p, t, 2.7557585712801702e-06)
    p = fma(p, t, 2.480149324892291e-05)
    p = fma(p, t, 0.00019841269507611697)
    p = fma(p, t, 0.001388888894347553)
    p = fma(p, t, 0.008333333333493821)
    p = fma(p, t, 0.0416666666665308)
    p = fma(p, t, 0.16666666666666413)
    return fma(p, t, 0.500000000000001)


@jit
def exp(x):
    """exp x to 2 ulp (1.1 measured): x = n ln 2 + t, and 2ⁿ in halves that cannot overflow before the result does."""
    x = above(x, 760.0, 760.0, above(-760.0, x, -760.0, x))
    # adding 1.5 · 2⁵² rounds to an integer
    n = fma(x, 1.4426950408889634, 6755399441055744.0) - 6755399441055744.0
    t = fma(-n, 1.9082149292705877e-10, fma(-n, 0.6931471803691238, x))
    half = fma(n, 0.5, 6755399441055744.0) - 6755399441055744.0
    return (1.0 + fma(t * t, exp_series(t), t)) * power_of_two(half) * power_of_two(n - half)


@jit
def erf_series(t):
    """erf(√t)/√t − 1 for 0 ≤ t ≤ 1."""
    p = 5.945255584223488e-11
    p = fma(p, t, -1.136567067182716e-09)
    p = fma(p, t, 1.4657883530919653e-08)
    p = fma(p, t, -1.635002619207727e-07)
    p = fma(p, t, 1.6460972954153765e-06)
    p = fma(p, t, -1.4925593518728226e-05)
    p = fma(p, t, 0.00012055331037551108)
    p = fma(p, t, -0.0008548326978765149)
    p = fma(p, t, 0.00522397762478137)
    p = fma(p, t, -0.02686617064507296)
    p = fma(p, t, 0.11283791670954858)
    p = fma(p, t, -0.3761263890318375)
    return fma(p, t, 0.1283791670955126)


@jit
def erfc_series(t):
    """exp(x²) erfc(x) (1 + 2x) for x = 2.25 (1 + t)/(1 − t)."""
    p = -1.6440094050693433e-05
    p = fma(p, t, -6.569310010598377e-05)
    p = fma(p, t, -4.552517585613586e-05)
    p = fma(p, t, 0.0002511792880520433)
    p = fma(p, t, 0.0004121210482378666)
    p = fma(p, t, -0.0011734928876916426)
    p = fma(p, t, -0.0026191102893181203)
    p = fma(p, t, 0.008093640792763741)
    p = fma(p, t, 0.0114410148516007)
    p = fma(p, t, -0.08313253704881193)
    p = fma(p, t, 0.16525643251661276)
    p = fma(p, t, -0.13078010182992472)
    p = fma(p, t, -0.11025561594301536)
    return fma(p, t, 1.2709799230171552)


@jit
def erf(x):
    """erf x to 2 ulp (1.1 measured): a series where |x| ≤ 1, else 1 − erfc |x|."""
    size = fabs(x)
    c = above(size, 6.0, 6.0, size)
    erfc = exp(-c * c) * erfc_series((c - 2.25) / (c + 2.25)) / fma(2.0, c, 1.0)
    inside = above(size, 1.0, 1.0, size)
    return above(size, 1.0, copysign(1.0 - erfc, x), fma(x, erf_series(inside * inside), x))
