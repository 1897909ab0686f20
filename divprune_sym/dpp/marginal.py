"""Determinantal point processes by their marginal kernel: P(A ⊆ S) = det K_A, eigenvalues of K in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from divprune_sym.dpp._sets import item_set
from divprune_sym.dpp.lensemble import LEnsemble
from divprune_sym.dpp.mending import MEND
from divprune_sym.ground.checks import BadInput, integer, real_array, refuse_negative, symmetric
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _draw_by_cholesky(K: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Decide item after item, (N,), and condition the later ones on it. K, (N, N), is overwritten."""
    N = len(K)
    kept = np.zeros(N, np.bool_)
    for j in range(N):
        kept[j] = rng.random() < K[j, j]
        pivot = K[j, j] if kept[j] else K[j, j] - 1.0
        column = K[j + 1 :, j].copy()
        for i in range(len(column)):
            part = column[i] / pivot
            for n in range(i + 1):
                K[j + 1 + i, j + 1 + n] -= part * column[n]
    return kept


draw_by_cholesky_jit = njit(cache=True, nogil=True)(_draw_by_cholesky)


@dataclass(frozen=True, eq=False, repr=False)
class MarginalKernel(ByValue):
    """The process with P(A ⊆ S) = det K_A for all sets A of items. Build it with `from_matrix` or `from_ensemble`.

    Every L-ensemble has one, K = L(1 + L)⁻¹; a process that has an eigenvalue 1 (a projection, say) has no L.

    Attributes
    ----------
    matrix : (N, N) array
        K.
    shift : float
        How far the spectrum was from [0, 1], by rounding.

    References
    ----------
    Kulesza & Taskar, Determinantal point processes for machine learning (2012), arXiv:1207.6083, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import LEnsemble, MarginalKernel
    >>> process = MarginalKernel.from_ensemble(LEnsemble.from_matrix([[1.0, 0.5], [0.5, 1.0]]))
    >>> process.inclusion().round(4).tolist()
    [0.4667, 0.4667]
    >>> len(process.sample(np.random.default_rng(0), 3))
    3
    """

    matrix: NDArray[np.float64]
    shift: float

    def __post_init__(self) -> None:
        self.matrix.flags.writeable = False

    def __repr__(self) -> str:
        return f"MarginalKernel(N = {self.N}, expected size = {self.expected_size():.4g})"

    @classmethod
    def from_matrix(cls, K: Any) -> MarginalKernel:
        """Take a symmetric matrix with eigenvalues in [0, 1], up to N ε_mach.   K: (N, N)

        Raises
        ------
        BadShape, BadInput, NotSymmetric, NotPositiveSemidefinite
            Not a square array of finite numbers, not symmetric, or an eigenvalue outside [0, 1].
        """
        matrix = real_array("K", K, (None, None))
        N = integer("N", len(matrix), 1)
        matrix = symmetric("K", real_array("K", matrix, (N, N)))
        spectrum = np.asarray(np.linalg.eigvalsh(matrix), dtype=np.float64)
        refuse_negative("K", spectrum, MEND)
        beyond = float(spectrum.max() - 1.0)
        if beyond > N * np.finfo(np.float64).eps:
            msg = f"K: largest eigenvalue 1 + {beyond:.3g}: a marginal kernel has none above 1 (is it L? use LEnsemble)"
            raise BadInput(msg)
        return cls(matrix, max(0.0, beyond, -float(spectrum.min())))

    @classmethod
    def from_ensemble(cls, kernel: LEnsemble) -> MarginalKernel:
        """K = L(1 + L)⁻¹ of an L-ensemble."""
        return cls(kernel.marginal_kernel(), 0.0)

    @property
    def N(self) -> int:
        """Number of items."""
        return len(self.matrix)

    def ensemble(self) -> LEnsemble:
        """The same process as an L-ensemble, L = K(1 − K)⁻¹.

        Raises
        ------
        BadInput
            An eigenvalue is 1, to rounding: P(S = ∅) = 0, and no L-ensemble does that.
        """
        spectrum, vectors = np.linalg.eigh(self.matrix)
        gap = float(1.0 - spectrum.max())
        if gap <= self.N * np.finfo(np.float64).eps:
            msg = f"K: eigenvalue 1 − {gap:.2g}: the empty set has probability 0, so there is no L; use sample"
            raise BadInput(msg)
        spectrum = np.clip(spectrum, 0.0, None)
        spectrum[spectrum <= self.N * np.finfo(np.float64).eps * spectrum.max()] = 0.0
        return LEnsemble.from_factor(vectors * np.sqrt(spectrum / (1.0 - spectrum)))

    def expected_size(self) -> float:
        """E|S| = tr K."""
        return float(np.trace(self.matrix))

    def inclusion(self) -> NDArray[np.float64]:
        """P(j ∈ S) = K_jj, (N,)."""
        return self.matrix.diagonal().copy()

    def pair_inclusion(self) -> NDArray[np.float64]:
        """P(i and j ∈ S) = K_ii K_jj − K_ij², (N, N); the diagonal is `inclusion()`."""
        single = self.inclusion()
        pairs = np.maximum(np.outer(single, single) - self.matrix**2, 0.0)
        np.fill_diagonal(pairs, single)
        return np.asarray(pairs)

    def log_probability(self, items: Any) -> float:
        """log P(S = items) = log |det(K − 1_{not S})|; −∞ for what cannot be drawn.

        Raises
        ------
        BadInput
            Not different integers in [0, N).
        """
        left_out = np.ones(self.N)
        left_out[item_set("items", items, self.N)] = 0.0
        sign, log = np.linalg.slogdet(self.matrix - np.diag(left_out))
        possible = sign != 0 and (sign > 0) == (int(left_out.sum()) % 2 == 0)
        return float(log) if possible else -np.inf

    def sample(self, rng: Rng, count: int = 1) -> list[NDArray[np.int64]]:
        """Draw sets of random size: `count` sorted arrays.

        The Cholesky-type sampler: a factorization that keeps item j with probability K_jj, given the items before it;
        N³/3 operations each and no eigenvectors (Poulson, Phil. Trans. R. Soc. A 378, 20190166 (2020), algorithm 3).

        Raises
        ------
        BadInput
            rng is neither a generator nor a seed, or count is not an integer ≥ 0.
        """
        rng = generator(rng)
        return [
            np.flatnonzero(draw_by_cholesky_jit(self.matrix.copy(), rng)) for _ in range(integer("count", count, 0))
        ]
