"""Find the tables, and measure those that are asked for."""

from __future__ import annotations

import pkgutil
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from divprune_sym.bench.machine import describe_machine
from divprune_sym.bench.model import MeasuredTable, Table
from divprune_sym.bench.record import Record
from divprune_sym.bench.timing import QUICK, THOROUGH, measure_case
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def find_tables() -> dict[str, Table]:
    """Every table of `bench/tables`, by name, in the order of their files."""
    from divprune_sym.bench import tables

    found: dict[str, Table] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(tables.__path__)):
        module = import_module(f"{tables.__name__}.{name}")
        found |= {x.name: x for x in vars(module).values() if isinstance(x, Table)}
    return found


def chosen_tables(only: Sequence[str] = ()) -> list[Table]:
    """The tables of these names; all of them if none is given.

    Raises
    ------
    BadInput
        There is no table of that name.
    """
    known = find_tables()
    for name in only:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f' Did you mean "{close[0]}"?' if close else ""
            msg = f'table "{name}": choose from {", ".join(known)}.{hint}'
            raise BadInput(msg)
    return [known[name] for name in dict.fromkeys(only)] if only else list(known.values())


def measure_tables(
    tables: Iterable[Table], *, quick: bool = False, on_case: Callable[[str, str], None] | None = None
) -> Record:
    """Measure tables, one after the other.

    Parameters
    ----------
    tables : iterable of Table
        See `chosen_tables`.
    quick : bool
        Fewer and shorter rounds, and fewer cases: to see that it works, not to report.
    on_case : callable, optional
        Called with the name of the table and the label of the case whose turn it is.
    """
    machine, started = describe_machine(), datetime.now(UTC).isoformat(timespec="seconds")
    measured = []
    for table in tables:
        cases = []
        for case in table.cases(quick):
            if on_case is not None:
                on_case(table.name, case.label)
            cases.append(measure_case(case, QUICK if quick else THOROUGH))
        measured.append(MeasuredTable(table.name, table.measures, table.goal, tuple(cases)))
    return Record(machine, started, quick, tuple(measured))
