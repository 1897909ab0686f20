"""Networks from and to files, one module for each ending of their names: `NAME.py` here reads and writes `.NAME`."""

from __future__ import annotations

import pkgutil
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from divprune_sym.ground.checks import BadInput, instance
from divprune_sym.ground.files import written_aside
from divprune_sym.networks.reading import Given, ReadNetwork

if TYPE_CHECKING:
    from divprune_sym.networks.network import DenseNetwork

PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt")


class FormatNote(UserWarning):
    """Something about a file that its reader should know, such as weights that were widened."""


def load_network(
    path: str | Path, activations: tuple[str, ...] | None = None, layers: tuple[str, ...] | None = None
) -> DenseNetwork:
    """Read a network from an npz, safetensors or ONNX file. Nothing in it is executed but an ONNX file's operators.

    Parameters
    ----------
    path : str or Path
    activations : tuple of str, optional
        One for each layer, for weights that come without.
    layers : tuple of str, optional
        Names of the layers, first to last, where the tensors' names do not say.

    Raises
    ------
    BadInput
        Another ending, a file that cannot be read or does not hold dense layers, or a library that is not installed.
    OSError
        There is no such file, or it may not be read.

    Warns
    -----
    FormatNote
        Weights were widened, or a mask in the file was taken.
    """
    read = read_network(path, Given(activations, layers))
    for note in read.notes:
        warnings.warn(f"{path}: {note}", FormatNote, stacklevel=2)
    return read.network


def read_network(path: str | Path, given: Given | None = None) -> ReadNetwork:
    """`load_network`, with what is to be said beside the network."""
    path = Path(path)
    module = format_of(path)
    refuse_no_file(path)
    try:
        read: ReadNetwork = module.load(path, given or Given())
    except BadInput as error:
        text = str(error)
        if text.startswith(str(path)):
            raise
        msg = f"{path}: {text}"
        raise type(error)(msg) from None
    return read


def refuse_no_file(path: Path) -> None:
    """Raise where there is no file, or something that is none."""
    if path.exists() and not path.is_file():
        msg = f"{path}: is no regular file"
        raise BadInput(msg)
    with path.open("rb"):  # a missing file is named by the system's own error
        pass


def save_network(network: DenseNetwork, path: str | Path, *, float64: bool = False) -> None:
    """Write a network to an npz, safetensors or ONNX file, aside and then renamed, once it was read again and run.

    Parameters
    ----------
    network : DenseNetwork
    path : str or Path
    float64 : bool
        Write float64 numbers; the default is float32, which every runtime has.

    Raises
    ------
    BadInput
        Another ending, a place that cannot be written to, a library that is not installed, or a network that the
        format or its runtime cannot hold.
    """
    from divprune_sym.networks.network import DenseNetwork
    from divprune_sym.networks.written import refuse_another

    instance("network", network, DenseNetwork)
    path = Path(path)
    module = format_of(path)
    content: bytes = module.as_bytes(network, "float64" if float64 else "float32")
    with TemporaryDirectory() as folder:
        again = Path(folder) / path.name
        again.write_bytes(content)
        refuse_another(path, network, module.load(again, Given()).network, float64)
        if hasattr(module, "refuse_unrunnable"):
            module.refuse_unrunnable(path, again, network, float64)
    with written_aside(path) as file:
        file.write(content)


def endings() -> tuple[str, ...]:
    """Of the files that can be read: one for each module in this folder."""
    return tuple(f".{module.name}" for module in pkgutil.iter_modules(__path__))


def format_of(path: Path) -> Any:
    """The module that reads and writes files with this ending.

    Raises
    ------
    BadInput
        There is none, or a library that it needs is not installed.
    """
    if path.suffix in PICKLES:
        msg = f"{path}: {path.suffix} files hold pickled code, which is never run; save as npz, safetensors or ONNX"
        raise BadInput(msg)
    if path.suffix not in endings():
        msg = f"{path}: unknown ending {path.suffix!r}; networks are {', '.join(endings())} files"
        raise BadInput(msg)
    module = import_module(f"{__name__}{path.suffix}")
    for library in module.LIBRARIES:
        if find_spec(library) is None:
            msg = f"{path}: needs {library}; pip install 'divprune-sym[io]'"
            raise BadInput(msg)
    return module
