"""Events of a trajectory, located on the dense output of the step they fall into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from divprune_sym.ground.checks import number
from divprune_sym.solvers.along import errors_of_many

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.solvers.problem import Problem

# points of a step at which signs are compared: two crossings between two of them go unseen
_SHARES = np.linspace(0.0, 1.0, 9)
# a share of a step over which the error's slope is measured
_SLOPE_STEP = 1e-3
_HALVINGS = 52


class Event(Protocol):
    """A time at which a function of the trajectory changes sign."""

    rising: bool
    falling: bool

    def value(self, error: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """The function, of ε_g and of −d ln ε_g/dα."""


@dataclass(frozen=True)
class ErrorReaches:
    """ε_g passes a threshold, in either direction."""

    threshold: float
    rising: bool = True
    falling: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number("threshold", self.threshold, low=0.0))

    def value(self, error: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """ε_g less the threshold."""
        return error - self.threshold


@dataclass(frozen=True)
class PlateauEntry:
    """ε_g begins to fall more slowly than by a share `rate` of itself per unit of α."""

    rate: float
    rising: bool = False
    falling: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", number("rate", self.rate, low=0.0))

    def value(self, error: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """−d ln ε_g/dα less the rate."""
        return rate - self.rate


@dataclass(frozen=True)
class PlateauEscape(PlateauEntry):
    """ε_g begins to fall faster than by a share `rate` of itself per unit of α."""

    rising: bool = True
    falling: bool = False


@dataclass
class EventFinder:
    """Looks for events in the polynomials of steps, as they come."""

    problem: Problem
    events: tuple[Event, ...]
    times: list[tuple[float, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.times = [() for _ in self.events]

    def __call__(self, trace: NDArray[np.float64]) -> None:
        """Look at some more steps, each (1 + d, n + 2) as `_kernels.keep` writes it."""
        for row in trace:
            error, rate = self._error_and_rate(row, _SHARES)
            for number_, event in enumerate(self.events):
                values = event.value(error, rate)
                for left in np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0):
                    up = bool(values[left] < 0)
                    if event.rising if up else event.falling:
                        share = self._located(row, event, _SHARES[left], _SHARES[left + 1], up)
                        self.times[number_] += (float(row[0, 0] + share * row[0, 1]),)

    def _located(self, row: NDArray[np.float64], event: Event, low: float, high: float, up: bool) -> float:
        """Where the event's function changes sign, by halving."""
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            value = event.value(*self._error_and_rate(row, np.array([middle])))[0]
            low, high = (middle, high) if bool(value < 0) == up else (low, middle)
        return (low + high) / 2

    def _error_and_rate(
        self, row: NDArray[np.float64], shares: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        around = np.concatenate([shares, shares - _SLOPE_STEP, shares + _SLOPE_STEP])
        powers = around[:, None] ** np.arange(len(row))
        errors = errors_of_many([self.problem], (powers @ row[:, 2:])[None]).reshape(3, -1)
        rate = (np.log(errors[1]) - np.log(errors[2])) / (2 * _SLOPE_STEP * row[0, 1])
        return errors[0], rate
