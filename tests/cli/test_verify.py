"""`verify` from the command line: what it prints and writes, its exit codes, and one line for what cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from divprune_sym.cli import main

pytestmark = pytest.mark.slow(20)

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "my_claims.py"
FAST = ("--quick", "--only", "edges.random-convex", "--only", "edges.random-convex-one-copy", "--jobs", "1")


def test_the_example_of_the_documentation(capsys, tmp_path):
    names = ("my.i2-above-linear", "my.half-is-half", "my.slope")
    only = [word for name in names for word in ("--only", name)]
    assert main(["verify", str(EXAMPLE), *only, "--jobs", "1", "--out", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    claims = {claim["id"]: claim for claim in json.loads(out)["claims"]}
    assert err == ""
    assert [claims[name]["verdict"] for name in names] == ["certified", "refuted", "proved"]
    for claim in claims.values():
        assert {"id", "statement", "domain", "verdict", "source", "evidence"} <= set(claim)
    assert (tmp_path / "certificates" / "my.i2-above-linear-1.json").is_file()


def test_table_and_files(capsys, tmp_path):
    out = tmp_path / "a folder"
    assert main(["verify", *FAST, "--out", str(out)]) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    assert "certified" in printed
    assert "edges.random-convex-one-copy" in printed
    assert sorted(path.name for path in out.iterdir()) == ["claims.html", "claims.json"]
    page = (out / "claims.html").read_text(encoding="utf-8")
    for words in ("<math", "sha256", "1 certified, 1 refuted", "boxes checked"):
        assert words in page
    assert "http" not in page.replace('xmlns="http://www.w3.org/1998/Math/MathML"', "")


def test_a_verdict_that_was_not_expected(capsys, tmp_path):
    mine = tmp_path / "mine.py"
    text = EXAMPLE.read_text(encoding="utf-8").replace("sp.Rational(1, 2), u: 1", "sp.Rational(9, 10), u: 1")
    mine.write_text(text, encoding="utf-8")
    assert main(["verify", str(mine), "--only", "my.half-is-half", "--out", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert "open" in out
    assert err.startswith(
        "divprune-sym: my.half-is-half: open, expected refuted: p = 9/10, u = 1 is outside the domain"
    )
    assert err.count("\n") == 1


def test_refusals(stops, tmp_path):
    assert "no such claim" in stops("verify", "--quick", "--only", "nothing", "--out", tmp_path / "out")
    assert "--jobs" in stops("verify", "--jobs", "0")
    assert "No such file" in stops("verify", tmp_path / "none.py", "--out", tmp_path / "out")
    taken = Path(__file__)
    assert "expected a folder" in stops("verify", "--quick", "--out", taken)
