"""The package's own names: found when asked for, and not before."""

from __future__ import annotations

from importlib.metadata import version

import pytest

import divprune_sym


@pytest.mark.parametrize("name", divprune_sym.__all__)
def test_every_name_is_there(name):
    assert getattr(divprune_sym, name) is not None
    assert name in dir(divprune_sym)


def test_every_name_is_listed():
    assert {*divprune_sym._WHERE, "__version__"} == set(divprune_sym.__all__)


def test_names_are_those_of_the_submodules():
    from divprune_sym.dynamics.equations import equations_of_motion
    from divprune_sym.gaussian import ERF, expectation, integral
    from divprune_sym.solvers import integrate

    assert divprune_sym.integrate is integrate
    assert divprune_sym.equations_of_motion is equations_of_motion
    assert (divprune_sym.ERF, divprune_sym.expectation, divprune_sym.integral) == (ERF, expectation, integral)
    assert divprune_sym.__version__ == version("divprune-sym")


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="'divprune_sym' has no attribute 'nonsense'"):
        _ = divprune_sym.nonsense
