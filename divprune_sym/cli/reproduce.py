"""`divprune-sym reproduce`: the published results, each checked."""

from __future__ import annotations

from pathlib import Path

from divprune_sym.cli.app import app
from divprune_sym.cli.options import Whole


@app.command(
    help_epilogue="""\
Example:
  divprune-sym reproduce --quick --out reproduction"""
)
def reproduce(*, out: Path = Path("reproduction"), quick: bool = False, seed: Whole = 1) -> int:
    """Reproduce the published results, check each, and write a report.

    Exit code 1 means that a check failed.

    Parameters
    ----------
    out
        Folder for the report.
    quick
        Smaller and faster, with wider error bars.
    seed
        Seed of everything random.
    """
    from divprune_sym.checks import integer
    from divprune_sym.validate.reproduce import reproduce as run

    return run(out=out, quick=quick, seed=integer("--seed", seed, 0))
