"""Options of the commands about real networks, as they are written on the command line."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from divprune_sym.cli.console import print_json, say
from divprune_sym.cli.options import Methods, Whole, read_methods

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from divprune_sym.ground.checks import BadInput
    from divprune_sym.networks.compare import CompareSetting
    from divprune_sym.networks.data import DataSet
    from divprune_sym.networks.masks import PrunedNode
    from divprune_sym.networks.network import DenseNetwork
    from divprune_sym.networks.prune import PruneSetting, Source

Flag = Annotated[bool, Parameter(show_default=False)]


def _refusal(msg: str) -> BadInput:
    # NumPy comes with it: `--help` must not wait for that
    from divprune_sym.ground.checks import BadInput

    return BadInput(msg)


@Parameter(name="*")
@dataclass(frozen=True)
class NetworkOptions:
    """What every command about a real network takes.

    Parameters
    ----------
    activations
        Activations of all layers, separated by commas, for weights that come without: relu,relu,identity.
    layers
        Names of the layers, first to last, separated by commas, where the names of the tensors do not say.
    data
        What to draw masks and to measure on.
    normalize
        MEAN,STD: inputs become (x - MEAN) / STD.
    layer
        Hidden layer to prune, counted from 0; may be given several times. Default: all.
    ridge
        Penalty on the change of weights in least squares, relative to the inputs' mean square.
    original
        Draw masks and fit on the original network's activations, not on those of the pruned layers before.
    silenced
        A pruned node loses its incoming weights and keeps its bias, so that it puts out g(b). Default: it is removed.
    as_published
        As the code of Acharyya et al. (UAI 2021) does: RBF kernels, nodes silenced, their fit without biases, ...;
        docs/prune_a_network.md has the differences in a table.
    """

    data: str
    activations: str | None = None
    layers: str | None = None
    normalize: str | None = None
    layer: Annotated[list[Whole] | None, Parameter(negative=())] = None
    ridge: float = 0.0
    original: Flag = False
    silenced: Flag = False
    as_published: Flag = False

    def setting(self) -> PruneSetting:
        """How to prune, as the flags say together."""
        from divprune_sym.networks.prune import PruneSetting

        layers = None if self.layer is None else tuple(self.layer)
        if self.as_published:
            if self.silenced or self.original or self.ridge:
                msg = "--as-published: is a setting of its own; leave out --silenced, --original and --ridge"
                raise _refusal(msg)
            return PruneSetting.as_published(layers)
        source: Source = "original" if self.original else "pruned"
        pruned_node: PrunedNode = "silenced" if self.silenced else "removed"
        return PruneSetting(layers, source, ridge=self.ridge, pruned_node=pruned_node)

    def network(self, path: Path) -> DenseNetwork:
        """The network in a file; what is to be said of it goes to stderr."""
        from divprune_sym.networks.activations import split_names
        from divprune_sym.networks.formats import read_network
        from divprune_sym.networks.reading import Given

        activations = None if self.activations is None else tuple(split_names(self.activations))
        layers = None if self.layers is None else tuple(name.strip() for name in self.layers.split(","))
        read = read_network(path, Given(activations, layers))
        for note in read.notes:
            say(f"{path}: {note}")
        return read.network

    def read(self) -> DataSet:
        """The data that --data and --normalize name."""
        from divprune_sym.networks.data import read_data

        return read_data(self.data, read_normalize(self.normalize))


@Parameter(name="*")
@dataclass(frozen=True)
class ComparisonOptions:
    """What every command that compares methods on a real network takes.

    Parameters
    ----------
    keep
        Shares kept in every pruned layer: FROM:TO:STEP, or numbers separated by commas.
    repeats
        Masks drawn by each random method.
    seed
        Seed of everything random.
    """

    methods: Methods = "paper"
    keep: str = "0.2:0.9:0.1"
    repeats: Whole = 5
    seed: Whole = 1

    def setting(self, how: PruneSetting, *, theory: bool = False) -> CompareSetting:
        """What is compared."""
        from divprune_sym.ground.checks import integer
        from divprune_sym.networks.compare import CompareSetting

        seed = integer("--seed", self.seed, 0)
        return CompareSetting(read_methods(self.methods), read_grid(self.keep), self.repeats, seed, how, theory)


def compared(network: DenseNetwork, data: DataSet, asked: CompareSetting, out: Path, *, as_json: bool) -> None:
    """Compare, write the table and the figures, and print them."""
    from divprune_sym.networks import compare_report
    from divprune_sym.networks.compare import compare
    from divprune_sym.show.progress import stage

    with stage(f"comparing {len(asked.methods)} methods at {len(asked.keeps)} shares") as progress:
        found = compare(network, data, asked, out, progress)
    files = compare_report.write(found, out)
    if as_json:
        print_json(found.as_json() | {"files": [str(path) for path in files]})
    else:
        compare_report.print_comparison(found, files)


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Say on Ctrl-C where that is which is finished."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"what is finished is in {out}; start the same command again to go on")
        raise


def read_normalize(text: str | None) -> tuple[float, float] | None:
    """MEAN,STD as numbers."""
    if text is None:
        return None
    try:
        mean, std = (float(part) for part in text.split(","))
    except ValueError:
        msg = f"--normalize {text[:40]!r}: expected MEAN,STD such as 0.1307,0.3081"
        raise _refusal(msg) from None
    return mean, std


def read_shares(text: str) -> list[float]:
    """One share, or several separated by commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        msg = f"--keep {text[:40]!r}: expected a share such as 0.3, or one for each layer: 0.3,0.5"
        raise _refusal(msg) from None


def read_grid(text: str) -> tuple[float, ...]:
    """FROM:TO:STEP, or shares separated by commas."""
    if ":" not in text:
        return tuple(read_shares(text))
    try:
        low, high, step = (float(part) for part in text.split(":"))
    except ValueError:
        low, high, step = 1.0, 0.0, 0.0
    if not (0.0 <= low <= high <= 1.0 and step > 0.0 and (high - low) / step < 1000):
        msg = f"--keep {text[:40]!r}: expected FROM:TO:STEP in [0, 1] such as 0.2:0.9:0.1, at most 1000 shares"
        raise _refusal(msg)
    count = int((high - low) / step + 1e-9) + 1
    return tuple(round(low + n * step, 12) for n in range(count))


def shares_of(text: str, layers: tuple[int, ...]) -> dict[int, float]:
    """One share for all layers, or one for each in their order."""
    from divprune_sym.ground.checks import BadInput, number

    shares = [number("--keep", share, 0.0, 1.0) for share in read_shares(text)]
    if len(shares) == 1:
        shares *= len(layers)
    if len(shares) != len(layers):
        msg = f"--keep: {len(shares)} shares for {len(layers)} layers"
        raise BadInput(msg)
    return dict(zip(layers, shares, strict=True))
