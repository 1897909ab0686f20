"""`divprune-sym train-on`: train, prune, and train on under the mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, FAILED, print_json, say
from divprune_sym.cli.guards import check_output, refuse_options_of_others
from divprune_sym.cli.options import Json, Method, Output, Rescale, Whole
from divprune_sym.show.progress import working
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from divprune_sym.solvers import EnsembleSolution

    Array = NDArray[np.float64]

ROWS_SHOWN = 20


@app.command(
    name="train-on",
    sort_key=25,
    help_epilogue="""\
PROBLEM is a problem file (see integrate --help) of a student that is not
pruned yet. Its alphas before --at are reported as trained, those from there on
as pruned and trained on; the clock goes on through pruning, which takes no
time. Pruned weights stay 0; pruned nodes are left out.

Edges: the equations under the mask, exactly for random-edge, random-nm-edge,
coordinated-edge and column-edge; where weights decide, class moments are sampled, and their
standard error is printed. At most 10 nodes.
Nodes: the error is averaged over the law of the kept nodes, over a sample of
1000 subsets where there are more than 10 000.

The npz file written holds alpha, generalization_error and standard_error (of a
sample of subsets), and from --at on the errors of each kept subset (errors,
first axis: subset) with its probability (weights).

Example:
  divprune-sym train-on PROBLEM.json dpp-node --at 100 --keep 2 -o OUT.npz""",
)
def train_on(
    problem: Annotated[Path, Parameter(name="PROBLEM")],
    method: Annotated[Method, Parameter(name="METHOD")],
    /,
    *,
    out: Output,
    keep: Whole | None = None,
    keep_fraction: float | None = None,
    at: float = 0.0,
    reweight: Annotated[bool, Parameter(show_default=False)] = False,
    rescale: Rescale | None = None,
    seed: Whole = 0,
    rtol: float = 1e-8,
    max_steps: Whole = 1_000_000,
    as_json: Json = False,
) -> int:
    """Train a student, prune it, and train what is left.

    Parameters
    ----------
    problem
        The problem; its format is that of integrate.
    method
    out
        The file to write: .npz, or a table of alpha, generalization_error and standard_error as .csv.
    keep
        Nodes kept, of K; an edge method keeps the same share, keep / K, of every node's edges.
    keep_fraction
        Share of edges kept, 0 to 1, instead of --keep.
    at
        The time at which the student is pruned.
    reweight
        Nodes: refit the second layer on the kept nodes, then train on.
    rescale
        Edges: multiply kept weights by 1/sqrt(share kept), or by the best common factor, then train on. Default: none.
    seed
        Of class moments and of samples of subsets.
    rtol
        Relative error allowed in each step.
    max_steps
        Give up after so many steps.
    as_json
        Print times and errors as JSON.
    """
    import numpy as np

    from divprune_sym.ground.checks import BadInput, integer, number
    from divprune_sym.ground.user_files import users_code
    from divprune_sym.pruning.method import NodeMethod
    from divprune_sym.pruning.user_method import load_method
    from divprune_sym.solvers import IntegrationFailed, integrate
    from divprune_sym.solvers import train_on as trained_on
    from divprune_sym.solvers.problem_file import read_problem

    check_output(out, problem, (".npz", ".csv"))
    pruning, at = load_method(method), number("--at", at, 0.0)
    learning, alphas = read_problem(problem)
    if not (alphas >= at).any():
        msg = f"--at {at:g}: the last of the alphas is {alphas[-1]:g}, nothing is trained on; prune earlier"
        raise BadInput(msg)
    nodes = isinstance(pruning, NodeMethod)
    refuse_options_of_others(method, nodes, keep_fraction=keep_fraction, rescale=rescale, reweight=reweight)
    if (keep is None) == (keep_fraction is None):
        options = "--keep" if nodes else "either --keep or --keep-fraction"
        msg = f"{pruning.name}: give {options}"
        raise BadInput(msg)
    K = learning.state.K
    kept = keep_fraction if keep is None else integer("--keep", keep, 0, K)
    share = kept if nodes or keep is None else keep / K
    before, after = alphas[alphas < at], alphas[alphas >= at]

    def work() -> tuple[list[float], EnsembleSolution]:
        trained, errors = learning.state, list[float]()
        if at > 0:
            solution = integrate(learning, [*before.tolist(), at], rtol=rtol, max_steps=max_steps)
            trained, errors = solution.state(), solution.generalization_error[:-1].tolist()
        then: dict[str, Any] = {"reweight": reweight} if nodes else {"rescale": rescale or "none"}
        left = pruning.limit(trained, share).states(seed=seed, **then)  # type: ignore[arg-type]
        return errors, trained_on(learning, left, after - at, rtol=rtol, max_steps=max_steps)

    try:
        with working("training and pruning (the first time, equations are derived and compiled)"), users_code(method):
            errors, solution = work()
    except IntegrationFailed as error:
        return say(f"{problem}: {error}", FAILED)
    columns = {
        "alpha": alphas,
        "generalization_error": np.concatenate([errors, solution.generalization_error]),
        "standard_error": np.concatenate([np.zeros(len(before)), solution.standard_error]),
    }
    _save(out, columns, solution.ensemble.weights, np.array([x.generalization_error for x in solution.solutions]))
    moments = solution.ensemble.standard_error
    if as_json:
        about = {
            "method": pruning.name,
            "at": at,
            "keep": share,
            "rescale": rescale,
            "reweight": reweight,
            "states": len(solution.solutions),
            "out": str(out),
        }
        print_json({name: column.tolist() for name, column in columns.items()} | about | {"moment_error": moments})
        return DONE
    shown = sorted({round(n * (len(alphas) - 1) / (ROWS_SHOWN - 1)) for n in range(ROWS_SHOWN)})
    rows = [
        (f"{alphas[n]:.6g}", f"{columns['generalization_error'][n]:.10g}", "" if alphas[n] < at else "pruned")
        for n in shown
    ]
    notes = [f"{len(shown)} of {len(alphas)} times; all of them are in the file"] if len(shown) < len(alphas) else []
    notes += [f"class moments are sampled, standard error {moments:.2g}"] if moments else []
    sampled = solution.ensemble.draws is not None
    notes += [f"{solution.ensemble.draws} subsets drawn, standard errors are in the file"] if sampled else []
    print_table(("alpha", "generalization error", ""), rows, "; ".join(notes))
    return DONE


def _save(out: Path, columns: dict[str, Array], weights: Array, errors: Array) -> None:
    import io

    import numpy as np

    from divprune_sym.ground.files import csv_table, written_aside

    content = io.BytesIO()
    if out.suffix.lower() == ".csv":
        content.write(csv_table({name: column.tolist() for name, column in columns.items()}))
    else:
        np.savez(content, allow_pickle=False, **columns, weights=weights, errors=errors)
    with written_aside(out) as file:
        file.write(content.getbuffer())
