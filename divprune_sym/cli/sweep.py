"""`divprune-sym sweep`: many trajectories, and what pruning does to each."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_json, say
from divprune_sym.cli.options import Json, Whole
from divprune_sym.show.progress import stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from divprune_sym.sweeps.folder import Sweep


@app.command(
    sort_key=27,
    help_epilogue="""\
GRID is a TOML file, or the name of a preset: plateau, noise-floor,
pruning-phase-diagram, retraining. Every combination of the values in [axes] is
one trajectory:

  alphas = {from = 0.1, to = 300, count = 40}
  [axes]
  sigma = [0.0, 0.1, 0.25]
  eta = {from = 0.05, to = 0.5, count = 10, spacing = "log"}
  [fixed]
  teachers = 2
  students = 4
  [prune]
  method = ["dpp-node", "dpp-edge"]
  keep = [0.25, 0.5, 0.75]
  refit = ["none", "best"]
  [retrain]
  alpha = 100

  alphas    times (steps / inputs) at which the error is reported; a list, or
            a range, spaced by logarithms unless spacing = "linear" is said
  axes      teachers, students, activation, batch_size, second_layer, eta,
            eta_v, sigma, weight_decay, overlap (standard deviation of the
            initial overlaps), seed (of them); lists or ranges
  fixed     the same with one value; what is in neither has its usual value
  prune     methods and shares tried on the student at the last time
  refit     "none", "inverse-sqrt" (edges), "best" (nodes reweighted, edges
            rescaled)
  retrain   for how long what is left is trained on

The folder holds data.zarr (open it with divprune_sym.open_sweep, or with xarray)
and sweep.json. Stopped at any moment, the same command goes on.

Example:
  divprune-sym sweep plateau -o plateau""",
)
def sweep(
    grid: Annotated[str, Parameter(name="GRID")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    workers: Whole | None = None,
    scheduler: str | None = None,
    as_json: Json = False,
) -> int:
    """Train students over a grid of settings, prune each, and draw what comes out.

    Parameters
    ----------
    grid
        The file or preset.
    out
        Folder for the results and figures; one that holds some results of this grid is gone on with.
    workers
        Processes. Default: as many as there are cores.
    scheduler
        Address of a Dask scheduler that runs the work instead, such as tcp://host:8786 (extra cluster).
    as_json
        Print where the results are, and how many there are.
    """
    from divprune_sym.ground.checks import BadInput
    from divprune_sym.sweeps.figures import write_figures
    from divprune_sym.sweeps.presets import read_grid_or_preset
    from divprune_sym.sweeps.run import sweep as run

    asked = read_grid_or_preset(grid)
    if scheduler is not None and workers is not None:
        msg = "--workers: a scheduler has workers of its own; leave --workers or --scheduler out"
        raise BadInput(msg)
    try:
        with _executor(scheduler) as executor, stage(f"{asked.size} trajectories") as progress:
            found = run(asked, out, executor=executor, workers=workers, progress=progress)
    except KeyboardInterrupt:
        if (out / "sweep.json").exists():
            say(f"what is done is in {out}; the same command goes on from there")
        raise
    files = write_figures(found)
    told = _told(found) | {"figures": [str(path) for path in files]}
    if as_json:
        print_json(told)
        return DONE
    for name, value in told.items():
        print(f"{name:13s} {', '.join(value) if isinstance(value, list) else value}")
    return DONE


@contextmanager
def _executor(scheduler: str | None) -> Iterator[Executor | None]:
    """That of a cluster, as long as the block lasts."""
    from divprune_sym.sweeps.run import dask_executor

    if scheduler is None:
        yield None
        return
    client, executor = dask_executor(scheduler)
    try:
        yield executor
    finally:
        client.close()


def _told(found: Sweep) -> dict[str, Any]:
    status = found.dataset()["status"].values
    return {
        "folder": str(found.folder),
        "trajectories": int(found.grid.size),
        "stopped early": int((status > 0).sum()),
        "axes": [f"{name} ({len(found.grid.values(name))})" for name in found.grid.varied],
    }
