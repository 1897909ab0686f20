"""Blocks of graphs pruned to a budget and in steps; weights in every guise; what is left alone, and said."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from divprune_sym.cli import main
from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.blocks import schedules
from divprune_sym.networks.blocks.find import Numbers, find_blocks, read_graph
from divprune_sym.networks.blocks.inputs import open_inputs
from divprune_sym.networks.blocks.moments import moments_of
from divprune_sym.networks.blocks.prune import prune_graph
from divprune_sym.networks.blocks.report import report
from divprune_sym.networks.blocks.schedules import allocated_blocks, kept_parameters, prune_graph_in_steps
from divprune_sym.networks.graphs.model import read_model
from divprune_sym.networks.prune import PruneSetting
from divprune_sym.pruning import METHODS

onnxruntime = pytest.importorskip("onnxruntime")
node = helper.make_node
FLOAT, HALF, BF16 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16
N, SEQUENCE, WIDTH, HIDDEN = 300, 3, 8, 12


class Builder:
    """A graph of one input x, tensor by tensor."""

    def __init__(self, kind=FLOAT):
        self.kind, self.nodes, self.tensors = kind, [], []
        self.rng = np.random.default_rng(3)

    def tensor(self, name, *shape, scale=1.0, kind=None):
        array = scale * self.rng.normal(size=shape)
        kind = kind or self.kind
        if kind == BF16:
            self.tensors.append(helper.make_tensor(name, BF16, shape, array.ravel()))
        else:
            self.tensors.append(numpy_helper.from_array(array.astype(helper.tensor_dtype_to_np_dtype(kind)), name))
        return name

    def number(self, name, value):
        kind = helper.tensor_dtype_to_np_dtype(self.kind)
        self.tensors.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def add(self, operator, *inputs, **attributes):
        out = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(node(operator, list(inputs), [out], **attributes))
        return out

    def model(self, shape, output):
        axes = ["n", *([SEQUENCE] if len(shape) == 2 else []), None]
        ends = [helper.make_tensor_value_info(output, self.kind, axes)]
        start = helper.make_tensor_value_info("x", self.kind, ["n", *shape])
        graph = helper.make_graph(self.nodes, "g", [start], ends, self.tensors)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        made.ir_version = 8
        helper.set_model_props(made, {"trained": "yesterday"})
        onnx.checker.check_model(made)
        return made


def weights_as(build, how, name, *shape):
    """A matrix (in, out), plain or as exporters hide it."""
    scale = 1 / np.sqrt(shape[0])
    if how == "transposed":
        return build.add("Transpose", build.tensor(name, *shape[::-1], scale=scale), perm=[1, 0])
    if how == "bfloat16":
        return build.add("Cast", build.tensor(name, *shape, scale=scale, kind=BF16), to=build.kind)
    if how == "constant":
        held = Builder(build.kind)
        held.rng = build.rng
        held.tensor(name, *shape, scale=scale)
        out = build.add("Constant", value=held.tensors[0])
        return build.add("Identity", out)
    return build.tensor(name, *shape, scale=scale)


def transformer(how="plain", kind=FLOAT):
    """LayerNorm, the feed-forward block of a transformer with its Gelu spelled out, the residual sum, twice."""
    build = Builder(kind)
    at = "x"
    for n in range(2):
        normed = build.add("LayerNormalization", at, build.tensor(f"g{n}", WIDTH), build.tensor(f"s{n}", WIDTH))
        W, V = weights_as(build, how, f"W{n}", WIDTH, HIDDEN), weights_as(build, how, f"V{n}", HIDDEN, WIDTH)
        u = build.add("Add", build.add("MatMul", normed, W), build.tensor(f"b{n}", HIDDEN))
        erf = build.add("Erf", build.add("Div", u, build.number(f"root{n}", np.sqrt(2.0))))
        half = build.add("Mul", u, build.add("Add", erf, build.number(f"one{n}", 1.0)))
        h = build.add("Mul", half, build.number(f"half{n}", 0.5))
        v = build.add("Add", build.tensor(f"c{n}", WIDTH), build.add("MatMul", h, V))
        at = build.add("Add", at, v)
    return build.model((SEQUENCE, WIDTH), at), (SEQUENCE, WIDTH)


def conv_head(kind=FLOAT):
    """A convolution, pooling, and two Gemm layers with a Relu between."""
    build = Builder(kind)
    found = build.add("Relu", build.add("Conv", "x", build.tensor("K", WIDTH, 1, 3, 3), build.tensor("k", WIDTH)))
    flat = build.add("Flatten", build.add("GlobalAveragePool", found))
    u = build.add("Gemm", flat, build.tensor("W", HIDDEN, WIDTH), build.tensor("b", HIDDEN), transB=1)
    y = build.add("Gemm", build.add("Relu", u), build.tensor("V", HIDDEN, 4), build.tensor("c", 4), alpha=0.5, beta=2.0)
    return build.model((1, 6, 6), y), (1, 6, 6)


GRAPHS = {
    "transformer": transformer,
    "transposed": lambda: transformer("transposed"),
    "bfloat16 weights": lambda: transformer("bfloat16"),
    "constant nodes": lambda: transformer("constant"),
    "half": lambda: transformer(kind=HALF),
    "head": conv_head,
    "half head": lambda: conv_head(HALF),
}


def saved(tmp_path, model, shape, **more):
    path, data = tmp_path / "m.onnx", tmp_path / "d.npz"
    onnx.save(model, path)
    np.savez(data, x=np.random.default_rng(1).normal(size=(N, *shape)).astype(np.float32), **more)
    read = read_model(path)
    return path, read, open_inputs(data, read)


@pytest.fixture(params=GRAPHS)
def graph(request, tmp_path):
    return saved(tmp_path, *GRAPHS[request.param]())


def run(model, inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, fed)[0].astype(np.float64) for fed, _ in inputs.batches()])


def rest(path, model):
    """Everything that is no weight or bias of a block, bit for bit."""
    blocks = find_blocks(path, model)
    names = {name for b in blocks for d in (b.up, b.down) for name in (d.weight, d.bias)}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for name, tensor in Numbers(path, copy).tensors.items():
        if name in names:
            tensor.CopyFrom(TensorProto(name=tensor.name))
    return copy.SerializeToString(deterministic=True)


@pytest.mark.parametrize("method", ["importance-node", "magnitude-edge"])
def test_weights_in_every_guise(graph, method):
    path, model, inputs = graph
    blocks = find_blocks(path, model)
    assert {block.widths[1] for block in blocks} == {HIDDEN}
    before = run(model, inputs)
    shares = dict.fromkeys(range(len(blocks)), 0.5)
    fitted, small = (
        prune_graph(path, model, inputs, method, shares, 1, PruneSetting(reweight=True), compact=compact)
        for compact in (False, True)
    )
    plain = prune_graph(path, model, inputs, method, shares, 1, PruneSetting())
    assert rest(path, fitted.model) == rest(path, model)
    half = Numbers(path, model).tensors[blocks[0].up.weight].data_type != FLOAT
    np.testing.assert_allclose(
        run(small.model, inputs), run(fitted.model, inputs), atol=0.05 if half else 1e-4, rtol=1e-7
    )
    off = [np.mean((run(one.model, inputs) - before) ** 2) for one in (plain, fitted)]
    assert 0 < off[1] < off[0]
    costs, (output,) = report(path, model, fitted, inputs)
    assert output.mean_square_difference == pytest.approx(off[1], rel=0.02)
    assert all(cost.kept_parameters < cost.parameters for cost in costs)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"random-nm-edge"}))
def test_steps_prune_what_the_last_one_left(tmp_path, method, monkeypatch):
    path, model, inputs = saved(tmp_path, *transformer())
    seen = []
    real = schedules.prune_graph

    def spy(*args, **named):
        seen.append(real(*args, **named))
        return seen[-1]

    monkeypatch.setattr(schedules, "prune_graph", spy)
    how = PruneSetting(reweight=True)
    found, small = (
        prune_graph_in_steps(path, model, inputs, method, {0: 0.25, 1: 0.5}, 3, 4, how, compact=compact)
        for compact in (False, True)
    )
    assert found.mask.fractions == pytest.approx({0: 0.25, 1: 0.5})
    for one, other in zip(found.mask.kept.values(), small.mask.kept.values(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(run(small.model, inputs), run(found.model, inputs), atol=1e-4, rtol=1e-7)
    assert rest(path, found.model) == rest(path, model)
    if found.mask.unit == "edge":
        for before, now in pairwise(seen[:3]):
            assert all((now.mask.kept[n] <= before.mask.kept[n]).all() for n in now.mask.kept)
    once = prune_graph_in_steps(path, model, inputs, method, {0: 0.25, 1: 0.5}, 1, 4, how)
    plain = prune_graph(path, model, inputs, method, {0: 0.25, 1: 0.5}, np.random.default_rng(4), how)
    np.testing.assert_allclose(run(once.model, inputs), run(plain.model, inputs), atol=1e-4, rtol=1e-7)


@pytest.mark.parametrize("method", ["importance-node", "dpp-node", "magnitude-edge"])
@pytest.mark.parametrize("budget", [0.65, 0.85])
def test_a_budget_is_kept(tmp_path, method, budget):
    path, model, inputs = saved(tmp_path, *transformer())
    blocks = dict(enumerate(find_blocks(path, model)))
    shares = allocated_blocks(path, model, inputs, method, (0, 1), budget, 4, PruneSetting(reweight=True))
    pruned = prune_graph(path, model, inputs, method, shares, 4, PruneSetting(reweight=True), compact=True)
    costs = report(path, model, pruned, inputs)[0]
    whole, left = (sum(getattr(one, name) for one in costs) for name in ("parameters", "kept_parameters"))
    assert left <= kept_parameters(blocks, pruned.mask.unit, shares) <= budget * whole
    assert left > (budget - 0.15) * whole


def test_the_block_that_hurts_less_gives_up_more(tmp_path):
    """The second block's units are copies of each other, two and two."""
    model, shape = transformer()
    for name, axis in (("W1", 1), ("b1", 0)):
        tensor = next(t for t in model.graph.initializer if t.name == name)
        array = numpy_helper.to_array(tensor)
        half = np.take(array, np.arange(HIDDEN // 2), axis)
        tensor.CopyFrom(numpy_helper.from_array(np.concatenate([half, half], axis), name))
    path, read, inputs = saved(tmp_path, model, shape)
    shares = allocated_blocks(path, read, inputs, "dpp-node", (0, 1), 0.7, 4, PruneSetting(reweight=True))
    assert shares[1] <= 0.5 < shares[0]


def test_a_block_alone_puts_out_what_it_does_in_the_graph(graph):
    path, model, inputs = graph
    block = find_blocks(path, model)[-1]
    received = schedules._received(model, inputs, [block.up.input])[block.up.input]
    part = schedules.alone(model, block, received)
    fed, _ = next(iter(inputs.batches()))
    names = [block.up.input, block.down.output]
    session = onnxruntime.InferenceSession(schedules.with_outputs(model, names), providers=["CPUExecutionProvider"])
    given, wanted = (tensor.reshape(-1, tensor.shape[-1]) for tensor in session.run(names, fed))
    own = onnxruntime.InferenceSession(part.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = own.run(None, {block.up.input: given})
    np.testing.assert_allclose(
        found.astype(float), wanted.astype(float), atol=1e-2 if found.dtype == np.float16 else 1e-5, rtol=1e-7
    )


def test_moments_of_half_precision_are_summed_in_double(tmp_path):
    """Single precision would lose a mean of 300 numbers near 1000 by more; half precision all of it."""
    path, model, inputs = saved(tmp_path, *transformer(kind=HALF))
    block = find_blocks(path, model)[0]
    found = moments_of(model, inputs, [block.hidden])[block.hidden]
    session = onnxruntime.InferenceSession(
        schedules.with_outputs(model, [block.hidden]), providers=["CPUExecutionProvider"]
    )
    hidden = np.concatenate([session.run([block.hidden], fed)[0] for fed, _ in inputs.batches()])
    assert hidden.dtype == np.float16
    rows = hidden.reshape(-1, HIDDEN).astype(np.float64)
    np.testing.assert_allclose(found.covariance, np.cov(rows.T, bias=True), rtol=1e-10, atol=1e-12)


def test_what_leaves_the_range_of_half_precision_is_refused(tmp_path):
    """It would be written as infinity."""
    path, model, _ = saved(tmp_path, *conv_head(HALF))
    numbers = Numbers(path, model)
    block = find_blocks(path, model)[0]
    with pytest.raises(BadInput, match="the refit of V leaves the range of float16; give --ridge"):
        numbers.put_weights(block.down, 1e5 * numbers.weights(block.down))


def tied(build):
    """A block whose first matrix another block uses too, and one of its own."""
    h = build.add("Relu", build.add("MatMul", "x", build.tensor("W", WIDTH, HIDDEN)))
    y = build.add("MatMul", h, build.tensor("V", HIDDEN, WIDTH))
    again = build.add("Tanh", build.add("MatMul", y, "W"))
    return build.add("MatMul", again, build.tensor("U", HIDDEN, WIDTH))


def alone_block(build, at):
    h = build.add("Relu", build.add("MatMul", at, build.tensor("A", WIDTH, HIDDEN)))
    return build.add("MatMul", h, build.tensor("B", HIDDEN, 2))


def quantized(build):
    build.tensors.append(numpy_helper.from_array(np.ones((WIDTH, HIDDEN), np.int8), "Q"))
    W = build.add("DequantizeLinear", "Q", build.tensor("scale"))
    return build.add("MatMul", build.add("Relu", build.add("MatMul", "x", W)), build.tensor("V", HIDDEN, WIDTH))


def mirrored(build):
    """An autoencoder: the way down is the way up, transposed."""
    h = build.add("Relu", build.add("MatMul", "x", build.tensor("W", WIDTH, HIDDEN)))
    return build.add("MatMul", h, build.add("Transpose", "W", perm=[1, 0]))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (tied, "its tensor 'W' is used 2 times"),
        (mirrored, "its tensor 'W' is used 2 times"),
        (quantized, "its tensor 'Q' is quantized (DequantizeLinear)"),
    ],
)
def test_what_is_left_alone_is_said(tmp_path, capsys, stops, make, words):
    build = Builder()
    y = make(build)
    path, model, _ = saved(tmp_path, build.model((WIDTH,), y), (WIDTH,))
    assert find_blocks(path, model) == []
    command = ["--method", "magnitude-edge", "--keep", "0.5", "--data", tmp_path / "d.npz", "-o", tmp_path / "o.onnx"]
    assert words in stops("prune", path, *command)
    assert not (tmp_path / "o.onnx").exists()
    build = Builder()
    more, shape = build.model((WIDTH,), alone_block(build, make(build))), (WIDTH,)
    path, model, _ = saved(tmp_path, more, shape)
    assert [block.widths for block in find_blocks(path, model)] == [(WIDTH, HIDDEN, 2)]
    assert words in read_graph(path, model).left_alone[0]
    assert main(["describe", str(path)]) == 0
    assert f"left alone: {read_graph(path, model).left_alone[0]}" in capsys.readouterr().out
    assert main(["prune", str(path), *map(str, command), "--json"]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["left_alone"] == list(read_graph(path, model).left_alone)
    assert words in found.err
    new = onnx.load(tmp_path / "o.onnx")
    assert rest(path, new) == rest(path, model)


def test_from_the_command_line(tmp_path, capsys, stops):
    path, _, _ = saved(tmp_path, *transformer())
    command = ["prune", str(path), "--method", "importance-node", "--data", str(tmp_path / "d.npz"), "--seed", "2"]
    out = ["-o", str(tmp_path / "o.onnx"), "--json"]
    assert main([*command, "--keep-parameters", "0.5", "--steps", "3", "--reweight", "--compact", *out]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steps"] == 3
    assert sum(one["kept_parameters"] for one in found["blocks"]) <= 0.5 * sum(
        one["parameters"] for one in found["blocks"]
    )
    assert "--keep-parameters 0.001: at least 0." in stops(*command, "--keep-parameters", "0.001")
    command[command.index("importance-node")] = "magnitude-edge"
    assert main([*command, "--keep", "0.01", "--layer", "0"]) == 0
    said = capsys.readouterr().err
    assert "keep = 0.01 is 0 of 8 edges of each node of block 0; at least 0.0625 keeps one" in said
    assert "--fine-tune: belongs to networks that are chains" in stops(*command, "--keep", "0.5", "--fine-tune", "1")
    assert issubclass(BadInput, ValueError)
