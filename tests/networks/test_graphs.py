"""ONNX files that other programs wrote, and every spelling of a layer: what is read is what the file computes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.special import erf, expit, softmax
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.formats import FormatNote, load_network, read_network
from divprune_sym.networks.graphs import chain, elementwise
from divprune_sym.networks.graphs.elementwise import Function, Recognized, recognized
from divprune_sym.networks.reading import Given

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED = np.load(FIXTURES / "expected.npz")
TORCH = sorted(path.name for path in FIXTURES.glob("*.onnx") if not path.name.startswith("block"))


def rows(x):
    return x.reshape(len(x), -1).astype(np.float64)


@pytest.mark.parametrize("name", TORCH)
def test_what_torch_exports(name):
    """Both exporters; torch computes in float32, and so do the files: outputs of size 1 to within 1e-6."""
    network = load_network(FIXTURES / name)
    x, y = (EXPECTED[f"{name.rpartition('_')[0]}_{part}"] for part in "xy")
    np.testing.assert_allclose(network.forward(rows(x)), y, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("name", "activations", "words"),
    [
        ("pruned", ("relu", "identity"), "was multiplied by its mask, which keeps 0.5 of it"),
        ("bfloat16", ("silu", "elu[0.7]", "identity"), "6 bfloat16 tensors were widened"),
        ("float8", ("silu", "elu[0.7]", "identity"), "6 float8_e4m3fn tensors were widened"),
    ],
)
def test_what_torch_saves(name, activations, words):
    read = read_network(FIXTURES / f"{name}.safetensors", Given(activations))
    assert words in read.notes[0]
    np.testing.assert_allclose(
        read.network.forward(rows(EXPECTED[f"{name}_x"])), EXPECTED[f"{name}_y"], atol=1e-6, rtol=0
    )
    with pytest.warns(FormatNote, match=words.split(",")[0]):
        load_network(FIXTURES / f"{name}.safetensors", activations)


def test_other_graphs_are_refused_by_name():
    with pytest.raises(BadInput, match=r"operator Conv '/conv/Conv' is not supported: a network of dense layers"):
        load_network(FIXTURES / "block_script.onnx")


X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


def sklearn_models():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        how = {"max_iter": 30, "random_state": 0}
        yield "classes", MLPClassifier((5,), **how).fit(X, Y), {}
        yield "names", MLPClassifier((5, 4), activation="logistic", **how).fit(X, NAMES[Y]), {}
        yield "no zipmap", MLPClassifier((5,), **how).fit(X, NAMES[Y]), {"options": {"zipmap": False}}
        scaled = make_pipeline(StandardScaler(), MLPClassifier((5,), activation="tanh", **how))
        yield "two classes", scaled.fit(X * (1, 10, 100, 0.1), NAMES[(Y > 0) * 1]), {}
        yield "regression", MLPRegressor(hidden_layer_sizes=(5,), **how).fit(X, X[:, :2] @ (1, 2)), {}


def test_what_sklearn_exports(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    for name, model, options in sklearn_models():
        path = tmp_path / "m.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = skl2onnx.to_onnx(model, X[:1].astype(np.float32), **options)
        path.write_bytes(content.SerializeToString())
        network = load_network(path)
        inputs = X * (1, 10, 100, 0.1) if name == "two classes" else X
        if name == "regression":
            wanted = model.predict(X)[:, None]
        else:
            wanted = model.predict_proba(inputs)
            labels = np.array(network.classes or range(network.widths[-1]))
            assert (
                labels[network.classified(inputs)].astype(str) == model.predict(inputs).astype(str)
            ).mean() > 0.98, name
        np.testing.assert_allclose(network.forward(inputs), wanted, atol=2e-5, rtol=0, err_msg=name)


rng = np.random.default_rng(0)
W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
b, c = rng.normal(size=4), rng.normal(size=2)
x = rng.normal(size=(50, 3)) * 2
u = x @ W + b
node = helper.make_node


def spelled(text):
    """Nodes from "Operator input input > output; …"."""
    parts = [line.split(" > ") for line in text.split("; ")]
    return [node(before.split()[0], before.split()[1:], after.split()) for before, after in parts]


BASE = {"W": W, "V": V, "b": b, "c": c, "half": 0.5, "one": 1.0, "s": 0.5**0.5, "root": 2**0.5, "three": 3.0}
DENSE = [node("MatMul", ["x", "W"], ["p"]), node("Add", ["b", "p"], ["u"])]
END = [node("MatMul", ["g", "V"], ["y"])]


def written(tmp_path, nodes, constants, kind=np.float64, shape=("n", 3), opset=20, **changes):
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    tensors = [
        numpy_helper.from_array(np.asarray(v, dtype=None if np.asarray(v).dtype.kind == "i" else kind), k)
        for k, v in constants.items()
    ]
    ends = [helper.make_tensor_value_info("x", number, shape), helper.make_tensor_value_info("y", number, None)]
    model = helper.make_model(
        helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors, **changes),
        opset_imports=[helper.make_opsetid("", opset)],
    )
    path = tmp_path / "a.onnx"
    onnx.save(model, path)
    return path


def bn(z):
    return (z - 0.3 * np.arange(4)) / np.sqrt(np.arange(1, 5) + 1e-5) * (1, -2, 0, 3) + np.arange(4)


NORM = {"scale": [1.0, -2.0, 0.0, 3.0], "shift": np.arange(4.0), "mean": 0.3 * np.arange(4), "var": np.arange(1.0, 5.0)}
GELU_TANH = [
    *spelled("Pow u three > u3; Mul u3 bend > b3; Add u b3 > in; Mul in pi > in2; Tanh in2 > t"),
    *spelled("Add t one > t1; Mul u t1 > ut; Mul ut half > g"),
]  # fmt: skip
SPELLINGS = {
    "erf of a quotient": ([*spelled("Div u root > q; Erf q > g")], erf(u / 2**0.5), "erf"),
    "bare erf": ([*spelled("Erf u > g")], erf(u), "erf"),
    "two factors": ([*spelled("Mul u s > q; Mul half q > r; Erf r > g")], erf(u * 0.5**1.5), "erf"),
    "factor before the bias": ([*spelled("Mul p s > q; Add q b > r; Erf r > g")], erf((u - b) * 0.5**0.5 + b), "erf"),
    "gelu": ([*spelled("Gelu u > g")], u * 0.5 * (1 + erf(u / 2**0.5)), "gelu"),
    "gelu spelled out": (
        [
            *spelled("Div u root > q; Erf q > e; Add e one > e1; Mul u e1 > ue; Mul ue half > g"),
        ],
        u * 0.5 * (1 + erf(u / 2**0.5)), "gelu",
    ),
    "gelu tanh": ([node("Gelu", ["u"], ["g"], approximate="tanh")], None, "gelu-tanh"),
    "gelu tanh spelled out": (GELU_TANH, None, "gelu-tanh"),
    "silu": ([*spelled("Sigmoid u > e; Mul e u > g")], u * expit(u), "silu"),
    "sigmoid from tanh": (
        [*spelled("Mul u half > q; Tanh q > t; Mul t half > h; Add h half > g")],
        expit(u), "tanh",
    ),
    "sigmoid from exp": (
        [*spelled("Neg u > m; Exp m > e; Add e one > d; Div one d > g")],
        expit(u), "sigmoid",
    ),
    "1 − tanh": ([*spelled("Tanh u > t; Sub one t > g")], 1 - np.tanh(u), "tanh"),
    "clip": ([*spelled("Clip u zero > g")], np.maximum(u, 0), "relu"),
    "clip at the largest float": ([*spelled("Clip u zero largest > g")], np.maximum(u, 0), "relu"),
    "relu6": ([*spelled("Clip u zero six > g")], np.clip(u, 0, 6), "hard-sigmoid[1,0]"),
    "hardtanh": ([*spelled("Clip u minus1 one > g")], np.clip(u, -1, 1), "hard-sigmoid[1,0.5]"),
    # as Keras spells it
    "hard sigmoid from relu6": (
        [*spelled("Add u three > q; Clip q zero six > r; Mul r sixth > g")],
        np.clip(u / 6 + 0.5, 0, 1), "hard-sigmoid[1,0]",
    ),
    "selu": ([*spelled("Selu u > g")], None, "elu[1.6732631921768188]"),
    "hard sigmoid": (
        [node("HardSigmoid", ["u"], ["g"], alpha=0.25, beta=0.5)],
        np.clip(u / 4 + 0.5, 0, 1), "hard-sigmoid[0.25,0.5]",
    ),
    "prelu": ([*spelled("PRelu u half > g")], np.where(u > 0, u, u / 2), "leaky-relu[0.5]"),
    "norm before": (
        spelled("BatchNormalization u scale shift mean var > n; Relu n > g"), np.maximum(bn(u), 0), "relu",
    ),
    "norm after": (
        spelled("Relu u > r; BatchNormalization r scale shift mean var > g"), bn(np.maximum(u, 0)), "relu",
    ),
    "factor of each unit after": ([*spelled("Tanh u > t; Mul t b > g")], np.tanh(u) * b, "tanh"),
    "cast and back": (
        [node("Cast", ["u"], ["k"], to=TensorProto.DOUBLE), *spelled("Relu k > g")], np.maximum(u, 0), "relu",
    ),
    "views": (
        [*spelled("Reshape u square > v; Relu v > r; Flatten r > g")],
        np.maximum(u, 0), "relu",
    ),
    "computed view": (
        [
            *spelled("Shape u > sh; Gather sh index > n; Unsqueeze n index > n1"),
            node("Concat", ["n1", "minus"], ["to"], axis=0), *spelled("Reshape u to > v; Relu v > g"),
        ],
        np.maximum(u, 0), "relu",
    ),
    "dropout": ([*spelled("Relu u > r; Dropout r > d mask; Identity d > g")], np.maximum(u, 0), "relu"),
}  # fmt: skip
CONSTANTS = BASE | NORM | {
    "bend": 0.044715, "pi": (2 / np.pi) ** 0.5, "zero": 0.0, "six": 6.0, "sixth": 1 / 6, "minus1": -1.0,
    "largest": 3.4028234663852886e38, "square": np.array([-1, 2, 2]),
    "index": np.array(0), "minus": np.array([-1]),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(tmp_path, name):
    nodes, hidden, activation = SPELLINGS[name]
    used = {given for n in [*DENSE, *nodes, *END] for given in n.input}
    constants = {key: value for key, value in CONSTANTS.items() if key in used}
    network = load_network(written(tmp_path, [*DENSE, *nodes, *END], constants))
    assert network.activations == (activation, "identity")
    if hidden is not None:
        np.testing.assert_allclose(network.forward(x), hidden @ V, atol=1e-12, rtol=0)


def keras_gelu(z):
    return 0.5 * z * (1 + erf(z * 0.5**0.5))


GEMM = node("Gemm", ["x", "W", "b"], ["u"], alpha=2.0, beta=-0.5)
WHOLE = {
    "gemm's factors": ([GEMM, *spelled("Relu u > g"), *END], np.maximum(2 * x @ W - b / 2, 0) @ V),
    "folded weights": (
        [
            node("Transpose", ["Wt"], ["W0"], perm=[1, 0]),
            *spelled("Mul W0 half > W1; MatMul x W1 > u; Relu u > g"), *END,
        ],
        np.maximum(x @ W / 2, 0) @ V,
    ),
    "scaled input": (
        [*spelled("Sub x offset > z; Div z width > z1; MatMul z1 W > u; Tanh u > g"), *END],
        np.tanh((x - [1, 2, 3]) / [4, 5, 6] @ W) @ V,
    ),
    "factor at the end": (
        [*DENSE, *spelled("Tanh u > g"), *END[:-1], *spelled("MatMul g V > v; Sigmoid v > w; Mul w c > y")],
        expit(np.tanh(u) @ V) * c,
    ),
    # as tf2onnx spells a Keras model: Flatten by the shape of its input, Dense, BatchNormalization, gelu
    "keras": (
        [
            *spelled("Reshape x flat > f; MatMul f W > p; Add p b > u; Mul u norm/mul > m; Add m norm/sub > n"),
            *spelled("Mul n s > q; Erf q > e; Add e one > e1; Mul n half > nh; Mul nh e1 > g"), *END[:-1],
            *spelled("MatMul g V > v; Add v c > w; Softmax w > y"),
        ],
        softmax(keras_gelu(u * b + 2 * b) @ V + c, axis=1),
    ),
    "keras, fused": (
        [
            *spelled("Shape x > sh"), node("Cast", ["sh"], ["shape"], to=TensorProto.INT64),
            node("Slice", ["shape", "first", "second"], ["n"]),
            node("Concat", ["n", "minus"], ["to"], axis=0), *spelled("Reshape x to > f; Gemm f W b > u"),
            *spelled("Sigmoid u > e; Mul u e > g; Gemm g V c > v; Identity v > y"),
        ],
        u * expit(u) @ V + c,
    ),
    "log of softmax": (
        [*DENSE, *spelled("Tanh u > g; MatMul g V > v; Softmax v > q; Log q > y")],
        np.tanh(u) @ V - np.log(np.exp(np.tanh(u) @ V).sum(1, keepdims=True)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_whole_graphs(tmp_path, name):
    nodes, wanted = WHOLE[name]
    more = {"Wt": W.T.copy(), "offset": [1.0, 2.0, 3.0], "width": [4.0, 5.0, 6.0], "flat": np.array([-1, 3])}
    more |= {"norm/mul": b, "norm/sub": 2 * b, "first": np.array([0]), "second": np.array([1])}
    used = {given for n in nodes for given in n.input}
    constants = {key: value for key, value in (CONSTANTS | more).items() if key in used}
    np.testing.assert_allclose(
        read_network(written(tmp_path, nodes, constants)).network.forward(x), wanted, atol=1e-12, rtol=0
    )


def test_sparse_weights(tmp_path):
    values = numpy_helper.from_array(np.array([2.0, -1.0]), "W")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([1, 10]), "i"), [3, 4])
    path = written(
        tmp_path,
        [node("MatMul", ["x", "W"], ["u"]), node("Relu", ["u"], ["g"]), *END],
        {"V": V},
        sparse_initializer=[sparse],
    )
    read = read_network(path)
    dense = np.zeros(12)
    dense[[1, 10]] = 2.0, -1.0
    np.testing.assert_array_equal(read.network.weights[0], dense.reshape(3, 4).T)
    assert read.notes == ("1 sparse tensors were made dense",)


@pytest.mark.parametrize("kind", ["float16", "float8_e4m3fn", "bfloat16"])
def test_narrow_weights(tmp_path, kind):
    """Stored narrow and cast in the graph, as quantizing exporters do."""
    import ml_dtypes

    narrow = np.dtype(kind) if kind == "float16" else np.dtype(getattr(ml_dtypes, kind))
    nodes = [node("Cast", ["N"], ["W"], to=TensorProto.FLOAT), *DENSE, node("Relu", ["u"], ["g"]), *END]
    path = written(tmp_path, nodes, {"b": b, "V": V}, np.float32)
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(W.astype(narrow), "N"))
    onnx.save(model, path)
    read = read_network(path)
    assert read.notes == (f"1 {kind.replace('_', '')} tensors were widened to float64",)
    np.testing.assert_array_equal(read.network.weights[0], W.astype(narrow).T.astype(np.float64))


def test_half_precision_throughout(tmp_path):
    path = written(tmp_path, [*DENSE, node("Relu", ["u"], ["g"]), *END], {"W": W, "b": b, "V": V}, np.float16)
    np.testing.assert_allclose(read_network(path).network.forward(x), np.maximum(u, 0) @ V, atol=0.05, rtol=0)


@pytest.mark.parametrize("opset", [11, 13])
def test_softmax_until_opset_12(tmp_path, opset):
    """Its axis is 1 by default, and all axes from there on are one."""
    nodes = [*DENSE, node("Relu", ["u"], ["g"]), node("MatMul", ["g", "V"], ["v"]), node("Softmax", ["v"], ["y"])]
    path = written(tmp_path, nodes, {"W": W, "b": b, "V": V}, opset=opset)
    np.testing.assert_allclose(load_network(path).forward(x).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (("n", "m", 3), "only the first, the batch"),
        ((1, 3), None),
        ((5, 3), None),
        ((40, 3), None),
        ((None, None), None),
    ],
)
def test_shapes(tmp_path, shape, words):
    path = written(tmp_path, [*DENSE, node("Relu", ["u"], ["g"]), *END], {"W": W, "b": b, "V": V}, shape=shape)
    if words:
        with pytest.raises(BadInput, match=words):
            load_network(path)
    else:
        np.testing.assert_allclose(load_network(path).forward(x), np.maximum(u, 0) @ V, atol=1e-12, rtol=0)


def test_a_wrong_reader_is_caught(tmp_path, monkeypatch):
    """Whatever is misread, in a value or in a layer, running both finds it and names the node."""
    nodes = [*DENSE, node("LeakyRelu", ["u"], ["r"], alpha=0.3, name="leak"), node("Mul", ["r", "half"], ["g"]), *END]
    path = written(tmp_path, nodes, {"W": W, "b": b, "V": V, "half": 0.5})
    load_network(path)
    with monkeypatch.context() as wrong:
        wrong.setattr(chain, "with_attributes", lambda *_: (lambda z: np.maximum(z, 0.0), "relu"))
        with pytest.raises(BadInput, match="operator LeakyRelu 'leak' computes something else than was read"):
            load_network(path)
    with monkeypatch.context() as wrong:
        wrong.setattr(chain, "recognized", lambda *_: Recognized("relu", 1.0, 0.5))
        with pytest.raises(BadInput, match=r"what was read for tensor 'g' computes something else"):
            load_network(path)
    with monkeypatch.context() as wrong:
        wrong.setattr(chain._Reader, "add", lambda self, node, value: value)
        with pytest.raises(BadInput, match="operator Add computes something else"):
            load_network(path)


def test_functions_that_are_nearly_an_activation():
    """tanh with an error of 1e-6 is tanh in single precision at most; and no function is read from noise."""
    near = Function().then(lambda z: np.tanh(z) + 3e-7 * np.sin(5 * z), "tanh")
    assert recognized(near, 2.0**-23) == Recognized("tanh", 1.0)
    assert recognized(near, 2.0**-52) is None
    assert recognized(Function().then(np.sin), 2.0**-23) is None
    assert len(elementwise.PLAIN) > 5
