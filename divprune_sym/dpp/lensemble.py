"""The L-ensemble: a symmetric positive semi-definite kernel in spectral form, its DPP and its k-DPPs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logsumexp

from divprune_sym.dpp._choice import choice_odds, choices, joint_inclusion, log_elementary, single_inclusion, tilted
from divprune_sym.dpp._enumeration import all_subsets, log_gram_determinants
from divprune_sym.dpp._moments import complete_pairs, complete_singles, mixed_minors_jit
from divprune_sym.dpp._projection import Projections
from divprune_sym.dpp._sets import complements_jit, completions_jit, item_set, log_binomial
from divprune_sym.dpp.mending import MEND
from divprune_sym.ground.checks import (
    EPS,
    BadInput,
    NotPositiveSemidefinite,
    integer,
    number,
    psd_cutoff,
    real_array,
    refuse_negative,
    symmetric,
)
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Φ (N, r) with N ≥ TALL r and eigenvalues of ΦᵀΦ within a factor 1/EVEN is decomposed through ΦᵀΦ.
TALL, EVEN = 8, 0.01
LOG_2 = float(np.log(2.0))
LARGEST = float(np.finfo(np.float64).max)
TINIEST = 5e-324
# what to do with something else
KERNELS = "LEnsemble.from_matrix(L) makes one of a matrix"


@dataclass(frozen=True, eq=False, repr=False)
class LEnsemble(ByValue):
    """Determinantal point processes of a kernel L = V diag(λ) Vᵀ on N items: P(S) ∝ det L_S.

    Build one with `from_matrix`, `from_factor` or `from_diagonal`; each decomposes the kernel, once.

    k larger than the rank: every det L_S is zero, and the law is that of L + εI as ε → 0+. The leading term of
    det(L_S + εI) makes it P(S) ∝ Σ_{T⊂S, #T = rank} det(V_T)² = det(V_Sᵀ V_S), V the eigenvectors of nonzero
    eigenvalue: their projection DPP, completed by k − rank of the other items chosen uniformly. Rank 0 gives
    uniform subsets.

    Attributes
    ----------
    eigenvalues : (N,) array
        Descending; for a diagonal kernel, in the order of its items. `rank` of them are positive, the others
        zero. (A tiny one may underflow here; samples and laws use `log_eigenvalues`.)
    eigenvectors : (N, m) array or None
        Orthonormal columns in the order of `eigenvalues`, m = N from a matrix and m = rank from a factor; None
        for a diagonal kernel.
    log_eigenvalues : (rank,) array
        Of the eigenvalues that count as nonzero, same order.
    shift : float
        Largest magnitude of an eigenvalue that was set to zero, as rounding cannot tell it from zero.

    References
    ----------
    Kulesza & Taskar, Determinantal point processes for machine learning (2012), arXiv:1207.6083.
    """

    eigenvalues: NDArray[np.float64]
    eigenvectors: NDArray[np.float64] | None
    log_eigenvalues: NDArray[np.float64]
    shift: float

    def __post_init__(self) -> None:
        for array in (self.eigenvalues, self.eigenvectors, self.log_eigenvalues):
            if array is not None:
                array.flags.writeable = False

    def __repr__(self) -> str:
        kind = "diagonal, " if self.eigenvectors is None else ""
        return f"LEnsemble({kind}N = {self.N}, rank = {self.rank}, shift = {self.shift:.2g})"

    @classmethod
    def from_matrix(cls, L: Any) -> LEnsemble:
        """Decompose a symmetric positive semi-definite matrix.   L: (N, N)

        Eigenvalues of magnitude up to N ε_mach λ_max are set to zero (see `shift`); those of a diagonal matrix are
        its entries, without rounding, as in `from_diagonal`.

        Raises
        ------
        BadShape, BadInput
            Not a square array of finite numbers, empty, or too large to sum in float64.
        NotSymmetric
            L differs from its transpose by more than rounding.
        NotPositiveSemidefinite
            An eigenvalue lies below −N ε_mach λ_max.
        """
        matrix = real_array("L", L, (None, None))
        N = integer("N", len(matrix), 1)
        matrix = real_array("L", matrix, (N, N))
        exponent = scale_exponent(matrix)
        if is_diagonal(matrix):
            return cls.from_diagonal(matrix.diagonal())
        spectrum, vectors = np.linalg.eigh(np.ldexp(symmetric("L", matrix), -exponent))
        spectrum, vectors = spectrum[::-1], np.ascontiguousarray(vectors[:, ::-1])
        refuse_negative("L", np.ldexp(spectrum, exponent), MEND)
        nonzero = spectrum > psd_cutoff(spectrum)
        return cls(
            eigenvalues=np.ldexp(np.where(nonzero, spectrum, 0.0), exponent),
            eigenvectors=vectors,
            log_eigenvalues=np.log(spectrum[nonzero]) + exponent * LOG_2,
            shift=float(np.ldexp(np.abs(spectrum[~nonzero]).max(initial=0.0), exponent)),
        )

    @classmethod
    def from_factor(cls, Phi: Any) -> LEnsemble:
        """Decompose L = Φ Φᵀ without forming it.   Phi: (N, r)

        The eigenvalues are the squared singular values of Φ. A singular value counts as zero up to
        max(N, r) ε_mach σ_max, the rounding of a singular value decomposition; so an eigenvalue counts as zero up
        to (max(N, r) ε_mach)² λ_max, and far smaller ones are told from zero than L itself could show. (Going
        through ΦᵀΦ would lose these, and the orthogonality of the eigenvectors of the small ones: that is done only
        where all singular values of a tall Φ are within a factor of 10, and takes a fifth of the time.)

        Raises
        ------
        BadShape, BadInput
            Not an (N, r) array of finite numbers, N = 0, or so large that λ leaves float64.
        """
        factor = real_array("Phi", Phi, (None, None))
        N, r = integer("N", len(factor), 1), factor.shape[1]
        limit = float(np.sqrt(LARGEST / (4 * N * max(r, 1))))
        largest = number("the largest |Phi|", np.abs(factor).max(initial=0.0), high=limit)
        exponent = int(np.frexp(largest)[1])
        # two powers, as one may leave the range; NumPy's ldexp is slow
        factor = factor * 2.0 ** (-exponent // 2) * 2.0 ** (-exponent - -exponent // 2)
        if r > N:
            factor = np.asarray(np.linalg.qr(factor.T, mode="r")).T
        vectors, singular = left_singular(factor)
        nonzero = singular > max(N, r) * EPS * singular.max(initial=0.0)
        spectrum = np.zeros(N)
        spectrum[: nonzero.sum()] = singular[nonzero] ** 2
        return cls(
            eigenvalues=np.ldexp(spectrum, 2 * exponent),
            eigenvectors=np.ascontiguousarray(vectors if nonzero.all() else vectors[:, nonzero]),
            log_eigenvalues=2.0 * (np.log(singular[nonzero]) + exponent * LOG_2),
            shift=float(np.ldexp(singular[~nonzero].max(initial=0.0) ** 2, 2 * exponent)),
        )

    @classmethod
    def from_diagonal(cls, d: Any) -> LEnsemble:
        """Take the diagonal kernel L = diag(d): conditional Poisson sampling, O(N k).   d: (N,), d ≥ 0

        The entries are the eigenvalues, without rounding: only exact zeros count as zero.

        Raises
        ------
        BadShape, BadInput
            Not a vector of finite numbers, or empty.
        NotPositiveSemidefinite
            An entry is negative.
        """
        entries = real_array("d", d, (None,))
        integer("N", len(entries), 1)
        lowest = int(entries.argmin())
        if entries[lowest] < 0:
            msg = f"d[{lowest}] = {entries[lowest]:.6g}: a diagonal kernel needs entries ≥ 0"
            raise NotPositiveSemidefinite(msg)
        return cls(
            eigenvalues=entries,
            eigenvectors=None,
            log_eigenvalues=np.log(entries[entries > 0]),
            shift=0.0,
        )

    @property
    def N(self) -> int:
        """Number of items."""
        return len(self.eigenvalues)

    @property
    def rank(self) -> int:
        """Number of eigenvalues that count as nonzero."""
        return len(self.log_eigenvalues)

    def inclusion_of_eigenvectors(self) -> NDArray[np.float64]:
        """λ/(1 + λ), (rank,): the eigenvalues of the marginal kernel that are not zero."""
        return np.asarray(expit(self.log_eigenvalues))

    def expected_size(self) -> float:
        """E|S| = Σ λ/(1 + λ) of the DPP."""
        return float(self.inclusion_of_eigenvectors().sum())

    def scaled(self, log_factor: float) -> LEnsemble:
        """The kernel cL, log c = `log_factor`: another DPP, the same k-DPPs.

        Raises
        ------
        BadInput
            `log_factor` is not a number, or cL leaves the range of float64.
        """
        log_factor = number("log_factor", log_factor)
        logs = self.log_eigenvalues + log_factor
        number("the largest eigenvalue's logarithm", logs.max(initial=0.0), high=float(np.log(LARGEST / (4 * self.N))))
        spectrum = np.zeros(self.N)
        spectrum[self._support()] = np.exp(logs)
        # an eigenvalue that underflows still counts; its place is kept
        spectrum[self._support()] = np.maximum(spectrum[self._support()], TINIEST)
        shift = float(np.exp(np.log(self.shift) + log_factor)) if self.shift > 0 else 0.0
        return LEnsemble(spectrum, self.eigenvectors, logs, shift)

    def with_expected_size(self, size: float) -> LEnsemble:
        """The kernel cL whose DPP has E|S| = `size`.

        Raises
        ------
        BadInput
            `size` does not lie between 0 and the rank, or only a c beyond float64 does it.

        Examples
        --------
        >>> from divprune_sym.dpp import LEnsemble
        >>> round(LEnsemble.from_diagonal([1.0, 2.0, 3.0]).with_expected_size(1.5).expected_size(), 12)
        1.5
        """
        size = number(f"expected size (rank = {self.rank})", size, 0.0, float(self.rank))
        if size in (0.0, float(self.rank)):
            msg = f"expected size = {size}: must lie between 0 and the rank {self.rank}, both excluded"
            raise BadInput(msg)
        log_factor = tilted(self.log_eigenvalues, size)[2]
        for _ in range(3):  # Newton, from nine digits to all
            odds = expit(self.log_eigenvalues + log_factor)
            log_factor += float((size - odds.sum()) / max((odds * (1.0 - odds)).sum(), TINIEST))
        return self.scaled(log_factor)

    def marginal_kernel(self) -> NDArray[np.float64]:
        """K = L(1 + L)⁻¹ of the DPP, (N, N): P(A ⊆ S) = det K_A."""
        odds = expit(self.log_eigenvalues)
        if self.eigenvectors is None:
            return np.diag(self._singles(odds))
        V = self.eigenvectors[:, : self.rank]
        K = (V * odds) @ V.T
        return np.asarray(0.5 * (K + K.T))

    def log_normalizer(self, k: int | None = None) -> float:
        """log of what determinants are divided by: det(1 + L) of the DPP; Σ_{|S| = k} det L_S = e_k(λ) of the k-DPP.

        Beyond the rank the latter is −∞, and the k-DPP is a limit (see above).

        Raises
        ------
        BadInput
            k is neither None nor an integer in [0, N].
        """
        if k is None:
            return float(np.logaddexp(0.0, self.log_eigenvalues).sum())
        k = self._size(k)
        return log_elementary(self.log_eigenvalues, k) if k <= self.rank else -np.inf

    def log_probability(self, items: Any, *, fixed_size: bool = False) -> float:
        """log P(S = items) under the DPP, or under the k-DPP with k = len(items) if `fixed_size`.

        Raises
        ------
        BadInput
            Not different integers in [0, N).
        """
        chosen = item_set("items", items, self.N)[None, :]
        k = chosen.shape[1]
        log_weight = float(self._log_weights(chosen)[0])
        if k > self.rank:
            # Σ_S det(V_Sᵀ V_S) counts every set of `rank` items once for each completion
            return log_weight - log_binomial(self.N - self.rank, k - self.rank) if fixed_size else -np.inf
        if self.eigenvectors is not None:
            log_weight += k * float(self.log_eigenvalues.max(initial=-np.inf)) if k else 0.0
        return log_weight - self.log_normalizer(k if fixed_size else None)

    def sample(self, rng: Rng, count: int = 1) -> list[NDArray[np.int64]]:
        """Draw from the DPP, P(S) = det L_S / det(1 + L): `count` sorted arrays of random length.

        Raises
        ------
        BadInput
            rng is neither a generator nor a seed, or count is not an integer ≥ 0.
        """
        rng = generator(rng)
        odds = expit(self.log_eigenvalues)
        draws = []
        for _ in range(integer("count", count, 0)):
            chosen = np.flatnonzero(rng.random(self.rank) < odds)
            draws.append(self._draw(chosen[None, :], rng)[0])
        return draws

    def sample_masks(self, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Draw from the DPP as `sample` does, as rows of one array: which items are in the set, (count, N)."""
        masks = np.zeros((integer("count", count, 0), self.N), np.bool_)
        for row, items in zip(masks, self.sample(rng, count), strict=True):
            row[items] = True
        return masks

    def sample_k(self, k: int, rng: Rng, count: int = 1) -> NDArray[np.int64]:
        """Draw from the k-DPP: (count, k), rows sorted.

        Raises
        ------
        BadInput
            k is not an integer in [0, N], rng neither a generator nor a seed, or count not an integer ≥ 0.
        """
        k = self._size(k)
        rng = generator(rng)
        count = integer("count", count, 0)
        size = min(k, self.rank)
        draws = self._draw(choices(self.log_eigenvalues, size, count, rng, self._odds(size)), rng)
        if k > self.rank:
            draws = completions_jit(draws, self.N, k, rng)
        return draws

    def inclusion(self, k: int | None = None) -> NDArray[np.float64]:
        """P(j ∈ S), (N,), to rounding, of the k-DPP, or of the DPP when k is None.

        Raises
        ------
        BadInput
            k is neither None nor an integer in [0, N].
        """
        if k is None:
            return self._singles(expit(self.log_eigenvalues))
        k = self._size(k)
        singles = self._singles(single_inclusion(self.log_eigenvalues, min(k, self.rank)))
        return complete_singles(singles, self.rank, k) if k > self.rank else singles

    def pair_inclusion(self, k: int | None = None) -> NDArray[np.float64]:
        """P(i and j ∈ S), (N, N), of the k-DPP, or of the DPP when k is None; the diagonal is `inclusion(k)`.

        Takes O(N² rank²) operations for a k-DPP; for a diagonal kernel O(rank² k).

        Raises
        ------
        BadInput
            k is neither None nor an integer in [0, N].
        """
        if k is None:
            single = self.inclusion()
            either = np.maximum(np.outer(single, single) - self.marginal_kernel() ** 2, 0.0)
            np.fill_diagonal(either, single)
            return np.asarray(either)
        k = self._size(k)
        chosen = min(k, self.rank)
        pairs = self._pairs(joint_inclusion(self.log_eigenvalues, chosen))
        if k > self.rank:
            singles = self._singles(single_inclusion(self.log_eigenvalues, chosen))
            pairs = complete_pairs(pairs, singles, self.rank, k)
        np.fill_diagonal(pairs, self.inclusion(k))
        return pairs

    def subset_probabilities(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Every subset of size k, (n, k) in lexicographic order, and its probability under the k-DPP, (n,).

        Raises
        ------
        BadInput
            k is not an integer in [0, N], or there are more than a million subsets.
        """
        k = self._size(k)
        subsets = all_subsets(self.N, k)
        logs = self._log_weights(subsets)
        return subsets, np.exp(logs - logsumexp(logs))

    def _odds(self, k: int) -> NDArray[np.float64] | None:
        """The odds that choose k eigenvectors, kept for further samples of the same size."""
        if k in (0, self.rank):
            return None
        odds = self._odds_of_one_size.get(k)
        if odds is None:
            odds = choice_odds(self.log_eigenvalues, k)
            self._odds_of_one_size.clear()
            self._odds_of_one_size[k] = odds
        return odds

    @cached_property
    def _odds_of_one_size(self) -> dict[int, NDArray[np.float64]]:
        return {}

    @cached_property
    def _projections(self) -> Projections:
        """Draws from projections on eigenvectors, and what they keep for further draws."""
        assert self.eigenvectors is not None
        return Projections(self.eigenvectors)

    def _size(self, k: int) -> int:
        return integer(f"k (N = {self.N}, rank = {self.rank})", k, 0, self.N)

    def _support(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.eigenvalues)

    def _draw(self, chosen: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw one set from the projection on each row of eigenvector indices, (count, k), rows sorted."""
        drawn: NDArray[np.int64]
        if self.eigenvectors is None:
            drawn = self._support()[chosen]
        elif self.eigenvectors.shape[1] == self.N and 2 * chosen.shape[1] > self.N:
            # the items left out follow the projection DPP of the other eigenvectors
            left_out = self._projections.draw(complements_jit(chosen, self.N), rng)
            drawn = complements_jit(left_out, self.N)
        else:
            drawn = self._projections.draw(chosen, rng)
        return drawn

    def _singles(self, odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn P(eigenvector n chosen), (rank,), into P(item j drawn), (N,)."""
        if self.eigenvectors is None:
            singles = np.zeros(self.N)
            singles[self._support()] = odds
            return singles
        squares: NDArray[np.float64] = self.eigenvectors[:, : self.rank] ** 2
        return squares @ odds

    def _pairs(self, joint: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn P(eigenvectors n, m chosen), (rank, rank), into P(i, j drawn), (N, N), off the diagonal."""
        if self.eigenvectors is None:
            pairs = np.zeros((self.N, self.N))
            pairs[np.ix_(self._support(), self._support())] = joint
            return pairs
        minors: NDArray[np.float64] = mixed_minors_jit(self.eigenvectors[:, : self.rank].copy(), joint)
        return minors

    def _log_weights(self, subsets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Unnormalized log P(S), (n,), for subsets (n, k)."""
        beyond = subsets.shape[1] > self.rank
        logs: NDArray[np.float64]
        if self.eigenvectors is None:
            weights = np.full(self.N, -np.inf)
            weights[self._support()] = self.log_eigenvalues
            logs = weights[subsets].sum(axis=1)
            if beyond:
                holds_all = np.isfinite(weights)[subsets].sum(axis=1) == self.rank
                logs = np.where(holds_all, 0.0, -np.inf)
            return logs
        factor = self.eigenvectors[:, : self.rank]
        if not beyond:
            factor = factor * np.exp(0.5 * (self.log_eigenvalues - self.log_eigenvalues.max(initial=-np.inf)))
        return log_gram_determinants(factor, subsets)


def left_singular(factor: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return left singular vectors (N, min(N, r)) and singular values, descending, of Φ (N, r).

    Through the eigenvectors u of ΦᵀΦ, v = Φu/σ, where this costs at most two digits: v_i · v_j errs by
    r ε λ_max/√(λ_i λ_j).
    """
    N, r = factor.shape
    if 0 < TALL * r <= N:
        squares, right = np.linalg.eigh(factor.T @ factor)
        if squares[0] > EVEN * squares[-1]:
            singular = np.sqrt(squares[::-1])
            return factor @ (right[:, ::-1] / singular), singular
    vectors, singular, _ = np.linalg.svd(factor, full_matrices=False)
    return vectors, singular


def is_diagonal(matrix: NDArray[np.float64]) -> bool:
    """Whether the entries on the diagonal are ≥ 0 and all others 0: eigenvalues without rounding."""
    diagonal = matrix.diagonal()
    return bool((diagonal >= 0.0).all() and np.count_nonzero(matrix) == np.count_nonzero(diagonal))


def scale_exponent(matrix: NDArray[np.float64]) -> int:
    """Return the exponent that makes every entry of L 2^(−exponent) at most 1 in size.

    Raises
    ------
    BadInput
        L is too large to sum in float64.
    """
    return int(np.frexp(number("the largest |L|", np.abs(matrix).max(), high=LARGEST / (4 * len(matrix))))[1])
