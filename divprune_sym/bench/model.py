"""What a benchmark says of itself, and what its measurement found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Goal:
    """A number to reach."""

    kind: Literal["at most", "at least"]
    value: float

    def is_met(self, measured: float) -> bool:
        """Whether a measured number reaches it."""
        return measured <= self.value if self.kind == "at most" else measured >= self.value


def at_most(value: float) -> Goal:
    """Small is good: a time in seconds, an error, a memory size."""
    return Goal("at most", value)


def at_least(value: float) -> Goal:
    """Large is good: a speed relative to a peer or a floor."""
    return Goal("at least", value)


@dataclass(frozen=True)
class Contestant:
    """Something that is timed.

    Parameters
    ----------
    name : str
        The same in every case of a table, where it is the same thing.
    run : callable
        Called without arguments. It is called once before anything is timed: compiling there is free.
    units : float
        Units of work in one call (right-hand sides, samples, trajectories); times are per unit.
    goal : Goal, optional
        For the time per unit, in seconds.
    before : callable, optional
        Called, and not timed, before every call; such as what empties a cache.
    threads : int
        Threads that BLAS may use.
    """

    name: str
    run: Callable[[], object]
    units: float = 1.0
    goal: Goal | None = None
    before: Callable[[], object] | None = None
    threads: int = 1


@dataclass(frozen=True)
class Missing:
    """A contestant that is not installed: shown by name, with what would install it."""

    name: str
    install: str


@dataclass(frozen=True)
class Speed:
    """How many times as fast `subject` is as `against`: their times per unit, compared within each round."""

    subject: str
    against: str
    goal: Goal | None = None


@dataclass(frozen=True)
class Fact:
    """Something counted or computed rather than timed: an error, a memory size, a number of calls."""

    name: str
    value: float
    unit: str = ""
    goal: Goal | None = None


@dataclass(frozen=True)
class Case:
    """One row of a table: contestants that do the same work, and how they are to be compared."""

    label: str
    contestants: Sequence[Contestant | Missing]
    speeds: Sequence[Speed] = ()
    facts: Sequence[Fact] = ()


@dataclass(frozen=True)
class Table:
    """A benchmark.

    Attributes
    ----------
    name : str
        What users type.
    measures, goal : str
        In a sentence each.
    peers : mapping of str to str
        What is compared with: name of the contestant, and what it is.
    cases : callable
        Takes `quick` and yields cases; each is prepared when its turn comes, and dropped afterwards.
    """

    name: str
    measures: str
    goal: str
    peers: Mapping[str, str]
    cases: Callable[[bool], Iterator[Case]]


def table(
    *, measures: str, goal: str, peers: Mapping[str, str] | None = None
) -> Callable[[Callable[[bool], Iterator[Case]]], Table]:
    """Make a table of a function `cases(quick)`; the table has its name, with dashes."""

    def made(cases: Callable[[bool], Iterator[Case]]) -> Table:
        return Table(cases.__name__.replace("_", "-"), measures, goal, peers or {}, cases)

    return made


@dataclass(frozen=True)
class Spread:
    """Median and quartiles over rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Timed:
    """Seconds per unit of one contestant, over rounds of so many calls each."""

    name: str
    seconds: Spread
    rounds: int
    calls: int
    goal: Goal | None


@dataclass(frozen=True)
class Compared:
    """Measured `Speed`: how many times as fast, over rounds."""

    subject: str
    against: str
    times: Spread
    goal: Goal | None


@dataclass(frozen=True)
class MeasuredCase:
    """What was found in one case."""

    label: str
    timed: tuple[Timed, ...]
    compared: tuple[Compared, ...]
    facts: tuple[Fact, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class MeasuredTable:
    """What was found in one table."""

    name: str
    measures: str
    goal: str
    cases: tuple[MeasuredCase, ...]
