"""Phase 1 of a k-DPP: which eigenvectors.  P(J) ∝ Π_{n∈J} λ_n over the index sets with |J| = k.

Multiplying every λ by c leaves the law unchanged, so c is chosen to make Σ cλ_n/(1 + cλ_n) = k. The law is
then that of independent Bernoulli variables given that their sum is k, its mean; tables of probabilities hold
it without overflow, and what underflows in them is too improbable to matter. Elementary symmetric polynomials,
the textbook route (Kulesza & Taskar, Determinantal point processes for machine learning, 2012, algorithms 7
and 8), leave the range of float64 already at N = 784, k = 392.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The tilt may be any number: an inexact one costs range, not accuracy.
TILT_WIDTH = 1e-4


def tilted(log_weights: NDArray[np.float64], k: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return p, 1 − p, each (r,), and log c, with p_n = cλ_n/(1 + cλ_n) and Σ p = k; needs 0 < k < r."""
    center = np.log(k) - np.log(len(log_weights) - k)
    low, high = center - log_weights.max(), center - log_weights.min()
    while high - low > TILT_WIDTH * max(1.0, abs(low), abs(high)):
        middle = 0.5 * (low + high)
        if expit(middle + log_weights).sum() < k:
            low = middle
        else:
            high = middle
    log_c = 0.5 * (low + high)
    logit = log_c + log_weights
    return expit(logit), expit(-logit), float(log_c)


def tilted_odds(log_weights: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The p and 1 − p of `tilted`."""
    return tilted(log_weights, k)[:2]


def log_elementary(log_weights: NDArray[np.float64], k: int) -> float:
    """Return log e_k(λ), λ = exp(log_weights), (r,), k ≤ r: e_k = P(k successes) Π(1 + cλ_n)/c^k."""
    if k in (0, len(log_weights)):
        return float(log_weights.sum()) if k else 0.0
    p, q, log_c = tilted(log_weights, k)
    exact: NDArray[np.float64] = count_law_jit(p, q, k)
    return float(np.log(exact[-1, k]) + np.logaddexp(0.0, log_c + log_weights).sum() - k * log_c)


def count_law(p: NDArray[np.float64], q: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the (r + 1, k + 1) table whose entry [n, m] is P(m successes among the first n trials)."""
    table = np.zeros((len(p) + 1, k + 1))
    table[0, 0] = 1.0
    for n in range(len(p)):
        table[n + 1, 0] = q[n] * table[n, 0]
        for m in range(1, k + 1):
            table[n + 1, m] = q[n] * table[n, m] + p[n] * table[n, m - 1]
    return table


def taking_odds(table: NDArray[np.float64], p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(trial n succeeds | m successes among the first n + 1 trials), [m, n], (k + 1, r), from `count_law`."""
    r, k = len(p), table.shape[1] - 1
    odds = np.zeros((k + 1, r))
    for n in range(r):
        for m in range(1, k + 1):
            taken = p[n] * table[n, m - 1]
            skipped = q[n] * table[n, m]
            # An impossible branch must stay impossible after rounding: nothing behind it is tabulated.
            odds[m, n] = taken / (taken + skipped) if skipped > 0.0 else 1.0
    return odds


def draw_choices(odds: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return `count` sorted index sets, (count, k), walking backwards through the trials of `taking_odds`.

    One random number a success: the next one comes where the chance of none before it falls below that number.
    """
    k, r = odds.shape[0] - 1, odds.shape[1]
    choices = np.empty((count, k), np.int64)
    for row in range(count):
        n = r
        for left in range(k, 0, -1):
            level = 1.0 - rng.random()
            none = 1.0
            while none >= level:
                n -= 1
                none *= 1.0 - odds[left, n]
            choices[row, left - 1] = n
    return choices


def joint_odds(
    prefix: NDArray[np.float64], suffix: NDArray[np.float64], p: NDArray[np.float64], q: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return P(n and m chosen), (r, r), zero on the diagonal, in O(r² k) by leaving two trials out.

    prefix, suffix: (r + 1, k + 1), `count_law` of the trials from the front and from the back.
    Only positive terms are added.
    """
    r = len(p)
    k = prefix.shape[1] - 1
    joint = np.zeros((r, r))
    for n in range(r):
        others = prefix[n].copy()
        for m in range(n + 1, r):
            total = 0.0
            for j in range(k - 1):
                total += others[j] * suffix[r - m - 1, k - 2 - j]
            joint[n, m] = p[n] * p[m] * total / prefix[r, k]
            joint[m, n] = joint[n, m]
            for j in range(k, 0, -1):
                others[j] = q[m] * others[j] + p[m] * others[j - 1]
            others[0] *= q[m]
    return joint


count_law_jit = njit(cache=True, nogil=True)(count_law)
taking_odds_jit = njit(cache=True, nogil=True)(taking_odds)
draw_choices_jit = njit(cache=True, nogil=True)(draw_choices)
joint_odds_jit = njit(cache=True, nogil=True)(joint_odds)


def choices(
    log_weights: NDArray[np.float64],
    k: int,
    count: int,
    rng: np.random.Generator,
    odds: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Return `count` sorted sets of k of the r indices, (count, k), P(J) ∝ exp(Σ_J log_weights); k ≤ r.

    odds: `choice_odds` of the same weights and k, if there already.
    """
    if k in (0, len(log_weights)):
        return np.tile(np.arange(k, dtype=np.int64), (count, 1))
    odds = choice_odds(log_weights, k) if odds is None else odds
    drawn: NDArray[np.int64] = draw_choices_jit(odds, count, rng)
    return drawn


def choice_odds(log_weights: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the `taking_odds` of sets of k of the r indices, (k + 1, r); 0 < k < r."""
    p, q = tilted_odds(log_weights, k)
    odds: NDArray[np.float64] = taking_odds_jit(count_law_jit(p, q, k), p, q)
    return odds


def single_inclusion(log_weights: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return P(n ∈ J), (r,), for the law of `choices`: leave one trial out."""
    r = len(log_weights)
    if k in (0, r):
        return np.full(r, float(k > 0))
    p, q = tilted_odds(log_weights, k)
    prefix, suffix = count_law_jit(p, q, k), count_law_jit(p[::-1].copy(), q[::-1].copy(), k)
    # suffix[r − 1 − n] is the law of the trials after n
    others = np.einsum("nj,nj->n", prefix[:r, :k], suffix[r - 1 :: -1, k - 1 :: -1])
    inclusion: NDArray[np.float64] = p * others / prefix[r, k]
    return inclusion


def joint_inclusion(log_weights: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return P(n, m ∈ J), (r, r), zero on the diagonal, for the law of `choices`."""
    r = len(log_weights)
    if k in (0, r):
        return float(k > 0) * (1.0 - np.eye(r))
    p, q = tilted_odds(log_weights, k)
    prefix, suffix = count_law_jit(p, q, k), count_law_jit(p[::-1].copy(), q[::-1].copy(), k)
    joint: NDArray[np.float64] = joint_odds_jit(prefix, suffix, p, q)
    return joint
