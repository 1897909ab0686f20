"""Contestants timed by turns: a machine that slows down for a while slows all of them down."""

from __future__ import annotations

import gc
import math
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.bench.model import Compared, Contestant, MeasuredCase, Missing, Spread, Timed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from threadpoolctl import ThreadpoolController

    from divprune_sym.bench.model import Case, Speed

    Clock = Callable[[], float]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Parameters
    ----------
    shortest : float
        Seconds that one timing should last: calls are repeated until it does.
    budget : float
        Seconds for all rounds of a case, within the limits on their number.
    fewest, most : int
        Limits on the number of rounds.
    """

    shortest: float
    budget: float
    fewest: int
    most: int


THOROUGH = Effort(shortest=0.01, budget=5.0, fewest=5, most=51)
QUICK = Effort(shortest=0.002, budget=0.4, fewest=3, most=11)


def measure_case(case: Case, effort: Effort, clock: Clock = perf_counter) -> MeasuredCase:
    """Time the contestants of a case by turns, in an order that rotates from round to round."""
    running = [x for x in case.contestants if isinstance(x, Contestant)]
    missing = tuple(x for x in case.contestants if isinstance(x, Missing))
    samples, calls = _by_turns(running, effort, clock) if running else ({}, {})
    timed = tuple(Timed(x.name, spread(samples[x.name]), len(samples[x.name]), calls[x.name], x.goal) for x in running)
    compared = tuple(_compared(x, samples) for x in case.speeds if {x.subject, x.against} <= {*samples})
    return MeasuredCase(case.label, timed, compared, tuple(case.facts), missing)


def spread(samples: Sequence[float]) -> Spread:
    """Median and quartiles, interpolated."""
    low, median, high = np.quantile(samples, [0.25, 0.5, 0.75]).tolist()
    return Spread(median, low, high)


def _compared(speed: Speed, samples: dict[str, list[float]]) -> Compared:
    pairs = zip(samples[speed.subject], samples[speed.against], strict=True)
    return Compared(speed.subject, speed.against, spread([against / subject for subject, against in pairs]), speed.goal)


def _by_turns(
    running: Sequence[Contestant], effort: Effort, clock: Clock
) -> tuple[dict[str, list[float]], dict[str, int]]:
    from threadpoolctl import ThreadpoolController

    for x in running:
        _warm_up(x)
    pools = ThreadpoolController()  # made now: libraries loaded by the first calls are among them
    calls = {x.name: _calls(x, effort, clock, pools) for x in running}
    samples: dict[str, list[float]] = {x.name: [] for x in running}
    started, rounds = clock(), 1
    turn = 0
    while turn < rounds:
        for x in [*running[turn % len(running) :], *running[: turn % len(running)]]:
            samples[x.name].append(_timing(x, calls[x.name], clock, pools) / (calls[x.name] * x.units))
        turn += 1
        spent = max(clock() - started, 1e-9)
        rounds = min(effort.most, max(effort.fewest, math.floor(effort.budget * turn / spent)))
    return samples, calls


def _warm_up(x: Contestant) -> None:
    """The first call, which may compile or load something."""
    if x.before is not None:
        x.before()
    x.run()


def _calls(x: Contestant, effort: Effort, clock: Clock, pools: ThreadpoolController) -> int:
    """Calls in one timing, so that it lasts long enough for the clock."""
    if x.before is not None:
        return 1
    calls = 1
    while (spent := _timing(x, calls, clock, pools)) < effort.shortest:
        calls = max(2 * calls, min(100 * calls, math.ceil(calls * effort.shortest / max(spent, 1e-9))))
    return calls


def _timing(x: Contestant, calls: int, clock: Clock, pools: ThreadpoolController) -> float:
    """Seconds that so many calls take."""
    if x.before is not None:
        x.before()
    run, collecting = x.run, gc.isenabled()
    with pools.limit(limits=x.threads):
        gc.disable()
        try:
            started = clock()
            for _ in range(calls):
                run()
            return clock() - started
        finally:
            if collecting:
                gc.enable()
