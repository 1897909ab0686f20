"""Real processes on a terminal of their own: what they show, Ctrl-C, and death."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# tests that run in the background ignore SIGINT, and so would all that they start
HEARING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
PATIENCE = 300  # seconds, before anything is given up: no test passes or fails by its speed


class OnATerminal:
    """A process in a session of its own, whose standard error is a terminal; a context that leaves nothing behind."""

    def __init__(self, *command: object, **options: object) -> None:
        ours, theirs = pty.openpty()
        words = [sys.executable, *map(str, command)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", HEARING, *words],
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
            **options,
        )
        os.close(theirs)
        self._ours, self._seen = ours, bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while text := os.read(self._ours, 4096):
                self._seen.extend(text)

    def __enter__(self) -> OnATerminal:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self._reader.join()
        os.close(self._ours)

    @property
    def shown(self) -> str:
        """Everything on its terminal so far."""
        return self._seen.decode(errors="replace")

    def until_shown(self, pattern: str) -> str:
        """Wait until its terminal shows something, and return that."""

        def found() -> str | None:
            match = re.search(pattern, self.shown)
            assert match or self.process.poll() is None, self.shown
            return match and match[0]

        return waited(found, lambda: self.shown)

    def until_percent(self, share: int) -> None:
        """Wait until a bar stands at least there."""
        waited(lambda: any(int(x) >= share for x in re.findall(r"(\d+)%", self.shown)), lambda: self.shown)

    def interrupt(self) -> None:
        """Ctrl-C: the terminal tells every process of the session."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill -9 of this process alone."""
        self.process.kill()

    def end(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(PATIENCE)


def waited(check, report=lambda: ""):
    """The first true value of `check()`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := check():
            return value
        time.sleep(0.02)
    msg = f"waited in vain; it showed {report()!r}"
    raise AssertionError(msg)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def in_session_of(pid: int) -> list[int]:
    """The other processes of its session that are alive."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            session = int((folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[3])
            if session == pid and int(folder.name) != pid and alive(int(folder.name)):
                found.append(int(folder.name))
    return found


def working_seconds(pid: int) -> float:
    """Seconds of processor time of a process that has a second thread; 0 of all others.

    Workers begin with the thread that watches their parent: what has only one is still being started.
    """
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        if int(fields[17]) > 1:
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
