"""ONNX files as models: what is beside them loaded, what is sparse or narrow widened, what is broken refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import refuse_beyond_memory

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NARROW = ("FLOAT16", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ")


def read_model(path: Path) -> Any:
    """The model in a file, with the weights that lie in files beside it.

    Raises
    ------
    BadInput
        No ONNX file, a truncated one, weights that are missing or cut off, no operators.
    """
    import onnx
    from google.protobuf.message import DecodeError

    refuse_beyond_memory(str(path), 4 * path.stat().st_size)
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError, UnicodeDecodeError) as error:
        msg = f"{path}: is no ONNX file, or a truncated one ({type(error).__name__})"
        raise BadInput(msg) from None
    if not model.graph.node:
        msg = f"{path}: is no ONNX file, or has no operators"
        raise BadInput(msg)
    for node in model.graph.node:
        if not node.output:
            msg = f"{path}: {called(node)} has no output"
            raise BadInput(msg)
    _load_outside(path, model)
    return model


def _load_outside(path: Path, model: Any) -> None:
    """Take in the tensors that lie in files beside the model; onnx refuses paths that lead out of the folder."""
    from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_model

    outside = [tensor for tensor in tensors_of(model.graph).values() if tensor.data_location]
    if not outside:
        return
    places = {ExternalDataInfo(tensor).location for tensor in outside}
    files = [path.parent / place for place in places]
    missing = [file for file in files if not file.is_file()]
    if missing:
        msg = f"{path}: the values of {outside[0].name} are in {missing[0].name}, which is not beside it"
        raise BadInput(msg)
    refuse_beyond_memory(str(path), 4 * sum(file.stat().st_size for file in files))
    try:
        load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # onnx raises several kinds, for paths, sizes and offsets
        msg = f"{path}: the values beside it cannot be read ({str(error)[:100]})"
        raise BadInput(msg) from None


def tensors_of(graph: Any) -> dict[str, Any]:
    """The tensors that a graph holds, by the name of the value that they are."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            found.update((node.output[0], entry.t) for entry in node.attribute if entry.name == "value")
    return found


def widened(path: Path, model: Any) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Check every tensor, make sparse ones dense, and say which were narrower than float32; the numbers by name.

    Raises
    ------
    BadInput
        A tensor holds fewer numbers than its shape says, or NaN or infinity.
    """
    from onnx import TensorProto, numpy_helper

    for sparse in model.graph.sparse_initializer:
        model.graph.initializer.append(numpy_helper.from_array(_dense(path, sparse), sparse.values.name))
    notes = (
        [f"{len(model.graph.sparse_initializer)} sparse tensors were made dense"]
        if len(model.graph.sparse_initializer)
        else []
    )
    del model.graph.sparse_initializer[:]
    narrow: dict[str, int] = {}
    arrays = {}
    for name, tensor in tensors_of(model.graph).items():
        kind = TensorProto.DataType.Name(tensor.data_type)
        if kind in NARROW:
            narrow[kind.lower()] = narrow.get(kind.lower(), 0) + 1
        array = arrays[name] = array_of(path, tensor)
        wide = array.astype(np.float32) if kind in NARROW else array
        if kind in (*NARROW, "FLOAT", "DOUBLE") and not np.isfinite(wide).all():
            msg = f"{path}: tensor {name} holds NaN or infinity; every weight must be finite"
            raise BadInput(msg)
    return arrays, notes + [f"{count} {kind} tensors were widened to float64" for kind, count in narrow.items()]


def array_of(path: Path, tensor: Any) -> NDArray[Any]:
    """The numbers of a tensor."""
    from onnx import numpy_helper

    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, RuntimeError):
        msg = f"{path}: tensor {tensor.name} holds fewer numbers than its shape says"
        raise BadInput(msg) from None


def _dense(path: Path, sparse: Any) -> NDArray[Any]:
    values, indices = array_of(path, sparse.values), array_of(path, sparse.indices)
    shape = tuple(sparse.dims)
    dense = np.zeros(shape, values.dtype)
    try:
        dense[np.unravel_index(indices, shape) if indices.ndim == 1 else tuple(indices.T)] = values
    except (ValueError, IndexError):
        msg = f"{path}: sparse tensor {sparse.values.name} has indices outside its shape {shape}"
        raise BadInput(msg) from None
    return dense


def attributes_of(node: Any) -> dict[str, Any]:
    """The attributes of a node as plain values."""
    from onnx import helper

    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def called(node: Any) -> str:
    """How messages name a node."""
    return f"operator {node.op_type}" + (f" {node.name!r}" if node.name else "")
