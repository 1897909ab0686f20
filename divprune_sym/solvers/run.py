"""One integration as a series of pauses: for checkpoints, and for looking at the steps just made."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import CHECKPOINTS, check_ending, written_aside
from divprune_sym.ground.stored import Stored, broken_checkpoint, read_checkpoint
from divprune_sym.solvers._implicit_kernels import JACOBIAN as MEMORY
from divprune_sym.solvers._implicit_kernels import LARGEST_ORDER, implicit
from divprune_sym.solvers._kernels import (
    AGE,
    CALM,
    CALM_STEPS,
    CONTROL,
    EQUAL,
    FACTORIZATIONS,
    FILLED,
    FINITE,
    JACOBIANS,
    NFEV,
    ORDER,
    PREVIOUS,
    REJECTED,
    STATUS,
    STEPS,
    STIFF,
    STIFF_STEPS,
    TRIALS,
    UNDER_WAY,
    H,
    T,
    adaptive,
)
from divprune_sym.solvers.coordinates import places
from divprune_sym.solvers.derivatives import address_of_derivative, coordinate_directions
from divprune_sym.solvers.modules import address_of_equations, problem_module
from divprune_sym.solvers.solution import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.solvers.equations import Equations
    from divprune_sym.solvers.tableaus import Method

# trial steps between two looks at the clock: far below a second of work
_TRIALS_AT_ONCE = 200
# and seconds between two pauses in which nothing is done but listen
_PAUSE = 0.05
# what a run of the implicit method takes, measured from the end of a plateau on: right-hand sides, factors, Jacobians
_IMPLICIT_SLOPES, _IMPLICIT_FACTORS, _IMPLICIT_JACOBIANS = 250, 40, 4
# steps in a row that an explicit method could make
_CALM_STEPS = 20
# what a checkpoint keeps
_KEPT = ("y", "slope", "control", "start", "memory", "out")
# entries of its control that count something, and how far they may be from the end of a step, by rounding
_COUNTERS = [TRIALS, STEPS, NFEV, FILLED, STATUS, STIFF_STEPS, ORDER, EQUAL, AGE, JACOBIANS, FACTORIZATIONS, CALM_STEPS]
_ROUNDING = 1e-12


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

    equations: Equations
    method: Method
    shape: tuple[int, int, int, bool]
    alphas: NDArray[np.float64]
    parameters: NDArray[np.float64]
    y: NDArray[np.float64]
    rtol: float
    atol: float
    max_steps: int

    def __post_init__(self) -> None:
        self.begin, self.y = self.y, self.y.copy()
        self.slope = np.zeros_like(self.y)
        self.control = np.full(CONTROL, np.nan)
        self.out = np.zeros((len(self.alphas), len(self.y)))
        # what an implicit method starts from, and what it keeps
        self.start = np.zeros((4, len(self.y)))
        self.memory = np.empty((0, 0))
        self.implicit = self.method.stiff == "always"

    @cached_property
    def module(self) -> ModuleType:
        """The generated right-hand side."""
        return problem_module(self.equations, *self.shape[1:3])

    def advance(self, trials: int, trace: NDArray[np.float64]) -> int:
        """Up to so many trial steps more, by one method or the other; the status."""
        begun, before = self.control[[TRIALS, STEPS]] if self.has_begun else (0.0, 0.0)
        pause = min(begun + trials, 2.0**53)
        while True:
            made = int(self.control[STEPS] - before) if self.has_begun else 0
            status = (self._implicit if self.implicit else self._explicit)(pause, trace[made:])
            if status not in (STIFF, CALM):
                return status
            self.implicit = status == STIFF

    @property
    def has_begun(self) -> bool:
        """Whether a step has been tried."""
        return not np.isnan(self.control[T])

    def _explicit(self, pause: float, trace: NDArray[np.float64]) -> int:
        x = self.method
        status: int = adaptive(
            address_of_equations(self.equations, *self.shape[1:3]), self.y, self.slope, self.control, self.start,
            self.alphas, self.out, trace, pause, self.rtol, self.atol, self.max_steps, patience(x, self.shape),
            x.order, x.a, x.errors, x.dense, self.parameters,
        )  # fmt: skip
        return status

    def _implicit(self, pause: float, trace: NDArray[np.float64]) -> int:
        first, other = places(*self.shape)
        if not self.memory.size:
            self.memory = np.zeros((MEMORY + len(first), len(first)))
        status: int = implicit(
            address_of_equations(self.equations, *self.shape[1:3]),
            address_of_derivative(self.equations, *self.shape[1:3]),
            coordinate_directions(*self.shape), first, other, self.y, self.slope, self.control, self.memory, self.start,
            self.alphas, self.out, trace, pause, self.rtol, self.atol, self.max_steps,
            np.inf if self.method.stiff == "always" else _CALM_STEPS, self.parameters,
        )  # fmt: skip
        return status

    def result(self, status: int) -> Outcome:
        """What there is by now."""
        return outcome(self.out, self.control, status, implicit=self.implicit)

    def finish(self, checkpoint: Checkpoint | None, look: Callable[[NDArray[np.float64]], None] | None) -> int:
        """Run to the end; `look` sees the polynomials of the steps of each pause (see `_kernels.adaptive`)."""
        n, degree = len(self.y), self.method.dense.shape[1]  # not below the order of the backward differences
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
            before = self.control[STEPS] if self.has_begun else 0.0
            status = self.advance(_TRIALS_AT_ONCE, trace)
            if look is not None and self.has_begun:
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
        digest.update(self.method.stiff.encode())
        for array in (self.begin, self.parameters, self.alphas, self.method.a, np.array([self.rtol, self.atol])):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def _save(self, path: Path) -> None:
        if not self.has_begun:
            return
        with written_aside(path) as file:
            np.savez(file, key=self.key, implicit=self.implicit, **{name: getattr(self, name) for name in _KEPT})

    def _resume(self, path: Path) -> None:
        if not path.exists():
            return
        held = read_checkpoint(path, self.key, self._schema(), "problem, these times and tolerances")
        self.implicit = bool(held["implicit"])
        if not self._is_possible(held["control"]) or (self.implicit and not held["memory"].size):
            raise broken_checkpoint(path, BadInput("times, steps and states that do not fit each other"))
        for name in _KEPT:
            setattr(self, name, held[name])

    def _schema(self) -> dict[str, Stored]:
        n, independent = len(self.y), len(places(*self.shape)[0])
        return {
            "implicit": Stored("bool"),
            "y": Stored("float64", (n,)),
            "slope": Stored("float64", (n,)),
            "control": Stored("float64", (CONTROL,), low=-1.0),
            "start": Stored("float64", (4, n)),
            "memory": Stored("float64", (MEMORY + independent, independent), may_be_empty=True),
            "out": Stored("float64", self.out.shape),
        }

    def _is_possible(self, control: NDArray[np.float64]) -> bool:
        """Whether a run of this problem may stand there."""
        counts = control[_COUNTERS]
        t, filled = control[T], control[FILLED]
        if (counts != np.floor(counts)).any() or counts.min() < 0 or counts.max() >= 2.0**53:
            return False
        least, most = (np.count_nonzero(self.alphas <= t * (1 + off)) for off in (-_ROUNDING, _ROUNDING))
        return bool(
            t >= 0
            and control[H] > 0
            and 0 < control[PREVIOUS] <= 1
            and control[REJECTED] in (0, 1)
            and control[FINITE] in (0, 1)
            and control[ORDER] <= LARGEST_ORDER
            and least <= filled <= most
            and control[STEPS] <= control[TRIALS] <= control[NFEV] + control[FACTORIZATIONS]
        )


def patience(method: Method, shape: tuple[int, int, int, bool]) -> float:
    """So many steps cost as much as a run of the implicit method: an estimate that is the same on every machine."""
    if method.stiff != "when bound":
        return np.inf
    classes, K, M, _ = shape
    n = len(places(*shape)[0])
    # in operations, an asin counted as four
    slope = K * (K + 1) * (K + M) * (K + M + 1) + 2.0 * classes * K * (K + M) ** 2
    factors = n**3 / 6.0 / slope
    return (_IMPLICIT_SLOPES + _IMPLICIT_FACTORS * factors + _IMPLICIT_JACOBIANS * n) / len(method.a)


def outcome(out: NDArray[np.float64], control: NDArray[np.float64], status: int, *, implicit: bool) -> Outcome:
    """What a control says of a run."""
    names = (FILLED, STEPS, NFEV, TRIALS, JACOBIANS, FACTORIZATIONS)
    filled, steps, nfev, trials, njev, nlu = (int(control[x]) for x in names)
    method = "backward differences" if implicit else "an explicit method"
    return Outcome(out, filled, status, steps, nfev, float(control[T]), trials, njev, nlu, method)
