"""A case is run through the command line's own entry, and what comes of it is judged."""

from __future__ import annotations

import contextlib
import io
import json
import math
import signal
import threading
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fuzz.entrances import Case

DONE, FAILED, BAD_INPUT, NUMERICALLY = 0, 1, 2, 3
SECONDS = 10  # of processor time, so that other work on the machine does not count


class Hang(BaseException):
    """Not an Exception: no handler of the product may take it for an error of its own."""


def _hangs(*_: object) -> None:
    raise Hang


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, _hangs)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def judge(
    case: Case, folder: Path, seconds: float = SECONDS, main: Callable[[list[str]], int] = cli.main
) -> str | None:
    """What is wrong with the outcome of a case in an empty folder, or None.

    Good are: 0 (3 of a check) with numbers that are finite; 1 or 2 with lines that each begin with the program's
    name, none of them for an error that nobody foresaw, and no file written.
    """
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    out, err = io.StringIO(), io.StringIO()
    words = [word.replace("FOLDER/", f"{folder}/") for word in case.words]
    try:
        with (
            _limited(seconds),
            # words that were changed may name files to write
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(record=True),
        ):
            code = main(words)
    except Hang:
        return f"no answer within {seconds} s"
    except BaseException as error:
        return f"{type(error).__name__} left the program: {error}"
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    new = {name: content for name, content in after.items() if before.get(name) != content}
    return _wrong_lines(err.getvalue(), code) or (
        _wrong_numbers(out.getvalue(), new) if code in {DONE, NUMERICALLY} else _written(new, code)
    )


def _wrong_lines(err: str, code: int) -> str | None:
    lines = err.splitlines()
    if "--debug shows where" in err or "Traceback" in err:
        return f"unexpected: {err.strip()}"
    if code == BAD_INPUT and not (len(lines) == 1 and lines[0].startswith("divprune-sym: ")):
        return f"not one line: {err!r}"
    return None


def _written(new: dict[str, bytes], code: int) -> str | None:
    if code not in {FAILED, BAD_INPUT}:
        return f"exit code {code}"
    return f"exit code {code}, and written: {', '.join(new)}" if new and code == BAD_INPUT else None


def _wrong_numbers(out: str, new: dict[str, bytes]) -> str | None:
    if out.lstrip().startswith("{"):
        try:
            _finite(json.loads(out, parse_constant=_no_number))
        except ValueError as error:
            return f"the JSON printed: {error}"
    for name, content in new.items():
        if name.endswith((".npz", ".npy")):
            try:
                held = np.load(io.BytesIO(content), allow_pickle=False)
                arrays = list(held.values() if name.endswith(".npz") else [held])
            except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
                return f"{name} cannot be read: {error!r}"
            if any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in arrays):
                return f"{name} holds NaN or infinity"
    return None


def _no_number(word: str) -> None:
    raise ValueError(word)


def _finite(value: Any) -> None:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for held in inside:
        _finite(held)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(value)
