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
    errors = {"good": base + shift + rng.standard_normal(10), "bad": base}
    holds, summary, _ = retraining._below("good", "bad", 0.0)(_retrained(errors))
    assert bool(holds) is expected
    assert "10 starts" in summary
    assert "1 comparisons" in summary


def _retrained(errors, sampling=0.0):
    """Recorded measurements at one time since pruning."""
    at_zero = {name: [[float(x)] for x in values] for name, values in errors.items()}
    return {"alpha": [0.0], "errors": at_zero, "sampling": dict.fromkeys(errors, sampling)}


def test_many_comparisons_share_a_level():
    """The same difference, at p = 0.005: one comparison sees it, one of 21 does not; class moments may hide it."""
    base = np.linspace(0.0, 1.0, 10)
    errors = {"good": base - 1.1 + np.tile([1.0, -1.0], 5), "bad": base}
    (alone, words, _), (among, _, _) = (retraining._below("good", "bad", 0.0, n)(_retrained(errors)) for n in (1, 21))
    assert "p = 0.0046" in words
    assert alone
    assert not among
    holds, summary, _ = retraining._below("good", "bad", 0.0)(_retrained(errors, sampling=10.0))
    assert not holds
    assert "class moments" in summary


def test_who_overtakes_whom_and_when():
    found = {"alpha": [0.0, 1.0, 10.0], "sampling": {"a": 0.01, "b": 0.0}}
    found["errors"] = {"a": [[1.0, 2.0, 2.0], [1.0, 2.005, 3.0]], "b": [[2.0, 1.0, 1.0], [2.0, 2.0, 2.0]]}
    overtakes, sampling = retraining._crossings(found, "a", "b")
    assert overtakes == "b overtakes a between α = 0 and 10, 2 times"
    assert "0.01" in sampling


# both families' tests, as (decision, measurements of errors by name)
FAMILIES = {
    "real data": (
        real_data._below("good", "bad"),
        lambda errors: {
            "rows": [{"method": m, "fraction": 0.5, "reweighted": True, "errors": list(x)} for m, x in errors.items()]
        },
    ),
    "retraining": (retraining._below("good", "bad", 0.0), _retrained),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_without_spread_there_is_no_p_value(family):
    decide, measured = FAMILIES[family]
    holds, summary, _ = decide(measured({"good": [0.25] * 8, "bad": [0.5] * 8}))
    assert not holds
    assert "no p value" in summary


@pytest.mark.parametrize("family", FAMILIES)
def test_false_alarms_keep_their_rate(family):
    """Without an effect 1 % are called supported: of 1000 draws more than 25 with probability below 1e-4."""
    decide, measured = FAMILIES[family]
    rng = np.random.default_rng(2)
    count = 0
    for _ in range(1000):
        first, second = rng.standard_normal((2, 8))
        count += bool(decide(measured({"good": first, "bad": second}))[0])
    assert count <= 25
