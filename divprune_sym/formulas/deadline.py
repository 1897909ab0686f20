"""Work that is given up when its time is over."""

from __future__ import annotations

import ctypes
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class TimeIsUp(BaseException):
    """Raised inside the abandoned work; a BaseException, for SymPy catches many an Exception."""


def within(seconds: float, work: Callable[[], T]) -> T | None:
    """The result of `work`, or None where it takes longer than this.

    What is abandoned ends at its next step in Python; signals would do for the main thread of POSIX only.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except TimeIsUp:
            return
        except BaseException as error:
            future.set_exception(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        return future.result(timeout=seconds)
    except TimeoutError:
        Thread(target=_end, args=(thread,), daemon=True).start()
        return None


def _end(thread: Thread) -> None:
    """Raise `TimeIsUp` in a thread until it ends: a callback of the garbage collector may have swallowed the first."""
    while thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeIsUp))
        thread.join(1.0)
