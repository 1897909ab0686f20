"""`divprune-sym mnist`: the paper's experiment on MNIST, from the folder of its files."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_json, say
from divprune_sym.cli.network_options import Flag, read_grid
from divprune_sym.cli.options import Json, Output, Whole


@app.command(
    sort_key=75,
    help_epilogue="""\
FOLDER holds train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k
files, plain or .gz; nothing is downloaded. The network (784-500-500-10,
sigmoid) is trained once, and kept in --out; the comparison is that of the
compare command. Interrupted, both go on where they stopped.

Example:
  divprune-sym mnist ~/mnist --repeats 5 --out mnist""",
)
def mnist(
    folder: Annotated[Path, Parameter(name="FOLDER")],
    /,
    *,
    keep: str = "0.2:0.9:0.1",
    repeats: Whole = 5,
    methods: str = "all",
    hidden: str = "500,500",
    epochs: Whole = 15,
    images: Whole | None = None,
    as_published: Flag = False,
    out: Output = Path("mnist"),
    seed: Whole = 1,
    as_json: Json = False,
) -> int:
    """Re-make the paper's experiment on MNIST: train, prune by six methods, refit, with error bars.

    Parameters
    ----------
    folder
        The IDX files.
    keep
        Shares kept in both hidden layers: FROM:TO:STEP, or numbers separated by commas.
    repeats
        Masks drawn by each random method.
    methods
        Names separated by commas, or "all": the paper's six.
    hidden
        Widths of the hidden layers.
    epochs
        Of training.
    images
        Training images that masks and refits are made on. Default: all.
    as_published
        Prune as the authors' code does; docs/prune_a_network.md has the differences.
    out
        Folder for the network, the table and the figures.
    seed
        Seed of everything random.
    as_json
        Print what compare.json holds.
    """
    from divprune_sym.bound.report import check_folder
    from divprune_sym.ground.checks import BadInput, integer
    from divprune_sym.method_names import PAPER
    from divprune_sym.networks import compare_report
    from divprune_sym.networks.compare import CompareSetting
    from divprune_sym.networks.compare import compare as run
    from divprune_sym.networks.data import read_data
    from divprune_sym.networks.experiment import ImageNetwork, first_images, trained
    from divprune_sym.networks.prune import PruneSetting
    from divprune_sym.networks.training import TrainSetting
    from divprune_sym.show.progress import stage

    check_folder(out)
    seed = integer("--seed", seed, 0)
    try:
        widths = tuple(int(width) for width in hidden.split(","))
    except ValueError:
        msg = f"--hidden {hidden[:40]!r}: expected widths such as 500,500"
        raise BadInput(msg) from None
    usual = ImageNetwork().training
    asked = ImageNetwork(widths, TrainSetting(epochs, usual.rate, usual.batch, seed))
    names = PAPER if methods == "all" else tuple(name.strip() for name in methods.split(","))
    how = PruneSetting.as_published() if as_published else PruneSetting()
    comparison = CompareSetting(names, read_grid(keep), repeats, seed, how)
    if not folder.is_dir():
        msg = f"{folder}: is no folder of IDX files"
        raise BadInput(msg)
    data = read_data(folder)
    try:
        begun = monotonic()
        with stage(f"training for {epochs} epochs") as progress:
            network = trained(data, asked, out, progress)
        say(f"network ready after {monotonic() - begun:.0f} s: {network.error(data.x_test, data.y_test):.2%} wrong")
        with stage(f"comparing {len(names)} methods at {len(comparison.keeps)} shares") as progress:
            compared = run(network, first_images(data, images), comparison, out, progress)
    except KeyboardInterrupt:
        say(f"what is finished is in {out}; start the same command again to go on")
        raise
    files = compare_report.write(compared, out)
    if as_json:
        print_json(compared.as_json() | {"files": [str(path) for path in files]})
    else:
        compare_report.print_comparison(compared, files)
    return DONE
