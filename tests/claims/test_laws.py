"""The laws that masks and node laws obey: verdicts hold, and fall where the statement says more than was shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from divprune_sym.claims import ledger
from divprune_sym.claims.claim import Bench, Verdict
from divprune_sym.claims.domain import read
from divprune_sym.claims.families import node_laws, shared_masks
from divprune_sym.claims.links import Fact
from divprune_sym.claims.rules import Equal, Follows, Termwise

pytestmark = pytest.mark.slow(10)

HALF = sp.Rational(1, 2)
BENCH = Bench(quick=True, recorded=ledger.RECORDED)
x, y = sp.symbols("x y", real=True)
n = sp.Symbol("n", integer=True)
q, N = sp.symbols("q N", integer=True)
CLAIMS = {claim.id: claim for claim in (*shared_masks.claims(), *node_laws.claims())}


def verdict(claim):
    return ledger.examine(claim, BENCH).verdict


@pytest.mark.parametrize(
    ("id", "factor"), [("masks.group-least", 1), ("masks.gain", 1), ("nodes.least", 1), ("nodes.dpp-near-least", HALF)]
)
def test_nothing_stricter_than_a_law_is_shown(id, factor):
    """The first inequality that the statement has, made strict or its larger side smaller; the rest is left out."""
    claim = CLAIMS[id]
    part = next(part for part in claim.statement.args if isinstance(part, (sp.Ge, sp.Le)))
    stricter = sp.Lt(part.lts, part.gts * factor, evaluate=False)
    assert verdict(replace(claim, statement=stricter, expected=Verdict.OPEN)) == "open"


def holds(evidence, *known):
    return evidence.examine(next(iter(CLAIMS.values())), BENCH, known).holds


def test_equal_needs_the_value():
    domain = read(("1 ≤ n", "n < 2", "n integer"), {n}, "domain")
    fact = Fact(sp.Gt(sp.asin(1 / sp.Integer(1)), x, evaluate=False))
    wanted = sp.Gt(sp.asin(1 / n), x, evaluate=False)
    assert holds(Follows(wanted, domain, Equal({n: sp.Integer(1)})), fact)
    wider = read(("1 ≤ n", "n < 3", "n integer"), {n}, "domain")
    assert not holds(Follows(wanted, wider, Equal({n: sp.Integer(1)})), fact)


def test_a_term_holds_for_the_other_symbols_of_the_domain_only():
    values = read(("0 ≤ x", "y ≥ 1"), {x, y}, "domain")
    term = Fact(sp.Ge(sp.asin(x) * y, 0, evaluate=False), values)
    total = sp.Ge(sp.Sum(sp.asin(sp.IndexedBase("a", nonnegative=True)[q]) * y, (q, 1, N)), 0, evaluate=False)
    assert holds(Follows(total, read(("y ≥ 2",), {y}, "domain"), Termwise(x, values)), term)
    assert not holds(Follows(total, read(("y ≥ 0",), {y}, "domain"), Termwise(x, values)), term)
