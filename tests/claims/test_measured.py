"""The statistical tests behind `supported`: they see an effect, and neither noise nor the opposite effect."""

from __future__ import annotations

import numpy as np
import pytest

from divprune_sym.claims.families import real_data, retraining

# one-sided paired t tests at level 0.01: a difference of 2 standard deviations on 8 pairs is missed once in 10⁴ draws
SHIFTS = {"effect": (-2.0, True), "opposite": (2.0, False)}


def _digits(shift, rng):
    base, noise = rng.random(8), rng.standard_normal(8)
    better = base + 0.01 * (shift + 0.5 * noise)
    rows = [("good", better), ("bad", base)]
    return {
        "rows": [
            {"method": name, "fraction": f, "reweighted": r, "errors": values.tolist() if r else [0.0] * 8}
            for name, values in rows
            for f in (0.3, 0.5)
            for r in (True, False)
        ]
    }


@pytest.mark.parametrize(("shift", "expected"), SHIFTS.values(), ids=list(SHIFTS))
def test_real_data(shift, expected):
    holds, summary, lines = real_data._below("good", "bad")(_digits(shift, np.random.default_rng(1)))
    assert holds is bool(expected)
    assert "Cohen's d" in summary
    assert "p = " in summary
    assert len(lines) == 2


@pytest.mark.parametrize(("shift", "expected"), SHIFTS.values(), ids=list(SHIFTS))
def test_retraining(shift, expected):
    rng = np.random.default_rng(1)
    base = rng.random(10)
    errors = {"good": (base + shift + rng.standard_normal(10)).tolist(), "bad": base.tolist()}
    found = {"errors": errors, "as_pruned": errors}
    holds, summary, _ = retraining._below("good", "bad")(found)
    assert bool(holds) is expected
    assert "10 starts" in summary


@pytest.mark.parametrize("family", [real_data, retraining])
def test_without_spread_there_is_no_p_value(family):
    errors = {"good": [0.25] * 8, "bad": [0.5] * 8}
    rows = [{"method": name, "fraction": 0.5, "reweighted": True, "errors": x} for name, x in errors.items()]
    holds, summary, _ = family._below("good", "bad")({"rows": rows, "errors": errors, "as_pruned": errors})
    assert not holds
    assert "no p value" in summary


@pytest.mark.parametrize("family", [real_data, retraining])
def test_false_alarms_keep_their_rate(family):
    """Without an effect 1 % are called supported: of 1000 draws more than 25 with probability below 1e-4."""
    rng = np.random.default_rng(2)
    count = 0
    for _ in range(1000):
        first, second = rng.standard_normal((2, 8))
        rows = [
            {"method": name, "fraction": 0.5, "reweighted": True, "errors": values.tolist()}
            for name, values in (("good", first), ("bad", second))
        ]
        errors = {"good": first.tolist(), "bad": second.tolist()}
        found = {"rows": rows, "errors": errors, "as_pruned": errors}
        count += bool(family._below("good", "bad")(found)[0])
    assert count <= 25
