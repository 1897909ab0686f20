"""Many small pieces of work on threads, with one BLAS thread each; compiled code and LAPACK release the lock."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


class _BlasLimit:
    """How many threads are inside `one_blas_thread`, and what to restore after the last."""

    lock = Lock()
    inside = 0
    limits: Any = None


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, for the whole process, as long as any thread is inside.

    Small matrices do not gain from more, and threads of several libraries stall each other.
    """
    from threadpoolctl import threadpool_limits

    with _BlasLimit.lock:
        if _BlasLimit.inside == 0:
            _BlasLimit.limits = threadpool_limits(1, user_api="blas")
        _BlasLimit.inside += 1
    try:
        yield
    finally:
        with _BlasLimit.lock:
            _BlasLimit.inside -= 1
            if _BlasLimit.inside == 0:
                _BlasLimit.limits.restore_original_limits()


def each_done(work: Callable[[int], T], pieces: Iterable[int], threads: int | None = None) -> Iterator[tuple[int, T]]:
    """Yield (piece, work(piece)) in the order of completion; leaving early starts nothing new.

    threads: None for as many as there are cores.
    """
    with one_blas_thread(), ThreadPoolExecutor(threads or usable_cores()) as pool:
        try:
            futures = {pool.submit(work, piece): piece for piece in pieces}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
