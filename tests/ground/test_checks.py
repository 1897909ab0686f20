"""Checks at the door: what they let through, what they refuse, and in which words."""

import numpy as np
import pytest

from divprune_sym.ground.checks import (
    EPS,
    BadInput,
    BadShape,
    NotPositiveSemidefinite,
    NotSymmetric,
    integer,
    number,
    psd_cutoff,
    real_array,
    refuse_negative,
    symmetric,
)


@pytest.mark.parametrize("error", [BadShape, NotSymmetric, NotPositiveSemidefinite])
def test_every_refusal_is_a_value_error(error):
    assert issubclass(error, BadInput)
    assert issubclass(BadInput, ValueError)


# --- arrays -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [[[1, 2]], ((1.5, -2.0),), np.array([[True, False]]), np.ones((1, 2), np.float32), np.ones((1, 2), np.uint8)],
    ids=str,
)
def test_real_arrays_are_copied_as_float64(value):
    array = real_array("x", value, (None, 2))
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, value)
    assert not np.shares_memory(array, np.asarray(value))


@pytest.mark.parametrize(
    "value", ["1", [[1, 2], [3]], [1j], [None], [10**400], ["1", "2"], np.array(["2020-01-01"], "M8[D]")], ids=str
)
def test_what_is_no_array_of_real_numbers_is_refused(value):
    with pytest.raises(BadInput, match=r"^x: expected a rectangular array of real numbers$"):
        real_array("x", value, (None,))


@pytest.mark.parametrize(
    ("value", "shape", "message"),
    [
        ([1, 2, 3], (2,), r"^x: shape \(3,\), expected \(2\)$"),
        ([1, 2, 3], (None, 3), r"^x: shape \(3,\), expected \(any, 3\)$"),
        ([[1, 2, 3]], (None,), r"^x: shape \(1, 3\), expected \(any\)$"),
        (1.0, (None,), r"^x: shape \(\), expected \(any\)$"),
        ([[1, 2]], (2, 2), r"^x: shape \(1, 2\), expected \(2, 2\)$"),
    ],
)
def test_other_shapes_are_refused(value, shape, message):
    with pytest.raises(BadShape, match=message):
        real_array("x", value, shape)


def test_an_entry_that_is_not_finite_is_pointed_at():
    with pytest.raises(BadInput, match=r"^x: nan at index \(1, 0\); every entry must be finite$"):
        real_array("x", [[0, 1], [np.nan, np.inf]], (2, 2))
    with pytest.raises(BadInput, match=r"^x: -inf at index \(0,\)"):
        real_array("x", [-np.inf], (1,))


# --- numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)], ids=repr)
def test_numbers_in_range_pass(value):
    result = number("x", value, 0, 1)
    assert result == value
    assert type(result) is float


@pytest.mark.parametrize("value", [True, np.True_, "1", None, [1.0], 1j, np.array(1.0)], ids=repr)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(BadInput, match=r"^x: expected a number, got"):
        number("x", value)


@pytest.mark.parametrize("value", [-1e-9, 1.5, np.nan, np.inf, -np.inf, 10**400], ids=str)
def test_numbers_out_of_range_are_refused_with_the_limits(value):
    with pytest.raises(BadInput, match=r"^x = .*: must lie in \[0, 1\]$"):
        number("x", value, 0, 1)


def test_infinity_is_refused_without_limits_too():
    with pytest.raises(BadInput, match=r"^x = inf: must lie in \[-inf, inf\]$"):
        number("x", np.inf)


@pytest.mark.parametrize("value", [2, 5, np.int32(3)], ids=repr)
def test_integers_in_range_pass(value):
    result = integer("n", value, 2, 5)
    assert result == value
    assert type(result) is int


@pytest.mark.parametrize("value", [True, 2.0, "2", None, np.float64(2)], ids=repr)
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(BadInput, match=r"^n: expected an integer, got"):
        integer("n", value, 0)


def test_integers_out_of_range_are_refused_with_the_limits():
    with pytest.raises(BadInput, match=r"^n = 1: must be between 2 and 5$"):
        integer("n", 1, 2, 5)
    with pytest.raises(BadInput, match=r"^n = 6: must be between 2 and 5$"):
        integer("n", 6, 2, 5)
    with pytest.raises(BadInput, match=r"^n = 1: must be at least 2$"):
        integer("n", 1, 2)


# --- matrices -----------------------------------------------------------------------------------------


def test_rounding_is_no_asymmetry_and_is_averaged_away():
    slightly = np.array([[1.0, 0.3], [0.3 + 4 * EPS, 2.0]])
    result = symmetric("Q", slightly)
    np.testing.assert_array_equal(result, result.T)
    np.testing.assert_allclose(result, slightly, rtol=0, atol=4 * EPS)


def test_asymmetry_is_refused_and_pointed_at():
    matrix = np.eye(3)
    matrix[0, 2] = 1e-6
    with pytest.raises(NotSymmetric, match=r"^Q: not symmetric, \[0, 2\] = 1e-06 but \[2, 0\] = 0$"):
        symmetric("Q", matrix)


def test_symmetry_is_judged_relative_to_the_largest_entry():
    gap = np.array([[0.0, 1.0], [0.0, 0.0]])
    for scale in (1e-200, 1.0, 1e200):
        symmetric("Q", scale * (np.ones((2, 2)) + 8 * EPS * gap))
        with pytest.raises(NotSymmetric):
            symmetric("Q", scale * (np.ones((2, 2)) + 64 * EPS * gap))


def test_zero_and_empty_matrices_are_symmetric():
    assert symmetric("Q", np.zeros((2, 2))).shape == (2, 2)
    assert symmetric("Q", np.zeros((0, 0))).shape == (0, 0)


def test_the_cutoff_is_numpys():
    """N ε λ_max, as in `numpy.linalg.matrix_rank`."""
    assert psd_cutoff(np.array([0.5, -4.0, 1.0])) == 3 * EPS * 4.0
    assert psd_cutoff(np.array([])) == 0.0


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_eigenvalues_below_rounding_are_refused(scale):
    largest = np.array([1.0, 0.5])
    refuse_negative("Q", scale * np.array([*largest, -2 * EPS]))
    with pytest.raises(NotPositiveSemidefinite, match=r"^Q: not positive semi-definite, eigenvalue -.*at N = 3"):
        refuse_negative("Q", scale * np.array([*largest, -4 * EPS]))


def test_no_eigenvalues_are_fine():
    refuse_negative("Q", np.array([]))
    refuse_negative("Q", np.zeros(2))
