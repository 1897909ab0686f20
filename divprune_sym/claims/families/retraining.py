"""Which orderings survive training on under the mask, and for how long: the masked equations from random starts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import between
from divprune_sym.claims.evidence import Measured
from divprune_sym.claims.motion import Setting, SymmetricRest
from divprune_sym.claims.rest import Rests, Signs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLACE, PROCESS = 110, 6

_STARTS, _SEED = 10, 1
_BEFORE = 200.0
_ETA, _SIGMA, _KEPT = 0.5, 0.1, 2
# times since pruning, four a decade; claims are about the first, one in the middle and the last
_AFTER = (0.0, *(float(f"{10 ** (n / 4):.4g}") for n in range(-4, 17)))
_EARLY, _MIDDLE, _LATE = 0.0, 56.23, 10000.0
_LEVEL, _TOLERANCE = 0.01, 1e-6
_NAMES = {
    "dpp-node": "DPP nodes",
    "random-node": "random nodes",
    "random-edge": "random edges",
    "dpp-edge": "DPP edges",
    "magnitude-edge": "magnitude edges",
}


def _measure() -> Mapping[str, Any]:
    """ε_g at all times after pruning, of every start and built-in method; node methods averaged over their exact law.

    "sampling" is the largest difference that another sample of class moments makes, 0 where there are none.
    """
    from divprune_sym.pruning import METHODS
    from divprune_sym.simulate import random_network
    from divprune_sym.solvers import Problem, integrate, train_on

    errors: dict[str, list[list[float]]] = {name: [] for name in METHODS}
    sampling = dict.fromkeys(METHODS, 0.0)
    for start in range(_STARTS):
        network = random_network(np.random.default_rng([_SEED, start]), N=1000, K=4, M=2, teacher_v=2.0)
        problem = Problem(network.order_parameters(), eta=_ETA, eta_v=_ETA, sigma=_SIGMA)
        state = integrate(problem, [_BEFORE]).state()
        for name, method in METHODS.items():
            keep: Any = _KEPT if method.unit == "node" else _KEPT / state.K
            limit = method.limit(state, keep)
            left = limit.states()
            found = train_on(problem, left, _AFTER).generalization_error
            if left.standard_error > 0:
                other = train_on(problem, limit.states(seed=1), _AFTER).generalization_error
                sampling[name] = max(sampling[name], float(np.abs(found - other).max()))
                found = (found + other) / 2
            errors[name].append([float(f"{x:.10g}") for x in found])
    return {"alpha": list(_AFTER), "errors": errors, "sampling": sampling, "starts": _STARTS, "seed": _SEED}


def _below(
    better: str, worse: str, alpha: float, comparisons: int = 1
) -> Callable[[Mapping[str, Any]], tuple[bool, str, tuple[str, ...]]]:
    """Paired t test of the mean difference over starts, at a level shared by all comparisons."""

    def decide(found: Mapping[str, Any]) -> tuple[bool, str, tuple[str, ...]]:
        from scipy.stats import t as student_t

        at = found["alpha"].index(alpha)
        first, second = (np.array(found["errors"][name])[:, at] for name in (better, worse))
        gaps = first - second
        spread = float(gaps.std(ddof=1))
        if spread == 0:
            return False, f"all {len(gaps)} starts differ by the same: without spread there is no p value", ()
        least = _least(found, better, worse)
        if np.abs(gaps).max() <= least:
            return False, f"no start differs by more than {least:.1g}, what class moments or integration may add", ()
        statistic = float(gaps.mean()) / (spread / np.sqrt(len(gaps)))
        p_value = float(student_t.cdf(statistic, len(gaps) - 1))  # one-sided: below
        level = _LEVEL / comparisons
        summary = (
            f"mean ε_g {first.mean():.4f} against {second.mean():.4f} (Cohen's d = {gaps.mean() / spread:+.2f}, "
            f"one-sided p = {p_value:.2g}, {len(gaps)} starts; supported below p = {level:.2g}, that is {_LEVEL:g} "
            f"over {comparisons} comparisons)"
        )
        return p_value < level, summary, _crossings(found, better, worse)

    return decide


def _least(found: Mapping[str, Any], *names: str) -> float:
    """What other class moments, or the tolerance of integration, may change in an ε_g."""
    return float(max(_TOLERANCE, *(found["sampling"][name] for name in names)))


def _crossings(found: Mapping[str, Any], better: str, worse: str) -> tuple[str, ...]:
    """When one of two methods overtakes the other, in how many starts."""
    alphas = np.array(found["alpha"])
    gaps = np.array(found["errors"][better]) - np.array(found["errors"][worse])
    least = _least(found, better, worse)
    signs = np.where(np.abs(gaps) > least, np.sign(gaps), 0)
    overtaken: dict[bool, list[tuple[float, float]]] = {}
    for row in signs:
        told = np.flatnonzero(row)
        for before, after in pairwise(told):
            if row[before] != row[after]:
                overtaken.setdefault(bool(row[after] < 0), []).append((alphas[before], alphas[after]))
    lines = []
    for lower, spans in sorted(overtaken.items()):
        ends = f"α = {min(low for low, _ in spans):g} and {max(high for _, high in spans):g}"
        first, second = (better, worse) if lower else (worse, better)
        lines.append(f"{first} overtakes {second} between {ends}, {len(spans)} times")
    return (*lines, f"differences below {least:.1g} may be those of class moments or of integration")


def _order(better: str, worse: str, alpha: float) -> sp.Basic:
    """The mean error of one method is below that of another."""
    first, second = (sp.Function(f"error_{name}") for name in (better, worse))
    time = sp.nsimplify(alpha, rational=True)
    return sp.Lt(first(time), second(time))


_SUPPORTED, _OPEN = Verdict.SUPPORTED, Verdict.OPEN


@dataclass(frozen=True)
class _Time:
    """When errors are compared, in words, and (better, worse, what is expected)."""

    alpha: float
    words: str
    rows: tuple[tuple[str, str, Verdict], ...]


_TIMES = {
    "as-pruned": _Time(
        _EARLY,
        "As pruned",
        (
            ("magnitude-edge", "dpp-edge", _SUPPORTED),
            ("dpp-edge", "dpp-node", _SUPPORTED),
            ("dpp-node", "random-node", _SUPPORTED),
            ("dpp-node", "random-edge", _SUPPORTED),
        ),
    ),
    "on-the-way": _Time(
        _MIDDLE,
        f"After training on for {_MIDDLE:g} under the mask",
        (
            ("magnitude-edge", "dpp-node", _OPEN),
            ("dpp-node", "random-node", _OPEN),
            ("dpp-node", "dpp-edge", _SUPPORTED),
            ("magnitude-edge", "dpp-edge", _SUPPORTED),
            ("dpp-edge", "random-edge", _SUPPORTED),
        ),
    ),
    "at-rest": _Time(
        _LATE,
        f"After training on for {_LATE:g} under the mask, when errors no longer move",
        (
            ("dpp-node", "random-node", _OPEN),
            ("dpp-node", "magnitude-edge", _SUPPORTED),
            ("magnitude-edge", "dpp-edge", _SUPPORTED),
            ("dpp-edge", "random-edge", _SUPPORTED),
        ),
    ),
}


def _two_nodes() -> Claim:
    """Where two nodes for two teacher nodes train on to."""
    unknowns = own, other, towards, away, v = sp.symbols("Q_own Q_other R_own R_other v", real=True)
    state = sp.Tuple(own, other, own, towards, away, away, towards, v, v)
    middle = ("1.131637117241", "0.060532836325", "1.061969269778", "0.028470721201", "0.942141432470")
    radius = sp.Rational(1, 10**9)
    box = {x: (sp.Rational(y) - radius, sp.Rational(y) + radius) for x, y in zip(unknowns, middle, strict=True)}
    setting = Setting(2, 2, sp.Rational(1, 2), sp.Rational(1, 10))
    rest = SymmetricRest(setting, state, box)
    return Claim(
        "retraining.two-nodes-at-rest",
        "The two nodes that node pruning leaves for two teacher nodes have a stable fixed point, one node for each.",
        sp.And(rest.at_rest, rest.spectrum(0)),
        [r for x, (low, high) in box.items() for r in between(low, x, high, (True, True))],
        "this project",
        (Rests(rest, "rests"), Signs(rest, 0, "spectrum")),
        Verdict.CERTIFIED,
        {},
        (
            "K = M = 2, A_n = 1, T = 1, η = η_v = 1/2, σ = 1/10, κ = 0; erf nodes, white inputs, N → ∞",
            "that every node method ends there is measured (retraining.…-at-rest), not certified",
        ),
    )


def _comparison(when: str, better: str, worse: str, expected: Verdict) -> Claim:
    """That one method leaves a smaller error than another at one of the times."""
    time, comparisons = _TIMES[when], sum(len(x.rows) for x in _TIMES.values())
    order = _order(better, worse, time.alpha)
    decide = _below(better, worse, time.alpha, comparisons)
    return Claim(
        f"retraining.{better}-below-{worse}-{when}",
        f"{time.words}, {_NAMES[better]} leave a smaller error than {_NAMES[worse]}.",
        order,
        (),
        "this project",
        (Measured(_measure, decide, "retraining.starts", order),),
        expected,
        {},
        (
            f"K = 4, M = 2, half kept, pruned at α = {_BEFORE:g}, trained on for {time.alpha:g}; η = η_v = {_ETA}, "
            f"σ = {_SIGMA}, κ = 0",
            "random starts, A_n = 2, teacher nodes drawn with N = 1000 inputs; N → ∞ equations of motion; node methods "
            "averaged over their exact law",
            "mask classes of DPP and magnitude edges: moments by quasi-Monte Carlo, Gaussian weight ensemble",
        ),
    )


def claims() -> list[Claim]:
    """The claims of this family."""
    return [_two_nodes(), *(_comparison(when, *row) for when, time in _TIMES.items() for row in time.rows)]
