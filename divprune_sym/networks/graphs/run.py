"""A model run on a few seeded inputs: every tensor in it, and whether it depends on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.graphs.model import called, tensors_of, widened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Depends = Literal["constant", "shape", "data"]
SCALES, ROWS, SEED = (0.1, 1.0, 10.0), 8, 20
SMALL = 3  # rows of each scale
_FLOATS = {"FLOAT": 2.0**-23, "DOUBLE": 2.0**-52, "FLOAT16": 2.0**-10, "BFLOAT16": 2.0**-7}
# what is read of a tensor's shape, not of its numbers
_OF_SHAPE = ("Shape", "Size")


@dataclass
class Ran:
    """A model on `rows` inputs.

    Attributes
    ----------
    values : dict
        Every tensor by name, as the file's own arithmetic gives it.
    depends : dict
        On what each of them depends: nothing, the shape of the inputs, or the inputs.
    nodes : list
        Those that the declared outputs need, in order.
    eps : float
        Rounding of the coarsest arithmetic on the way.
    notes : list of str
        What was widened or made dense.
    held : dict
        The numbers that the file holds, by name.
    """

    path: Path
    model: Any
    start: str
    nodes: list[Any]
    depends: dict[str, Depends]
    values: dict[str, Any] = field(default_factory=dict)
    rows: int = ROWS
    eps: float = 2.0**-52
    notes: list[str] = field(default_factory=list)
    held: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def outputs(self) -> list[str]:
        """The declared outputs."""
        return [entry.name for entry in self.model.graph.output]


def prepared(path: Path, model: Any) -> Ran:
    """The nodes that matter, and on what their tensors depend; nothing is run yet.

    Raises
    ------
    BadInput
        Not one input, outputs that no node makes, or that do not depend on the input.
    """
    from onnx import inliner

    if not model.graph.output or not all(entry.name for entry in model.graph.output):
        msg = f"{path}: declares no output, or one without a name"
        raise BadInput(msg)
    if model.functions:
        model = inliner.inline_local_functions(model)
    held, notes = widened(path, model)
    graph = model.graph
    start = _start(path, graph)
    nodes = _needed(path, graph, start)
    depends: dict[str, Depends] = dict.fromkeys(tensors_of(graph), "constant")
    depends[start] = "data"
    for node in nodes:
        before = {depends.get(name, "constant") for name in node.input if name}
        kind: Depends = "data" if "data" in before else "shape" if "shape" in before else "constant"
        if node.op_type in _OF_SHAPE and kind == "data":
            kind = "shape"
        depends.update(dict.fromkeys(node.output, kind))
    idle = [entry.name for entry in graph.output if depends.get(entry.name) != "data"]
    if idle:
        msg = f"{path}: output {idle[0]!r} does not depend on the input {start!r}"
        raise BadInput(msg)
    return Ran(path, model, start, nodes, depends, notes=notes, held=held)


def _start(path: Path, graph: Any) -> str:
    given = set(tensors_of(graph))
    inputs = [entry.name for entry in graph.input if entry.name not in given]
    if len(inputs) != 1:
        msg = f"{path}: {len(inputs)} inputs ({', '.join(inputs)[:100]}), expected one"
        raise BadInput(msg)
    return str(inputs[0])


def _needed(path: Path, graph: Any, start: str) -> list[Any]:
    """The nodes that the declared outputs are made of, in the file's order."""
    maker = {name: node for node in graph.node for name in node.output}
    given = {start, *tensors_of(graph)}
    wanted, seen = [entry.name for entry in graph.output], set()
    while wanted:
        name = wanted.pop()
        if name in seen or not name:
            continue
        seen.add(name)
        if name in maker:
            wanted += maker[name].input
        elif name not in given:
            msg = f"{path}: {name!r} is neither an input nor made by any operator"
            raise BadInput(msg)
    return [node for node in graph.node if any(name in seen for name in node.output)]


def run(ran: Ran, width: int | None) -> None:
    """Fill in the values, on inputs of scales 0.1, 1 and 10.

    width: of the input, where the file does not say.

    Raises
    ------
    BadInput
        An input that is no tensor of floats or has an axis of unknown length, or an operator that cannot be run.
    """
    shape, batch, dtype = _input_shape(ran, width)
    if batch is not None and batch > ran.rows:
        ran.rows = batch
    x = seeded(ran.rows, shape).astype(dtype)
    step = batch or ran.rows
    parts = [_run_once(ran, x[start : start + step]) for start in range(0, ran.rows - step + 1, step)]
    ran.rows = step * len(parts)
    ran.values = parts[0] if len(parts) == 1 else {name: _joined(ran, name, parts) for name in parts[0]}
    kinds = {
        np.asarray(ran.values[name]).dtype
        for name, kind in ran.depends.items()
        if kind == "data" and name in ran.values
    }
    ran.eps = max((_eps(kind) for kind in kinds), default=ran.eps)


def seeded(rows: int, shape: Sequence[int]) -> NDArray[np.float64]:
    """Normal inputs (rows, *shape), a third of them on each scale."""
    x = np.random.default_rng(SEED).standard_normal((rows, *shape))
    return x * np.resize(np.repeat(SCALES, SMALL), rows).reshape(rows, *(1 for _ in shape))


def _eps(kind: Any) -> float:
    if kind.name == "bfloat16":
        return _FLOATS["BFLOAT16"]
    return float(np.finfo(kind).eps) if kind.kind == "f" else 0.0


def _joined(ran: Ran, name: str, parts: list[dict[str, Any]]) -> Any:
    if ran.depends.get(name) != "data" or not isinstance(parts[0][name], np.ndarray):
        return parts[0][name]
    return np.concatenate([np.atleast_1d(part[name]) for part in parts])


def _input_shape(ran: Ran, width: int | None) -> tuple[tuple[int, ...], int | None, Any]:
    """Axes of one input, the batch if it is fixed, and the kind of number."""
    from onnx import TensorProto, helper

    entry = next(entry for entry in ran.model.graph.input if entry.name == ran.start)
    tensor = entry.type.tensor_type
    kind = TensorProto.DataType.Name(tensor.elem_type)
    if kind not in _FLOATS:
        msg = f"{ran.path}: input {ran.start!r} is a tensor of {kind.lower()}, expected floats"
        raise BadInput(msg)
    axes = [axis.dim_value or None for axis in tensor.shape.dim] if tensor.HasField("shape") else [None, None]
    shape = axes[1:]
    if len(shape) == 1 and shape[0] is None:
        shape = [width]
    if not shape or None in shape:
        msg = f"{ran.path}: input {ran.start!r} has axes {axes}; only the first, the batch, may be of any length"
        raise BadInput(msg)
    return tuple(int(n or 0) for n in shape), axes[0], helper.tensor_dtype_to_np_dtype(tensor.elem_type)


def _run_once(ran: Ran, x: NDArray[Any]) -> dict[str, Any]:
    from onnx.reference import ReferenceEvaluator

    try:
        with np.errstate(all="ignore"):
            evaluator = ReferenceEvaluator(_bare(ran), new_ops=_exact_operators())
            found = evaluator.run(None, {**ran.held, ran.start: x}, intermediate=True)
    except Exception as failed:  # whatever the evaluator meets in a stranger's graph
        error: BaseException = failed
        while error.__cause__ is not None:  # it wraps what NumPy says
            error = error.__cause__
        msg = f"{ran.path}: cannot be run ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
        raise BadInput(msg) from None
    return dict(found)


def _bare(ran: Ran) -> Any:
    """The nodes that matter, without the tensors, which are given as inputs: to copy them takes as long as to run.

    ZipMap, which onnx.reference lacks, is left out, and what it names is an output instead.
    """
    from onnx import ModelProto, ValueInfoProto

    named = {node.output[0]: node.input[0] for node in ran.nodes if node.op_type == "ZipMap"}
    model = ModelProto(ir_version=ran.model.ir_version, opset_import=ran.model.opset_import)
    model.graph.name = "bare"
    model.graph.node.extend(node for node in ran.nodes if node.op_type != "ZipMap")
    model.graph.input.extend(ValueInfoProto(name=name) for name in (ran.start, *ran.held))
    model.graph.output.extend(ValueInfoProto(name=name) for name in dict.fromkeys(named.get(n, n) for n in ran.outputs))
    return model


def _exact_operators() -> list[Any]:
    """Erf and Gelu in the precision of their input: onnx.reference has them in single precision only."""
    from onnx.reference.op_run import OpRun
    from scipy.special import erf

    class Erf(OpRun):
        op_domain = ""

        def _run(self, x: NDArray[Any]) -> tuple[NDArray[Any]]:
            return (erf(x.astype(np.float64)).astype(x.dtype),)

    class Gelu(OpRun):
        op_domain = ""

        def _run(self, x: NDArray[Any], approximate: str = "none") -> tuple[NDArray[Any]]:
            z = x.astype(np.float64)
            inner = np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)) if approximate == "tanh" else erf(z / 2**0.5)
            return ((0.5 * z * (1 + inner)).astype(x.dtype),)

    return [Erf, Gelu]


def refusal(ran: Ran, node: Any, problem: str) -> BadInput:
    """A refusal that names the file and the node."""
    return BadInput(f"{ran.path}: {called(node)} {problem}")
