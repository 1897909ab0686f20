"""The equations of motion under any mask, in plain NumPy: the independent oracle of the test suite.

Written from the published formulas (Saad & Solla, PRE 52, 4225 (1995); Goldt et al., arXiv:1906.08632) split
over mask classes, without the library's derivations or kernels.  Nothing here is fast and nothing is checked:
it is meant to be read.  `simulate/test_plain_ode.py` tests the four integrals by quadrature.

Letters: g(u) = erf(u/√2); fields u = (λ, ρ) with covariance C (P, P), P = K + M; signed weights s = (v, −A),
so that Δ = Σ_a s_a g(u_a) − σζ.  A `state` is a `divprune_sym.notation.OrderParameters`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp


def I2(C):
    """E[g(u_a) g(u_b)] for all a, b.   C: (P, P) → (P, P)"""
    d = 1 + np.diag(C)
    return (2 / np.pi) * np.arcsin(C / np.sqrt(np.outer(d, d)))


def J2(C):
    """E[g'(u_a) g'(u_b)] for all a, b.   C: (P, P) → (P, P)"""
    d = 1 + np.diag(C)
    return (2 / np.pi) / np.sqrt(np.outer(d, d) - C**2)


def I3(C, y):
    """E[g'(u_i) y_m g(u_a)] for all i, m, a, where y_m is Gaussian with Cov(y_m, u_a) = y[m, a].

    C: (P, P)  y: (Y, P) → (P, Y, P)

    With 1 = i, 2 = y, 3 = a:
    (2/π) [C23 (1 + C11) − C12 C13] / ((1 + C11) √Λ3),  Λ3 = (1 + C11)(1 + C33) − C13².
    """
    d = 1 + np.diag(C)
    C11 = d[:, None, None]
    C33 = d[None, None, :]
    C13 = C[:, None, :]
    C12 = y.T[:, :, None]
    C23 = y[None, :, :]
    root = np.sqrt(C11 * C33 - C13**2)
    return (2 / np.pi) * (C23 * C11 - C12 * C13) / (C11 * root)


def I4(C):
    """E[g'(u_i) g'(u_k) g(u_a) g(u_b)] for all i, k, a, b.   C: (P, P) → (P, P, P, P)

    With 1 = i, 2 = k, 3 = a, 4 = b:  (4/π²) asin(Λ0/√(Λ1 Λ2))/√Λ4  (Saad & Solla 1995, appendix).
    """
    d = 1 + np.diag(C)
    C11, C22 = d[:, None, None, None], d[None, :, None, None]  # 1 + C11 and so on
    C33, C44 = d[None, None, :, None], d[None, None, None, :]
    C12, C34 = C[:, :, None, None], C[None, None, :, :]
    C13, C14 = C[:, None, :, None], C[:, None, None, :]
    C23, C24 = C[None, :, :, None], C[None, :, None, :]
    L4 = C11 * C22 - C12**2
    L0 = L4 * C34 - C23 * C24 * C11 - C13 * C14 * C22 + C12 * C13 * C24 + C12 * C14 * C23
    L1 = L4 * C33 - C23**2 * C11 - C13**2 * C22 + 2 * C12 * C13 * C23
    L2 = L4 * C44 - C24**2 * C11 - C14**2 * C22 + 2 * C12 * C14 * C24
    return (4 / np.pi**2) * np.arcsin(L0 / np.sqrt(L1 * L2)) / np.sqrt(L4)


def plain_generalization_error(covariance, s):
    """½ E[(Σ_a s_a g(u_a))²], label noise excluded.   covariance: (P, P)  s: (P,)"""
    return 0.5 * s @ I2(covariance) @ s


def plain_rhs(state, eta, eta_v, sigma, weight_decay):
    """dQ^c/dα (C, K, K), dR^c/dα (C, K, M), dv/dα (K,) of an `OrderParameters`."""
    return _rhs(state, state.Q_classes, state.R_classes, state.v, eta, eta_v, sigma, weight_decay)


@dataclass(frozen=True)
class PlainTrajectory:
    """alpha: (S,)  Q_classes: (S, C, K, K)  R_classes: (S, C, K, M)  v: (S, K)  error: (S,) ε_g, no noise.

    Arrays rather than `OrderParameters`: an integrated state may miss positive semi-definiteness by `rtol`.
    """

    alpha: np.ndarray
    Q_classes: np.ndarray
    R_classes: np.ndarray
    v: np.ndarray
    error: np.ndarray


def plain_integrate(state, alphas, eta, eta_v=0.0, sigma=0.0, weight_decay=0.0, *, rtol=1e-10):
    """Integrate from `state` at α = 0 by DOP853, and return a `PlainTrajectory` at `alphas`."""
    shapes = [state.Q_classes.shape, state.R_classes.shape, state.v.shape]
    cuts = np.cumsum([np.prod(shape) for shape in shapes])[:-1]

    def unpack(y):
        return [part.reshape(shape) for part, shape in zip(np.split(y, cuts), shapes, strict=True)]

    def pack(Q, R, v):
        return np.concatenate([Q.ravel(), R.ravel(), v])

    def rhs(_alpha, y):
        return pack(*_rhs(state, *unpack(y), eta, eta_v, sigma, weight_decay))

    start = pack(state.Q_classes, state.R_classes, state.v)
    alphas = np.asarray(alphas, dtype=float)
    run = solve_ivp(rhs, (0, alphas[-1]), start, "DOP853", alphas, rtol=rtol, atol=rtol / 100)
    if not run.success:
        raise RuntimeError(run.message)
    Q, R, v = (np.stack(part) for part in zip(*map(unpack, run.y.T), strict=True))
    error = [
        plain_generalization_error(_covariance(state, q, r), np.concatenate([v_, -state.A]))
        for q, r, v_ in zip(Q, R, v, strict=True)
    ]
    return PlainTrajectory(alphas, Q, R, v, np.array(error))


def _covariance(state, Q, R):
    """C = Σ_c ω_c [[Q^c, R^c], [R^cᵀ, T^c]]"""
    w = state.variance
    Q, R, T = (np.tensordot(w, X, 1) for X in (Q, R, state.T_classes))
    return np.block([[Q, R], [R.T, T]])


def _rhs(state, Q, R, v, eta, eta_v, sigma, weight_decay):
    """dQ, dR, dv, class after class.   Q: (C, K, K)  R: (C, K, M)  v: (K,); the rest of `state` is constant.

    x_j has variance ω_c in class c, so Cov(ρ^c_n, λ_i) = ω_c R^c_in, and so on, and the inputs of the class
    contribute f_c ω_c to |x|²/N, the factor of the η² term.
    """
    K = len(v)
    C = _covariance(state, Q, R)
    s = np.concatenate([v, -state.A])
    noise = sigma**2 * J2(C)[:K, :K]
    slope_slope_error2 = np.einsum("a,b,ikab->ik", s, s, I4(C)[:K, :K]) + noise  # E[g'_i g'_k Δ²]

    dQ, dR = np.empty_like(Q), np.empty_like(R)
    for c in range(len(Q)):
        omega, f, m = state.variance[c], state.fraction[c], state.mask[c]
        lambda_c = omega * np.hstack([Q[c], R[c]])  # Cov(λ^c_k, u_a)
        rho_c = omega * np.hstack([R[c].T, state.T_classes[c]])  # Cov(ρ^c_n, u_a)
        drift_Q = np.einsum("a,ika->ik", s, I3(C, lambda_c)[:K])  # E[g'(λ_i) Δ λ^c_k]
        drift_R = np.einsum("a,ina->in", s, I3(C, rho_c)[:K])  # E[g'(λ_i) Δ ρ^c_n]
        for i in range(K):
            dR[c, i] = -eta * v[i] * m[i] * drift_R[i] - weight_decay * R[c, i]
            for k in range(K):
                dQ[c, i, k] = (
                    -eta * v[i] * m[i] * drift_Q[i, k]
                    - eta * v[k] * m[k] * drift_Q[k, i]
                    + eta**2 * f * omega * v[i] * v[k] * m[i] * m[k] * slope_slope_error2[i, k]
                    - 2 * weight_decay * Q[c, i, k]
                )
    dv = -eta_v * (I2(C) @ s)[:K] - weight_decay * v  # E[g(λ_i) Δ] = Σ_a s_a I2(i, a)
    return dQ, dR, dv
