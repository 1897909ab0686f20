"""Compiled kernels stay within the rounding bound derived from their formula, and the bound has teeth."""

import math

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from sympy import sympify

from divprune_sym.codegen import scalar_kernel
from divprune_sym.gaussian import ERF, INTEGRALS, integral
from divprune_sym.testing import (
    Conditioning,
    assert_within_rounding,
    covariance_values,
    covariances,
    exact,
    rounding_bound,
)

pytestmark = pytest.mark.slow(18)

FIELDS = {"J2": "ik", "I2": "ab", "I3": "iya", "I4": "ikab"}
x, y, z = sp.symbols("x y z", real=True)


@pytest.fixture(scope="module", params=list(INTEGRALS))
def compiled(request):
    """A closed form, its fields, and its kernel as a function of the values by name."""
    expression = integral(request.param, ERF).closed_form
    kernel, names = scalar_kernel(expression)
    return expression, FIELDS[request.param], lambda values: kernel(*[values[name] for name in names])


@pytest.mark.parametrize("conditioning", Conditioning)
@given(data=st.data())
def test_kernels_stay_within_the_bound(compiled, conditioning, data):
    expression, fields, kernel = compiled
    values = covariance_values(data.draw(covariances(len(fields), conditioning=conditioning)), fields)
    assert_within_rounding(kernel(values), expression, values)


@given(data=st.data())
def test_the_bound_is_small_where_the_covariance_is_well_conditioned(compiled, data):
    expression, fields, _ = compiled
    C = data.draw(covariances(len(fields), conditioning=Conditioning.WELL))
    # |I3| is at most √C_yy, the others at most 1
    scale = math.sqrt(C[1, 1]) if fields == "iya" else 1.0
    assert rounding_bound(expression, covariance_values(C, fields)) <= 1e-13 * scale


def typical(fields):
    size = len(fields)
    return covariance_values(np.eye(size) + np.outer(np.arange(1, size + 1), np.arange(1, size + 1)) / 8, fields)


def test_an_error_of_one_in_a_trillion_is_seen(compiled):
    expression, fields, kernel = compiled
    values = typical(fields)
    assert rounding_bound(expression, values) <= 1e-14 * abs(exact(expression, values))
    with pytest.raises(AssertionError, match="rounding bound"):
        assert_within_rounding(kernel(values) * (1 + 1e-12), expression, values)


def test_wrong_formulas_are_seen():
    I3, I4 = (integral(name, ERF).closed_form for name in ("I3", "I4"))
    C_iy, C_ay = sp.symbols("C_iy C_ay", real=True)
    swapped = I3.subs({C_iy: C_ay, C_ay: C_iy}, simultaneous=True)
    for wrong, right, fields in ((swapped, I3, "iya"), (I4 * sp.pi / 2, I4, "ikab")):
        kernel, names = scalar_kernel(wrong)
        values = typical(fields)
        with pytest.raises(AssertionError, match="rounding bound"):
            assert_within_rounding(kernel(*[values[name] for name in names]), right, values)


def test_a_nan_is_never_within_rounding(compiled):
    expression, fields, _ = compiled
    with pytest.raises(AssertionError, match="error nan"):
        assert_within_rounding(math.nan, expression, typical(fields))


def test_a_failure_prints_a_line_that_repeats_it(compiled):
    expression, fields, kernel = compiled
    values = typical(fields)
    with pytest.raises(AssertionError) as failure:
        assert_within_rounding(kernel(values) + 1.0, expression, values)
    message = str(failure.value)
    line = message.splitlines()[-1].removeprefix("reproduce: ")
    with pytest.raises(AssertionError) as again:
        eval(line, {"assert_within_rounding": assert_within_rounding, "sympify": sympify})
    assert str(again.value) == message


FORMULAS = [
    x + y + z,
    x * y * z,
    x**2 - y**2,
    (x + y) ** 3 - z,
    x / y - z / x,
    1 / (x - y),
    x ** sp.Rational(3, 2) * y ** sp.Rational(-1, 2),
    sp.sqrt(x**2 - y**2),
    sp.asin(x / (x + y)),
    sp.asin(x / sp.sqrt(x**2 + y**2)),
    sp.atan(x / y) - sp.pi / 4,
    sp.erf(x - y) * sp.Rational(2, 3),
    sp.exp(x - y) - 1,
]


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
@given(st.tuples(*[st.floats(1e-3, 1e3)] * 3), st.integers(0, 50))
def test_any_formula_stays_within_its_bound(formula, numbers, ulps):
    # Half of the examples bring y within a few ulps of x, where differences cancel.
    near = numbers[0] * (1 + ulps * 2.0**-52) if ulps % 2 else numbers[1]
    values = {"x": numbers[0], "y": near, "z": numbers[2]}
    assume(mp.isfinite(rounding_bound(formula, values)))
    kernel = sp.lambdify([x, y, z], formula, modules="math")
    assert_within_rounding(kernel(**values), formula, values)


@pytest.mark.parametrize(
    ("formula", "values", "why"),
    [
        (sp.sqrt(x - y), {"x": 1.0, "y": 1.0}, "the radicand may round below zero"),
        (1 / (x - y), {"x": 1.0, "y": 1.0}, "division by zero"),
        (1 / (x + y - z), {"x": 1.0, "y": 2.0**-52, "z": 1.0}, "the divisor may round to zero"),
        (sp.asin(x / y), {"x": 3.0, "y": 3.0}, "the argument may round above one"),
        (sp.asin(x), {"x": 1.5}, "outside the domain"),
        (x * y, {"x": 1e200, "y": 1e200}, "overflow"),
        (sp.exp(x * y) * z, {"x": 1e3, "y": 1.0, "z": 0.0}, "overflow on the way"),
    ],
)
def test_no_promise_is_made(formula, values, why):
    assert rounding_bound(formula, values) == mp.inf, why
    with pytest.raises(AssertionError, match=r"rounding bound \+inf"):
        assert_within_rounding(0.0, formula, values)


def test_bounds_worked_out_by_hand():
    unit = 2.0**-53
    assert rounding_bound(x, {"x": 0.1}) == 0
    assert float(rounding_bound(x + y, {"x": 1.0, "y": -1.0})) == pytest.approx(2 * unit, rel=1e-12)
    assert float(rounding_bound(x * y, {"x": 3.0, "y": -2.0})) == pytest.approx(6 * unit, rel=1e-12)
    assert float(rounding_bound(sp.sqrt(x), {"x": 4.0})) == pytest.approx(2 * 2 * unit, rel=1e-12)
    assert float(rounding_bound(sp.erf(x), {"x": 50.0})) == pytest.approx(4 * unit, rel=1e-12)


def test_gradual_underflow_is_counted():
    values = {"x": 3e-200, "y": 7e-130, "z": 2e10}
    kernel = sp.lambdify([x, y, z], x * y * z, modules="math")
    assert kernel(**values) == 0.0 != exact(x * y * z, values)
    assert_within_rounding(kernel(**values), x * y * z, values)


def test_a_function_without_a_bound_is_named():
    with pytest.raises(TypeError, match=r"no rounding bound for sin: sin\(x\)"):
        rounding_bound(sp.sin(x), {"x": 1.0})


def test_exact_gives_the_digits_asked_for():
    """√(x + y) − √x loses 60 digits; its conjugate form loses none."""
    cancelling, stable = sp.sqrt(x + y) - sp.sqrt(x), y / (sp.sqrt(x + y) + sp.sqrt(x))
    values = {"x": 1e30, "y": 1e-30}
    with mp.workdps(80):
        assert abs(exact(cancelling, values) / exact(stable, values) - 1) < mp.mpf(10) ** -60
        assert abs(exact(sp.pi * x, {"x": 1.0}, digits=70) - mp.pi) < mp.mpf(10) ** -69


def test_exact_refuses_a_singular_value():
    with pytest.raises(ArithmeticError, match=r"1/\(x - y\) is singular"):
        exact(1 / (x - y), {"x": 1.0, "y": 1.0})
