"""Gaussian expectations by quadrature of their definition: none of the three rules is used here.

The fields are u = Lz with C = LLᵀ and independent standard normal z, integrated one z after the other with
Gauss–Legendre panels. The panels end where the integrand turns: around the points where a factor is centered,
given the z already fixed, in units of its width there. Far from them erf is ±1 and g' is 0 to 18 digits.
"""

from __future__ import annotations

import math
from itertools import combinations

import mpmath as mp
import numpy as np
import sympy as sp
from scipy.special import erf

from divprune_sym.gaussian import U
from divprune_sym.testing import exact

# The normal density beyond 9 is below 1e-18 of its peak, and so is 1 − |erf(u/√2)|.
REACH = 9.0
OFFSETS = np.array([-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
NEGLIGIBLE = 1e-20
CHUNK = 512


def g(u):
    """The activation erf(u/√2)."""
    return erf(u / math.sqrt(2))


def slope(u):
    """Its derivative √(2/π) exp(−u²/2)."""
    return math.sqrt(2 / math.pi) * np.exp(-(u**2) / 2)


def cholesky(covariance):
    """Lower triangular L with LLᵀ = C, computed in 60 digits; columns of exactly singular fields are zero."""
    with mp.workdps(60):
        C = mp.matrix(covariance)
        L = mp.zeros(C.rows)
        for j in range(C.rows):
            pivot = C[j, j] - mp.fsum(L[j, k] ** 2 for k in range(j))
            if pivot < -1e-40 * C[j, j]:
                msg = f"not a covariance: pivot {mp.nstr(pivot)} in row {j}"
                raise ValueError(msg)
            if pivot <= 1e-40 * C[j, j]:
                continue
            L[j, j] = mp.sqrt(pivot)
            for i in range(j + 1, C.rows):
                L[i, j] = (C[i, j] - mp.fsum(L[i, k] * L[j, k] for k in range(j))) / L[j, j]
        return np.array(L.tolist(), dtype=float)


def nested(L, factors, depth):
    """E[∏ factors] over the first `depth` of the z.

    `factors[d]` maps u_d to the d-th factor; its second argument gives ℓᵀ(z_1 … z_d) for the row ℓ it is called with.
    The product must be even under z → −z: only z_1 > 0 is visited.
    """
    return 2 * math.fsum(_level(L, factors, depth, np.zeros((1, 0)), np.ones(1)))


def _level(L, factors, depth, z, weight):
    for part in range(0, len(z), CHUNK):
        points, grown = _chunk(L, factors, z[part : part + CHUNK], weight[part : part + CHUNK])
        if z.shape[1] + 1 == depth:
            # pairwise, and in more digits where the machine has them
            yield float(np.sum(grown, dtype=np.longdouble))
        else:
            kept = np.abs(grown) > NEGLIGIBLE * np.abs(grown).max()
            yield from _level(L, factors, depth, points()[kept], grown[kept])


def _chunk(L, factors, z, weight):
    """All nodes for the next z in its panels: the points as a function, and the weights times the factors so far."""
    d = z.shape[1]
    row, x, dx = _panels(_breakpoints(L, z))
    before = z[row]

    def along(line):
        return (before @ line[:d])[:, None] + line[d] * x

    def points():
        fixed = np.broadcast_to(before[:, None, :], (*x.shape, d))
        return np.concatenate([fixed, x[:, :, None]], axis=2)

    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return points, weight[row][:, None] * dx * density * factors[d](along(L[d]), along)


def _breakpoints(L, z):
    # Given the fixed z, the factors of a set S of fields vary with the next z as a Gaussian of precision
    # p = ℓᵀ(1 + Σ)⁻¹ℓ centered where ℓᵀ(1 + Σ)⁻¹(m + ℓz) = 0: m their means, Σ their remaining covariance.
    d = z.shape[1]
    turns = [np.broadcast_to(OFFSETS, (len(z), len(OFFSETS)))]
    for size in range(1, len(L) - d + 1):
        for S in combinations(range(d, len(L)), size):
            rows = L[list(S)]
            solved = np.linalg.solve(np.eye(size) + rows[:, d + 1 :] @ rows[:, d + 1 :].T, rows[:, d])
            precision = solved @ rows[:, d]
            if precision < 0.1:  # wider than the density of z itself
                continue
            center = -(z @ rows[:, :d].T @ solved) / precision
            # Times the density of z itself, of precision 1, the integrand is sharper still.
            turns.append(center[:, None] + OFFSETS / math.sqrt(1 + precision))
    low = 0.0 if d == 0 else -REACH
    return np.sort(np.clip(np.concatenate(turns, axis=1), low, REACH), axis=1)


def _panels(ends):
    """The rows of all panels that have a width, their nodes and weights."""
    half = np.diff(ends, axis=1) / 2
    row, panel = np.nonzero(half > 0)
    half = half[row, panel, None]
    return row, ends[row, panel, None] + half * (1 + NODES), half * WEIGHTS


def _reordered(C, order):
    return [[C[a][b] for b in order] for a in order]


def _wider_slope_first(C):
    # A slope pins its field to |u| < 9: with the large deviation pinned first, no later z of order one is
    # multiplied by 1e6, rounding and all.
    return sorted((0, 1), key=lambda field: -C[field][field])


def J2(C):
    """E[g'(u_i) g'(u_k)], fields ordered i, k."""
    return nested(
        cholesky(_reordered(C, _wider_slope_first(C))), [lambda u, _: slope(u), lambda u, _: slope(u)], depth=2
    )


def I2(C):
    """E[g(u_a) g(u_b)], fields ordered a, b."""
    return nested(cholesky(C), [lambda u, _: g(u), lambda u, _: g(u)], depth=2)


def I3(C):
    """E[g'(u_i) y g(u_a)], fields ordered i, y, a.

    y = ℓ_1 z_1 + ℓ_2 z_2 + ℓ_3 z_3 with z_1, z_2 the variables of u_i and u_a: the term in z_3, independent
    of both and of mean zero, drops out.
    """
    L = cholesky(_reordered(C, [0, 2, 1]))
    return nested(L[:2], [lambda u, _: slope(u), lambda u, along: g(u) * along(L[2, :2])], depth=2)


def I4(C):
    """E[g'(u_i) g'(u_k) g(u_a) g(u_b)], fields ordered i, k, a, b.

    Conditioned on u_i and u_k, then on u_a. What is left is E[erf((m + sz)/√2)] = erf(m/√(2(1 + s²))) over one
    normal z: erf(x/√2) = 2P(X ≤ x) − 1, and X ≤ m + sz says that the normal X − sz of variance 1 + s² is at most m.
    """
    L = cholesky(_reordered(C, [*_wider_slope_first(C), 2, 3]))
    width = math.sqrt(1 + L[3, 3] ** 2)

    def last(u, along):
        return g(u) * g(along(L[3, :3]) / width)

    return nested(L, [lambda u, _: slope(u), lambda u, _: slope(u), last], depth=3)


GRID_STEP = 0.35
GRID_REACH = 8.4


def term_value(term, values, activation):
    """coefficient · E[∏ factors] of any term in up to four fields with variances up to about 1.

    The trapezoidal rule over the z: for integrands this smooth it errs by exp(−2π²/(1 + λ_max(C))h²), or 1e-16.
    """
    fields = list(dict.fromkeys(factor.field for factor in term.factors))
    covariance = [[exact(term.covariance(a, b), values) for b in fields] for a in fields]
    L = cholesky(covariance) if fields else np.zeros((0, 0))
    line = np.arange(-GRID_REACH, GRID_REACH + GRID_STEP / 2, GRID_STEP)
    axes = np.meshgrid(*[line] * len(fields), indexing="ij", sparse=True)
    product = np.ones(())
    for d, name in enumerate(fields):
        u = sum(L[d, j] * axes[j] for j in range(d + 1))
        density = GRID_STEP * np.exp(-(axes[d] ** 2) / 2) / math.sqrt(2 * math.pi)
        product = product * density
        for factor in term.factors:
            if factor.field == name:
                product = product * _factor(factor, activation)(u)
    return float(exact(term.coefficient, values)) * product.sum()


def _factor(factor, activation):
    if isinstance(factor, U):
        return lambda u: u
    u = sp.Symbol("u")
    return sp.lambdify(u, sp.diff(activation.g(u), u, factor.order), modules=["scipy", "numpy"])
