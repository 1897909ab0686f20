"""The ending of a file name is honored, or refused before any work."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from divprune_sym.cli import main

PROBLEM = {
    "eta": 0.5, "alphas": [0, 1], "v": [1, 1], "A": [1],
    "Q": [[0.2, 0.1], [0.1, 0.2]], "R": [[0.1], [0.0]], "T": [[1]],
}  # fmt: skip


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "problem.json").write_text(json.dumps(PROBLEM))
    np.save(tmp_path / "kernel.npy", np.eye(3))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        (("integrate", "problem.json", "-o", "p.txt"), ".npz or .csv"),
        (("integrate", "problem.json", "-o", "p.npz", "--checkpoint", "c.txt"), ".npz or .ckpt or .checkpoint"),
        (("sample", "kernel.npy", "--size", "1", "-o", "p.csv"), ".npy"),
        (("prune", "n.npz", "--method", "random-node", "--keep", "0.5", "--data", "digits", "--mask", "m.txt"), ".npz"),
        (("bench", "--quick", "--json", "r.txt"), ".json"),
    ],
)
def test_another_kind_is_refused(
    inputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    kinds: str,
) -> None:
    monkeypatch.chdir(inputs)
    assert main(list(arguments)) == 2
    line = capsys.readouterr().err
    assert f"but what is written is {kinds}; take that ending, or none" in line
    assert line.count("\n") == 1
    assert sorted(path.name for path in inputs.iterdir()) == ["kernel.npy", "problem.json"]


def test_csv_is_csv(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["integrate", str(inputs / "problem.json"), "-o", str(inputs / "p.csv")]) == 0
    with (inputs / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["alpha"]) for row in rows] == [0.0, 1.0]
    assert float(rows[0]["Q[0,1]"]) == 0.1
