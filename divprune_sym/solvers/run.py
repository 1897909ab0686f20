"""One integration as a series of pauses: for checkpoints, and for looking at the steps just made."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import CHECKPOINTS, check_ending, written_aside
from divprune_sym.solvers._kernels import FILLED, NFEV, STEPS, TRIALS, UNDER_WAY, T
from divprune_sym.solvers.modules import stepping_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.solvers.tableaus import Method

# trial steps between two looks at the clock: far below a second of work
_TRIALS_AT_ONCE = 200
# and seconds between two pauses in which nothing is done but listen
_PAUSE = 0.05


@dataclass(frozen=True)
class Checkpoint:
    """A file that keeps a long run: a run of the same problem goes on from it, to the same bits.

    Parameters
    ----------
    path : Path
        Written aside and renamed every `every` seconds; removed when the run has ended.
    every : float
        Seconds between two writings.
    """

    path: Path
    every: float = 600.0

    def __post_init__(self) -> None:
        if not self.path.parent.is_dir() or self.path.is_dir():
            msg = f"checkpoint {self.path}: must be a file in a folder that exists"
            raise BadInput(msg)
        check_ending(self.path, CHECKPOINTS)


@dataclass
class Run:
    """Where an adaptive integration stands."""

    module: ModuleType
    method: Method
    alphas: NDArray[np.float64]
    parameters: NDArray[np.float64]
    y: NDArray[np.float64]
    rtol: float
    atol: float
    max_steps: int

    def __post_init__(self) -> None:
        self.start, self.y = self.y, self.y.copy()
        self.slope = np.empty_like(self.y)
        self.control = np.full(9, np.nan)
        self.out = np.zeros((len(self.alphas), len(self.y)))

    def advance(self, trials: int, trace: NDArray[np.float64]) -> int:
        """Up to so many trial steps more; the status."""
        begun = self.control[TRIALS] if not np.isnan(self.control[T]) else 0.0
        status: int = stepping_module().adaptive(
            self.module.at_address().address,
            self.y,
            self.slope,
            self.control,
            self.alphas,
            self.out,
            trace,
            min(begun + trials, 2.0**53),
            self.rtol,
            self.atol,
            self.max_steps,
            self.method.order,
            self.method.a,
            self.method.errors,
            self.method.dense,
            self.parameters,
        )
        return status

    def result(self, status: int) -> tuple[NDArray[np.float64], int, int, int, int, float]:
        """(states, outputs filled, status, accepted steps, right-hand sides, α reached)."""
        filled, steps, nfev = (int(self.control[x]) for x in (FILLED, STEPS, NFEV))
        return self.out, filled, status, steps, nfev, float(self.control[T])

    def finish(self, checkpoint: Checkpoint | None, look: Callable[[NDArray[np.float64]], None] | None) -> int:
        """Run to the end; `look` sees the polynomials of the steps of each pause (see `_kernels.adaptive`)."""
        n, degree = len(self.y), self.method.dense.shape[1]
        trace = np.empty((_TRIALS_AT_ONCE if look else 0, 1 + degree, n + 2))
        if checkpoint is None and look is None:
            return self._undisturbed(trace)
        if checkpoint is not None:
            self._resume(checkpoint.path)
        try:
            return self._with_pauses(checkpoint, look, trace)
        except KeyboardInterrupt:
            if checkpoint is not None:
                self._save(checkpoint.path)
            raise

    def _with_pauses(
        self,
        checkpoint: Checkpoint | None,
        look: Callable[[NDArray[np.float64]], None] | None,
        trace: NDArray[np.float64],
    ) -> int:
        saved = time.monotonic()
        while True:
            before = self.control[STEPS] if not np.isnan(self.control[T]) else 0.0
            status = self.advance(_TRIALS_AT_ONCE, trace)
            if look is not None and not np.isnan(self.control[T]):
                look(trace[: int(self.control[STEPS] - before)])
            if status != UNDER_WAY:
                if checkpoint is not None:
                    checkpoint.path.unlink(missing_ok=True)
                return status
            if checkpoint is not None and time.monotonic() - saved >= checkpoint.every:
                self._save(checkpoint.path)
                saved = time.monotonic()

    def _undisturbed(self, trace: NDArray[np.float64]) -> int:
        """To the end, with pauses in which Ctrl-C is heard."""
        trials, status = _TRIALS_AT_ONCE, UNDER_WAY
        while status == UNDER_WAY:
            begun = time.monotonic()
            status = self.advance(trials, trace)
            if time.monotonic() - begun < _PAUSE:
                trials *= 2
        return status

    @cached_property
    def key(self) -> str:
        """What a checkpoint must have been made for."""
        digest = hashlib.sha256(str(self.module.__name__).encode())
        for array in (self.start, self.parameters, self.alphas, self.method.a, np.array([self.rtol, self.atol])):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def _save(self, path: Path) -> None:
        with written_aside(path) as file:
            np.savez(file, key=self.key, y=self.y, slope=self.slope, control=self.control, out=self.out)

    def _resume(self, path: Path) -> None:
        if not path.exists():
            return
        held = _read(path)
        if str(held.get("key")) != self.key:
            msg = (
                f"{path}: not a checkpoint of this problem, these times and tolerances; remove it, or name another file"
            )
            raise BadInput(msg)
        self.y, self.slope, self.control = held["y"], held["slope"], held["control"]
        filled = int(self.control[FILLED])
        self.out[:filled] = held["out"][:filled]


def _read(path: Path) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        msg = f"{path}: cannot be read as a checkpoint ({error}); remove it, or name another file"
        raise BadInput(msg) from None
