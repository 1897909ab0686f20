"""Maps against the table of the theory notes and against exact formulas; rules against the points they claim."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from divprune_sym.explore.domain import read_domain
from divprune_sym.explore.maps import explore
from divprune_sym.explore.points import Verdict
from divprune_sym.explore.proposals import claims_file
from divprune_sym.explore.question import read_question
from divprune_sym.explore.report import kept_where_it_holds, proposals
from divprune_sym.explore.rules import find_rules
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS
from divprune_sym.specialized import specialized_state


def mapped(question, over, activation="erf"):
    asked = read_question(question, activation)
    return explore(asked, read_domain(over, any(error.of_nodes for error in asked.errors())))


def test_the_table_of_the_theory_notes():
    """M = 2, Z = 3: random edge has the smaller error at k = 1 alone."""
    found = mapped("ERROR(dpp-node) <= ERROR(random-edge)", "M=2,Z=3,k=all")
    assert kept_where_it_holds(found, 2, 3) == "2-5"
    k3 = found.points[2]
    assert (round(16 * k3.left, 4), round(16 * k3.right, 4)) == (1.4815, 1.6585)


@pytest.mark.parametrize("g", ["relu", "he2"])
def test_nodes_of_any_activation(g):
    """At M = Z = 2 both sides are the limits of the methods on states of that activation."""
    found = mapped("ERROR(dpp-node) <= ERROR(random-edge, optimal)", "M=2,Z=2,k=all", g)
    state = specialized_state(2, 2, 1.0, activation=g)
    for point in found.points:
        assert point.left == METHODS["dpp-node"].limit(state, point.k).generalization_error()
        edges = METHODS["random-edge"].limit(state, point.k / 4).generalization_error(rescale="optimal")
        assert point.right == pytest.approx(edges, rel=1e-9)
    assert f'e("{g}-dpp-node", M, Z, k)' in claims_file(found, "claims.py")  # e of erf nodes is another symbol


def test_an_activation_that_nobody_knows_is_refused():
    with pytest.raises(BadInput, match="gelu"):
        read_question("ERROR(dpp-node) <= 1", "gelu")


def exact(law, M, Z, k):
    """ε_g/v*² as a rational, by listing how many nodes each group keeps: weight of (k_1 … k_M), then (1 − k_n/Z)²/6."""
    total = weight = Fraction(0)

    def walk(group, left, ways, cost):
        nonlocal total, weight
        if group == M:
            if left == 0:
                weight += ways
                total += ways * cost
            return
        for count in range(min(left, Z) + 1):
            walk(group + 1, left - count, ways * law(Z, count), cost + Fraction(Z - count, Z) ** 2 / 6)

    walk(0, k, Fraction(1), Fraction(0))
    return total / weight


def diverse(Z, count):
    """det(L_S + ε1) to leading order: a group that keeps any node gives a factor count, and one ε less."""
    return Fraction(comb(Z, count) * max(count, 0))


@pytest.mark.parametrize(("M", "Z"), [(2, 3), (3, 2), (2, 4), (3, 3)])
def test_node_errors_are_exact(M, Z):
    """k ≥ M: every group keeps a node under the DPP."""
    found = mapped("ERROR(dpp-node) <= ERROR(random-node)", f"M={M},Z={Z},k=all")
    for point in found.points:
        assert point.right == pytest.approx(float(exact(comb, M, Z, point.k)), abs=1e-13)
        if point.k >= M:
            assert point.left == pytest.approx(float(exact(diverse, M, Z, point.k)), abs=1e-13)


def test_equality_is_no_victory():
    """Keeping one node, or all but one, leaves a DPP no choice."""
    found = mapped("ERROR(dpp-node) < ERROR(random-node)", "M=2..3,Z=2..3,k=all")
    assert not found.count(Verdict.FAILS)
    assert {point.k for point in found.points if (point.M, point.Z) == (2, 3) and point.verdict == Verdict.EQUAL} == {
        1, 5
    }  # fmt: skip
    ties = found.count(Verdict.EQUAL)
    assert proposals(found) == [f"holds everywhere that the sides differ; they are equal at {ties} points"]
    weak = mapped("ERROR(dpp-node) <= ERROR(random-node)", "M=2..3,Z=2..3,k=all")
    assert proposals(weak) == [f"holds everywhere, with equality at {ties} points"]
    same = mapped("ERROR(random-edge) < ERROR(random-edge)", "M=1,Z=2..3,k=all")
    assert proposals(same) == ["both sides are equal everywhere"]


def test_boundaries():
    """DPP edge beats magnitude edge between two shares from Z = 4 on; the difference vanishes there."""
    found = mapped("ERROR(magnitude-edge) < ERROR(dpp-edge)", "M=1..2,Z=3..4,p=0.02..0.98:0.04")
    assert [(b.Z, b.M, b.holds_below) for b in found.boundaries] == [(4, (1, 2), True), (4, (1, 2), False)]
    low, high = (b.p for b in found.boundaries)
    assert 0.02 < low < 0.06 < 0.26 < high < 0.3
    left, right = (
        read_question("ERROR(magnitude-edge) < ERROR(dpp-edge)").errors()[n].value(2, 4, low) for n in (0, 1)
    )
    assert left == pytest.approx(right, abs=1e-11)


def test_a_reversed_question_has_the_complement():
    one = mapped("ERROR(dpp-node) <= ERROR(random-edge)", "M=2..3,Z=2..4,k=all")
    other = mapped("ERROR(dpp-node) > ERROR(random-edge)", "M=2..3,Z=2..4,k=all")
    assert one.count(Verdict.HOLDS) == other.count(Verdict.FAILS) > 0
    assert one.count(Verdict.FAILS) == other.count(Verdict.HOLDS) > 0


def holds(condition, point):
    """A rule's condition by Python's own rules; it is our text, not a user's."""
    names = {"M": point.M, "Z": point.Z, "k": point.k, "K": point.M * point.Z}
    return eval(condition, {"__builtins__": {}}, names)


@pytest.mark.parametrize(
    "question",
    [
        "ERROR(dpp-node) <= ERROR(random-edge)",
        "ERROR(dpp-node, reweight) <= ERROR(dpp-edge, optimal)",
        "ERROR(dpp-node) <= ERROR(random-edge, optimal)",
    ],
)
def test_rules_fit_every_point(question):
    found = mapped(question, "M=1..4,Z=1..4,k=all")
    assert found.rules
    for rule in found.rules:
        fits = [point for point in found.points if holds(rule.condition, point)]
        wanted = Verdict.FAILS if rule.kind == "fails whenever" else Verdict.HOLDS
        assert len(fits) == rule.points
        assert {point.verdict for point in fits} == {wanted}
        if rule.kind == "exactly when":
            assert rule.points == found.count(Verdict.HOLDS)


def test_an_exact_rule_is_found():
    """Verdicts made to follow a rule: the search must find it, or one that is the same on the map."""
    found = mapped("ERROR(dpp-node) <= ERROR(random-edge)", "M=1..4,Z=1..4,k=all")

    def made(rule):
        return [type(p)(p.M, p.Z, p.k, p.p, p.left, p.right, Verdict(rule(p))) for p in found.points]

    for rule in (lambda p: p.k <= p.M, lambda p: p.k >= p.M and p.Z >= 3, lambda p: p.k <= 2 or p.Z <= 2):
        points = made(rule)
        best = find_rules(points)[0]
        assert best.kind == "exactly when"
        assert all(holds(best.condition, p) == rule(p) for p in points)


def test_shares_that_cannot_be_kept_are_left_out():
    found = mapped("ERROR(nm-edge) < ERROR(random-edge)", "M=1,Z=2,p=0.25..0.75:0.05")
    assert [float(point.p) for point in found.points] == [0.25, 0.5, 0.75]
    assert found.left_out == 8
    with pytest.raises(BadInput, match="no point where every method"):
        mapped("ERROR(nm-edge) < ERROR(random-edge)", "M=1,Z=2,p=0.3")
