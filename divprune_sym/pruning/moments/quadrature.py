"""Bivariate moments of kept weights as one-dimensional integrals with an error estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Kept = Callable[[NDArray[np.float64]], NDArray[np.float64]]
    Smoothed = Callable[[NDArray[np.float64], float], NDArray[np.float64]]

_END = 12.0  # n(12) ~ 2e-32: nothing is left beyond
_NODES = tuple(np.polynomial.legendre.leggauss(order) for order in (14, 20))


class InaccurateMoment(ArithmeticError):
    """Two quadratures of a moment disagree; the message gives both."""


def bivariate_moment(kept: Kept, smoothed: Smoothed, breaks: tuple[float, ...], correlation: float) -> float:
    """E[x π(x) y π(y)], x and y standard normal with a correlation r: ∫ n(x) xπ(x) E[yπ(y) | x] dx.

    Parameters
    ----------
    kept : callable
        z π(z).
    smoothed : callable
        (μ, sd) ↦ E[yπ(y)] for y ~ N(μ, sd²).
    breaks : tuple of float
        Positive points where π jumps or bends.
    correlation : float
        r in [−1, 1].

    Raises
    ------
    InaccurateMoment
        Gauss–Legendre rules of two orders differ by more than 1e-9.
    """
    if correlation == 0.0:
        return 0.0
    spread = float(np.sqrt((1.0 - correlation) * (1.0 + correlation)))
    panels = _panels(breaks, abs(correlation), spread)
    coarse, fine = (_integral(kept, smoothed, correlation, spread, panels, rule) for rule in _NODES)
    if abs(coarse - fine) > 1e-9:
        msg = f"bivariate moment at r = {correlation:.12g}: {coarse:.12g} and {fine:.12g} disagree"
        raise InaccurateMoment(msg)
    return fine


def _panels(breaks: tuple[float, ...], r: float, spread: float) -> NDArray[np.float64]:
    """Panel ends on [0, 12], graded towards every point where the integrand jumps, bends or turns."""
    graded = 2.0 ** np.arange(-40, 5)
    ends = [np.array([0.0, _END]), np.arange(0.5, _END, 0.5)]
    for point in breaks:
        # the outer factor bends at the break, the inner one at its image x = break/r, with width spread/r
        # (no further out than matters: they grow without limit as r → 0)
        image, width = min(point / r, 1e3), min(max(spread / r, 1e-12), 1e3)
        near = np.concatenate([-graded[graded > width / 4], [0.0], graded[graded > width / 4]])
        ends += [np.array([point]), image + near, image + width * np.arange(-8, 9)]
        # π may have poles at ±i break: panels no longer than their distance from these
        ends.append(point * 2.0 ** np.arange(-40, 60))
    joined = np.unique(np.concatenate(ends))
    joined = joined[(joined >= 0.0) & (joined <= _END)]
    return np.asarray(joined[np.concatenate([[True], np.diff(joined) > 1e-13])])


def _integral(
    kept: Kept,
    smoothed: Smoothed,
    r: float,
    spread: float,
    panels: NDArray[np.float64],
    rule: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float:
    nodes, weights = rule
    middle, half = 0.5 * (panels[1:] + panels[:-1]), 0.5 * np.diff(panels)
    x = (middle[:, None] + half[:, None] * nodes).ravel()
    w = (half[:, None] * weights).ravel()
    density = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    inner = smoothed(r * x, spread) if spread > 0 else kept(r * x)
    # even in x
    return float(2.0 * np.sum(w * density * kept(x) * inner))
