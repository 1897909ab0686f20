"""The experiment on images: one command, from IDX files, that can be interrupted; and figures whose words fit."""

from __future__ import annotations

import json
import struct

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.datasets import load_digits

from divprune_sym.cli import main
from divprune_sym.method_names import PAPER
from divprune_sym.networks import compare as compare_module
from divprune_sym.networks import compare_report, experiment, training
from divprune_sym.networks.compare import CompareSetting, compare
from divprune_sym.networks.data import read_data
from divprune_sym.show.figures import STYLE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """scikit-learn's digits as MNIST's files."""
    digits = load_digits()
    path = tmp_path_factory.mktemp("idx")
    for name, rows in (("train", slice(0, 1200)), ("t10k", slice(1200, None))):
        for kind, array in (("images-idx3", digits.images[rows] * 15), ("labels-idx1", digits.target[rows])):
            array = array.astype(np.uint8)
            head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
            (path / f"{name}-{kind}-ubyte").write_bytes(head + array.tobytes())
    return path


COMMAND = ("--hidden", "20,12", "--epochs", "3", "--repeats", "1", "--keep", "0.5")


def test_one_command(folder, tmp_path, capsys):
    out = tmp_path / "whole"
    few = ("--methods", "random-edge,importance-node", "--json")
    assert main(["mnist", str(folder), *COMMAND, *few, "-o", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(row["method"], row["keep"], row["reweighted"]) for row in found["rows"]} == {
        (m, k, r) for m in ("random-edge", "importance-node") for k in (0.5,) for r in (False, True)
    }
    assert {"network.npz", "training.json", "compare.json", "compare.csv", "compare.png"} <= {
        p.name for p in out.iterdir()
    }
    published = ["mnist", str(folder), *COMMAND, "--methods", "dpp-node", "--as-published", "--images", "300"]
    assert main([*published, "-o", str(tmp_path / "published")]) == 0
    assert "dpp" in capsys.readouterr().out


def test_an_interrupted_training_goes_on(folder, tmp_path, monkeypatch):
    data = read_data(folder)
    asked = experiment.ImageNetwork((12,), training.TrainSetting(3))
    whole = experiment.trained(data, asked, tmp_path / "whole")
    real, epochs = training._State.save, []

    def stopping(self, path):
        real(self, path)
        epochs.append(path)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(training._State, "save", stopping)
        with pytest.raises(KeyboardInterrupt):
            experiment.trained(data, asked, tmp_path / "again")
    again = experiment.trained(data, asked, tmp_path / "again")
    np.testing.assert_array_equal(again.weights[0], whole.weights[0])


class Interrupted(KeyboardInterrupt):
    """As Ctrl-C, but of ours."""


@pytest.mark.parametrize("where", ["training", "comparison"])
def test_the_interrupted_command_goes_on(folder, tmp_path, monkeypatch, capsys, where):
    """Ctrl-C after the second of three epochs, or after the first of four cells; the same command ends in the same."""
    few = ("--methods", "random-edge,importance-node", "--keep", "0.5,0.7")
    command = ["mnist", str(folder), *COMMAND[:-2], *few, "-o"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    capsys.readouterr()
    place, name, after = {
        "training": (training._State, "save", 2),
        "comparison": (compare_module, "_save", 1),
    }[where]
    real, calls = getattr(place, name), []

    def stopping(*args):
        real(*args)
        calls.append(args)
        if len(calls) == after:
            raise Interrupted

    out = tmp_path / "again"
    with monkeypatch.context() as broken:
        broken.setattr(place, name, stopping)
        assert main([*command, str(out)]) == 130
    assert f"what is finished is in {out}; start the same command again to go on" in capsys.readouterr().err
    if where == "training":
        assert (out / experiment.TRAINING).exists()
        assert not (out / experiment.NETWORK).exists()
    else:
        assert len(json.loads((out / compare_module.FILE).read_text())["cells"]) == 1
        made = (out / experiment.NETWORK).stat().st_mtime_ns
    epochs = []
    step = training._State.step
    monkeypatch.setattr(training._State, "step", lambda *args: (epochs.append(1), step(*args))[1])
    assert main([*command, str(out)]) == 0
    assert len(epochs) == (12 if where == "training" else 0)  # 1200 images, 100 at a time: one epoch, or none
    if where == "comparison":
        assert (out / experiment.NETWORK).stat().st_mtime_ns == made
    whole, again = (json.loads((tmp_path / n / compare_module.FILE).read_text()) for n in ("whole", "again"))
    assert again["rows"] == whole["rows"]
    assert not (out / experiment.TRAINING).exists()


def test_all_are_the_six_of_the_paper(folder, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(compare_module, "compare", lambda *args, **named: asked.append(args[2]) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["mnist", str(folder), *COMMAND, "-o", str(tmp_path / "out"), "--debug"])
    assert tuple(method.name for method in asked[0].methods) == PAPER


def test_refusals(stops, folder, tmp_path):
    assert "is no folder of IDX files" in stops("mnist", tmp_path / "nowhere")
    assert "has no train-images-idx3-ubyte" in stops("mnist", tmp_path, "-o", tmp_path / "out")
    # before anything is trained
    assert "--images = 0: must be at least 1" in stops("mnist", folder, "--images", "0", "-o", tmp_path / "out")
    assert "--hidden 'x'" in stops("mnist", folder, "--hidden", "x", "-o", tmp_path / "out")
    data = read_data(folder)
    small = experiment.ImageNetwork((4,), training.TrainSetting(1))
    experiment.trained(data, small, tmp_path / "kept")
    assert "holds another training" in stops("mnist", folder, "-o", tmp_path / "kept")


def test_words_of_figures_fit(folder, tmp_path):
    data = read_data(folder)
    network = experiment.trained(data, experiment.ImageNetwork((8,), training.TrainSetting(1)), tmp_path)
    setting = CompareSetting(("importance-node",), (0.5,), 1, theory=True)
    found = compare(network, data, setting, tmp_path / "compared")
    with mpl.rc_context(fname=STYLE):
        for figure in (compare_report.theory_figure(found), compare_report.errors_figure(found)):
            figure.draw_without_rendering()
            width, height = figure.bbox.size
            for axes in figure.axes:
                for text in (axes.yaxis.label, axes.xaxis.label, axes.title):
                    box = text.get_window_extent()
                    assert box.x0 >= 0
                    assert box.y0 >= 0
                    assert box.x1 <= width
                    assert box.y1 <= height
