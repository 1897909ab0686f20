"""What every refusal on the command line looks like, checked in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from divprune_sym.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PRECIOUS = b"an earlier result"


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run arguments that must end in `code` with one line on stderr and not a byte written; returns the line.

    The word OUT stands for an output file: one that is not there yet, then one that is.
    """
    (tmp_path / "old").write_bytes(PRECIOUS)

    def run(*arguments: object, code: int = 2) -> str:
        lines = set()
        for name in ("new", "old"):
            before = _contents(tmp_path)
            found = main([str(tmp_path / name) if word == "OUT" else str(word) for word in arguments])
            out, err = capsys.readouterr()
            assert (found, out) == (code, "")
            assert err.startswith("divprune-sym: ")
            assert err.count("\n") == 1
            assert err.endswith("\n")
            assert "Traceback" not in err
            assert _contents(tmp_path) == before
            lines.add(err.strip())
        assert len(lines) == 1 or "OUT" in arguments
        return lines.pop()

    return run
