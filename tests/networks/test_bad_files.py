"""Every kind of bad file, through the commands: exit 2, one line that names it, and not a byte written."""

from __future__ import annotations

import json
import struct

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from divprune_sym.networks.formats import FormatNote, read_network

node = helper.make_node
rng = np.random.default_rng(0)
W, V = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(4, 2)).astype(np.float32)
UP, RELU, DOWN = node("MatMul", ["x", "W"], ["u"]), node("Relu", ["u"], ["h"]), node("MatMul", ["h", "V"], ["y"])
SQUARE = {name: rng.normal(size=(3, 3)).astype(np.float32) for name in ("input", "hidden", "output")}


def graph(nodes=(UP, RELU, DOWN), outputs=("y",), shape=("n", 3), inputs=("x",), kind=TensorProto.FLOAT, **tensors):
    def content(path):
        held = {"W": W, "V": V} | tensors
        used = {name for n in nodes for name in n.input}
        values = [numpy_helper.from_array(np.asarray(v), k) for k, v in held.items() if k in used]
        ends = [helper.make_tensor_value_info(name, kind, shape) for name in inputs]
        outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        model = helper.make_model(
            helper.make_graph(list(nodes), "g", ends, outs, values), opset_imports=[helper.make_opsetid("", 17)]
        )
        model.ir_version = 8
        onnx.save(model, path)

    return "m.onnx", content


def cut(made, share):
    name, content = made

    def shorter(path):
        content(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return name, shorter


def tensors(metadata=None, **arrays):
    return "m.safetensors", lambda path: save_file(arrays, path, metadata=metadata)


def arrays(**held):
    return "m.npz", lambda path: np.savez(path, **held)


ROWS = np.ascontiguousarray(W.T)
NAN = np.where(np.arange(4) == 2, np.nan, W).astype(np.float32)
GOOD = {"activations": "tanh,identity"}
FILES = {
    "truncated ONNX": (cut(graph(), 0.6), "is no ONNX file, or a truncated one"),
    "truncated safetensors": (cut(tensors(GOOD, **{"0.weight": W.T, "2.weight": V.T}), 0.7), "m.safetensors: "),
    "truncated npz": (cut(arrays(W1=W.T, W2=V.T), 0.7), "is no npz file, or a truncated one"),
    "a hidden layer is put out": (graph(outputs=("y", "h")), "has 2 outputs (y, h), expected one besides labels"),
    "an output beside the input": (
        graph((UP, RELU, DOWN, node("Identity", ["V"], ["z"])), ("y", "z")),
        "output 'z' does not depend on the input 'x'",
    ),
    "an output that nothing makes": (graph(outputs=("w",)), "'w' is neither an input nor made by any operator"),
    "two inputs": (
        graph((UP, RELU, DOWN, node("Add", ["y", "z"], ["s"])), ("s",), inputs=("x", "z")),
        "2 inputs (x, z), expected one",
    ),
    "rows of any width": (graph(shape=("n", "m", 3)), "only the first, the batch, may be of any length"),
    "whole numbers as input": (graph(kind=TensorProto.INT64), "is a tensor of int64, expected floats"),
    "NaN in ONNX": (graph(W=NAN), "tensor W holds NaN or infinity"),
    "infinity in ONNX": (graph(V=np.full_like(V, np.inf)), "tensor V holds NaN or infinity"),
    "NaN in safetensors": (tensors(GOOD, **{"0.weight": NAN.T, "2.weight": V.T}), "every entry must be finite"),
    "NaN in npz": (arrays(W1=NAN.T, W2=V.T, activations=["tanh", "identity"]), "every entry must be finite"),
    "an operator that no network of layers has": (
        graph((UP, node("Cos", ["u"], ["h"]), DOWN)),
        "operator Cos is not supported",
    ),
    "a function that is no activation": (
        graph((UP, node("Exp", ["u"], ["h"]), DOWN)),
        "operator Exp ends a function that is no activation known here",
    ),
    "a residual connection": (
        graph((UP, RELU, DOWN, node("MatMul", ["x", "R"], ["r"]), node("Add", ["y", "r"], ["s"])), ("s",), R=W[:, :2]),
        "takes two different tensors: the graph is no chain",
    ),
    "shapes that do not chain": (graph(V=V[:3]), "cannot be run (ValueError: shapes (8,4) and (3,2) not aligned"),
    "no activations": (
        tensors(**{"0.weight": W.T, "2.weight": V.T}),
        "names no activations (metadata activations); say them",
    ),
    "a misspelt key": (
        tensors({"activation": "relu,identity"}, **{"0.weight": W.T, "2.weight": V.T}),
        "say them: --activations",
    ),
    "an order that names do not say": (
        tensors({"activations": "tanh,tanh,identity"}, **{f"{name}.weight": M for name, M in SQUARE.items()}),
        "more than one order of the layers fits their shapes",
    ),
    "an activation that nobody knows": (
        tensors({"activations": "wavelet,identity"}, **{"0.weight": W.T, "2.weight": V.T}),
        "activation 'wavelet' of a hidden layer: choose from",
    ),
    "too few activations": (
        tensors({"activations": "relu"}, **{"0.weight": W.T, "2.weight": V.T}),
        "1 activations for 2 layers",
    ),
    "an empty file": (("m.onnx", lambda path: path.write_bytes(b"")), "is no ONNX file, or has no operators"),
    "pickles": (("m.pt", lambda path: path.write_bytes(b"\x80\x04.")), "pickled code, which is never run"),
    "another ending": (("m.h5", lambda path: path.write_bytes(b"\x89HDF")), "unknown ending '.h5'"),
    "a folder": (("m.npz", lambda path: path.mkdir()), "is no regular file"),
    "no file": (("m.npz", lambda path: None), "m.npz"),
}


@pytest.mark.parametrize("kind", FILES)
def test_networks(stops, tmp_path, kind):
    (name, make), words = FILES[kind]
    path = tmp_path / name
    make(path)
    how = ["--method", "random-node", "--keep", "0.5", "--data", "digits"]
    line = stops("prune", path, *how, "-o", tmp_path / "out.onnx", "--mask", tmp_path / "mask.npz")
    assert words in line
    assert name in line
    assert words in stops("compare", path, "--data", "digits", "--out", tmp_path / "compared")
    assert not (tmp_path / "compared").exists()


def test_the_good_file_is_good(stops, tmp_path):
    """What the bad ones are made of is read; but its inputs are not those of the data, and that is said."""
    name, make = graph()
    make(tmp_path / name)
    assert read_network(tmp_path / name).network.widths == (3, 4, 2)
    how = ["--method", "random-node", "--keep", "0.5", "--data", "digits", "-o", tmp_path / "out.onnx"]
    assert "64 inputs in each row, the network takes 3" in stops("prune", tmp_path / name, *how)
    assert issubclass(FormatNote, UserWarning)


DATA = {
    "an input that the graph lacks": ({"x": ROWS, "z": ROWS}, "has z too; the graph takes x"),
    "none of the inputs": ({"images": ROWS}, "lacks x; the graph takes x"),
    "rows of another width": ({"x": W}, "x has shape (3, 4), the graph takes (any, 3)"),
    "an axis too few": ({"x": W[:, 0]}, "x has shape (3,), the graph takes (any, 3)"),
    "text": ({"x": np.array([["a", "b", "c"]])}, "x holds <U1, the graph takes float32"),
    "NaN": ({"x": np.full_like(ROWS, np.nan)}, "x holds NaN or infinity"),
    "no rows": ({"x": ROWS[:0]}, "at least one"),
    "labels of another number": ({"x": ROWS, "labels": np.arange(3)}, "rows of the arrays: x 4, labels 3"),
    "labels of another problem": ({"x": ROWS, "labels": np.array([0, 1, 7, 0])}, "labels: 7, expected 0 to 1"),
    "labels below zero": ({"x": ROWS, "labels": np.array([0, 1, -100, 0])}, "labels: -100, expected 0 to 1"),
    "objects": ({"x": np.array([[{}]], dtype=object)}, "holds pickled objects, which are never read"),
}


@pytest.mark.parametrize("kind", DATA)
def test_data_of_graphs(stops, tmp_path, kind):
    held, words = DATA[kind]
    name, make = graph()
    make(tmp_path / name)
    np.savez(tmp_path / "d.npz", **held)
    how = ["--method", "random-node", "--keep", "0.5", "--data", tmp_path / "d.npz", "-o", tmp_path / "out.onnx"]
    line = stops("prune", tmp_path / name, *how)
    assert words in line
    assert "d.npz" in line or words.startswith("labels")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (cut(graph(), 0.6), "is no ONNX file, or a truncated one"),
        (graph((UP, RELU, DOWN), ("y", "h")), "has no dense block"),
        (graph((node("MatMul", ["x", "W"], ["y"]),)), "has no dense block"),
        (graph((node("Nonsense", ["x"], ["z"]), UP, RELU, DOWN), ("y", "z")), "onnxruntime does not take it"),
    ],
)
def test_graphs(stops, tmp_path, made, words):
    name, make = made
    make(tmp_path / name)
    np.savez(tmp_path / "d.npz", x=ROWS)
    how = ["--method", "random-node", "--keep", "0.5", "--data", tmp_path / "d.npz", "-o", tmp_path / "out.onnx"]
    assert words in stops("prune", tmp_path / name, *how)


@pytest.mark.parametrize(("library", "made"), [("onnx", graph()), ("safetensors", tensors(GOOD, **{"0.weight": W.T}))])
def test_what_is_not_installed_is_named(stops, tmp_path, monkeypatch, library, made):
    from divprune_sym.networks import formats

    name, make = made
    make(tmp_path / name)
    monkeypatch.setattr(formats, "find_spec", lambda asked: None if asked == library else True)
    how = ["--method", "random-node", "--keep", "0.5", "--data", "digits"]
    assert f"needs {library}; pip install 'divprune-sym[io]'" in stops("prune", tmp_path / name, *how)


def test_a_header_that_lies(stops, tmp_path):
    """A safetensors header longer than its file, or whose offsets leave it."""
    path = tmp_path / "m.safetensors"
    for head in ({"0.weight": {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 4800]}}, {"0.weight": 3}):
        text = json.dumps(head).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(48))
        how = ["--method", "random-node", "--keep", "0.5", "--data", "digits"]
        assert "m.safetensors: is no safetensors file" in stops("prune", path, *how)
