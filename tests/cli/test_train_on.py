"""`train-on` prints and writes what `solvers.train_on` gives, on one clock."""

from __future__ import annotations

import json

import numpy as np
import pytest

import divprune_sym as dp
from divprune_sym.cli import main
from divprune_sym.solvers.problem_file import read_problem
from tests.cli.files import pruned, unpruned, written


@pytest.mark.parametrize(
    ("method", "options", "keep"),
    [
        ("random-node", ("--keep", 1), 1),
        ("random-edge", ("--keep", 1), 0.5),
        ("magnitude-edge", ("--keep-fraction", 0.25), 0.25),
    ],
)
def test_it_is_train_on(capsys, tmp_path, method, options, keep):
    path, out = written(tmp_path / "problem.json", unpruned()), tmp_path / "out.npz"
    arguments = ["train-on", path, method, "--at", 0.5, *options, "-o", out, "--seed", 3, "--json"]
    assert main(list(map(str, arguments))) == 0
    printed = json.loads(capsys.readouterr().out)
    problem, alphas = read_problem(path)
    trained = dp.integrate(problem, [0.0, 0.5])
    expected = dp.train_on(problem, dp.METHODS[method].limit(trained.state(), keep).states(seed=3), [0.0, 9.5])
    errors = [trained.generalization_error[0], *expected.generalization_error]
    assert printed["alpha"] == alphas.tolist() == [0, 0.5, 10]
    assert printed["generalization_error"] == pytest.approx(errors, rel=1e-6)
    assert printed["standard_error"] == [0.0] * 3
    assert printed["states"] == len(expected.solutions) == (2 if keep == 1 else 1)
    assert (printed["moment_error"] > 0) is (method == "magnitude-edge")
    with np.load(out, allow_pickle=False) as arrays:
        assert arrays["generalization_error"].tolist() == printed["generalization_error"]
        assert arrays["errors"].shape == (printed["states"], 2)
        assert arrays["weights"] @ arrays["errors"] == pytest.approx(arrays["generalization_error"][1:])


@pytest.mark.parametrize(
    ("method", "options", "then"),
    [
        ("random-node", ["--reweight"], {"reweight": True}),
        ("random-edge", ["--rescale", "optimal"], {"rescale": "optimal"}),
    ],
)
def test_refitted_first(capsys, tmp_path, method, options, then):
    path, out = written(tmp_path / "problem.json", unpruned()), tmp_path / "out.csv"
    assert main(["train-on", str(path), method, "--keep", "1", "-o", str(out), "--json", *options]) == 0
    keep = 1 if method == "random-node" else 0.5
    expected = dp.METHODS[method].limit(read_problem(path)[0].state, keep).generalization_error(**then)
    assert json.loads(capsys.readouterr().out)["generalization_error"][0] == pytest.approx(expected, rel=1e-12)


def test_as_a_table(capsys, tmp_path):
    path, out = written(tmp_path / "problem.json", unpruned()), tmp_path / "out.csv"
    assert main(["train-on", str(path), "random-edge", "--keep", "1", "-o", str(out)]) == 0
    assert capsys.readouterr().out.count("pruned") == 3
    lines = out.read_text().splitlines()
    assert lines[0] == "alpha,generalization_error,standard_error"
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("random-edge",), "random-edge: give either --keep or --keep-fraction"),
        (("random-edge", "--keep", 1, "--keep-fraction", 0.5), "give either --keep or --keep-fraction"),
        (("random-node",), "random-node: give --keep"),
        (("random-node", "--keep-fraction", 0.5), "--keep-fraction: random-node prunes nodes"),
        (("random-node", "--keep", 1, "--rescale", "optimal"), "--rescale: random-node prunes nodes"),
        (("random-edge", "--keep", 1, "--reweight"), "--reweight: random-edge prunes edges"),
        (("random-node", "--keep", 3), "--keep = 3"),
        (("random-node", "--keep", 0), "keep = 0 leaves no student to train on"),
        (("random-edge", "--keep", 1, "--at", 11), "--at 11: the last of the alphas is 10"),
        (("random-edge", "--keep", 1, "--at", -1), "--at"),
        (("random-egde", "--keep", 1), 'Did you mean "random-edge"?'),
        (("random-edge", "--keep-fraction", 1.5), "keep fraction = 1.5"),
    ],
)
def test_refusals(stops, tmp_path, arguments, words):
    path = written(tmp_path / "problem.json", unpruned())
    assert words in stops("train-on", path, *arguments, "-o", "OUT")


def test_a_pruned_student_is_refused(stops, tmp_path):
    path = written(tmp_path / "problem.json", pruned())
    assert "4 mask classes, expected an unpruned one" in stops(
        "train-on", path, "random-edge", "--keep", 1, "-o", "OUT"
    )
