"""Which orderings survive training on under the mask: the masked equations of motion from many random starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.evidence import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLACE, PROCESS = 110, 6

_STARTS, _SEED = 10, 1
_BEFORE, _AFTER = 200.0, 50.0
_ETA, _SIGMA, _KEPT = 0.5, 0.1, 2
_LEVEL = 0.01
_NAMES = {
    "dpp-node": "DPP nodes",
    "random-node": "random nodes",
    "random-edge": "random edges",
    "dpp-edge": "DPP edges",
    "magnitude-edge": "magnitude edges",
}
_SAMPLED = ("dpp-edge", "magnitude-edge")  # their class moments are


def _measure() -> Mapping[str, Any]:
    """ε_g after retraining of every start and method, node methods averaged over their exact law.

    "sampling" is the largest difference that another sample of class moments makes.
    """
    from divprune_sym.evaluation.ensemble import Ensemble
    from divprune_sym.pruning import METHODS
    from divprune_sym.simulate import random_network
    from divprune_sym.solvers import Problem, integrate, train_on

    errors: dict[str, list[float]] = {name: [] for name in _NAMES}
    as_pruned: dict[str, list[float]] = {name: [] for name in _NAMES}
    sampling = 0.0
    for start in range(_STARTS):
        network = random_network(np.random.default_rng([_SEED, start]), N=1000, K=4, M=2, teacher_v=2.0)
        problem = Problem(network.order_parameters(), eta=_ETA, eta_v=_ETA, sigma=_SIGMA)
        state = integrate(problem, [_BEFORE]).state()

        def retrained(pruned: Ensemble, problem: Problem = problem) -> float:
            return float(train_on(problem, pruned, [_AFTER]).generalization_error[-1])

        for name in _NAMES:
            kept: Any = _KEPT if METHODS[name].unit == "node" else _KEPT / state.K
            limit = METHODS[name].limit(state, kept)
            as_pruned[name].append(limit.generalization_error())
            found = retrained(limit.states())
            if name in _SAMPLED:
                other = retrained(limit.states(seed=1))
                sampling = max(sampling, abs(found - other))
                found = (found + other) / 2
            errors[name].append(found)
    return {"errors": errors, "as_pruned": as_pruned, "sampling": sampling, "starts": _STARTS, "seed": _SEED}


def _below(better: str, worse: str) -> Callable[[Mapping[str, Any]], tuple[bool, str, tuple[str, ...]]]:
    """Paired t test of the mean difference over starts."""

    def decide(found: Mapping[str, Any]) -> tuple[bool, str, tuple[str, ...]]:
        from scipy.stats import t as student_t

        first, second = (np.array(found["errors"][name]) for name in (better, worse))
        gaps = first - second
        spread = float(gaps.std(ddof=1))
        if spread == 0:
            return False, f"all {len(gaps)} starts differ by the same: without spread there is no p value", ()
        statistic = float(gaps.mean()) / (spread / np.sqrt(len(gaps)))
        p_value = float(student_t.cdf(statistic, len(gaps) - 1))  # one-sided: below
        summary = (
            f"mean ε_g {first.mean():.4f} against {second.mean():.4f} (Cohen's d = {gaps.mean() / spread:+.2f}, "
            f"one-sided p = {p_value:.2g}, {len(gaps)} starts; supported below p = {_LEVEL:g})"
        )
        before = (np.mean(found["as_pruned"][name]) for name in (better, worse))
        lines: tuple[str, ...] = ("before retraining {:.4f} against {:.4f}".format(*before),)
        if {better, worse} & set(_SAMPLED):
            lines += (f"another sample of the class moments changes an ε_g by up to {found['sampling']:.1g}",)
        return p_value < _LEVEL, summary, lines

    return decide


def _order(better: str, worse: str) -> sp.Basic:
    """The mean error of one method is below that of another."""
    return sp.Lt(sp.Symbol(f"error_{better}"), sp.Symbol(f"error_{worse}"))


def claims() -> list[Claim]:
    """The claims of this family."""
    rows = (
        ("dpp-node", "random-node", Verdict.OPEN),
        ("random-edge", "dpp-node", Verdict.OPEN),
        ("dpp-node", "random-edge", Verdict.SUPPORTED),
        ("dpp-node", "dpp-edge", Verdict.SUPPORTED),
        ("dpp-edge", "random-edge", Verdict.SUPPORTED),
        ("magnitude-edge", "dpp-edge", Verdict.SUPPORTED),
        ("magnitude-edge", "dpp-node", Verdict.OPEN),
    )
    return [
        Claim(
            f"retraining.{better}-below-{worse}",
            f"After training on under the mask, {_NAMES[better]} leave a smaller error than {_NAMES[worse]}.",
            _order(better, worse),
            (),
            "this project",
            (Measured(_measure, _below(better, worse), "retraining.starts", _order(better, worse)),),
            expected,
            {},
            (
                f"K = 4, M = 2, half kept, pruned at α = {_BEFORE:g}, retrained for {_AFTER:g}; η = η_v = {_ETA}, "
                f"σ = {_SIGMA}, κ = 0",
                "random starts, N → ∞ equations of motion; node methods averaged over their exact law",
                "mask classes of DPP and magnitude edges: moments by quasi-Monte Carlo, Gaussian weight ensemble",
            ),
        )
        for better, worse, expected in rows
    ]
