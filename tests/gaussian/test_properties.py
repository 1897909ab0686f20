"""What the integrals must satisfy for every covariance, and their limits: pruned, coincident, independent units."""

from dataclasses import replace
from functools import cache

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given

from divprune_sym.gaussian import ERF, G, U, expectation, integral
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.testing import Conditioning, covariance_values, covariances, exact

pytestmark = pytest.mark.slow(12)

J2, I2, I3, I4 = (integral(name, ERF).closed_form for name in ("J2", "I2", "I3", "I4"))


def at(expression, C, fields):
    """The value where the fields named in the formula are rows `fields` of C, e.g. {"a": 0, "b": 0}."""
    rows = list(fields.values())
    return exact(expression, covariance_values(C[np.ix_(rows, rows)], list(fields)))


def assert_close(value, expected, scale=1.0):
    with mp.workdps(60):
        assert abs(value - expected) <= mp.mpf(10) ** -50 * (scale + abs(expected))


@given(covariances(2))
def test_I2_and_J2_are_symmetric(C):
    assert_close(at(I2, C, {"a": 0, "b": 1}), at(I2, C, {"a": 1, "b": 0}))
    assert_close(at(J2, C, {"i": 0, "k": 1}), at(J2, C, {"i": 1, "k": 0}))


@given(covariances(4))
def test_I4_is_symmetric_in_its_slopes_and_in_its_activations(C):
    value = at(I4, C, {"i": 0, "k": 1, "a": 2, "b": 3})
    assert_close(at(I4, C, {"i": 1, "k": 0, "a": 2, "b": 3}), value)
    assert_close(at(I4, C, {"i": 0, "k": 1, "a": 3, "b": 2}), value)


@given(covariances(3))
def test_I3_is_linear_in_its_linear_field(C):
    """Field y replaced by 3y − u_i gives 3 I3(i, y, a) − I3(i, i, a)."""
    mixed = np.array([[1.0, 0.0, 0.0], [-1.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
    names = {"i": 0, "y": 1, "a": 2}
    values = covariance_values(C, "iya")
    with mp.workdps(60):
        exactly = mp.matrix(mixed) * mp.matrix(C) * mp.matrix(mixed).T
        values |= {f"C_{p}{q}": exactly[names[p], names[q]] for p, q in ("iy", "ay", "yy")}
        expected = 3 * at(I3, C, names) - at(I3, C, {"i": 0, "y": 0, "a": 2})
        assert_close(exact(I3, values), expected, scale=np.sqrt(C[0, 0] + C[1, 1]))


@given(covariances(4))
def test_cauchy_schwarz_and_bounds(C):
    slack = 1 + mp.mpf(10) ** -50
    with mp.workdps(60):
        for formula, first, second in ((I2, "a", "b"), (J2, "i", "k")):
            own = [at(formula, C, {first: n, second: n}) for n in (0, 1)]
            assert at(formula, C, {first: 0, second: 1}) ** 2 <= own[0] * own[1] * slack
        mixed = at(I4, C, {"i": 0, "k": 1, "a": 2, "b": 3})
        own = [at(I4, C, {"i": i, "k": i, "a": a, "b": a}) for i, a in ((0, 2), (1, 3))]
        assert mixed**2 <= own[0] * own[1] * slack
        slopes = at(J2, C, {"i": 0, "k": 1})
        assert 0 < slopes <= 2 / mp.pi
        assert abs(mixed) <= slopes
        linear = at(I3, C, {"i": 0, "y": 1, "a": 2})
        assert linear**2 <= at(J2, C, {"i": 0, "k": 0}) * C[1, 1] * slack


def test_price_rule_holds_for_the_result():
    """∂I2/∂C_ab = J2(a, b), and I2 = 0 at C_ab = 0."""
    renamed = {"i": "a", "k": "b"}
    slopes = J2.subs({covariance_symbol(p, q): covariance_symbol(renamed[p], renamed[q]) for p in "ik" for q in "ik"})
    C_ab = covariance_symbol("a", "b")
    assert sp.simplify(sp.diff(I2, C_ab) - slopes) == 0
    assert I2.subs(C_ab, 0) == 0


@pytest.mark.parametrize(("name", "unit"), [("I2", "a"), ("I3", "a"), ("I4", "a"), ("I4", "b"), ("I3", "y")])
def test_a_pruned_unit_drops_out(name, unit):
    """u → √e u with e → 0: the value is 0 and the slope in √e is that of g(u) ≈ √(2/π) u."""
    derivation = integral(name, ERF)
    fields = derivation.term.covariance.fields
    C = np.eye(len(fields)) + 0.25 + 0.125 * np.outer(range(len(fields)), range(len(fields)))

    def scaled(shrink):
        scale = np.diag([shrink if field == unit else 1.0 for field in fields])
        return exact(derivation.closed_form, covariance_values(scale @ C @ scale, fields))

    assert scaled(0.0) == 0
    factors = [U(unit) if factor == G(unit) else factor for factor in derivation.term.factors]
    gain = 1 if U(unit) in derivation.term.factors else mp.sqrt(2 / mp.pi)
    linearized = gain * exact(expectation(factors, ERF).closed_form, covariance_values(C, fields))
    assert float(scaled(2.0**-40) * 2**40) == pytest.approx(float(linearized), rel=1e-14)


def test_the_slope_of_a_pruned_unit_is_that_of_g_at_zero():
    C = np.array([[0.0, 0.0], [0.0, 2.0]])
    single = expectation([G("k", 1)], ERF).closed_form
    assert_close(at(J2, C, {"i": 0, "k": 1}), mp.sqrt(2 / mp.pi) * exact(single, {"C_kk": 2.0}), scale=mp.mpf(10) ** 35)


@pytest.mark.parametrize(
    ("name", "copy", "original"),
    [
        ("J2", "k", "i"),
        ("I2", "b", "a"),
        ("I3", "a", "i"),
        ("I3", "y", "i"),
        ("I4", "k", "i"),
        ("I4", "b", "a"),
        ("I4", "a", "i"),
    ],
)
@given(C=covariances(4, conditioning=Conditioning.WELL))
def test_coincident_units(name, copy, original, C):
    """A formula for two fields, evaluated where they are one, is the formula derived for that one field."""
    formula, derived, rows = merged(name, copy, original)
    value = at(formula, C, rows | {copy: rows[original]})
    own = {field: row for field, row in rows.items() if field != copy}
    assert_close(at(derived, C, own), value)


@cache
def merged(name, copy, original):
    """The formula of an integral, the formula derived with `copy` renamed to `original`, the row of each field."""
    derivation = integral(name, ERF)
    factors = [
        replace(factor, field=original) if factor.field == copy else factor for factor in derivation.term.factors
    ]
    rows = {field: row for row, field in enumerate(derivation.term.covariance.fields)}
    return derivation.closed_form, expectation(factors, ERF).closed_form, rows


@given(C=covariances(4, conditioning=Conditioning.WELL))
def test_independent_units_factorize(C):
    C = C.copy()
    C[:2, 2:] = C[2:, :2] = 0.0
    pair = {"i": 0, "k": 1}
    assert at(I2, C, {"a": 0, "b": 2}) == 0
    assert at(I3, C, {"i": 0, "y": 1, "a": 2}) == 0
    assert at(I3, C, {"i": 0, "y": 2, "a": 1}) == 0
    with mp.workdps(60):
        product = at(J2, C, pair) * at(I2, C, {"a": 2, "b": 3})
        assert_close(at(I4, C, pair | {"a": 2, "b": 3}), product)
        single = expectation([G("i", 1)], ERF).closed_form
        apart = at(single, C, {"i": 0}) * at(single, C, {"i": 2})
        assert_close(at(J2, C, {"i": 0, "k": 2}), apart)
