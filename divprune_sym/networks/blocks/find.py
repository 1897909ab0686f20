"""Where a graph has a dense block: a matrix product, an elementwise function, and a matrix product of that alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.graphs.elementwise import PLAIN, WITH_ATTRIBUTES
from divprune_sym.networks.graphs.model import array_of, attributes_of, tensors_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# of one tensor of data and constants; Cast and Dropout leave the units where they are
_ELEMENTWISE = {
    *PLAIN,
    *WITH_ATTRIBUTES,
    "Neg",
    "Pow",
    "Clip",
    "PRelu",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Log",
    "Min",
    "Max",
    "Sum",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Where",
}
_PASSED = {"Identity", "Dropout", "Cast"}
_PARTS = ("Split", "Slice")
_SCALED = ("DequantizeLinear",)


@dataclass
class Dense:
    """One matrix product with its bias, in or behind it; its numbers are tensors of the graph.

    Attributes
    ----------
    node : NodeProto
        MatMul or Gemm.
    weight, bias : str or None
        Names of the tensors.
    transposed : bool
        Whether the tensor is (out, in).
    factor, bias_factor : float
        Gemm's alpha and beta.
    output : str
        The tensor after the bias.
    """

    node: Any
    weight: str
    bias: str | None
    transposed: bool
    factor: float
    bias_factor: float
    output: str

    @property
    def input(self) -> str:
        """The tensor that is multiplied."""
        return str(self.node.input[0])


@dataclass
class Block:
    """in → up → elementwise → down; `hidden` is the tensor between the last two.

    Attributes
    ----------
    up, down : Dense
    hidden : str
    between : tuple of str
        All tensors from the first product to the hidden one.
    of_units : tuple of str
        Tensors with a number for each hidden unit, besides weights and bias.
    operators : tuple of str
        Between the two products.
    widths : (int, int, int)
        Inputs, hidden units, outputs.
    """

    up: Dense
    down: Dense
    hidden: str
    between: tuple[str, ...]
    of_units: tuple[str, ...]
    operators: tuple[str, ...]
    widths: tuple[int, int, int]

    @property
    def name(self) -> str:
        """As the graph calls its first product, or the tensor that this makes."""
        return str(self.up.node.name or self.up.node.output[0])

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        inputs, units, outputs = self.widths
        return {
            "name": self.name,
            "inputs": inputs,
            "units": units,
            "outputs": outputs,
            "operators": list(self.operators),
            "hidden": self.hidden,
        }


@dataclass(frozen=True)
class Graph:
    """What pruning sees of a graph.

    Attributes
    ----------
    blocks : tuple of Block
        In the graph's order; what is pruned.
    left_alone : tuple of str
        What would be a block, but for weights that others use too or that are no plain numbers, and what is
        gated or reshaped: one line each.
    """

    blocks: tuple[Block, ...]
    left_alone: tuple[str, ...]


def read_graph(path: Path, model: Any) -> Graph:
    """Every dense block of a graph, and what is none for its weights alone."""
    blocks = find_blocks(path, model)
    free = {id(block.up.node) for block in blocks}
    would = [block for block in _Finder(path, model, shared=True).blocks() if id(block.up.node) not in free]
    finder = _Finder(path, model)
    said = [f"{block.name}: {finder.reason(block)}" for block in would]
    return Graph(tuple(blocks), (*said, *finder.others()))


def find_blocks(path: Path, model: Any) -> list[Block]:
    """Every dense block of a graph, in its order."""
    return list(_Finder(path, model).blocks())


class _Finder:
    """Finds blocks; with `shared`, those too whose weights others use, or that are no plain numbers."""

    def __init__(self, path: Path, model: Any, shared: bool = False) -> None:
        self.path, self.graph, self.shared = path, model.graph, shared
        self.tensors = tensors_of(self.graph)
        self.outputs = {entry.name for entry in self.graph.output}
        self.used = Counter(_names_used(self.graph))
        self.maker = {name: node for node in self.graph.node for name in node.output}
        self.takers: dict[str, list[Any]] = {}
        for node in self.graph.node:
            for name in node.input:
                self.takers.setdefault(name, []).append(node)

    def own(self, name: str) -> bool:
        """Whether a tensor is one that the graph holds, and that one node uses."""
        return name in self.tensors and (self.shared or (self.used[name] == 1 and name not in self.outputs))

    def source(self, name: str) -> tuple[str, bool]:
        """The tensor that a weight is made of, and whether it is transposed on the way."""
        turned = False
        while name not in self.tensors and name in self.maker and (self.shared or self.alone(name)):
            node = self.maker[name]
            if node.op_type == "Transpose" and attributes_of(node).get("perm", [1, 0]) == [1, 0]:
                turned = not turned
            elif node.op_type not in ("Identity", "Cast", *(_SCALED if self.shared else ())):
                break
            name = node.input[0]
        return name, turned

    def reason(self, block: Block) -> str:
        """Why a block is left alone."""
        for dense in (block.up, block.down):
            for place, asked in ((1, dense.weight), (2, dense.bias)):
                if asked is not None and self.used[asked] > 1:
                    return f"its tensor {asked!r} is used {self.used[asked]} times"
                name = dense.node.input[place] if place < len(dense.node.input) else ""
                while asked is not None and name and name not in self.tensors:
                    made = self.maker[name]
                    if made.op_type in _SCALED:
                        return f"its tensor {asked!r} is quantized ({made.op_type})"
                    if self.used[name] > 1:
                        return f"its tensor {name!r} is used {self.used[name]} times"
                    name = made.input[0]
        for name in block.of_units:
            if self.used[name] > 1:
                return f"its tensor {name!r} is used {self.used[name]} times"
        return "a tensor of it is used elsewhere, or is an output of the graph"

    def dense(self, node: Any) -> Dense | None:
        """A product of data with a matrix of its own."""
        if node.op_type not in ("MatMul", "Gemm") or len(node.input) < 2:
            return None
        weight, turned = self.source(node.input[1])
        if not self.own(weight) or len(self.tensors[weight].dims) != 2 or self.source(node.input[0])[0] in self.tensors:
            return None
        attributes = attributes_of(node)
        if attributes.get("transA", 0):
            return None
        bias = self.source(node.input[2])[0] if len(node.input) > 2 and node.input[2] else None
        if bias is not None and not (self.own(bias) and self.is_vector(bias)):
            return None
        transposed = bool(attributes.get("transB", 0)) != turned
        alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
        found = Dense(node, weight, bias, transposed, alpha, beta, node.output[0])
        return found if bias is not None else self.with_bias(found)

    def is_vector(self, name: str) -> bool:
        dims = list(self.tensors[name].dims)
        return bool(dims) and all(n == 1 for n in dims[:-1])

    def with_bias(self, dense: Dense) -> Dense:
        """The bias that the next node adds, if that is all that becomes of the product."""
        takers = self.takers.get(dense.output, [])
        units = self.tensors[dense.weight].dims[0 if dense.transposed else 1]
        if len(takers) != 1 or takers[0].op_type != "Add" or not self.alone(dense.output):
            return dense
        others = [self.source(name)[0] for name in takers[0].input if name != dense.output]
        fits = len(others) == 1 and self.own(others[0]) and self.is_vector(others[0])
        if not fits or self.tensors[others[0]].dims[-1] != units:
            return dense
        return replace(dense, bias=others[0], output=takers[0].output[0])

    def alone(self, name: str) -> bool:
        """Whether one node uses a tensor, once, and the graph does not put it out."""
        return self.used[name] == 1 and name not in self.outputs

    def blocks(self) -> Iterator[Block]:
        downs = {id(node): dense for node in self.graph.node if (dense := self.dense(node)) is not None}
        for node in self.graph.node:
            up = downs.get(id(node))
            if up is None:
                continue
            region = self.region(up)
            down = None if region is None else downs.get(id(region[1]))
            if region is None or down is None or down.input != region[2]:
                continue
            nodes, _, hidden, of_units = region
            units = self.tensors[up.weight].dims[0 if up.transposed else 1]
            inputs = self.tensors[up.weight].dims[1 if up.transposed else 0]
            outputs = self.tensors[down.weight].dims[0 if down.transposed else 1]
            start = [up.node.output[0], *([up.output] if up.output != up.node.output[0] else [])]
            between = (*start, *(name for n in nodes for name in n.output if name))
            operators = tuple(n.op_type for n in nodes)
            yield Block(up, down, hidden, between, tuple(of_units), operators, (inputs, units, outputs))

    def region(self, up: Dense) -> tuple[list[Any], Any, str, list[str]] | None:
        """The elementwise nodes behind a product, the one product that takes what they make, and their last tensor."""
        inside = {up.output}
        nodes: list[Any] = []
        of_units: list[str] = []
        ends: list[tuple[Any, str]] = []
        units = self.tensors[up.weight].dims[0 if up.transposed else 1]
        # the file's order is one in which a node comes after what it takes
        for node in self.graph.node:
            taken = [name for name in node.input if name in inside]
            if not taken:
                continue
            # its units are the second axis: the last of what a Gemm makes
            normalized = node.op_type == "BatchNormalization" and up.node.op_type == "Gemm" and len(node.output) == 1
            if node.op_type not in (*_ELEMENTWISE, *_PASSED) and not normalized:
                ends += [(node, name) for name in taken]
                continue
            others = [name for name in node.input if name and name not in inside]
            constants = [self.fits(name, units) for name in others]
            if not all(constants):
                return None
            of_units += [self.source(name)[0] for name, kind in zip(others, constants, strict=True) if kind == "units"]
            nodes.append(node)
            inside.add(node.output[0])
        if len(ends) != 1 or not self.alone(ends[0][1]) or all(n.op_type in _PASSED for n in nodes):
            return None
        node, hidden = ends[0]
        uses = Counter(name for n in nodes for name in n.input)
        only_here = all(self.used[name] == uses[name] for name in inside - {hidden})
        return (nodes, node, hidden, of_units) if only_here and not inside & self.outputs else None

    def others(self) -> Iterator[str]:
        """What else lies between products but is no block, one line for each product that takes it."""
        for node in self.graph.node:
            down = self.dense(node)
            if down is None:
                continue
            products, operators = self.behind(down.input)
            name, made_of = node.name or node.output[0], ", ".join(products)
            if "gate" in operators and len(products) > 1:
                yield f"{name}: its inputs are products of units ({made_of}), a gated block"
            elif "Reshape" in operators and operators - {"Reshape", "Add", *_PASSED} and len(products) == 1:
                yield f"{name}: its inputs are units ({made_of}) that are reshaped on the way"

    def behind(self, name: str) -> tuple[list[str], set[str]]:
        """The tensors of dense layers that an elementwise function is of, and its operators: gate, for a product."""
        found: list[str] = []
        seen: set[str] = set()
        operators: set[str] = set()
        left = [name]
        while left:
            name = left.pop()
            node = self.maker.get(name)
            if node is None or name in seen:
                continue
            seen.add(name)
            if self.dense(node) is not None or (node.op_type in _PARTS and self.behind(node.input[0])[0]):
                found.append(name)
            elif node.op_type in (*_ELEMENTWISE, *_PASSED, "Reshape"):
                taken = node.input[:1] if node.op_type == "Reshape" else node.input
                made = [one for one in taken if self.source(one)[0] not in self.tensors and one in self.maker]
                operators.add("gate" if node.op_type == "Mul" and len(made) > 1 else node.op_type)
                left += made
        return sorted(found), operators

    def fits(self, name: str, units: int) -> str:
        """What a constant is beside hidden units: one number, one for each unit; "" for anything else."""
        name = self.source(name)[0]
        tensor = self.tensors.get(name)
        if tensor is None:
            made = self.maker.get(name)
            alone = made is not None and made.op_type == "Constant"
            return "number" if alone and attributes_of(made).keys() & {"value_float", "value_int"} else ""
        if not _more_than_one(tensor):
            return "number"
        return "units" if self.own(name) and self.is_vector(name) and tensor.dims[-1] == units else ""


def _more_than_one(tensor: Any) -> bool:
    return int(np.prod(list(tensor.dims) or [1])) != 1


def _names_used(graph: Any) -> Iterator[str]:
    """Every use of a name by a node, those inside of loops and branches too."""
    for node in graph.node:
        yield from (name for name in node.input if name)
        for entry in node.attribute:
            for inner in (*([entry.g] if entry.HasField("g") else []), *entry.graphs):
                yield from _names_used(inner)
                yield from (output.name for output in inner.output)


class Numbers:
    """The weights and biases of blocks as float64 arrays, (out, in) and (out,), read from and written to a model."""

    def __init__(self, path: Path, model: Any) -> None:
        self.path, self.model = path, model
        self.tensors = tensors_of(model.graph)

    def array(self, name: str) -> NDArray[np.float64]:
        """A tensor."""
        return array_of(self.path, self.tensors[name]).astype(np.float64)

    def weights(self, dense: Dense) -> NDArray[np.float64]:
        """What the inputs are multiplied by, (out, in)."""
        array = self.array(dense.weight)
        return np.ascontiguousarray(dense.factor * (array if dense.transposed else array.T))

    def bias(self, dense: Dense) -> NDArray[np.float64] | None:
        """(out,), or None."""
        if dense.bias is None:
            return None
        units = self.tensors[dense.weight].dims[0 if dense.transposed else 1]
        return np.array(np.broadcast_to(dense.bias_factor * self.array(dense.bias).ravel(), (units,)))

    def put(self, name: str, array: NDArray[np.float64]) -> None:
        """Replace the numbers of a tensor, in its own kind of number.

        Raises
        ------
        BadInput
            They do not fit into it.
        """
        from onnx import helper, numpy_helper

        tensor = self.tensors[name]
        kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        with np.errstate(over="ignore"):
            numbers = np.ascontiguousarray(array).astype(kind)
        if not np.isfinite(numbers.astype(np.float64)).all():
            msg = f"{self.path}: the refit of {name} leaves the range of {kind}; give --ridge, or leave out --reweight"
            raise BadInput(msg)
        if np.array_equal(numbers, array_of(self.path, tensor)):
            return  # bit for bit
        new = numpy_helper.from_array(numbers, tensor.name)
        if tensor.HasField("doc_string"):
            new.doc_string = tensor.doc_string
        new.metadata_props.extend(tensor.metadata_props)
        tensor.CopyFrom(new)
        for entry in self.model.graph.input:  # until IR version 4, tensors are declared there too
            if entry.name == name:
                for axis, length in zip(entry.type.tensor_type.shape.dim, array.shape, strict=False):
                    axis.dim_value = length

    def put_weights(self, dense: Dense, W: NDArray[np.float64]) -> None:
        """Set what `weights` gives; what is zero there is zero."""
        self.put(dense.weight, (W if dense.transposed else W.T) / dense.factor)

    def put_bias(self, dense: Dense, b: NDArray[np.float64]) -> None:
        """Set what `bias` gives."""
        if dense.bias is not None:
            lead = len(self.tensors[dense.bias].dims) - 1
            self.put(dense.bias, (b / dense.bias_factor).reshape((1,) * lead + (-1,)))
