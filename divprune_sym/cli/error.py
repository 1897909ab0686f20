"""`divprune-sym error`: the generalization error left after pruning."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, FAILED, print_result, say
from divprune_sym.cli.guards import refuse_options_of_others
from divprune_sym.cli.options import Json, Method, Rescale, Whole
from divprune_sym.cli.student import given_student
from divprune_sym.show.progress import working


@app.command(
    sort_key=30,
    help_epilogue="""\
The error is half the mean squared difference between the outputs of student
and teacher, label noise excluded, for infinitely many inputs, averaged over
the choice of what is kept. The student is the specialized one (--teachers,
--copies, --second-layer, and --activation of its nodes and the teacher's), or
that of a problem file (--state), which names its activations itself.

Examples:
  divprune-sym error dpp-node --teachers 2 --copies 3 --second-layer 4 --keep 3
  divprune-sym error dpp-edge --teachers 2 --copies 3 --second-layer 4 \\
      --keep-fraction 0.5 --rescale optimal --json""",
)
def error(
    method: Annotated[Method, Parameter(name="METHOD")],
    /,
    *,
    teachers: Whole | None = None,
    copies: Whole | None = None,
    second_layer: float | None = None,
    activation: str | None = None,
    state: Path | None = None,
    keep: Whole | None = None,
    keep_fraction: float | None = None,
    reweight: Annotated[bool, Parameter(show_default=False)] = False,
    rescale: Rescale | None = None,
    as_json: Json = False,
) -> int:
    """Compute the generalization error that is left after pruning.

    Parameters
    ----------
    teachers
        M, the number of teacher nodes, orthogonal and of unit norm.
    copies
        Z, the number of student nodes that copy each teacher node.
    second_layer
        v*, the second-layer weight of each teacher node; each copy has v*/Z.
    activation
        Of all nodes: erf (the default), erf[GAIN], linear, relu, sine, heN, polynomial[C0, C1, ...], or a plug-in's.
    state
        A problem file without classes (see integrate --help) whose order parameters are pruned instead.
    keep
        Nodes kept, of K = M Z; an edge method keeps the same share, keep / K, of every node's edges.
    keep_fraction
        Share of edges kept, 0 to 1, instead of --keep.
    reweight
        Nodes: refit the second layer on the kept nodes.
    rescale
        Edges: multiply kept weights by 1/sqrt(share kept), or by the best common factor. Default: none.
    as_json
        Print the number and all settings as JSON.
    """
    import numpy as np

    from divprune_sym.ground.checks import BadInput, integer
    from divprune_sym.ground.user_files import users_code
    from divprune_sym.pruning import NodeMethod
    from divprune_sym.pruning.user_method import load_method

    pruning = load_method(method)
    nodes = isinstance(pruning, NodeMethod)
    if (keep is None) == (keep_fraction is None):
        msg = "give --keep" if nodes else "give either --keep or --keep-fraction"
        raise BadInput(msg + (", it is missing" if keep is None else ", not both"))
    refuse_options_of_others(method, nodes, keep_fraction=keep_fraction, rescale=rescale, reweight=reweight)
    pruned = given_student(state, teachers, copies, second_layer, activation)
    if keep is not None:
        keep = integer("--keep", keep, 0, pruned.K)
        keep_fraction = keep / pruned.K
    assert keep_fraction is not None

    def left() -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            if isinstance(pruning, NodeMethod):
                assert keep is not None
                return pruning.limit(pruned, keep).generalization_error(reweight=reweight)
            return pruning.limit(pruned, keep_fraction).generalization_error(rescale=rescale or "none")

    with working("averaging over what is kept"), users_code(method):
        value = left()
    if not isfinite(value):
        return say(f"the error is {value}: the order parameters leave the range of float64", FAILED)
    result = {
        "generalization_error": value,
        "method": pruning.name,
        "teachers": pruned.M,
        "copies": copies,
        "second_layer": second_layer,
        "activation": str(pruned.activation),
        "teacher_activation": str(pruned.teacher_activation or pruned.activation),
        "state": None if state is None else str(state),
        "keep": keep,
        "keep_fraction": keep_fraction,
        "reweight": reweight if nodes else None,
        "rescale": None if nodes else rescale or "none",
    }
    print_result(result, as_json)
    return DONE
