"""`divprune-sym explore`: where a comparison of pruned errors holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_json
from divprune_sym.cli.options import Json, Output

if TYPE_CHECKING:
    from divprune_sym.certify.run import Outcome
    from divprune_sym.explore.domain import Domain
    from divprune_sym.explore.question import Question


@app.command(
    sort_key=60,
    help_epilogue="""\
QUESTION compares two sums of numbers and errors, in units of v*^2:
  ERROR(METHOD), ERROR(EDGE-METHOD, inverse-sqrt), ERROR(EDGE-METHOD, optimal),
  ERROR(NODE-METHOD, reweight); for example "2*ERROR(dpp-edge) < ERROR(random-edge)"
METHOD is one of those that the error command knows, or FILE.py:CLASS, a file
of yours that IS RUN; its name has no spaces, commas or parentheses.

--over gives the specialized states: M teacher nodes, Z copies of each, and
what is kept: k of K = M Z nodes (k=all, k=1..5; edges keep p = k/K), or, where
only edges are pruned, a share p (p=0.1..0.9:0.05). Without --certify the answer
is numerical: it proposes what to prove, and proves nothing.

Examples:
  divprune-sym explore "ERROR(dpp-node) <= ERROR(random-edge)" \\
      --over M=1..8,Z=1..8,k=all
  divprune-sym explore "ERROR(magnitude-edge) < ERROR(dpp-edge)" \\
      --over M=1,Z=1..8,p=0.01..0.99""",
)
def explore(
    question: Annotated[str, Parameter(name="QUESTION", allow_leading_hyphen=True)],
    /,
    *,
    over: str,
    activation: str = "erf",
    out: Output = Path("explore"),
    certify: Annotated[bool, Parameter(show_default=False)] = False,
    seconds: float = 60.0,
    as_json: Json = False,
) -> int:
    """Map where a comparison of pruned errors holds, and say what the map suggests.

    Parameters
    ----------
    question
        The comparison; nothing in it is executed but files of methods.
    over
        Where to ask: "M=1..8,Z=1..8,k=all", say.
    activation
        Of all nodes: erf, erf[GAIN], linear, relu, sine, sign, heN, polynomial[C0, C1, ...], or a plug-in's.
    out
        Folder for the map (explore.json, .png, .svg) and for what it suggests, as open claims (proposed_claims.py).
    certify
        Of two errors, one of a method that states formulas: say with certificates which is smaller at which keep
        fractions, for each M and Z, as M goes to infinity, and for every M. They go to the folder certified in OUT.
    seconds
        For certifying; what does not close in this time stays numerical.
    as_json
        Print what explore.json holds.
    """
    from divprune_sym.bound.report import check_folder
    from divprune_sym.certify.report import print_certified
    from divprune_sym.explore import report
    from divprune_sym.explore.certified import FOLDER
    from divprune_sym.explore.domain import read_domain
    from divprune_sym.explore.maps import explore as run
    from divprune_sym.explore.question import read_question
    from divprune_sym.ground.checks import number
    from divprune_sym.ground.user_files import file_of, users_code
    from divprune_sym.show.progress import stage

    if certify:
        number("--seconds", seconds, 0.0)
    asked = read_question(question, activation)
    domain = read_domain(over, any(error.of_nodes for error in asked.errors()))
    check_folder(out)
    with stage("comparing") as progress, users_code(*(file_of(error.method) for error in asked.errors())):
        found = run(asked, domain, progress)
    files = report.write(found, out)
    if not as_json:
        report.print_map(found, files)
    outcomes = _certified(asked, domain, out, seconds) if certify else []
    if as_json:
        more = {"certified": [outcome.as_json() for outcome in outcomes]} if certify else {}
        print_json(found.as_json() | {"files": [str(path) for path in files]} | more)
    elif certify:
        print_certified(outcomes, f"{out}/{FOLDER}/*")
    return DONE


def _certified(asked: Question, domain: Domain, out: Path, seconds: float) -> list[Outcome]:
    from divprune_sym.explore.certified import certified
    from divprune_sym.show.progress import stage

    with stage("certifying") as progress:
        return certified(asked, domain, out, seconds, progress)
