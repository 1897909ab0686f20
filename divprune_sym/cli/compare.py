"""`divprune-sym compare`: every method at every share on a network of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE
from divprune_sym.cli.network_options import ComparisonOptions, Flag, NetworkOptions, compared, resumable
from divprune_sym.cli.options import Json, Output


@app.command(
    sort_key=50,
    help_epilogue="""\
NETWORK and --data are those of the prune command. A comparison that was
interrupted goes on where it stopped when it is started again; methods and
shares can be added to one that is finished.

Examples:
  divprune-sym compare NET.npz --data digits --keep 0.2:0.9:0.1 --out compared
  divprune-sym compare NET.onnx --data mnist/ --methods dpp-edge,magnitude-edge \\
      --keep 0.1,0.2,0.4 --layer 0 --theory""",
)
def compare(
    network: Annotated[Path, Parameter(name="NETWORK")],
    /,
    *,
    options: NetworkOptions,
    comparison: ComparisonOptions | None = None,
    theory: Flag = False,
    out: Output = Path("compared"),
    as_json: Json = False,
) -> int:
    """Compare pruning methods on a trained network, with error bars.

    Parameters
    ----------
    network
        The network: an npz, safetensors or onnx file.
    theory
        Also predict what pruning the first of the layers alone does to the fields behind it, as if the inputs were
        Gaussian, and say where that breaks.
    out
        Folder for the table and the figures; what it holds of the same comparison is taken over.
    as_json
        Print what compare.json holds.
    """
    from divprune_sym.bound.report import check_folder

    check_folder(out)
    asked = (comparison or ComparisonOptions()).setting(options.setting(), theory=theory)
    net, data = options.network(network), options.read()
    with resumable(out):
        compared(net, data, asked, out, as_json=as_json)
    return DONE
