"""`divprune-sym mnist`: the paper's experiment on MNIST, from the folder of its files."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, say
from divprune_sym.cli.network_options import ComparisonOptions, Flag, compared, resumable
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
    comparison: ComparisonOptions | None = None,
    hidden: str = "500,500",
    epochs: Whole = 15,
    images: Whole | None = None,
    as_published: Flag = False,
    out: Output = Path("mnist"),
    as_json: Json = False,
) -> int:
    """Re-make the paper's experiment on MNIST: train, prune by six methods, refit, with error bars.

    Parameters
    ----------
    folder
        The IDX files.
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
    as_json
        Print what compare.json holds.
    """
    from divprune_sym.bound.report import check_folder
    from divprune_sym.ground.checks import BadInput, integer
    from divprune_sym.networks.data import read_data
    from divprune_sym.networks.experiment import ImageNetwork, first_images, trained
    from divprune_sym.networks.prune import PruneSetting
    from divprune_sym.networks.training import TrainSetting
    from divprune_sym.show.progress import stage

    check_folder(out)
    if images is not None:
        integer("--images", images, 1)
    try:
        widths = tuple(int(width) for width in hidden.split(","))
    except ValueError:
        msg = f"--hidden {hidden[:40]!r}: expected widths such as 500,500"
        raise BadInput(msg) from None
    usual = ImageNetwork().training
    how = PruneSetting.as_published() if as_published else PruneSetting()
    setting = (comparison or ComparisonOptions()).setting(how)
    asked = ImageNetwork(widths, TrainSetting(epochs, usual.rate, usual.batch, setting.seed))
    if not folder.is_dir():
        msg = f"{folder}: is no folder of IDX files"
        raise BadInput(msg)
    data = read_data(folder)
    with resumable(out):
        begun = monotonic()
        with stage(f"training for {epochs} epochs") as progress:
            network = trained(data, asked, out, progress)
        say(f"network ready after {monotonic() - begun:.0f} s: {network.error(data.x_test, data.y_test):.2%} wrong")
        compared(network, first_images(data, images), setting, out, as_json=as_json)
    return DONE
