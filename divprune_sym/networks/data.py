"""Data to prune and measure on: npz, the IDX files of MNIST and its kin, scikit-learn's digits, OpenML by name."""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.arrays import read_arrays
from divprune_sym.ground.checks import BadInput, BadShape, number, real_array
from divprune_sym.ground.files import refuse_beyond_memory
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.networks.network import DenseNetwork

_NAMES = ("x_train", "y_train", "x_test", "y_test")
_IDX = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_TEST_SHARE, _SPLIT_SEED = 0.3, 0


@dataclass(frozen=True, eq=False)
class DataSet(ByValue):
    """Inputs and targets.

    Parameters
    ----------
    x_train, x_test : (n, d), or (n, h, w) and so on, which is flattened
    y_train, y_test : (n,) or (n, 1) integers or strings, or (n, out) floats
        Labels of a classification, 0, 1, … or the names of classes; or targets of a regression.

    Raises
    ------
    BadShape
        Arrays that do not fit each other.
    BadInput
        Entries that are not finite numbers, no rows, labels below 0.
    """

    x_train: NDArray[np.float64]
    y_train: NDArray[Any]
    x_test: NDArray[np.float64]
    y_test: NDArray[Any]

    def __post_init__(self) -> None:
        width: int | None = None
        for part in ("train", "test"):
            x = _flat(getattr(self, f"x_{part}"))
            x = real_array(f"x_{part}", x, (None, width))
            width = x.shape[1]
            if len(x) == 0:
                msg = f"x_{part}: no rows"
                raise BadInput(msg)
            object.__setattr__(self, f"x_{part}", x)
            object.__setattr__(self, f"y_{part}", _targets(f"y_{part}", getattr(self, f"y_{part}"), len(x)))
        if self.y_train.dtype.kind != self.y_test.dtype.kind or self.y_train.shape[1:] != self.y_test.shape[1:]:
            msg = "y_train and y_test: one holds labels and the other targets, or they differ in width"
            raise BadShape(msg)

    @property
    def classifies(self) -> bool:
        """Whether the targets are labels."""
        return self.y_test.dtype.kind in "iU"

    def normalized(self, mean: float, std: float) -> DataSet:
        """With inputs (x − mean)/std."""
        std = number("std", std, 1e-300)
        mean = number("mean", mean)
        with np.errstate(over="ignore"):  # what overflows is refused by name
            return replace(self, x_train=(self.x_train - mean) / std, x_test=(self.x_test - mean) / std)

    def fitted_to(self, network: DenseNetwork) -> DataSet:
        """With labels as numbers of the network's outputs; refused where the two do not fit.

        Raises
        ------
        BadShape
            Rows or targets of another width.
        BadInput
            A label that names no output.
        """
        network.refuse_width("x_train", self.x_train)
        if self.classifies and (network.classes or self.y_test.dtype.kind == "U"):
            return replace(self, y_train=self._numbered("train", network), y_test=self._numbered("test", network))
        self._refuse_outputs(network)
        return self

    def _numbered(self, part: str, network: DenseNetwork) -> NDArray[np.int64]:
        y = getattr(self, f"y_{part}")
        if not network.classes:
            msg = f"y_{part}: labels are names ({', '.join(np.unique(y)[:4])}), the network's outputs have none; "
            msg += "number them 0, 1, … in the order of the outputs"
            raise BadInput(msg)
        number = {name: n for n, name in enumerate(network.classes)}
        unknown = [label for label in np.unique(y).astype(str).tolist() if label not in number]
        if unknown:
            msg = f"y_{part}: label {unknown[0][:40]!r}; the network's classes are {', '.join(network.classes)[:160]}"
            raise BadInput(msg)
        return np.array([number[label] for label in y.astype(str).tolist()], dtype=np.int64)

    def _refuse_outputs(self, network: DenseNetwork) -> None:
        outputs = network.widths[-1]
        for part, y in (("train", self.y_train), ("test", self.y_test)):
            if not self.classifies and y.shape[1] != outputs:
                msg = f"y_{part}: {y.shape[1]} targets in each row, the network has {outputs} outputs"
                raise BadShape(msg)
            if self.classifies and y.max() >= max(outputs, 2):
                msg = f"y_{part}: label {y.max()}, the network's {outputs} outputs name 0 to {max(outputs, 2) - 1}"
                raise BadInput(msg)


def _flat(x: Any) -> Any:
    """Images and other inputs of several axes as rows."""
    array = np.asarray(x)
    return array.reshape(len(array), -1) if array.ndim > 2 and len(array) else array


def _targets(name: str, y: Any, rows: int) -> NDArray[Any]:
    array = np.asarray(y)
    if array.dtype.kind in "biuU" and array.shape == (rows, 1):
        array = array[:, 0]
    if array.dtype.kind == "U" and array.ndim == 1:
        if array.shape != (rows,):
            msg = f"{name}: {len(array)} labels for {rows} rows"
            raise BadShape(msg)
        return array
    if array.dtype.kind in "biu" and array.ndim == 1:
        if array.shape != (rows,):
            msg = f"{name}: {len(array)} labels for {rows} rows"
            raise BadShape(msg)
        if array.size and array.min() < 0:
            msg = f"{name}: label {array.min()}, must be at least 0"
            raise BadInput(msg)
        if array.size and array.max() > np.iinfo(np.int64).max:
            msg = f"{name}: label {array.max()}, no network has so many outputs"
            raise BadInput(msg)
        return array.astype(np.int64)
    return real_array(name, array[:, None] if array.ndim == 1 else array, (rows, None))


def read_data(source: str | Path, normalize: tuple[float, float] | None = None) -> DataSet:
    """The data that a name or path stands for.

    Parameters
    ----------
    source : str or Path
        ``digits`` (scikit-learn's 8 × 8 digits, pixels 0 to 1); ``openml:NAME``; an npz file with x_train, y_train,
        x_test, y_test; or a folder of IDX files, plain or .gz (pixels divided by 255).
    normalize : (mean, std), optional
        Inputs become (x − mean)/std.

    Raises
    ------
    BadInput
        Nothing of the kind can be read there; the message says why.
    """
    text = str(source)
    if text == "digits":
        data = _digits()
    elif text.startswith("openml:"):
        data = _openml(text.removeprefix("openml:"))
    elif not text:
        msg = "data '': expected digits, openml:NAME, an npz file, or a folder of IDX files"
        raise BadInput(msg)
    elif Path(text).is_dir():
        data = _idx_folder(Path(text))
    else:
        data = _npz(Path(text))
    return data if normalize is None else data.normalized(*normalize)


def _npz(path: Path) -> DataSet:
    if path.exists() and not path.is_file():  # reading a device may never end
        msg = f"{path}: is no regular file"
        raise BadInput(msg)
    with path.open("rb"):  # a missing file is named by the system's own error
        pass
    arrays = read_arrays(path)
    missing = [name for name in _NAMES if name not in arrays]
    if missing:
        msg = f"{path}: lacks {', '.join(missing)}; it has {', '.join(arrays)[:200] or 'nothing'}"
        raise BadInput(msg)
    return _named(path, {name: arrays[name] for name in _NAMES})


def _named(path: Path, arrays: dict[str, Any]) -> DataSet:
    try:
        return DataSet(**arrays)
    except BadInput as error:
        msg = f"{path}: {error}"
        raise type(error)(msg) from None


def _idx_folder(folder: Path) -> DataSet:
    arrays: dict[str, Any] = {name: read_idx(_found(folder, file)) for name, file in _IDX.items()}
    for name in ("x_train", "x_test"):
        arrays[name] = arrays[name].reshape(len(arrays[name]), -1) / 255.0
    return _named(folder, arrays)


def _found(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz", folder / name.replace("-idx", ".idx")):
        if candidate.is_file():
            return candidate
    msg = f"{folder}: has no {name} (or {name}.gz)"
    raise BadInput(msg)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of an IDX file of unsigned bytes, plain or compressed (.gz).

    Raises
    ------
    BadInput
        It is none, it is truncated, or it needs more memory than there is.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            head = file.read(4)
            axes = head[3] if len(head) == 4 else 0
            sizes = file.read(4 * axes)
            if head[:3] != b"\0\0\x08" or not 1 <= axes <= 4 or len(sizes) != 4 * axes:
                msg = f"{path}: is no IDX file of unsigned bytes"
                raise BadInput(msg)
            shape = [int(n) for n in np.frombuffer(sizes, dtype=">u4")]
            size = prod(shape)
            if size == 0:
                msg = f"{path}: holds nothing, its axes are {' × '.join(map(str, shape))}"
                raise BadInput(msg)
            refuse_beyond_memory(str(path), 17 * size)  # the bytes, and two copies as float64
            values = np.frombuffer(file.read(size), dtype=np.uint8)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        if isinstance(error, BadInput) or (isinstance(error, OSError) and error.filename is not None):
            raise
        msg = f"{path}: truncated, or no gzip file"
        raise BadInput(msg) from None
    if len(values) != size:
        msg = f"{path}: truncated, {len(values)} of {size} bytes"
        raise BadInput(msg)
    return values.reshape(shape)


def _digits() -> DataSet:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _split(x / 16.0, y)


def _split(x: NDArray[np.float64], y: NDArray[np.int64]) -> DataSet:
    from sklearn.model_selection import train_test_split

    parts = train_test_split(x, y, test_size=_TEST_SHARE, random_state=_SPLIT_SEED, stratify=y)
    return DataSet(parts[0], parts[2], parts[1], parts[3])


def _openml(name: str) -> DataSet:
    """A set whose features are numbers and whose target is a class; split 70 to 30 by a fixed seed."""
    from sklearn.datasets import fetch_openml

    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", name):
        msg = f"openml:{name[:80]}: expected a name of letters, digits, - _ and ."
        raise BadInput(msg)
    try:
        with warnings.catch_warnings():  # of each retry; the refusal below says it once
            warnings.simplefilter("ignore")
            found = fetch_openml(name, version=1, as_frame=False, parser="liac-arff")
    except Exception as error:  # whatever the network and the archive bring
        msg = f"openml:{name}: cannot be fetched ({type(error).__name__}: {str(error)[:80]}); give a file instead"
        raise BadInput(msg) from None
    return _labeled(name, found.data, found.target)


def _labeled(name: str, x: Any, target: Any) -> DataSet:
    """Features as numbers, scaled to at most 1; labels numbered in the order of their names."""
    x = real_array(f"openml:{name}", x, (None, None))
    labels = np.unique(np.asarray(target).astype(str), return_inverse=True)[1]
    return _split(x / max(1.0, float(np.abs(x).max(initial=0.0))), labels)
