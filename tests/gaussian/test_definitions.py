"""The closed forms, in 60 digits, against quadrature of the integrals they stand for."""

from functools import cache

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from divprune_sym.gaussian import ERF, INTEGRALS, G, U, expectation, integral
from divprune_sym.testing import Conditioning, covariance_values, covariances, exact
from tests.gaussian import quadrature

pytestmark = pytest.mark.slow(20)

FIELDS = {"J2": "ik", "I2": "ab", "I3": "iya", "I4": "ikab"}
QUADRATURE = {"J2": quadrature.J2, "I2": quadrature.I2, "I3": quadrature.I3, "I4": quadrature.I4}


def closed_form_value(name, C):
    return exact(integral(name, ERF).closed_form, covariance_values(np.array(C), FIELDS[name]))


def digits_shared(value, reference):
    return float(-mp.log10(abs(value / reference - 1) + mp.mpf(10) ** -17))


def well_conditioned(size, seed):
    rng = np.random.default_rng(seed)
    rows = np.hstack([np.eye(size), rng.normal(0.5, 0.5, (size, 2))])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    deviations = 10 ** rng.uniform(-0.5, 0.5, size)
    return symmetric(rows @ rows.T * np.outer(deviations, deviations))


def symmetric(C):
    return np.triu(C) + np.triu(C, 1).T


def groups_of_copies(group, gap, deviations, between=0.6):
    """Fields of one group correlate by 1 − gap; a negative deviation turns a copy into the opposite."""
    same = np.equal.outer(list(group), list(group))
    correlation = (1 - gap) * np.where(same, 1.0, between) + gap * np.eye(len(group))
    return symmetric(correlation * np.outer(deviations, deviations))


@cache
def reference(name, seed):
    """The integral at a well-conditioned covariance, by quadrature."""
    return QUADRATURE[name](well_conditioned(len(FIELDS[name]), seed))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", INTEGRALS)
def test_well_conditioned(name, seed):
    C = well_conditioned(len(FIELDS[name]), seed)
    assert digits_shared(reference(name, seed), closed_form_value(name, C)) >= 12


# group of each field, 1 − |correlation| inside a group, standard deviations
HARD = {
    "J2": [
        ("xx", 1e-6, (1, 1)),
        ("xx", 1e-10, (0.3, 2)),
        ("xx", 1e-10, (1e6, -1e6)),
        ("xx", 1e-8, (1e6, 0.1)),
        ("xy", 0, (1e6, 3e5)),
        ("xx", 0, (5, 5)),
    ],
    "I2": [
        ("xx", 1e-6, (1, 1)),
        ("xx", 1e-10, (0.3, 2)),
        ("xx", 1e-10, (1e6, -1e6)),
        ("xx", 1e-8, (1e6, 0.1)),
        ("xy", 0, (1e6, 3e5)),
        ("xx", 0, (5, 5)),
    ],
    "I3": [
        ("xxy", 1e-6, (1, 1, 1)),
        ("xyy", 1e-10, (0.3, 2, 5)),
        ("xxx", 1e-10, (1, 2, 3)),
        ("xyy", 1e-10, (1e6, 1e6, -1e6)),
        ("xyz", 0, (1e6, 3e5, 1e6)),
        ("xyy", 1e-9, (2, 1e6, 1e3)),
        ("xyx", 1e-8, (1e6, 2, 1e6)),
    ],
    "I4": [
        ("xxyy", 1e-6, (1, 1, 1, 1)),
        ("xyzz", 1e-10, (0.3, 2, 1, 5)),
        ("xxyz", 1e-10, (2, -1, 1, 0.5)),
        ("xyzz", 1e-10, (1e6, 1e6, 1e6, -1e6)),
        ("xyzw", 0, (1e6, 3e5, 1e6, 1e5)),
        ("xxyy", 1e-9, (1e6, 1e3, 1e6, 1e6)),
        ("xyxy", 1e-8, (1, 2, 1e6, 1e6)),
    ],
}


@pytest.mark.parametrize(
    ("name", "group", "gap", "deviations"),
    [(name, *case) for name, cases in HARD.items() for case in cases],
)
def test_near_singular_and_large(name, group, gap, deviations):
    C = groups_of_copies(group, gap, deviations)
    assert digits_shared(QUADRATURE[name](C), closed_form_value(name, C)) >= 12


@pytest.mark.parametrize("conditioning", Conditioning)
@pytest.mark.parametrize("name", ["J2", "I2", "I3"])
@given(data=st.data())
@settings(max_examples=15)
def test_any_covariance(name, conditioning, data):
    """Twelve digits of the largest value the integral can have: the value itself may be anywhere near zero."""
    C = data.draw(covariances(len(FIELDS[name]), conditioning=conditioning))
    error = abs(QUADRATURE[name](C) - closed_form_value(name, C))
    assert error <= 1e-12 * largest(name, C)


def largest(name, C):
    """Cauchy–Schwarz with |g| ≤ 1: J2 is its own scale, |I2| ≤ 1, I3² ≤ E[g'_i y²] E[g'_i]."""
    if name != "I3":
        return closed_form_value("J2", C) if name == "J2" else 1.0
    spread = expectation([G("i", 1), U("y"), U("y")], ERF).closed_form
    slope = expectation([G("i", 1)], ERF).closed_form
    values = covariance_values(C, FIELDS["I3"])
    return mp.sqrt(exact(spread, values) * exact(slope, values))


@pytest.mark.parametrize("seed", range(2))
def test_the_nested_quadrature_agrees_with_a_grid_in_all_four_variables(seed):
    C = well_conditioned(4, seed) / 10
    values = covariance_values(C, FIELDS["I4"])
    assert quadrature.I4(C) == pytest.approx(quadrature.term_value(integral("I4", ERF).term, values, ERF), rel=1e-12)


def swapped_indices(expression):
    iy, ay = (sp.Symbol(name, real=True) for name in ("C_iy", "C_ay"))
    return expression.subs({iy: ay, ay: iy}, simultaneous=True)


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("I2", lambda e: e * sp.pi / 2),
        ("I3", swapped_indices),
        ("I4", lambda e: e * sp.pi / 2),
        ("J2", lambda e: e.subs(sp.Symbol("C_kk", positive=True), sp.Symbol("C_ii", positive=True))),
    ],
)
def test_a_wrong_formula_would_be_seen(name, mistake):
    C = well_conditioned(len(FIELDS[name]), seed=0)
    wrong = mistake(integral(name, ERF).closed_form)
    value = exact(wrong, covariance_values(C, FIELDS[name]))
    assert digits_shared(reference(name, 0), value) < 3


def test_an_indefinite_matrix_is_no_covariance():
    with pytest.raises(ValueError, match=r"pivot -3\.0 in row 1"):
        quadrature.cholesky([[1, 2], [2, 1]])
