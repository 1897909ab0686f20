"""Methods by name: files in `pruning/methods`, plug-ins, files of users; and that everything notices a new one."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint

import pytest

from divprune_sym.ground import plugins
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.plugins import PluginWarning
from divprune_sym.method_names import FOLDER, PAPER, shipped
from divprune_sym.pruning import METHODS, EdgePruning
from divprune_sym.pruning.registry import as_method, paper_methods
from divprune_sym.pruning.variant import EdgeVariant, Pruned
from divprune_sym.specialized import specialized_state


class Thinned(EdgeVariant):
    """What another package might offer: random edges."""

    name = "thinned"

    def limit(self, pair):
        return Pruned(pair.p * pair.Q_ii, pair.p**2 * pair.Q_ik, pair.p * pair.R_in)


class Sized(Thinned):
    def __init__(self, size):
        self.size = size


NOT_A_METHOD = 3


def test_every_name_finds_its_method():
    assert tuple(METHODS)[:6] == PAPER == tuple(paper_methods())
    assert list(METHODS)[6:10] == ["column-edge", "coordinated-edge", "nm-edge", "random-nm-edge"]
    assert len(METHODS) == len([path for path in FOLDER.glob("*.py") if not path.name.startswith("_")])
    for name, method in METHODS.items():
        assert method.name == name
        assert name in METHODS
        assert METHODS[name] is method
        assert as_method(name) is method
        assert as_method(type(method)).name == name if name in PAPER else isinstance(method, EdgePruning)


def test_names_come_without_sympy():
    listed = "from divprune_sym.pruning import METHODS; import sys; print(*METHODS); METHODS['dpp-edge']"
    done = subprocess.run(
        [sys.executable, "-c", f"{listed}; assert 'sympy' not in sys.modules"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == list(METHODS) == shipped()


def test_an_unknown_name():
    with pytest.raises(BadInput, match=r'"nm-edg": choose from random-node, .*column-edge.*Did you mean "nm-edge"'):
        METHODS["nm-edg"]
    assert "nm-edg" not in METHODS
    assert METHODS.get("nm-edg") is None


@pytest.fixture
def plugged(monkeypatch):
    def install(**points):
        found = [EntryPoint(name.replace("_", "-"), value, plugins.METHODS) for name, value in points.items()]
        monkeypatch.setattr(plugins, "entry_points", lambda group: found if group == plugins.METHODS else [])

    return install


def test_a_plug_in_is_found(plugged):
    plugged(thinned=f"{__name__}:Thinned")
    assert METHODS["thinned"].limit(specialized_state(2, 2, 1.0), 0.5).keep == 0.5
    assert list(METHODS)[-1] == "thinned"
    assert METHODS.usable()["thinned"] == METHODS["thinned"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_module:Method", "ModuleNotFoundError"),
        (f"{__name__}:NoSuchClass", "AttributeError"),
        (f"{__name__}:NOT_A_METHOD", "no pruning method"),
        (f"{__name__}:EdgeVariant", "lacks limit"),
        (f"{__name__}:Sized", "must take no arguments"),
        (f"{__name__}:Thinned", "calls itself 'thinned'"),
    ],
)
def test_a_bad_plug_in_is_named_and_left_out(plugged, value, words):
    plugged(bad=value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert METHODS["nm-edge"].name == "nm-edge"  # nobody asked for the bad one
    with pytest.warns(PluginWarning, match=f"plug-in 'bad' .*{words}"):
        assert "bad" not in METHODS.usable()
    with pytest.raises(BadInput, match=f"plug-in 'bad' .*{words}"):
        METHODS["bad"]


def test_a_plug_in_does_not_replace_ours(plugged):
    ours = METHODS["random-edge"]
    plugged(random_edge=f"{__name__}:Thinned")
    assert METHODS["random-edge"] is ours
    with pytest.warns(PluginWarning, match="'random-edge' .*the name is taken"):
        assert METHODS.usable()["random-edge"] is ours
