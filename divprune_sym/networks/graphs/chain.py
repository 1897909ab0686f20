"""A graph read as a chain of dense layers: every tensor as what it is of the layer before it.

Between two layers a tensor is s ∘ f(M h + b) + t of the outputs h of the layer before, f a function of one variable.
Matrix products, biases, batch normalization and scalers move into M and b, factors after f into the next layer. So a
graph may spell a layer out in any order of nodes: what counts is what they compute.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.work import one_blas_thread
from divprune_sym.networks.activations import activation, with_numbers
from divprune_sym.networks.classes import classes_of
from divprune_sym.networks.graphs.elementwise import (
    PLAIN,
    WITH_ATTRIBUTES,
    Recognized,
    as_attribute,
    recognized,
    with_attributes,
)
from divprune_sym.networks.graphs.model import attributes_of
from divprune_sym.networks.graphs.run import Ran, prepared, refusal, run
from divprune_sym.networks.graphs.values import Layer, Value
from divprune_sym.networks.graphs.verify import verify
from divprune_sym.networks.network import DenseNetwork

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]


# some exporters write the largest float where there is no bound
_UNBOUNDED = 1e30
LABEL = "label"
_PASSED = (
    "Identity",
    "Cast",
    "CastLike",
    "Dropout",
    "Flatten",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Concat",
)
_LABELS = ("ArgMax", "TopK", "ZipMap", "ArrayFeatureExtractor", "LabelEncoder")
_SOFTMAX = {"Softmax": "softmax", "LogSoftmax": "log-softmax"}


def read_chain(path: Path, model: Any) -> tuple[DenseNetwork, list[str]]:
    """The dense network that a graph computes, checked by running both; and what is to be said of it.

    Raises
    ------
    BadInput
        The graph is something else; the message names the node.
    """
    ran = prepared(path, model)
    reader = _Reader(ran)
    reader.refuse_unknown()
    with one_blas_thread():  # few inputs: threads would wait for each other
        run(ran, reader.width_of_input())
        layers = reader.layers(reader.read())
        verify(ran, reader.values, layers)
    for layer in layers:
        layer.W.setflags(write=False)  # a network need not copy it
    network = DenseNetwork(
        tuple(layer.W for layer in layers),
        tuple(layer.b for layer in layers),
        tuple(layer.activation for layer in layers),
        reader.classes(len(layers[-1].b)),
    )
    return network, [*ran.notes, *reader.notes]


class _Reader:
    """Reads the nodes one by one; every tensor of data becomes a `Value`, or a label."""

    def __init__(self, ran: Ran) -> None:
        self.ran = ran
        self.values: dict[str, Value | str] = {}
        self.closed: dict[int, Layer] = {}
        self.notes: list[str] = []
        self.maker = {name: node for node in ran.nodes for name in node.output}
        self.operators: dict[str, Callable[[Any, Value], Value | str]] = {
            "Gemm": self.gemm,
            "MatMul": self.matmul,
            "Add": self.add,
            "Sub": self.sub,
            "Mul": self.mul,
            "Div": self.div,
            "Neg": lambda node, value: self.scaled(value, -1.0),
            "Pow": self.pow,
            "Clip": self.clip,
            "PRelu": self.prelu,
            "BatchNormalization": self.batch_norm,
            "Scaler": self.scaler,
            "Log": self.log,
            "Concat": self.concat,
            **dict.fromkeys(PLAIN, self.plain),
            **dict.fromkeys(WITH_ATTRIBUTES, self.with_attributes),
            **dict.fromkeys(_SOFTMAX, self.softmax),
            **{name: self.passed for name in _PASSED if name != "Concat"},
            **dict.fromkeys(_LABELS, self.label),
        }

    def refuse(self, node: Any, problem: str) -> BadInput:
        return refusal(self.ran, node, problem)

    def refuse_unknown(self) -> None:
        """Before anything is run: an operator that no dense network has, or products that are no dense layers."""
        products = [
            node
            for node in self.ran.nodes
            if node.op_type in ("MatMul", "Gemm") and self.ran.depends[node.output[0]] == "data"
        ]
        for node in products:
            if self.place(node) != 0:
                raise self.refuse(node, "takes its input second, or multiplies two inputs: it is no dense layer")
            if attributes_of(node).get("transA", 0):
                raise self.refuse(node, "transposes its input: it is no dense layer")
        for node in self.ran.nodes:
            if self.ran.depends[node.output[0]] == "data" and node.op_type not in self.operators:
                known = "Gemm, MatMul, biases, factors, normalization and activations"
                raise self.refuse(node, f"is not supported: a network of dense layers is made of {known}")
        if not products:
            msg = f"{self.ran.path}: has no dense layer before its output"
            raise BadInput(msg)

    def width_of_input(self) -> int | None:
        """The inputs that the first matrix product takes, where the file does not say."""
        tensors = {tensor.name: tuple(tensor.dims) for tensor in self.ran.model.graph.initializer}
        for node in self.ran.nodes:
            if node.op_type in ("MatMul", "Gemm") and len(tensors.get(node.input[1], ())) == 2:
                transposed = node.op_type == "Gemm" and attributes_of(node).get("transB", 0)
                return int(tensors[node.input[1]][1 if transposed else 0])
        return None

    def read(self) -> Value:
        """The value that the graph declares as its output."""
        x = self.ran.values[self.ran.start]
        units = tuple(x.shape[1:])
        count = int(np.prod(units))
        self.values[self.ran.start] = Value(None, units, np.ones(count), np.zeros(count), np.zeros(count))
        for node in self.ran.nodes:
            if self.ran.depends[node.output[0]] != "data":
                continue
            name = next((name for name in node.input if self.ran.depends.get(name) == "data"), "")
            given = self.values[name]
            if isinstance(given, str):
                self.values.update(dict.fromkeys(node.output, LABEL))
                continue
            self.values[node.output[0]] = self.operators[node.op_type](node, given)
        return self.output()

    def output(self) -> Value:
        found = {name: self.values.get(name, LABEL) for name in self.ran.outputs}
        fields = {name: value for name, value in found.items() if isinstance(value, Value)}
        if len({id(value) for value in fields.values()}) > 1:
            msg = f"{self.ran.path}: has {len(fields)} outputs ({', '.join(fields)[:100]}), expected one besides labels"
            raise BadInput(msg)
        if fields:
            return next(iter(fields.values()))
        scores = {id(value): value for value in (self.scores_of(name) for name in found) if value is not None}
        if len(scores) != 1:
            msg = f"{self.ran.path}: output {next(iter(found))!r} is no tensor of one layer's units"
            raise BadInput(msg)
        return next(iter(scores.values()))

    def scores_of(self, name: str) -> Value | None:
        """What the label of that name was chosen from."""
        while name in self.maker:
            node = self.maker[name]
            names = [given for given in node.input if self.ran.depends.get(given) == "data"]
            value = self.values[names[0]]
            if isinstance(value, Value):
                return value
            name = names[0]
        return None

    def constant(self, node: Any, position: int) -> NDArray[np.float64]:
        name = node.input[position] if position < len(node.input) else ""
        if self.ran.depends.get(name) != "constant" or name not in self.ran.values:
            raise self.refuse(node, f"has no constant as its input {position}: it is no part of a dense layer")
        return np.asarray(self.ran.values[name]).astype(np.float64)

    def vector(self, node: Any, position: int, value: Value, verb: str) -> Vector | float:
        """A constant that acts on each unit: (units,), or one number."""
        array = self.constant(node, position)
        if array.size == 1:
            return float(array.ravel()[0])
        axes = len(value.units)
        if array.ndim > axes + 1 or (array.ndim == axes + 1 and array.shape[0] != 1):
            raise self.refuse(node, f"{verb} an array {array.shape}, which is not the same for every input")
        array = array.reshape(array.shape[-axes:] if array.ndim > axes else array.shape)
        try:
            return np.broadcast_to(array, value.units).reshape(-1)
        except ValueError:
            raise self.refuse(node, f"{verb} {array.size} numbers to {value.width} units") from None

    def place(self, node: Any) -> int:
        """Which of two inputs is the data; raises where both are, from different layers."""
        data = [n for n, name in enumerate(node.input) if self.ran.depends.get(name) == "data"]
        return data[0] if len(data) == 1 else -1

    def matmul(self, node: Any, value: Value) -> Value:
        return self.dense(node, value, self.constant(node, 1).T)

    def gemm(self, node: Any, value: Value) -> Value:
        attributes = attributes_of(node)
        W = self.constant(node, 1)
        product = self.dense(node, value, W if attributes.get("transB", 0) else W.T, attributes.get("alpha", 1.0))
        if len(node.input) <= 2 or not node.input[2]:
            return product
        bias = self.vector(node, 2, product, "adds")
        return product.plus(bias * attributes.get("beta", 1.0))

    def dense(self, node: Any, value: Value, W: NDArray[np.float64], factor: float = 1.0) -> Value:
        if W.ndim != 2:
            raise self.refuse(node, f"multiplies by an array of {W.ndim} axes, expected a matrix")
        if any(n != 1 for n in value.units[:-1]) or W.shape[1] != value.width:
            raise self.refuse(
                node, f"multiplies units {value.units} by a matrix ({W.shape[1]}, {W.shape[0]}): no dense layer"
            )
        units = (*value.units[:-1], len(W))
        W = W if factor == 1.0 else factor * W
        if value.layer is None and value.M is None and value.linear:
            given = value.folded()
            layer, s, t, size = None, given.a, given.b, given.size
        else:
            layer = self.close(node, value)
            s, t = (np.broadcast_to(np.asarray(part, dtype=np.float64), (value.width,)) for part in (layer.s, layer.t))
            size = np.abs(t)
        M = W if (s == 1.0).all() else W * s
        b = W @ t if t.any() else np.zeros(len(W))
        return Value(layer, units, np.ones(len(W)), b, np.abs(W) @ size if size.any() else np.zeros(len(W)), M)

    def close(self, node: Any, value: Value) -> Layer:
        """The layer whose output a value is; made once, however many nodes take it."""
        if id(value) in self.closed:
            return self.closed[id(value)]
        tensor = next(name for name, known in self.values.items() if known is value)
        self.closed[id(value)] = self.made(node, value.folded(), tensor)
        return self.closed[id(value)]

    def made(self, node: Any, value: Value, tensor: str) -> Layer:
        if value.M is None:
            raise self.refuse(node, "does not follow a dense layer")
        if value.last:
            return Layer(value.layer, value.M, value.b, value.last, tensor)
        found = recognized(value.f, self.ran.eps)
        if found is None:
            problem = "ends a function that is no activation known here; docs/prune_a_network.md lists them"
            raise self.refuse(self.maker.get(tensor, node), problem)
        inner = found.inner
        W, b = (value.M, value.b) if inner == 1.0 else (inner * value.M, inner * value.b)
        return Layer(value.layer, W, b, found.name, tensor, value.s * found.gain, value.s * found.offset + value.t)

    def layers(self, value: Value) -> list[Layer]:
        """First to last; what follows the last activation becomes a layer of its own."""
        end = next(name for name, known in self.values.items() if known is value)
        if end not in self.maker or (value.layer is None and value.M is None):
            msg = f"{self.ran.path}: has no dense layer before its output"
            raise BadInput(msg)
        last = self.close(self.maker[end], value)
        if np.any(np.asarray(last.s) != 1.0) or np.any(np.asarray(last.t) != 0.0):
            s, t = (np.array(np.broadcast_to(part, (len(last.b),)), dtype=np.float64) for part in (last.s, last.t))
            last = Layer(last, np.diag(s), t, "identity", end)
            self.notes.append("what follows the last activation became a layer of its own")
        chain: list[Layer] = []
        layer: Layer | None = last
        while layer is not None:
            chain.append(layer)
            layer = layer.before
        return chain[::-1]

    def scaled(self, value: Value, factor: Vector | float) -> Value:
        if np.ndim(factor) == 0 and value.bare:
            return replace(value, f=value.f.scaled(float(factor)))
        return value.folded().times(factor)

    def plain_part(self, node: Any, value: Value) -> Value:
        """A value whose function can be composed with others: no factors of single units after it."""
        if value.last:
            raise self.refuse(node, f"follows {value.last}, which is the end of a network here")
        if not value.bare:
            raise self.refuse(node, "does not follow a dense layer: factors of single units come between")
        return value

    def two(self, node: Any, operator: Any) -> Value:
        """An operator on two tensors of data: of the same fields, or no chain."""
        pair = [self.values[name] for name in node.input]
        if not all(isinstance(value, Value) for value in pair):
            raise self.refuse(node, "takes a label")
        one, other = (self.plain_part(node, value) for value in pair if isinstance(value, Value))
        if one.layer is not other.layer or one.M is not other.M or one.b is not other.b or one.a is not other.a:
            raise self.refuse(node, "takes two different tensors: the graph is no chain")
        return replace(one, f=one.f.with_other(operator, other.f))

    def add(self, node: Any, value: Value) -> Value:
        place = self.place(node)
        if place < 0:
            return self.two(node, np.add)
        self.plain_end(node, value)
        return self.shifted(value, self.vector(node, 1 - place, value, "adds"))

    def shifted(self, value: Value, shift: Vector | float) -> Value:
        if np.ndim(shift) == 0 and not value.linear and value.bare:
            amount = float(shift)
            return replace(value, f=value.f.then(lambda y: y + amount))
        return value.plus(shift)

    def plain_end(self, node: Any, value: Value) -> None:
        if value.last:
            raise self.refuse(node, f"follows {value.last}, which is the end of a network here")

    def sub(self, node: Any, value: Value) -> Value:
        place = self.place(node)
        if place < 0:
            return self.two(node, np.subtract)
        self.plain_end(node, value)
        shift = self.vector(node, 1 - place, value, "subtracts")
        return self.shifted(value, -shift) if place == 0 else self.shifted(self.scaled(value, -1.0), shift)

    def mul(self, node: Any, value: Value) -> Value:
        place = self.place(node)
        if place < 0:
            return self.two(node, np.multiply)
        self.plain_end(node, value)
        return self.scaled(value, self.vector(node, 1 - place, value, "multiplies by"))

    def div(self, node: Any, value: Value) -> Value:
        place = self.place(node)
        if place < 0:
            return self.two(node, np.divide)
        self.plain_end(node, value)
        factor = self.vector(node, 1 - place, value, "divides by")
        if place == 0:
            if np.any(np.asarray(factor) == 0.0):
                raise self.refuse(node, "divides by zero")
            return self.scaled(value, 1.0 / factor)
        plain = self.plain_part(node, value)
        return self.scaled(replace(plain, f=plain.f.then(np.reciprocal)), factor)

    def pow(self, node: Any, value: Value) -> Value:
        if self.place(node) != 0:
            raise self.refuse(node, "has the data as its exponent")
        exponent = self.vector(node, 1, value, "takes to the power of")
        if np.ndim(exponent):
            raise self.refuse(node, "has a different exponent for each unit")
        plain = self.plain_part(node, value)
        power = int(exponent) if float(exponent).is_integer() else exponent
        return replace(plain, f=plain.f.then(lambda y: np.asarray(y**power)))

    def clip(self, node: Any, value: Value) -> Value:
        attributes = attributes_of(node)  # until opset 11
        low = attributes.get("min", -np.inf)
        high = attributes.get("max", np.inf)
        if len(node.input) > 1 and node.input[1]:
            low = float(self.constant(node, 1).ravel()[0])
        if len(node.input) > 2 and node.input[2]:
            high = float(self.constant(node, 2).ravel()[0])
        plain = self.plain_part(node, value)
        name: str | None
        bounded = 0.0 < high - low < _UNBOUNDED
        if bounded:  # ReLU6, hardtanh and others: high − low times a hard sigmoid of z / (high − low)
            name = with_numbers("hard-sigmoid", 1.0, as_attribute((0.0 - low) / (high - low), self.ran.eps))
        else:
            name = "relu" if low == 0.0 else None
        f = plain.f.then(lambda y: np.clip(y, low, high), name)
        slopes = {slope / (high - low) for slope in f.slopes} if bounded else set()
        return replace(plain, f=replace(f, slopes=f.slopes | slopes))

    def prelu(self, node: Any, value: Value) -> Value:
        slope = self.vector(node, 1, value, "has slopes")
        if np.ndim(slope) and len(set(np.asarray(slope).tolist())) > 1:
            raise self.refuse(node, "has a slope of its own for each unit; expected one for all")
        name = with_numbers("leaky-relu", float(np.asarray(slope).ravel()[0]))
        plain = self.plain_part(node, value)
        return replace(plain, f=plain.f.then(activation(name), name))

    def plain(self, node: Any, value: Value) -> Value:
        plain = self.plain_part(node, value)
        return replace(plain, f=plain.f.then(*PLAIN[node.op_type]))

    def with_attributes(self, node: Any, value: Value) -> Value:
        plain = self.plain_part(node, value)
        return replace(plain, f=plain.f.then(*with_attributes(node.op_type, attributes_of(node), self.ran.eps)))

    def batch_norm(self, node: Any, value: Value) -> Value:
        attributes = attributes_of(node)
        if attributes.get("training_mode", 0):
            raise self.refuse(node, "is in training mode: its output depends on the other inputs of a batch")
        self.plain_end(node, value)
        scale, shift, mean, variance = (self.constant(node, n) for n in range(1, 5))
        if scale.size != value.units[0]:
            raise self.refuse(node, f"normalizes {scale.size} channels of units {value.units}")
        each = value.width // scale.size
        s = np.repeat(scale / np.sqrt(variance + attributes.get("epsilon", float(np.float32(1e-5)))), each)
        return value.folded().times(s).plus(np.repeat(shift, each) - s * np.repeat(mean, each))

    def scaler(self, node: Any, value: Value) -> Value:
        attributes = attributes_of(node)
        offset, scale = (
            np.asarray(attributes.get(name, (default,)), dtype=np.float64)
            for name, default in (("offset", 0.0), ("scale", 1.0))
        )
        offset, scale = (np.broadcast_to(part, (value.width,)) for part in (offset, scale))
        return value.folded().plus(-offset).times(scale)

    def passed(self, node: Any, value: Value) -> Value | str:
        """An operator that leaves the numbers as they are, in the same order."""
        before, after = (self.ran.values[name] for name in (node.input[0], node.output[0]))
        after = np.asarray(after)
        if node.op_type in ("Cast", "CastLike") and after.dtype.kind in "iubOUS":
            return LABEL
        if len(after) != len(before) or after[0].size != value.width:
            raise self.refuse(node, f"mixes inputs of a batch: {np.shape(before)} becomes {after.shape}")
        same = np.array_equal(np.asarray(before).reshape(len(after), -1), after.reshape(len(after), -1), equal_nan=True)
        if node.op_type not in ("Cast", "CastLike") and not same:
            raise self.refuse(node, "changes the order of the units, or their values at random")
        units = tuple(after.shape[1:])
        return value if units == value.units else replace(value, units=units)

    def label(self, node: Any, value: Value) -> str:
        """What a label is made of: the names of the classes are in ZipMap's attributes, or looked up by ArgMax."""
        return LABEL

    def classes(self, outputs: int) -> tuple[str, ...]:
        """Names of the outputs, from metadata of our own, ZipMap, or the table that ArgMax looks into."""
        own = {entry.key: entry.value for entry in self.ran.model.metadata_props}.get("classes")
        if own is not None and self.ran.model.producer_name == "divprune_sym":
            return tuple(classes_of(self.ran.path, own))
        for node in self.ran.nodes:
            names: list[Any] = []
            if node.op_type == "ZipMap":
                names = next((entry for entry in attributes_of(node).values() if len(entry)), [])
            elif node.op_type == "ArrayFeatureExtractor" and self.ran.depends.get(node.input[0]) == "constant":
                names = np.asarray(self.ran.values[node.input[0]]).ravel().tolist()
            if len(names) == max(outputs, 2):
                return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)
        return ()

    def softmax(self, node: Any, value: Value) -> Value:
        axes = 1 + len(value.units)
        default = -1 if self.opset() >= 13 else 1
        axis = attributes_of(node).get("axis", default)
        last = axis in (-1, axes - 1) or (self.opset() < 13 and axis == 1)
        if not last or any(n != 1 for n in value.units[:-1]):
            raise self.refuse(node, f"acts along axis {axis}, expected that of the units, 1 or -1")
        given = self.plain_part(node, value).folded() if value.linear else value
        if not given.linear or given.M is None:
            raise self.refuse(node, "does not follow a dense layer")
        return replace(given, last=_SOFTMAX[node.op_type])

    def opset(self) -> int:
        return next((int(entry.version) for entry in self.ran.model.opset_import if entry.domain in ("", "ai.onnx")), 1)

    def log(self, node: Any, value: Value) -> Value:
        if value.last == "softmax":
            return replace(value, last="log-softmax")
        plain = self.plain_part(node, value)
        return replace(plain, f=plain.f.then(np.log))

    def concat(self, node: Any, value: Value) -> Value:
        """1 − σ(u) beside σ(u), which is the softmax of 0 and u; or one tensor alone."""
        values = [self.values.get(name) for name in node.input]
        if len(values) == 1:
            return value
        if len(values) == 2 and all(isinstance(one, Value) and one.width == 1 for one in values):
            low, high = (self.plain_part(node, one) for one in values if isinstance(one, Value))
            found = recognized(high.f, self.ran.eps)
            z = np.linspace(-9.0, 9.0, 31)
            halves = low.layer is high.layer and low.M is high.M and low.b is high.b and high.M is not None
            if halves and found is not None and found == Recognized("sigmoid", found.inner) and high.M is not None:
                off = np.abs(low.f.of(z) + high.f.of(z) - 1.0).max()
                M = found.inner * np.concatenate([np.zeros_like(high.M), high.M])
                b = found.inner * np.concatenate([np.zeros(1), high.b])
                if off <= 16 * self.ran.eps:
                    return Value(high.layer, (2,), np.ones(2), b, np.abs(b), M, last="softmax")
        raise self.refuse(node, "joins different tensors: the graph is no chain")
