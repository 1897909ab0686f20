"""`protocol` is `Protocol`, written and drawn."""

from __future__ import annotations

import csv
import json

import pytest

from divprune_sym import read_protocol
from divprune_sym.cli import main
from tests.cli.files import PROTOCOL


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "protocol.toml"
    path.write_text(PROTOCOL)
    return path


def test_theory_alone(file, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert main(["protocol", str(file), "-o", str(out), "--points", "5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    protocol, state = read_protocol(file)
    expected = protocol.flow(state, points=5)
    assert told["generalization_error"] == expected.generalization_error.tolist()
    assert [step["step"] for step in told["steps"]] == [name for _, name in expected.marks]
    assert "agrees" not in told
    with out.open() as table:
        rows = list(csv.reader(table))
    assert rows[0] == ["alpha", "theory"]
    assert [float(row[1]) for row in rows[1:]] == expected.generalization_error.tolist()
    assert (tmp_path / "out.png").stat().st_size > 5000
    assert (tmp_path / "out.svg").stat().st_size > 5000


def test_with_networks(file, tmp_path, capsys):
    out = tmp_path / "out.csv"
    words = ["protocol", str(file), "-o", str(out), "--points", "4", "--inputs", "200", "--replicas", "6"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "simulation and theory agree" in said
    assert "would have shown" in said
    assert out.read_text().startswith("alpha,theory,simulation,standard_error\n")


def test_refusals(file, tmp_path, stops):
    for text, said in (
        (PROTOCOL.replace("eta_v", "etav"), "step 2: train has no 'etav'; did you mean 'eta_v'"),
        (PROTOCOL.replace('to = "start"', 'to = "begin"'), "step 4: rewinds to 'begin'"),
        (PROTOCOL.replace("keep = 1", "keep = 3"), "keep = 3"),
        ("= 1", "no TOML"),
    ):
        path = tmp_path / "wrong.toml"
        path.write_text(text)
        assert said in stops("protocol", path, "-o", tmp_path / "out.csv")
    assert "at least 3" in stops("protocol", file, "-o", tmp_path / "out.csv", "--inputs", 50, "--replicas", 2)
    assert "ending '.npz'" in stops("protocol", file, "-o", tmp_path / "out.npz")
