"""The paper's empirical statements, on networks trained on handwritten digits: effect sizes and p values, no more."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.evidence import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLACE, PROCESS = 120, 6

_SOURCE = "Acharyya et al., UAI 2021 (arXiv:2006.16617), experiments on real data"
_SEED = 1
_LEVEL = 0.01
_NAMES = {
    "random-node": "random nodes",
    "dpp-node": "DPP nodes",
    "random-edge": "random edges",
    "dpp-edge": "DPP edges",
}


def _measure() -> Mapping[str, Any]:
    """Test errors of each network after each pruning, from `validate.digits`."""
    from divprune_sym.reproduction.digits import DigitsSetting, digits_study

    setting = DigitsSetting(networks=6, masks=1, fractions=(0.3, 0.5))
    study = digits_study(setting, _SEED)
    rows = [
        {"method": x.method, "fraction": x.fraction, "reweighted": x.reweighted, "errors": list(x.network_errors)}
        for x in study.rows
    ]
    return {"setting": asdict(setting), "seed": _SEED, "rows": rows}


def _below(better: str, worse: str) -> Callable[[Mapping[str, Any]], tuple[bool, str, tuple[str, ...]]]:
    """Paired t test, over networks, of the error difference averaged over fractions; both methods reweighted."""

    def decide(found: Mapping[str, Any]) -> tuple[bool, str, tuple[str, ...]]:
        from scipy.stats import t as student_t

        errors = {(x["method"], x["fraction"]): np.array(x["errors"]) for x in found["rows"] if x["reweighted"]}
        fractions = sorted({fraction for _, fraction in errors})
        gaps = np.array([errors[better, f] - errors[worse, f] for f in fractions])
        each = gaps.mean(axis=0)
        spread = each.std(ddof=1)
        if spread == 0:
            return False, f"all {len(each)} networks differ by the same: without spread there is no p value", ()
        statistic = each.mean() / (spread / np.sqrt(len(each)))
        p_value = float(student_t.cdf(statistic, len(each) - 1))  # one-sided: below
        lines = tuple(f"{f:g} kept: {100 * gap.mean():+.2f} points" for f, gap in zip(fractions, gaps, strict=True))
        size = each.mean() / spread
        summary = (
            f"test error {100 * each.mean():+.2f} points (Cohen's d = {size:+.2f}, one-sided p = {p_value:.2g}, "
            f"{len(each)} networks; supported below p = {_LEVEL:g})"
        )
        return p_value < _LEVEL, summary, lines

    return decide


def _order(better: str, worse: str) -> sp.Basic:
    """The mean error of one method is below that of another."""
    return sp.Lt(sp.Symbol(f"error_{better}"), sp.Symbol(f"error_{worse}"))


def claims() -> list[Claim]:
    """The claims of this family."""
    rows = (
        ("dpp-node", "random-node", Verdict.OPEN),
        ("dpp-edge", "random-edge", Verdict.SUPPORTED),
        ("random-edge", "dpp-node", Verdict.OPEN),
        ("dpp-node", "random-edge", Verdict.SUPPORTED),
    )
    return [
        Claim(
            f"real-data.{better}-below-{worse}",
            f"On digits, {_NAMES[better]} leave a smaller test error than {_NAMES[worse]}, both reweighted.",
            _order(better, worse),
            (),
            _SOURCE,
            (Measured(_measure, _below(better, worse), "real-data.digits", _order(better, worse)),),
            expected,
            {},
            (
                "scikit-learn digits, 64-128-64-10 networks; 30 and 50 % of units or edges kept",
                "means over networks that differ in initial weights and in the split of the data",
            ),
        )
        for better, worse, expected in rows
    ]
