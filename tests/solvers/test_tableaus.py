"""Order conditions, exactly: Σ_i b_i Φ_i(t) = 1/γ(t) for every rooted tree t (Hairer, Nørsett & Wanner, II.2)."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction as F
from functools import cache
from math import prod

import numpy as np
import pytest

from divprune_sym.solvers.tableaus import DORMAND_PRINCE, EULER, RK4, InconsistentTableau, Tableau, dop853


def trees(order):
    """All rooted trees with `order` nodes; a tree is the sorted tuple of its subtrees."""

    def forests(nodes, largest):
        if nodes == 0:
            yield ()
        for size in range(min(nodes, largest), 0, -1):
            for tree in trees(size):
                for rest in forests(nodes - size, size):
                    yield tuple(sorted((tree, *rest)))

    return sorted(set(forests(order - 1, order - 1)))


def size(tree):
    return 1 + sum(size(subtree) for subtree in tree)


def density(tree):
    """γ(t): the order of the tree times the densities of its subtrees."""
    return size(tree) * prod(density(subtree) for subtree in tree)


def stage_weights(tableau, tree):
    """Φ_i(t) for every stage i."""
    weights = [F(1)] * len(tableau.c)
    for subtree in tree:
        below = stage_weights(tableau, subtree)
        sums = [sum((x * y for x, y in zip(row, below, strict=False)), F(0)) for row in tableau.a]
        weights = [w * s for w, s in zip(weights, sums, strict=True)]
    return weights


def quadrature(weights, tableau, tree):
    return sum(w * phi for w, phi in zip(weights, stage_weights(tableau, tree), strict=True))


def order(tableau, weights, highest=7):
    """The largest p such that all trees up to p nodes satisfy their condition."""
    for p in range(1, highest):
        if any(quadrature(weights, tableau, tree) != F(1, density(tree)) for tree in trees(p)):
            return p - 1
    return highest - 1


def embedded(tableau):
    return [b - e for b, e in zip(tableau.b, tableau.error, strict=True)]


def test_the_number_of_rooted_trees():
    assert [len(trees(n)) for n in range(1, 7)] == [1, 1, 2, 4, 9, 20]
    assert Counter(density(tree) for tree in trees(4)) == {24: 1, 12: 1, 8: 1, 4: 1}


@pytest.mark.parametrize("tableau", [DORMAND_PRINCE, RK4, EULER], ids=lambda t: t.name)
def test_order_of_the_solution(tableau):
    assert order(tableau, tableau.b) == tableau.order


def test_the_embedded_solution_is_one_order_lower():
    assert order(DORMAND_PRINCE, embedded(DORMAND_PRINCE)) == DORMAND_PRINCE.order - 1


def dense_defects(p):
    """Σ_i b_i(θ) Φ_i(t) − θ^|t|/γ(t) as lists of coefficients of θ, θ², … for all trees of p nodes."""
    degree = len(DORMAND_PRINCE.dense[0])
    for tree in trees(p):
        coefficients = [quadrature(column, DORMAND_PRINCE, tree) for column in zip(*DORMAND_PRINCE.dense, strict=True)]
        exact = [F(1, density(tree)) if power == p else F(0) for power in range(1, degree + 1)]
        yield [x - y for x, y in zip(coefficients, exact, strict=True)]


@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_dense_output_has_order_4_at_every_theta(p):
    assert all(set(defect) == {0} for defect in dense_defects(p))


def test_dense_output_has_no_order_5():
    assert any(set(defect) != {0} for defect in dense_defects(5))


def test_dense_output_has_the_slope_of_the_equation_at_both_ends():
    """So the pieces join with a continuous derivative: first and last stage are the slopes there."""
    start = [row[0] for row in DORMAND_PRINCE.dense]
    end = [sum(power * x for power, x in enumerate(row, 1)) for row in DORMAND_PRINCE.dense]
    assert start == [1, 0, 0, 0, 0, 0, 0]
    assert end == [0, 0, 0, 0, 0, 0, 1]


def test_the_last_stage_is_the_solution():
    """First same as last: the adaptive kernel relies on it."""
    assert (*DORMAND_PRINCE.a[-1], 0) == DORMAND_PRINCE.b


def test_arrays_hold_the_fractions():
    a, b, error, dense = DORMAND_PRINCE.arrays()
    assert a.shape == (7, 7)
    assert a[6, 4] == -2187 / 6784
    assert np.triu(a).sum() == 0
    assert b[0] == 35 / 384
    assert error.shape == (7,)
    assert dense.shape == (7, 4)
    assert RK4.arrays()[2].shape == (0,)
    assert RK4.arrays()[3].size == 0


def changed(row, at, by):
    return tuple(x + by if j == at else x for j, x in enumerate(row))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"c": changed(RK4.c, 1, F(1, 9))}, r"classical RK4, stage 1: Σ a = 1/2, but c = 11/18"),
        ({"b": changed(RK4.b, 0, F(1, 2))}, "Σ b = 3/2, Σ error = 0; expected 1 and 0"),
        ({"error": (F(1), F(0), F(0), F(0))}, "Σ error = 1"),
        ({"b": (F(1),)}, "4 nodes, but rows of a with .* entries and 1 b"),
        ({"error": (F(0),)}, "1 error"),
        ({"a": ((), (F(1, 2),), (F(1, 2),), (F(0), F(0), F(1)))}, r"rows of a with \[0, 1, 1, 3\] entries"),
        ({"dense": ((F(1),),) * 4}, "stage 0: dense weight at θ = 1 is 1, but b = 1/6"),
    ],
)
def test_inconsistent_tableaus_are_refused(changes, message):
    with pytest.raises(InconsistentTableau, match=message):
        replace(RK4, **changes)


def test_a_wrong_coefficient_would_be_seen():
    """Consistent sums, wrong order: only the order conditions can tell."""
    b = changed(changed(DORMAND_PRINCE.b, 2, F(1, 1000)), 3, F(-1, 1000))
    wrong = Tableau("wrong", 5, DORMAND_PRINCE.c, DORMAND_PRINCE.a, b)
    assert order(wrong, b) == 1


# --- DOP853, whose coefficients are rounded ------------------------------------------------------------


@cache
def stage_weights_853(tree):
    """Φ_i(t) for the 16 stages in float64, and the same with every term positive: the scale of the roundings."""
    a = dop853().a
    weights, sizes = np.ones(16), np.ones(16)
    for subtree in tree:
        below, below_sizes = stage_weights_853(subtree)
        weights, sizes = weights * (a @ below), sizes * (np.abs(a) @ below_sizes)
    return weights, sizes


def defects_853(weights, p):
    """Σ_i b_i Φ_i(t) − 1/γ(t) in units of rounding, for every tree of p nodes."""
    for tree in trees(p):
        phi, scale = stage_weights_853(tree)
        yield abs(weights @ phi - 1 / density(tree)) / (np.abs(weights) @ scale * 2.0**-52)


def test_the_number_of_larger_trees():
    assert [len(trees(n)) for n in (7, 8)] == [48, 115]


@pytest.mark.parametrize("p", range(1, 9))
def test_dop853_has_order_8(p):
    """To rounding: a coefficient has half an ulp, a product of p of them p halves, and sums some more."""
    assert max(defects_853(dop853().a[12], p)) < 40


def test_dop853_has_no_order_9_and_a_wrong_digit_would_be_seen():
    assert max(defects_853(dop853().a[12], 9)) > 1e6
    wrong = dop853().a[12].copy()
    wrong[5] += 1e-11
    assert max(defects_853(wrong, 1)) > 1e3


@pytest.mark.parametrize("theta", [0.2, 0.5, 0.9])
def test_the_dense_output_of_dop853_has_order_7(theta):
    method = dop853()
    weights = method.dense @ theta ** np.arange(1, 8)
    scale = np.abs(method.dense) @ theta ** np.arange(1, 8)
    for p in range(1, 8):
        for tree in trees(p):
            phi, size = stage_weights_853(tree)
            assert abs(weights @ phi - theta**p / density(tree)) < 40 * 2.0**-52 * (scale @ size)


def test_dop853_is_the_published_method():
    from scipy.integrate._ivp import dop853_coefficients as published

    method = dop853()
    np.testing.assert_array_equal(method.a, published.A)
    np.testing.assert_array_equal(method.a[12, :12], published.B)
    np.testing.assert_array_equal(method.errors, [published.E5, published.E3])


def test_the_error_estimates_of_dop853_vanish_up_to_their_order():
    for row, highest in zip(dop853().errors, (5, 3), strict=True):
        for p in range(1, highest + 1):
            for tree in trees(p):
                phi, scale = stage_weights_853(tree)
                assert abs(row @ phi[:13]) < 40 * 2.0**-52 * (np.abs(row) @ scale[:13])
