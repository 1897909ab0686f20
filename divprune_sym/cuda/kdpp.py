"""k-DPP samples on the GPU, one block of threads per sample, from the eigenpairs of one or many kernels.

Phase 1 (which eigenvectors) walks the table that `dpp` makes; phase 2 (which items) is the chain rule of
`dpp._projection` with all residuals kept up to date, by all threads. A sample is a function of its uniform numbers.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import cuda, float64, int64  # the simulator looks for `cuda` among the globals of a kernel

from divprune_sym.cuda.device import require_cuda, simulated
from divprune_sym.dpp._choice import count_law_jit, tilted_odds
from divprune_sym.dpp._projection import ROUNDING
from divprune_sym.dpp._sets import completions_jit
from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.randomness import Rng, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from divprune_sym.dpp import LEnsemble


@cache
def choice_kernel() -> Any:
    """Phase 1, one thread per sample: uniforms (samples, r) to sorted indices (samples, k).

    table (r + 1, k + 1) and the odds p, q (r,) are those of the sample's kernel, `kernel_of` (samples,).
    """

    @cuda.jit
    def choose(tables, p, q, kernel_of, uniforms, chosen):  # type: ignore[no-untyped-def]
        sample = cuda.grid(1)
        if sample < chosen.shape[0]:
            L, left, n = kernel_of[sample], chosen.shape[1], p.shape[1] - 1
            while left > 0:
                taken = p[L, n] * tables[L, n, left - 1]
                skipped = q[L, n] * tables[L, n, left]
                # an impossible branch must stay impossible after rounding: nothing behind it is tabulated
                if skipped == 0.0 or uniforms[sample, n] * (taken + skipped) < taken:
                    left -= 1
                    chosen[sample, left] = n
                n -= 1

    return choose


@cache
def projection_kernel(threads: int) -> Any:
    """Phase 2, one block per sample: uniforms (samples, k) and chosen columns (samples, k) to items (samples, k).

    vectors (kernels, N, r); weights (samples, N), floors (samples, N), basis (samples, k, k), row and part
    (samples, k) are room to work in.
    """

    @cuda.jit
    def project(vectors, kernel_of, chosen, uniforms, items, weights, floors, basis, row, part):  # type: ignore[no-untyped-def]
        s, lane = cuda.blockIdx.x, cuda.threadIdx.x
        L, N, k = kernel_of[s], weights.shape[1], items.shape[1]
        sums = cuda.shared.array((threads,), float64)
        picked = cuda.shared.array((1,), int64)
        share = -(-N // threads)
        first, end = min(N, lane * share), min(N, (lane + 1) * share)
        for j in range(first, end):
            square = 0.0
            for n in range(k):
                square += vectors[L, j, chosen[s, n]] * vectors[L, j, chosen[s, n]]
            weights[s, j] = square
            floors[s, j] = ROUNDING * k * square
        for t in range(k):
            # items in order, a stretch for each thread: which stretch, then which item of it
            own = 0.0
            for j in range(first, end):
                own += weights[s, j]
            sums[lane] = own
            cuda.syncthreads()
            if lane == 0:
                whole = 0.0
                for other in range(threads):
                    whole += sums[other]
                aim, passed, item = uniforms[s, t] * whole, 0.0, -1
                for other in range(threads):
                    if passed + sums[other] <= aim:
                        passed += sums[other]
                        continue
                    for j in range(min(N, other * share), min(N, (other + 1) * share)):
                        if weights[s, j] > 0.0:
                            item = j
                            passed += weights[s, j]
                            if passed > aim:
                                break
                    if passed > aim:
                        break
                if item < 0:  # rounding left nothing beyond the aim: the last item that is possible
                    for j in range(N):
                        if weights[s, j] > 0.0:
                            item = j
                picked[0] = item
                items[s, t] = item
            cuda.syncthreads()
            # the unit vector along what is new in the row of that item: Gram–Schmidt, twice
            for n in range(lane, k, threads):
                row[s, n] = vectors[L, picked[0], chosen[s, n]]
            cuda.syncthreads()
            for _ in range(2):
                for m in range(lane, t, threads):
                    along = 0.0
                    for n in range(k):
                        along += basis[s, m, n] * row[s, n]
                    part[s, m] = along
                cuda.syncthreads()
                for n in range(lane, k, threads):
                    for m in range(t):
                        row[s, n] -= part[s, m] * basis[s, m, n]
                cuda.syncthreads()
            square = 0.0
            for n in range(k):
                square += row[s, n] * row[s, n]
            for n in range(lane, k, threads):
                basis[s, t, n] = row[s, n] / math.sqrt(square)
            cuda.syncthreads()
            for j in range(first, end):
                if weights[s, j] > 0.0:
                    along = 0.0
                    for n in range(k):
                        along += vectors[L, j, chosen[s, n]] * basis[s, t, n]
                    weights[s, j] -= along * along
                    if weights[s, j] < floors[s, j] or j == picked[0]:
                        weights[s, j] = 0.0
            cuda.syncthreads()

    return project


def sample_k(kernels: Sequence[LEnsemble], k: int, rng: Rng, count: int = 1) -> NDArray[np.int64]:
    """Draw `count` samples from the k-DPP of every kernel, (kernels, count, k), rows sorted.

    The law is that of `LEnsemble.sample_k`, beyond the rank too; equal generators give other samples than there.

    Parameters
    ----------
    kernels : sequence of LEnsemble
        Of one number of items; those of one rank are drawn together.
    k, rng, count
        As there.

    Raises
    ------
    BadInput
        No kernels or of different numbers of items, k not in [0, N], or a negative count.
    NoCuda
        There is no GPU, and no simulator.
    """
    rng = generator(rng)
    require_cuda()
    sizes = sorted({kernel.N for kernel in kernels})
    if len(sizes) != 1:
        msg = f"kernels: expected kernels on one number of items, got {sizes or 'none'}"
        raise BadInput(msg)
    k, count = integer(f"k (N = {sizes[0]})", k, 0, sizes[0]), integer("count", count, 0)
    drawn = np.empty((len(kernels), count, k), np.int64)
    kinds = [(kernel.rank, kernel.eigenvectors is None) for kernel in kernels]
    for kind in sorted(set(kinds)):
        group = [at for at, other in enumerate(kinds) if other == kind]
        drawn[group] = _draw_alike([kernels[at] for at in group], k, rng, count)
    return drawn


def threads_per_sample() -> int:
    """Threads in the block of phase 2."""
    return 2 if simulated() else 128


def _draw_alike(kernels: Sequence[LEnsemble], k: int, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Samples from kernels of one rank, all diagonal or all not."""
    rank, N = kernels[0].rank, kernels[0].N
    size = min(k, rank)
    kernel_of = np.repeat(np.arange(len(kernels)), count)
    uniforms = rng.random((len(kernel_of), rank + size))
    if size == 0 or len(kernel_of) == 0:
        items = np.empty((len(kernel_of), size), np.int64)
    else:
        chosen = _chosen(kernels, size, kernel_of, uniforms[:, :rank])
        if kernels[0].eigenvectors is None:
            support = np.array([np.flatnonzero(kernel.eigenvalues) for kernel in kernels])
            items = np.take_along_axis(support[kernel_of], chosen, axis=1)
        else:
            items = _projected(kernels, kernel_of, chosen, uniforms[:, rank:])
    if k > rank:
        items = completions_jit(items, N, k, rng)
    return np.asarray(items.reshape(len(kernels), count, k))


def _chosen(
    kernels: Sequence[LEnsemble], k: int, kernel_of: NDArray[np.int64], uniforms: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Phase 1; k ≥ 1 and at most the rank."""
    rank = kernels[0].rank
    if k == rank:
        return np.tile(np.arange(k, dtype=np.int64), (len(kernel_of), 1))
    odds = [tilted_odds(kernel.log_eigenvalues, k) for kernel in kernels]
    tables = np.array([count_law_jit(p, q, k) for p, q in odds])
    p, q = (np.array(side) for side in zip(*odds, strict=True))
    chosen = np.zeros((len(kernel_of), k), np.int64)
    threads = 4 if simulated() else 128
    blocks = -(-len(kernel_of) // threads)
    choice_kernel()[blocks, threads](tables, p, q, kernel_of, np.ascontiguousarray(uniforms), chosen)
    return chosen


def _projected(
    kernels: Sequence[LEnsemble], kernel_of: NDArray[np.int64], chosen: NDArray[np.int64], uniforms: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Phase 2."""
    (samples, k), N, rank = chosen.shape, kernels[0].N, kernels[0].rank
    vectors = np.array([kernel.eigenvectors[:, :rank] for kernel in kernels if kernel.eigenvectors is not None])
    items = np.zeros((samples, k), np.int64)
    room = (np.empty(shape) for shape in ((samples, N), (samples, N), (samples, k, k), (samples, k), (samples, k)))
    threads = threads_per_sample()
    launched = projection_kernel(threads)[samples, threads]
    launched(vectors, kernel_of, chosen, np.ascontiguousarray(uniforms), items, *room)
    return np.sort(items, axis=1)
