"""Batches over threads: many samples of one kernel, or one batch of samples of each of many kernels.

Every piece of work has a generator of its own, seeded from `rng` before anything starts: the draws are the same
whatever the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.dpp.direct import sample_k
from divprune_sym.dpp.lensemble import KERNELS, LEnsemble
from divprune_sym.ground.checks import BadInput, instance, integer
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.work import each_done_with_blas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Samples in one piece of work
BLOCK = 128


def seeds(rng: np.random.Generator, count: int) -> NDArray[np.uint64]:
    """Return (count, 2) words, each row the seed of one generator, drawn from `rng`."""
    return rng.integers(0, 2**64, (count, 2), dtype=np.uint64)


def _thread_count(threads: int | None) -> int | None:
    return None if threads is None else integer("threads", threads, 1)


def sample_k_threaded(kernel: LEnsemble, k: int, rng: Rng, count: int, threads: int | None = None) -> NDArray[np.int64]:
    """Draw `count` sets from the k-DPP over threads, (count, k), rows sorted.

    Parameters
    ----------
    kernel : LEnsemble
    k : int
    rng : numpy.random.Generator or int
        A seed stands for a new generator.
    count : int
    threads : int, optional
        All cores that may be used, if not given. The draws do not depend on it.

    Raises
    ------
    BadInput
        As `LEnsemble.sample_k`, and threads < 1.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import LEnsemble, sample_k_threaded
    >>> kernel = LEnsemble.from_matrix(np.eye(6) + 1.0)
    >>> sample_k_threaded(kernel, 3, np.random.default_rng(0), 1000, threads=2).shape
    (1000, 3)
    """
    instance("kernel", kernel, LEnsemble, KERNELS)
    rng = generator(rng)
    count, threads = integer("count", count, 0), _thread_count(threads)
    draws = kernel.sample_k(k, rng, 0)
    starts = range(0, count, BLOCK)
    words = seeds(rng, len(starts))
    draws = np.empty((count, draws.shape[1]), np.int64)

    def piece(n: int) -> NDArray[np.int64]:
        size = min(BLOCK, count - starts[n])
        return kernel.sample_k(k, np.random.default_rng(words[n]), size)

    for n, drawn in each_done_with_blas(piece, range(len(starts)), threads):
        draws[starts[n] : starts[n] + BLOCK] = drawn
    return draws


def sample_kernels(
    kernels: Sequence[Any], k: int, rng: Rng, count: int = 1, threads: int | None = None
) -> NDArray[np.int64]:
    """Draw `count` sets of k items from each of many kernels of one size, over threads, (kernels, count, k).

    Each kernel costs one `sample_k`.

    Parameters
    ----------
    kernels : sequence of (N, N) arrays
        Symmetric positive semi-definite.
    k, rng, count, threads
        As for `sample_k_threaded`.

    Raises
    ------
    BadInput
        A kernel is refused (the message says which), k lies outside [0, N], or threads < 1.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import sample_kernels
    >>> kernels = [np.diag([1.0, 2.0, 3.0, 4.0]), np.eye(4)]
    >>> sample_kernels(kernels, 2, np.random.default_rng(0), count=5).shape
    (2, 5, 2)
    """
    rng = generator(rng)
    words = seeds(rng, len(kernels))
    k, count = integer("k", k, 0), integer("count", count, 0)
    draws = np.empty((len(kernels), count, k), np.int64)

    def piece(n: int) -> NDArray[np.int64]:
        try:
            return sample_k(kernels[n], k, np.random.default_rng(words[n]), count)
        except BadInput as refused:
            msg = f"kernels[{n}]: {refused}"
            raise type(refused)(msg) from None

    for n, drawn in each_done_with_blas(piece, range(len(kernels)), _thread_count(threads)):
        draws[n] = drawn
    return draws
