"""Networks in ONNX files: chains of dense layers and activations; any other operator is refused by its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import refuse_beyond_memory, written_aside
from divprune_sym.networks.network import DenseNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_OPERATORS = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softmax": "softmax", "LogSoftmax": "softmax"}
_PASSED = ("Identity", "Flatten", "Dropout")
_OPSET, _IR = 17, 8
_SLOPE = 1 / np.sqrt(2.0)  # erf is written as Erf(u · 1/√2)


def load(path: Path) -> DenseNetwork:
    """Gemm, or MatMul and Add, each followed by Relu, Sigmoid, Tanh, Erf (of u/√2), Softmax or nothing.

    Raises
    ------
    BadInput
        No ONNX file, a truncated one, weights in other files, another operator, or a graph that is no chain.
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
    chain = _Chain(path, _constants(path, model.graph), _start(path, model.graph))
    for node in model.graph.node:
        chain.take(node)
    return chain.network()


def _constants(path: Path, graph: Any) -> dict[str, NDArray[np.float64]]:
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors.update((node.output[0], entry.t) for entry in node.attribute if entry.name == "value")
    outside = [name for name, tensor in tensors.items() if tensor.data_location]
    if outside:
        msg = f"{path}: the values of {outside[0]} are in another file; save the model as one file"
        raise BadInput(msg)
    try:
        return {name: np.asarray(numpy_helper.to_array(tensor)) for name, tensor in tensors.items()}
    except (ValueError, TypeError, RuntimeError):
        msg = f"{path}: a tensor holds fewer numbers than its shape says"
        raise BadInput(msg) from None


def _start(path: Path, graph: Any) -> str:
    given = {tensor.name for tensor in graph.initializer}
    inputs = [entry.name for entry in graph.input if entry.name not in given]
    if len(inputs) != 1:
        msg = f"{path}: {len(inputs)} inputs, expected one"
        raise BadInput(msg)
    return str(inputs[0])


@dataclass
class _Chain:
    """Reads the operators one by one; each must take what the last one gave."""

    path: Path
    constants: dict[str, NDArray[np.float64]]
    at: str
    weights: list[NDArray[np.float64]] = field(default_factory=list)
    biases: list[NDArray[np.float64]] = field(default_factory=list)
    activations: list[str] = field(default_factory=list)
    scaled: bool = False

    def take(self, node: Any) -> None:
        operator = node.op_type
        if operator == "Constant":
            return
        if self.at not in node.input:
            self.refuse(node, f"does not take {self.at!r}, what comes before it: the graph is no chain")
        read = {"Gemm": self.gemm, "MatMul": self.matmul, "Add": self.add, "Mul": self.mul, "Erf": self.erf}
        if operator in read:
            read[operator](node)
        elif operator in _OPERATORS:
            self.activate(node, _OPERATORS[operator])
        elif operator not in _PASSED:
            known = ", ".join([*read, *_OPERATORS, *_PASSED])
            self.refuse(node, f"is not supported; dense layers are made of {known}")
        self.at = node.output[0]

    def refuse(self, node: Any, problem: str) -> None:
        msg = f"{self.path}: operator {node.op_type} {problem}"
        raise BadInput(msg)

    def constant(self, node: Any, position: int) -> NDArray[np.float64]:
        name = node.input[position] if position < len(node.input) else ""
        if name not in self.constants:
            self.refuse(node, f"has no constant as its input {position}: it is no dense layer")
        return self.constants[name]

    def gemm(self, node: Any) -> None:
        given = {entry.name: entry.f if entry.name in ("alpha", "beta") else entry.i for entry in node.attribute}
        if node.input[0] != self.at or given.get("alpha", 1.0) != 1.0 or given.get("beta", 1.0) != 1.0:
            self.refuse(node, "has alpha or beta other than 1, or takes its input second")
        if given.get("transA", 0):
            self.refuse(node, "transposes its input")
        W = self.constant(node, 1)
        self.dense(W if given.get("transB", 0) else W.T)
        if len(node.input) > 2 and node.input[2]:
            self.biases[-1] = self.as_bias(node, self.constant(node, 2))

    def matmul(self, node: Any) -> None:
        if node.input[0] != self.at:
            self.refuse(node, "takes its input second")
        self.dense(self.constant(node, 1).T)

    def dense(self, W: NDArray[np.float64]) -> None:
        self.weights.append(W)
        self.biases.append(np.zeros(W.shape[0] if W.ndim else 0))
        self.activations.append("identity")

    def add(self, node: Any) -> None:
        bias = self.constant(node, 1 - list(node.input).index(self.at))
        if not self.weights or self.activations[-1] != "identity":
            self.refuse(node, "does not follow a matrix product")
        self.biases[-1] = self.biases[-1] + self.as_bias(node, bias)

    def as_bias(self, node: Any, bias: NDArray[np.float64]) -> NDArray[np.float64]:
        units = len(self.biases[-1])
        if bias.size not in (1, units):
            self.refuse(node, f"adds {bias.size} numbers to {units} units")
        return np.broadcast_to(bias.ravel(), (units,)).astype(np.float64)

    def mul(self, node: Any) -> None:
        factor = self.constant(node, 1 - list(node.input).index(self.at))
        if factor.size != 1 or abs(float(factor.ravel()[0]) - _SLOPE) > 1e-6 or not self.weights:
            self.refuse(node, "is not the factor 1/√2 before Erf")
        self.scaled = True

    def erf(self, node: Any) -> None:
        if not self.scaled:
            self.refuse(node, "without the factor 1/√2 before it: the activation here is erf(u/√2)")
        self.scaled = False
        self.activate(node, "erf")

    def activate(self, node: Any, name: str) -> None:
        if not self.weights or self.activations[-1] != "identity" or self.scaled:
            self.refuse(node, "does not follow a dense layer")
        axis = next((entry.i for entry in node.attribute if entry.name == "axis"), -1)
        if axis not in (-1, 1):
            self.refuse(node, f"acts along axis {axis}, expected that of the units, 1 or -1")
        self.activations[-1] = name

    def network(self) -> DenseNetwork:
        if not self.weights or self.scaled:
            msg = f"{self.path}: has no dense layer" if not self.weights else f"{self.path}: ends with a factor 1/√2"
            raise BadInput(msg)
        return DenseNetwork(tuple(self.weights), tuple(self.biases), tuple(self.activations))


def save(network: DenseNetwork, path: Path) -> None:
    """Float64 Gemm operators and activations; the batch is the first axis."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, tensors, at = [], [], "x"
    written = {ours: theirs for theirs, ours in _OPERATORS.items() if theirs != "LogSoftmax"}
    for n, (W, b, activation) in enumerate(zip(network.weights, network.biases, network.activations, strict=True), 1):
        tensors += [numpy_helper.from_array(W.copy(), f"W{n}"), numpy_helper.from_array(b.copy(), f"b{n}")]
        nodes.append(helper.make_node("Gemm", [at, f"W{n}", f"b{n}"], [f"u{n}"], transB=1))
        at = f"u{n}"
        if activation == "erf":
            tensors.append(numpy_helper.from_array(np.array(_SLOPE), f"slope{n}"))
            nodes.append(helper.make_node("Mul", [at, f"slope{n}"], [f"s{n}"]))
            nodes.append(helper.make_node("Erf", [f"s{n}"], [f"h{n}"]))
            at = f"h{n}"
        elif activation != "identity":
            nodes.append(helper.make_node(written[activation], [at], [f"h{n}"]))
            at = f"h{n}"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["batch", width])
        for name, width in (("x", network.widths[0]), (at, network.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "dense", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="divprune_sym")
    model.ir_version = _IR
    checker.check_model(model)
    with written_aside(path) as file:
        file.write(model.SerializeToString())
