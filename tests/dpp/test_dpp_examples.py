"""The examples in the docstrings of dpp print what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import iter_modules

import pytest

import divprune_sym.dpp

MODULES = [module.name for module in iter_modules(divprune_sym.dpp.__path__) if not module.name.startswith("_")]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    assert doctest.testmod(import_module(f"divprune_sym.dpp.{name}")).failed == 0


def test_every_public_function_has_an_example():
    finder = doctest.DocTestFinder()
    for name in divprune_sym.dpp.__all__:
        found = getattr(divprune_sym.dpp, name)
        if callable(found) and not name.endswith(("Warning", "Mended", "Chains", "Description", "Conditioned")):
            assert any(test.examples for test in finder.find(found, name)), name
