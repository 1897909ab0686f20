"""`assert_targets_agree`: the targets there are, and implementations that are wrong in a late digit."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

from divprune_sym.gaussian import ERF, INTEGRALS, integral
from divprune_sym.ground.checks import BadInput
from divprune_sym.testing import Conditioning, assert_targets_agree
from tests.testing.again import refuted

I2 = integral("I2", ERF).closed_form


@pytest.mark.parametrize("name", INTEGRALS)
def test_integrals_agree_on_every_target(name):
    compared = assert_targets_agree(integral(name, ERF).closed_form, max_examples=15)
    assert {"numpy", "compiled", "mpmath", "balls"} <= set(compared)


def my_I2(C_aa, C_ab, C_bb):
    return 2 / math.pi * math.asin(C_ab / math.sqrt((1 + C_aa) * (1 + C_bb)))


def single_precision_I2(C_aa, C_ab, C_bb):
    return float(np.float32(my_I2(C_aa, C_ab, C_bb)))


def last_digits_I2(C_aa, C_ab, C_bb):
    return my_I2(C_aa, C_ab, C_bb) * (1 + 1e-13)


def test_implementations_of_ones_own():
    assert "mine" in assert_targets_agree(I2, extra={"mine": my_I2}, max_examples=20)


@pytest.mark.parametrize("wrong", [single_precision_I2, last_digits_I2])
def test_late_digits_are_seen(wrong):
    def check():
        assert_targets_agree(I2, extra={"mine": wrong}, conditioning=Conditioning.WELL)

    message = refuted(check, **{wrong.__name__: wrong})
    assert message.startswith("mine gives")
    assert f"extra={{'mine': {wrong.__name__}}}" in message


def test_a_target_of_our_own_that_is_wrong_is_seen(monkeypatch):
    from divprune_sym.testing import targets

    honest = targets._numpy
    monkeypatch.setattr(targets, "_numpy", lambda *x: lambda values: honest(*x)(values) * (1 + 1e-12))
    with pytest.raises(AssertionError, match="numpy gives"):
        assert_targets_agree(I2, conditioning=Conditioning.WELL)
    monkeypatch.setattr(targets, "_numpy", honest)
    monkeypatch.setattr(targets, "exact", lambda *x: 2 * sp.N(sp.pi))
    with pytest.raises(AssertionError, match="numpy gives"):
        assert_targets_agree(I2, at={"C_aa": 1.0, "C_ab": 0.5, "C_bb": 1.0})


def test_balls_that_miss_the_value_are_seen(monkeypatch):
    from divprune_sym.claims import programs

    honest = programs.program_of
    monkeypatch.setattr(programs, "program_of", lambda expression: honest(expression * (1 + sp.Rational(1, 10**25))))
    with pytest.raises(AssertionError, match="balls gives nan"):
        assert_targets_agree(I2, conditioning=Conditioning.WELL)


def test_nothing_is_promised_where_the_bound_is_infinite():
    """√(C_aa − C_ab) at C_aa = C_ab: the radicand may round below zero. Every value passes, and none is compared."""
    C_aa, C_ab = sp.symbols("C_aa C_ab", real=True)
    assert_targets_agree(sp.sqrt(C_aa - C_ab), extra={"any": lambda C_aa, C_ab: 7.0}, at={"C_aa": 1.0, "C_ab": 1.0})


def test_names_that_are_no_covariances_are_refused():
    with pytest.raises(BadInput, match="symbol x: expected a covariance"):
        assert_targets_agree(sp.Symbol("x") + 1)
    with pytest.raises(BadInput, match="no covariance"):
        assert_targets_agree(sp.Integer(1))
    assert_targets_agree(sp.Symbol("x") ** 2, at={"x": 0.1})
    with pytest.raises(BadInput, match="at: no value for y"):
        assert_targets_agree(sp.Symbol("x") * sp.Symbol("y"), at={"x": 0.1})


def test_functions_that_code_is_not_generated_for():
    C_ab = sp.Symbol("C_ab", real=True)
    assert set(assert_targets_agree(sp.erf(C_ab), max_examples=10)) & {"numpy", "compiled", "balls"} == {
        "numpy",
        "balls",
    }
    with pytest.raises(TypeError, match="no rounding bound for sin"):
        assert_targets_agree(sp.sin(C_ab))


def test_on_the_cuda_simulator():
    """Numba decides at import: a process of its own."""
    script = """
import sympy as sp
from divprune_sym.gaussian import ERF, integral
from divprune_sym.testing import assert_targets_agree, targets
at = {"C_aa": 1.0, "C_ab": 0.5, "C_bb": 2.0}
assert "cuda" in assert_targets_agree(integral("I2", ERF).closed_form, at=at)
honest = targets._cuda
targets._cuda = lambda expression, names: honest(expression * (1 + sp.Rational(1, 10**12)), names)
try:
    assert_targets_agree(integral("I2", ERF).closed_form, at=at)
except AssertionError as error:
    assert str(error).startswith("cuda gives")
else:
    raise SystemExit("a wrong CUDA kernel passed")
"""
    pytest.importorskip("numba.cuda")
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], env=environment, check=True)
