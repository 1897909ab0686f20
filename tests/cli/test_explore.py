"""`explore` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from divprune_sym.cli import main

pytestmark = pytest.mark.slow(11)
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "my_method.py"

QUESTION = "ERROR(dpp-node) <= ERROR(random-edge)"
FILES = ["explore.json", "explore.png", "explore.svg", "proposed_claims.py"]


def test_prints_and_writes(capsys, tmp_path):
    out = tmp_path / "map"
    assert main(["explore", QUESTION, "--over", "M=1..3,Z=1..3,k=all", "-o", str(out)]) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert "holds at 23 of 27 points, fails at 4" in printed
    assert "not proved" in printed
    assert "holds exactly when" in printed


def test_json(capsys, tmp_path):
    out = tmp_path / "map"
    question = "ERROR(magnitude-edge) < ERROR(dpp-edge)"
    assert main(["explore", question, "--over", "M=1,Z=4,p=0.1..0.5:0.1", "-o", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((out / "explore.json").read_text())
    assert {name: value for name, value in printed.items() if name != "files"} == written
    assert (written["status"], written["activation"]) == ("numerical, not proved", "erf")
    assert written["counts"] == {"fails": 2, "holds": 3, "equal": 0}
    assert written["boundaries"][0]["holds_below"] is False


@pytest.mark.parametrize(
    ("question", "over", "words"),
    [
        ("ERROR(dpp-nod) < 1", "M=1,Z=2", "Did you mean"),
        (QUESTION, "M=1,Z=2,p=0.5", "p is for edges alone"),
        (QUESTION, "M=1..8", "Z is missing"),
        ("-x", "M=1,Z=2", "column 2"),
    ],
)
def test_refusals(stops, question, over, words, tmp_path):
    assert words in stops("explore", question, "--over", over, "-o", tmp_path / "map")


def test_an_unknown_activation(stops, tmp_path):
    assert "gelu" in stops("explore", QUESTION, "--over", "M=1,Z=2", "--activation", "gelu", "-o", tmp_path / "map")


def test_a_file_in_the_way(stops):
    assert "expected a folder" in stops("explore", QUESTION, "--over", "M=1,Z=2", "-o", __file__)


@pytest.mark.parametrize(
    ("question", "over", "count"),
    [
        (QUESTION, "M=1..3,Z=1..3,k=all", 1),
        ("ERROR(dpp-node, reweight) <= 1/2*ERROR(dpp-edge, optimal) + 0.01", "M=1..3,Z=1..3,k=all", None),
        ("ERROR(dpp-node) <= ERROR(random-node)", "M=1..3,Z=1..3,k=all", 1),
        ("ERROR(magnitude-edge) < ERROR(dpp-edge)", "M=1..2,Z=4,p=0.02..0.98:0.04", 2),
        ("ERROR(dpp-edge) < ERROR(random-edge)", "M=1,Z=4,p=0.1..0.9:0.2", 1),
    ],
)
def test_what_is_proposed_can_be_examined(capsys, tmp_path, question, over, count):
    """The file holds claims that `verify` reads, all of them open."""
    assert main(["explore", question, "--over", over, "-o", str(tmp_path / "map")]) == 0
    capsys.readouterr()
    file = tmp_path / "map" / "proposed_claims.py"
    names = [f"explored-{n}" for n in range(1, 10) if f"'explored-{n}'" in file.read_text()] or ["explored-everywhere"]
    assert count is None or len(names) == count
    only = [word for name in names for word in ("--only", name)]
    code = main(["verify", str(file), *only, "--quick", "--jobs", "1", "-o", str(tmp_path / "v"), "--json"])
    claims = json.loads(capsys.readouterr().out)["claims"]
    assert code == 0
    assert [claim["id"] for claim in claims] == names
    assert {claim["verdict"] for claim in claims} == {"open"}


def test_a_method_from_a_file(capsys, stops, tmp_path):
    """SoftEdge of the documentation beats random edges wherever p < 1; a plain file name is no question."""
    out = tmp_path / "map"
    question = f"ERROR({EXAMPLE}:SoftEdge) < 1/1*ERROR(random-edge)"
    assert main(["explore", question, "--over", "M=1..2,Z=2,p=0.1..0.9:0.2", "-o", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["question"] == "ERROR(soft-edge) < ERROR(random-edge)"
    assert printed["counts"] == {"fails": 0, "holds": 10, "equal": 0}
    asked = ("--over", "M=1,Z=2,p=0.5", "-o", tmp_path / "map")
    assert "did you mean SoftEdge" in stops("explore", f"ERROR({EXAMPLE}:SoftEge) < 1", *asked)
    assert "expected ERROR(method)" in stops("explore", f"{EXAMPLE}:SoftEdge < 1", *asked)
    bad = tmp_path / "bad.py"
    bad.write_text(EXAMPLE.read_text().replace("pair.correlation", "pair.nonsense"))
    assert f"{bad}: line" in stops("explore", f"ERROR({bad}:SoftEdge) < 1", *asked)


def test_certified(capsys, tmp_path):
    out = tmp_path / "map"
    asked = ("--over", "M=2,Z=3,k=all", "-o", str(out), "--certify", "--seconds", "1e6")
    assert main(["explore", QUESTION, *asked, "--json"]) == 0
    certified = json.loads(capsys.readouterr().out)["certified"]
    assert [(x["rival"], x["about"], x["status"]) for x in certified] == [
        ("dpp-node", about, "certified") for about in ("M = 2", "M → ∞", "every M")
    ]
    page = (Path(__file__).parents[2] / "docs" / "explore.md").read_text(encoding="utf-8")
    assert certified[2]["sentence"].removesuffix(".").partition("M, ")[2] in " ".join(page.split())
    file = out / "certified" / "M2-Z3" / "certified.json"
    assert main(["verify", "--quick", str(file), "-o", str(tmp_path / "again")]) == 0


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("2*ERROR(random-edge) < ERROR(dpp-edge)", "not sums or multiples"),
        ("ERROR(magnitude-edge) < ERROR(dpp-edge)", "as numbers, no formulas"),
        ("ERROR(random-edge) < ERROR(dpp-edge, inverse-sqrt)", "rescaled alike"),
    ],
)
def test_what_is_not_certified_says_why(capsys, tmp_path, question, words):
    out = tmp_path / "map"
    assert main(["explore", question, "--over", "M=1,Z=2,p=0.5", "-o", str(out), "--certify"]) == 0
    assert words in " ".join(capsys.readouterr().out.split())
