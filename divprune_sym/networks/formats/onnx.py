"""Networks in ONNX files: chains of dense layers however spelled out; any other operator is refused by name."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.activations import numbers_of
from divprune_sym.networks.reading import Given, ReadNetwork
from divprune_sym.networks.written import room, samples

if TYPE_CHECKING:
    from pathlib import Path

    from divprune_sym.networks.network import DenseNetwork

LIBRARIES = ("onnx",)
_OPERATORS = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softmax": "Softmax",
    "log-softmax": "LogSoftmax",
    "leaky-relu": "LeakyRelu",
    "elu": "Elu",
    "hard-sigmoid": "HardSigmoid",
}
_NUMBERS = {"leaky-relu": ("alpha",), "elu": ("alpha",), "hard-sigmoid": ("alpha", "beta")}
_OPSET, _IR = 17, 8
# of these, and Gemm, onnxruntime has kernels for doubles
_DOUBLES = ("relu", "sigmoid", "tanh", "softmax", "log-softmax", "identity", "silu", "gelu-tanh")


def load(path: Path, given: Given) -> ReadNetwork:
    """Gemm or MatMul, with what may stand between: biases, factors, normalization, activations in one node or in many.

    What is read is run beside the file itself.

    Raises
    ------
    BadInput
        No ONNX file, a truncated one, another operator, a graph that is no chain, or --activations or --layers.
    """
    from divprune_sym.networks.graphs.chain import read_chain
    from divprune_sym.networks.graphs.model import read_model

    if given.activations is not None or given.layers is not None:
        msg = f"{path}: says itself what its activations and layers are; leave out --activations and --layers"
        raise BadInput(msg)
    network, notes = read_chain(path, read_model(path))
    return ReadNetwork(network, tuple(notes))


def as_bytes(network: DenseNetwork, kind: str) -> bytes:
    """Gemm operators and activations; the batch is the first axis.

    Raises
    ------
    BadInput
        kind is float64, and an activation has no operator for doubles.
    """
    from onnx import TensorProto, checker, helper

    missing = [name for name in network.activations if kind == "float64" and name not in _DOUBLES]
    if missing:
        msg = f"float64: runtimes have no {missing[0]} on doubles; write float32 numbers, which is the default"
        raise BadInput(msg)
    writer = _Writer(kind)
    at = "x"
    for n, (W, b, name) in enumerate(zip(network.weights, network.biases, network.activations, strict=True), 1):
        inputs = [at, writer.tensor(f"W{n}", W), writer.tensor(f"b{n}", b)]
        at = writer.activate(n, writer.node("Gemm", inputs, f"u{n}", transB=1), name)
    number = TensorProto.DOUBLE if kind == "float64" else TensorProto.FLOAT
    ends = [
        helper.make_tensor_value_info(name, number, ["batch", width])
        for name, width in (("x", network.widths[0]), (at, network.widths[-1]))
    ]
    graph = helper.make_graph(writer.nodes, "dense", ends[:1], ends[1:], writer.tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="divprune_sym")
    model.ir_version = _IR
    if network.classes:
        helper.set_model_props(model, {"classes": json.dumps(network.classes)})
    checker.check_model(model)
    return bytes(model.SerializeToString())


class _Writer:
    """Nodes and tensors of a graph, in the order in which they are made."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def tensor(self, name: str, array: Any) -> str:
        from onnx import numpy_helper

        self.tensors.append(numpy_helper.from_array(np.array(array, dtype=self.kind), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def activate(self, n: int, u: str, name: str) -> str:
        """The nodes of an activation of the fields u."""
        family, numbers = numbers_of(name)
        h = f"h{n}"
        if name == "identity":
            return u
        if family in _OPERATORS:
            given = dict(zip(_NUMBERS.get(family, ()), numbers, strict=True))
            return self.node(_OPERATORS[family], [u], h, **given)
        if name == "silu":
            return self.node("Mul", [u, self.node("Sigmoid", [u], f"sigmoid{n}")], h)
        if name == "gelu-tanh":
            return self.gelu_tanh(n, u)
        slope = self.tensor(f"slope{n}", np.sqrt(0.5))
        erf = self.node("Erf", [self.node("Mul", [u, slope], f"scaled{n}")], h if name == "erf" else f"erf{n}")
        if name == "erf":
            return erf
        half, one = self.tensor(f"half{n}", 0.5), self.tensor(f"one{n}", 1.0)
        share = self.node("Mul", [self.node("Add", [erf, one], f"plus{n}"), half], f"share{n}")
        return self.node("Mul", [u, share], h)

    def gelu_tanh(self, n: int, u: str) -> str:
        cube = self.node("Mul", [self.node("Mul", [u, u], f"square{n}"), u], f"cube{n}")
        bent = self.node("Mul", [cube, self.tensor(f"bend{n}", 0.044715)], f"bent{n}")
        inner = self.node(
            "Mul", [self.node("Add", [u, bent], f"sum{n}"), self.tensor(f"c{n}", np.sqrt(2 / np.pi))], f"in{n}"
        )
        one = self.node("Add", [self.node("Tanh", [inner], f"tanh{n}"), self.tensor(f"one{n}", 1.0)], f"plus{n}")
        return self.node("Mul", [u, self.node("Mul", [one, self.tensor(f"half{n}", 0.5)], f"share{n}")], f"h{n}")


def refuse_unrunnable(path: Path, written: Path, network: DenseNetwork, float64: bool) -> None:
    """Raise where onnxruntime, if it is installed, does not load a written file or computes something else."""
    if find_spec("onnxruntime") is None:
        return
    from divprune_sym.networks.graphs.session import session

    kind = "float64" if float64 else "float32"
    x = samples(network.widths[0]).astype(kind)
    (found,) = session(written).run(None, {"x": x})
    eps = 2.0**-52 if float64 else 2.0**-23
    wanted = network.forward(x.astype(np.float64))
    if not (np.abs(found - wanted) <= room(network, x.astype(np.float64), 2 * eps)).all():
        msg = f"{path}: onnxruntime computes something else with what was to be written; please report it"
        raise BadInput(msg)
