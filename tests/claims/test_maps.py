"""Maps in the ledger: what is drawn is what the evidence encloses."""

import re
from xml.etree import ElementTree

import pytest
import sympy as sp

from divprune_sym.claims import ledger, report
from divprune_sym.claims.claim import Bench, Claim, Finding, Kind, Region, Row, Verdict
from divprune_sym.claims.evidence import Boundary, Certified
from divprune_sym.claims.maps import places, svg
from divprune_sym.claims.prover import Inequality

x = sp.Symbol("x")
REGION = Region("x", ("above <it>", "below"), (Row("roots", ("x₁", "x₂"), False), Row("never", (), True)))


def found(name, low, high, holds=True):
    return Finding(Kind.CERTIFICATE, holds, "", place=(name, low, high))


FINDINGS = [found("x₂", "0.75", "0.7500000000001"), found("x₁", "0.25", "0.2500000000001")]


def test_rows_take_their_places_from_the_evidence():
    drawn = places(REGION, FINDINGS)
    assert drawn["rows"][0]["places"] == [["0.25", "0.2500000000001"], ["0.75", "0.7500000000001"]]
    assert drawn["rows"][1] == {"label": "never", "first": True, "places": []}


@pytest.mark.parametrize("findings", [FINDINGS[:1], [FINDINGS[0], found("x₁", "0.25", "0.26", holds=False)], []])
def test_a_row_without_its_evidence_is_not_drawn(findings):
    assert [row["label"] for row in places(REGION, findings)["rows"]] == ["never"]


def test_bars_are_as_long_as_what_they_stand_for():
    picture = ElementTree.fromstring(svg(places(REGION, FINDINGS)))
    rows = picture.findall("g")
    bars = [(float(bar.get("width")), bar.get("fill")) for bar in rows[0].findall("rect")]
    whole = sum(width for width, _ in bars)
    assert [width / whole for width, _ in bars] == pytest.approx([0.25, 0.5, 0.25], abs=1e-3)
    key = [bar.get("fill") for bar in picture.findall("rect")]
    assert [fill for _, fill in bars] == [key[1], key[0], key[1]]  # the first side holds between the roots
    assert [bar.get("fill") for bar in rows[1].findall("rect")] == [key[0]]
    assert "0.2500000000001" in rows[0].find("title").text


def test_the_page_shows_the_map_and_needs_nothing_else(tmp_path):
    root = Boundary(Inequality(x**2 - sp.Rational(1, 2), {x: (0, 1)}, 1), "root", "x₁")
    region = Region("x", ("above", "below"), (Row("root", ("x₁",), False),))
    evidence = (root, Certified(Inequality(x**2 - 1, {x: (2, 3)}, 1)))
    domain = ["2 <= x <= 3"]
    claim = Claim("my.root", "It is.", sp.Gt(x**2, 1), domain, "here", evidence, Verdict.CERTIFIED, region=region)
    record = ledger.examine(claim, Bench(False, tmp_path))
    ((low, high),) = record.as_json()["map"]["rows"][0]["places"]
    assert float(low) <= 0.5**0.5 <= float(high)
    page = report.page([record], quick=False)
    assert '<svg class="map"' in page
    assert not re.search(r'(src|href)="(?!#)', page)


def test_every_map_of_the_ledger_finds_its_boundaries():
    for claim in ledger.all_claims():
        if claim.region is not None:
            named = {piece.named for piece in claim.evidence if hasattr(piece, "named")}
            assert {name for row in claim.region.rows for name in row.boundaries} <= named
