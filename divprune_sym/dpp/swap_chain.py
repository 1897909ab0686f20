"""k-DPP samples by a Markov chain, for N too large for an eigendecomposition: approximate, with a diagnostic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from divprune_sym.dpp.batches import seeds
from divprune_sym.ground.checks import EPS, BadInput, integer, real_array
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.values import ByValue
from divprune_sym.ground.work import each_done_with_blas

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Swaps after which the inverse is computed anew: each one costs it a few units of rounding
RENEWED = 64
# R̂ below which chains count as mixed (Vehtari et al., Bayesian Analysis 16, 667 (2021))
MIXED = 1.01


def _inner(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    total = 0.0
    for n in range(len(a)):
        total += a[n] * b[n]
    return total


inner = njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})(_inner)


def _start(Phi: NDArray[np.float64], k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Items drawn one by one with probability proportional to their residuals: spread, and of positive determinant.

    Fewer than k where the rank is smaller.
    """
    N, r = Phi.shape
    items, basis, residual = np.empty(k, np.int64), np.empty((k, r)), np.empty(N)
    for j in range(N):
        residual[j] = inner(Phi[j], Phi[j])
    floor = N * EPS * residual.max()
    for t in range(k):
        total = residual.sum()
        if total <= floor:
            return items[:t]
        target = rng.random() * total
        j, sofar = 0, residual[0]
        while sofar <= target and j < N - 1:
            j += 1
            sofar += residual[j]
        row = Phi[j].copy()
        for _ in range(2):
            for n in range(t):
                row -= inner(basis[n], row) * basis[n]
        items[t] = j
        basis[t] = row / np.sqrt(inner(row, row))
        for i in range(N):
            residual[i] -= inner(Phi[i], basis[t]) ** 2
            if residual[i] < floor:
                residual[i] = 0.0
    return items


start = njit(cache=True, nogil=True)(_start)


def _gram(Phi: NDArray[np.float64], items: NDArray[np.int64]) -> NDArray[np.float64]:
    k = len(items)
    L = np.empty((k, k))
    for a in range(k):
        for b in range(a + 1):
            L[a, b] = L[b, a] = inner(Phi[items[a]], Phi[items[b]])
    return L


gram = njit(cache=True, nogil=True)(_gram)


def _walk(
    Phi: NDArray[np.float64],
    items: NDArray[np.int64],
    inverse: NDArray[np.float64],
    steps: int,
    left: int,
    rng: np.random.Generator,
) -> tuple[int, int, float]:
    """Do up to `steps` swap proposals and up to `left` swaps, in place; return (proposals, swaps, Δ log det).

    With M = L_S⁻¹: dropping item a leaves det L_S · M_aa; taking j adds its residual ℓ = L_jj − L_jT L_T⁻¹ L_Tj, where
    L_T⁻¹ = M − M_·a M_a·/M_aa. So the ratio of determinants is M_aa ℓ, and the new inverse has rank one more.
    """
    N, k = len(Phi), len(items)
    column, along = np.empty(k), np.empty(k)
    gain, swaps = 0.0, 0
    for step in range(steps):
        a = int(rng.random() * k)
        j = int(rng.random() * N)
        level = rng.random()
        taken = False
        for n in range(k):
            taken = taken or items[n] == j
        if taken:
            continue
        for n in range(k):
            column[n] = inner(Phi[items[n]], Phi[j])
        column[a] = 0.0
        drop = inverse[a, a]
        # L_T⁻¹ L_Tj
        part = inner(inverse[a], column) / drop
        square = inner(Phi[j], Phi[j])
        residual = square
        for n in range(k):
            along[n] = inner(inverse[n], column) - inverse[n, a] * part
        for n in range(k):
            residual -= column[n] * along[n]
        ratio = drop * residual
        if residual <= k * EPS * square or level >= ratio:
            continue
        for n in range(k):
            column[n] = inverse[n, a]
        along[a] = -1.0
        for n in range(k):
            for m in range(k):
                kept = 0.0 if n == a or m == a else inverse[n, m] - column[n] * column[m] / drop
                inverse[n, m] = kept + along[n] * along[m] / residual
        items[a] = j
        gain += np.log(ratio)
        swaps += 1
        if swaps == left:
            return step + 1, swaps, gain
    return steps, swaps, gain


walk = njit(cache=True, nogil=True)(_walk)


def _chain(
    Phi: NDArray[np.float64], k: int, words: NDArray[np.uint64], steps: int, thin: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """One chain: the sets after every `thin` proposals, their log det, and the number of swaps."""
    rng = np.random.default_rng(words)
    items = start(Phi, k, rng)
    if len(items) < k:
        msg = f"k = {k}: the rank of L is {len(items)}, and every larger set has determinant 0"
        raise BadInput(msg)
    kept = steps // thin
    sets, logs, swapped, since = np.empty((kept, k), np.int64), np.empty(kept), 0, RENEWED
    inverse: NDArray[np.float64] = np.empty((k, k))
    log = 0.0
    for n in range(kept):
        done = 0
        while done < thin:
            if since >= RENEWED:
                L = gram(Phi, items)
                inverse = np.asarray(np.linalg.inv(L), dtype=np.float64)
                log, since = float(np.linalg.slogdet(L)[1]), 0
            proposals, swaps, gain = walk(Phi, items, inverse, thin - done, RENEWED - since, rng)
            done, since, swapped, log = done + proposals, since + swaps, swapped + swaps, log + gain
        sets[n], logs[n] = np.sort(items), log
    return sets, logs, swapped


@dataclass(frozen=True, eq=False, repr=False)
class SwapChains(ByValue):
    """Several chains of sets, and whether they agree with each other.

    Attributes
    ----------
    sets : (chains, n, k) array
        Sorted sets, one after every `thin` proposals.
    log_determinants : (chains, n) array
        log det L_S of each.
    acceptance : float
        Share of the proposals that became swaps.
    r_hat : float
        Split R̂ of log det: 1 for chains that agree. It cannot show what log det does not, such as two groups of
        items of equal weight of which every chain sees one.
    effective_size : float
        Number of independent sets that tell as much about the mean of log det.
    """

    sets: NDArray[np.int64]
    log_determinants: NDArray[np.float64]
    acceptance: float
    r_hat: float
    effective_size: float

    @property
    def mixed(self) -> bool:
        """R̂ < 1.01, and 100 effective sets a chain: what the chains say may be used."""
        return self.r_hat < MIXED and self.effective_size >= 100 * len(self.sets)

    def __repr__(self) -> str:
        chains, n, k = self.sets.shape
        return (
            f"SwapChains({chains} chains of {n} sets of {k}, acceptance {self.acceptance:.3g}, R̂ = {self.r_hat:.4f}, "
            f"effective size {self.effective_size:.0f}, {'mixed' if self.mixed else 'NOT mixed: take more steps'})"
        )


def swap_chains(
    Phi: Any,
    k: int,
    rng: Rng,
    steps: int,
    *,
    thin: int | None = None,
    chains: int = 4,
    threads: int | None = None,
) -> SwapChains:
    """Approximate k-DPP samples of L = Φ Φᵀ by Metropolis swaps of one item, O(k r + k²) a step whatever N.

    The first half of each chain is dropped. A step proposes to replace an item of S by one of all N, uniformly, and
    does so with probability min(1, det L_S'/det L_S). The chain mixes in a number of steps that is polynomial in N and
    k (Anari, Oveis Gharan & Rezaei, COLT 2016); whether it has mixed is to be read from the result. For N up to a few
    thousand, or few columns, `LEnsemble` is exact, and quicker too.

    Parameters
    ----------
    Phi : (N, r) array
        Features of the items, a row each.
    k : int
        In [1, N − 1], at most the rank.
    rng : numpy.random.Generator or int
        A seed stands for a new generator.
    steps : int
        Proposals of each chain, after as many that are dropped.
    thin : int, optional
        Proposals between two sets that are kept; N by default, or fewer, so that 100 remain.
    chains : int
        At least 2: the diagnostic compares them. Each starts from items drawn by their residuals.
    threads : int, optional
        All cores that may be used, if not given. The chains do not depend on it.

    Raises
    ------
    BadShape, BadInput
        Φ is no table of finite numbers; k, steps, thin or chains out of range; k beyond the rank.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import swap_chains
    >>> Phi = np.random.default_rng(0).standard_normal((500, 20))
    >>> chains = swap_chains(Phi, 5, np.random.default_rng(1), 40_000)
    >>> chains.sets.shape, chains.mixed
    ((4, 100, 5), True)
    """
    features = np.ascontiguousarray(real_array("Phi", Phi, (None, None)))
    N = integer("N", len(features), 2)
    k = integer(f"k (N = {N})", k, 1, N - 1)
    rng = generator(rng)
    chains = integer("chains", chains, 2)
    steps = integer("steps", steps, 8)
    thin = max(1, min(N, steps // 100)) if thin is None else integer("thin", thin, 1, steps // 4)
    threads = None if threads is None else integer("threads", threads, 1)
    largest = float(np.abs(features).max(initial=0.0))
    exponent = int(np.frexp(largest)[1])
    scaled = np.ldexp(features, -exponent)
    words = seeds(rng, chains)
    burn_in = steps // thin
    found: dict[int, tuple[NDArray[np.int64], NDArray[np.float64], int]] = dict(
        each_done_with_blas(lambda n: _chain(scaled, k, words[n], 2 * burn_in * thin, thin), range(chains), threads)
    )
    order = [found[n] for n in range(chains)]
    sets = np.stack([x[0][burn_in:] for x in order])
    logs = np.stack([x[1][burn_in:] for x in order]) + 2 * k * exponent * float(np.log(2.0))
    acceptance = sum(x[2] for x in order) / (chains * 2 * burn_in * thin)
    return SwapChains(sets, logs, acceptance, split_r_hat(logs), effective_size(logs))


def split_r_hat(values: NDArray[np.float64]) -> float:
    """Split R̂ of (chains, n) numbers (Gelman et al., Bayesian Data Analysis, 3rd ed., section 11.4).

    1 where all chains have one mean and one variance; ∞ where each stands still at a value of its own.
    """
    half = values.shape[1] // 2
    parts = np.concatenate([values[:, :half], values[:, half : 2 * half]])
    within = float(parts.var(axis=1, ddof=1).mean())
    between = float(parts.mean(axis=1).var(ddof=1))
    if within == 0.0:
        return 1.0 if between == 0.0 else np.inf
    return float(np.sqrt((half - 1) / half + between / within))


def effective_size(values: NDArray[np.float64]) -> float:
    """Effective number of independent ones among (chains, n) numbers.

    Autocorrelations are summed in pairs while these are positive (Geyer, Statistical Science 7, 473 (1992)).
    """
    chains, n = values.shape
    centered = values - values.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centered, 2 * n, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :n].mean(axis=0) / n
    total = float(covariance[0] + values.mean(axis=1).var(ddof=1))
    if total == 0.0:
        return float(chains)
    # the variance between chains counts as correlation at all lags
    correlation = 1.0 - (float(covariance[0]) - covariance) / total
    pairs = correlation[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0.0)
    pairs = pairs[: negative[0]] if len(negative) else pairs
    time = max(-1.0 + 2.0 * float(np.minimum.accumulate(pairs).sum()), 1.0 / np.log10(chains * n))
    return float(chains * n / time)
