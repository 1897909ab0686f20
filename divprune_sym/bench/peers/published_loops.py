"""Peer: the published equations of motion, transcribed literally into loops, and forward Euler.

This is what published codes do, and what the library is compared with; nothing outside the benchmarks uses it.
Transcribed by hand from Goldt et al. (NeurIPS 2019, arXiv:1906.08632, appendix) and Saad & Solla (PRE 52, 4225
(1995), appendix), independently of the library's derivations; a test holds it against them. Unpruned, white inputs:

    dR_in/dα = −η v_i Σ_a s_a I3(i, n, a)
    dQ_ik/dα = −η v_i Σ_a s_a I3(i, k, a) − η v_k Σ_a s_a I3(k, i, a)
               + η² v_i v_k (Σ_ab s_a s_b I4(i, k, a, b) + σ² J2(i, k))
    dv_i/dα  = −η_v Σ_a s_a I2(i, a)

with fields u = (λ, ρ) of covariance C, s = (v, −A). All arrays: Q (K, K), R (K, M), T (M, M), v (K,), A (M,).
"""

from __future__ import annotations

from math import asin, pi, sqrt

import numpy as np
from numba import njit

jit = njit(cache=True, error_model="numpy")


@jit
def I2(C, a, b):
    return 2 / pi * asin(C[a, b] / sqrt((1 + C[a, a]) * (1 + C[b, b])))


@jit
def J2(C, i, k):
    return 2 / pi / sqrt((1 + C[i, i]) * (1 + C[k, k]) - C[i, k] ** 2)


@jit
def I3(C, i, y, a):
    """E[g'(u_i) u_y g(u_a)]"""
    L3 = (1 + C[i, i]) * (1 + C[a, a]) - C[i, a] ** 2
    return 2 / pi * (C[y, a] * (1 + C[i, i]) - C[i, y] * C[i, a]) / ((1 + C[i, i]) * sqrt(L3))


@jit
def I4(C, i, k, a, b):
    """E[g'(u_i) g'(u_k) g(u_a) g(u_b)]"""
    L4 = (1 + C[i, i]) * (1 + C[k, k]) - C[i, k] ** 2
    L0 = (
        L4 * C[a, b]
        - C[k, a] * C[k, b] * (1 + C[i, i])
        - C[i, a] * C[i, b] * (1 + C[k, k])
        + C[i, k] * C[i, a] * C[k, b]
        + C[i, k] * C[i, b] * C[k, a]
    )
    L1 = (
        L4 * (1 + C[a, a])
        - C[k, a] ** 2 * (1 + C[i, i])
        - C[i, a] ** 2 * (1 + C[k, k])
        + 2 * C[i, k] * C[i, a] * C[k, a]
    )
    L2 = (
        L4 * (1 + C[b, b])
        - C[k, b] ** 2 * (1 + C[i, i])
        - C[i, b] ** 2 * (1 + C[k, k])
        + 2 * C[i, k] * C[i, b] * C[k, b]
    )
    return 4 / pi**2 / sqrt(L4) * asin(L0 / sqrt(L1 * L2))


@jit
def right_hand_side(Q, R, T, v, A, eta, eta_v, sigma, dQ, dR, dv):
    """The equations above, term by term; dQ, dR, dv are written into."""
    K, M = R.shape
    C, s = np.empty((K + M, K + M)), np.empty(K + M)
    for i in range(K):
        s[i] = v[i]
        for k in range(K):
            C[i, k] = Q[i, k]
        for n in range(M):
            C[i, K + n] = C[K + n, i] = R[i, n]
    for n in range(M):
        s[K + n] = -A[n]
        for m in range(M):
            C[K + n, K + m] = T[n, m]
    for i in range(K):
        for n in range(M):
            drift = 0.0
            for a in range(K + M):
                drift += s[a] * I3(C, i, K + n, a)
            dR[i, n] = -eta * v[i] * drift
        for k in range(i + 1):
            drift_i, drift_k, spread = 0.0, 0.0, sigma**2 * J2(C, i, k)
            for a in range(K + M):
                drift_i += s[a] * I3(C, i, k, a)
                drift_k += s[a] * I3(C, k, i, a)
                for b in range(K + M):
                    spread += s[a] * s[b] * I4(C, i, k, a, b)
            dQ[i, k] = -eta * v[i] * drift_i - eta * v[k] * drift_k + eta**2 * v[i] * v[k] * spread
            dQ[k, i] = dQ[i, k]
        pull = 0.0
        for a in range(K + M):
            pull += s[a] * I2(C, i, a)
        dv[i] = -eta_v * pull


@jit
def flat(y, dydt, p):
    """The right-hand side of y = (Q, R, v) with p = (K, M, array of T, A, η, η_v, σ)."""
    K, M, constants = p
    q, r, a = K * K, K * K + K * M, M * M
    T, A = constants[:a].reshape((M, M)), constants[a : a + M]
    eta, eta_v, sigma = constants[a + M], constants[a + M + 1], constants[a + M + 2]
    Q, R, v = y[:q].reshape((K, K)), y[q:r].reshape((K, M)), y[r:]
    dQ, dR, dv = dydt[:q].reshape((K, K)), dydt[q:r].reshape((K, M)), dydt[r:]
    right_hand_side(Q, R, T, v, A, eta, eta_v, sigma, dQ, dR, dv)


@jit
def euler(y, dt, steps, p):
    """Forward Euler: `steps` steps of length dt in α from y, which is left as it is."""
    now, slope = y.copy(), np.empty_like(y)
    for _ in range(steps):
        flat(now, slope, p)
        for j in range(y.size):
            now[j] += dt * slope[j]
    return now
