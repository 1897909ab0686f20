"""`bound` from the command line: what it prints and writes, its exit codes, and one line for every bad file."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from divprune_sym.cli import main

pytestmark = pytest.mark.slow(35)

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "my_method.py"
PAGE = ROOT / "docs" / "bound_a_variant.md"
STATE = ("--teachers", "2", "--copies", "3", "--second-layer", "4")
FEW = ("--inputs", "200", "--networks", "4")
FILES = ["bound.json", "bound.png", "bound.svg"]

RIGHT = "Pruned(pair.p * pair.Q_ii, pair.p**2 * pair.Q_ik, pair.p * pair.R_in)"
HEAD = """\
import numpy as np
import sympy as sp
from divprune_sym.pruning import METHODS, NodeMethod
from divprune_sym.pruning.variant import EdgeVariant, Pruned

"""


def method(limit=f"return {RIGHT}", name="name = 'mine'", draw="", arguments="self, pair"):
    body = f"class MyMethod(EdgeVariant):\n    {name}\n    def limit({arguments}):\n        {limit}\n"
    return HEAD + body + (f"    def draw(self, layer, keep, rng, count=1):\n        {draw}\n" if draw else "")


def run(capsys, tmp_path, *arguments, code=0):
    out = tmp_path / "out"
    assert main(["bound", *map(str, arguments), *STATE, "--out", str(out)]) == code
    printed, err = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == FILES
    return printed, err


def test_the_example(capsys, tmp_path):
    printed, err = run(capsys, tmp_path, f"{EXAMPLE}:SoftEdge")
    assert err == ""
    for words in (
        r"\varepsilon_g = M",
        "def pruned_error(p, M, Z, v):",
        "than magnitude-edge:    0.0651273 < p < 0.219313",
        "than dpp-edge:          0.005 < p < 0.995",
        "not proved",
        "draw agrees with limit: 30 comparisons",
        "one of 100 such checks",
    ):
        assert words in printed
    assert printed.count("2.3164") == 1
    assert not list(EXAMPLE.parent.glob("__pycache__"))  # the file is read and run, nothing is left beside it


@pytest.mark.parametrize("name", ["nm-edge", "column-edge", "dpp-node"])
def test_shipped_methods_by_name_as_json(capsys, tmp_path, name):
    printed, err = run(capsys, tmp_path, name, *FEW, "--json")
    assert (printed.count("\n"), err) == (1, "")
    data = json.loads(printed)
    files = data.pop("files")
    assert [Path(file).name for file in files] == FILES
    assert json.loads((tmp_path / "out" / "bound.json").read_text()) == data
    assert data["draw_agrees_with_limit"]["agrees"] is True
    assert data["table"][0]["random-node"] == pytest.approx(3.8518518)


def test_shipped_methods_by_file(capsys, tmp_path):
    path = ROOT / "divprune_sym" / "pruning" / "methods" / "column_edge.py"
    printed, _ = run(capsys, tmp_path, f"{path}:ColumnEdge", *FEW)
    assert "column-edge: the error left" in printed


def test_the_same_seed_gives_the_same_files(capsys, tmp_path):
    contents = []
    for _ in range(2):
        run(capsys, tmp_path, "column-edge", *FEW, "--seed", 3)
        contents.append([(tmp_path / "out" / name).read_bytes() for name in FILES])
    assert contents[0] == contents[1]


def test_without_draw(capsys, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(method())
    printed, _ = run(capsys, tmp_path, f"{path}:MyMethod")
    assert "no draw face" in printed
    printed, _ = run(capsys, tmp_path, "column-edge", "--no-draw")
    assert "not compared" in printed


def test_draw_that_disagrees_is_exit_code_1(capsys, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(method(draw="return METHODS['magnitude-edge'].draw(layer, keep, rng, count)"))
    printed, err = run(capsys, tmp_path, f"{path}:MyMethod", code=1)
    assert "draw DISAGREES WITH limit" in printed
    assert err == f"divprune-sym: {path}:MyMethod: draw disagrees with limit\n"


def test_many_rows_are_thinned_out(capsys, tmp_path):
    assert main(["bound", "column-edge", "--teachers", "5", "--copies", "10", "--out", str(tmp_path), "--no-draw"]) == 0
    printed = capsys.readouterr().out
    assert "20 of 50 rows" in " ".join(printed.split())
    assert "-0.0000" not in printed


def test_an_object_and_node_and_edge_methods_in_a_file(capsys, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        HEAD
        + "from divprune_sym.pruning.methods.nm_edge import NMEdge\n"
        + "class Node(type(METHODS['random-node'])):\n    name = 'my-node'\n"
        + "class Edge(type(METHODS['dpp-edge'])):\n    name = 'my-edge'\n"
        + "EIGHT = NMEdge(8)\n"
        + "EIGHT.name = 'eight-edge'\n"
    )
    for name, words in (("Node", "S_1"), ("Edge", "q = E"), ("EIGHT", "at p = 3/8")):
        printed, _ = run(capsys, tmp_path, f"{path}:{name}", "--no-draw")
        assert words in printed


BAD_FILES = {
    "no such class": (method(), ":MyMethos", ("has no MyMethos", "did you mean MyMethod?")),
    "no method in the file": ("x = 1\n", ":MyMethod", ("has no MyMethod", "no pruning method")),
    "no class named": (method(), "", ("which class?", "FILE:CLASS")),
    "an empty name": (method(), ":", ("which class?",)),
    "no method": ("class MyMethod:\n    pass\n", ":MyMethod", ("is no pruning method",)),
    "no limit": (HEAD + "class MyMethod(EdgeVariant):\n    name = 'x'\n", ":MyMethod", ("lacks limit",)),
    "no name": (method(name="pass"), ":MyMethod", ("expected a name",)),
    "no Python": ("class MyMethod(:\n", ":MyMethod", ("is no Python, line 1",)),
    "null bytes": ("x = 1\0", ":MyMethod", ("is no Python",)),
    "a failing import": ("import no_such_module\n", ":MyMethod", ("line 1", "ModuleNotFoundError")),
    "a failing file": ("\n1 / 0\n", ":MyMethod", ("line 2", "ZeroDivisionError")),
    "a file that leaves": ("raise SystemExit\n", ":MyMethod", ("line 1", "SystemExit")),
    "arguments": (HEAD + "class MyMethod(EdgeVariant):\n def __init__(self, a): pass\n def limit(self, x): pass\n",
                  ":MyMethod", ("must take no arguments", "name an object")),
    "a failing limit": (method("raise ValueError('a\\nb')"), ":MyMethod", ("line 9, in limit: ValueError: a b",)),
    "nothing returned": (method("pass"), ":MyMethod", ("limit returned NoneType", "expected Pruned")),
    "two formulas": (method("return pair.Q_ii, pair.Q_ik"), ":MyMethod", ("limit returned tuple",)),
    "text returned": (method("return 'pQ', 'pQ', 'pR'"), ":MyMethod", ("'pQ'", "SymPy formula")),
    "unbound symbols": (method("q, h = sp.symbols('q h'); return Pruned(q * h, h, h)"), ":MyMethod",
                        ("symbols h, q;",)),
    "undefined functions": (method("return Pruned(sp.Function('f')(pair.p), 0, 0)"), ":MyMethod", ("function f",)),
    "no covariance": (method("return Pruned(pair.p**3 * pair.Q_ii, 0, pair.p * pair.R_in)"), ":MyMethod",
                      ("no covariance",)),
    "a misspelt overlap": (method("return pair.Qii"), ":MyMethod", ("in limit: AttributeError", "Qii")),
    "one argument too many": (method(arguments="self, pair, keep"), ":MyMethod", ("limit must take (self, pair)",)),
    "a failing draw": (method(draw="return layer.wieghts"), ":MyMethod", ("in draw: AttributeError", "wieghts")),
    "bad masks": (method(draw="return np.ones(3)"), ":MyMethod", ("draw returned float64 of shape (3,)",)),
    "the name of a built-in": (method(name="name = 'dpp-edge'"), ":MyMethod", ("is the name of a registered method",)),
}  # fmt: skip


@pytest.mark.parametrize(("content", "name", "words"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_bad_files(stops, tmp_path, content, name, words):
    path = tmp_path / "mine.py"
    path.write_text(content)
    line = stops("bound", f"{path}{name}", *STATE, "--out", tmp_path / "out")
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.py:MyMethod", *STATE), ("nowhere.py: No such file",)),
        ((".:MyMethod", *STATE), ("METHOD", "choose from")),
        (("nm-egde", *STATE), ("nm-egde", 'Did you mean "nm-edge"?')),
        (("nm-edge", "--teachers", 0, "--copies", 3), ("teachers = 0",)),
        (("nm-edge", "--teachers", 2), ("--copies",)),
        (("nm-edge", *STATE, "--rescale", "best"), ("--rescale", "best")),
        (("nm-edge", *STATE, "--inputs", 1202), ("1202 inputs", "multiple of the group size 4")),
        (("nm-edge", *STATE, "--networks", 1), ("networks = 1",)),
        (("nm-edge", *STATE, "--seed", -1), ("--seed = -1",)),
        (("nm-edge", "--teachers", 2, "--copies", 3, "--second-layer", 0), ("every error vanishes",)),
        (("nm-edge", "--teachers", 10**9, "--copies", 10**9), ("GiB",)),
        (("nm-edge", *STATE, "--out", "/dev/null"), ("/dev/null", "folder")),
        (("nm-edge", *STATE, "--copes", 3), ("--copes", "Did you mean --copies?")),
        ((), ("FILE:CLASS",)),
    ],
)
def test_bad_options(stops, arguments, words):
    line = stops("bound", *arguments)
    for word in words:
        assert word in line


def test_help_says_that_the_file_is_run(capsys):
    assert main(["bound", "--help"]) == 0
    assert "IS RUN" in capsys.readouterr().out


def test_variants_and_unknown_names_of_error(capsys, stops):
    assert main(["error", "nm-edge", *STATE, "--keep", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["generalization_error"] == pytest.approx(0.7706443435300616)
    assert "1/4, 1/2, 3/4" in stops("error", "nm-edge", *STATE, "--keep", 1)


def test_the_commands_of_the_documentation(capsys, tmp_path, monkeypatch):
    text = PAGE.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    commands = re.findall(r"^divprune-sym (.*)$", text, re.MULTILINE)
    assert len(commands) >= 2
    for command in commands:
        assert main(shlex.split(command)) == 0
    printed = capsys.readouterr().out
    shown = re.findall(r"^  than .*$", text, re.MULTILINE)
    assert shown
    for line in shown:
        assert line in printed


def test_the_documentation_shows_the_example_file():
    code = EXAMPLE.read_text(encoding="utf-8")
    assert code[code.index("class SoftEdge") :].strip() in PAGE.read_text(encoding="utf-8")
