"""Verdicts follow from evidence; what fails is never shown as more than open."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp

from divprune_sym.claims import ledger
from divprune_sym.claims.claim import Bench, Claim, Finding, Kind, Verdict, verdict
from divprune_sym.claims.evidence import (
    Boundary,
    BoundaryOfMinimum,
    Certified,
    Measured,
    Missing,
    Proof,
    UniqueZero,
    Witness,
)
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rest import Rests, Signs
from divprune_sym.claims.steps import Step, is_zero, positive
from divprune_sym.ground import plugins
from divprune_sym.ground.checks import BadInput

pytestmark = pytest.mark.slow(28)

x = sp.Symbol("x", real=True)
y = sp.Symbol("y", nonnegative=True)
BENCH = Bench(quick=False, recorded=ledger.RECORDED)
HALF = sp.Rational(1, 2)
ABOVE = sp.Gt(x, -1, evaluate=False)
NEAR = ["-1/2 <= x <= 1"]
ALGEBRA = Proof(lambda: [positive("x + 1 > 0 for x = y − 1/2", x + 1, {x: y - HALF})])
BALLS = Certified(Inequality(x + 1, {x: (-HALF, 1)}, 1))


def claim(*evidence, statement=ABOVE, name="some.claim", expected=Verdict.PROVED, domain=NEAR, **more):
    return Claim(name, "A title.", statement, domain, "nowhere", evidence, expected, **more)


def measured(holds, shows=ABOVE):
    return Measured(lambda: {"p": 1e-3}, lambda found: (holds, f"p = {found['p']}", ()), "measured", shows)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ([ALGEBRA], Verdict.PROVED),
        ([ALGEBRA, BALLS], Verdict.CERTIFIED),
        ([ALGEBRA, BALLS, measured(True)], Verdict.SUPPORTED),
        ([ALGEBRA, Boundary(Inequality(x**3 - 2, {x: (0, 2)}, 1), "root", "∛2")], Verdict.CERTIFIED),
        ([], Verdict.OPEN),
        ([Missing("no idea")], Verdict.OPEN),
        ([ALGEBRA, Missing("a step is missing")], Verdict.OPEN),
        ([measured(False)], Verdict.OPEN),
        ([Witness({x: 1})], Verdict.OPEN),
        ([Proof(lambda: [])], Verdict.OPEN),
        ([ALGEBRA, Proof(lambda: [is_zero("x is 0", x)])], Verdict.OPEN),
        ([Proof(lambda: [Step("true", True), Step("false", False)])], Verdict.OPEN),
        ([BALLS, Certified(Inequality(x, {x: (-1, 1)}, 1), "2")], Verdict.OPEN),
        ([Certified(Inequality(x + 1, {x: (0, 1)}, 1, {x: (1, 0)}))], Verdict.OPEN),
        ([Proof(lambda: 1 / 0)], Verdict.OPEN),
    ],
)
def test_verdicts(evidence, expected):
    record = ledger.examine(claim(*evidence, expected=expected), BENCH)
    assert record.verdict == expected
    assert record.as_expected
    assert json.loads(json.dumps(record.as_json()))["verdict"] == expected


def test_a_witness_must_be_strict_and_inside():
    everywhere = ["x real"]
    equal = claim(Witness({x: 0}), statement=sp.Le(x, 0), domain=everywhere)
    assert ledger.examine(equal, BENCH).verdict == "open"
    near = claim(Witness({x: sp.Rational(1, 10**60)}), statement=sp.Le(sp.sqrt(1 + x) - 1, 0), domain=everywhere)
    assert ledger.examine(near, BENCH).verdict == "open"  # true, but beyond 128 bits
    some = claim(Witness({x: 1}), statement=sp.Eq(x, 0), domain=everywhere)
    assert "single inequality" in ledger.examine(some, BENCH).reason
    for at, expected in ((HALF, "open"), (2, "refuted"), (sp.Rational(5, 2), "open")):
        outside = claim(Witness({x: at}), statement=sp.Le(x, 0), domain=["1 <= x", sp.Contains(x, sp.S.Integers)])
        assert ledger.examine(outside, BENCH).verdict == expected


def test_the_weakest_finding_decides():
    good = [Finding(kind, True, "") for kind in (Kind.SYMBOLIC, Kind.CERTIFICATE, Kind.STATISTICS)]
    assert verdict(good) == Verdict.SUPPORTED
    for n in range(3):
        assert verdict([replace(f, holds=False) if m == n else f for m, f in enumerate(good)]) == Verdict.OPEN


def test_names_stand_for_their_meaning():
    f = sp.Function("f")(x)
    named = claim(Witness({x: sp.Rational(1, 2)}), statement=sp.Gt(f, x), where={f: x**2}, domain=["x < 1"])
    assert ledger.examine(named, BENCH).verdict == "refuted"


@pytest.mark.parametrize("name", ["", "two words", "ümlaut", "a/b"])
def test_bad_names_are_refused(name):
    with pytest.raises(BadInput, match="claim id"):
        claim(ALGEBRA, name=name)


def test_a_statement_must_be_an_expression():
    for none in (True, sp.true, x, x + 1):
        with pytest.raises(BadInput, match="is no relation, nor a combination"):
            claim(ALGEBRA, statement=none)


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (["the usual"], "is no relation; say in words under assumptions"),
        (["x ~ 1"], "is no relation"),
        (["0 < z < 1"], "unknown symbol 'z'"),
        ([y > 1], "y is no free symbol of the statement"),
        ([x], "is no relation"),
        ("0 < x", "expected a list of relations"),
    ],
)
def test_a_domain_is_relations_in_the_symbols_of_the_statement(domain, words):
    with pytest.raises(BadInput, match=words):
        claim(ALGEBRA, domain=domain)


@pytest.fixture(scope="module")
def shipped():
    return {claim.id: claim for claim in ledger.all_claims()}


def test_the_ledger_has_its_claims(shipped):
    assert {
        "nodes.dpp-not-worse",
        "edge-node.paper-sentence",
        "edge-node.region",
        "edges.dpp-below-random",
        "edges.magnitude-below-dpp",
        "edges.dpp-below-magnitude-region",
    } <= set(shipped)
    assert len({claim.title for claim in shipped.values()}) == len(shipped)


def test_every_recorded_file_belongs_to_a_claim(shipped):
    """Deleting a claim leaves no orphan behind, and --quick needs no prover."""
    names = {path.name for path in ledger.RECORDED.iterdir()}
    wanted = set()
    for claim in shipped.values():
        for piece in claim.evidence:
            if isinstance(piece, (Certified, Boundary, BoundaryOfMinimum, UniqueZero, Rests, Signs)):
                wanted.add(f"{claim.id}-{piece.part}.json")
            elif isinstance(piece, Measured):
                wanted.add(f"{piece.part}.json")
    assert names == wanted


def test_a_tampered_recorded_certificate_is_noticed(shipped, tmp_path):
    recorded = tmp_path / "recorded"
    shutil.copytree(ledger.RECORDED, recorded)
    bench = Bench(quick=True, recorded=recorded)
    some = shipped["edges.random-decreasing"]
    assert ledger.examine(some, bench).as_expected
    path = recorded / "edges.random-decreasing-slope-u0.json"
    certificate = json.loads(path.read_text(encoding="utf-8"))
    del certificate["boxes"][0]
    path.write_text(json.dumps(certificate), encoding="utf-8")
    record = ledger.examine(some, bench)
    assert record.verdict == "open"
    assert "do not fill" in "".join(found["summary"] for found in record.claim["evidence"])
    path.write_text("{", encoding="utf-8")
    assert ledger.examine(some, bench).verdict == "open"


def test_fresh_certificates_are_written(shipped, tmp_path):
    record = ledger.examine(shipped["edges.random-convex"], Bench(False, ledger.RECORDED, tmp_path))
    assert record.as_expected
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "edges.random-convex-u0.json",
        "edges.random-convex-u1.json",
    ]
    again = ledger.examine(shipped["edges.random-convex"], Bench(True, tmp_path))
    assert again.claim["evidence"] == record.claim["evidence"]


def test_files_that_are_no_claims(tmp_path):
    path = tmp_path / "mine.py"
    for text, words in (
        ("", "expected a list of Claim objects, found NoneType"),
        ("CLAIMS = [1]", "expected a list of Claim objects"),
        ("CLAIMS = [", "is no Python"),
        ("1 / 0", "line 1, in <module>: ZeroDivisionError"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BadInput, match=words):
            ledger.all_claims([path])
    with pytest.raises(BadInput, match="No such file"):
        ledger.all_claims([tmp_path / "none.py"])
    twice = "from divprune_sym.claims.families.nodes import claims\nCLAIMS = claims()\n"
    path.write_text(twice, encoding="utf-8")
    with pytest.raises(BadInput, match="two claims have this name"):
        ledger.all_claims([path])


class _Point:
    name, value = "theirs", "package:claims"

    def __init__(self, found):
        self.found = found

    def load(self):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def test_claims_of_installed_packages(monkeypatch):
    offered = claim(ALGEBRA, name="theirs.one")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [_Point(lambda: [offered])])
    assert ledger.chosen(ledger.all_claims(), ["theirs.one"]) == [offered]


@pytest.mark.parametrize("broken", [ImportError("gone"), [1], 7])
def test_broken_plugins_are_named(monkeypatch, broken):
    monkeypatch.setattr(plugins, "entry_points", lambda group: [_Point(broken)])
    with pytest.warns(plugins.PluginWarning, match=r"plug-in 'theirs' \(divprune_sym.claims: package:claims\): \w+"):
        assert ledger.all_claims()


def test_processes_give_the_same(monkeypatch):
    some = ["edges.random-convex", "edges.random-convex-one-copy"]
    bench = Bench(True, ledger.RECORDED)
    heard = []
    alone, together = ledger.verify(bench, some), ledger.verify(bench, some, 2, progress=heard.append)
    assert [x.as_json() for x in alone] == [x.as_json() for x in together]
    assert heard == [0.5, 1.0]
    # the whole ledger, cut short here, goes by groups of families
    every = ledger.families()
    assert sorted(name for names in ledger.groups() for name in names) == sorted(every)
    monkeypatch.setattr(ledger, "families", lambda: {name: every[name] for name in ("integrals", "reweighting")})
    whole = ledger.verify(bench, jobs=2)
    assert [x.id for x in whole] == [claim.id for claim in ledger.all_claims()]
    assert all(x.as_expected for x in whole)


def test_a_boundary_must_stay_narrow():
    wide = Boundary(Inequality(x**2 - 2, {x: (1, 2)}, 1), "root", "1000 √2", 1000 * x)
    record = ledger.examine(claim(wide), BENCH)
    assert "is enclosed to" in record.reason
    assert record.verdict == "open"


def test_examples_stay_where_they_are_named():
    page = (Path(__file__).parents[2] / "docs" / "claims.md").read_text(encoding="utf-8")
    (block,) = list(page.split("```python\n")[1:])
    text = (Path(__file__).parents[2] / "docs" / "examples" / "my_claims.py").read_text(encoding="utf-8")
    assert block.split("```")[0] in text
