"""What a file of claims cannot do by its ordinary means: show something else than what was checked."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
import sympy as sp

from divprune_sym.claims import (
    Arithmetic,
    At,
    Certified,
    Claim,
    Ends,
    Fact,
    Follows,
    Inequality,
    Proof,
    Slope,
    Step,
    Termwise,
    Verdict,
    Witness,
    ledger,
    same,
)
from divprune_sym.claims.claim import Bench, Finding, Kind
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.rules import Far, Hill, Inverted, Join, Large, Larger, Never, Turns
from divprune_sym.claims.statements import OneInterval, TurnsOnce
from divprune_sym.ground.checks import BadInput

x, u, b = sp.symbols("x u b")
n = sp.Symbol("n", integer=True, positive=True)
HALF = sp.Rational(1, 2)
FALSE = sp.Gt(x, 100, evaluate=False)
NOTHING = Proof(lambda: [same("0 is 0", sp.S.Zero, sp.S.Zero)])


def where(*items):
    return read(items, {x, u, b, n}, "domain")


def made(statement, domain, *evidence, **more):
    return Claim("hostile.claim", "A title.", statement, domain, "here", evidence, Verdict.PROVED, **more)


def verdict(*arguments, **more):
    return ledger.examine(made(*arguments, **more), Bench(quick=False, recorded=ledger.RECORDED))


# --- evidence of one's own ----------------------------------------------------------------------------


class _Says:
    """Evidence that says what it likes."""

    def examine(self, claim, bench, known=()):
        return Finding(Kind.SYMBOLIC, True, "trust me", facts=(Fact(claim.explicit, claim.over),))


class _Kin(Certified):
    examine = _Says.examine


@dataclass(frozen=True)
class _Rule:
    says: str = "trust me"

    def premises(self, statement, domain):
        return []


@dataclass(frozen=True)
class _StepWithFact(Step):
    fact: Fact


class _Wider(Inequality):
    @property
    def relation(self):
        return FALSE


@pytest.mark.parametrize(
    "evidence",
    [
        _Says(),
        _Kin(Inequality(x + 1, {x: (0, 1)}, 1)),
        Follows(FALSE, Domain(), _Rule()),
        Proof(lambda: [_StepWithFact("trust me", True, Fact(FALSE))]),
        Proof(lambda: [Step("trust me", True)]),
        Proof(lambda: [same("0 is 0", sp.S.Zero, sp.S.Zero)], shows=FALSE),
        Certified(Inequality(x + 1, {x: (0, 1)}, 1), shows=FALSE),
        Certified(_Wider(x + 1, {x: (0, 1)}, 1)),
    ],
    ids=lambda evidence: type(evidence).__name__,
)
def test_evidence_of_ones_own_shows_nothing(evidence):
    found = verdict(FALSE, ["0 < x < 1"], evidence)
    assert found.verdict == "open"
    assert "\n" not in found.reason


# --- names ----------------------------------------------------------------------------------------------

_always = sp.Symbol("x", zero=True)
_other = sp.Symbol("x", positive=True)
_sure = sp.Function("f", positive=True)


class _Mine(sp.Function):
    is_positive = True


@pytest.mark.parametrize(
    ("statement", "domain", "more", "words"),
    [
        (sp.Eq(_always, 2 * _always, evaluate=False), [], {}, "assumptions beyond"),
        (sp.Gt(sp.Symbol("x", negative=True), -5, evaluate=False), [], {}, "assumptions beyond"),
        (sp.Gt(x - _other, -1), [], {}, "two symbols"),
        (sp.Gt(_sure(x), 0, evaluate=False), [], {}, "a function with assumptions"),
        (sp.Gt(_Mine(x), 0, evaluate=False), [], {}, "which only its own file knows"),
        (FALSE, ["0 < x < 1"], {"where": {x: sp.Integer(200)}}, "unknown symbol"),
        (FALSE, [], {"where": {sp.Integer(100): sp.Integer(-1)}}, "has a meaning already"),
        (sp.Gt(sp.asin(x), 2), [], {"where": {sp.asin(x): sp.Integer(3)}}, "has a meaning already"),
        (sp.Gt(x, 0.5), [], {}, "decimal number"),
        (sp.Ge(x, 0, evaluate=False), [sp.Gt(x, sp.I, evaluate=False)], {}, "no real number"),
    ],
)
def test_names_mean_what_they_say(statement, domain, more, words):
    with pytest.raises(BadInput, match=words) as error:
        made(statement, domain, NOTHING, **more)
    assert "\n" not in str(error.value)


def test_what_symbols_are_assumed_to_be_is_printed():
    assert verdict(sp.Gt(n, 0, evaluate=False), [], Follows(sp.Gt(n, 0, evaluate=False), Domain(), Arithmetic()))
    assert made(sp.Gt(_other, -1, evaluate=False), []).place == "x > 0"
    assert made(sp.Gt(n, -1, evaluate=False), []).place == "n > 0, n integer"
    assert made(sp.Gt(n + x, -1), ["n >= 2"]).place == "n ≥ 2, n integer"


@pytest.mark.parametrize(
    "at", [{x: "1/2"}, {x: 0.5}, {"x": 1}, {x**2: -1}, {sp.Integer(100): 0, x: 1}, {x: sp.I}, {x: True}, {x: u}]
)
def test_a_witness_is_a_point_of_exact_numbers(at):
    reason = verdict(sp.Lt(x, 100), ["0 < x < 99"], Witness(at)).reason
    assert "expected a symbol and an exact real number" in reason
    assert verdict(sp.Lt(x, HALF), ["0 < x < 99"], Witness({x: Fraction(2, 3)})).verdict == "refuted"


# --- rules where they do not apply ------------------------------------------------------------------------

_jump = sp.Piecewise((x - sp.Rational(1, 4), x < HALF), (x - sp.Rational(3, 4), True))
_elements = sp.IndexedBase("a")
_sum = sp.Ge(sp.Sum(_elements[n], (n, 1, 5)), 0, evaluate=False)


@pytest.mark.parametrize(
    ("statement", "domain", "rule", "words"),
    [
        (TurnsOnce(_jump, x, 0, 1), Domain(), Turns(1, sp.S.One, "below"), "depends on x"),
        (TurnsOnce(x - sp.floor(2 * x), x, 0, 1), Domain(), Turns(1, sp.S.One, "below"), "to be smooth"),
        (sp.Gt(x - sp.floor(x), 0), where("0 < x < 3"), Slope(x, 0), "to be smooth"),
        (sp.Gt(n, 1, evaluate=False), where("n > 1"), Slope(n, 1), "is an integer"),
        (sp.Ge(sp.Abs(x), 1, evaluate=False), where("-1 <= x <= 1"), Ends(x, -1, 1), "is not linear"),
        (sp.Gt(b, sp.S.Half), where("b > 2"), Large(u, b), "is not certain"),
        (sp.Gt(b + u, 1), where("b > 2", "u >= 1"), Large(u, b), "has a meaning already"),
        (sp.Ge(-(u**2), 0, evaluate=False), where(), At({x: sp.I * u}, Fact(x**2 >= 0)), "is no real value"),
        (TurnsOnce(u, u, 0, 1), Domain(), At({x: u}, Fact(TurnsOnce(x, x, 0, 1))), "is no relation"),
        (_sum, Domain(), Termwise(sp.Symbol("y"), Domain((sp.Ge(sp.Symbol("y"), 0),))), "is not known to have"),
    ],
)
def test_rules_refuse_what_looks_like_their_case(statement, domain, rule, words):
    finding = Follows(statement, domain, rule).examine(None, Bench(True, ledger.RECORDED), ())
    assert not finding.holds
    assert words in finding.summary


def test_one_interval_needs_both_ends_and_what_lies_between():
    f = (x - sp.Rational(1, 4)) * (sp.Rational(3, 4) - x)
    inside = where("3/8 <= x <= 5/8")
    rule = Join(sp.Rational(3, 8), sp.Rational(5, 8), sp.Rational(1, 8), sp.Rational(7, 8))
    known = [
        Fact(TurnsOnce(f, x, 0, sp.Rational(3, 8))),
        Fact(TurnsOnce(-f, x, sp.Rational(3, 8), 1)),
        Fact(f > 0, inside),
    ]
    claimed = Follows(OneInterval(f, x, 0, 1), Domain(), rule)
    assert claimed.examine(None, Bench(True, ledger.RECORDED), known).holds
    for n in range(2):
        finding = claimed.examine(None, Bench(True, ledger.RECORDED), known[:n] + known[n + 1 :])
        assert "nothing shows" in finding.summary
    for places in ((3, 5, 4, 7), (5, 3, 1, 7), (3, 5, 1, 2), (3, 3, 1, 7)):
        other = Join(*[sp.Rational(n, 8) for n in places])
        assert not Follows(claimed.statement, Domain(), other).examine(None, Bench(True, ledger.RECORDED), known).holds


_a = sp.Symbol("a", positive=True)
_above = sp.Gt(sp.sqrt(2) * sp.erfinv(1 - x), 1)


@pytest.mark.parametrize(
    ("statement", "domain", "rule", "known", "without"),
    [
        (
            sp.exp(-x) > 0,
            where("x > 1"),
            Far(x),
            [Fact(sp.Eq(sp.Limit(sp.exp(-x), x, sp.oo), 0, evaluate=False)), Fact(-sp.exp(-x) < 0)],
            Far(u),
        ),
        (_above, where("0 < x < 1/4"), Inverted(), [Fact(1 - x > sp.erf(1 / sp.sqrt(2)), where("x < 1/4"))], Far(x)),
        (
            sp.exp(u) - 1 > 0,
            where("u > 1/2"),
            Larger(_a, sp.exp(_a) - 1 > 0, HALF, u, (0, sp.Integer(9))),
            [Fact(sp.exp(_a) > 0), Fact(sp.exp(HALF) - 1 > 0), Fact(u < 9)],
            Larger(_a, sp.exp(_a) - 2 > 0, HALF, u, (0, sp.Integer(9))),
        ),
    ],
    ids=["far", "inverted", "larger"],
)
def test_longer_ways_need_all_their_premises(statement, domain, rule, known, without):
    bench = Bench(True, ledger.RECORDED)
    assert Follows(statement, domain, rule).examine(None, bench, known).holds
    assert not Follows(statement, domain, rule).examine(None, bench, ()).holds
    assert not Follows(statement, domain, without).examine(None, bench, known).holds


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"F_b": b**2 / (1 + b**2) ** 3}, "not the same function"),
        ({"c": u + 1}, "is not F − cW"),
        ({"top": sp.Rational(1, 100)}, "is not certain"),
        ({"second": sp.Integer(2)}, "is not certain"),
    ],
)
def test_a_hill_is_what_it_is_said_to_be(changes, words):
    s = sp.Symbol("s", positive=True)
    F, W = (s**2 - s / 100) / (1 + s) ** 4, s / (1 + s) ** 2
    charts = {"F_b": sp.factor(F.subs(s, b**-2)), "W_b": sp.factor(W.subs(s, b**-2))}
    parts = {"F": F, "W": W, "c": u, "until": sp.Rational(1, 100), "first": HALF, "second": sp.Rational(3, 4)}
    parts |= {"top": HALF, "b": b} | charts
    claimed = OneInterval(F - u * W, s, 0, sp.oo)
    domain = where("0 < u <= 1/10")
    finding = Follows(claimed, domain, Hill(**(parts | changes))).examine(None, Bench(True, ledger.RECORDED), [])
    assert not finding.holds  # no premise is shown
    assert (words or "nothing shows") in finding.summary


def test_a_bound_variable_is_not_bounded_by_the_domain():
    # x − 1/2 is positive throughout only where the domain says so, which the statement does not hear
    claimed = TurnsOnce((x - HALF) * (x - sp.Rational(3, 4)), x, 0, 1)
    domain = where("3/4 < x < 1")
    shown = Follows(claimed.args[0] > 0, domain, Arithmetic())
    assert verdict(claimed, ["3/4 < x < 1"], shown, Follows(claimed, domain, Never())).verdict == "open"


# --- empty, undefined ---------------------------------------------------------------------------------------


def test_nothing_is_shown_on_an_empty_domain():
    found = verdict(sp.Implies(x > 3, x > 100), ["0 < x", "x < 0"], NOTHING)
    assert "no point has all relations" in found.reason


def test_what_has_no_value_is_not_shown():
    step = Proof(lambda: [same("", (x**2 - 1) / (x - 1), x + 1)])
    claimed = sp.Eq((x**2 - 1) / (x - 1), x + 1, evaluate=False)
    assert "whether x - 1 vanishes" in verdict(claimed, [], step).reason
    assert verdict(claimed, ["x > 1"], step).verdict == "proved"


def test_a_zero_that_is_only_claimed_is_noticed():
    false_near_0 = Inequality(10 * x - 1, {x: (0, 1)}, 1, {x: (1, 0)})
    assert "not a zero" in verdict(10 * x > 1, ["0 < x < 1"], Certified(false_near_0)).reason
    rough = Inequality(sp.sqrt(x) - 1, {x: (0, 1)}, -1, {x: (1, 1)})
    assert "not a zero" in verdict(sp.sqrt(x) < 1, ["0 < x < 1"], Certified(rough)).reason


def test_two_variables_of_one_name_are_not_certified():
    with pytest.raises(BadInput, match="two symbols"):
        made(sp.Gt(x - _other, -1), ["0 < x < 1"])
    # the claim speaks of one of them only, its evidence of both
    assert verdict(x > -1, ["0 < x < 1"], Certified(Inequality(x - _other + 1, {x: (0, 1)}, 1))).verdict == "open"


def test_a_link_that_breaks_is_one_line():
    odd = sp.Implies(TurnsOnce(x, x, 0, 1), x > 100)
    found = verdict(odd, ["0 < x < 1"], NOTHING)
    assert found.verdict == "open"
    assert found.reason.startswith("link stated, not checked: ")
    assert "\n" not in found.reason
