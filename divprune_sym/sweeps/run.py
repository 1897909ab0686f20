"""Running a grid: pieces of work on processes, on any executor, or on a Dask cluster; results as they come."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import FIRST_COMPLETED, wait
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divprune_sym.ground.checks import BadInput, instance, integer
from divprune_sym.ground.extras import needed
from divprune_sym.ground.work import each_done_in_processes, usable_cores
from divprune_sym.solvers.batch import target_of
from divprune_sym.solvers.modules import problem_module
from divprune_sym.sweeps.folder import Sweep, make_folder, mend_record, open_sweep
from divprune_sym.sweeps.grid import Grid
from divprune_sym.sweeps.work import problem_of, run_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    Tables = dict[str, NDArray[Any]]

# pieces handed to an executor at a time: their results are what is in memory
IN_FLIGHT = 32
# seconds that a scheduler may take to answer
PATIENCE = 10


def sweep(
    grid: Grid,
    out: str | Path,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Sweep:
    """Run every trajectory of a grid, and prune its student; what a folder already holds is not run again.

    Every piece is a function of the grid and its number, so that results are the same bits on any number of workers,
    in any order, and after any interruption.

    Parameters
    ----------
    grid : Grid
    out : str or Path
        Folder for the results, made if it is not there; one that holds some results of this grid is gone on with.
    executor : concurrent.futures.Executor, optional
        Where to run, such as `distributed.Client(…).get_executor(pure=False)` or `mpi4py.futures.MPIPoolExecutor()`;
        it is not shut down. Processes of this machine if left out.
    workers : int, optional
        Number of processes where there is no executor: 1 runs here, all cores if left out.
    progress : callable, optional
        Takes the share done, 0 to 1.

    Returns
    -------
    Sweep
        `dataset()` and `on_grid()` of it open the results.

    Raises
    ------
    BadInput
        The folder holds something else; a trajectory that cannot be started; see `Grid`.
    """
    instance("grid", grid, Grid, "read_grid reads one from a file")
    folder = Path(out)
    made = make_folder(folder, grid, equations_digest(grid))
    mend_record(folder / "done.jsonl")
    todo = [block for block in range(grid.blocks) if block not in made.done]
    done = grid.blocks - len(todo)
    for block, tables in _each_block(grid, todo, executor, workers):
        made.write(block, tables)
        done += 1
        if progress is not None:
            progress(done / grid.blocks)
    return open_sweep(folder)


def equations_digest(grid: Grid) -> str:
    """Which generated equations a grid runs: a hash over their names, which hold a hash of their text."""
    rates = [(eta_v, kappa) for eta_v in grid.values("eta_v") for kappa in grid.values("weight_decay")]
    moving = {max(map(float, both)) > 0 for both in rates}
    sizes = product(*(grid.values(name) for name in _SIZES), moving)
    names = sorted({_module_name(grid, size[:-1], bool(size[-1])) for size in sizes})
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


_SIZES = ("activation", "students", "teachers", "batch_size")


def _module_name(grid: Grid, sizes: tuple[Any, ...], moving: bool) -> str:
    settings = grid.settings(0) | dict(zip(_SIZES, sizes, strict=True))
    problem = problem_of(settings | {"eta_v": 0.1 if moving else 0.0, "weight_decay": 0.0})
    x = problem.state
    return str(problem_module(problem.equations, x.K, x.M, target_of(problem)).__name__)


def _each_block(
    grid: Grid, todo: Sequence[int], executor: Executor | None, workers: int | None
) -> Iterator[tuple[int, Tables]]:
    work = partial(run_block, grid)
    if executor is not None:
        return _each_future(work, deque(todo), executor)
    count = usable_cores() if workers is None else integer("workers", workers, 1, 4096)
    if count == 1 or len(todo) == 1:
        return ((block, work(block)) for block in todo)
    return each_done_in_processes(work, todo, count)


def _each_future(work: Callable[[int], Tables], todo: deque[int], executor: Executor) -> Iterator[tuple[int, Tables]]:
    """In the order of completion, a limited number in flight; leaving early cancels what has not begun."""
    flying: dict[Future[Tables], int] = {}
    try:
        while todo or flying:
            while todo and len(flying) < IN_FLIGHT:
                block = todo.popleft()
                flying[executor.submit(work, block)] = block
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                yield flying.pop(future), future.result()
    finally:
        for future in flying:
            future.cancel()


def dask_executor(address: str) -> tuple[Any, Executor]:
    """A client of a Dask scheduler, and its executor.

    Parameters
    ----------
    address : str
        Such as tcp://host:8786.

    Raises
    ------
    BadInput
        `distributed` is not installed (extra `cluster`), or nobody answers within 10 seconds.
    """
    distributed = needed("distributed", "--scheduler", "'divprune-sym[cluster]'")
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        msg = f"--scheduler {address}: does not answer ({str(error)[:80] or type(error).__name__}); is it running?"
        raise BadInput(msg) from None
    # impure: equal calls are calls of their own; a piece whose worker dies is run again elsewhere
    return client, client.get_executor(pure=False, retries=3)
