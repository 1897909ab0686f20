"""`sweep` writes what `dp.sweep` gives, draws it, and refuses in one line."""

from __future__ import annotations

import json

import pytest

from divprune_sym import open_sweep, read_grid, sweep
from divprune_sym.cli import main

GRID = """
alphas = [0.0, 1.0, 5.0, 20.0]
rtol = 1e-5
[axes]
sigma = [0.0, 0.3]
eta = [0.1, 0.5]
seed = [0, 1]
[fixed]
students = 4
teachers = 2
eta_v = 0.1
[prune]
method = ["random-node", "random-edge"]
keep = [0.5]
refit = ["none", "best"]
[retrain]
alpha = 2
"""


@pytest.fixture
def grid(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def test_it_is_sweep_and_goes_on(grid, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["sweep", str(grid), "-o", str(out), "--workers", "1", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["trajectories"], told["stopped early"]) == (8, 0)
    assert told["axes"] == ["eta (2)", "sigma (2)", "seed (2)"]
    names = {"curves", "final_error", "plateau_escape", "best_pruned_error", "best_retrained_error"}
    assert {path.stem for path in out.glob("*.png")} == {path.stem for path in out.glob("*.svg")} == names
    assert {str(out / f"{name}.png") for name in names} == set(told["figures"])
    direct = sweep(read_grid(grid), tmp_path / "direct", workers=1)
    found = open_sweep(out).dataset().load()
    assert found.identical(direct.dataset().load())
    # training on heals: both kinds of students are better after it than as pruned
    assert (found["retrained_error"] < found["pruned_error"]).mean() > 0.5
    before = (out / "done.jsonl").read_text()
    assert main(words[:-1]) == 0
    assert "trajectories  8" in capsys.readouterr().out
    assert (out / "done.jsonl").read_text() == before


def test_refusals(grid, tmp_path, stops):
    assert "did you mean 'sigma'" in _refused(tmp_path, stops, GRID.replace("sigma", "sigmma"))
    assert "no TOML" in _refused(tmp_path, stops, "a = [")
    assert "none of the presets" in stops("sweep", "plato", "-o", "OUT")
    assert "cannot be read" in stops("sweep", tmp_path / "none.toml", "-o", tmp_path / "out")
    assert "is there, and is no sweep" in stops("sweep", grid, "-o", tmp_path)
    options = ("--workers", 2, "--scheduler", "tcp://127.0.0.1:9")
    assert "leave --workers or --scheduler out" in stops("sweep", grid, "-o", tmp_path / "out", *options)


def _refused(tmp_path, stops, text):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    return stops("sweep", path, "-o", tmp_path / "out")


def test_another_grid_is_refused(grid, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["sweep", str(grid), "-o", str(out), "--workers", "1"]) == 0
    grid.write_text(GRID.replace("[0.0, 0.3]", "[0.0, 0.4]"))
    assert main(["sweep", str(grid), "-o", str(out)]) == 2
    assert "another grid (sigma differs)" in capsys.readouterr().err
