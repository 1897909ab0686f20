"""The reduction: steps that check themselves, products beyond the four integrals, printing, conditions, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

from divprune_sym.gaussian import (
    ACTIVATIONS,
    COINCIDENT,
    ERF,
    INTEGRALS,
    LINEAR,
    RELU,
    SIGN,
    SINE,
    Activation,
    Diverges,
    G,
    NoClosedForm,
    Term,
    U,
    WrongStep,
    erf,
    expectation,
    hermite,
    integral,
    named_covariance,
    polynomial,
)
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.ground.checks import BadInput, BadShape, NotPositiveSemidefinite, NotSymmetric

pytestmark = pytest.mark.slow(27)

KAPPA = sp.Symbol("kappa", positive=True)
A_SYMBOL = sp.Symbol("A", positive=True)

PRODUCTS = {
    "E[u_a² g'_i g_b]": ([U("a"), U("a"), G("i", 1), G("b")], ERF, None),
    "E[u_a³ g''_i g_b]": ([U("a")] * 3 + [G("i", 2), G("b")], ERF, None),
    "E[g''_i g''_k]": ([G("i", 2), G("k", 2)], ERF, None),
    "E[g'''_i g_a]": ([G("i", 3), G("a")], erf(KAPPA), None),
    "E[g_a g_a]": ([G("a"), G("a")], ERF, None),
    "E[u_a² u_b u_c]": ([U("a"), U("a"), U("b"), U("c")], ERF, None),
    "relu'' is a δ": ([G("i", 2), U("y"), G("a")], RELU, None),
    "relu''' is a δ'": ([G("i", 3), G("a")], RELU, None),
    "sign'' and three linear": ([G("i", 2), G("a"), U("y"), U("i"), U("i")], SIGN, None),
    "sign''' beside a slope": ([G("i", 3), G("a", 1), U("y"), U("i")], SIGN, None),
    "δ and sign of one field": ([G("i", 1), G("i"), G("i"), G("a"), G("b")], SIGN, None),
    "sign³": ([G("a"), G("a"), G("a"), G("b")], SIGN, None),
    "relu² relu": ([G("a"), G("a"), G("b")], RELU, None),
    "waves of four fields": ([G("a"), G("b"), G("c"), G("d")], SINE, None),
    "wave and slope": ([G("a", 1), G("b"), U("y")], SINE, {"b": ERF}),
    "three functions": ([G("a"), G("b"), G("c"), U("y")], ERF, {"b": hermite(2), "c": SINE}),
    "polynomial and kink": ([G("a"), G("b")], polynomial([1, 2, KAPPA, 4]), {"b": RELU}),
    "a gain called A": ([G("a"), G("b")], erf(A_SYMBOL), {"b": SIGN}),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_step_checks_itself(product):
    factors, activation, own = PRODUCTS[product]
    assert expectation(factors, activation, own).check(np.random.default_rng(0)) < 1e-7


@pytest.mark.parametrize("name", [*INTEGRALS, *COINCIDENT])
@pytest.mark.parametrize("student", ACTIVATIONS)
def test_every_step_of_every_integral(student, name):
    try:
        derivation = integral(name, ACTIVATIONS[student])
    except NoClosedForm:
        assert (student, name) in {("relu", "I4"), ("sign", "J2(i,i)"), ("sign", "I4(i,i,a,b)")}
        return
    assert derivation.check(np.random.default_rng(1), points=1) < 1e-7


@pytest.mark.parametrize("student", ["erf", "relu", "sine", "he3"])
def test_a_wrong_step_is_caught_and_shown(student):
    derivation = integral("I3", ACTIVATIONS[student])
    for n, step in enumerate(derivation.steps):
        spurious = Term(sp.Rational(1, 10**5), (), step.before.covariance)
        wrong = replace(step, after=(*step.after, spurious))
        steps = (*derivation.steps[:n], wrong, *derivation.steps[n + 1 :])
        with pytest.raises(WrongStep, match="left side") as caught:
            replace(derivation, steps=steps).check(np.random.default_rng(2), points=1)
        assert str(caught.value).startswith(str(wrong))


def test_a_wrong_sign_an_index_and_a_result_are_caught():
    derivation = integral("I4", ERF)
    ab, ai = covariance_symbol("a", "b"), covariance_symbol("a", "i")
    first = derivation.steps[0]
    swapped = replace(first.after[0].covariance, matrix=first.after[0].covariance.matrix.subs(ab, ai))
    for wrong in (
        replace(derivation, closed_form=-derivation.closed_form),
        replace(derivation, closed_form=derivation.closed_form.subs(ab, ai)),
        replace(derivation, steps=(replace(first, after=(replace(first.after[0], covariance=swapped),)),)),
    ):
        with pytest.raises(WrongStep):
            wrong.check(np.random.default_rng(3), points=1)


def test_conditions_are_those_of_the_closed_form():
    ii, kk, ik = (covariance_symbol(*pair) for pair in ("ii", "kk", "ik"))
    assert [str(c) for c in integral("I2", erf(KAPPA)).conditions] == ["C_aa*kappa**2 + 1 > 0", "C_bb*kappa**2 + 1 > 0"]
    assert [c.lhs for c in integral("J2", SIGN).conditions] == [ii, kk - ik**2 / ii]
    assert integral("I4", SINE).conditions == ()


# --- print --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "derivation",
    [
        integral("I4", ERF),
        integral("I2", RELU),
        integral("I3", SINE),
        integral("I2", hermite(3)),
        integral("I2", SINE, erf(KAPPA)),
        integral("I2", RELU, erf(2 * sp.sqrt(2))),
        integral("I2", polynomial([0, 1], name="my_own"), Activation("other_one", g=lambda u: u**3)),
        expectation([G("i", 3), G("a")], RELU),
    ],
    ids=str,
)
def test_latex_compiles(derivation):
    lines = derivation.latex().splitlines()
    assert len(lines) == len(derivation.steps) + 1
    parser = MathTextParser("path")
    for line in lines:
        assert line.count("{") == line.count("}")
        assert line.count(r"\left") == line.count(r"\right")
        assert not {"*", "_{}", "None", "G(", "Symbol"} & set(line)
        parser.parse(f"${line}$")


def test_text_names_rules_factors_and_conditions():
    text = str(integral("I2", RELU, SIGN))
    assert text.startswith(
        "1. definition: E[g(u_a)·sign(u_b)] = (1/2)·E[u_a·sign(u_b)] + (1/2)·E[u_a·sign(u_a)·sign(u_b)]"
    )
    assert "[C_bb > 0]" in text


def test_a_wave_prints_its_argument():
    assert "E[cos(u_a - u_b)]" in str(integral("I2", SINE))


# --- given covariances --------------------------------------------------------------------------------


def test_numbers_for_the_covariance():
    C = named_covariance("ab", [[1, 0.5], [0.5, 2]])
    assert expectation([G("a"), G("b")], ERF, covariance=C).closed_form == 2 * sp.asin(sp.sqrt(6) / 12) / sp.pi
    assert expectation([G("a"), G("b")], ERF, covariance=C).check(np.random.default_rng(0)) < 1e-9


def test_expressions_for_the_covariance():
    rho = sp.Symbol("rho", real=True)
    C = named_covariance(["first", "second"], sp.Matrix([[1, rho], [rho, 1]]))
    derived = expectation([G("first"), G("second")], SIGN, covariance=C)
    assert sp.simplify(derived.closed_form.subs(rho, sp.Rational(1, 2)) - sp.Rational(1, 3)) == 0


def test_names_of_several_letters_are_kept_apart():
    assert covariance_symbol("a", "bc") != covariance_symbol("ab", "c")
    assert covariance_symbol("a", "b").name == "C_ab"


def test_a_field_without_variance_is_a_constant():
    C = named_covariance("ab", [[0, 0], [0, 1]])
    assert expectation([G("a"), G("b"), U("b")], SINE, {"a": SIGN}, C).closed_form == 0
    assert expectation([G("a", 1), G("b", 1)], SINE, covariance=C).closed_form == sp.exp(-sp.Rational(1, 2))
    with pytest.raises(Diverges, match="a δ function of a field without variance"):
        expectation([G("a", 1)], SIGN, covariance=C)


def test_fields_that_others_fix_diverge():
    C = named_covariance("ab", [[1, 2], [2, 4]])
    with pytest.raises(Diverges, match="that the other slopes fix to 0"):
        expectation([G("a", 1), G("b", 1)], SIGN, covariance=C)


X, Y = sp.symbols("x y", real=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: named_covariance("ab", [[1, 2], [2, 1]]),
            NotPositiveSemidefinite,
            "covariance of a, b: .* eigenvalue -1",
        ),
        (lambda: named_covariance("ab", [[1, 0.2], [0.3, 1]]), NotSymmetric, "C_ba = 0.3 but C_ab = 0.2"),
        (lambda: named_covariance("ab", sp.Matrix([[1, X], [Y, 1]])), NotSymmetric, "C_ba = y but C_ab = x"),
        (
            lambda: named_covariance("ab", sp.Matrix([[-1, X], [X, 1]])),
            NotPositiveSemidefinite,
            "variance of 'a' is -1",
        ),
        (lambda: named_covariance("ab", [[1, 1], [1, 1]]), BadInput, "'a' and 'b' are one field under two names"),
        (lambda: named_covariance("aa", [[1, 0], [0, 1]]), BadInput, "fields: 'a' is given twice"),
        (lambda: named_covariance("ab", np.eye(3)), BadShape, r"shape \(3, 3\), expected \(2, 2\)"),
        (lambda: named_covariance("ab", [[1, np.nan], [0, 1]]), BadInput, r"nan at index \(0, 1\)"),
        (lambda: named_covariance("ab", [[1, "x"], [0, 1]]), BadInput, "array of real numbers"),
        (lambda: named_covariance(["a", "b c"], np.eye(2)), BadInput, "'b c' is no field name"),
        (lambda: expectation([G("a")], ERF, covariance=np.eye(1)), BadInput, "expected a Covariance, got ndarray"),
        (
            lambda: expectation([G("a"), G("c")], ERF, covariance=named_covariance("ab", np.eye(2))),
            BadInput,
            "factors: field 'c': not known; known: a, b",
        ),
        (
            lambda: expectation([G("a")], "erf"),
            BadInput,
            r"activation = 'erf': expected an Activation; activation\(\"erf\"\)",
        ),
        (lambda: expectation(["g(a)"], ERF), BadInput, r"factors\[0\] = 'g\(a\)': expected G"),
        (lambda: expectation([U("a"), G("a", -1)], ERF), BadInput, r"factors\[1\] = .* at least 0"),
        (lambda: expectation([G("a b")], ERF), BadInput, r"factors\[0\]: 'a b' is no field name"),
        (lambda: expectation([G("a")], ERF, {"b": LINEAR}), BadInput, "activations: field 'b': not known; known: a"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, error, message):
    with pytest.raises(error, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)
