"""The specialized state under label noise and the symmetric plateau: exact expansions, for all sizes at once."""

import pytest
import sympy as sp
from sympy import pi, sqrt

from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.plateau import plateau
from divprune_sym.dynamics.small_eta import (
    SPREAD,
    A,
    L,
    M,
    Z,
    both_layers,
    distance_identity,
    edge_pruned_error,
    node_pruned_error,
    noise_floor,
    soft_committee,
)
from divprune_sym.dynamics.symbols import D_Q, ETA, SIGMA
from divprune_sym.dynamics.symmetric import Evaluator, Field
from divprune_sym.dynamics.update import UpdateRule

pytestmark = pytest.mark.slow(18)

EXPANSIONS = {
    "soft committee, L surplus": soft_committee,
    "soft committee, K = M": lambda: soft_committee(surplus=False),
    "both layers": both_layers,
}
FLOORS = {
    "soft committee, L surplus": SIGMA**2 / (2 * pi) * (L + M / sqrt(3)),
    "soft committee, K = M": SIGMA**2 / (2 * pi) * M / sqrt(3),
    "both layers": SIGMA**2 / (2 * pi) * A**2 * M / (sqrt(3) * Z),
}


@pytest.mark.parametrize("name", EXPANSIONS)
def test_noise_floor(name):
    expansion, floor = EXPANSIONS[name](), FLOORS[name]
    assert sp.simplify(expansion.error - floor) == 0
    # the same number along the other road: half the squared distance to the zero is a Lyapunov function
    assert distance_identity(expansion) == 0
    assert sp.simplify(noise_floor(expansion) - floor) == 0
    # formulas of this kind that are wrong
    for wrong in (floor.subs(sqrt(3), sqrt(2)), 2 * floor, floor / 2):
        assert sp.simplify(expansion.error - wrong) != 0


@pytest.mark.parametrize("name", EXPANSIONS)
def test_distance_between_equal_nodes_is_undecided_but_harmless(name):
    expansion = EXPANSIONS[name]()
    assert not expansion.error.has(SPREAD)
    decided = {"soft committee, L surplus": {"s"}, "soft committee, K = M": set(), "both layers": {"q", "r"}}
    assert {key for key, value in expansion.coefficients.items() if value.has(SPREAD)} == decided[name]


def test_copies_act_as_one_node_with_a_smaller_learning_rate():
    coefficients = both_layers().coefficients
    for name, value in coefficients.items():
        # Z nodes of weight A/Z move like one of weight A with η/Z; their v is a Z-th of its v
        single = value.subs({Z: 1, SPREAD: 0}) / (Z**2 if name == "dv" else Z)
        assert sp.simplify(value.subs(SPREAD, 0) - single) == 0


def test_without_error_signal_only_label_noise_diffuses():
    for name, make in EXPANSIONS.items():
        at_zero = Evaluator(equations_of_motion(UpdateRule(second_layer=name == "both layers")), make().state)
        for x in (Field("student", 1), Field("student", 2)):
            noise = at_zero.rate(D_Q, Field("student", 1), x, coefficient_of=ETA**2)
            assert sp.simplify(noise.subs(SIGMA, 0)) == 0
            assert sp.simplify(noise) != 0
            assert sp.simplify(at_zero.rate(D_Q, Field("student", 1), x, coefficient_of=ETA)) == 0


@pytest.mark.parametrize("name", ["soft committee, K = M", "both layers"])
def test_pruning_nothing_changes_nothing(name):
    expansion = EXPANSIONS[name]()
    certain = dict.fromkeys(("kept", "kept_same", "kept_other", "m", "m_both", "gamma"), 1)
    for orders in (node_pruned_error(expansion), edge_pruned_error(expansion)):
        noiseless, slope = (
            order.subs({symbol: certain[symbol.name] for symbol in order.free_symbols if symbol.name in certain})
            for order in orders
        )
        assert sp.simplify(noiseless) == 0
        assert sp.simplify((slope - expansion.error).subs({SPREAD: 0, M: 3, Z: 2, A: sp.Rational(7, 3)})) == 0


def test_pruning_every_node_leaves_the_teacher():
    for make in (both_layers, lambda: soft_committee(surplus=False)):
        noiseless, slope = (
            order.subs(dict.fromkeys(sp.symbols("kept kept_same kept_other", nonnegative=True), 0))
            for order in node_pruned_error(make())
        )
        assert noiseless == make().state.arrays["v"](Field("teacher")) ** 2 * M / 6
        assert slope == 0


def test_symmetric_plateau():
    found = plateau()
    assert sp.simplify(found.Q - 1 / (2 * M - 1)) == 0
    for width in (2, 3, 7):
        assert sp.simplify((found.R**2 - found.Q / M).subs(M, width)) == 0
        # Saad & Solla 1995, with ε → η and their K = M
        rate = 2 * M / (pi * sqrt(2 * M - 1) * sp.sqrt(2 * M + 1) ** 3)
        assert sp.simplify((found.escape_rate - rate).subs(M, width)) == 0
