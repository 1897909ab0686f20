"""Deliberate mistakes in formulas: the kit has to catch every one, and to pass what they were made of.

Each mistake is a small change of something right, of the kind that people make. The checks of closed forms and of
targets have no chance in them beyond the covariances that are drawn. The statistical ones fail a right limit with
probability 1e-4 and right equations or samplers with 1e-6 each, over seeds; the seeds are fixed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from itertools import combinations

import numpy as np
import pytest
import sympy as sp
from scipy.stats import norm

from divprune_sym import Problem
from divprune_sym.codegen.compiler import compile_system
from divprune_sym.dpp import LEnsemble
from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.integrals import J2
from divprune_sym.gaussian import ERF, integral
from divprune_sym.pruning import DPPEdge, DPPNode, MagnitudeEdge, RandomEdge, RandomNode
from divprune_sym.pruning.method import KeepLaw, NodeLaw, NodeMethod
from divprune_sym.testing import (
    Conditioning,
    assert_dpp_law,
    assert_expectation_equals,
    assert_limit_matches_draw,
    assert_rates_match_updates,
    assert_targets_agree,
)
from tests.codegen.sources import SIZES, right_hand_side
from tests.dynamics.states import random_state

pytestmark = pytest.mark.slow(20)

# --- closed forms, as they stand in the papers (Saad & Solla 1995, appendix) --------------------------------------

L4 = "((1+C_ii)*(1+C_kk)-C_ik^2)"
L0 = f"({L4}*C_ab-C_ka*C_kb*(1+C_ii)-C_ia*C_ib*(1+C_kk)+C_ik*C_ia*C_kb+C_ik*C_ib*C_ka)"
L1 = f"({L4}*(1+C_aa)-C_ka^2*(1+C_ii)-C_ia^2*(1+C_kk)+2*C_ik*C_ia*C_ka)"
L2 = L1.replace("C_aa", "C_bb").replace("C_ka", "C_kb").replace("C_ia", "C_ib")
FORMULAS = {
    "J2": "2/pi/sqrt((1+C_ii)*(1+C_kk)-C_ik^2)",
    "I2": "2/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))",
    "I3": "2/pi*(C_ya*(1+C_ii)-C_iy*C_ia)/((1+C_ii)*sqrt((1+C_ii)*(1+C_aa)-C_ia^2))",
    "I4": f"4/pi^2/sqrt({L4})*asin({L0}/sqrt({L1}*{L2}))",
    "E[(g(u_a) - g(u_b))^2]/2": "1/pi*(asin(C_aa/(1+C_aa))+asin(C_bb/(1+C_bb))-2*asin(C_ab/sqrt((1+C_aa)*(1+C_bb))))",
}

CLOSED_FORMS = {
    "I2: 1/pi for 2/pi": ("I2", "2/pi", "1/pi"),
    "I2: variance not widened": ("I2", "(1+C_bb)", "C_bb"),
    "I2: no square root": ("I2", "sqrt((1+C_aa)*(1+C_bb))", "((1+C_aa)*(1+C_bb))"),
    "I2: atan for asin": ("I2", "asin", "atan"),
    "J2: covariance not squared": ("J2", "C_ik^2", "C_ik"),
    "J2: sign of the determinant": ("J2", "-C_ik^2", "+C_ik^2"),
    "I3: swapped index": ("I3", "C_ya*(1+C_ii)-C_iy", "C_iy*(1+C_ii)-C_ya"),
    "I3: sign of the second term": ("I3", "-C_iy*C_ia", "+C_iy*C_ia"),
    "I3: factor of the wrong field": ("I3", "/((1+C_ii)*sqrt", "/((1+C_aa)*sqrt"),
    "I4: sign in the numerator": ("I4", "+C_ik*C_ib*C_ka)", "-C_ik*C_ib*C_ka)"),
    "I4: missing 2 in the norm": ("I4", "+2*C_ik*C_ia*C_ka", "+C_ik*C_ia*C_ka"),
    "I4: missing 2/pi": ("I4", "4/pi^2", "2/pi"),
    "error: missing ½": ("E[(g(u_a) - g(u_b))^2]/2", "1/pi", "2/pi"),
    "error: missing 2 of the cross term": ("E[(g(u_a) - g(u_b))^2]/2", "-2*asin", "-asin"),
}


def check_formula(definition, old="", new=""):
    formula = FORMULAS[definition]
    assert old in formula
    assert_expectation_equals(formula.replace(old, new, 1) if old else formula, definition, max_examples=20)


# --- equations of motion, changed in SymPy and generated anew -----------------------------------------------------

PROBLEM = Problem(random_state(2, 1, 3, seed=1), eta=0.7, eta_v=0.3, sigma=0.4, weight_decay=0.05)


def term_of(rhs, part):
    (term,) = [x for x in sp.Add.make_args(rhs) if x.has(part)]
    return term


def times(part, factor):
    """Multiply the one term that has `part` by a factor."""
    return lambda rhs: rhs + (factor - 1) * term_of(rhs, part)


def without(part, factor):
    """Leave a factor out of the one term that has `part`."""
    return lambda rhs: rhs - term_of(rhs, part) + term_of(rhs, part).subs(factor, 1)


SPREAD = y.SPREAD[y.i, y.k]
EQUATIONS = {
    "dQ: sign of the η² term": ("dQ", times(SPREAD, -1)),
    "dQ: η for η²": ("dQ", times(SPREAD, 1 / y.ETA)),
    "dQ: f_c forgotten": ("dQ", without(SPREAD, y.FRACTION[y.c])),
    "dQ: one mask forgotten in the η² term": ("dQ", without(SPREAD, y.MASK[y.c, y.k])),
    "dQ: only one of the two drifts": ("dQ", times(y.DRIFT[y.c, y.k, y.i], 0)),
    "dQ: κ for 2κ": ("dQ", times(y.DECAY, sp.Rational(1, 2))),
    "dR: mask forgotten": ("dR", without(y.DRIFT, y.MASK[y.c, y.i])),
    "dv: η for η_v": ("dv", lambda rhs: rhs.subs(y.ETA_V, y.ETA)),
    "E[g'g'Δ²]: label noise forgotten": ("spread", times(J2, 0)),
    "E[g'g'Δ²]: σ for σ²": ("spread", times(J2, 1 / y.SIGMA)),
}


@cache
def generated(lhs, mutate):
    system = equations_of_motion()
    changed = tuple(
        replace(x, rhs=mutate(x.rhs)) if lhs and str(x.lhs.base.label) == lhs else x for x in system.assignments
    )
    assert not lhs or changed != system.assignments
    return compile_system(replace(system, assignments=changed), ERF, SIZES, ("dQ", "dR", "dv"))


def check_equations(lhs=None, mutate=None):
    def rates(problem):
        names = ("eta", "eta_v", "sigma", "weight_decay")
        return right_hand_side(generated(lhs, mutate), problem.state, {name: getattr(problem, name) for name in names})

    assert_rates_match_updates(rates, PROBLEM, samples=100_000)


# --- pruning: limits that are wrong, beside masks that are right --------------------------------------------------


class SharedMask(RandomEdge):
    """Q'_ik = p Q_ik, for p² Q_ik."""

    def keep_law(self, keep):
        root = np.sqrt(keep)
        return KeepLaw(keep, kept=lambda z: root * z, smoothed=lambda mean, sd: root * mean)


class SquaredShare(RandomEdge):
    """Q'_ii = p² Q_ii, for p Q_ii."""

    def keep_law(self, keep):
        return KeepLaw(keep**2, kept=lambda z: keep * z, smoothed=lambda mean, sd: keep * mean)


class HalfTail(MagnitudeEdge):
    """E[z²π] = p + t n(t), for p + 2t n(t)."""

    def keep_law(self, keep):
        t = norm.isf(keep / 2)
        return replace(super().keep_law(keep), kept_square=keep + t * norm.pdf(t))


class OneSided(MagnitudeEdge):
    """t = Φ⁻¹(1 − p), for Φ⁻¹(1 − p/2)."""

    def keep_law(self, keep):
        return super().keep_law(min(2 * keep, 0.999))


class UniformEdges(DPPEdge):
    """E[z²π] = p, as if the DPP did not prefer large weights."""

    def keep_law(self, keep):
        return replace(super().keep_law(keep), kept_square=keep)


class IndependentNodes(RandomNode):
    """P(i and j kept) = (k/K)², for k(k − 1)/(K(K − 1))."""

    def law(self, state, keep):
        right = super().law(state, keep)
        share = keep / state.K
        pairs = np.where(np.eye(state.K, dtype=bool), share, share**2)
        return NodeLaw(keep, pairs, right.subsets)


class UniformLaw(DPPNode):
    """The law of random nodes, for that of the DPP."""

    def law(self, state, keep):
        return RandomNode().law(state, keep)


LIMITS = {f"{wrong.name}: {wrong.__doc__}": wrong for wrong in
          (SharedMask, SquaredShare, HalfTail, OneSided, UniformEdges, IndependentNodes, UniformLaw)}  # fmt: skip


def check_limit(method):
    nodes = issubclass(method, NodeMethod)  # whose masks are small, and whose errors scatter
    assert_limit_matches_draw(method(), inputs=900, networks=20, masks=100 if nodes else 4)


# --- samplers -----------------------------------------------------------------------------------------------------

L = np.array([[2.0, 1.0, 0.5, 0.0], [1.0, 2.0, 0.0, 0.5], [0.5, 0.0, 1.0, 0.2], [0.0, 0.5, 0.2, 3.0]])
RANK_ONE = np.outer([1.0, 2.0, 0.5, 1.0], [1.0, 2.0, 0.5, 1.0])


def k_dpp(L, size, rng, count):
    return LEnsemble.from_matrix(L).sample_k(size, rng, count)


def marginal_kernel(L, size, rng, count):
    return k_dpp(L @ np.linalg.inv(np.eye(len(L)) + L), size, rng, count)


def squared_minors(L, size, rng, count):
    subsets = list(combinations(range(len(L)), size))
    weights = np.array([np.linalg.det(L[np.ix_(S, S)]) ** 2 for S in subsets])
    return [subsets[n] for n in rng.choice(len(subsets), count, p=weights / weights.sum())]


def largest_eigenvectors(L, size, rng, count):
    return LEnsemble.from_factor(np.linalg.eigh(L)[1][:, -size:]).sample_k(size, rng, count)


def finite_ridge(L, size, rng, count):
    return k_dpp(L + np.eye(len(L)), size, rng, count)


SAMPLERS = {
    "k-DPP: marginal kernel for L": (marginal_kernel, L),
    "k-DPP: det² for det": (squared_minors, L),
    "k-DPP: always the largest eigenvectors": (largest_eigenvectors, L),
    "k-DPP beyond the rank: a finite ridge for the limit": (finite_ridge, RANK_ONE),
}


def check_sampler(sampler, kernel):
    assert_dpp_law(sampler, kernel, 2)


# --- implementations ----------------------------------------------------------------------------------------------


def right_value(C_aa, C_ab, C_bb):
    return 2 / np.pi * np.arcsin(C_ab / np.sqrt((1 + C_aa) * (1 + C_bb)))


IMPLEMENTATIONS = {
    "I2 in single precision": lambda **C: float(np.float32(right_value(**C))),
    "I2 with π to 13 digits": lambda **C: right_value(**C) * np.pi / 3.141592653590,
    "I2 by three terms of the series of asin": lambda C_aa, C_ab, C_bb: (
        lambda x: 2 / np.pi * (x + x**3 / 6 + 3 * x**5 / 40)
    )(C_ab / np.sqrt((1 + C_aa) * (1 + C_bb))),
}


def check_implementation(function):
    assert_targets_agree(
        integral("I2", ERF).closed_form, extra={"own": function}, conditioning=Conditioning.WELL, max_examples=20
    )


# --- the test -----------------------------------------------------------------------------------------------------

MISTAKES = {
    **{name: partial(check_formula, *mistake) for name, mistake in CLOSED_FORMS.items()},
    **{name: partial(check_equations, *mistake) for name, mistake in EQUATIONS.items()},
    **{name: partial(check_limit, method) for name, method in LIMITS.items()},
    **{name: partial(check_sampler, *mistake) for name, mistake in SAMPLERS.items()},
    **{name: partial(check_implementation, function) for name, function in IMPLEMENTATIONS.items()},
}
RIGHT = {
    **{f"formula: {definition}": partial(check_formula, definition) for definition in FORMULAS},
    "equations of motion": check_equations,
    **{
        f"limit: {method.name}": partial(check_limit, method)
        for method in (RandomEdge, MagnitudeEdge, DPPEdge, RandomNode, DPPNode)
    },
    "sampler": partial(check_sampler, k_dpp, L),
    "sampler beyond the rank": partial(check_sampler, k_dpp, RANK_ONE),
    "implementation": partial(check_implementation, right_value),
}


def test_there_are_enough_mistakes():
    assert len(MISTAKES) >= 20


@pytest.mark.parametrize("check", RIGHT.values(), ids=RIGHT)
def test_what_is_right_passes(check):
    check()


@pytest.mark.parametrize("check", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_caught(check):
    with pytest.raises(AssertionError, match="reproduce: assert_"):
        check()
