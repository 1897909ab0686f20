"""Runs of the benchmarks as tables on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from divprune_sym.bench.compare import changes, differences
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from divprune_sym.bench import model
    from divprune_sym.bench.model import Goal, MeasuredCase, MeasuredTable, Spread
    from divprune_sym.bench.record import Record

_PREFIXES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def show_machine(machine: Mapping[str, Any]) -> None:
    """A line or two on what it ran on."""
    versions = ", ".join(f"{name} {value}" for name, value in machine["packages"].items())
    _print(
        f"{machine['cpu']} ({machine['llvm_cpu']}), {machine['usable_cores']} of {machine['cores']} cores, "
        f"load {machine['load']}, {machine['system']}"
    )
    _print(f"Python {machine['python']}, {versions}, {', '.join(machine['blas'])}")


def show_tables(tables: Iterable[model.Table]) -> None:
    """What there is to measure."""
    for table in tables:
        _print(f"{table.name}\n  measures: {table.measures}\n  goal:     {table.goal}")
        for peer, description in table.peers.items():
            _print(f"  peer:     {peer}: {description}")


def show_table(measured: MeasuredTable) -> None:
    """Times per unit with their quartiles, speeds relative to floor or peer, and goals."""
    _print(f"\n{measured.name}: {measured.measures}\ngoal: {measured.goal}")
    rows: list[tuple[str, ...]] = []
    for case in measured.cases:
        rows += [(case.label if first == 0 else "", *row) for first, row in enumerate(_rows(case))]
        rows.append(())
    print_table(("case", "what", "median", "quartiles", "goal"), rows)


def _rows(case: MeasuredCase) -> list[tuple[str, str, str, str]]:
    rows = [(x.name, seconds(x.seconds.median), _between(x.seconds, seconds), _goal(x)) for x in case.timed]
    rows += [
        (f"{x.subject} against {x.against}", _times(x.times.median), _between(x.times, _times), _goal(x))
        for x in case.compared
    ]
    rows += [(fact.name, f"{fact.value:.4g} {fact.unit}".strip(), "", _goal(fact)) for fact in case.facts]
    return rows + [(f"{x.name}: skipped, {x.install}", "", "", "") for x in case.missing]


def _goal(x: model.Timed | model.Compared | model.Fact) -> str:
    from divprune_sym.bench.model import Fact, Timed

    goal: Goal | None = x.goal
    if goal is None:
        return ""
    sign = "≤" if goal.kind == "at most" else "≥"
    if isinstance(x, Timed):
        measured, limit = x.seconds.median, seconds(goal.value)
    elif isinstance(x, Fact):
        measured, limit = x.value, f"{goal.value:.4g}"
    else:
        measured, limit = x.times.median, _times(goal.value)
    return f"{sign} {limit} {'met' if goal.is_met(measured) else 'MISSED'}"


def show_changes(now: Record, then: Record) -> None:
    """Then, now, and which differences exceed the scatter of the rounds."""
    for line in differences(now, then):
        _print(f"not the same — {line}")
    found = changes(now, then)
    if not found:
        _print("the earlier run has none of these numbers")
        return
    _print(f"\nagainst the run of {then.started}")
    rows = []
    for change in found:
        form = seconds if change.is_time else _times
        now_, then_ = form(change.now.median), form(change.then.median)
        rows.append((change.table, change.case, change.what, then_, now_, f"{change.factor:.2f}", change.verdict))
    print_table(("table", "case", "what", "then", "now", "now/then", ""), rows)


def seconds(value: float) -> str:
    """A time in three digits, with the unit that suits it."""
    factor, unit = next(((f, u) for f, u in _PREFIXES if abs(value) >= f), _PREFIXES[-1])
    return f"{value / factor:.3g} {unit}"


def _times(value: float) -> str:
    return f"{value:.3g}×"


def _between(spread: Spread, form: Any) -> str:
    return f"{form(spread.low)} – {form(spread.high)}"


def _print(text: str) -> None:
    Console(soft_wrap=True).print(Text(text))
