"""`divprune-sym verify`: the ledger of claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, FAILED, print_json, say
from divprune_sym.cli.options import Json, Output, Whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from divprune_sym.claims.coq.export import Outcome
    from divprune_sym.claims.ledger import Record


@app.command(
    sort_key=130,
    help_epilogue="""\
Verdicts are computed from evidence that is examined again:
  proved     by symbolic steps, for the whole domain
  certified  by ball arithmetic over the whole domain
  refuted    by a point where the strict opposite is certain
  supported  by tests or measurements only
  open       by none of these, the evidence did not hold, or it was not
             checked that it entails the statement on its domain

A Python file of your own lists claims under the name CLAIMS, and IS RUN; see
docs/claims.md. A certified.json that bound has written is examined by itself:
claims are built anew from its formulas and places, and nothing is run. OUT
receives claims.json and claims.html, and without --quick the certificates
found. Exit code 1: a claim has not the verdict that the ledger expects, or
coqc refuses what was exported.

Examples:
  divprune-sym verify --quick
  divprune-sym verify --only edge-node.region --json
  divprune-sym verify --only noise-floor.matched --export coq theorems""",
)
def verify(
    files: Annotated[tuple[Path, ...], Parameter(name="FILE", show_default=False)] = (),
    /,
    *,
    only: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    quick: bool = False,
    jobs: Whole | None = None,
    export: Annotated[tuple[Literal["coq"], Path] | None, Parameter(show_default=False)] = None,
    kernel: Annotated[Literal["coq"] | None, Parameter(show_default=False)] = None,
    out: Output = Path("claims"),
    as_json: Json = False,
) -> int:
    """Examine the evidence of every claim of the paper and of this project, and say what it amounts to.

    Parameters
    ----------
    files
        Python files with claims of your own, or certified.json files.
    only
        The names of the claims to examine; may be repeated.
    quick
        Check the certificates that come with the package instead of finding them anew, and decide on the recorded
        measurements instead of measuring. About a minute on two cores.
    jobs
        Processes; one for each core that may be used if left out.
    export
        Write the claims of rational algebra as theorems for Coq to a folder, one file each, in place of examining
        their evidence: --export coq DIR. What is not exported is named with the reason.
    kernel
        Have coqc check what is exported, without --export in a temporary folder; Debian's package is coq.
    out
        Folder to write to.
    as_json
        Print what claims.json holds.
    """
    from divprune_sym.bound.report import check_folder
    from divprune_sym.certify.run import verified
    from divprune_sym.claims import ledger, report
    from divprune_sym.claims.claim import Bench
    from divprune_sym.ground.checks import BadInput, integer
    from divprune_sym.ground.work import usable_cores
    from divprune_sym.show.progress import stage

    if export is not None or kernel is not None:
        return _to_coq(files, only, None if export is None else export[1], kernel is not None, as_json)
    count = integer("--jobs", usable_cores() if jobs is None else jobs, 1)
    check_folder(out)
    stored = [path for path in files if path.suffix == ".json"]
    if stored and len(stored) < len(files):
        msg = f"{stored[0]}: is examined without the ledger; leave out the Python files"
        raise BadInput(msg)
    with stage("examining the claims") as progress:
        fresh = None if quick else out / "certificates"
        if stored:
            records = verified(stored, only, quick, fresh, progress)
        else:
            records = ledger.verify(Bench(quick, ledger.RECORDED, fresh), only, count, files, progress)
    written = report.write(records, out, quick)
    if as_json:
        print_json(report.as_json(records))
    else:
        _print(records, written)
    wrong = [record for record in records if not record.as_expected]
    for record in wrong:
        say(f"{record.id}: {record.verdict}, expected {record.expected}{': ' + record.reason if record.reason else ''}")
    return FAILED if wrong else DONE


def _to_coq(files: Sequence[Path], only: Sequence[str], folder: Path | None, check: bool, as_json: bool) -> int:
    """Write the claims for Coq, and have its kernel check them; exit code 1 if it refuses one."""
    from tempfile import TemporaryDirectory

    from divprune_sym.claims import ledger
    from divprune_sym.claims.coq import export, kernel

    if check:
        kernel.coqc()
    claims = ledger.chosen(ledger.all_claims(files), only)
    with TemporaryDirectory() as temporary:
        outcomes = export.exported(claims, folder or Path(temporary), check, *([] if as_json else [_tell]))
    refused = [x for x in outcomes if x.refused]
    for outcome in refused:
        say(f"{outcome.id}: {outcome.says}")
    written = sum(x.file is not None for x in outcomes)
    if as_json:
        print_json({"claims": [x.as_json(check) for x in outcomes]})
        return FAILED if refused else DONE
    counts = f"{written} of {len(outcomes)} claims exported"
    print(f"{counts}, {written - len(refused)} accepted by coqc" if check else counts)
    return FAILED if refused else DONE


def _tell(outcome: Outcome) -> None:
    if not outcome.refused:
        words = outcome.says or "written"
        print(f"{outcome.id}: {words if outcome.file else f'not exported: {words}'}", flush=True)


def _print(records: Sequence[Record], written: Sequence[Path]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    for title in ("verdict", "claim"):
        table.add_column(title)
    styles = {"proved": "green", "certified": "cyan", "refuted": "red", "supported": "yellow", "open": "dim"}
    for record in records:
        lines = [record.id, record.title, *([record.claim["unlinked"]] if "unlinked" in record.claim else [])]
        table.add_row(Text(record.verdict, styles[record.verdict]), Text("\n".join(lines)))
    console = Console()
    console.print(table)
    console.print(Text(f"written: {', '.join(map(str, written))}"))
