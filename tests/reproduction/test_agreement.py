"""Verdicts on curves: how often chance makes one "disagree", and what they see.

All errors here are drawn on R networks with S correlated points of very different noise. Rates are counted over RUNS
seeded draws; limits are binomial: outside them with probability 1e-6 if the rate is the stated one.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from divprune_sym.evaluation.agreement import FALSE_ALARM, POWER, Curve, agreement, pooled, verdict

RUNS = 2000
SPREAD = np.geomspace(0.002, 0.2, 6)


def drawn(rng, networks, error=0.0, correlation=0.7):
    """Relative gaps (R, S) of a theory that is off by a common factor."""
    common = np.sqrt(correlation) * rng.standard_normal((networks, 1))
    own = np.sqrt(1 - correlation) * rng.standard_normal((networks, len(SPREAD)))
    return error + SPREAD * (common + own)


def times_called(networks, error):
    rng = np.random.default_rng(5)
    return sum(not verdict("", drawn(rng, networks, error), 1).agrees for _ in range(RUNS))


@pytest.mark.statistical
@pytest.mark.parametrize("networks", [8, 60])
def test_chance_alone_is_called_a_disagreement_as_rarely_as_stated(networks):
    """Two tests stand in one verdict, so that their limits come from twice the p value: `tests` counts both."""
    rng = np.random.default_rng(1)
    alarms = sum(not verdict("", drawn(rng, networks), 2).agrees for _ in range(RUNS))
    # weights that are estimated make small samples call a little more often: at most twice
    assert alarms <= binom.isf(1e-6, RUNS, 2 * FALSE_ALARM)


@pytest.mark.statistical
def test_an_error_of_the_detectable_size_is_seen_as_often_as_stated():
    """The detectable error is estimated from the spread of each draw: it scatters by 1/√(2·59) around its mean."""
    rng = np.random.default_rng(2)
    detectable = np.mean([verdict("", drawn(rng, 60), 1).detectable for _ in range(200)])
    assert times_called(60, detectable) >= binom.ppf(1e-6, RUNS, POWER - 0.03)
    assert times_called(60, 0.5 * detectable) <= binom.isf(1e-6, RUNS, 0.5)


def test_a_common_error_is_seen_that_no_single_point_shows():
    rng = np.random.default_rng(3)
    gaps = 0.02 + 0.05 * rng.standard_normal((60, 24))
    found = verdict("", gaps, 100)
    assert not found.agrees
    assert found.error == pytest.approx(0.02, abs=5 * found.standard_error)
    # the limit of a single point among 24, tested alone
    assert found.worst_point < 5.5
    assert verdict("", gaps - 0.02, 100).agrees


def test_one_wrong_point_is_seen_where_the_pooled_difference_is_not():
    rng = np.random.default_rng(4)
    gaps = 0.01 * rng.standard_normal((60, 24))
    # the noisiest point hardly counts in the mean
    gaps[:, 7] = 0.3 + 0.2 * rng.standard_normal(60)
    found = verdict("", gaps, 100)
    assert not found.agrees
    assert found.worst_point > 8
    assert abs(found.error) < 3 * found.standard_error


def test_a_network_has_no_say_in_its_own_weights():
    rng = np.random.default_rng(6)
    gaps = drawn(rng, 8)
    moved = gaps.copy()
    moved[3] += [1, 0, 0, 0, 0, 0]
    step = (pooled(moved) - pooled(gaps))[3]
    others = np.delete(gaps, 3, axis=0).var(axis=0)
    assert step == pytest.approx(1 / others[0] / (1 / others).sum(), rel=1e-10)


def test_sections_and_their_curves():
    rng = np.random.default_rng(7)
    theory = np.array([2.0, 1.0, 0.0])
    right = theory * 0.01 * rng.standard_normal((8, 3))
    curves = [Curve("a", "right", theory, right), Curve("b", "off", theory, right + 0.3 * theory)]
    found = agreement([*curves, Curve("b", "same", theory, 1e-14 * rng.standard_normal((8, 3)))])
    assert {name: (v["agrees"], v["points"]) for name, v in found.items()} == {"a": (True, 2), "b": (False, 2)}
    assert [(c["name"], c["agrees"], c["points"]) for c in found["b"]["curves"]] == [
        ("off", False, 2),
        ("same", True, 0),
    ]
    assert found["b"]["error"] == pytest.approx(0.3, abs=0.05)


def test_an_error_where_the_theory_is_zero_is_seen():
    """Relative to the curve's largest value, as there is nothing else."""
    rng = np.random.default_rng(8)
    gaps = 1e-12 * rng.standard_normal((8, 2))
    gaps[:, 1] = 0.1 + 0.001 * rng.standard_normal(8)
    (found,) = agreement([Curve("a", "zero", np.array([1.0, 0.0]), gaps)]).values()
    assert not found["agrees"]
    assert found["error"] == pytest.approx(0.1, rel=0.01)


def test_a_theory_that_is_zero_everywhere():
    """As in the specialized state after reweighting: both sides are rounding, of either sign; a real gap is seen."""
    rounding = 4e-16 * np.array([[1.0, -1.0], [0.5, 2.0], [-1.0, 1.0]])
    zero = np.array([0.0, -2e-16])
    assert Curve("a", "zero", zero, rounding).relative().shape == (3, 0)
    rng = np.random.default_rng(9)
    (found,) = agreement([Curve("a", "zero", zero, 0.1 + 0.001 * rng.standard_normal((8, 2)))]).values()
    assert not found["agrees"]
