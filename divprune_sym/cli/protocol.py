"""`divprune-sym protocol`: train, prune, rewind and train on, as N → ∞ and at finite N."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, FAILED, print_json, say
from divprune_sym.cli.guards import check_output
from divprune_sym.cli.options import Json, Output, Whole
from divprune_sym.show.progress import stage, working
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from divprune_sym.protocols import ProtocolSimulation, ProtocolSolution
    from divprune_sym.protocols.agreement import ProtocolAgreement


@app.command(
    sort_key=26,
    help_epilogue="""\
FILE is a TOML file: where training starts, and steps in order.

  [start]
  students = 4
  teachers = 2
  second_layer = 2.0
  [[steps]]
  do = "keep"
  name = "start"
  [[steps]]
  do = "train"
  alpha = 100
  eta = {at = [0, 50], value = [0.5, 0.1]}
  eta_v = 0.1
  [[steps]]
  do = "prune"
  method = "magnitude-edge"
  keep = 0.5
  [[steps]]
  do = "rewind"
  to = "start"
  [[steps]]
  do = "train"
  alpha = 100
  eta = 0.1

  start     students, teachers, second_layer, overlap (standard deviation of the
            initial overlaps), seed, activation; or Q, R, T, v, A
  train     alpha: how long (updates / inputs); eta, eta_v, sigma, weight_decay:
            numbers, or values that hold from these times on, counted since
            the stage began; layers: ["first"] freezes the second, which does
            not decay then either
  prune     a method, keep (nodes, or the share of edges), and refit: "none",
            "best", or for edges "inverse-sqrt"
  keep      remember the weights of this moment under a name
  rewind    set the weights that are left back to those; masks stay
  teacher   A: another second layer of the teacher

Example:
  divprune-sym protocol FILE.toml -o OUT.csv --inputs 1000""",
)
def protocol(
    file: Annotated[Path, Parameter(name="FILE")],
    /,
    *,
    out: Output,
    inputs: Whole | None = None,
    replicas: Whole = 24,
    points: Whole = 40,
    seed: Whole = 0,
    rtol: float = 1e-8,
    as_json: Json = False,
) -> int:
    """Train a student in stages, with pruning and rewinding between them; simulate the same beside it.

    Exit code 1 means that theory and simulation disagree.

    Parameters
    ----------
    file
    out
        The table to write, .csv: alpha, theory, and with --inputs simulation and its standard error; the figure lies
        beside it, .png and .svg.
    inputs
        Inputs N of networks that are trained the same way. Default: theory alone.
    replicas
        How many of them.
    points
        Times reported in every stage.
    seed
        Of everything random.
    rtol
        Relative error allowed in each step.
    as_json
        Print times, errors and the verdict as JSON.
    """
    from divprune_sym.protocols.agreement import compare, refuse_few
    from divprune_sym.protocols.figures import draw
    from divprune_sym.protocols.protocol import read_protocol
    from divprune_sym.simulate.sgd import Diverged
    from divprune_sym.solvers import IntegrationFailed

    check_output(out, file, (".csv",))
    if inputs is not None:
        refuse_few(replicas)
    asked, state = read_protocol(file)
    try:
        with working("theory (the first time, equations are derived and compiled)"):
            theory = asked.flow(state, points=points, rtol=rtol, seed=seed, N=inputs)
        measured: ProtocolSimulation | None = None
        if inputs is not None:
            with stage(f"{replicas} networks of {inputs} inputs") as progress:
                measured = asked.simulate(state, inputs, seed, replicas=replicas, points=points, progress=progress)
    except (IntegrationFailed, Diverged) as error:
        return say(f"{file}: {error}", FAILED)
    agreement = None if measured is None else compare(theory, measured)
    _save(out, theory, measured)
    draw(theory, measured, out)
    told = _told(theory, agreement) | {"out": str(out)}
    if as_json:
        print_json(
            told | {"alpha": theory.alpha.tolist(), "generalization_error": theory.generalization_error.tolist()}
        )
    else:
        _print(theory, measured, told)
    return FAILED if agreement is not None and not agreement.verdict.agrees else DONE


def _columns(theory: ProtocolSolution, measured: ProtocolSimulation | None) -> dict[str, Any]:
    import numpy as np

    columns = {"alpha": theory.alpha, "theory": theory.generalization_error}
    if measured is not None:
        errors = measured.generalization_error
        columns |= {
            "simulation": errors.mean(axis=0),
            "standard_error": errors.std(axis=0, ddof=1) / np.sqrt(len(errors)),
        }
    return columns


def _save(out: Path, theory: ProtocolSolution, measured: ProtocolSimulation | None) -> None:
    from divprune_sym.ground.files import csv_table, written_aside

    with written_aside(out) as file:
        file.write(csv_table({name: column.tolist() for name, column in _columns(theory, measured).items()}))


def _told(theory: ProtocolSolution, agreement: ProtocolAgreement | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "steps": [{"alpha": alpha, "step": name} for alpha, name in theory.marks],
        "states": len(theory.ensemble.states),
        "moment_error": float(theory.ensemble.standard_error),
    }
    if agreement is not None:
        v = agreement.verdict
        told |= {
            "agrees": v.agrees,
            "difference": float(v.error),
            "standard_error": float(v.standard_error),
            "detectable": float(v.detectable),
        }
    return told


def _print(theory: ProtocolSolution, measured: ProtocolSimulation | None, told: dict[str, Any]) -> None:
    """Before and after every step."""
    import numpy as np

    columns = _columns(theory, measured)
    rows = []
    for alpha, name in [*theory.marks, (float(theory.alpha[-1]), "end")]:
        # the value after the step: of equal times the last
        n = int(np.searchsorted(theory.alpha, alpha, side="right")) - 1
        rows.append((f"{alpha:.6g}", name, *(f"{columns[c][n]:.6g}" for c in columns if c != "alpha")))
    print_table(("alpha", "then", *(name.replace("_", " ") for name in columns if name != "alpha")), rows)
    if "agrees" in told:
        print(
            f"simulation and theory {'agree' if told['agrees'] else 'DISAGREE'}: "
            f"{100 * told['difference']:+.2f} ± {100 * told['standard_error']:.2f} %; "
            f"an error of {100 * told['detectable']:.1f} % would have shown"
        )
