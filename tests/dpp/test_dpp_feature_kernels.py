"""Kernels from features, against their definitions, and the warnings about kernels that say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from divprune_sym.dpp import activation_kernel, cosine_kernel, linear_kernel, median_beta, rbf_kernel
from divprune_sym.dpp.kernels import squared_distances, trouble
from divprune_sym.ground.checks import EPS, BadInput

X = np.random.default_rng(80).standard_normal((6, 4)) * [1, 2, 0.5, 3]


def test_entries_are_those_of_the_definitions():
    for i in range(6):
        for j in range(6):
            inner, d2 = X[i] @ X[j], ((X[i] - X[j]) ** 2).sum()
            assert linear_kernel(X)[i, j] == pytest.approx(inner, rel=1e-13, abs=1e-14)
            cosine = inner / np.linalg.norm(X[i]) / np.linalg.norm(X[j])
            assert cosine_kernel(X)[i, j] == pytest.approx(cosine, rel=1e-13, abs=1e-14)
            assert rbf_kernel(X, 0.3)[i, j] == pytest.approx(np.exp(-0.3 * d2), rel=1e-13)
            assert activation_kernel(X, np.tanh)[i, j] == pytest.approx(np.tanh(X[i]) @ np.tanh(X[j]) / 4, abs=1e-14)


def test_median_heuristic():
    squares = squared_distances(X)
    pairs = [squares[i, j] for i in range(6) for j in range(i)]
    assert median_beta(squares) == pytest.approx(1 / np.median(pairs))
    np.testing.assert_allclose(rbf_kernel(X), np.exp(-squares / np.median(pairs)))
    # most items coincide: the median over those apart
    assert median_beta(squared_distances([[0.0], [0.0], [0.0], [0.0], [2.0]])) == 0.25
    assert median_beta(np.zeros((3, 3))) == 1.0
    assert median_beta(np.zeros((1, 1))) == 1.0
    np.testing.assert_array_equal(rbf_kernel(np.ones((3, 2))), np.ones((3, 3)))


def test_distances_far_from_the_origin():
    far = 1e8 + np.arange(3.0)[:, None]
    np.testing.assert_array_equal(squared_distances(far), squared_distances(far - 1e8))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_cosine_of_any_length(scale):
    np.testing.assert_allclose(cosine_kernel(scale * X), cosine_kernel(X), rtol=0, atol=8 * EPS)
    zero = cosine_kernel(np.vstack([X, np.zeros(4)]))
    assert not zero[-1].any()


def test_a_fixed_beta_on_many_features_is_the_identity():
    features = np.random.default_rng(81).standard_normal((30, 2000))
    assert "multiple of the identity" in trouble(rbf_kernel(features, 0.5))
    assert trouble(rbf_kernel(features)) == ""


@pytest.mark.parametrize(
    ("L", "words"),
    [
        (np.zeros((3, 3)), "zero"),
        (7 * np.eye(4), "multiple of the identity to 0.0e"),
        (np.full((4, 4), 2.0), "constant"),
        (rbf_kernel(X, 1e-20), "constant"),
        (X @ X.T, ""),
        (np.diag([1.0, 2.0]), ""),
        (np.eye(1), ""),
        (np.eye(3) + 1e-3, ""),
    ],
)
def test_kernels_that_say_nothing(L, words):
    assert words in trouble(L)
    assert bool(words) == bool(trouble(L))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: linear_kernel(np.ones(3)), r"features: shape \(3,\)"),
        (lambda: rbf_kernel([[np.nan]]), "every entry must be finite"),
        (lambda: rbf_kernel(X, 0.0), "beta = 0: must be positive"),
        (lambda: rbf_kernel(X, -1.0), "beta = -1"),
        (lambda: activation_kernel(np.ones((3, 0)), np.tanh), "at least one sample"),
        (lambda: activation_kernel(X, lambda x: x[0]), r"activation\(features\): shape \(4,\)"),
    ],
)
def test_refusals(ask, words):
    with pytest.raises(BadInput, match=words):
        ask()
