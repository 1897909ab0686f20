"""`bench`: what it prints, writes and refuses."""

import json

from divprune_sym.bench import find_tables
from divprune_sym.cli import main


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    path = tmp_path / "run.json"
    arguments = ["bench", "--only", "special-functions", "--quick", "--json", str(path)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "asin" in out
    assert "numba" in out
    assert json.loads(path.read_text())["quick"] is True
    assert main(["bench", "--only", "special-functions", "--quick", "--against", str(path)]) == 0
    assert "now/then" in capsys.readouterr().out


def test_the_list(capsys):
    assert main(["bench", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in find_tables())


def test_refusals(stops, tmp_path):
    assert "choose from" in stops("bench", "--only", "nonsense")
    assert "no run of the benchmarks" in stops("bench", "--only", "special-functions", "--against", tmp_path / "old")
    missing = tmp_path / "no" / "file"
    assert "there is no folder" in stops("bench", "--only", "special-functions", "--json", missing)
    assert "No such file" in stops("bench", "--only", "special-functions", "--against", missing)
