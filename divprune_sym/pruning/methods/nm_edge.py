"""N:M structured edges: in every group of M consecutive inputs of a node, N edges are kept.

The pattern that sparse tensor cores run (2:4: Mishra et al., arXiv:2104.08378); p = N/M. `NMEdge` keeps the N
largest |w| of a group, which is what is done in practice. Moments are derived in
derivations/07_variants.py.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from itertools import product
from math import comb, factorial
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.special import erf, ndtr, owens_t
from sympy import Expr

from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.mask_classes import sampled_classes
from divprune_sym.pruning.method import Layer
from divprune_sym.pruning.moments.quadrature import InaccurateMoment
from divprune_sym.pruning.variant import EdgeVariant, NumericFunction, Pair, Pruned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.mask_classes import MaskClasses

    Array = NDArray[np.float64]

_END = 9.5  # n(9.5) ~ 1e-20: nothing is left beyond
_NODES = tuple(np.polynomial.legendre.leggauss(order) for order in (8, 12))
_PANELS = 8
_ERROR = 1e-9


class NMEdge(EdgeVariant):
    """Magnitude N:M: the N largest |w| of every group of M consecutive inputs, N = pM; ties broken at random.

    Parameters
    ----------
    group : int
        M ≥ 2; the number of inputs must be a multiple of it.
    """

    name = "nm-edge"
    deterministic = True

    def __init__(self, group: int = 4) -> None:
        self.group = integer("group", group, 2)
        self.fractions = tuple(Fraction(n, self.group) for n in range(self.group + 1))

    def limit(self, pair: Pair) -> Pruned:
        """Closed at correlations 0 and ±1 for M ≤ 5; integrals in one (Q_ii, R_in) or two variables otherwise."""
        N, M = pair.p * self.group, self.group
        kept = kept_square(int(N), M)
        product = sp.sqrt(pair.Q_ii * pair.Q_kk) * GroupOverlap(pair.correlation, N, M)
        return Pruned(Q_ii=kept * pair.Q_ii, Q_ik=product, R_in=kept * pair.R_in)

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N)."""
        rng = generator(rng)
        return largest(np.broadcast_to(np.abs(layer.weights), (count, *layer.weights.shape)), keep, self.group, rng)

    def mask_classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses:
        """Class moments over groups of M inputs, by quasi-Monte Carlo."""

        def probabilities(z: Array) -> Array:
            rank = np.argsort(np.argsort(-np.abs(z), axis=1), axis=1)
            return np.asarray(rank < round(keep * self.group), dtype=np.float64)

        return sampled_classes(state, keep, probabilities, self.group, seed, points)


def largest(score: Array, keep: float, group: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The round(keep·group) largest scores of every group, ties broken at random."""
    *rows, N = score.shape
    if N % group:
        msg = f"{N} inputs: no multiple of the group size {group}"
        raise BadInput(msg)
    shape = (*rows, N // group, group)
    order = np.lexsort((rng.random(shape), -score.reshape(shape)), axis=-1)
    masks = np.zeros(shape, dtype=np.bool_)
    np.put_along_axis(masks, order[..., : round(keep * group)], True, axis=-1)
    return masks.reshape(score.shape)


class SlopeIntegral(NumericFunction):
    """∫₀^∞ exp(−3z²/2) erf(z/√2)^k dz: elementary for k ≤ 2, an orthant probability beyond.

    For k = 1 it is ∫₀^∞ e^(−az²) erf(bz) dz = atan(b/√a)/√(πa); for k = 2 half of √(2π/3) I2 at variance 1/3.
    """

    @classmethod
    def eval(cls, k: Expr) -> Expr | None:
        """The elementary ones."""
        half = sp.sqrt(2 * sp.pi / 3) / 2
        return {0: half, 1: sp.sqrt(sp.pi / 54), 2: half * 2 / sp.pi * sp.asin(sp.Rational(1, 4))}.get(k)

    @staticmethod
    def numeric(k: Any) -> Any:
        """By adaptive quadrature, to about 1e-14."""
        value, _ = quad(lambda z: np.exp(-1.5 * z * z) * erf(z / np.sqrt(2)) ** k, 0, _END, epsabs=1e-15, limit=200)
        return value


def rank_moment(k: int) -> Expr:
    """E[z² G^k], G = erf(|z|/√2) the probability that another |z| is smaller, z ~ N(0, 1).

    Stein's lemma twice, E[G^k] = 1/(k + 1) since G is uniform: 1/(k + 1) + √(2/π) k(k − 1)/π · SlopeIntegral(k − 2).
    """
    if k == 0:
        return sp.Integer(1)
    if k == 1:
        return sp.Rational(1, 2) + 1 / sp.pi
    return sp.Rational(1, k + 1) + sp.sqrt(2 / sp.pi) * k * (k - 1) / sp.pi * SlopeIntegral(k - 2)


@cache
def kept_square(N: int, M: int) -> Expr:
    """E[z² ; z is among the N largest |z| of M], z iid N(0, 1): z is, if at most N − 1 of the others exceed it."""
    G = sp.Symbol("G")
    kept = sum(comb(M - 1, j) * (1 - G) ** j * G ** (M - 1 - j) for j in range(N))
    powers = sp.Poly(sp.expand(kept), G)
    return sp.expand(sum(coefficient * rank_moment(k) for (k,), coefficient in powers.terms()))


class GroupOverlap(NumericFunction):
    """E[x y ; x kept, y kept] at correlation r, x among the N largest |x| of M, y among those of its own node.

    Odd in r. Closed at r = 0 and ±1; in between a two-dimensional integral, whose error is estimated by two rules.
    """

    @classmethod
    def eval(cls, r: Expr, N: Expr, M: Expr) -> Expr | None:
        """What is closed."""
        if r.is_zero:
            return sp.Integer(0)
        if r in (1, -1):
            return r * kept_square(int(N), int(M))
        return None

    @staticmethod
    def numeric(r: Any, N: Any, M: Any) -> Any:
        """Elementwise in r; correlations equal to rounding are integrated once."""
        r = np.asarray(r, dtype=np.float64)
        _, where, back = np.unique(np.round(r.ravel(), 14), return_index=True, return_inverse=True)
        values = [group_overlap(float(x), int(N), int(M)) for x in r.ravel()[where]]
        return np.array(values)[back.ravel()].reshape(r.shape)


@lru_cache(maxsize=4096)
def group_overlap(r: float, N: int, M: int) -> float:
    """E[x y ; x kept, y kept], as an integral over (x, y) = (s, ±t) of one pair of the group's M.

    Parameters
    ----------
    r : float
        Correlation in [−1, 1].
    N, M : int

    Raises
    ------
    InaccurateMoment
        Gauss–Legendre rules of two orders differ by more than 1e-9.
    """
    if N == M:
        return r
    size = abs(r)
    if size < 1e-300:
        return 0.0
    if size >= 1 - 4 * np.finfo(np.float64).eps:
        return float(np.sign(r) * sp.N(kept_square(N, M), 20))
    coarse, fine = (_overlap_by_rule(size, N, M, *rule) for rule in _NODES)
    if abs(coarse - fine) > _ERROR:
        msg = f"overlap of {N}:{M} groups at r = {r:.12g}: {coarse:.12g} and {fine:.12g} disagree"
        raise InaccurateMoment(msg)
    return float(np.sign(r) * fine)


def _overlap_by_rule(r: float, N: int, M: int, nodes: Array, weights: Array) -> float:
    """2 ∫_{s>0} s n(s) ∫ y n(z) P(both kept | s, |y|) dz ds, y = rs + σz: smooth in (s, z) however small σ is."""
    spread = float(np.sqrt((1 - r) * (1 + r)))
    graded = 2.0 ** np.arange(-24, 0)
    ends = np.concatenate([[0.0], graded[graded > spread / 8], np.arange(0.5, _END + 0.5, 0.5)])
    s, s_weight = _composite(np.unique(ends), nodes, weights)
    fraction, z_weight = _composite(np.linspace(0.0, 1.0, _PANELS + 1), nodes, weights)
    turn = np.clip(-r * s / spread, -_END, _END)  # y changes sign here, and P(both kept) has a kink
    total = 0.0
    for low, high in ((np.full_like(s, -_END), turn), (turn, np.full_like(s, _END))):
        z = low[:, None] + (high - low)[:, None] * fraction
        weight = (s_weight * s * _density(s) * (high - low))[:, None] * z_weight * _density(z)
        y = r * s[:, None] + spread * z
        both = _both_kept(np.broadcast_to(s[:, None], z.shape), y, z, (r, spread), (N, M))
        total += float(np.sum(weight * y * both))
    return 2.0 * total


def _composite(ends: Array, nodes: Array, weights: Array) -> tuple[Array, Array]:
    middle, half = 0.5 * (ends[1:] + ends[:-1]), 0.5 * np.diff(ends)
    return (middle[:, None] + half[:, None] * nodes).ravel(), (half[:, None] * weights).ravel()


def _density(z: Array) -> Array:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))


def _both_kept(s: Array, y: Array, z: Array, law: tuple[float, float], pattern: tuple[int, int]) -> Array:
    """P(at most N − 1 of the other M − 1 pairs have |x'| > s, and at most N − 1 have |y'| > |y|)."""
    (r, spread), (N, M) = law, pattern
    t = np.abs(y)
    x_tail, y_tail = 2 * ndtr(-s), 2 * ndtr(-t)
    # (t − rs)/σ is z where y > 0: written so, nothing cancels as σ → 0
    above = np.where(y > 0, z, (t - r * s) / spread)
    beside = np.where(y > 0, spread * s - r * z, (s - r * t) / spread)
    both = 2 * (_quadrant(s, t, above, beside) + _quadrant(s, t, (t + r * s) / spread, (s + r * t) / spread))
    both = np.clip(both, 0.0, np.minimum(x_tail, y_tail))
    cells = np.stack([both, x_tail - both, y_tail - both, np.clip(1 - x_tail - y_tail + both, 0.0, 1.0)])
    probability = np.zeros_like(s)
    for a, b, c in product(range(N), repeat=3):
        rest = M - 1 - a - b - c
        if rest < 0 or a + b >= N or a + c >= N:
            continue
        ways = factorial(M - 1) // (factorial(a) * factorial(b) * factorial(c) * factorial(rest))
        probability += ways * cells[0] ** a * cells[1] ** b * cells[2] ** c * cells[3] ** rest
    return probability


def _quadrant(h: Array, k: Array, k_above: Array, h_above: Array) -> Array:
    """P(x > h, y > k) for h, k > 0 by Owen's T (1956), given (k − rh)/σ and (h − rk)/σ."""
    return np.asarray(0.5 * (ndtr(-h) + ndtr(-k)) - owens_t(h, k_above / h) - owens_t(k, h_above / k))
