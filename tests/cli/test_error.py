"""`error` against theory.md §5, whose table was computed independently."""

from __future__ import annotations

import json
from math import factorial

import numpy as np
import pytest
from sympy import factorial2

from divprune_sym import generalization_error
from divprune_sym.cli import main
from divprune_sym.method_names import PAPER
from divprune_sym.pruning import METHODS
from divprune_sym.solvers.problem_file import read_state
from tests.cli.files import pruned, unpruned, written

STATE = ("--teachers", "2", "--copies", "3", "--second-layer", "4")
REFERENCE = {
    "random-node": ("3.8519", "2.6074", "1.6000", "0.8296", "0.2963"),
    "importance-node": ("3.8519", "2.6074", "1.6000", "0.8296", "0.2963"),
    "dpp-node": ("3.8519", "2.3704", "1.4815", "0.7901", "0.2963"),
    "random-edge": ("3.7546", "2.5700", "1.6585", "0.9487", "0.4010"),
    "dpp-edge": ("2.4050", "1.2039", "0.5555", "0.2050", "0.0424"),
    "magnitude-edge": ("2.3320", "1.0620", "0.4170", "0.1181", "0.0144"),
}
CASES = [(name, k, value) for name, column in REFERENCE.items() for k, value in enumerate(column, start=1)]
NODES = [name for name in REFERENCE if name.endswith("node")]
EDGES = [name for name in REFERENCE if name.endswith("edge")]


def run(capsys, *arguments):
    assert main(["error", *map(str, arguments), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    return json.loads(out)


def test_every_method_has_reference_values():
    assert set(REFERENCE) == set(PAPER)


@pytest.mark.parametrize(("method", "keep", "value"), CASES)
def test_reference_table(capsys, method, keep, value):
    assert f"{run(capsys, method, *STATE, '--keep', keep)['generalization_error']:.4f}" == value


@pytest.mark.parametrize("method", PAPER)
def test_nothing_kept_and_everything_kept(capsys, method):
    nothing = run(capsys, method, *STATE, "--keep", 0)["generalization_error"]
    assert nothing == pytest.approx(2 * 4**2 / 6, rel=1e-14)
    assert run(capsys, method, *STATE, "--keep", 6)["generalization_error"] == pytest.approx(0, abs=1e-14)


def test_json_of_a_node_method(capsys):
    assert run(capsys, "dpp-node", *STATE, "--keep", 3) == {
        "generalization_error": pytest.approx(40 / 27, rel=1e-14),
        "method": "dpp-node",
        "teachers": 2,
        "copies": 3,
        "second_layer": 4.0,
        "activation": "erf",
        "teacher_activation": "erf",
        "state": None,
        "keep": 3,
        "keep_fraction": 0.5,
        "reweight": False,
        "rescale": None,
    }


def test_json_of_an_edge_method(capsys):
    by_count = run(capsys, "random-edge", *STATE, "--keep", 3, "--rescale", "inverse-sqrt")
    by_share = run(capsys, "random-edge", *STATE, "--keep-fraction", 0.5, "--rescale", "inverse-sqrt")
    assert by_count.pop("keep") == 3
    assert by_share.pop("keep") is None
    assert by_count == by_share
    assert by_count["reweight"] is None
    assert by_count["rescale"] == "inverse-sqrt"


@pytest.mark.parametrize("method", NODES)
def test_reweighting_recovers_what_other_copies_can_carry(capsys, method):
    plain = run(capsys, method, *STATE, "--keep", 4)["generalization_error"]
    refitted = run(capsys, method, *STATE, "--keep", 4, "--reweight")["generalization_error"]
    # 4 of 6 nodes always include a copy of each teacher node
    assert refitted == pytest.approx(0, abs=1e-12)
    assert plain > 0.1


@pytest.mark.parametrize("method", EDGES)
def test_best_rescaling_is_no_worse(capsys, method):
    errors = {
        rescale: run(capsys, method, *STATE, "--keep", 4, "--rescale", rescale)["generalization_error"]
        for rescale in ("none", "inverse-sqrt", "optimal")
    }
    assert errors["optimal"] < min(errors["none"], errors["inverse-sqrt"])
    assert errors["none"] == run(capsys, method, *STATE, "--keep", 4)["generalization_error"]


@pytest.mark.parametrize("method", PAPER)
def test_state_from_a_file(capsys, tmp_path, method):
    path = written(tmp_path / "problem.json", unpruned())
    result = run(capsys, method, "--state", path, "--keep", 1)
    limit = METHODS[method].limit(read_state(path), 1 if method in NODES else 0.5)
    assert result["generalization_error"] == limit.generalization_error()
    assert (result["state"], result["teachers"], result["copies"]) == (str(path), 1, None)


def test_a_state_needs_no_learning_rates(capsys, tmp_path):
    only_state = {key: value for key, value in unpruned().items() if key in ("v", "A", "Q", "R", "T")}
    bare = written(tmp_path / "bare.json", only_state)
    full = written(tmp_path / "full.json", unpruned())
    one, other = (run(capsys, "random-edge", "--state", path, "--keep", 1) for path in (bare, full))
    assert one["generalization_error"] == other["generalization_error"]


def test_table_for_people(capsys):
    assert main(["error", "dpp-node", *STATE, "--keep", "3"]) == 0
    out, err = capsys.readouterr()
    assert "1.48148148" in out
    assert "dpp-node" in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dpp-nod", *STATE, "--keep", 3), ("METHOD", "dpp-nod", 'Did you mean "dpp-node"?', "magnitude-edge")),
        (("node", *STATE, "--keep", 3), ("METHOD", "random-edge")),
        ((), ("METHOD",)),
        (("dpp-node", *STATE), ("--keep", "missing")),
        (("dpp-edge", *STATE), ("--keep", "--keep-fraction", "missing")),
        (("dpp-edge", *STATE, "--keep", 3, "--keep-fraction", 0.5), ("--keep", "--keep-fraction", "not both")),
        (("dpp-node", *STATE, "--keep-fraction", 0.5), ("--keep-fraction", "dpp-node", "edges")),
        (("dpp-node", *STATE, "--keep", 3, "--rescale", "none"), ("--rescale", "dpp-node", "edges")),
        (("dpp-edge", *STATE, "--keep", 3, "--reweight"), ("--reweight", "dpp-edge", "white inputs")),
        (("dpp-edge", *STATE, "--keep", 3, "--rescale", "inverse"), ("--rescale", "inverse-sqrt", "optimal")),
        (("dpp-node", *STATE, "--keep", 7), ("--keep = 7", "between 0 and 6")),
        (("dpp-edge", *STATE, "--keep", 7), ("--keep = 7", "between 0 and 6")),
        (("dpp-node", *STATE, "--keep", -1), ("--keep = -1", "between 0 and 6")),
        (("dpp-node", *STATE, "--keep", 2.7), ("--keep", "2.7", "whole number")),
        (("dpp-node", *STATE, "--keep", "three"), ("--keep", "three", "whole number")),
        (("dpp-node", *STATE, "--keep", "9" * 5000), ("--keep", "whole number")),
        (("dpp-node", *STATE, "--keep", 1, "--keep", 2), ("--keep", "multiple")),
        (("dpp-edge", *STATE, "--keep-fraction", 1.5), ("keep fraction = 1.5", "[0, 1]")),
        (("dpp-edge", *STATE, "--keep-fraction", "nan"), ("keep fraction = nan", "[0, 1]")),
        (("dpp-node", *STATE[:4], "--keep", 3), ("--second-layer", "missing")),
        (("dpp-node", "--keep", 3), ("--teachers", "--copies", "--second-layer", "--state")),
        (("dpp-node", "--teachers", 0, *STATE[2:], "--keep", 0), ("teachers = 0", "at least 1")),
        (("dpp-node", *STATE[:2], "--copies", -3, *STATE[4:], "--keep", 0), ("copies = -3", "at least 1")),
        (("dpp-node", *STATE[:4], "--second-layer", "inf", "--keep", 3), ("second layer = inf",)),
        (("dpp-node", *STATE[:4], "--second-layer", "four", "--keep", 3), ("--second-layer", "four")),
        (("dpp-node", "--teachers", 10**7, *STATE[2:], "--keep", 3), ("10000000 teachers", "GiB")),
        (("dpp-node", *STATE, "--kep", 3), ("--kep", "Did you mean --keep?", "divprune-sym error --help")),
        (("dpp-node", *STATE, "--keep", 3, "extra"), ("extra",)),
        (("random-node", *STATE, "--keep", 3, "--state", "x.json"), ("--teachers", "--state")),
        (("random-node", "--keep", 3, "--state", "no\nsuch.json"), ("No such file", "no such.json")),
    ],
)
def test_refusals(stops, arguments, words):
    line = stops("error", *arguments)
    for word in words:
        assert word in line


@pytest.mark.parametrize("functions", [{"activation": "relu"}, {"activation": "relu", "teacher_activation": "erf"}])
def test_a_state_names_its_activations(capsys, tmp_path, functions):
    """All kept: the error of the state as it is, of its own nodes and not of erf ones."""
    given = unpruned()
    path = written(tmp_path / "relu.json", given | functions)
    found = run(capsys, "random-node", "--state", path, "--keep", len(given["v"]))
    C = np.block([[np.array(given["Q"]), np.array(given["R"])], [np.array(given["R"]).T, np.array(given["T"])]])
    s = np.concatenate([given["v"], -np.array(given["A"])])
    names = functions["activation"], functions.get("teacher_activation")
    assert found["generalization_error"] == pytest.approx(float(generalization_error(C, s, *names, len(given["v"]))))
    assert (found["activation"], found["teacher_activation"]) == (names[0], names[1] or names[0])


def test_the_specialized_state_of_other_nodes(capsys, stops, tmp_path):
    """Half of M = 1, Z = 2 ReLU nodes put out half the teacher's output: ε_g = ½ (½)² E[max(ρ, 0)²] = 1/16."""
    options = ("--teachers", 1, "--copies", 2, "--second-layer", 1.0, "--keep", 1)
    found = run(capsys, "random-node", *options, "--activation", "relu")
    assert found["generalization_error"] == pytest.approx(1 / 16)
    assert "--state already says" in stops(
        "error", "random-node", "--keep", 1, "--activation", "relu", "--state", written(tmp_path / "x.json", unpruned())
    )


def test_a_pruned_state_is_refused(stops, tmp_path):
    line = stops("error", "random-node", "--state", written(tmp_path / "pruned.json", pruned()), "--keep", 1)
    assert "4 mask classes" in line
    assert "pruned.json" in line


def test_too_many_subsets_to_refit(stops):
    line = stops(
        "error", "random-node", "--teachers", 5, "--copies", 8, "--second-layer", 1, "--keep", 20, "--reweight"
    )
    assert "subsets" in line


def test_overflow_is_a_failure_and_no_number(stops, tmp_path):
    overlaps = {"Q": [[1e12, 0], [0, 1e12]], "R": [[0], [0]], "T": [[1]], "v": [1, 1], "A": [1]}
    state = written(tmp_path / "state.json", overlaps | {"activation": "polynomial[0,0,0,0,0,0,0,0,0,0,1e99]"})
    line = stops("error", "random-node", "--state", state, "--keep", 1, "--json", code=1)
    assert "float64" in line


def test_weights_beyond_the_digits_are_refused(stops):
    line = stops("error", "random-node", *STATE[:4], "--second-layer", 1e200, "--keep", 3)
    assert "v: " in line
    assert "1e+12" in line


ONES = "polynomial[" + ",".join("1" * 11) + "]"  # E[(1 + u + … + u¹⁰)²] is a sum of moments of the normal law


@pytest.mark.parametrize(
    ("activation", "square"),
    [
        ("he10", factorial(10)),
        (ONES, sum(int(factorial2(i + j - 1)) for i in range(11) for j in range(11) if (i + j) % 2 == 0)),
    ],
)
def test_polynomials_of_the_highest_degree(capsys, activation, square):
    """Two teacher nodes with nothing to answer them: ε_g = ½ · 2 · v*² E[g²] at least, exactly where g has no mean."""
    found = run(capsys, "random-node", *STATE[:4], "--second-layer", 2, "--keep", 0, "--activation", activation)
    mean = sum(int(factorial2(i - 1)) for i in range(0, 11, 2)) if activation == ONES else 0
    assert found["generalization_error"] == pytest.approx(4 * square + 4 * mean**2, rel=1e-12)


@pytest.mark.parametrize(("activation", "limit"), [("he11", "between 0 and 10"), (ONES.replace("[", "[1,"), "1 to 11")])
def test_polynomials_beyond_are_refused(stops, activation, limit):
    assert limit in stops(
        "error", "random-node", *STATE[:4], "--second-layer", 2, "--keep", 6, "--activation", activation
    )
