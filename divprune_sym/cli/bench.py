"""`divprune-sym bench`: how fast it is, against floors and peers timed in the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE
from divprune_sym.cli.guards import check_output
from divprune_sym.show.progress import working


@app.command(
    sort_key=120,
    help_epilogue="""\
Everything in a case is timed by turns, so that ratios compare what ran in the
same minute; times are medians over rounds, per unit of work, with quartiles.
"A against B" says how many times as fast as B it is, within each round. A goal
that is missed is no failure: the exit code is 0.

Examples:
  divprune-sym bench --list
  divprune-sym bench --only special-functions --quick
  divprune-sym bench --json NOW.json --against EARLIER.json""",
)
def bench(
    *,
    only: Annotated[list[str] | None, Parameter(name="--only")] = None,
    quick: bool = False,
    list_tables: Annotated[bool, Parameter(name="--list", show_default=False)] = False,
    out: Annotated[Path | None, Parameter(name="--json")] = None,
    against: Path | None = None,
) -> int:
    """Measure speed, against floors and peers timed in the same run.

    Parameters
    ----------
    only
        A table to measure; give it again for more. Default: all.
    quick
        Fewer cases and shorter rounds: to see that it works, not to report.
    list_tables
        List the tables: what each measures, its goal, and what it compares with.
    out
        Also write everything to this JSON file.
    against
        A file written by --json earlier: show what became faster or slower.
    """
    from divprune_sym.bench.record import read_record, write_record
    from divprune_sym.bench.show import show_changes, show_machine, show_table, show_tables
    from divprune_sym.bench.suite import chosen_tables, measure_tables

    tables = chosen_tables(only or ())
    if list_tables:
        show_tables(tables)
        return DONE
    earlier = None if against is None else read_record(against)
    if out is not None:
        check_output(out, against, (".json",))
    with working("preparing") as now:
        record = measure_tables(tables, quick=quick, on_case=lambda table, case: now(f"{table}: {case}"))
    show_machine(record.machine)
    for measured in record.tables:
        show_table(measured)
    if earlier is not None:
        show_changes(record, earlier)
    if out is not None:
        write_record(record, out)
    return DONE
