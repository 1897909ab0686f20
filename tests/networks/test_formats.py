"""Networks to files and back, what other programs make of them, and one line for every file that is none."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from dataclasses import replace

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

ROUND_TRIPS = [
    ("sigmoid", "tanh", "identity"),
    ("relu", "silu", "softmax"),
    ("gelu-tanh", "identity", "sigmoid"),
    ("tanh", "tanh", "log-softmax"),
]
SINGLE_ONLY = [("erf", "gelu", "identity"), ("leaky-relu[0.2]", "hard-sigmoid[0.2,0.5]", "elu[0.7]")]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("activations", [*ROUND_TRIPS, *SINGLE_ONLY])
def test_there_and_back(tmp_path, ending, activations):
    wanted = network(activations=activations)
    path = tmp_path / f"net.{ending}"
    for float64 in (False, True):
        if float64 and activations in SINGLE_ONLY and ending == "onnx":
            with pytest.raises(BadInput, match=r"runtimes have no .* on doubles"):
                save_network(wanted, path, float64=True)
            continue
        save_network(wanted, path, float64=float64)
        found = load_network(path)
        assert found.activations == wanted.activations
        for a, b in zip((*found.weights, *found.biases), (*wanted.weights, *wanted.biases), strict=True):
            np.testing.assert_array_equal(a, b if float64 else b.astype(np.float32))


@pytest.mark.parametrize("activations", ROUND_TRIPS)
def test_onnx_computes_the_same(tmp_path, activations):
    wanted = network(activations=activations)
    save_network(wanted, tmp_path / "net.onnx", float64=True)
    x = inputs()
    (found,) = ReferenceEvaluator(onnx.load(tmp_path / "net.onnx")).run(None, {"x": x})
    np.testing.assert_allclose(found, wanted.forward(x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("activations", [*ROUND_TRIPS, *SINGLE_ONLY])
@pytest.mark.parametrize("float64", [False, True])
def test_onnxruntime_loads_what_is_written(tmp_path, activations, float64):
    """Every activation has a kernel, in the precision that is written; or writing refuses."""
    onnxruntime = pytest.importorskip("onnxruntime")
    wanted = network(activations=activations)
    if float64 and activations in SINGLE_ONLY:
        return
    save_network(wanted, tmp_path / "net.onnx", float64=float64)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": inputs().astype(np.float64 if float64 else np.float32)})
    np.testing.assert_allclose(found, wanted.forward(inputs()), atol=1e-9 if float64 else 1e-4, rtol=0)


def test_classes_travel(tmp_path):
    wanted = replace(network(), classes=("red", "green", "blue"))
    for ending in ENDINGS:
        save_network(wanted, tmp_path / f"net.{ending}")
        assert load_network(tmp_path / f"net.{ending}").classes == wanted.classes


def test_what_is_written_is_read_again_first(tmp_path, monkeypatch):
    """A writer that stores a transposed view's memory under the new shape is caught, and nothing is written."""
    from divprune_sym.networks.formats import npz

    square = network((4, 4, 2), ("tanh", "identity"))
    honest = npz.as_bytes
    monkeypatch.setattr(
        npz, "as_bytes", lambda net, kind: honest(net.with_layers({0: (net.weights[0].T, net.biases[0])}), kind)
    )
    with pytest.raises(BadInput, match="is read as another network"):
        save_network(square, tmp_path / "net.npz")
    assert not (tmp_path / "net.npz").exists()


def plain(net):
    arrays = {f"W{n}": W for n, W in enumerate(net.weights, 1)} | {f"b{n}": b for n, b in enumerate(net.biases, 1)}
    return {name: array.copy() for name, array in arrays.items()}


def test_activations_are_never_guessed(tmp_path):
    net = network()
    np.savez(tmp_path / "a.npz", **plain(net))
    save_file(plain(net), tmp_path / "a.safetensors", metadata={"activation": "tanh,tanh,identity"})
    for ending, words in (("npz", "array activations"), ("safetensors", "it has activation")):
        path = tmp_path / f"a.{ending}"
        with pytest.raises(
            BadInput, match=rf"names no activations \(.*{words}\); say them: --activations relu,relu,id"
        ):
            load_network(path)
        with pytest.raises(BadInput, match="2 activations for 3 layers"):
            load_network(path, activations=("tanh", "identity"))
        said = ("tanh", "leaky_relu", "linear")
        assert load_network(path, activations=said).activations == ("tanh", "leaky-relu[0.01]", "identity")


def test_no_biases(tmp_path):
    np.savez(tmp_path / "a.npz", W1=np.ones((2, 3)), W2=np.ones((1, 2)), activations=["tanh", "identity"])
    assert [b.tolist() for b in load_network(tmp_path / "a.npz").biases] == [[0.0, 0.0], [0.0]]


def test_torch_names(tmp_path):
    """Layers in the order of their numbers, a layer without a bias."""
    weights = {f"layers.{n}.weight": np.full((2, 2), float(n), dtype=np.float32) for n in range(11)}
    biases = {f"layers.{n}.bias": np.zeros(2, dtype=np.float32) for n in range(10)}
    save_file(weights | biases, tmp_path / "t.safetensors")
    found = load_network(tmp_path / "t.safetensors", activations=("tanh",) * 11)
    assert [W[0, 0] for W in found.weights] == list(range(11))
    assert (found.biases[10] == 0).all()


def shaped(*shapes):
    """Weights (out, in) by name."""
    return {f"{name}.weight": np.full(shape, n, dtype=np.float32) for n, (name, shape) in enumerate(shapes)}


@pytest.mark.parametrize(
    ("tensors", "order"),
    [
        (shaped(("decoder", (5, 2)), ("encoder", (2, 5))), None),
        (shaped(("output", (2, 3)), ("hidden", (3, 4)), ("input", (4, 5))), [2, 1, 0]),
        (shaped(("encoder.0", (4, 5)), ("encoder.2", (3, 4)), ("decoder.0", (4, 3)), ("decoder.2", (5, 4))), None),
        (shaped(("net.6", (2, 2)), ("net.0", (2, 2)), ("net.3", (2, 2))), [1, 2, 0]),
        (shaped(("fc2", (2, 2)), ("fc1", (2, 2))), [1, 0]),
        (shaped(("b.0", (3, 4)), ("b.2", (2, 3)), ("a.1", (4, 5))), [2, 0, 1]),
    ],
)
def test_the_only_order_that_chains(tmp_path, tensors, order):
    path = tmp_path / "t.safetensors"
    save_file(tensors, path)
    names = tuple(name.removesuffix(".weight") for name in tensors)
    activations = ("tanh",) * len(names)
    if order is None:
        with pytest.raises(BadInput, match=r"more than one order of the layers fits their shapes; .*--layers "):
            load_network(path, activations)
        order = list(range(len(names)))
    else:
        assert [W[0, 0] for W in load_network(path, activations).weights] == order
    said = tuple(names[n] for n in order)
    assert [W[0, 0] for W in load_network(path, activations, said).weights] == order
    with pytest.raises(BadInput, match="must name each of"):
        load_network(path, activations, said[:-1])


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (shaped(("fc1", (3, 3)), ("fc3", (3, 3))), r"lacks a layer between fc1\.weight and fc3\.weight, number 2"),
        (shaped(("a", (3, 4)), ("b", (5, 6))), "no order of the layers fits"),
        ({"W1": np.ones((2, 2)), "W3": np.ones((2, 2))}, "lacks W2"),
        ({"c.weight": np.ones((2, 2, 3))}, "has 3 axes"),
        ({"c.weight_orig": np.ones((2, 2))}, r"c\.weight_orig: has no mask c\.weight_mask"),
    ],
)
def test_layers_that_do_not_chain(tmp_path, tensors, words):
    save_file(tensors, tmp_path / "t.safetensors")
    with pytest.raises(BadInput, match=words):
        load_network(tmp_path / "t.safetensors", ("tanh", "tanh"))


def graph(nodes, tensors, tmp_path, **changes):
    values = [numpy_helper.from_array(array, name) for name, array in tensors.items()]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:], values)
    path = tmp_path / "g.onnx"
    onnx.save(helper.make_model(made, **changes), path)
    return path


def node(operator, *names, **attributes):
    return helper.make_node(operator, list(names[:-1]), [names[-1]], **attributes)


TWO = np.array(["tanh", "tanh"])
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
    np.testing.assert_allclose(found.forward(x), np.maximum(x @ W.T + B, 0), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([node("Conv", "x", "W", "y")], "operator Conv is not supported: a network of dense layers is made of Gemm"),
        ([node("Gemm", "x", "W", "B", "y", transA=1)], "operator Gemm transposes its input"),
        ([node("MatMul", "x", "x", "y")], "multiplies two inputs"),
        ([node("MatMul", "W", "x", "y")], "operator MatMul takes its input second"),
        ([node("Gemm", "x", "W", "B", "u", transB=1), node("Add", "u", "x", "y")], "cannot be run"),
        ([node("MatMul", "x", "S", "u"), node("Add", "u", "x", "y")], "operator Add takes two different tensors"),
        ([node("MatMul", "x", "S", "u"), node("Mul", "u", "x", "y")], "operator Mul takes two different tensors"),
        ([node("Relu", "x", "r"), node("MatMul", "r", "T", "y")], "operator MatMul does not follow a dense layer"),
        ([node("Add", "x", "B3", "y")], "has no dense layer"),
        ([node("MatMul", "x", "T", "u"), node("Add", "u", "D", "y")], "adds an array (8, 2), which is not the same"),
        ([node("Flatten", "x", "y")], "has no dense layer"),
        ([node("MatMul", "x", "T", "u"), node("Exp", "u", "y")], "operator Exp ends a function that is no activation"),
        ([node("MatMul", "x", "T", "u"), node("PRelu", "u", "B2", "y")], "has a slope of its own for each unit"),
        ([node("MatMul", "x", "T", "u"), node("Transpose", "u", "y", perm=[1, 0])], "mixes inputs of a batch"),
        ([node("MatMul", "x", "T", "u"), node("Shape", "u", "y")], "output 'y' does not depend on the input 'x'"),
        ([node("Relu", "W", "y")], "output 'y' does not depend on the input 'x'"),
        ([node("MatMul", "x", "T", "u"), node("Softmax", "u", "p"), node("Relu", "p", "y")], "follows softmax"),
        ([node("MatMul", "x", "N", "y")], "tensor N holds NaN or infinity"),
        ([node("MatMul", "x", "T", "u"), node("Concat", "u", "u", "y", axis=1)], "joins different tensors"),
        ([node("Relu", "z", "y")], "'z' is neither an input nor made by any operator"),
        ([node("Gemm", "x", "W", "B", "y", transB=1), node("Relu", "y", "z")], None),
    ],
)
def test_graphs_that_are_no_dense_network(tmp_path, nodes, words):
    tensors = {"W": W, "B": B, "T": W.T.copy(), "B3": np.ones(3, np.float32), "S": np.eye(3, dtype=np.float32)}
    tensors |= {"B2": np.arange(2, dtype=np.float32), "D": np.ones((8, 2), np.float32)}
    if words and "NaN" in words:
        tensors["N"] = np.full((3, 2), np.nan, np.float32)
    path = graph(nodes, tensors, tmp_path)
    if words is None:
        assert load_network(path).activations == ("identity",)
        return
    with pytest.raises(BadInput) as refused:
        load_network(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


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
        ({"W1": np.ones((2, 3)), "b1": np.ones(2), "W2": np.ones((1, 4)), "activations": TWO}, BadShape, "of layer 1"),
        ({"W2": np.ones((2, 3))}, BadInput, "lacks W1"),
        ({"W1": np.ones((2, 3)), "b1": np.ones(2), "c": np.ones(2)}, BadInput, "more than dense layers: c; expected"),
        ({"x": np.ones(2)}, BadInput, "has no dense layer: x; expected W1"),
        ({"W1": np.full((1, 1), np.nan), "b1": np.ones(1), "activations": TWO[:1]}, BadInput, "nan at index (0, 0)"),
        ({"W1": np.ones((1, 1)), "b1": np.ones(1), "activations": np.array(["gule"])}, BadInput, "'gule'"),
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
    with pytest.raises(BadInput, match=r"has more than dense layers: conv\.kernel; expected W1"):
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
    onnx.save(model, path, save_as_external_data=True, size_threshold=0, location="g.data")
    np.testing.assert_array_equal(load_network(path).weights[0], W)
    (tmp_path / "g.data").write_bytes(b"1234")
    with pytest.raises(BadInput, match="the values beside it cannot be read"):
        load_network(path)
    (tmp_path / "g.data").unlink()
    with pytest.raises(BadInput, match=r"the values of W are in g\.data, which is not beside it"):
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
        with pytest.raises(BadInput, match="operator Softmax 'h1' acts along axis 0"):
            load_network(path)
    else:
        assert load_network(path).activations == ("softmax",)


@pytest.mark.parametrize("kind", ["F8_E8M0", "F8_E4M3FNUZ", "F4", "F6_E2M3", "F16_OF_OURS"])
def test_tensors_of_kinds_that_nobody_reads(tmp_path, kind):
    """safetensors knows more kinds of numbers than NumPy: what cannot be widened is named in one line."""
    head = b'{"W1":{"dtype":"%s","shape":[2,2],"data_offsets":[0,4]}}' % kind.encode()
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(4))
    with pytest.raises(BadInput) as refused:
        load_network(path)
    assert str(refused.value).count(str(path)) == 1
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("what", ["graph", "operator", "constant"])
def test_graphs_without_outputs(tmp_path, what):
    eye = numpy_helper.from_array(np.eye(2), "W")
    x, y = (helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 2]) for name in "xy")
    nodes = [helper.make_node("MatMul", ["x", "W"], [] if what == "operator" else ["y"])]
    if what == "constant":
        nodes.append(helper.make_node("Constant", [], [], value=eye))
    graph = helper.make_graph(nodes, "g", [x], [] if what == "graph" else [y], [eye])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "net.onnx")
    with pytest.raises(BadInput, match=r"declares no output|has no output"):
        load_network(tmp_path / "net.onnx")


def test_an_archive_whose_directory_points_elsewhere(tmp_path):
    path = tmp_path / "net.npz"
    save_network(network(), path)
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02") + 42
    path.write_bytes(content[:at] + (0x7FFFFFF0).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(BadInput, match="is no npz file, or a truncated one"):
        load_network(path)
