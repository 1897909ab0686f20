"""A user's inputs in an npz file, read row by row: never all in memory, compressed or not."""

from __future__ import annotations

import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.arrays import refusing_damage
from divprune_sym.ground.checks import BadInput, BadShape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

ROWS = 256
LABELS = "labels"


@dataclass(frozen=True)
class Port:
    """An input of a graph.

    Attributes
    ----------
    kind : numpy dtype
    axes : tuple of int or None
        None: of any length.
    """

    kind: Any
    axes: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Inputs:
    """Arrays for every input of a graph, and perhaps labels.

    Attributes
    ----------
    path : Path
    ports : mapping of str to Port
    rows : int
    batch : int
        Rows that are read, and run, at a time.
    labeled : bool
        Whether the file has an array `labels`, (rows,), of whole numbers.
    """

    path: Path
    ports: Mapping[str, Port]
    rows: int
    batch: int
    labeled: bool

    def batches(self) -> Iterator[tuple[dict[str, NDArray[Any]], NDArray[Any] | None]]:
        """(inputs by name, labels), `batch` rows at a time.

        Raises
        ------
        BadInput
            A truncated file, NaN or infinity in it.
        """
        names = [*self.ports, *([LABELS] if self.labeled else [])]
        with ExitStack() as stack:
            with refusing_damage(self.path):
                archive = stack.enter_context(zipfile.ZipFile(self.path))
                files = {name: stack.enter_context(archive.open(f"{name}.npy")) for name in names}
                heads = {name: _head(self.path, name, file) for name, file in files.items()}
            for start in range(0, self.rows, self.batch):
                count = min(self.batch, self.rows - start)
                part = {name: _taken(self.path, name, files[name], *heads[name], count) for name in names}
                labels = part.pop(LABELS, None) if self.labeled else None
                yield {name: self.fitted(name, array) for name, array in part.items()}, labels

    def fitted(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """In the kind of number that the graph takes."""
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            msg = f"{self.path}: {name} holds NaN or infinity"
            raise BadInput(msg)
        return array.astype(self.ports[name].kind, copy=False)


def names_in(path: Path) -> list[str]:
    """The arrays of an npz file.

    Raises
    ------
    BadInput
        It is none, or a truncated one.
    """
    with path.open("rb"):  # a missing file is named by the system's own error
        pass
    with refusing_damage(path), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def ports_of(model: Any) -> dict[str, Port]:
    """The inputs of a graph."""
    from onnx import helper

    held = {tensor.name for tensor in model.graph.initializer}
    ports = {}
    for entry in model.graph.input:
        if entry.name not in held:
            tensor = entry.type.tensor_type
            axes = tuple(axis.dim_value or None for axis in tensor.shape.dim) if tensor.HasField("shape") else None
            ports[entry.name] = Port(helper.tensor_dtype_to_np_dtype(tensor.elem_type), axes)
    return ports


def open_inputs(path: Path, model: Any) -> Inputs:
    """The arrays that a graph's inputs name, checked by their heads.

    Raises
    ------
    BadInput
        An array is missing, unknown, or of a kind that the graph does not take.
    BadShape
        Axes that do not fit the graph, or each other.
    """
    ports = ports_of(model)
    held = names_in(path)
    missing = [name for name in ports if name not in held]
    extra = [name for name in held if name not in (*ports, LABELS)]
    if missing or extra:
        what = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(extra)[:100]} too"
        msg = f"{path}: {what}; the graph takes {', '.join(ports)[:200]}, and {LABELS} may be given"
        raise BadInput(msg)
    heads = {}
    with refusing_damage(path), zipfile.ZipFile(path) as archive:
        for name in held:
            with archive.open(f"{name}.npy") as file:
                heads[name] = _head(path, name, file)
    rows = {name: shape[0] if shape else 0 for name, (shape, _) in heads.items()}
    if len(set(rows.values())) != 1 or not all(rows.values()):
        counts = ", ".join(f"{name} {count}" for name, count in rows.items())
        msg = f"{path}: rows of the arrays: {counts}; expected as many of each, at least one"
        raise BadShape(msg)
    count = next(iter(rows.values()))
    fixed = {_refuse_misfit(path, name, port, heads[name]) for name, port in ports.items()} - {None}
    if len(fixed) > 1 or any(count % int(n or 1) for n in fixed):
        msg = f"{path}: {count} rows; the graph takes {', '.join(map(str, fixed))} at a time, give a multiple"
        raise BadShape(msg)
    if LABELS in heads and (heads[LABELS][0] != (count,) or heads[LABELS][1].kind not in "iu"):
        msg = f"{path}: labels of shape {heads[LABELS][0]}, {heads[LABELS][1]}; expected ({count},) whole numbers"
        raise BadShape(msg)
    return Inputs(path, ports, count, next(iter(fixed), None) or ROWS, LABELS in heads)


def _refuse_misfit(path: Path, name: str, port: Port, head: tuple[tuple[int, ...], Any]) -> int | None:
    """The batch, if the graph fixes it."""
    shape, kind = head
    kinds = "fiu" if port.kind.kind == "f" or port.kind.name == "bfloat16" else port.kind.kind
    if kind.kind not in kinds:
        msg = f"{path}: {name} holds {kind}, the graph takes {port.kind}"
        raise BadInput(msg)
    if port.axes is None:
        return None
    rest = zip(port.axes[1:], shape[1:], strict=False)
    if len(port.axes) != len(shape) or any(wanted is not None and wanted != n for wanted, n in rest):
        wanted = ", ".join("any" if n is None else str(n) for n in port.axes)
        msg = f"{path}: {name} has shape {shape}, the graph takes ({wanted})"
        raise BadShape(msg)
    return port.axes[0]


def _head(path: Path, name: str, file: IO[bytes]) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of the array whose file starts here."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, kind = read(file)
    except (ValueError, EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        msg = f"{path}: array {name} cannot be read ({str(error)[:60]}); write it with numpy.savez"
        raise BadInput(msg) from None
    if kind.hasobject:
        msg = f"{path}: array {name} holds pickled objects, which are never read"
        raise BadInput(msg)
    if fortran and len(shape) > 1:
        msg = f"{path}: array {name} is stored column by column; write numpy.ascontiguousarray of it"
        raise BadInput(msg)
    return shape, kind


def _taken(path: Path, name: str, file: IO[bytes], shape: tuple[int, ...], kind: Any, count: int) -> NDArray[Any]:
    """The next `count` rows."""
    size = count * int(np.prod(shape[1:], dtype=np.int64)) * kind.itemsize
    try:
        content = file.read(size)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        content = b""
    if len(content) != size:
        msg = f"{path}: array {name} is truncated"
        raise BadInput(msg)
    return np.frombuffer(content, kind).reshape(count, *shape[1:])
