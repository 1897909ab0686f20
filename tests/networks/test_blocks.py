"""Blocks of a graph pruned in place: a transformer's feed-forward block and a head behind a convolution."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from divprune_sym.cli import main
from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.blocks.find import Numbers, find_blocks
from divprune_sym.networks.blocks.inputs import ROWS, open_inputs
from divprune_sym.networks.blocks.moments import moments_of
from divprune_sym.networks.blocks.prune import prune_graph
from divprune_sym.networks.blocks.report import report
from divprune_sym.networks.graphs.model import read_model
from divprune_sym.networks.masks import Mask
from divprune_sym.networks.prune import PruneSetting

onnxruntime = pytest.importorskip("onnxruntime")
FIXTURES = Path(__file__).parent / "fixtures"
BLOCKS = sorted(FIXTURES.glob("block_*.onnx"))
rng = np.random.default_rng(0)
X = rng.normal(size=(700, 1, 6, 8)).astype(np.float32)


def run(model, x, names=None):
    content = model if isinstance(model, (bytes, str)) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(names, {session.get_inputs()[0].name: x})


@pytest.fixture(scope="module", params=BLOCKS, ids=lambda path: path.stem)
def graph(request, tmp_path_factory):
    model = read_model(request.param)
    data = tmp_path_factory.mktemp("data") / "inputs.npz"
    (y,) = run(model, X)
    np.savez(data, **{model.graph.input[0].name: X}, labels=y.argmax(axis=1))
    return request.param, model, data


def pruned(graph, method="importance-node", share=0.5, compact=False, **setting):
    path, model, data = graph
    inputs = open_inputs(data, model)
    found = find_blocks(path, model)
    shares = dict.fromkeys(range(len(found)), share)
    how = PruneSetting(**setting)
    return prune_graph(path, model, inputs, method, shares, 1, how, compact=compact)


def test_blocks_are_found(graph):
    path, model, _ = graph
    blocks = find_blocks(path, model)
    assert [block.widths for block in blocks] == [(8, 16, 8), (8, 10, 4)]
    assert "Gelu" in blocks[0].operators or "Erf" in blocks[0].operators
    assert blocks[1].operators == ("Relu",)


def test_keeping_everything_changes_no_bit(graph):
    _, model, _ = graph
    kept = pruned(graph, share=1.0, reweight=True, compact=True).model
    assert kept.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)


@pytest.mark.parametrize("source", ["pruned", "original"])
@pytest.mark.parametrize("reweight", [False, True])
def test_compact_computes_the_same(graph, reweight, source):
    whole, small = (pruned(graph, compact=compact, reweight=reweight, source=source) for compact in (False, True))
    np.testing.assert_allclose(run(small.model, X)[0], run(whole.model, X)[0], atol=1e-5, rtol=0)
    numbers = Numbers(graph[0], small.model)
    assert [numbers.weights(block.up).shape for block in find_blocks(graph[0], small.model)] == [(8, 8), (5, 8)]
    onnx.checker.check_model(small.model)


def test_everything_else_stays(graph):
    _, model, _ = graph
    new = pruned(graph, compact=True).model
    names = {name for b in find_blocks(*graph[:2]) for d in (b.up, b.down) for name in (d.weight, d.bias)}
    before, after = (
        {t.name: t.SerializeToString() for t in m.graph.initializer if t.name not in names} for m in (model, new)
    )
    assert before == after
    assert len(before) > 2
    assert [n.SerializeToString() for n in model.graph.node] == [n.SerializeToString() for n in new.graph.node]
    assert (model.opset_import, model.metadata_props, model.ir_version) == (
        new.opset_import,
        new.metadata_props,
        new.ir_version,
    )


@pytest.mark.parametrize("source", ["pruned", "original"])
def test_refits_are_least_squares_on_what_onnxruntime_computes(graph, source):
    """The down product changes by the fit of what removed units sent: NumPy's lstsq on the tensors themselves."""
    path, model, _ = graph
    blocks = find_blocks(path, model)
    found = pruned(graph, reweight=True, source=source)
    plain = pruned(graph, source=source)
    for n, block in enumerate(blocks):
        kept = found.mask.kept[n]
        if source == "original" or n == 0:
            seen = model
        else:
            seen = onnx.ModelProto()
            seen.CopyFrom(found.model)
            for tensor in seen.graph.initializer:  # the block itself as it was
                if tensor.name in (block.up.weight, block.up.bias):
                    tensor.CopyFrom(next(t for t in model.graph.initializer if t.name == tensor.name))
        wide = onnx.ModelProto()
        wide.CopyFrom(seen)
        wide.graph.output.append(onnx.ValueInfoProto(name=block.hidden))
        hidden = run(wide, X, [block.hidden])[0].astype(np.float64)
        hidden = hidden.reshape(-1, hidden.shape[-1])
        after, before = Numbers(path, found.model), Numbers(path, model)
        V = before.weights(block.down)
        design = np.column_stack([hidden[:, kept], np.ones(len(hidden))])
        best = np.linalg.lstsq(design, hidden[:, ~kept] @ V[:, ~kept].T)[0]
        np.testing.assert_allclose((after.weights(block.down) - V)[:, kept], best[:-1].T, atol=2e-4, rtol=0)
        np.testing.assert_allclose(after.bias(block.down) - before.bias(block.down), best[-1], atol=2e-4, rtol=0)
    costs = [report(path, model, one, open_inputs(graph[2], model))[1][0] for one in (plain, found)]
    assert costs[1].mean_square_difference < 0.7 * costs[0].mean_square_difference


@pytest.mark.parametrize("method", ["dpp-edge", "magnitude-edge", "dpp-node", "random-node"])
def test_every_kind_of_method(graph, method):
    found = pruned(graph, method, reweight=True)
    numbers = Numbers(graph[0], found.model)
    for block, mask in zip(found.blocks, found.mask.kept.values(), strict=True):
        assert mask.mean() == 0.5
        W = numbers.weights(block.up)
        assert (W[~mask] == 0).all()
    blocks, (output,) = report(graph[0], graph[1], found, open_inputs(graph[2], graph[1]))
    assert output.correct_before == 1.0
    assert output.correct_after == output.agreement
    (before,), (after,) = run(graph[1], X), run(found.model, X)
    assert output.mean_square_difference == pytest.approx(np.mean((before - after) ** 2), rel=1e-4)
    assert all(block.error > 0 for block in blocks)
    assert [b.kept_units for b in blocks] == ([8, 5] if method.endswith("node") else [16, 10])


def test_moments_are_those_of_the_tensors(graph):
    path, model, data = graph
    block = find_blocks(path, model)[1]
    found = moments_of(model, open_inputs(data, model), [block.hidden])[block.hidden]
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    wide.graph.output.append(onnx.ValueInfoProto(name=block.hidden))
    hidden = run(wide, X, [block.hidden])[0].astype(np.float64)
    np.testing.assert_allclose(found.covariance, np.cov(hidden.T, bias=True), atol=1e-6, rtol=0)
    np.testing.assert_allclose(found.second, hidden.T @ hidden / len(X), atol=1e-6, rtol=0)


@pytest.mark.parametrize("compressed", [False, True])
def test_memory_does_not_grow_with_the_inputs(tmp_path, compressed):
    """64 MB of inputs, read through less than 8 MB."""
    model = read_model(BLOCKS[0])
    data = tmp_path / "inputs.npz"
    name = model.graph.input[0].name
    (np.savez_compressed if compressed else np.savez)(data, **{name: np.zeros((340_000, 1, 6, 8), np.float32)})
    inputs = open_inputs(data, model)
    tracemalloc.start()
    rows = 0
    for fed, labels in inputs.batches():
        rows += len(fed[name])
        assert labels is None
        if rows > 40 * ROWS and not compressed:
            break
        if rows > 400 * ROWS:
            break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


def simple(tmp_path, nodes, outputs=("y",), **tensors):
    values = [numpy_helper.from_array(np.asarray(v, dtype=np.float32), k) for k, v in tensors.items()]
    ends = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in ("x", *outputs)]
    ends[0] = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3])
    model = helper.make_model(
        helper.make_graph(nodes, "g", ends[:1], ends[1:], values), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    path = tmp_path / "g.onnx"
    onnx.save(model, path)
    return path


W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
node = helper.make_node
GEMM = node("Gemm", ["x", "W"], ["u"])
UP, RELU, DOWN = node("MatMul", ["x", "W"], ["u"]), node("Relu", ["u"], ["h"]), node("MatMul", ["h", "V"], ["y"])


@pytest.mark.parametrize(
    ("nodes", "outputs", "count"),
    [
        ([UP, RELU, DOWN], ["y"], 1),
        ([UP, RELU, DOWN], ["y", "h"], 0),
        ([UP, RELU, DOWN], ["y", "u"], 0),
        ([UP, RELU, DOWN, node("Relu", ["h"], ["z"])], ["y", "z"], 0),
        ([UP, node("MatMul", ["u", "V"], ["y"])], ["y"], 0),
        ([UP, RELU, DOWN, node("MatMul", ["x", "W"], ["z"])], ["y", "z"], 0),
        ([UP, node("Softmax", ["u"], ["h"]), DOWN], ["y"], 0),
        ([UP, node("Mul", ["u", "a"], ["s"]), node("Tanh", ["s"], ["h"]), DOWN], ["y"], 1),
        ([UP, node("Sigmoid", ["u"], ["s"]), node("Mul", ["u", "s"], ["h"]), DOWN], ["y"], 1),
        ([UP, node("Sigmoid", ["u"], ["s"]), node("Mul", ["u", "s"], ["h"]), DOWN], ["y", "s"], 0),
        ([UP, node("Greater", ["u", "a"], ["s"]), node("Where", ["s", "u", "b"], ["h"]), DOWN], ["y"], 1),
        ([GEMM, node("BatchNormalization", ["u", *"abcd"], ["h"]), DOWN], ["y"], 1),
        ([GEMM, node("BatchNormalization", ["u", *"abca"], ["h"]), DOWN], ["y"], 0),
        # of images, the second axis is no axis of units
        ([UP, node("BatchNormalization", ["u", *"abcd"], ["h"]), DOWN], ["y"], 0),
    ],
)
def test_what_is_a_block(tmp_path, nodes, outputs, count):
    used = {name for n in nodes for name in n.input}
    tensors = {k: v for k, v in {"W": W, "V": V, **{k: np.arange(1.0, 5.0) for k in "abcd"}}.items() if k in used}
    path = simple(tmp_path, nodes, outputs, **tensors)
    model = read_model(path)
    blocks = find_blocks(path, model)
    assert len(blocks) == count
    if count:
        x = rng.normal(size=(60, 3)).astype(np.float32)
        np.savez(tmp_path / "d.npz", x=x)
        for method in ("importance-node", "magnitude-edge"):
            both = [
                prune_graph(path, model, open_inputs(tmp_path / "d.npz", model), method, {0: 0.5},
                            np.random.default_rng(0), PruneSetting(), compact=compact)
                for compact in (False, True)
            ]  # fmt: skip
            np.testing.assert_allclose(run(both[0].model, x)[0], run(both[1].model, x)[0], atol=1e-6, rtol=0)


def test_a_graph_that_is_no_chain_says_how_its_blocks_are_pruned(tmp_path, stops):
    how = ["--method", "importance-node", "--keep", "0.5", "--data", "digits", "-o", tmp_path / "o.onnx"]
    path = simple(tmp_path, [UP, node("Exp", ["u"], ["h"]), DOWN], W=W, V=V)
    line = stops("prune", path, *how)
    assert "ends a function that is no activation known here" in line
    assert line.endswith("; its dense blocks are pruned on --data INPUTS.npz with x")
    path = simple(tmp_path, [UP, node("Cos", ["u"], ["h"]), DOWN], W=W, V=V)
    assert "operator Cos is not supported" in (line := stops("prune", path, *how))
    assert "blocks" not in line


CHAIN = [
    node("Gemm", ["x", "A", "a"], ["u"]),
    node("Tanh", ["u"], ["g"]),
    node("MatMul", ["g", "B"], ["v"]),
    node("Sigmoid", ["v"], ["h"]),
    node("MatMul", ["h", "C"], ["y"]),
]


@pytest.mark.parametrize("source", ["pruned", "original"])
@pytest.mark.parametrize("method", ["importance-node", "dpp-node"])
def test_what_a_block_puts_out_may_be_the_units_of_the_next(tmp_path, source, method):
    """Both lose units of one matrix: the graph without them keeps the same, computes the same, has the same errors."""
    own = np.random.default_rng(3)
    shapes = {"A": (3, 8), "a": (8,), "B": (8, 6), "C": (6, 2)}
    path = simple(tmp_path, CHAIN, **{name: own.normal(size=shape) for name, shape in shapes.items()})
    model, x = read_model(path), own.normal(size=(90, 3)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x)
    inputs, how = open_inputs(tmp_path / "d.npz", model), PruneSetting(source=source, reweight=True)
    whole, small = (
        prune_graph(path, model, inputs, method, {0: 0.5, 1: 0.5}, 1, how, compact=compact) for compact in (False, True)
    )
    for n in (0, 1):
        np.testing.assert_array_equal(whole.mask.kept[n], small.mask.kept[n])
    np.testing.assert_allclose(run(small.model, x)[0], run(whole.model, x)[0], atol=1e-6, rtol=0)
    assert [b.widths for b in find_blocks(path, small.model)] == [(3, 4, 3), (4, 3, 2)]
    reports = [report(path, model, one, inputs) for one in (whole, small)]
    errors = [[block.error for block in blocks] for blocks, _ in reports]
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-4)
    # of the units of the second block that are left
    before, after = (
        x.astype(float) @ numbers.weights(first.up).T + numbers.bias(first.up) for numbers, first in
        ((Numbers(path, one), find_blocks(path, one)[0]) for one in (model, whole.model))
    )  # fmt: skip
    down = [Numbers(path, one).weights(find_blocks(path, one)[0].down).T for one in (model, whole.model)]
    old, new = (np.tanh(u) @ V for u, V in zip((before, after), down, strict=True))
    kept = whole.mask.kept[1]
    assert errors[0][0] == pytest.approx(np.mean((old - new)[:, kept] ** 2) / np.var(old[:, kept]), rel=1e-3)


GATE = [
    node("Sigmoid", ["u"], ["s"]),
    node("Mul", ["u", "s"], ["g"]),
    node("MatMul", ["x", "V"], ["v"]),
    node("Mul", ["g", "v"], ["h"]),
    node("MatMul", ["h", "C"], ["y"], name="last"),
]
RESHAPED = [
    node("Relu", ["u"], ["r"]),
    node("Reshape", ["r", "shape"], ["h"]),
    node("MatMul", ["h", "C"], ["y"], name="last"),
]
HALVES = [
    node("Split", ["u"], ["p", "q"], axis=-1),
    node("Sigmoid", ["p"], ["s"]),
    node("Mul", ["s", "q"], ["h"]),
    node("MatMul", ["h", "C"], ["y"], name="last"),
]


@pytest.mark.parametrize(
    ("nodes", "C", "words"),
    [
        ([UP, *GATE], 4, "products of units (u, v), a gated block"),
        ([UP, *HALVES], 2, "products of units (p, q), a gated block"),
        # as Keras puts out what it makes of sequences
        ([UP, *RESHAPED], 4, "units (u) that are reshaped on the way"),
    ],
    ids=["two matrices", "halves", "reshaped"],
)
def test_what_is_no_block_is_named(tmp_path, stops, capsys, nodes, C, words):
    used = {name for n in nodes for name in n.input}
    path = simple(tmp_path, nodes, **{k: v for k, v in {"W": W, "V": W, "C": np.ones((C, 2))}.items() if k in used})
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, C]), "shape"))
    onnx.save(model, path)
    np.savez(tmp_path / "d.npz", x=np.ones((9, 3), np.float32))
    words = f"last: its inputs are {words}"
    assert main(["describe", str(path)]) == 0
    assert words in capsys.readouterr().out
    how = ["--method", "importance-node", "--keep", "0.5", "--data", tmp_path / "d.npz", "-o", tmp_path / "o.onnx"]
    assert words in stops("prune", path, *how)
    assert not (tmp_path / "o.onnx").exists()


def test_from_the_command_line(graph, tmp_path, capsys):
    path, model, data = graph
    out, mask = tmp_path / "small.onnx", tmp_path / "mask.npz"
    how = ["--method", "importance-node", "--keep", "0.5,0.3", "--data", str(data), "--seed", "2"]
    command = ["prune", str(path), *how, "--reweight", "--compact", "-o", str(out), "--mask", str(mask)]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [block["kept_units"] for block in found["blocks"]] == [8, 3]
    (before,), (after,) = run(model, X), run(str(out), X)
    output = found["outputs"][0]
    assert output["mean_square_difference"] == pytest.approx(np.mean((before - after) ** 2), rel=1e-4)
    assert output["agreement"] == pytest.approx(np.mean(before.argmax(1) == after.argmax(1)))
    assert (Mask.load(mask).kept[1].sum(), Mask.load(mask).seed) == (3, 2)
    assert main(command) == 0
    printed = capsys.readouterr().out
    for words in ("8 of 16", "same top-1 in", "correct 100.00% before", f"written: {out}"):
        assert words in printed
    assert main(["describe", str(path)]) == 0
    assert "8-16-8" in capsys.readouterr().out
    assert main(["describe", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["blocks"][1]["units"] == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": None}, "lacks x"),
        ({"x": None, "images": X}, "lacks x"),
        ({"more": X}, "has more too; the graph takes x"),
        ({"x": X[:, 0]}, "has shape (700, 6, 8), the graph takes (any, 1, 6, 8)"),
        ({"x": X.astype(str)}, "x holds <U"),
        ({"x": np.where(np.arange(8) == 3, np.nan, X)}, "x holds NaN"),
        ({"labels": np.arange(3)}, "rows of the arrays"),
        ({"labels": np.ones(700)}, "expected (700,) whole numbers"),
        ({"x": X[:0]}, "at least one"),
        ({"x": np.asfortranarray(X)}, "stored column by column"),
    ],
)
def test_data_that_do_not_fit(stops, tmp_path, change, words):
    data, out = tmp_path / "d.npz", tmp_path / "o.onnx"
    arrays = {name: array for name, array in ({"x": X} | change).items() if array is not None}
    np.savez(data, **arrays)
    command = ["prune", FIXTURES / "block_script.onnx", "--method", "random-node", "--keep", "0.5"]
    assert words in stops(*command, "--data", data, "-o", out)
    assert not out.exists()


def test_what_else_is_refused(stops, tmp_path, monkeypatch):
    data = tmp_path / "d.npz"
    np.savez(data, x=X)
    command = ["prune", FIXTURES / "block_script.onnx", "--method", "random-node", "--data", data]
    assert "keep = 0.01 is 0 of 16 nodes of block 0; at least 0.0312" in stops(*command, "--keep", "0.01")
    assert "--layer = 2: must be between 0 and 1" in stops(*command, "--keep", "0.5", "--layer", "2")
    assert "--silenced: belongs to networks that are chains" in stops(*command, "--keep", "0.5", "--silenced")
    assert "a graph is written as .onnx" in stops(*command, "--keep", "0.5", "-o", tmp_path / "o.npz")
    data.write_bytes(data.read_bytes()[:-3000])
    assert "d.npz: is no npz file, or a truncated one" in stops(*command, "--keep", "0.5")
    lone = simple(tmp_path, [UP], ["u"], W=W)
    np.savez(data, x=np.ones((3, 3)))
    assert "has no dense block" in stops("prune", lone, *command[2:], "--keep", "0.5")
    whole = simple(tmp_path, [UP, RELU, DOWN], W=W, V=V)
    from divprune_sym.networks.graphs import session

    monkeypatch.setattr(session, "find_spec", lambda name: None)
    assert "needs onnxruntime; pip install 'divprune-sym[io]'" in stops("prune", whole, *command[2:], "--keep", "0.5")
    assert issubclass(BadInput, ValueError)
