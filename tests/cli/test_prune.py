"""`prune` and `compare` from the command line, on a network trained here."""

from __future__ import annotations

import csv
import json
import pickle

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from divprune_sym.cli import main
from divprune_sym.networks import (
    DenseNetwork,
    PruneSetting,
    from_sklearn,
    load_network,
    prune_network,
    read_data,
    save_network,
)
from divprune_sym.networks import compare as compare_module
from divprune_sym.networks.masks import Mask, apply, compact
from divprune_sym.pruning import METHODS
from divprune_sym.pruning.draw_checkpoint import DrawCheckpoint

pytestmark = pytest.mark.slow(25)

DATA = read_data("digits")


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    classifier = MLPClassifier((20, 12), activation="logistic", learning_rate_init=0.01, batch_size=50, random_state=0)
    for _ in range(15):
        classifier.partial_fit(DATA.x_train, DATA.y_train, classes=np.arange(10))
    path = tmp_path_factory.mktemp("net") / "net.npz"
    save_network(from_sklearn(classifier), path)
    return path


def run(capsys, *arguments, code=0):
    assert main([*map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("method", ["dpp-edge", "dpp-node", "magnitude-edge", "column-edge"])
def test_prune(capsys, tmp_path, net, method):
    out, mask = tmp_path / "out.onnx", tmp_path / "mask.npz"
    found = run(
        capsys, "prune", net, "--method", method, "--keep", 0.5, "--data", "digits", "--reweight", "--seed", 3,
        "-o", out, "--mask", mask,
    )  # fmt: skip
    before = load_network(net)
    assert found["before"]["wrong"] == np.count_nonzero(before.classified(DATA.x_test) != DATA.y_test)
    after = load_network(out)
    assert after.widths == before.widths
    assert found["reweighted"]["error"] == after.error(DATA.x_test, DATA.y_test)
    loaded = Mask.load(mask)
    assert (loaded.seed, loaded.method) == (3, method)
    assert set(loaded.versions) >= {"divprune-sym", "numpy"}
    if method.endswith("edge"):
        assert found["after"]["parameters"] == apply(loaded, before).parameters
    else:
        assert found["after"]["parameters"] == compact(loaded, before).parameters
        assert compact(loaded, after).parameters == found["reweighted"]["parameters"]
    again = run(capsys, "prune", net, "--method", method, "--keep", 0.5, "--data", "digits", "--reweight", "--seed", 3)
    assert again["reweighted"] == found["reweighted"]


def test_compact_output_is_small(capsys, tmp_path, net):
    out = tmp_path / "small.safetensors"
    how = ("--method", "random-node", "--keep", "0.5,0.25", "--data", "digits")
    found = run(capsys, "prune", net, *how, "--compact", "-o", out)
    small = load_network(out)
    assert small.widths == (64, 10, 3, 10)
    assert found["after"]["parameters"] == small.parameters
    assert found["after"]["error"] == small.error(DATA.x_test, DATA.y_test)


def test_shares_follow_the_order_of_the_layers(capsys, net):
    how = ("--method", "random-node", "--keep", "0.5,0.25", "--data", "digits", "--layer", 1, "--layer", 0)
    found = run(capsys, "prune", net, *how)
    assert found["keep"] == {"1": 0.5, "0": 0.25}
    inputs, outputs = (64, 5, 6), (5, 6, 10)
    assert found["after"]["parameters"] == sum((n + 1) * m for n, m in zip(inputs, outputs, strict=True))


def test_no_file_is_written_over_another(stops, tmp_path, net):
    how = ["prune", net, "--method", "random-node", "--keep", "0.5"]
    both, data = tmp_path / "both.npz", tmp_path / "data.npz"
    assert "is also --out" in stops(*how, "--data", "digits", "-o", both, "--mask", both)
    np.savez(data, x_train=DATA.x_train, y_train=DATA.y_train, x_test=DATA.x_test, y_test=DATA.y_test)
    held = data.read_bytes()
    assert "would overwrite the input" in stops(*how, "--data", data, "--mask", data)
    assert data.read_bytes() == held


def test_table(capsys, net):
    assert main(["prune", str(net), "--method", "dpp-node", "--keep", "0.5", "--data", "digits", "--layer", "1"]) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    for words in ("before", "pruned", "parameters", "multiply-adds", "method dpp-node, seed", "share of wrong answers"):
        assert words in printed


def test_regression(capsys, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5))
    weights = rng.standard_normal((8, 5)), rng.standard_normal((1, 8))
    network = DenseNetwork(weights, (np.zeros(8), np.zeros(1)), ("erf", "identity"))
    save_network(network, tmp_path / "net.npz")
    y = network.forward(x)
    np.savez(tmp_path / "d.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    found = run(
        capsys, "prune", tmp_path / "net.npz", "--method", "random-node", "--keep", 0, "--data", tmp_path / "d.npz"
    )
    assert found["error_is"] == "mean squared error"
    # files hold float32 numbers
    assert found["before"].pop("error") < 1e-12
    assert found["before"] == {"wrong": None, "rows": 60, "parameters": 57, "multiply_adds": 48}
    assert found["after"]["error"] == pytest.approx(np.mean(y**2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--method", "dpp-nod"], 'Did you mean "dpp-node"?'),
        (["--keep", "1.5"], "--keep = 1.5: must lie in [0, 1]"),
        (["--keep", "x"], "expected a share such as 0.3"),
        (["--keep", "0.1,0.2,0.3"], "3 shares for 2 layers"),
        (["--keep", "0.01"], "keeps 0 of 20 nodes of layer 0 of a classifier"),
        (["--layer", "2"], "layer = 2: must be between 0 and 1"),
        (["--data", "nowhere.npz"], "nowhere.npz: No such file"),
        (["--normalize", "1"], "--normalize '1': expected MEAN,STD"),
        (["--normalize", "0,0"], "std = 0.0: must lie in"),
        (["--ridge", "-1"], "ridge = -1.0"),
        (["--as-published", "--silenced"], "--as-published: is a setting of its own"),
        (["--compact"], "--compact: says how the network is written"),
        (["--seed", "-1"], "--seed = -1: must be at least 0"),
        (["--checkpoint", "c"], "--checkpoint: only the same masks can be gone on with; give --seed too"),
        (["-o", "net.txt"], "unknown ending '.txt'"),
        (["-o", "net.pkl"], "pickled code, which is never run"),
        (["--method", "nm-edge", "--keep", "0.3"], "0.3"),
    ],
)
def test_prune_refuses(stops, net, change, words):
    plain = {"--method": "dpp-node", "--keep": "0.5", "--data": "digits"}
    given = (
        dict(zip(change[::2], change[1::2], strict=False))
        if len(change) % 2 == 0 and "--silenced" not in change
        else {}
    )
    arguments = plain | given
    flags = [] if given else change
    assert words in stops("prune", net, *(word for pair in arguments.items() for word in pair), *flags)


def test_networks_refused(stops, tmp_path, net):
    words = ("prune", "--method", "random-node", "--keep", "0.5", "--data", "digits")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(net.read_bytes()[:500])
    assert "truncated" in stops(words[0], broken, *words[1:])
    broken.write_bytes(pickle.dumps(1))
    assert "is no npz file" in stops(words[0], broken, *words[1:])
    narrow = DenseNetwork((np.ones((4, 9)), np.ones((10, 4))), (np.zeros(4), np.zeros(10)), ("tanh", "softmax"))
    save_network(narrow, broken)
    assert "64 inputs in each row, the network takes 9" in stops(words[0], broken, *words[1:])
    few = DenseNetwork((np.ones((4, 64)), np.ones((3, 4))), (np.zeros(4), np.zeros(3)), ("tanh", "softmax"))
    save_network(few, broken)
    assert "label 9, the network's 3 outputs name 0 to 2" in stops(words[0], broken, *words[1:])


COMPARE = (
    "--data",
    "digits",
    "--methods",
    "random-edge,magnitude-edge,dpp-node",
    "--keep",
    "0.3:0.6:0.3",
    "--repeats",
    "3",
)


def test_compare(capsys, tmp_path, net):
    out = tmp_path / "compared"
    found = run(capsys, "compare", net, *COMPARE, "--theory", "-o", out)
    assert sorted(path.name for path in out.iterdir()) == [
        "compare.csv", "compare.json", "compare.png", "compare.svg", "theory.png", "theory.svg"
    ]  # fmt: skip
    rows = {(row["method"], row["keep"], row["reweighted"]): row for row in found["rows"]}
    assert len(rows) == 3 * 2 * 2
    assert rows["random-edge", 0.3, False]["masks"] == 3
    assert rows["magnitude-edge", 0.3, False]["standard_error"] is None
    cell = found["cells"]["random-edge 0.3"]
    assert rows["random-edge", 0.3, False]["error"] == pytest.approx(np.mean(cell["plain"]))
    assert rows["random-edge", 0.3, False]["standard_error"] == pytest.approx(np.std(cell["plain"], ddof=1) / 3**0.5)
    for row in rows.values():
        if not row["reweighted"]:
            # an approximation for the right network and mask; for another one it is off by far more
            assert 0.4 < row["predicted"] / row["measured"] < 2.5
    assert main(["compare", str(net), *COMPARE, "--theory", "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    with (out / "compare.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["error_unit"] for line in lines} == {"share of wrong answers"}
    predicted = [line for line in lines if line["field_change_predicted"]]
    assert {line["field_change_unit"] for line in predicted} == {
        "half the mean squared change, summed over the next fields"
    }
    assert len(predicted) == 6
    for words in ("test error (%)", "unpruned", "prediction for Gaussian inputs of layer 0", "written"):
        assert words in printed


def test_cells_are_measured_once():
    setting = compare_module.CompareSetting(("dpp-edge", "dpp-edge", "dpp-node"), (0.3, 0.3, 0.1 + 0.2))
    assert [method.name for method, _ in setting.cells()] == ["dpp-edge", "dpp-node"]


def test_compare_goes_on_where_it_stopped(capsys, tmp_path, net, monkeypatch):
    out = tmp_path / "compared"
    whole = run(capsys, "compare", net, *COMPARE, "-o", tmp_path / "whole")
    measured, real = [], compare_module._measured_cell

    def some(*arguments):
        measured.append(arguments[-2:])
        if len(measured) > 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(compare_module, "_measured_cell", some)
    assert main(["compare", str(net), *COMPARE, "-o", str(out)]) == 130
    assert "start the same command again" in capsys.readouterr().err
    kept = json.loads((out / "compare.json").read_text())["cells"]
    assert 0 < len(kept) <= 3
    monkeypatch.setattr(compare_module, "_measured_cell", real)
    resumed = run(capsys, "compare", net, *COMPARE, "-o", out)
    assert resumed["cells"] == whole["cells"]
    # more shares can be added; another seed is another comparison
    more = run(capsys, "compare", net, *COMPARE[:-3], "0.9", *COMPARE[-2:], "-o", out)
    assert len(more["cells"]) == 9


def test_compare_leaves_out_what_cannot_be(capsys, tmp_path, net):
    found = run(
        capsys, "compare", net, "--data", "digits", "--methods", "random-node,nm-edge", "--keep", "0.01,0.3",
        "--repeats", 1, "-o", tmp_path / "c",
    )  # fmt: skip
    left = {(row["method"], row["keep"]) for row in found["rows"] if "left_out" in row}
    assert left == {("random-node", 0.01), ("nm-edge", 0.01), ("nm-edge", 0.3)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--methods", "dpp-node,none"], 'METHOD "none"'),
        (["--keep", "0.9:0.2:0.1"], "expected FROM:TO:STEP"),
        (["--keep", "0:1:0"], "expected FROM:TO:STEP"),
        (["--keep", "2"], "keep = 2.0: must lie in [0, 1]"),
        (["--repeats", "0"], "repeats = 0: must be at least 1"),
    ],
)
def test_compare_refuses(stops, tmp_path, net, change, words):
    plain = {"--data": "digits", "--methods": "random-node", "--keep": "0.5"} | {change[0]: change[1]}
    out = tmp_path / "folder"
    assert words in stops("compare", net, *(word for pair in plain.items() for word in pair), "-o", out)


def test_another_comparison_in_the_folder(capsys, tmp_path, net):
    out = tmp_path / "c"
    few = ("compare", net, "--data", "digits", "--methods", "magnitude-edge", "--keep", "0.5", "-o", out)
    run(capsys, *few)
    held = (out / "compare.json").read_bytes()
    assert main([*map(str, few), "--seed", "9"]) == 2
    assert "of another network, data or setting" in capsys.readouterr().err
    assert (out / "compare.json").read_bytes() == held
    (out / "compare.json").write_text("{}")
    assert main([*map(str, few)]) == 2
    assert "no comparison that could be gone on with" in capsys.readouterr().err


def test_prune_goes_on_where_it_stopped(capsys, tmp_path, net, monkeypatch):
    """Broken off while the second layer is drawn: its nodes are in the file, and the end is the same."""
    how = ("prune", net, "--method", "dpp-edge", "--keep", 0.5, "--data", "digits", "--reweight", "--seed", 3)
    whole = run(capsys, *how)
    counted, real = [], DrawCheckpoint.store

    def some(self, node, masks):
        counted.append(node)
        if len(counted) == 25:
            raise KeyboardInterrupt
        real(self, node, masks)

    monkeypatch.setattr(DrawCheckpoint, "store", some)
    assert main([*map(str, how), "--checkpoint", str(tmp_path / "c")]) == 130
    capsys.readouterr()
    assert [path.name for path in tmp_path.iterdir()] == ["c.layer1"]
    monkeypatch.setattr(DrawCheckpoint, "store", real)
    resumed = run(capsys, *how, "--checkpoint", tmp_path / "c")
    assert resumed == whole
    assert not list(tmp_path.iterdir())
    # the command says what a call from Python gives
    rng = np.random.default_rng(3)
    again = prune_network(load_network(net), DATA.x_train, METHODS["dpp-edge"], 0.5, rng, PruneSetting(reweight=True))
    assert again.network.error(DATA.x_test, DATA.y_test) == whole["reweighted"]["error"]
