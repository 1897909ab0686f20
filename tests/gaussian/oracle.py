"""Gaussian expectations on a tensor grid in the fields themselves, the half-lines u < 0 and u > 0 apart.

Nothing of the library is used: no rule, no whitening, no derivative that SymPy took.
"""

import math
from itertools import pairwise

import mpmath as mp
import numpy as np
from scipy.special import erf

WIDTH = 8.5


def _he2(u):
    return u**2 - 1


def _he3(u):
    return u**3 - 3 * u


FUNCTIONS = {
    "erf": (lambda u: erf(u / math.sqrt(2)), lambda u: math.sqrt(2 / math.pi) * np.exp(-(u**2) / 2)),
    "linear": (lambda u: u, np.ones_like),
    "relu": (lambda u: np.maximum(u, 0), lambda u: np.heaviside(u, 0.5)),
    "sign": (np.sign, None),
    "sine": (np.sin, np.cos),
    "he2": (_he2, lambda u: 2 * u),
    "he3": (_he3, lambda u: 3 * u**2 - 3),
}

PRECISE = {
    "erf": lambda u: mp.erf(u / mp.sqrt(2)),
    "linear": lambda u: u,
    "relu": lambda u: max(u, mp.mpf(0)),
    "sign": mp.sign,
    "sine": mp.sin,
    "he2": _he2,
    "he3": _he3,
}


def covariance(size, seed):
    """A covariance of standard deviations 0.5 to 1.5 and moderate correlations."""
    rng = np.random.default_rng(seed)
    rows = np.hstack([1.2 * np.eye(size), rng.normal(0, 0.6, (size, 3))])
    rows *= rng.uniform(0.5, 1.5, (size, 1)) / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def mean(C, functions, nodes):
    """E[∏ f_d(u_d)] over fields of covariance C."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    size = len(C)
    total = np.ones(())
    exponent = np.zeros(())
    inverse = np.linalg.inv(C)
    axes = []
    for d in range(size):
        half = WIDTH * math.sqrt(C[d, d]) * (1 + x) / 2
        shape = [-1 if n == d else 1 for n in range(size)]
        axes.append(np.concatenate([-half, half]).reshape(shape))
        weight = WIDTH * math.sqrt(C[d, d]) / 2 * np.concatenate([w, w])
        total = total * (weight * functions[d](axes[d].ravel())).reshape(shape)
    for q in range(size):
        block = -0.5 * inverse[q, q] * axes[q] ** 2
        for p in range(q):
            block = block - inverse[p, q] * axes[p] * axes[q]
        exponent = exponent + block
    return float(np.sum(total * np.exp(exponent))) / math.sqrt(np.linalg.det(2 * math.pi * C))


def conditioned(C, fixed):
    """Density of the fixed fields at 0, and the covariance of the others given that they are 0."""
    others = [n for n in range(len(C)) if n not in fixed]
    A, B = C[np.ix_(fixed, fixed)], C[np.ix_(others, fixed)]
    density = 1 / math.sqrt(np.linalg.det(2 * math.pi * A))
    return density, C[np.ix_(others, others)] - B @ np.linalg.solve(A, B.T)


def integral(name, C, student, teacher=None):
    """J2, I2, I3 or I4 of activations by name, the teacher's for the last field; C in the order of the fields."""
    g, slope = FUNCTIONS[student]
    last = FUNCTIONS[teacher or student][0]
    if name == "I2":
        return mean(C, [g, last], 48)
    if name == "I3":
        return _I3(C, g, slope, last)
    if slope is None:  # g' = 2δ
        density, rest = conditioned(C, [0, 1])
        return 4 * density * (mean(rest, [g, last], 48) if name == "I4" else 1.0)
    if name == "J2":
        return mean(C, [slope, slope], 48)
    return mean(C, [slope, slope, g, last], 22)


def _I3(C, _, slope, last):
    if slope is None:
        density, rest = conditioned(C, [0])
        return 2 * density * _with_linear(rest, [0], [1], [last])
    return _with_linear(C, [1], [0, 2], [slope, last])


def _with_linear(C, linear, others, functions):
    """E[y ∏ f_d]: given the other fields, y has mean Σ_d b_d u_d."""
    rest = C[np.ix_(others, others)]
    weights = np.linalg.solve(rest, C[np.ix_(others, linear)])[:, 0]
    total = 0.0
    for d, weight in enumerate(weights):
        with_factor = [f if n != d else lambda u, f=f: u * f(u) for n, f in enumerate(functions)]
        total += weight * mean(rest, with_factor, 48)
    return total


def precise_I2(C, student):
    """E[g(u_a) g(u_b)] in 15 digits: polar coordinates of the whitened fields, split at the kinks."""
    g = PRECISE[student]
    with mp.workdps(18):
        a, b, c = (mp.mpf(x) for x in (C[0][0], C[1][1], C[0][1]))
        across = mp.sqrt(b - c**2 / a)
        # u_b = 0 on the ray cos θ · c/√a + sin θ · across = 0
        kink = mp.atan2(-c / mp.sqrt(a), across)
        rays = sorted(
            {mp.mpf(0), mp.pi / 2, mp.pi, 3 * mp.pi / 2, 2 * mp.pi, kink % (2 * mp.pi), (kink + mp.pi) % (2 * mp.pi)}
        )

        def along(theta):
            p, q = mp.sqrt(a) * mp.cos(theta), c / mp.sqrt(a) * mp.cos(theta) + across * mp.sin(theta)
            return mp.quad(
                lambda r: g(r * p) * g(r * q) * r * mp.exp(-(r**2) / 2), [0, 3, 6, 10], method="gauss-legendre"
            )

        return mp.fsum(mp.quad(along, list(sector), method="gauss-legendre") for sector in pairwise(rays)) / (2 * mp.pi)
