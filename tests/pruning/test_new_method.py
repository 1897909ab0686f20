"""A method is one file: put among the others, it is noticed wherever methods are named, compared or drawn."""

from __future__ import annotations

import json
from importlib import invalidate_caches

import matplotlib.colors
import numpy as np
import pytest

from divprune_sym.bound.regions import Comparison, bound
from divprune_sym.bound.report import figure
from divprune_sym.cli import main
from divprune_sym.cli.options import read_methods
from divprune_sym.networks import DenseNetwork, save_network
from divprune_sym.pruning import METHODS, methods
from divprune_sym.pruning.looks import looks

SOURCE = '''
"""Random edges under another name."""

from divprune_sym.pruning.variant import EdgeVariant, Pruned


class ThinEdge(EdgeVariant):
    name = "thin-edge"

    def limit(self, pair):
        return Pruned(pair.p * pair.Q_ii, pair.p**2 * pair.Q_ik, pair.p * pair.R_in)

    def draw(self, layer, keep, rng, count=1):
        return rng.random((count, *layer.weights.shape)) < keep
'''
STATE = ("--teachers", "2", "--copies", "2", "--second-layer", "1")


@pytest.fixture(scope="module", autouse=True)
def thin_edge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    (folder / "thin_edge.py").write_text(SOURCE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "__path__", [*methods.__path__, str(folder)])
        invalidate_caches()
        yield METHODS["thin-edge"]


@pytest.fixture
def net(tmp_path):
    rng = np.random.default_rng(0)
    weights = (rng.normal(size=(6, 8)), rng.normal(size=(2, 6)))
    save_network(DenseNetwork(weights, (np.zeros(6), np.zeros(2)), ("tanh", "softmax")), tmp_path / "net.npz")
    x, y = rng.normal(size=(40, 8)), rng.integers(0, 2, 40)
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return tmp_path / "net.npz", "--data", tmp_path / "data.npz"


@pytest.fixture
def told(capsys):
    def run(*arguments):
        assert main([*map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_it_is_listed(thin_edge):
    assert list(METHODS)[-1] == "thin-edge"
    assert "thin-edge" in read_methods("all")
    assert METHODS.usable()["thin-edge"] is thin_edge


def test_error(told):
    found, twin = (told("error", name, *STATE, "--keep-fraction", 0.5) for name in ("thin-edge", "random-edge"))
    assert found["method"] == "thin-edge"
    assert found["generalization_error"] == pytest.approx(twin["generalization_error"], rel=1e-12)


def test_bound_of_another_method(told, tmp_path):
    found = told("bound", "dpp-node", *STATE, "--no-draw", "--out", tmp_path / "out")
    assert {row["thin-edge"] == pytest.approx(row["random-edge"]) for row in found["table"]} == {True}
    assert "thin-edge" in {region["rival"] for region in found["regions"]}


def test_its_own_bound_with_masks(told, tmp_path):
    found = told("bound", "thin-edge", *STATE, "--inputs", 200, "--networks", 4, "--out", tmp_path / "out")
    assert found["draw_agrees_with_limit"]["agrees"]
    assert {region["rival"]: region["equal"] for region in found["regions"]}["random-edge"]


def test_explore(told, tmp_path):
    question = "ERROR(thin-edge) <= ERROR(random-edge)"
    found = told("explore", question, "--over", "M=1,Z=2,p=0.3..0.7:0.2", "-o", tmp_path / "map")
    assert found["counts"] == {"fails": 0, "holds": 0, "equal": 3}


def test_prune_and_compare(told, net, tmp_path):
    found = told("prune", *net, "--method", "thin-edge", "--keep", 0.5, "--seed", 1)
    assert found["method"] == "thin-edge"
    assert found["after"]["parameters"] < found["before"]["parameters"]
    how = ("--methods", "thin-edge,random-node", "--keep", 0.5, "--repeats", 2, "-o", tmp_path / "out")
    found = told("compare", *net, *how)
    assert {"compare.png", "compare.svg"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert "thin-edge" in json.dumps(found)


def test_figures_tell_all_methods_apart():
    found = bound(METHODS["dpp-node"], Comparison(1, 2, 1.0), None, np.random.default_rng(0))
    drawn = {line.get_label(): line for line in figure(found).axes[0].get_lines()}
    assert list(drawn) == list(found.units)
    assert set(drawn) == set(METHODS)
    seen = looks({name: method.unit for name, method in METHODS.items()})
    assert len({(look.color, str(look.line)) for look in seen.values()}) == len(METHODS)
    assert matplotlib.colors.same_color(drawn["thin-edge"].get_color(), seen["thin-edge"].color)
