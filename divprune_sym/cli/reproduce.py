"""`divprune-sym reproduce`: the published results, each checked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from divprune_sym.cli.app import app
from divprune_sym.cli.options import Methods, Whole, read_methods


@app.command(
    sort_key=10,
    help_epilogue="""\
Example:
  divprune-sym reproduce --quick --out reproduction""",
)
def reproduce(
    *,
    out: Path = Path("reproduction"),
    quick: bool = False,
    thorough: bool = False,
    seed: Whole = 1,
    backend: Literal["cpu", "cuda"] = "cpu",
    methods: Methods = "paper",
) -> int:
    """Reproduce the published results, check each, and write a report.

    Exit code 1 means that a check failed.

    Parameters
    ----------
    out
        Folder for the report.
    quick
        Smaller and faster, with wider error bars.
    thorough
        60 networks instead of 8, in about half an hour: an error of 2 % in most curves of the theory would show.
    seed
        Seed of everything random.
    backend
        What integrates, trains, selects and prunes: the CPU's cores or a CUDA GPU (extra gpu). Without a GPU,
        NUMBA_ENABLE_CUDASIM=1 in the environment and --quick run tiny networks in Numba's simulator, in minutes.
        Real data stay on the CPU.
    """
    from divprune_sym.ground.checks import BadInput, integer
    from divprune_sym.reproduction.reproduce import reproduce as run

    if quick and thorough:
        msg = "--quick and --thorough ask for opposite things; give one of them"
        raise BadInput(msg)
    asked = read_methods(methods)
    return run(
        out=out,
        size="quick" if quick else "thorough" if thorough else "full",
        seed=integer("--seed", seed, 0),
        backend=backend,
        methods=asked,
    )
