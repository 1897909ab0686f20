"""Order parameters: what they hold, what follows from it, and what they refuse."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput, BadShape, NotPositiveSemidefinite, NotSymmetric
from divprune_sym.notation import OrderParameters

K, M, CLASSES = 2, 1, 3


def arrays(**changes):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(CLASSES, K + M, 5))
    overlaps = rows @ np.swapaxes(rows, 1, 2)
    whole = {
        "Q_classes": overlaps[:, :K, :K],
        "R_classes": overlaps[:, :K, K:],
        "T_classes": overlaps[:, K:, K:],
        "v": rng.normal(size=K),
        "A": rng.normal(size=M),
        "mask": np.array([[1, 1], [1, 0], [0, 0]]),
        "fraction": np.array([0.5, 0.25, 0.25]),
        "variance": np.array([1.0, 2.0, 0.0]),
    }
    return whole | changes


def unpruned(**changes):
    given = {"Q": np.eye(2), "R": [[0.1], [0.2]], "T": [[1.0]], "v": [1.0, 2.0], "A": [3.0]}
    return OrderParameters.unpruned(**given | changes)


# --- what they hold -----------------------------------------------------------------------------------


def test_sizes_and_totals():
    given = arrays()
    x = OrderParameters(**given)
    assert (x.K, x.M) == (K, M)
    np.testing.assert_array_equal(x.Q, given["Q_classes"].sum(axis=0))
    np.testing.assert_array_equal(x.R, given["R_classes"].sum(axis=0))
    np.testing.assert_array_equal(x.T, given["T_classes"].sum(axis=0))
    np.testing.assert_array_equal(x.signed_weights, [*given["v"], *-given["A"]])


def test_the_covariance_weighs_each_class_with_its_input_variance():
    given = arrays()
    x = OrderParameters(**given)
    for c in range(CLASSES):
        Q, R, T = (given[name][c] for name in ("Q_classes", "R_classes", "T_classes"))
        np.testing.assert_array_equal(x.overlaps[c], np.block([[Q, R], [R.T, T]]))
    np.testing.assert_allclose(x.covariance, 1.0 * x.overlaps[0] + 2.0 * x.overlaps[1], rtol=1e-15)


def test_unpruned_is_one_class_that_learns():
    x = unpruned(variance=2.0)
    assert x.mask.tolist() == [[1.0, 1.0]]
    assert x.fraction.tolist() == [1.0]
    assert x.variance.tolist() == [2.0]
    np.testing.assert_array_equal(x.Q, np.eye(2))
    np.testing.assert_array_equal(x.covariance[:2, 2:], 2 * x.R)


def test_arrays_are_copies_that_nobody_can_change():
    given = arrays()
    x = OrderParameters(**given)
    given["v"][0] = 100.0
    assert x.v[0] != 100.0
    with pytest.raises(ValueError, match="read-only"):
        x.Q_classes[0, 0, 0] = 1.0
    with pytest.raises(FrozenInstanceError):
        x.v = given["v"]


def test_rounding_asymmetry_is_averaged_away():
    x = unpruned(Q=[[1.0, 0.3], [0.3 + 1e-16, 1.0]])
    np.testing.assert_array_equal(x.Q, x.Q.T)


def test_exact_copies_and_zero_nodes_are_allowed():
    """Singular, not indefinite."""
    unpruned(Q=np.ones((2, 2)), R=np.ones((2, 1)))
    unpruned(Q=np.diag([1.0, 0.0]), R=[[0.5], [0.0]])


def test_a_copy_with_changes():
    x = OrderParameters(**arrays())
    y = x.with_(v=np.array([5.0, 6.0]))
    assert y.v.tolist() == [5.0, 6.0]
    assert y.Q_classes is x.Q_classes
    assert x.v.tolist() != [5.0, 6.0]


def test_what_a_computation_made_is_trusted():
    """An integrated state may be indefinite by more than rounding."""
    whole = arrays()
    whole["Q_classes"] = whole["Q_classes"] - 10.0
    with pytest.raises(NotPositiveSemidefinite):
        OrderParameters(**whole)
    assert OrderParameters.trusted(**whole).Q_classes is whole["Q_classes"]


def test_comparison_is_by_value_and_there_is_no_hash():
    x = unpruned()
    assert x == unpruned()
    assert x != x.with_(v=x.v + 1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)


# --- what they refuse ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"Q_classes": np.ones((3, 2, 3))}, BadShape, r"^Q: shape \(3, 2, 3\), expected \(any, 2, 2\)$"),
        ({"R_classes": np.ones((2, 2, 1))}, BadShape, r"^R: shape \(2, 2, 1\), expected \(3, 2, 1\)$"),
        ({"T_classes": np.ones((3, 2, 2))}, BadShape, r"^T: shape \(3, 2, 2\), expected \(3, 1, 1\)$"),
        ({"v": [[1.0, 2.0]]}, BadShape, r"^v: shape \(1, 2\), expected \(any\)$"),
        ({"A": 1.0}, BadShape, r"^A: shape \(\), expected \(any\)$"),
        ({"mask": np.ones((3, 1))}, BadShape, r"^mask: shape \(3, 1\), expected \(3, 2\)$"),
        ({"fraction": [1.0]}, BadShape, r"^fraction: shape \(1,\), expected \(3\)$"),
        ({"variance": [1.0]}, BadShape, r"^variance: shape \(1,\), expected \(3\)$"),
        ({"v": [1.0, np.nan]}, BadInput, r"^v: nan at index \(1,\)"),
        ({"v": []}, BadInput, "at least one student and one teacher node, got K = 0, M = 1"),
        ({"A": []}, BadInput, "at least one student and one teacher node, got K = 2, M = 0"),
        ({"Q_classes": np.ones((0, 2, 2))}, BadInput, "^classes: expected at least one mask class, got none$"),
        ({"mask": [[1, 1], [1, 0.5], [0, 0]]}, BadInput, "^mask: entries must be 0 or 1, got 0.5$"),
        ({"fraction": [0.5, 0.5, 0.5]}, BadInput, "^fraction: must be ≥ 0 and sum to 1, got a sum of 1.5"),
        ({"fraction": [1.5, -0.25, -0.25]}, BadInput, r"^fraction: .* \(lowest -0.25\)$"),
        ({"variance": [1.0, -2.0, 0.0]}, BadInput, "^variance: must be ≥ 0, got -2$"),
    ],
)
def test_refusals(changes, error, message):
    with pytest.raises(error, match=message):
        OrderParameters(**arrays(**changes))


def test_the_class_with_the_fault_is_named():
    Q = arrays()["Q_classes"].copy()
    Q[1, 0, 1] += 0.1
    with pytest.raises(NotSymmetric, match=r"^Q of class 1: not symmetric, \[0, 1\]"):
        OrderParameters(**arrays(Q_classes=Q))
    R = arrays()["R_classes"].copy()
    R[2] *= 100
    with pytest.raises(NotPositiveSemidefinite, match=r"^\[\[Q, R\], \[Rᵀ, T\]\] of class 2: not positive"):
        OrderParameters(**arrays(R_classes=R))


def test_one_class_has_no_number():
    with pytest.raises(NotSymmetric, match=r"^Q: not symmetric"):
        unpruned(Q=[[1.0, 0.5], [0.0, 1.0]])
    with pytest.raises(NotPositiveSemidefinite, match=r"^\[\[Q, R\], \[Rᵀ, T\]\]: not positive"):
        unpruned(R=[[2.0], [0.0]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Q": np.eye(3)}, r"^Q: shape \(3, 3\), expected \(2, 2\)$"),
        ({"R": np.ones((1, 2))}, r"^R: shape \(1, 2\), expected \(2, 1\)$"),
        ({"T": np.eye(2)}, r"^T: shape \(2, 2\), expected \(1, 1\)$"),
        ({"v": [[1.0]]}, r"^v: shape \(1, 1\), expected \(any\)$"),
        ({"A": [[1.0]]}, r"^A: shape \(1, 1\), expected \(any\)$"),
        ({"variance": -1.0}, "^variance: must be ≥ 0, got -1$"),
    ],
)
def test_refusals_of_unpruned_parameters(changes, message):
    with pytest.raises(BadInput, match=message):
        unpruned(**changes)
