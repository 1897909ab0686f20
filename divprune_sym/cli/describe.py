"""`divprune-sym describe`: what a kernel of a determinantal point process can do, or what a graph has to prune."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_json
from divprune_sym.cli.kernel_file import kernel_ensemble
from divprune_sym.cli.options import Json
from divprune_sym.show.tables import print_table


@app.command(
    sort_key=90,
    help_epilogue="""\
Warns of kernels that are legal and say nothing: a multiple of the identity,
on which a k-DPP is uniform sampling (an RBF kernel on very many features is
one), and a constant, to which all items are alike.

Of an ONNX model it lists the dense blocks that the prune command can prune.

Examples:
  divprune-sym describe KERNEL.npy
  divprune-sym describe MODEL.onnx""",
)
def describe(kernel: Annotated[Path, Parameter(name="KERNEL")], /, *, as_json: Json = False) -> int:
    """Say what a kernel can do: rank, condition, expected size, sizes beyond it; or list the blocks of a graph.

    Parameters
    ----------
    kernel
        The kernel L: a symmetric positive semi-definite array (N, N). Or an ONNX model.
    as_json
        Print the numbers and the warnings as JSON.
    """
    if kernel.suffix == ".onnx":
        return _blocks(kernel, as_json)
    from divprune_sym.dpp import describe as found_by

    found = found_by(kernel_ensemble(kernel, lambda N: None))
    if as_json:
        print_json(found.as_json())
    else:
        print(found)
    return DONE


def _blocks(path: Path, as_json: bool) -> int:
    from divprune_sym.networks.blocks.find import read_graph
    from divprune_sym.networks.blocks.inputs import ports_of
    from divprune_sym.networks.formats import format_of, refuse_no_file
    from divprune_sym.networks.graphs.model import read_model

    format_of(path)
    refuse_no_file(path)
    model = read_model(path)
    graph = read_graph(path, model)
    found = [block.as_json() for block in graph.blocks]
    ports = {
        name: {"kind": str(port.kind), "axes": None if port.axes is None else list(port.axes)}
        for name, port in ports_of(model).items()
    }
    if as_json:
        print_json({"blocks": found, "left_alone": list(graph.left_alone), "inputs": ports})
        return DONE
    rows = [
        (f"{n}", block["name"], f"{block['inputs']}-{block['units']}-{block['outputs']}", ", ".join(block["operators"]))
        for n, block in enumerate(found)
    ]
    print_table(("", "block", "widths", "between"), rows)
    for line in graph.left_alone:
        print(f"left alone: {line}")
    for name, port in ports.items():
        axes = "any" if port["axes"] is None else ", ".join("any" if n is None else str(n) for n in port["axes"])
        print(f"input {name}: {port['kind']} ({axes})")
    return DONE
