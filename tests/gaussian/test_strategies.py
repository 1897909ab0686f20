"""The covariances offered to users are what their conditioning says."""

import importlib
import sys

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from divprune_sym.testing import Conditioning, covariance_values, covariances

SIZES = st.integers(2, 5)


def correlation(C):
    deviations = np.sqrt(np.diag(C))
    return C / np.outer(deviations, deviations)


def reached(conditioning, size, wanted):
    """An example that satisfies `wanted`, or NoSuchExample."""
    return find(
        covariances(size, conditioning=conditioning),
        wanted,
        settings=settings(database=None, derandomize=True, max_examples=1000),
    )


@pytest.mark.parametrize("conditioning", [None, *Conditioning])
@given(data=st.data())
def test_symmetric_and_positive_semidefinite(conditioning, data):
    size = data.draw(st.integers(1, 5))
    C = data.draw(covariances(size, conditioning=conditioning))
    assert C.shape == (size, size)
    assert C.dtype == np.float64
    assert np.array_equal(C, C.T)
    kept = np.diag(C) > 0
    assert not C[~kept].any()
    assert np.linalg.eigvalsh(correlation(C[np.ix_(kept, kept)])).min(initial=1.0) > -1e-14


@given(SIZES.flatmap(lambda size: covariances(size, conditioning=Conditioning.WELL)))
def test_well_conditioned(C):
    assert np.linalg.eigvalsh(correlation(C)).min() >= 0.1 - 1e-14
    assert np.all((np.diag(C) >= 0.01 - 1e-15) & (np.diag(C) <= 100 + 1e-12))


@given(SIZES.flatmap(lambda size: covariances(size, conditioning=Conditioning.NEAR_SINGULAR)))
def test_near_singular(C):
    off_diagonal = np.abs(correlation(C)[~np.eye(len(C), dtype=bool)])
    assert 1 - off_diagonal.max() >= 0.99e-10
    assert off_diagonal.max() >= 0.9 - 1e-12


def test_near_singular_goes_to_ten_digits():
    C = reached(Conditioning.NEAR_SINGULAR, 2, lambda C: abs(correlation(C)[0, 1]) > 1 - 1e-9)
    assert abs(correlation(C)[0, 1]) < 1


@given(SIZES.flatmap(lambda size: covariances(size, conditioning=Conditioning.SINGULAR)))
def test_singular_matrices_repeat_a_row_or_have_none(C):
    repeats = len(np.unique(C, axis=0)) < len(C)
    assert repeats or not C.any(axis=1).all()


@given(SIZES.flatmap(lambda size: covariances(size, conditioning=Conditioning.LARGE)))
def test_large(C):
    assert np.diag(C).max() <= 1e12 * (1 + 1e-12)


def test_large_goes_to_a_million():
    C = reached(Conditioning.LARGE, 2, lambda C: np.diag(C).max() > 1e11)
    assert C.shape == (2, 2)


@given(SIZES.flatmap(lambda size: covariances(size, conditioning=Conditioning.BLOCK)))
def test_blocks_are_independent(C):
    assert any(not C[:cut, cut:].any() for cut in range(1, len(C)))


def test_examples_shrink_to_the_identity():
    assert np.array_equal(reached(Conditioning.WELL, 3, lambda C: True), np.eye(3))


def test_values_carry_the_names_of_the_symbols():
    values = covariance_values(np.array([[1.0, 2.0], [2.0, 5.0]]), ["k", "a"])
    assert values == {"C_kk": 1.0, "C_ak": 2.0, "C_aa": 5.0}


def test_without_hypothesis_the_import_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "divprune_sym.testing")
    with pytest.raises(ImportError, match=r"pip install 'divprune-sym\[testing\]'"):
        importlib.import_module("divprune_sym.testing")
