"""Refusals before any work: places to write to, broken files, more than memory holds."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from divprune_sym.ground.files import check_ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def check_output(out: Path, source: Path | None = None, endings: Sequence[str] = ()) -> None:
    """Refuse, before any work, a place where nothing can be written or something would be lost.

    endings: of the kinds of files that the command writes there; none: that is checked elsewhere.
    """
    from divprune_sym.ground.checks import BadInput

    msg = ""
    if out.is_dir():
        msg = f"{out}: is a folder, expected a file name"
    elif not out.parent.is_dir():
        msg = f"{out}: there is no folder {out.parent}"
    elif not os.access(out.parent, os.W_OK):
        msg = f"{out}: folder {out.parent} cannot be written to"
    elif out.exists() and not out.is_file():
        msg = f"{out}: is no regular file"
    elif source is not None and out.exists() and source.exists() and out.samefile(source):
        msg = f"{out}: would overwrite the input"
    if msg:
        raise BadInput(msg)
    if endings:
        check_ending(out, endings)


def refuse_options_of_others(
    method: str, nodes: bool, *, keep_fraction: float | None, rescale: str | None, reweight: bool
) -> None:
    """Refuse options of edge methods where nodes are pruned, and the other way round."""
    from divprune_sym.ground.checks import BadInput

    msg = ""
    if nodes and (keep_fraction is not None or rescale is not None):
        option = "--keep-fraction" if keep_fraction is not None else "--rescale"
        msg = f"{option}: {method} prunes nodes, {option} is for edges; nodes take --keep and --reweight"
    elif reweight and not nodes:
        msg = f"--reweight: {method} prunes edges, whose refit on white inputs changes nothing; edges take --rescale"
    if msg:
        raise BadInput(msg)


@contextmanager
def refusing(message: str) -> Iterator[None]:
    """What NumPy raises on a broken file, and what it warns of on the way, as one refusal."""
    import warnings

    from divprune_sym.ground.arrays import BROKEN
    from divprune_sym.ground.checks import BadInput

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ValueError, *BROKEN):
        raise BadInput(message) from None
