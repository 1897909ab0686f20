"""`check_formula`: right formulas are proved, wrong ones refuted by a small covariance that anyone can redo."""

from __future__ import annotations

from fractions import Fraction

import mpmath as mp
import pytest

from divprune_sym.formulas import agreement, report
from divprune_sym.formulas.agreement import Verdict
from divprune_sym.formulas.points import Point, random_points, shrunk
from divprune_sym.formulas.report import check_formula
from divprune_sym.gaussian import ERF, G, U, expectation
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.ground.checks import BadInput
from tests.formulas.published import BY_HAND, WRONG

pytestmark = pytest.mark.slow(20)


@pytest.mark.parametrize("name", BY_HAND)
def test_right_formulas_are_proved(name):
    assert check_formula(*BY_HAND[name]).agreement.verdict is Verdict.PROVED


@pytest.mark.parametrize("name", WRONG)
def test_wrong_formulas_are_refuted(name):
    formula, definition = WRONG[name]
    found = check_formula(formula, definition)
    assert not found.agrees
    comparison = found.agreement.counterexample
    assert not comparison.agrees
    again = check_formula(formula, definition, at=str(comparison.point)).agreement.counterexample
    assert again.point == comparison.point
    assert (again.formula, again.definition) == (comparison.formula, comparison.definition)
    # small: few entries differ from those of independent unit fields, and those are short
    unusual = [v for s, v in comparison.point.entries.items() if v != (1 if s.is_positive else 0)]
    assert len(unusual) <= 4
    assert all(abs(v.numerator) <= 4 and v.denominator <= 4 for v in unusual)


def test_the_difference_has_all_the_digits_shown():
    comparison = check_formula("C_ab", "I2").agreement.counterexample
    with mp.workdps(40):
        half = mp.mpf(1) / 2
        assert abs(comparison.difference - (half - 2 / mp.pi * mp.asin(half / 2))) < 1e-38


@pytest.mark.parametrize(
    "extra", ["sin(C_ab)^2 + cos(C_ab)^2 - 1", "erf(C_ab) + erf(-C_ab)", "log(C_aa^2) - 2*log(C_aa)"]
)
def test_what_agrees_is_called_proved_only_if_it_is(extra):
    found = check_formula(f"I2 + {extra}", "I2")
    assert found.agrees
    assert str(found).startswith("agree")
    assert ("not proved" in str(found)) == (found.agreement.verdict is Verdict.SAMPLED)


def test_a_proof_that_takes_too_long_is_no_proof(monkeypatch):
    monkeypatch.setattr(agreement, "_PROOF_SECONDS", 0.0)
    found = check_formula(*BY_HAND["I4"])
    assert found.agreement.verdict is Verdict.SAMPLED
    assert str(found).startswith("agree wherever compared, not proved (24 random covariances, variances 0.041 to 256;")


def test_what_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(report, "SECONDS", 0.0)
    with pytest.raises(BadInput, match="gave up after 0 s"):
        check_formula(*BY_HAND["I4"])


def test_removable_singularities_are_no_differences():
    # 0/0 where C_aa = C_bb, which is where shrinking would go first
    found = check_formula("(C_aa^2 - C_bb^2)/(C_aa - C_bb) - C_aa - C_bb + I2", "I2")
    assert found.agreement.verdict is Verdict.PROVED
    wrong = check_formula("(C_aa^2 - C_bb^2)/(C_aa - C_bb) - C_aa - C_bb + 2*I2", "I2").agreement.counterexample
    assert wrong.formula == pytest.approx(2 * wrong.definition)


@pytest.mark.parametrize("scale", [1e-11, 1e-25])
def test_small_differences_are_found(scale):
    assert not check_formula(f"I2 + {scale}*C_ab", "I2").agrees


@pytest.mark.parametrize(
    ("formula", "at", "agrees"),
    [
        ("I2*(1 + 1.01e-40)", "C_ab = 1/3", False),
        ("I2*(1 + 0.99e-40)", "C_ab = 1/3", True),
        ("I2 + 1.01e-80", "C_ab = 0", False),
        ("I2 + 0.99e-80", "C_ab = 0", True),
    ],
)
def test_the_smallest_difference_seen_is_the_stated_one(formula, at, agrees):
    report = check_formula(formula, "I2", at=at)
    assert report.agrees is agrees
    assert report.record()["smallest_difference_seen"] == {"relative": "1e-40", "absolute": "1e-80"}


def test_at_a_given_covariance():
    unit = "2/pi*asin(C_ab/2)"
    assert not check_formula(unit, "I2").agrees
    found = str(check_formula(unit, "I2", at="C_ab = 0.3"))
    assert found.startswith("agree at C_ab = 0.3, not proved (40 digits: a relative difference above 1e-40 would")
    assert not check_formula(unit, "I2", at="C_ab=1/2, C_aa=2").agrees
    assert check_formula(unit, "I2", at="C_ba = -1/2, C_aa = 1, C_bb = 1").agrees
    # singular, but a covariance all the same: a dead unit
    assert check_formula("0", "I2", at="C_aa = 0").agrees


@pytest.mark.parametrize(
    ("formula", "definition", "at", "words"),
    [
        ("C_ax", "I2", None, ("formula", "column 1", "'C_ax'", "did you mean 'C_ab'?")),
        ("C_ab*zeta", "I2", None, ("unknown symbol 'zeta'", "column 6")),
        ("C_1", "I2", None, ("unknown symbol 'C_1'",)),
        ("C[a,c]", "I2", None, ("unknown field 'c'", "known: a, b")),
        ("C[a]", "I2", None, ("C[…] takes 2 fields, found 1",)),
        ("u_a", "I2", None, ("u_a is a field",)),
        ("g(u_a)", "I2", None, ("g belongs inside E[…]",)),
        ("I3", "I2", None, ("field i of 'I3' is not in the definition",)),
        ("I2(a,c)", "I2", None, ("field c",)),
        ("I2(a)", "I2", None, ("I2 takes 2 fields, found 1",)),
        ("I2'(a,b)", "I2", None, ("no derivative",)),
        ("E[u_c]", "I2", None, ("field c", "known: a, b")),
        ("1", "I7", None, ("definition", "unknown symbol 'I7'", "I2, I3, I4")),
        ("1", "1", None, ("definition: speaks of no field",)),
        ("1", "I2(a,b", None, ("expected ')'",)),
        ("1", "E[g(u_a)", None, ("definition, column 9", "expected ']'")),
        ("1", "E[E[u_a]]", None, ("E[…] inside E[…]",)),
        ("1", "E[h(u_a)]", None, ("unknown function 'h'",)),
        ("1", "E[g(a)]", None, ("such as u_a", "'a'")),
        ("1", "E[g(u_a, u_b)]", None, ("g takes one field",)),
        ("1", "E[g(u_a+u_b)]", None, ("expected ')'",)),
        ("1", "E[g]", None, ("unknown symbol 'g'",)),
        ("1", "E[exp(u_a)]", None, ("whole powers",)),
        ("1", "E[1/u_a]", None, ("whole powers",)),
        ("1", "E[g(u_a)^9]", None, ("more than 8",)),
        ("1", "E[((u_a+u_b)^8+1)^8]", None, ("more than 8",)),
        ("1", "E[(u_a+u_b+u_c+u_d+u_e+u_f)^8]", None, ("1287 products",)),
        ("1", "E[u_a*u_b*u_c*u_d*u_e*u_f*u_h]", None, ("more than 6 fields",)),
        ("1", "E[g'''''''''(u_a)]", None, ("9 derivatives",)),
        ("1", "E[g(u_a)*g(u_b)*g(u_c)*g(u_d)]", None, ("no closed form", "g(u_a)·g(u_b)·g(u_c)·g(u_d)")),
        ("1", "E[lambda_i * g(u_i)]", None, ("one field under two names", "lambda_i", "u_i")),
        ("E[rho_a]", "E[u_a]", None, ("one field under two names", "rho_a", "u_a")),
        ("R_ab", "E[lambda_a*lambda_b]", None, ("b is a student in lambda_b, but a teacher in R_ab",)),
        ("Q_ab + R_ab", "I2", None, ("b is a student in Q_ab, but a teacher in R_ab",)),
        ("T_ab + R_ab", "I2", None, ("a is a teacher in T_ab, but a student in R_ab",)),
        ("1/(C_aa - C_aa*1)", "I2", None, ("divides by zero",)),
        ("exp(exp(exp(40*C_aa+40)))", "I2", None, ("all of 24",)),
        ("1", "I2", "C_ab = 2", ("not positive semi-definite", "eigenvalue -1")),
        ("1", "I2", "C_aa = -1", ("not positive semi-definite",)),
        ("1", "I2", "C_ab = 1", ("a and b are one field under two names",)),
        ("1", "I2", "C_ac = 1", ("--at", "'C_ac'")),
        ("1", "I2", "pi = 1", ("'pi' is no covariance",)),
        ("1", "I2", "C_ab", ("expected C_ab = number",)),
        ("1", "I2", "C_ab = ", ("--at: is empty",)),
        ("1", "I2", "C_ab = C_aa", ("no rational number",)),
        ("1", "I2", "C_ab = sqrt(2)", ("no rational number",)),
        ("1", "I2", "C_ab = 0.1, C_ba = 0.2", ("given twice",)),
        ("1/C_ab", "I2", "C_ab = 0", ("divides by zero",)),
    ],
)
def test_refusals(formula, definition, at, words):
    with pytest.raises(BadInput) as caught:
        check_formula(formula, definition, at=at)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 300
    for word in words:
        assert word in line


def test_unknown_activation():
    with pytest.raises(BadInput, match=r"activation 'erff': not known; did you mean 'erf'\?"):
        check_formula("1", "I2", "erff")


def test_definitions_keep_their_powers_and_derivatives():
    for text, factors in {
        "E[g'''(u_a)*g'(u_b)]": (G("a", 3), G("b", 1)),
        "E[g(u_a)*u_b^2*g(u_c)]": (G("a"), U("b"), U("b"), G("c")),
        "E[g''(u_a)*g(u_b)]": (G("a", 2), G("b")),
    }.items():
        assert check_formula("0", text).closed_form == str(expectation(factors, ERF).closed_form)


def test_longer_names_of_fields():
    assert check_formula("2/pi*asin(C[a1,b2]/sqrt((1+C[a1,a1])*(1+C[b2,b2])))", "I2(a1,b2)").agrees
    assert check_formula("2/pi*asin(C_a1b2/sqrt((1+C_a1a1)*(1+C_b2_b2)))", "I2(a1,b2)").agrees


@pytest.mark.parametrize("size", range(1, 7))
def test_random_points_are_covariances_of_many_sizes(size):
    fields = tuple("abcdef"[:size])
    points = list(random_points(fields, 24))
    variances = [float(p.entries[covariance_symbol("a", "a")]) for p in points]
    assert all(p.is_definite and p.eigenvalues().min() > -1e-12 for p in points)
    assert max(variances) > 50 * min(variances)
    assert points == list(random_points(fields, 24))


def test_shrinking_ends_at_the_simplest_point_with_the_property():
    C_ab, C_aa = covariance_symbol("a", "b"), covariance_symbol("a", "a")
    start = next(iter(random_points(("a", "b", "c"), 1)))

    def holds(point):
        return abs(point.entries[C_ab]) > Fraction(3, 10) and point.entries[C_aa] > Fraction(3, 2)

    found = shrunk(start, holds) if holds(start) else shrunk(Point(("a", "b", "c"), {C_aa: 50, C_ab: 3}), holds)
    assert str(found) == "C_ab = 1, C_aa = 2" or str(found) == "C_ab = 1/2, C_aa = 2"
