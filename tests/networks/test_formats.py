"""Networks to files and back, what other programs make of them, and one line for every file that is none."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import save_file

from divprune_sym.ground import files
from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.networks import DenseNetwork, formats
from divprune_sym.networks.formats import load_network, save_network
from tests.networks.files import ENDINGS, inputs, network


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "activations",
    [("sigmoid", "tanh", "identity"), ("relu", "erf", "softmax"), ("erf", "identity", "sigmoid"), ("tanh",) * 3],
)
def test_there_and_back(tmp_path, ending, activations):
    wanted = network(activations=activations)
    path = tmp_path / f"net.{ending}"
    save_network(wanted, path)
    found = load_network(path)
    assert found.activations == wanted.activations
    for a, b in zip((*found.weights, *found.biases), (*wanted.weights, *wanted.biases), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("activations", [("sigmoid", "tanh", "identity"), ("relu", "erf", "softmax")])
def test_onnx_computes_the_same(tmp_path, activations):
    wanted = network(activations=activations)
    save_network(wanted, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    x = inputs()
    (found,) = ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(found, wanted.forward(x), atol=1e-12)


def test_defaults(tmp_path):
    net = network()
    arrays = {f"W{n}": W for n, W in enumerate(net.weights, 1)} | {f"b{n}": b for n, b in enumerate(net.biases, 1)}
    np.savez(tmp_path / "a.npz", **arrays)
    save_file({name: array.copy() for name, array in arrays.items()}, tmp_path / "a.safetensors")
    for ending in ("npz", "safetensors"):
        assert load_network(tmp_path / f"a.{ending}").activations == ("sigmoid", "sigmoid", "identity")


def test_no_biases(tmp_path):
    np.savez(tmp_path / "a.npz", W1=np.ones((2, 3)), W2=np.ones((1, 2)))
    assert [b.tolist() for b in load_network(tmp_path / "a.npz").biases] == [[0.0, 0.0], [0.0]]


def test_torch_names(tmp_path):
    """Layers in the order of their numbers, a layer without a bias."""
    weights = {f"layers.{n}.weight": np.full((2, 2), float(n), dtype=np.float32) for n in range(11)}
    biases = {f"layers.{n}.bias": np.zeros(2, dtype=np.float32) for n in range(10)}
    save_file(weights | biases, tmp_path / "t.safetensors")
    found = load_network(tmp_path / "t.safetensors")
    assert [W[0, 0] for W in found.weights] == list(range(11))
    assert (found.biases[10] == 0).all()


def graph(nodes, tensors, tmp_path, **changes):
    values = [numpy_helper.from_array(array, name) for name, array in tensors.items()]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:], values)
    path = tmp_path / "g.onnx"
    onnx.save(helper.make_model(made, **changes), path)
    return path


def node(operator, *names, **attributes):
    return helper.make_node(operator, list(names[:-1]), [names[-1]], **attributes)


W, B = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, dtype=np.float32)


def test_matmul_and_add_on_either_side(tmp_path):
    path = graph(
        [
            node("MatMul", "x", "W", "u"),
            node("Add", "B", "u", "v"),
            node("Flatten", "v", "f"),
            node("Relu", "f", "h"),
            node("Gemm", "h", "V", "y"),
        ],
        {"W": W.T.copy(), "B": B, "V": np.eye(2, dtype=np.float32)},
        tmp_path,
    )
    found = load_network(path)
    assert found.activations == ("relu", "identity")
    x = inputs(3)
    np.testing.assert_allclose(found.forward(x), np.maximum(x @ W.T + B, 0), atol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([node("Conv", "x", "W", "y")], "operator Conv is not supported; dense layers are made of Gemm"),
        ([node("Gemm", "x", "W", "B", "y", transB=1, alpha=2.0)], "alpha or beta other than 1"),
        ([node("Gemm", "x", "W", "B", "y", transA=1)], "transposes its input"),
        ([node("MatMul", "x", "x", "y")], "has no constant as its input 1"),
        ([node("MatMul", "W", "x", "y")], "takes its input second"),
        ([node("Gemm", "x", "W", "B", "u", transB=1), node("Relu", "x", "y")], "the graph is no chain"),
        ([node("Gemm", "x", "W", "B", "u", transB=1), node("Erf", "u", "y")], "without the factor 1/√2"),
        ([node("Gemm", "x", "W", "B", "u", transB=1), node("Mul", "u", "B", "y")], "is not the factor 1/√2"),
        ([node("Gemm", "x", "W", "B", "u", transB=1), node("Mul", "u", "H", "y")], "ends with a factor"),
        ([node("Relu", "x", "y")], "does not follow a dense layer"),
        ([node("Add", "x", "B", "y")], "does not follow a matrix product"),
        ([node("MatMul", "x", "T", "u"), node("Add", "u", "T", "y")], "adds 6 numbers to 2 units"),
        ([node("Flatten", "x", "y")], "has no dense layer"),
    ],
)
def test_graphs_that_are_no_dense_network(tmp_path, nodes, words):
    tensors = {"W": W, "B": B, "T": W.T.copy(), "H": np.array(np.sqrt(0.5), dtype=np.float32)}
    path = graph(nodes, tensors, tmp_path)
    with pytest.raises(BadInput) as refused:
        load_network(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)


@pytest.mark.parametrize("ending", ENDINGS)
def test_truncated(tmp_path, ending):
    path = tmp_path / f"net.{ending}"
    save_network(network(), path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:size])
        with pytest.raises(BadInput, match=r"net\.\w+: .*"):
            load_network(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_random_bytes(tmp_path, ending):
    path = tmp_path / f"net.{ending}"
    rng = np.random.default_rng(0)
    for size in (1, 8, 100, 3000):
        path.write_bytes(rng.bytes(size))
        with pytest.raises(BadInput):
            load_network(path)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


def test_pickles_are_never_read(tmp_path):
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BadInput, match="pickled code, which is never run"):
        load_network(tmp_path / "net.pkl")
    np.savez(tmp_path / "net.npz", W1=np.array([Bomb()], dtype=object), b1=np.ones(1))
    with pytest.raises(BadInput, match="pickled objects, which are never read"):
        load_network(tmp_path / "net.npz")
    for ending in ENDINGS:
        (tmp_path / f"p.{ending}").write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(BadInput):
            load_network(tmp_path / f"p.{ending}")


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"W1": np.ones((2, 3)), "b1": np.ones(2), "W2": np.ones((1, 4)), "b2": np.ones(1)}, BadShape, "of layer 1"),
        ({"W2": np.ones((2, 3))}, BadInput, "lacks W1"),
        ({"W1": np.ones((2, 3)), "b1": np.ones(2), "c": np.ones(2)}, BadInput, "has c; expected W1"),
        ({"x": np.ones(2)}, BadInput, "has x; expected W1"),
        ({"W1": np.full((1, 1), np.nan), "b1": np.ones(1)}, BadInput, "nan at index (0, 0)"),
        ({"W1": np.ones((1, 1)), "b1": np.ones(1), "activations": np.array(["gelu"])}, BadInput, "'gelu'"),
        ({"W1": np.ones((1, 1)), "b1": np.ones(1), "activations": np.array(["tanh"] * 2)}, BadInput, "2 activations"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_network(tmp_path, arrays, error, words):
    path = tmp_path / "net.npz"
    np.savez(path, **arrays)
    with pytest.raises(error) as refused:
        load_network(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)


def test_tensors_that_are_no_network(tmp_path):
    path = tmp_path / "net.safetensors"
    save_file({"W1": np.ones((1, 1)), "conv.kernel": np.ones(2)}, path)
    with pytest.raises(BadInput, match=r"tensors conv\.kernel; expected W1"):
        load_network(path)
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(BadInput, match="is no safetensors file"):
        load_network(path)


def test_more_than_memory(tmp_path, monkeypatch):
    for ending in ENDINGS:
        save_network(network(), tmp_path / f"net.{ending}")
    monkeypatch.setattr(files, "free_memory", lambda: 100.0)
    for ending in ENDINGS:
        with pytest.raises(BadInput, match="GiB are free"):
            load_network(tmp_path / f"net.{ending}")


def test_endings_and_libraries(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match=r"unknown ending '\.txt'; networks are \.npz"):
        load_network(tmp_path / "net.txt")
    with pytest.raises(FileNotFoundError):
        load_network(tmp_path / "net.npz")
    (tmp_path / "dir.npz").mkdir()
    with pytest.raises(BadInput, match="no regular file"):
        load_network(tmp_path / "dir.npz")
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"needs onnx; pip install 'divprune-sym\[io\]'"):
        load_network(tmp_path / "net.onnx")


def test_weights_in_another_file(tmp_path):
    path = graph([node("Gemm", "x", "W", "y", transB=1)], {"W": W}, tmp_path)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, size_threshold=0)
    with pytest.raises(BadInput, match="the values of W are in another file"):
        load_network(path)


def test_forged_header_inside_an_npz(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)})
    path = tmp_path / "net.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W1.npy", header.getvalue())
    with pytest.raises(BadInput, match=r"net\.npz: an array in it says that it is larger than memory"):
        load_network(path)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_onnx_softmax_axis(tmp_path, axis):
    path = tmp_path / "net.onnx"
    save_network(DenseNetwork((np.ones((3, 2)),), (np.zeros(3),), ("softmax",)), path)
    model = onnx.load(path)
    model.graph.node[-1].attribute.append(helper.make_attribute("axis", axis))
    onnx.save(model, path)
    if axis == 0:
        with pytest.raises(BadInput, match="operator Softmax acts along axis 0"):
            load_network(path)
    else:
        assert load_network(path).activations == ("softmax",)
