"""Activations and their slopes in NumPy, typed from textbooks, and expectations over Gaussian fields by quadrature."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import erf

ROOT_2 = np.sqrt(2)

# name: (g, g')
FUNCTIONS = {
    "erf": (lambda u: erf(u / ROOT_2), lambda u: np.sqrt(2 / np.pi) * np.exp(-(u**2) / 2)),
    "erf[2]": (lambda u: erf(2 * u / ROOT_2), lambda u: 2 * np.sqrt(2 / np.pi) * np.exp(-2 * u**2)),
    "linear": (lambda u: u, np.ones_like),
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0).astype(float)),
    "sign": (np.sign, None),
    "sine": (np.sin, np.cos),
    "he2": (lambda u: u**2 - 1, lambda u: 2 * u),
    "he3": (lambda u: u**3 - 3 * u, lambda u: 3 * u**2 - 3),
    "polynomial[0, 1, 0, -1/6]": (lambda u: u - u**3 / 6, lambda u: 1 - u**2 / 2),
}


def nodes(covariance, points):
    """Gauss–Hermite nodes (points^F, F) of N(0, covariance) and their weights: exact for degrees below 2·points."""
    F = len(covariance)
    x, w = np.polynomial.hermite_e.hermegauss(points)
    grid = np.array(list(itertools.product(x, repeat=F)))
    weights = np.prod(np.array(list(itertools.product(w / np.sqrt(2 * np.pi), repeat=F))), axis=1)
    return grid @ np.linalg.cholesky(covariance).T, weights


def averages(state, names, points):
    """E[g'_i Δ u_b] (K, F), E[g'_i g'_k Δ²] (K, K), E[g'_i g'_k] and E[g_i Δ] (K,), the noise left out of Δ."""
    (g, slope), (h, _) = (FUNCTIONS[name] for name in names)
    u, weight = nodes(state.covariance, points)
    students = u[:, : state.K]
    outputs, slopes = g(students), slope(students)
    delta = outputs @ state.v - h(u[:, state.K :]) @ state.A
    drift = np.einsum("s,si,s,sb->ib", weight, slopes, delta, u)
    spread = np.einsum("s,si,sk,s->ik", weight, slopes, slopes, delta**2)
    return drift, spread, np.einsum("s,si,sk->ik", weight, slopes, slopes), (weight * delta) @ outputs


def rates(state, names, points, *, eta, eta_v, sigma, weight_decay, batch_size=1, small_eta=False):
    """dQ^c, dR^c and dv by quadrature.

    u^c_b, the part of a field that class c carries, is its regression on all fields plus an independent rest.
    """
    drift, spread, slopes, pull = averages(state, names, points)
    spread = (spread + sigma**2 * slopes) * (0.0 if small_eta else eta**2 / batch_size)
    K, v = state.K, state.v
    dQ, dR = np.empty_like(state.Q_classes), np.empty_like(state.R_classes)
    for c, X in enumerate(state.overlaps):
        regression = np.linalg.solve(state.covariance, state.variance[c] * X)
        strength = (v * state.mask[c])[:, None]
        moved = -eta * strength * (drift @ regression)
        second = state.fraction[c] * state.variance[c] * (strength * spread * strength.T)
        dQ[c] = moved[:, :K] + moved[:, :K].T + second - 2 * weight_decay * state.Q_classes[c]
        dR[c] = moved[:, K:] - weight_decay * state.R_classes[c]
    return dQ, dR, -eta_v * pull - weight_decay * v
