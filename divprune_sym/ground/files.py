"""Files are written aside and renamed: a reader finds the old file or the whole new one, never half of it."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from divprune_sym.ground.checks import BadInput

# what a file that a long run goes on from may be called
CHECKPOINTS = (".npz", ".ckpt", ".checkpoint")


def _refusal(msg: str) -> BadInput:
    # NumPy comes with it: `--help` must not wait for that
    from divprune_sym.ground.checks import BadInput

    return BadInput(msg)


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Refuse a name whose ending promises another kind of file than the ones that are written; none promises nothing.

    Raises
    ------
    BadInput
        The ending is not one of those; the message names them.
    """
    if path.suffix and path.suffix.lower() not in endings:
        msg = (
            f"{path}: ending {path.suffix!r}, but what is written is {' or '.join(endings)}; take that ending, or none"
        )
        raise _refusal(msg)


def csv_table(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """A table for others: a row of names, then one row for each entry."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


@contextmanager
def written_aside(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path`, and move it there once the block has ended without an error.

    Raises
    ------
    BadInput
        The folder does not exist or cannot be written to, or `path` is a folder.
    """
    if path.is_dir():
        msg = f"{path}: is a folder, expected a file name"
        raise _refusal(msg)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        msg = f"{path}: cannot write there ({error.strerror})"
        raise _refusal(msg) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def refuse_beyond_memory(what: str, needed: int) -> None:
    """Refuse what needs more bytes than are free."""
    free = free_memory()
    if needed > free:
        msg = f"{what}: needs about {needed / 2**30:.3g} GiB of memory, {free / 2**30:.3g} GiB are free"
        raise _refusal(msg)


def free_memory() -> float:
    """Bytes that Linux would give us; no limit where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("inf")
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), float("inf"))
