"""A few k-DPP samples of a matrix, without its full eigendecomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.dpp._choice import choices
from divprune_sym.dpp._inverse_iteration import clusters, eigenvectors
from divprune_sym.dpp._lapack import back_transform, tridiagonal_eigenvalues, tridiagonalize
from divprune_sym.dpp._projection import draw_projections_jit
from divprune_sym.dpp._sets import complements_jit, completions_jit
from divprune_sym.dpp.lensemble import LEnsemble, is_diagonal, scale_exponent
from divprune_sym.dpp.mending import MEND
from divprune_sym.ground.checks import integer, psd_cutoff, real_array, refuse_negative, symmetric
from divprune_sym.ground.randomness import Rng, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sample_k(L: Any, k: int, rng: Rng, count: int = 1) -> NDArray[np.int64]:
    """Draw from the k-DPP of a matrix: (count, k), rows sorted.

    The law is that of `LEnsemble.from_matrix(L).sample_k`, which pays from a handful of samples on. This one
    tridiagonalizes L, takes all eigenvalues, draws which eigenvectors to use, and computes these alone. Items whose
    row is zero are set aside first; nothing is approximated.

    Parameters
    ----------
    L : (N, N) array
        Symmetric positive semi-definite.
    k : int
        In [0, N]. Beyond the rank, the law is the limit ε → 0 of the kernel L + ε1.
    rng : numpy.random.Generator or int
        A seed stands for a new generator.
    count : int

    Raises
    ------
    BadShape, BadInput
        Not a square array of finite numbers; k, rng or count is not as above.
    NotSymmetric
        L differs from its transpose by more than rounding.
    NotPositiveSemidefinite
        An eigenvalue lies below −N ε_mach λ_max.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import sample_k
    >>> Phi = np.random.default_rng(0).standard_normal((100, 60))
    >>> sample_k(Phi @ Phi.T, 5, np.random.default_rng(1)).shape
    (1, 5)
    """
    matrix = real_array("L", L, (None, None))
    N = integer("N", len(matrix), 1)
    matrix = real_array("L", matrix, (N, N))
    exponent = scale_exponent(matrix)
    k = integer(f"k (N = {N})", k, 0, N)
    if is_diagonal(matrix):
        return LEnsemble.from_diagonal(matrix.diagonal()).sample_k(k, rng, count)
    matrix = np.ldexp(symmetric("L", matrix), -exponent)
    rng = generator(rng)
    return sample_k_trusted(matrix, k, rng, integer("count", count, 0), exponent=exponent)


def sample_k_trusted(
    matrix: NDArray[np.float64], k: int, rng: np.random.Generator, count: int, name: str = "L", exponent: int = 0
) -> NDArray[np.int64]:
    """`sample_k` of L 2^(−exponent), finite, symmetric, of moderate size; `name` is what a refusal calls it."""
    alive = np.flatnonzero(matrix.any(axis=1))
    return sample_k_alive(matrix[np.ix_(alive, alive)], alive, len(matrix), k, rng, count, name, exponent)


def sample_k_alive(
    reflectors: NDArray[np.float64],
    alive: NDArray[np.int64],
    N: int,
    k: int,
    rng: np.random.Generator,
    count: int,
    name: str,
    exponent: int = 0,
) -> NDArray[np.int64]:
    """`sample_k_trusted` of the matrix on N items that has this block on the items `alive`, overwritten, else zeros."""
    if len(alive) == 0:
        nothing: NDArray[np.int64] = completions_jit(np.empty((count, 0), np.int64), N, k, rng)
        return nothing
    d, e, tau = tridiagonalize(reflectors)
    spectrum = tridiagonal_eigenvalues(d, e)
    everything = np.append(spectrum, np.zeros(N - len(alive)))
    refuse_negative(name, np.ldexp(everything, exponent), MEND)
    first = int(np.searchsorted(spectrum, psd_cutoff(everything), "right"))
    rank = len(alive) - first
    chosen = first + choices(np.log(spectrum[first:]), min(k, rank), count, rng)
    # the items left out follow the projection DPP of the other eigenvectors
    left_out = 2 * chosen.shape[1] > len(alive)
    used = complements_jit(chosen, len(alive)) if left_out else chosen
    cluster = clusters(spectrum)
    wanted = np.flatnonzero(np.isin(cluster, cluster[np.unique(used)]))
    vectors = eigenvectors(d, e, spectrum, wanted)
    back_transform(reflectors, tau, vectors)
    drawn = draw_projections_jit(np.ascontiguousarray(vectors.T), np.searchsorted(wanted, used), rng)
    if left_out:
        drawn = complements_jit(drawn, len(alive))
    draws: NDArray[np.int64] = alive[drawn]
    return completions_jit(draws, N, k, rng) if k > rank else draws
