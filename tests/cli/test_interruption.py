"""Ctrl-C and kill -9 of commands that take long: an end at once, in words, with nothing left behind."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from divprune_sym.networks import DenseNetwork, save_network
from tests.processes import OnATerminal, alive, in_session_of, waited, working_seconds

pytestmark = pytest.mark.slow(30)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network of 400 inputs, on which drawing DPP edges takes long, and data for it."""
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(1)
    widths = (400, 300, 3)
    weights = tuple(rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(widths))
    save_network(DenseNetwork(weights, tuple(np.zeros(b) for b in widths[1:]), ("tanh", "softmax")), folder / "net.npz")
    x, y = rng.normal(size=(500, 400)), rng.integers(0, 3, 500)
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return folder


def command(tmp_path, files, name):
    network = (name, files / "net.npz", "--data", files / "data.npz", "--seed", 1)
    return {
        "prune": (*network, "--method", "dpp-edge", "--keep", 0.4, "-o", tmp_path / "out.npz"),
        "compare": (*network, "--methods", "dpp-edge", "--repeats", 200, "--keep", "0.3,0.4", "-o", tmp_path / "out"),
        "verify": ("verify", "--jobs", 2, "-o", tmp_path / "out"),
    }[name]


def at_work(running, name):
    """Wait until the command is in the midst of it."""
    if name == "verify":
        waited(lambda: len(in_session_of(running.process.pid)) >= 3 or running.process.poll() is not None)
    else:
        running.until_shown("comparing" if name == "compare" else r"[1-9]\d?%")
    assert running.process.poll() is None, running.shown


def lines(shown):
    """What was said, without the bars of progress."""
    return re.findall(r"divprune-sym: [^\r\n]*", shown)


@pytest.mark.parametrize("name", ["prune", "compare", "verify"])
def test_ctrl_c(tmp_path, files, name):
    with OnATerminal("-m", "divprune_sym", *command(tmp_path, files, name)) as running:
        at_work(running, name)
        running.interrupt()
        assert running.end() == 130
        waited(lambda: not in_session_of(running.process.pid))
        shown = running.shown
    assert "Traceback" not in shown
    assert lines(shown)[-1] == "divprune-sym: interrupted"
    assert len(lines(shown)) == (2 if name == "compare" else 1)
    assert "100%" not in shown
    assert [path.suffix for path in tmp_path.rglob("*") if path.suffix in (".npz", ".tmp")] == []


def test_verify_leaves_no_worker_behind(tmp_path, files):
    with OnATerminal("-m", "divprune_sym", *command(tmp_path, files, "verify")) as running:
        # workers that are still being started would say so themselves; after 4 s they are in the midst of it
        waited(lambda: sum(working_seconds(pid) > 4 for pid in in_session_of(running.process.pid)) == 2)
        workers = in_session_of(running.process.pid)
        running.kill()
        running.end()
        waited(lambda: not any(map(alive, workers)))
        assert "Traceback" not in running.shown
