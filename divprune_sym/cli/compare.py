"""`divprune-sym compare`: every method at every share on a network of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_json, say
from divprune_sym.cli.network_options import Flag, NetworkOptions, read_grid
from divprune_sym.cli.options import Json, Methods, Output, Whole, read_methods


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
    methods: Methods = "paper",
    keep: str = "0.2:0.9:0.1",
    repeats: Whole = 5,
    theory: Flag = False,
    out: Output = Path("compared"),
    seed: Whole = 1,
    as_json: Json = False,
) -> int:
    """Compare pruning methods on a trained network, with error bars.

    Parameters
    ----------
    network
        The network: an npz, safetensors or onnx file.
    keep
        Shares kept in every pruned layer: FROM:TO:STEP, or numbers separated by commas.
    repeats
        Masks drawn by each random method.
    theory
        Also predict what pruning the first of the layers alone does to the fields behind it, as if the inputs were
        Gaussian, and say where that breaks.
    out
        Folder for the table and the figures; what it holds of the same comparison is taken over.
    seed
        Seed of everything random.
    as_json
        Print what compare.json holds.
    """
    from divprune_sym.bound.report import check_folder
    from divprune_sym.ground.checks import integer
    from divprune_sym.networks import compare_report
    from divprune_sym.networks.compare import CompareSetting
    from divprune_sym.networks.compare import compare as run
    from divprune_sym.show.progress import stage

    check_folder(out)
    asked = CompareSetting(
        read_methods(methods), read_grid(keep), repeats, integer("--seed", seed, 0), options.setting(), theory
    )
    net = options.network(network)
    found = options.read()
    try:
        with stage(f"comparing {len(asked.methods)} methods at {len(asked.keeps)} shares") as progress:
            compared = run(net, found, asked, out, progress)
    except KeyboardInterrupt:
        say(f"what is finished is in {out}; start the same command again to go on")
        raise
    files = compare_report.write(compared, out)
    if as_json:
        print_json(compared.as_json() | {"files": [str(path) for path in files]})
    else:
        compare_report.print_comparison(compared, files)
    return DONE
