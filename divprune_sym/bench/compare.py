"""A run against an earlier one: what became faster or slower by more than the rounds scatter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from divprune_sym.bench.model import Spread
    from divprune_sym.bench.record import Record


@dataclass(frozen=True)
class Change:
    """One number then and now.

    Attributes
    ----------
    what : str
        A contestant, or "subject against other" for a speed.
    is_time : bool
        Seconds, where small is good; otherwise a speed, where large is.
    """

    table: str
    case: str
    what: str
    is_time: bool
    then: Spread
    now: Spread

    @property
    def factor(self) -> float:
        """now / then."""
        return self.now.median / self.then.median

    @property
    def verdict(self) -> str:
        """ "faster" or "slower" where the quartiles of the two runs do not overlap, and "" where they do."""
        if self.now.high < self.then.low:
            return "faster" if self.is_time else "slower"
        if self.now.low > self.then.high:
            return "slower" if self.is_time else "faster"
        return ""


def changes(now: Record, then: Record) -> list[Change]:
    """Every time and speed that both runs have, in the order of the present one."""
    earlier = {(table, case, what): spread for table, case, what, _, spread in _numbers(then)}
    return [
        Change(table, case, what, is_time, earlier[table, case, what], spread)
        for table, case, what, is_time, spread in _numbers(now)
        if (table, case, what) in earlier
    ]


def differences(now: Record, then: Record) -> list[str]:
    """What makes times of two runs hard to compare: another machine, other versions, a quick run."""
    found = [
        f"{name}: then {then.machine.get(name)}, now {value}"
        for name, value in now.machine.items()
        if name != "load" and then.machine.get(name) != value
    ]
    if now.quick != then.quick:
        found.append(f"quick: then {then.quick}, now {now.quick}")
    return found


def _numbers(record: Record) -> Iterator[tuple[str, str, str, bool, Spread]]:
    for table in record.tables:
        for case in table.cases:
            for timed in case.timed:
                yield table.name, case.label, timed.name, True, timed.seconds
            for compared in case.compared:
                yield table.name, case.label, f"{compared.subject} against {compared.against}", False, compared.times
