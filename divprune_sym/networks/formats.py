"""Networks from and to files, by the ending of their names."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from divprune_sym.networks.network import DenseNetwork

# ending: module here, library it needs
_FORMATS = {
    ".npz": ("npz", None),
    ".safetensors": ("safetensors_files", "safetensors"),
    ".onnx": ("onnx_files", "onnx"),
}
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt")


def load_network(path: str | Path) -> DenseNetwork:
    """Read a network from an npz, safetensors or ONNX file. Nothing in it is executed.

    Raises
    ------
    BadInput
        Another ending, a file that cannot be read or does not hold dense layers, or a library that is not installed.
    OSError
        There is no such file, or it may not be read.
    """
    path = Path(path)
    module = _module(path)
    if path.exists() and not path.is_file():
        msg = f"{path}: is no regular file"
        raise BadInput(msg)
    with path.open("rb"):  # a missing file is named by the system's own error
        pass
    try:
        network: DenseNetwork = module.load(path)
    except BadInput as error:
        text = str(error)
        if text.startswith(str(path)):
            raise
        msg = f"{path}: {text}"
        raise type(error)(msg) from None
    return network


def save_network(network: DenseNetwork, path: str | Path) -> None:
    """Write a network to an npz, safetensors or ONNX file, aside and then renamed.

    Raises
    ------
    BadInput
        Another ending, a place that cannot be written to, or a library that is not installed.
    """
    path = Path(path)
    _module(path).save(network, path)


def _module(path: Path) -> Any:
    """What reads and writes files with this ending."""
    if path.suffix in _PICKLES:
        msg = f"{path}: {path.suffix} files hold pickled code, which is never run; save as npz, safetensors or ONNX"
        raise BadInput(msg)
    if path.suffix not in _FORMATS:
        msg = f"{path}: unknown ending {path.suffix!r}; networks are {', '.join(_FORMATS)} files"
        raise BadInput(msg)
    name, library = _FORMATS[path.suffix]
    if library is not None and find_spec(library) is None:
        msg = f"{path}: needs {library}; pip install 'divprune-sym[io]'"
        raise BadInput(msg)
    return import_module(f"divprune_sym.networks.{name}")


def check_ending(path: Path) -> None:
    """Refuse, before any work, a file name that `save_network` would refuse."""
    _module(path)
