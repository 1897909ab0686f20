"""The prover says yes to identities, and never to anything that numbers refute."""

from __future__ import annotations

import contextlib
import time
from threading import Event

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from divprune_sym.formulas.definitions import read
from divprune_sym.formulas.evaluate import NotReal, NoValue, value
from divprune_sym.formulas.points import random_points
from divprune_sym.formulas.proof import proves_zero
from divprune_sym.gaussian import ERF
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.ground.work import Stopped, within

A, B, C = (covariance_symbol(*pair) for pair in ("aa", "bb", "ab"))
FIELDS = ("a", "b")


@pytest.mark.parametrize(
    "identity",
    [
        sp.sqrt((1 + A) * (1 + B)) - sp.sqrt(1 + A) * sp.sqrt(1 + B),
        sp.sqrt(1 + A) * sp.sqrt(1 + B - C**2 / (1 + A)) - sp.sqrt((1 + A) * (1 + B) - C**2),
        sp.sqrt(A * (1 + B)) / sp.sqrt(A) - sp.sqrt(1 + B),
        1 / (sp.sqrt(2) + 1) - sp.sqrt(2) + 1,
        sp.sqrt(A + sp.pi / 2) - sp.sqrt(2 * A + sp.pi) / sp.sqrt(2),
        sp.sqrt(12 * A) - 2 * sp.sqrt(3) * sp.sqrt(A),
        sp.sqrt(1 + 2 * A + A**2) - 1 - A,
        sp.asin(C / sp.sqrt(1 + A)) + sp.asin(-C / sp.sqrt(1 + A)),
        sp.atan(C / sp.sqrt((1 + A) * (1 + B) - C**2)) - sp.asin(C / sp.sqrt((1 + A) * (1 + B))),
        sp.acos(C) + sp.asin(C) - sp.pi / 2,
        sp.atan2(C, sp.sqrt(A * B - C**2)) - sp.asin(C / sp.sqrt(A * B)),
        sp.Max(A, B) + sp.Min(A, B) - A - B,
        sp.Max(C, -C) - sp.Abs(C),
        sp.atan2(C, sp.sqrt(A * B - C**2)) + sp.acos(C / sp.sqrt(A * B)) - sp.pi / 2,
        sp.cosh(C) - (sp.exp(C) + sp.exp(-C)) / 2,
        sp.cosh(2 * C) - 2 * sp.cosh(C) ** 2 + 1,
        sp.exp(-A / 2) * sp.exp(A) - sp.exp(A / 2),
    ],
    ids=str,
)
def test_identities(identity):
    assert proves_zero(identity, FIELDS)


@pytest.mark.parametrize(
    "other",
    [
        sp.sqrt(C**2) - C,
        sp.sqrt(A**2 * C**2) - A * C,
        sp.sqrt((A - B) ** 2) - (A - B),
        sp.sqrt(C) * sp.sqrt(A) + sp.sqrt(A * C),
        sp.asin(C) - C,
        sp.atan2(A, C) - sp.atan(A / C),
        sp.Max(A, C) - A,
        sp.Min(A, B) - A,
        sp.atan2(C, 1 / C) - sp.atan(C**2),
        sp.atan2(C, -sp.sqrt(A)) - sp.atan(-C / sp.sqrt(A)),
        sp.asin(C) - sp.asin(2 * C),
        sp.acos(C) - sp.acos(-C),
        sp.exp(C) - sp.exp(-C),
        sp.sqrt(2) - sp.sqrt(3),
        sp.pi - 3,
        sp.pi - sp.E,
        A - B,
    ],
    ids=str,
)
def test_what_is_no_identity_is_not_proved(other):
    assert not proves_zero(other, FIELDS)


LEAVES = st.sampled_from(
    [A, B, C, sp.Integer(1), sp.Integer(2), 1 + A, (1 + A) * (1 + B) - C**2, sp.sqrt(1 + A), sp.pi]
)


def grow(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]),
        pairs.map(lambda p: p[0] * p[1]),
        pairs.map(lambda p: p[0] - p[1]),
        inner.map(sp.sqrt),
        inner.map(sp.asin),
        inner.map(lambda e: e**2),
        inner.map(lambda e: 1 / (1 + e**2)),
    )


@given(st.recursive(LEAVES, grow, max_leaves=5), st.recursive(LEAVES, grow, max_leaves=5))
def test_what_is_proved_is_true(left, right):
    """Most pairs differ; the squared radicals and sums of equals that do not are proved rightly."""
    if not within(1.0, lambda: proves_zero(left - right, FIELDS)):
        return
    for point in random_points(FIELDS, 3):
        try:
            gap = value(left - right, point.entries, 60)
        except (NoValue, NotReal):
            continue
        assert abs(gap) < 1e-30


@settings(max_examples=25)
@given(st.recursive(LEAVES, grow, max_leaves=3))
def test_roots_of_squares_are_magnitudes(expression):
    """√(e²) = e is false wherever e is negative: it must not be proved unless e has one sign."""
    proved = within(1.0, lambda: proves_zero(sp.sqrt(sp.expand(expression**2)) - expression, FIELDS))
    for point in random_points(FIELDS, 4) if proved else ():
        try:
            assert value(expression, point.entries, 60) >= 0
        except (NoValue, NotReal):
            continue


def test_conditions_are_taken_for_granted():
    difference = sp.sqrt((2 * A - 1) ** 2) - (2 * A - 1)
    assert not proves_zero(difference, FIELDS)
    assert proves_zero(difference, FIELDS, [sp.Gt(2 * A - 1, 0)])
    # the square of a polynomial is positive, and says nothing of its sign
    assert not proves_zero(difference, FIELDS, [sp.Gt((2 * A - 1) ** 2, 0)])


@pytest.mark.parametrize("order", ["i,k,a,b", "k,i,b,a", "k,i,a,b"])
def test_I4_in_any_order_of_its_fields(order):
    read_both = read(f"I4({order})", "I4", ERF)
    assert proves_zero(read_both.formula - read_both.definition, read_both.fields)


def test_work_that_overhears_that_its_time_is_up_is_told_again():
    ended = Event()

    def work():
        for _ in range(2):
            with contextlib.suppress(Stopped):
                while True:
                    time.sleep(0.01)
        ended.set()

    assert within(0.05, work) is None
    assert ended.wait(30)
