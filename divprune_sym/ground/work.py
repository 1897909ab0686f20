"""One way of running many pieces of work: on threads, which share compiled code, or in processes.

Whoever waits may stop waiting, by Ctrl-C or because a piece failed: what is queued is dropped, what runs ends at its
next step in Python, and nothing is left that would hold up the end of the program.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
from collections import deque
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, current_thread, enumerate
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext, SpawnProcess

T = TypeVar("T")
P = TypeVar("P")

POLL = 0.1  # seconds between two looks at what else there is to do while waiting
PATIENCE = 0.3  # seconds that what was told to stop is waited for
UNWINDING = 0.7  # and a whole command, which may have something to save


class Stopped(BaseException):
    """Raised inside work that nobody waits for any more; a BaseException, for SymPy catches many an Exception."""


class WorkerDied(RuntimeError):
    """A process that worked for us ended before its work was done: killed, or out of memory."""


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _BlasLimit:
    """How many threads are inside `one_blas_thread`, and what to restore after the last."""

    lock = Lock()
    inside = 0
    limits: Any = None


@lru_cache(maxsize=1)
def _libraries(imported: int) -> Any:
    """What threadpoolctl finds loaded; it is looked for again, for a millisecond, once more modules are imported."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, for the whole process, as long as any thread is inside.

    Small matrices do not gain from more, and threads of several libraries stall each other.
    """
    with _BlasLimit.lock:
        if _BlasLimit.inside == 0:
            _BlasLimit.limits = _libraries(len(sys.modules)).limit(limits=1, user_api="blas")
        _BlasLimit.inside += 1
    try:
        yield
    finally:
        with _BlasLimit.lock:
            _BlasLimit.inside -= 1
            if _BlasLimit.inside == 0:
                _BlasLimit.limits.restore_original_limits()


# --- threads ------------------------------------------------------------------------------------------


class _Worker(Thread):
    """A thread that the end of the program does not wait for, and that can be told to stop."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.told = False
        self._work = work
        self.lock = Lock()
        self._working = False

    def run(self) -> None:
        with suppress(Stopped, KeyboardInterrupt):
            try:
                with self.lock:
                    self._working = not self.told
                if self._working:
                    self._work()
            finally:
                with self.lock:
                    self._working = False

    def tell(self, stop: type[BaseException]) -> None:
        """Raise `stop` in it, again and again: a callback of the garbage collector may swallow the first.

        Only while it works: Python's own code around that would print the exception, or never say that it started.
        """
        while self.is_alive():
            with self.lock:
                if self._working:
                    ident, raised = ctypes.c_ulong(self.ident or 0), ctypes.py_object(stop)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, raised)
            self.join(1.0)


def _start(threads: Sequence[Thread]) -> None:
    """Start threads, untold meanwhile: what CPython raises in a thread hits the one that it is just starting."""
    here = current_thread()
    with here.lock if isinstance(here, _Worker) else nullcontext():
        for thread in threads:
            thread.start()


def _dismiss(workers: Sequence[_Worker], patience: float, stop: type[BaseException] = Stopped) -> None:
    """Tell those that still run to stop, and wait for so many seconds at most."""
    for worker in workers:
        worker.told = True
    running = [worker for worker in workers if worker.is_alive()]
    _start([Thread(target=worker.tell, args=(stop,), daemon=True) for worker in running])
    end = monotonic() + patience
    for worker in running:
        worker.join(max(0.0, end - monotonic()))


class _Outcome:
    """What a piece of work came to."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        try:
            self.value = work()
        except Stopped:
            raise
        except BaseException as error:
            self.error = error

    def result(self) -> Any:
        """The value; raises what the work raised."""
        if self.error is not None:
            raise self.error
        return self.value


def each_done(
    work: Callable[[P], T],
    pieces: Iterable[P],
    threads: int | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[tuple[P, T]]:
    """Yield (piece, work(piece)) in the order of completion.

    Leaving early, or an error, drops what is queued and stops what runs at its next step in Python; a call of
    compiled code that lasts longer is not waited for.

    Parameters
    ----------
    work, pieces
    threads : int, optional
        As many as there are cores that may be used, if not given.
    waiting : callable
        Called in this thread about ten times a second.
    """
    return _each_done(work, deque(pieces), threads or usable_cores(), waiting, PATIENCE, Stopped)


def each_done_with_blas(
    work: Callable[[P], T], pieces: Iterable[P], threads: int | None = None
) -> Iterator[tuple[P, T]]:
    """`each_done` where the pieces call BLAS or LAPACK, one thread of it each."""
    with one_blas_thread():
        yield from each_done(work, pieces, threads)


def interruptibly(work: Callable[[], T]) -> T:
    """Run `work` on a thread: Ctrl-C need not wait for the end of compiled code, and is raised there too."""
    ((_, value),) = _each_done(lambda _: work(), deque([None]), 1, lambda: None, UNWINDING, KeyboardInterrupt)
    return value


def within(seconds: float, work: Callable[[], T]) -> T | None:
    """The result of `work`, or None where it takes longer than this."""
    done: SimpleQueue[_Outcome] = SimpleQueue()
    worker = _Worker(lambda: done.put(_Outcome(work)))
    _start([worker])
    try:
        outcome = done.get(timeout=seconds)
    except Empty:
        _dismiss([worker], 0.0)
        return None
    except BaseException:
        _dismiss([worker], 0.0)
        raise
    result: T = outcome.result()
    return result


def told_to_stop() -> bool:
    """Whether nobody waits any more for the work that asks this.

    What it was told may have been swallowed on the way, by a callback of compiled code: an error that follows is none.
    """
    here = current_thread()
    return isinstance(here, _Worker) and here.told


def still_running() -> bool:
    """Whether some work that nobody waits for has not ended yet."""
    return any(isinstance(thread, _Worker) for thread in enumerate())


def _each_done(
    work: Callable[[P], T],
    todo: deque[P],
    threads: int,
    waiting: Callable[[], None],
    patience: float,
    stop: type[BaseException],
) -> Iterator[tuple[P, T]]:
    done: SimpleQueue[tuple[P, _Outcome]] = SimpleQueue()
    count = len(todo)

    def serve() -> None:
        with suppress(IndexError):
            while True:
                piece = todo.popleft()
                outcome = _Outcome(lambda: work(piece))  # noqa: B023
                if outcome.error is not None:
                    todo.clear()
                done.put((piece, outcome))

    team = [_Worker(serve) for _ in range(min(threads, count))]
    try:
        _start(team)
        for _ in range(count):
            piece, outcome = _next(done, waiting)
            yield piece, outcome.result()
    except BaseException:
        todo.clear()
        _dismiss(team, patience, stop)
        raise
    for worker in team:
        worker.join()


def _next(done: SimpleQueue[T], waiting: Callable[[], None]) -> T:
    while True:
        with suppress(Empty):
            return done.get(timeout=POLL)
        waiting()


# --- processes ----------------------------------------------------------------------------------------


def each_done_in_processes(
    work: Callable[[P], T], pieces: Iterable[P], processes: int | None = None
) -> Iterator[tuple[P, T]]:
    """Yield (piece, work(piece)) in the order of completion, from fresh interpreters.

    Leaving early, or an error, kills them; they end by themselves where this process dies, and never hear Ctrl-C.

    Parameters
    ----------
    work, pieces
        Are pickled.
    processes : int, optional
        As many as there are cores that may be used, if not given.

    Raises
    ------
    WorkerDied
        One of them was killed.
    """
    from multiprocessing import connection, get_context

    todo = deque(pieces)
    team: list[tuple[SpawnProcess, Connection]] = []
    busy: dict[Any, P] = {}
    try:
        _hire(team, get_context("spawn"), min(processes or usable_cores(), len(todo)))
        for _, ours in team:
            with suppress(OSError):  # that it is dead is seen where its answer is awaited
                ours.send(work)
            busy[ours] = _hand_over(ours, todo)
        while busy:
            for channel in connection.wait(list(busy), POLL):
                piece, outcome = busy.pop(channel), _received(channel)
                if todo:
                    busy[channel] = _hand_over(channel, todo)
                yield piece, outcome.result()
        _end(team)
    finally:
        for process, _ in team:
            process.kill()
        for process, _ in team:
            process.join()


def _hire(team: list[tuple[SpawnProcess, Any]], context: SpawnContext, count: int) -> None:
    """Add processes to the team, on a thread of their own.

    What is raised in this thread meanwhile leaves no process behind that has been told half of what to do: either
    all are started, or none.
    """
    from multiprocessing import resource_tracker

    asked: SimpleQueue[int] = SimpleQueue()
    outcomes: list[_Outcome] = []
    # not a join: a thread whose join was interrupted counts as ended in Python 3.11
    ended = Event()

    def hire() -> None:
        outcomes.append(_Outcome(lambda: team.extend(_started(context) for _ in range(asked.get()))))
        ended.set()

    # its first start hears signals again
    resource_tracker.ensure_running()
    with _deaf():
        _start([Thread(target=hire, daemon=True)])
    try:
        asked.put(count)
        ended.wait()
    except BaseException:
        asked.put(0)
        while not ended.is_set():
            with suppress(KeyboardInterrupt):
                ended.wait()
        raise
    outcomes[0].result()


def _started(context: SpawnContext) -> tuple[SpawnProcess, Any]:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return process, ours


@contextmanager
def _deaf() -> Iterator[None]:
    """Threads started meanwhile, and their processes, do not hear Ctrl-C, from their first instruction on."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hand_over(channel: Any, todo: deque[P]) -> P:
    piece = todo.popleft()
    with suppress(OSError):
        channel.send(piece)
    return piece


def _received(channel: Any) -> _Outcome:
    try:
        outcome: _Outcome = channel.recv()
    except (EOFError, OSError):
        msg = "a worker process died before its work was done (killed, or out of memory)"
        raise WorkerDied(msg) from None
    return outcome


def _end(team: Sequence[tuple[SpawnProcess, Any]]) -> None:
    """Let those with nothing left to do go by themselves."""
    for _, channel in team:
        channel.close()
    for process, _ in team:
        process.join(PATIENCE)


def _serve(channel: Any) -> None:
    """In the other process: pieces come, outcomes go, until the channel is closed or the parent is dead."""
    Thread(target=_die_with_the_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        work = channel.recv()
        while True:
            piece = channel.recv()
            channel.send(_sendable(_Outcome(lambda: work(piece))))  # noqa: B023


def _die_with_the_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _sendable(outcome: _Outcome) -> _Outcome:
    """An exception that cannot travel is told in words."""
    if outcome.error is not None:
        try:
            pickle.loads(pickle.dumps(outcome.error))
        except Exception:
            outcome.error = RuntimeError(f"{type(outcome.error).__name__}: {outcome.error}")
    return outcome
