"""Bivariate moments of kept weights as one-dimensional integrals of analytic functions, with error bounds.

E[xπ(x) yπ(y)] for x, y ~ N(0, 1) with correlation r, masks independent given the weights; odd in r. Gauss–Legendre
with n nodes on a panel of half length h errs by at most h (64/15) m ρ^(−2n)/(1 − ρ^(−2)) where |integrand| ≤ m
within the Bernstein ellipse of parameter ρ around the panel (Trefethen, Approximation Theory and Approximation
Practice, theorem 19.3). Each function returns (value, bound): truncation proved so, rounding allowed for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
ROUNDING = 64.0 * float(np.finfo(np.float64).eps)

RHO_OWEN, RHO_RAYS = 2.4, 4.2


def _upper(x: float) -> float:
    """P(z > x), z ~ N(0, 1)."""
    return 0.5 * math.erfc(x / math.sqrt(2.0))


upper = njit(cache=True)(_upper)


def _gauss_error(half: float, rho: float, count: int) -> float:
    """Bound of the quadrature on a panel, for |integrand| ≤ 1 in the ellipse."""
    return half * 64.0 / 15.0 * math.pow(rho, -2.0 * count) / (1.0 - 1.0 / (rho * rho))


gauss_error = njit(cache=True)(_gauss_error)


def _owen(h: float, a: float, nodes: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Owen's T(h, a) = (1/2π) ∫₀^a exp(−h²(1 + x²)/2)/(1 + x²) dx for h ≥ 0, 0 ≤ a ≤ 1, and its bound.

    With x = au on [0, 1]: poles at ±i/a, at least 1 away. The ellipse reaches |Im u| ≤ y = (ρ − 1/ρ)/4, where
    |1 + a²u²| ≥ 1 − y² and |exp(−(hau)²/2)| ≤ exp((hay)²/2).
    """
    total = 0.0
    for n in range(len(nodes)):
        x = 0.5 * a * (1.0 + nodes[n])
        total += weights[n] * math.exp(-0.5 * (h * x) ** 2) / (1.0 + x * x)
    scale = a * math.exp(-0.5 * h * h) / (2.0 * math.pi)
    y = (RHO_OWEN - 1.0 / RHO_OWEN) / 4.0
    largest = math.exp(0.5 * (h * a * y) ** 2) / (1.0 - y * y)
    return 0.5 * scale * total, scale * largest * gauss_error(0.5, RHO_OWEN, len(nodes))


owen = njit(cache=True)(_owen)


def _truncated_pair(
    r: float, t: float, nodes: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """E[xy; |x| > t, |y| > t] = 2 (S(r) − S(−r)), S(r) = E[xy; x > t, y > t] (Rosenbaum, JRSS B 23, 405 (1961)):

    S(r) = r L + 2 r t n(t) P(z > ta) + σ/(2π) exp(−t²/(1 + r)), a² = (1 − r)/(1 + r), σ² = 1 − r²,
    L = P(x > t, y > t) = P(z > t) − 2 T(t, a); at −r a becomes 1/a, which Owen's symmetry takes back below 1.
    """
    s = abs(r)
    density = math.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi)
    if s == 1.0:
        return math.copysign(2.0 * upper(t) + 2.0 * t * density, r), ROUNDING
    a, spread = math.sqrt((1.0 - s) / (1.0 + s)), math.sqrt((1.0 - s) * (1.0 + s))
    near, near_error = owen(t, a, nodes, weights)
    far, far_error = owen(t / a, a, nodes, weights)
    h, k = upper(t), upper(t / a)
    # T(t, 1/a) = (h + k)/2 − hk − T(t/a, a)
    tails = (h - 2.0 * near) + (h - (h + k - 2.0 * h * k) + 2.0 * far)
    edges = 2.0 * t * density * (upper(t * a) + k)
    ends = spread / (2.0 * math.pi) * math.exp(-t * t / (1.0 + s)) * -math.expm1(-2.0 * s * t * t / (spread * spread))
    value = 2.0 * (s * tails + s * edges + ends)
    return math.copysign(value, r), 4.0 * s * (near_error + far_error) + ROUNDING


truncated_pair = njit(cache=True)(_truncated_pair)


def _ray(A: float, B: float) -> float:
    """∫₀^∞ ρ exp(−Bρ − Aρ²/2) dρ = (1 − √π z erfcx(z))/A, z = B/√(2A), for A, B > 0.

    From z = 2 on by the continued fraction of erfcx, arranged so that nothing cancels.
    """
    z = B / math.sqrt(2.0 * A)
    if z < 2.0:
        return (1.0 - math.sqrt(math.pi) * z * math.exp(z * z) * math.erfc(z)) / A
    tail = z
    for n in range(80, 1, -1):
        tail = z + 0.5 * n / tail
    return 0.5 / (tail * (z + 0.5 / tail)) / A


ray = njit(cache=True)(_ray)


def _weighted_pair(
    r: float, b: float, p: float, nodes: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """E[xπ(x) yπ(y)], π(z) = z²/(b² + z²), p = E[π]: r − 2b²pr + b⁴ E[x/(b² + x²) · y/(b² + y²)].

    x/(b² + x²) = ∫₀^∞ e^(−bs) sin(sx) ds; two of them, averaged, are an integral over the quarter plane, and in polar
    coordinates, δ the angle from its diagonal, ∫₀^(π/4) [ray(1 − r cos 2δ, B) − ray(1 + r cos 2δ, B)] dδ with
    B = √2 b cos δ. Panels are graded towards δ = 0 as r → 1: on all their ellipses Re(1 ∓ r cos 2δ) ≥ 0
    and Re B ≥ 0.29 √2 b, so that |ray| ≤ 1/(Re B)² (tests/pruning/test_extended.py).
    """
    s = abs(r)
    # strip in which r cosh(2 Im δ) ≤ 1; arccosh(1/s) written for s near 1
    gap = (1.0 - s) / max(s, 1e-300)
    strip = 0.5 * math.log1p(gap + math.sqrt(gap * (gap + 2.0)))
    high, moment, size, half_lengths = 0.25 * math.pi, 0.0, 0.0, 0.0
    while True:
        last = high <= strip or high < 1e-18
        low = 0.0 if last else 0.5 * high
        half = 0.5 * (high - low)
        for n in range(len(nodes)):
            delta = low + half * (1.0 + nodes[n])
            B = math.sqrt(2.0) * b * math.cos(delta)
            cosine = math.cos(2.0 * delta)
            less = ray((1.0 - s) + 2.0 * s * math.sin(delta) ** 2, B)
            more = ray(1.0 + s * cosine, B)
            moment += half * weights[n] * (less - more)
            size += half * weights[n] * (less + more)
        half_lengths += half
        if last:
            break
        high = low
    largest = 2.0 / (0.29 * math.sqrt(2.0) * b) ** 2
    error = largest * gauss_error(half_lengths, RHO_RAYS, len(nodes))
    if high > strip:  # r = 1 to rounding: on the last sliver nothing is known but the size of the integrand
        error += largest * high
    value = s * (1.0 - 2.0 * b * b * p) + b**4 * moment
    return math.copysign(value, r), b**4 * error + ROUNDING * (1.0 + b**4 * size)


weighted_pair = njit(cache=True)(_weighted_pair)


def _truncated_pairs(
    r: NDArray[np.float64], t: float, nodes: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(2, n): values and bounds for correlations (n,)."""
    out = np.empty((2, len(r)))
    for j in range(len(r)):
        out[0, j], out[1, j] = truncated_pair(r[j], t, nodes, weights)
    return out


def _weighted_pairs(
    r: NDArray[np.float64], b: float, p: float, nodes: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(2, n): values and bounds for correlations (n,)."""
    out = np.empty((2, len(r)))
    for j in range(len(r)):
        out[0, j], out[1, j] = weighted_pair(r[j], b, p, nodes, weights)
    return out


truncated_pairs = njit(cache=True, nogil=True)(_truncated_pairs)
weighted_pairs = njit(cache=True, nogil=True)(_weighted_pairs)
