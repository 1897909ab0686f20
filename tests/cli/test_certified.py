"""Certified regions from the command line: written, verified again without trust, refused where they do not fit."""

from __future__ import annotations

import json

import pytest

from divprune_sym.bound.regions import Comparison
from divprune_sym.certify import stored
from divprune_sym.certify.run import certify, verified
from divprune_sym.cli import main
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS

pytestmark = pytest.mark.slow(25)

STATE = ("--teachers", "2", "--copies", "3")
PATIENCE = 1e6  # seconds: whatever the machine does beside


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder of `bound column-edge --certify`, and what was printed as JSON."""
    folder = tmp_path_factory.mktemp("kept")
    outcomes = certify(METHODS["column-edge"], Comparison(2, 3, 1.0), folder, PATIENCE)
    return folder, outcomes


def test_every_comparison_of_columns_is_certified(kept):
    _, outcomes = kept
    assert {(x.rival, x.about): x.why for x in outcomes if not x.sentence} == {}
    about = {x.about for x in outcomes if x.rival == "dpp-node"}
    assert about == {"M = 2", "M → ∞", "every M"}
    (random,) = [x for x in outcomes if x.rival == "random-edge"]
    assert random.regions == ({"from": ["0", "0"], "to": ["1", "1"], "error": "larger"},)


def records(path, only=()):
    return {x.id: x for x in verified([path], only, quick=True, fresh=None, progress=lambda fraction: None)}


def changed(kept, tmp_path, change):
    """A copy of the folder whose certified.json is another."""
    folder, _ = kept
    (tmp_path / stored.CERTIFICATES).symlink_to(folder / stored.CERTIFICATES)
    whole = json.loads((folder / stored.NAME).read_text(encoding="utf-8"))
    change(whole)
    path = tmp_path / stored.NAME
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def entry(whole, rival, about="every M"):
    return next(x for x in whole["certified"] if (x["rival"], x["about"]) == (rival, about))


def test_a_file_is_verified_again(kept, capsys, tmp_path):
    folder, outcomes = kept
    found = records(folder / stored.NAME)
    assert len(found) == len([x for x in outcomes if x.sentence])
    assert all(x.as_expected for x in found.values())
    checked = [y for x in found.values() for y in x.claim["evidence"] if "sha256" in y]
    assert len(checked) > 10
    name = "bound.column-edge.random-edge.every-M.Z3"
    only = ("--only", name, "--out", str(tmp_path / "out"))
    assert main(["verify", "--quick", str(folder / stored.NAME), *only, "--json"]) == 0
    (claim,) = json.loads(capsys.readouterr().out)["claims"]
    assert (claim["id"], claim["verdict"]) == (name, "certified")


def turned(whole):
    row = entry(whole, "random-edge")["signs"][0][0]
    row["stretches"][0][2] = "-1"


def too_short(whole):
    row = entry(whole, "random-edge")["signs"][0][0]
    row["stretches"][0][1] = "1/2"


def wrong_point(whole):
    entry(whole, "nm-edge")["points"][0][1] = "-1"


@pytest.mark.parametrize("change", [turned, too_short, wrong_point])
def test_what_is_not_so_stays_open(kept, tmp_path, change):
    path = changed(kept, tmp_path, change)
    rival = "nm-edge" if change is wrong_point else "random-edge"
    (record,) = records(path, [f"bound.column-edge.{rival}.every-M.Z3"]).values()
    assert record.verdict == "open"


DAMAGED = {
    "no JSON": (None, "not JSON"),
    "another format": (lambda x: x.update(format=2), "format 2, expected 1"),
    "a key too many": (lambda x: x.update(verdict="proved"), "verdict"),
    "other overlaps": (lambda x: x["overlaps"]["any"].update(Q_copies="p^2"), "not those of column-edge"),
    "code": (lambda x: x["overlaps"]["any"].update(Q_own="__import__('os')"), "means nothing here"),
    "a symbol": (lambda x: x["overlaps"]["any"].update(Q_own="q"), "unknown symbol"),
    "no such rival": (lambda x: entry(x, "nm-edge").update(rival="none"), "no registered method"),
    "another M": (lambda x: entry(x, "random-edge").update(about="M = 7"), "no such comparison"),
    "no fraction": (lambda x: entry(x, "random-edge")["signs"][0][0]["stretches"][0].__setitem__(1, "inf"), "'inf'"),
    "a huge M": (lambda x: x.update(M=10**9), "M = 1000000000"),
    "no signs": (lambda x: entry(x, "random-edge").update(signs=[]), "either signs, or points"),
    "fewer points": (lambda x: entry(x, "nm-edge")["points"].pop(), "other keep fractions"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_in_one_line(kept, stops, tmp_path, name):
    change, words = DAMAGED[name]
    path = changed(kept, tmp_path, change or (lambda x: None))
    if change is None:
        path.write_text("{", encoding="utf-8")
    assert words in stops("verify", "--quick", path, "--out", tmp_path / "out")


def test_what_does_not_close_is_numerical(capsys, tmp_path):
    out = tmp_path / "out"
    assert main(["bound", "column-edge", *STATE, "--no-draw", "--certify", "--seconds", "0", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "certified: 0 of " in printed
    assert "random-edge, every M: not closed within the time given" in printed
    whole = json.loads((out / stored.NAME).read_text(encoding="utf-8"))
    assert whole["certified"] == []
    late = [x for x in whole["numerical"] if x["why"] == "not closed within the time given"]
    assert {x["rival"] for x in late} >= {"random-edge", "magnitude-edge", "dpp-edge", "dpp-node"}


@pytest.mark.parametrize(
    ("asked", "method", "words"),
    [
        (Comparison(2, 3, 1.0), "dpp-node", "states a law on subsets of nodes as numbers, no formulas"),
        (Comparison(2, 3, 1.0, "optimal"), "column-edge", "the best factor has no formula"),
        (Comparison(2, 3, 1.0, activation="relu"), "column-edge", "for erf nodes, not for relu"),
    ],
)
def test_what_has_no_formula_is_numerical(tmp_path, asked, method, words):
    outcomes = certify(METHODS[method], asked, tmp_path, 60)
    assert all(words in x.why for x in outcomes)
    assert len(outcomes) == len(METHODS) - 1


def test_an_interrupt_keeps_what_is_done(tmp_path):
    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        certify(METHODS["column-edge"], Comparison(2, 2, 1.0), tmp_path, PATIENCE, stop)
    found = records(tmp_path / stored.NAME)
    assert len(found) == 3
    assert all(x.as_expected for x in found.values())


def test_refusals(stops, tmp_path):
    bound = ("bound", "column-edge", *STATE, "--no-draw", "--certify", "--out", tmp_path / "out")
    assert "--seconds" in stops(*bound, "--seconds", "-1")
    assert "No such file" in stops("verify", tmp_path / "none.json", "--out", tmp_path / "out")
    with pytest.raises(BadInput, match="no such claim"):
        verified([], ["nothing"], quick=True, fresh=None, progress=lambda fraction: None)
