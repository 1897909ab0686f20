"""Every step of every derivation, on its own: the term before equals the sum of the terms after."""

import numpy as np
import pytest
import sympy as sp

from divprune_sym.gaussian import (
    ERF,
    INTEGRALS,
    Activation,
    G,
    NoClosedForm,
    U,
    expectation,
    integral,
    rules,
    symbolic_covariance,
)
from divprune_sym.gaussian.term import Term
from divprune_sym.testing import covariance_values, exact
from tests.gaussian.quadrature import term_value

RELU = Activation("relu", g=lambda u: sp.Max(u, 0))
TANH = Activation("tanh", g=sp.tanh)
WIDE_ERF = Activation("wide erf", g=sp.erf)

OTHER_EXPECTATIONS = [
    (G("a", 2), G("b")),
    (G("a", 3), G("b", 1)),
    (G("a", 2), G("a"), U("y")),
    (U("y"), U("z"), G("a"), G("b")),
    (U("y"), U("y"), G("i", 1)),
    (G("i", 1), G("k", 1), G("j", 1)),
    (G("i", 1), U("i"), G("i")),
    (G("i", 1), G("i", 1), G("a"), G("b")),
    (G("a"), G("a")),
    (U("y"), U("y")),
    (U("y"),),
    (G("a"),),
]
DERIVATIONS = [*INTEGRALS.values(), *OTHER_EXPECTATIONS]


def named(factors):
    return "·".join(map(str, factors))


def values_for(term, seed):
    """Random values of the C_ab, and of the symbols A, B, c in which Price's rule works."""
    rng = np.random.default_rng(seed)
    fields = term.covariance.fields
    rows = rng.normal(size=(len(fields), len(fields) + 1)) * 0.3
    return covariance_values(rows @ rows.T, fields) | {"A": 1.7, "B": 1.4, "c": rng.uniform(-0.4, 0.4)}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("factors", DERIVATIONS, ids=named)
def test_before_equals_after(factors, seed):
    derivation = expectation(factors, ERF)
    values = values_for(derivation.term, seed)
    for step in derivation.steps:
        assert all(exact(condition.lhs - condition.rhs, values) > 0 for condition in step.conditions)
        before = term_value(step.before, values, ERF)
        after = sum(term_value(term, values, ERF) for term in step.after)
        assert after == pytest.approx(before, rel=1e-11, abs=1e-14), str(step)


@pytest.mark.parametrize("factors", DERIVATIONS, ids=named)
def test_the_steps_lead_from_the_expectation_to_its_closed_form(factors):
    derivation = expectation(factors, ERF)
    values = values_for(derivation.term, seed=3)
    assert derivation.closed_form.free_symbols <= set(derivation.term.covariance.matrix.free_symbols)
    value = float(exact(derivation.closed_form, values))
    assert value == pytest.approx(term_value(derivation.term, values, ERF), rel=1e-11, abs=1e-14)
    reached = {step.before for step in derivation.steps}
    assert derivation.term in reached
    for step in derivation.steps:
        assert all(not term.factors or term.coefficient == 0 or term in reached for term in step.after)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("J2", ["tilting", "tilting"]),
        ("I2", ["tilting", "tilting", "Price"]),
        ("I3", ["tilting", "Stein", "tilting"]),
        ("I4", ["tilting", "tilting", "tilting", "tilting", "Price"]),
    ],
)
def test_rules_used(name, expected):
    assert [step.rule for step in integral(name, ERF).steps] == expected


def test_a_derivation_prints_its_steps_and_its_result():
    derivation = integral("I3", ERF)
    lines = str(derivation).splitlines()
    assert [line.split(": ")[0] for line in lines[:-1]] == ["1. tilting", "2. Stein", "3. tilting"]
    assert lines[-1] == f"E[g'(u_i)·u_y·g(u_a)] = {derivation.closed_form}"
    assert derivation.latex().count("\n") == 3


@pytest.mark.parametrize(
    ("factors", "activation", "named_factor"),
    [
        ((G("a"), G("b"), G("c"), G("d")), ERF, r"g\(u_a\)·g\(u_b\)·g\(u_c\)·g\(u_d\)\] of erf"),
        ((G("i", 1), G("a"), G("b"), G("c"), G("d")), ERF, r"g\(u_a\)·g\(u_b\)·g\(u_c\)·g\(u_d\)"),
        ((G("i", 1), G("a")), TANH, r"factor g'\(u_i\) of tanh"),
        ((G("a"), G("i", 2)), TANH, r"factor g''\(u_i\) of tanh"),
        ((G("i", 1), G("k", 1)), RELU, r"factor g'\(u_i\) of relu"),
        ((G("a"), G("b")), TANH, r"E\[g\(u_a\)·g\(u_b\)\] of tanh"),
    ],
)
def test_no_closed_form_names_what_stopped_it(factors, activation, named_factor):
    with pytest.raises(NoClosedForm, match=named_factor):
        expectation(factors, activation)


@pytest.mark.parametrize("rule", ["lower_derivative", "tilt", "price"])
def test_rules_refuse_an_activation_whose_slope_is_no_gaussian(rule):
    factors = {"lower_derivative": (G("a", 2),), "tilt": (G("a", 1),), "price": (G("a"), G("b"))}[rule]
    term = Term(sp.Integer(1), factors, symbolic_covariance("ab"))
    argument = None if rule == "price" else factors[0]
    with pytest.raises(ValueError, match=f"{rule}: g' of tanh is no Gaussian"):
        getattr(rules, rule)(term, argument, TANH)


def test_price_refuses_an_antiderivative_that_does_not_vanish_at_independence():
    term = Term(sp.Integer(1), (G("a"), G("b")), symbolic_covariance("ab"))
    with pytest.raises(ValueError, match="no antiderivative found for 1/c"):
        rules.price(term, lambda slopes: 1 / slopes.covariance("a", "b"), ERF)


@pytest.mark.parametrize("name", INTEGRALS)
def test_another_width_of_erf_is_a_change_of_scale(name):
    """erf(u) = g(√2 u): its integrals are those of g at covariance 2C, times √2 for every slope."""
    ours, wide = integral(name, ERF), integral(name, WIDE_ERF)
    values = values_for(ours.term, seed=5)
    doubled = {symbol: 2 * value for symbol, value in values.items()}
    slopes = sum(factor == G(factor.field, 1) for factor in ours.term.factors)
    linear = sum(isinstance(factor, U) for factor in ours.term.factors)
    expected = exact(ours.closed_form, doubled) * 2 ** ((slopes - linear) / 2)
    assert float(exact(wide.closed_form, values)) == pytest.approx(float(expected), rel=1e-14)
