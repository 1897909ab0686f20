"""Small kernels whose laws can be enumerated."""

from __future__ import annotations

import numpy as np


def factor(N, r, seed):
    """(N, r) Gaussian rows of unequal length."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, r)) * np.linspace(0.4, 1.6, N)[:, None]


def gram(N, r, seed):
    """(N, N) kernel of rank min(N, r)."""
    Phi = factor(N, r, seed)
    return Phi @ Phi.T


def blocks(sizes):
    """Block-diagonal ones: groups of identical items."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    return (group[:, None] == group[None, :]).astype(float)


def nearly_degenerate():
    """(7, 7) kernel whose spectrum is two clusters, each split by a few units of rounding."""
    vectors = np.linalg.qr(np.random.default_rng(3).standard_normal((7, 7)))[0]
    spectrum = np.array([1, 1 - 1e-15, 1 - 3e-15, 1 - 1e-14, 0.02, 0.02 + 1e-16, 0.02 + 1e-15])
    L = (vectors * spectrum) @ vectors.T
    return 0.5 * (L + L.T)
