"""`divprune-sym bound`: the pruned error of a method of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, FAILED, print_json, say
from divprune_sym.cli.options import Json, Output, Rescale, Whole
from divprune_sym.cli.student import given_student
from divprune_sym.show.progress import working

if TYPE_CHECKING:
    from divprune_sym.bound.regions import Comparison
    from divprune_sym.pruning.registry import Method


@app.command(
    sort_key=40,
    help_epilogue="""\
The file is a Python file of yours, and IS RUN. The class states what pruning
does to the overlaps of one pair of nodes, in SymPy, and may draw masks:

  from divprune_sym.pruning.variant import EdgeVariant, Pruned

  class MyMethod(EdgeVariant):
      name = "my-edge"

      def limit(self, pair):
          p = pair.p
          return Pruned(Q_ii=p * pair.Q_ii, Q_ik=p * pair.Q_ik,
                        R_in=p * pair.R_in)

A class derived from EdgeMethod or NodeMethod will do as well. Errors are those
of the error command for the specialized student. Regions are numerical, not
proved, without --certify. Exit code 1 means that draw and limit disagree;
chance makes them do so in 1 of 100 checks.

Examples:
  divprune-sym bound column-edge --teachers 2 --copies 3 --out OUT
  divprune-sym bound column-edge --teachers 2 --copies 3 --certify --no-draw
  divprune-sym verify --quick OUT/certified.json""",
)
def bound(
    method: Annotated[str, Parameter(name="FILE:CLASS")],
    /,
    *,
    teachers: Whole,
    copies: Whole,
    second_layer: float = 1.0,
    activation: str = "erf",
    rescale: Rescale = "none",
    reweight: Annotated[bool, Parameter(show_default=False)] = False,
    out: Output = Path("bound"),
    no_draw: Annotated[bool, Parameter(show_default=False)] = False,
    inputs: Whole = 1200,
    networks: Whole = 12,
    seed: Whole = 1,
    certify: Annotated[bool, Parameter(show_default=False)] = False,
    seconds: float = 60.0,
    as_json: Json = False,
) -> int:
    """Work out the pruned error of a method of your own, beside every registered one.

    Prints the error as LaTeX and Python, a table, and where the method wins; checks that the masks it draws do
    what it says; writes bound.json, bound.png and bound.svg.

    Parameters
    ----------
    method
        FILE.py:CLASS, or the name of a registered method. The file is run.
    teachers
        M, the number of teacher nodes, orthogonal and of unit norm.
    copies
        Z, the number of student nodes that copy each teacher node.
    second_layer
        v*, the second-layer weight of each teacher node; every error is proportional to its square.
    activation
        Of all nodes: erf, erf[GAIN], linear, relu, sine, sign, heN, polynomial[C0, C1, ...], or a plug-in's.
    rescale
        What follows edge pruning, in all methods: kept weights times 1/sqrt(share kept), or the best common factor.
    reweight
        What follows node pruning, in all methods: refit the second layer.
    out
        Folder to write to.
    no_draw
        Do not compare draw with limit.
    inputs
        N of the Gaussian networks that masks are drawn on.
    networks
        Number of these.
    seed
        Seed of networks and masks.
    certify
        Turn regions into certificates, against each registered method: for these M and Z, as M goes to infinity, and
        for every M; boundaries enclosed, both ends included. Writes certified.json and the folder certificates to
        OUT, for verify to check.
    seconds
        For certifying; what does not close in this time stays numerical.
    as_json
        Print what bound.json holds.
    """
    import numpy as np

    from divprune_sym.bound import report as bound_report
    from divprune_sym.bound.faces import Drawing
    from divprune_sym.bound.regions import Comparison
    from divprune_sym.bound.regions import bound as run
    from divprune_sym.ground.checks import integer, number
    from divprune_sym.ground.user_files import users_code
    from divprune_sym.pruning.user_method import load_method

    rng = np.random.default_rng(integer("--seed", seed, 0))
    if certify:
        number("--seconds", seconds, 0.0)
    student = given_student(None, teachers, copies, second_layer, activation)
    asked = Comparison(student.M, copies, second_layer, rescale, reweight, student.activation)
    drawing = None if no_draw else Drawing(inputs, networks)
    bound_report.check_folder(out)
    with users_code(method):
        loaded = load_method(method)
        with working("deriving, comparing, drawing"):
            found = run(loaded, asked, drawing, rng)
    files = bound_report.write(found, out)
    if not as_json:
        bound_report.print_bound(found, files)
    certified = _certified(loaded, asked, out, seconds, as_json) if certify else {}
    if as_json:
        print_json(found.as_json() | {"files": [str(path) for path in files]} | certified)
    agrees = found.agreement is None or found.agreement.agrees
    return DONE if agrees else say(f"{method}: draw disagrees with limit", FAILED)


def _certified(method: Method, asked: Comparison, out: Path, seconds: float, as_json: bool) -> dict[str, Any]:
    """What is certified, printed as well unless it goes into the JSON; what is done by an interrupt stays in OUT."""
    from divprune_sym.certify import report
    from divprune_sym.certify.run import certify
    from divprune_sym.show.progress import stage

    with stage("certifying") as progress:
        outcomes = certify(method, asked, out, seconds, progress)
    if not as_json:
        report.print_certified(outcomes, str(out))
    return {"certified": [outcome.as_json() for outcome in outcomes]}
