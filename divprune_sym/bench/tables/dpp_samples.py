"""Exact k-DPP samples of random kernels: after the decomposition, from nothing, and from a low-rank factor."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.bench.model import Case, Contestant, Missing, Speed, at_least, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

DPPY, EIGH = "DPPy", "eigh"
GOALS = {10: 100.0, 50: 50.0, 200: 25.0}
COUNT = 64
LARGE = 1000  # what the goals are about


@table(
    measures="exact samples of k of N items",
    goal="further samples 100, 50, 25 times as fast as DPPy at k = 10, 50, 200; the first in 1.1 eigh; "
    "low rank 1000 times as fast as DPPy",
    peers={
        DPPY: "FiniteDPP.sample_exact_k_dpp",
        EIGH: "numpy.linalg.eigh of the kernel, which a first sample that decomposes cannot avoid",
    },
)
def dpp_samples(quick: bool) -> Iterator[Case]:
    """Kernels L = X Xᵀ of Gaussian X, well-conditioned enough for DPPy's polynomials."""
    for N in (100,) if quick else (1000, 2000):
        X = np.random.default_rng(0).standard_normal((N, N + 100)) / np.sqrt(N)
        L = X @ X.T
        yield _first_sample(L)
        for k in (10,) if quick else GOALS:
            yield _further_samples(L, k)
    yield _low_rank(*(200, 10) if quick else (2000, 50))


def _dppy(make: Callable[[], Any], k: int) -> Contestant | Missing:
    """Samples from the DPPy object that `make` returns."""
    if not find_spec("dppy"):
        return Missing(DPPY, "pip install 'divprune-sym[bench]'")
    rng = np.random.RandomState(0)
    return Contestant(DPPY, lambda: make().sample_exact_k_dpp(size=k, random_state=rng))


def _first_sample(L: NDArray[np.float64]) -> Case:
    from divprune_sym.dpp import LEnsemble, sample_k

    rng, goal = np.random.default_rng(1), at_least(1 / 1.1) if len(L) >= LARGE else None
    direct, kept = "sample_k", "LEnsemble, sample_k"
    return Case(
        f"first sample, N={len(L)}, k=50",
        [
            Contestant(EIGH, lambda: np.linalg.eigh(L)),
            Contestant(direct, lambda: sample_k(L, 50, rng)),
            Contestant(kept, lambda: LEnsemble.from_matrix(L).sample_k(50, rng)),
        ],
        [Speed(direct, EIGH, goal), Speed(kept, EIGH, goal)],
    )


def _further_samples(L: NDArray[np.float64], k: int) -> Case:
    from divprune_sym.dpp import LEnsemble, sample_k_threaded

    rng = np.random.default_rng(2)
    kernel = LEnsemble.from_matrix(L)
    count = 16 * COUNT

    @cache
    def dppy() -> Any:
        from dppy.finite_dpps import FiniteDPP

        return FiniteDPP("likelihood", L_eig_dec=np.linalg.eigh(L))

    return Case(
        f"further samples, N={len(L)}, k={k}",
        [
            Contestant("ours", lambda: kernel.sample_k(k, rng, COUNT), units=COUNT),
            Contestant("threads: 1", lambda: sample_k_threaded(kernel, k, rng, count, 1), units=count),
            Contestant("threads: 2", lambda: sample_k_threaded(kernel, k, rng, count, 2), units=count),
            _dppy(dppy, k),
        ],
        [
            Speed("ours", DPPY, at_least(GOALS[k]) if len(L) >= LARGE else None),
            Speed("threads: 2", "threads: 1", at_least(1.9) if len(L) >= LARGE else None),
        ],
    )


def _low_rank(N: int, r: int) -> Case:
    from divprune_sym.dpp import LEnsemble

    rng = np.random.default_rng(3)
    Phi = np.random.default_rng(4).standard_normal((N, r))
    L = Phi @ Phi.T

    def full() -> Any:
        from dppy.finite_dpps import FiniteDPP

        return FiniteDPP("likelihood", L=L)

    return Case(
        f"first sample, N={N}, rank {r}, k=10",
        [
            Contestant("from_factor", lambda: LEnsemble.from_factor(Phi).sample_k(10, rng)),
            _dppy(full, 10),
        ],
        [Speed("from_factor", DPPY, at_least(1000.0) if N >= LARGE else None)],
    )
