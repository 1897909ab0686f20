"""Plateaus of curves whose plateaus are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from divprune_sym.sweeps.plateaus import STILL, first_reached, longest_plateau

ALPHAS = np.geomspace(0.1, 1e4, 400)


def curve(slopes_until):
    """A curve of pieces with constant −d ln ε/d ln α, each up to a time."""
    logs = [0.0]
    for left, right in pairwise(ALPHAS):
        slope = next(slope for slope, until in slopes_until if np.sqrt(left * right) < until)
        logs.append(logs[-1] - slope * np.log(right / left))
    return np.exp(logs)


def test_the_longest_of_two_plateaus_is_found():
    errors = curve([(1.0, 1.0), (0.0, 3.0), (1.0, 10.0), (0.05, 500.0), (1.0, 1e9)])
    entry, escape = longest_plateau(ALPHAS, errors)
    step = ALPHAS[1] / ALPHAS[0]
    assert entry == pytest.approx(10.0, rel=step - 1)
    assert escape == pytest.approx(500.0, rel=step - 1)


def test_the_start_and_the_end_are_no_plateaus():
    for pieces in ([(0.0, 10.0), (1.0, 1e9)], [(1.0, 10.0), (0.0, 1e9)], [(2 * STILL, 1e9)], [(0.0, 1e9)]):
        assert np.isnan(longest_plateau(ALPHAS, curve(pieces))).all()


def test_curves_that_stop_early_or_are_short():
    errors = curve([(1.0, 1.0), (0.0, 30.0), (1.0, 1e9)])
    errors[350:] = np.nan
    entry, escape = longest_plateau(ALPHAS, errors)
    assert (entry, escape) == pytest.approx((1.0, 30.0), rel=0.05)
    assert np.isnan(longest_plateau(ALPHAS[:3], errors[:3])).all()


def test_first_time_at_a_level():
    times, errors = np.array([0.0, 1.0, 3.0]), np.array([2.0, 1.0, 0.0])
    assert first_reached(times, errors, 2.5) == 0.0
    assert first_reached(times, errors, 1.5) == 0.5
    assert first_reached(times, errors, 0.25) == 2.5
    assert np.isnan(first_reached(times, errors, -1.0))
