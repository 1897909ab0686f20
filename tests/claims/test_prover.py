"""The prover proves what is true, and the checker believes nothing that it has not computed again."""

from __future__ import annotations

import json
from copy import deepcopy
from fractions import Fraction

import pytest
import sympy as sp
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from divprune_sym.claims.balls import OPERATIONS, ball, exact, precision, taylor, value
from divprune_sym.claims.checker import CertificateRejected, check_inequality
from divprune_sym.claims.programs import NotEvaluable, program_of
from divprune_sym.claims.prover import (
    Inequality,
    NotProved,
    ZeroOfSystem,
    bracket,
    bracket_of_minimum,
    enclose_zero,
    prove,
)
from divprune_sym.claims.root_checker import check_bracket, check_bracket_of_minimum, check_unique_zero

x, y = sp.symbols("x y", real=True)
HALF = sp.Rational(1, 2)

TRUE = {
    "away from zero": Inequality(sp.exp(x) - x, {x: (-2, 3)}, 1),
    "negative": Inequality(sp.erf(x) - 2, {x: (-5, 5)}, -1),
    "zero at the low end": Inequality(x - sp.sin(x), {x: (0, 2)}, 1, {x: (3, 0)}),
    "zeros at both ends": Inequality(sp.asin(x) - sp.pi * x / 2, {x: (0, HALF)}, -1, {x: (1, 0)}),
    "even zero at the high end": Inequality(1 - sp.sin(x * sp.pi / 2), {x: (0, 1)}, 1, {x: (0, 2)}),
    "odd zero at the high end": Inequality(sp.exp(x) - sp.E, {x: (0, 1)}, -1, {x: (0, 1)}),
    "two variables": Inequality(x**2 - x * y + y**2 + sp.Rational(1, 10), {x: (-1, 1), y: (-1, 1)}, 1),
    "zero for every y": Inequality(x * (1 + y) - sp.asin(x), {x: (0, HALF), y: (HALF, 1)}, 1, {x: (1, 0)}),
    "inverse error function": Inequality(sp.erfinv(x) - x * sp.sqrt(sp.pi) / 2, {x: (0, HALF)}, 1, {x: (3, 0)}),
}


@pytest.fixture(scope="module", params=TRUE, ids=list(TRUE))
def proved(request):
    inequality = TRUE[request.param]
    return inequality, json.loads(json.dumps(prove(inequality)))


def test_true_inequalities_are_proved_and_checked(proved):
    inequality, certificate = proved
    assert not inequality.unproved_zeros()
    assert check_inequality(inequality.as_problem(), certificate) == len(certificate["boxes"]) >= 1


@pytest.mark.parametrize(
    "inequality",
    [
        Inequality(sp.exp(x) - x - 1, {x: (-1, 1)}, 1),  # 0 inside
        Inequality(x**2 - HALF, {x: (0, 1)}, 1),
        Inequality(sp.sin(x) - x, {x: (0, 2)}, 1, {x: (3, 0)}),
        Inequality(x - y, {x: (0, 1), y: (0, 1)}, 1),
        Inequality(x**2, {x: (0, 1)}, 1),  # an undeclared zero
    ],
)
def test_false_inequalities_are_not_proved(inequality):
    with pytest.raises(NotProved):
        prove(inequality, most_boxes=300)


def test_a_zero_that_is_none_is_noticed():
    wrong = Inequality(x + sp.Rational(1, 10**9), {x: (0, 1)}, 1, {x: (1, 0)})
    assert "x = 0" in wrong.unproved_zeros()[0]
    too_high = Inequality(x, {x: (0, 1)}, 1, {x: (2, 0)})
    assert "d^1" in too_high.unproved_zeros()[0]


def _row(certificate, n=-1):
    return certificate["boxes"][n]


def _widen_box(c):
    _row(c)["box"][0][1] = str(Fraction(_row(c)["box"][0][1]) + 1)


def _shift_box(c):
    _row(c)["box"][0] = [str(Fraction(end) + Fraction(1, 10**9)) for end in _row(c)["box"][0]]


def _drop_box(c):
    del c["boxes"][len(c["boxes"]) // 2]


def _repeat_box(c):
    c["boxes"].append(deepcopy(_row(c)))


def _narrow_enclosure(c):
    low, high = (Fraction(end) for end in _row(c)["enclosure"])
    _row(c)["enclosure"] = [str(low), str(low + (high - low) / 10**3)]


def _other_sign(c):
    _row(c)["enclosure"] = ["-1e9", "1e9"]


def _other_formula(c):
    c["problem"]["program"].append(["add", len(c["problem"]["program"]) - 1])


def _other_domain(c):
    c["problem"]["domain"][0][1] = str(Fraction(c["problem"]["domain"][0][1]) - Fraction(1, 10**9))


def _other_claim(c):
    c["problem"]["sign"] *= -1


def _more_zeros(c):
    c["problem"]["zeros"][0][0] += 1


def _claimed_zero(c):
    _row(c, 0)["form"] = ["zero", 0, 1 if c["problem"]["zeros"][0][1] == 0 else 0]
    c["boxes"] = c["boxes"][:1]
    _row(c)["box"] = deepcopy(c["problem"]["domain"])


def _unknown_form(c):
    _row(c)["form"] = ["trust me"]


def _few_bits(c):
    c["bits"] = 2


TAMPERED = [
    _widen_box,
    _shift_box,
    _drop_box,
    _repeat_box,
    _narrow_enclosure,
    _other_sign,
    _other_formula,
    _other_domain,
    _other_claim,
    _more_zeros,
    _unknown_form,
    _few_bits,
]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_tampered_certificates_are_rejected(proved, tamper):
    inequality, certificate = proved
    changed = deepcopy(certificate)
    tamper(changed)
    with pytest.raises(CertificateRejected):
        check_inequality(inequality.as_problem(), changed)


def test_a_zero_the_claim_does_not_have_is_rejected():
    inequality = TRUE["away from zero"]
    changed = json.loads(json.dumps(prove(inequality)))
    _claimed_zero(changed)
    with pytest.raises(CertificateRejected, match="no known zero"):
        check_inequality(inequality.as_problem(), changed)


def test_the_certificate_of_another_claim_is_rejected(proved):
    _, certificate = proved
    other = Inequality(x + 1, {x: (0, 1)}, 1)
    with pytest.raises(CertificateRejected, match="another problem"):
        check_inequality(other.as_problem(), certificate)


def test_boundaries_are_bracketed():
    inequality = Inequality(x**2 - HALF, {x: (0, 1)}, 1)
    certificate = json.loads(json.dumps(bracket(inequality)))
    low, high = check_bracket(inequality.as_problem(), certificate)
    assert high - low <= Fraction(1, 10**12)
    assert low**2 < Fraction(1, 2) < high**2
    for tamper in (["0", "1"], [str(high), str(high + Fraction(1, 10**13))], ["3/2", "3/2"]):
        with pytest.raises(CertificateRejected):
            check_bracket(inequality.as_problem(), {**certificate, "bracket": tamper})
    with pytest.raises(NotProved, match="does not change"):
        bracket(Inequality(x**2 + 1, {x: (0, 1)}, 1))
    with pytest.raises(NotProved, match="no definite sign"):
        bracket(Inequality(x - HALF, {x: (0, 1)}, 1))  # exactly 0 at the first middle


def test_what_balls_cannot_evaluate_is_named():
    with pytest.raises(NotEvaluable, match="gamma"):
        program_of(sp.gamma(x))
    assert {row[0] for row in program_of(sp.asin(x) * sp.pi / sp.sqrt(y))} <= set(OPERATIONS)


def test_text_is_refused_and_not_run() -> None:
    with pytest.raises(NotEvaluable, match="no expression"):
        program_of("1/0")  # type: ignore[arg-type]


POINTS = st.fractions(min_value=Fraction(-1, 2), max_value=Fraction(1, 2), max_denominator=64)
EXPRESSION = (
    sp.asin(x) * sp.exp(-(y**2))
    + sp.erfc(x) / sp.sqrt(2 + y)
    - sp.atan(x * y)
    + sp.erf(y) * sp.erfinv(x)
    + sp.log(2 + x)
    + sp.cos(x) * sp.sin(y)
    + (1 + x**2) ** sp.Rational(-3, 2)
    + sp.E
)


@given(POINTS, POINTS, st.fractions(min_value=0, max_value=Fraction(1, 8), max_denominator=64))
def test_balls_hold_the_value_everywhere_inside(at_x, at_y, radius):
    program = program_of(EXPRESSION)
    with precision():
        wide = value(program, {"x": ball((at_x - radius, at_x + radius)), "y": exact(at_y)})
        for point in (at_x - radius, at_x, at_x + radius):
            at = {x: sp.Rational(point.numerator, point.denominator), y: sp.Rational(at_y.numerator, at_y.denominator)}
            digits = sp.N(EXPRESSION.subs(at), 30)
            assert wide.overlaps(arb(str(digits), "1e-28"))


def test_taylor_coefficients_are_the_derivatives():
    at = {x: sp.Rational(1, 5), y: sp.Rational(1, 3)}
    with precision():
        found = taylor(program_of(EXPRESSION), {"x": exact(Fraction(1, 5)), "y": exact(Fraction(1, 3))}, "x", 4)
    for order, coefficient in enumerate(found):
        expected = sp.N(sp.diff(EXPRESSION, x, order).subs(at) / sp.factorial(order), 30)
        assert coefficient.overlaps(arb(str(expected), "1e-27"))
        assert coefficient.rad() < 1e-30


# --- least values -------------------------------------------------------------------------------------

LEAST = Inequality((y - x / 2) ** 2 + x**2 - sp.Rational(1, 3), {x: (0, 1)}, 1)  # 0 at x = 1/√3, y = x/2
LEAST_PROBLEM = LEAST.as_problem() | {"over": "y"}


def test_a_least_value_that_turns_positive_is_bracketed():
    certificate = json.loads(json.dumps(bracket_of_minimum(LEAST, y)))
    low, high = check_bracket_of_minimum(LEAST_PROBLEM, certificate)
    assert low**2 < Fraction(1, 3) < high**2
    assert high - low <= Fraction(1, 10**12)


def _moved_up(c):
    c["bracket"] = [str(Fraction(end) + Fraction(1, 10**10)) for end in c["bracket"]]


def _moved_down(c):
    c["bracket"] = [str(Fraction(end) - Fraction(1, 10**10)) for end in c["bracket"]]


def _not_at_the_minimum(c):
    c["at"][1] = "1/4"


def _outside_the_interval(c):
    c["at"][0] = "1"


def _one_place(c):
    c["at"] = c["at"][:1]


def _over_another(c):
    c["problem"]["over"] = "z"


def _wide_bracket(c):
    c["bracket"] = ["1/2", "3/5"]


@pytest.mark.parametrize(
    "tamper",
    [
        _moved_up,
        _moved_down,
        _not_at_the_minimum,
        _outside_the_interval,
        _one_place,
        _over_another,
        _wide_bracket,
        _few_bits,
    ],
)
def test_tampered_least_values_are_rejected(tamper):
    changed = json.loads(json.dumps(bracket_of_minimum(LEAST, y)))
    tamper(changed)
    with pytest.raises(CertificateRejected):
        check_bracket_of_minimum(LEAST_PROBLEM, changed)


def test_a_least_value_that_stays_negative_is_not_bracketed():
    with pytest.raises(NotProved, match="does not turn positive"):
        bracket_of_minimum(Inequality(LEAST.expression, {x: (0, sp.Rational(1, 2))}, 1), y)


# --- systems ------------------------------------------------------------------------------------------

c = sp.Symbol("c")
CIRCLE = ZeroOfSystem(
    (x**2 + y**2 - c, x - y),
    {x: (sp.Rational(69, 100), sp.Rational(72, 100)), y: (sp.Rational(69, 100), sp.Rational(72, 100))},
    {c: (sp.Rational(999, 1000), sp.Rational(1001, 1000))},
)


def test_a_zero_is_enclosed_for_all_parameters():
    certificate = json.loads(json.dumps(enclose_zero(CIRCLE)))
    assert check_unique_zero(CIRCLE.as_problem(), certificate) == 2


def _other_system(c):
    c["problem"]["programs"][0].append(["add", 0])


def _wider_parameters(c):
    c["problem"]["ranges"][0] = ["0", "2"]


def _center_outside(c):
    c["center"][0] = "2"


def _wrong_size(c):
    c["preconditioner"] = c["preconditioner"][:1]


def _useless_preconditioner(c):
    c["preconditioner"] = [["1", "0"], ["0", "1"]]


@pytest.mark.parametrize(
    "tamper",
    [_other_system, _wider_parameters, _center_outside, _wrong_size, _useless_preconditioner, _few_bits],
)
def test_tampered_zeros_are_rejected(tamper):
    changed = json.loads(json.dumps(enclose_zero(CIRCLE)))
    tamper(changed)
    with pytest.raises(CertificateRejected):
        check_unique_zero(CIRCLE.as_problem(), changed)


@pytest.mark.parametrize(
    "system",
    [
        ZeroOfSystem((x**2 + y**2 + c, x - y), CIRCLE.box, CIRCLE.parameters),  # no zero
        ZeroOfSystem(CIRCLE.equations, {x: (-1, 1), y: (-1, 1)}, CIRCLE.parameters),  # two
        ZeroOfSystem(CIRCLE.equations, CIRCLE.box, {c: (0, 2)}),  # zeros that leave the box
    ],
)
def test_false_statements_about_zeros_are_not_certified(system):
    with pytest.raises((CertificateRejected, NotProved)):
        check_unique_zero(system.as_problem(), json.loads(json.dumps(enclose_zero(system))))


def test_a_singular_jacobian_is_named():
    with pytest.raises(NotProved, match="singular"):
        enclose_zero(ZeroOfSystem((x**2, y**2), {x: (-1, 1), y: (-1, 1)}, {}))
