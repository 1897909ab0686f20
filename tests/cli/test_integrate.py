"""`integrate` writes what `solvers.integrate` gives, with and without mask classes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from divprune_sym import cli
from divprune_sym.ground import files
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers import Problem, integrate, integrate_fixed_step
from divprune_sym.solvers.problem_file import read_problem
from tests.cli.files import pruned, unpruned, written

pytestmark = pytest.mark.slow(13)

RATES = {"eta": 0.5, "eta_v": 0.25, "sigma": 0.125, "weight_decay": 0.01}


def solved(capsys, tmp_path, problem, *options):
    path, out = written(tmp_path / "problem.json", problem), tmp_path / "out"
    assert cli.main(["integrate", str(path), "-o", str(out), "--json", *options]) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "problem.json"]  # the name given, nothing appended
    with np.load(out, allow_pickle=False) as arrays:
        return dict(arrays), json.loads(printed)


def test_unpruned(capsys, tmp_path):
    given = unpruned()
    arrays, summary = solved(capsys, tmp_path, given)
    state = OrderParameters.unpruned(*(given[name] for name in ("Q", "R", "T", "v", "A")))
    expected = integrate(Problem(state, **RATES), given["alphas"])
    names = {"alpha", "generalization_error", "Q", "R", "v"}
    assert {name for name in arrays if not name.startswith("problem_")} == names | {"about"}
    for name in names:
        np.testing.assert_array_equal(arrays[name], getattr(expected, name))
    assert (arrays["Q"].shape, arrays["R"].shape, arrays["v"].shape) == ((3, 2, 2), (3, 2, 1), (3, 2))
    np.testing.assert_array_equal(arrays["Q"][0], given["Q"])
    assert summary == {
        "alphas": given["alphas"],
        "generalization_error": expected.generalization_error.tolist(),
        "status": 0,
        "message": expected.message,
        "nfev": expected.nfev,
        "steps": expected.steps,
        "out": str(tmp_path / "out"),
    }


def test_with_classes(capsys, tmp_path):
    given = pruned()
    arrays, _ = solved(capsys, tmp_path, given)
    stacked = {key: np.array([one[key] for one in given["classes"]]) for key in given["classes"][0]}
    state = OrderParameters(
        stacked["Q"],
        stacked["R"],
        stacked["T"],
        given["v"],
        given["A"],
        stacked["mask"],
        stacked["fraction"],
        np.ones(4),
    )
    expected = integrate(Problem(state, **RATES), given["alphas"])
    names = {"alpha", "generalization_error", "Q", "R", "v", "Q_classes", "R_classes"}
    assert {name for name in arrays if not name.startswith("problem_")} == names | {"about"}
    for name in names:
        np.testing.assert_array_equal(arrays[name], getattr(expected, name))
    assert arrays["Q_classes"].shape == (3, 4, 2, 2)
    np.testing.assert_allclose(arrays["Q_classes"].sum(axis=1), arrays["Q"], rtol=1e-15)


def test_one_class_that_loses_nothing_is_the_unpruned_problem(capsys, tmp_path):
    given = unpruned()
    state = {name: given.pop(name) for name in ("Q", "R", "T")}
    one = given | {"classes": [{"mask": [1, 1], "fraction": 1, "variance": 1, **state}]}
    (a, _), (b, _) = solved(capsys, tmp_path, one), solved(capsys, tmp_path, unpruned())
    np.testing.assert_array_equal(a["generalization_error"], b["generalization_error"])


def test_activations_and_batches(tmp_path):
    options = {"activation": "erf[2]", "teacher_activation": "relu", "batch_size": 4, "small_eta": True}
    problem, _ = read_problem(written(tmp_path / "problem.json", unpruned() | options))
    assert {name: getattr(problem, name) for name in options} == options
    assert type(problem.batch_size) is int


def test_what_does_not_close_is_refused_by_name(stops, tmp_path):
    path = written(tmp_path / "problem.json", unpruned() | {"activation": "relu"})
    line = stops("integrate", path, "-o", "OUT")
    assert "I4 of relu: no closed form" in line
    assert "small_eta" in line


def test_a_small_learning_rate_is_said(capsys, tmp_path):
    given = unpruned() | {"activation": "linear", "small_eta": True}
    path = written(tmp_path / "problem.json", given)
    assert cli.main(["integrate", str(path), "-o", str(tmp_path / "out")]) == 0
    assert "limit of a small learning rate" in " ".join(capsys.readouterr().out.split())
    _, printed = solved(capsys, tmp_path, given)
    assert printed["message"].endswith("without the terms in η²")


def test_defaults(tmp_path):
    given = {
        key: value for key, value in unpruned().items() if key not in ("activation", "eta_v", "sigma", "weight_decay")
    }
    problem, alphas = read_problem(written(tmp_path / "problem.json", given))
    assert problem.activation == "erf"
    assert (problem.eta, problem.eta_v, problem.sigma, problem.weight_decay) == (0.5, 0, 0, 0)
    assert alphas.tolist() == given["alphas"]
    problem, _ = read_problem(written(tmp_path / "pruned.json", pruned()))
    assert problem.state.variance.tolist() == [1, 1, 1, 1]


def test_variance_of_a_class_is_read(tmp_path):
    given = pruned()
    given["classes"][2]["variance"] = 2.5
    problem, _ = read_problem(written(tmp_path / "problem.json", given))
    assert problem.state.variance.tolist() == [1, 1, 2.5, 1]


def test_rtol_is_passed_on(capsys, tmp_path):
    loose, tight = (solved(capsys, tmp_path, unpruned(), "--rtol", r)[1] for r in ("1e-3", "1e-10"))
    assert loose["steps"] < tight["steps"]


@pytest.mark.parametrize("method", ["auto", "dopri5", "bdf"])
def test_adaptive_methods(capsys, tmp_path, method):
    arrays, summary = solved(capsys, tmp_path, unpruned(), "--method", method)
    state = OrderParameters.unpruned(*(unpruned()[name] for name in ("Q", "R", "T", "v", "A")))
    expected = integrate(Problem(state, **RATES), unpruned()["alphas"], method=method)
    np.testing.assert_array_equal(arrays["Q"], expected.Q)
    assert summary["nfev"] == expected.nfev


@pytest.mark.parametrize("method", ["rk4", "euler"])
def test_fixed_steps(capsys, tmp_path, method):
    arrays, summary = solved(capsys, tmp_path, unpruned(), "--method", method, "--dt", "0.01")
    state = OrderParameters.unpruned(*(unpruned()[name] for name in ("Q", "R", "T", "v", "A")))
    expected = integrate_fixed_step(Problem(state, **RATES), unpruned()["alphas"], 0.01, method=method)
    np.testing.assert_array_equal(arrays["Q"], expected.Q)
    assert summary["nfev"] == expected.nfev


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "euler"], "--method euler: needs --dt, its fixed step"),
        (["--dt", "0.1"], "--dt: auto chooses its own steps"),
        (["--method", "rk4", "--dt", "0.1", "--checkpoint", "c.npz"], "--checkpoint: rk4 keeps none"),
        (["--method", "rk4", "--dt", "-1"], "dt"),
        (["--method", "simpson"], "simpson"),
    ],
)
def test_options_that_contradict_each_other(stops, tmp_path, options, message):
    path = written(tmp_path / "problem.json", unpruned())
    assert message in stops("integrate", path, "-o", "OUT", *options)


def test_a_checkpoint_that_is_none_is_named(stops, tmp_path):
    path = written(tmp_path / "problem.json", unpruned())
    (tmp_path / "kept").write_text("something else")
    line = stops("integrate", path, "-o", "OUT", "--checkpoint", tmp_path / "kept")
    assert "kept: cannot be read as a checkpoint" in line
    assert (tmp_path / "kept").read_text() == "something else"


def test_table_for_people_shows_twenty_rows_at_most(capsys, tmp_path):
    given = unpruned() | {"alphas": np.linspace(0, 2, 500).tolist()}
    path, out = written(tmp_path / "problem.json", given), tmp_path / "out.npz"
    assert cli.main(["integrate", str(path), "-o", str(out)]) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    assert len(printed.splitlines()) < 30
    assert "20 of 500 times" in printed
    with np.load(out) as arrays:
        assert len(arrays["alpha"]) == 500
        assert f"{arrays['generalization_error'][-1]:.10g}" in printed


def test_an_output_is_replaced_whole(capsys, tmp_path):
    (tmp_path / "out").write_bytes(b"an earlier result")
    arrays, _ = solved(capsys, tmp_path, unpruned())
    assert len(arrays["alpha"]) == 3


def test_divergence_is_a_failure_and_writes_nothing(stops, tmp_path):
    path = written(tmp_path / "problem.json", unpruned() | {"eta": 1e90})
    line = stops("integrate", path, "-o", "OUT", code=1)
    assert "problem.json: stopped at α = " in line


def test_too_many_steps_are_a_failure_and_write_nothing(stops, tmp_path):
    path = written(tmp_path / "problem.json", unpruned())
    assert "max_steps = 5" in stops("integrate", path, "-o", "OUT", "--max-steps", 5, code=1)
    assert "max_steps = 0" in stops("integrate", path, "-o", "OUT", "--max-steps", 0)


def change(**changes):
    return unpruned() | changes


def without(*names):
    return {key: value for key, value in unpruned().items() if key not in names}


def in_class(c, **changes):
    given = pruned()
    given["classes"][c] |= changes
    return given


def class_without(c, name):
    given = pruned()
    del given["classes"][c][name]
    return given


TEXT = json.dumps(unpruned())

BAD_PROBLEMS = {
    # the file
    "empty": ("", ("not JSON", "line 1")),
    "truncated": (TEXT[:-20], ("not JSON", "line 1")),
    "trailing": (TEXT + "]", ("not JSON", "Extra data")),
    "deep": ("[" * 10**6, ("nested too deeply",)),
    "deep, closed": ('{"v": ' + "[" * 900 + "]" * 900 + "}", ("missing",)),
    "list": ("[1, 2]", ("expected an object", "a list")),
    "number": ("3", ("expected an object", "3.0")),
    "duplicate key": (TEXT.replace('"eta_v"', '"eta"'), ("'eta'", "twice")),
    "duplicate key of a class": (json.dumps(pruned()).replace('"fraction"', '"mask"', 1), ("'mask'", "twice")),
    "NaN": (TEXT.replace("0.125", "NaN", 1), ("NaN", "finite")),
    "Infinity": (TEXT.replace("0.125", "-Infinity", 1), ("-Infinity", "finite")),
    "1e999": (TEXT.replace("0.125", "1e999", 1), ("sigma", "inf")),
    "huge integer": (TEXT.replace("0.125", "9" * 5000, 1), ("sigma", "inf")),
    # keys
    "unknown key": (change(etta=1), ("'etta'", "did you mean 'eta'?")),
    "unknown key, no guess": (change(nonsense=1), ("'nonsense'", "known: ", "weight_decay")),
    "unknown key with a line break": (TEXT.replace('"sigma"', '"sig\\nma\\u001b[31m"'), ("sig\\nma\\x1b",)),
    "very long key": (TEXT.replace('"sigma"', '"' + "s" * 10**6 + '"'), ("unknown key 'sss",)),
    "variance at the top": (change(variance=1), ("'variance'",)),
    "no eta": (without("eta"), ("missing 'eta'",)),
    "no alphas, no A": (without("alphas", "A"), ("missing 'alphas', 'A'",)),
    "no T": (without("T"), ("missing 'T'",)),
    "no state": (without("Q", "R", "T"), ("missing 'Q', 'R', 'T'", "classes")),
    "both layouts": (change(classes=pruned()["classes"]), ("both", "'classes'", "'Q', 'R', 'T'")),
    "one overlap beside classes": (pruned() | {"T": [[1]]}, ("both", "'T'")),
    # values
    "activation": (change(activation="rlu"), ("activation", "'rlu'", "did you mean 'relu'?")),
    "activation of another kind": (change(activation=["erf"]), ("activation: expected a name, got a list",)),
    "no such teacher": (change(teacher_activation="err"), ("'err'", "did you mean 'erf'?")),
    "half a batch": (change(batch_size=2.5), ("batch_size: 2.5", "whole number")),
    "no batch": (change(batch_size=0), ("batch_size: 0", "at least 1")),
    "second_layer as a number": (change(second_layer=0), ("second_layer: expected true or false, got 0.0",)),
    "small_eta as a number": (change(small_eta=1), ("small_eta: expected true or false, got 1.0",)),
    "boolean rate": (change(eta=True), ("eta", "expected a number, got true")),
    "text rate": (change(eta="0.5"), ("eta", "expected a number", "'0.5'")),
    "null rate": (change(sigma=None), ("sigma", "null")),
    "list rate": (change(eta=[0.5]), ("eta", "expected a number, got a list")),
    "negative rate": (change(eta_v=-1), ("eta_v = -1", "[0, inf]")),
    "enormous overlap": (change(Q=[[1e308, 0], [0, 1]]), ("Q: 1e+308", "1e+100")),
    "overlap beyond the digits": (change(Q=[[1e16, 0], [0, 1]]), ("Q: 1e+16", "the limit is 1e+12")),
    "weight beyond the digits": (change(v=[1e16, 1]), ("v: 1e+16", "the limit is 1e+12")),
    "enormous rate": (change(eta=1e200), ("eta: 1e+200", "1e+100")),
    "no times": (change(alphas=[]), ("alphas", "empty")),
    "one time": (change(alphas=3), ("alphas", "expected a list of numbers, got 3.0")),
    "negative time": (change(alphas=[-1, 2]), ("alphas", "-1")),
    "falling times": (change(alphas=[0, 2, 1]), ("alphas", "2 is followed by 1")),
    "equal times": (change(alphas=[0, 2, 2]), ("alphas", "2 is followed by 2")),
    "boolean time": (change(alphas=[False, 1]), ("alphas[0]", "false")),
    "no students": (change(v=[], Q=[], R=[]), ("v", "Q")),
    "boolean weight": (change(v=[1, True]), ("v[1]", "true")),
    "boolean overlap": (change(Q=[[True, 0], [0, 1]]), ("Q[0][0]", "true")),
    "flat Q": (change(Q=[1, 0, 0, 1]), ("Q[0]", "expected a list of numbers, got 1.0")),
    "too deep Q": (change(Q=[[[1], [0]], [[0], [1]]]), ("Q[0][0]", "expected a number, got a list")),
    "ragged Q": (change(Q=[[1, 0], [0]]), ("Q", "rectangular")),
    "Q of another size": (change(Q=[[1]]), ("Q", "(1, 1)", "(2, 2)")),
    "R transposed": (change(R=[[0.25, -0.125]]), ("R", "(1, 2)", "(2, 1)")),
    "Q an object": (change(Q={"0": 1}), ("Q", "expected a list of rows, got an object")),
    "asymmetric Q": (change(Q=[[0.25, 0.1], [0.2, 0.5]]), ("Q", "not symmetric")),
    "impossible R": (change(R=[[5], [0]]), ("[[Q, R], [Rᵀ, T]]", "eigenvalue")),
    # classes
    "no classes": (pruned() | {"classes": []}, ("classes", "an empty list")),
    "classes an object": (pruned() | {"classes": pruned()["classes"][0]}, ("classes", "an object")),
    "class a number": (pruned() | {"classes": [3]}, ("classes[0]", "expected an object")),
    "unknown key of a class": (in_class(1, fractoin=1), ("classes[1]", "'fractoin'", "did you mean 'fraction'?")),
    "class without mask": (class_without(2, "mask"), ("classes[2]", "missing 'mask'")),
    "class without T": (class_without(2, "T"), ("classes[2]", "missing 'T'")),
    "short mask": (in_class(1, mask=[1]), ("classes[1].mask", "(1,)", "2")),
    "mask of halves": (in_class(1, mask=[0, 0.5]), ("classes[1].mask", "0.5 for node 1", "0 or 1")),
    "boolean mask": (in_class(1, mask=[False, True]), ("classes[1].mask[0]", "false")),
    "mask as text": (in_class(1, mask="01"), ("classes[1].mask", "'01'")),
    "class of another size": (in_class(1, R=[[0]]), ("classes[1].R", "(1, 1)", "(2, 1)")),
    "fractions": (in_class(3, fraction=0.6), ("fraction", "sum")),
    "negative variance": (in_class(3, variance=-1), ("variance", "-1")),
    "impossible class": (in_class(3, Q=[[-1, 0], [0, 1]]), ("class 3", "eigenvalue")),
}


@pytest.mark.parametrize(("problem", "words"), BAD_PROBLEMS.values(), ids=list(BAD_PROBLEMS))
def test_bad_problems(stops, tmp_path, problem, words):
    line = stops("integrate", written(tmp_path / "problem.json", problem), "-o", "OUT")
    assert "problem.json: " in line
    assert len(line) < 600
    for word in words:
        assert word in line


def test_undecodable_file(stops, tmp_path):
    (tmp_path / "problem.json").write_bytes(b'{"eta": "\xff\xfe"}')
    assert "problem.json: not JSON: byte 9 is no utf-8 text" in stops(
        "integrate", tmp_path / "problem.json", "-o", "OUT"
    )


def test_endless_file(stops):
    assert "/dev/zero: more than 64 MiB" in stops("integrate", "/dev/zero", "-o", "OUT")


def test_places_that_cannot_be_read_or_written(stops, tmp_path):
    problem = written(tmp_path / "problem.json", unpruned())
    assert "nowhere.json: No such file" in stops("integrate", tmp_path / "nowhere.json", "-o", "OUT")
    assert "Is a directory" in stops("integrate", tmp_path, "-o", "OUT")
    assert "is a folder" in stops("integrate", problem, "-o", tmp_path)
    assert "there is no folder" in stops("integrate", problem, "-o", tmp_path / "no" / "out.npz")
    assert "no regular file" in stops("integrate", problem, "-o", "/dev/null")
    assert "overwrite the input" in stops("integrate", problem, "-o", problem)
    assert "--out" in stops("integrate", problem)
    assert "PROBLEM" in stops("integrate", "-o", "OUT")


@pytest.mark.parametrize("rtol", ["0", "-1", "2", "nan", "small"])
def test_bad_rtol(stops, tmp_path, rtol):
    problem = written(tmp_path / "problem.json", unpruned())
    assert "rtol" in stops("integrate", problem, "-o", "OUT", "--rtol", rtol)


def test_more_times_than_memory(stops, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "free_memory", lambda: 100.0)
    line = stops("integrate", written(tmp_path / "problem.json", unpruned()), "-o", "OUT")
    assert "3 alphas" in line
    assert "memory" in line
