"""`assert_limit_matches_draw` and `assert_rates_match_updates`: ours pass, wrong ones are refuted.

False alarms over seeds: 1e-4 for each method, 1e-6 for each system of equations.
"""

from dataclasses import replace

import numpy as np
import pytest

from divprune_sym import Problem
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS, RandomEdge, RandomNode
from divprune_sym.pruning.method import KeepLaw
from divprune_sym.testing import assert_limit_matches_draw, assert_rates_match_updates, compiled_rates
from tests.dynamics.states import random_state
from tests.testing.again import refuted

SMALL = {"inputs": 600, "networks": 12, "masks": 4}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.statistical
def test_our_methods_pass(name):
    found = assert_limit_matches_draw(name, **SMALL)
    assert found.agrees
    assert 0 < found.resolution < 1


class SharedMask(RandomEdge):
    """Wrong: Q'_ik = p Q_ik, as if all nodes had one mask."""

    name = "shared-mask"

    def keep_law(self, keep):
        root = np.sqrt(keep)
        return KeepLaw(keep, kept=lambda z: root * z, smoothed=lambda mean, sd: root * mean)


class FirstNodes(RandomNode):
    """Wrong: keeps the first nodes, but says that it chooses at random."""

    name = "first-nodes"

    def draw(self, layer, keep, rng, count=1):
        return np.tile(np.arange(len(layer.weights)) < keep, (count, 1))


@pytest.mark.parametrize("wrong", [SharedMask, FirstNodes])
@pytest.mark.statistical
def test_two_faces_that_differ_are_refuted(wrong):
    message = refuted(lambda: assert_limit_matches_draw(wrong(), **SMALL), **{wrong.__name__: wrong})
    assert message.startswith(wrong.name)


def test_what_is_no_method_is_refused():
    with pytest.raises(BadInput, match="choose from"):
        assert_limit_matches_draw("nonsense")
    with pytest.raises(BadInput, match="networks = 2"):
        assert_limit_matches_draw("random-edge", networks=2)


PROBLEM = Problem(random_state(2, 1, 3, seed=1), eta=0.7, eta_v=0.3, sigma=0.4, weight_decay=0.05)


@pytest.mark.statistical
def test_our_equations_pass():
    assert_rates_match_updates(compiled_rates, PROBLEM, samples=100_000)
    frozen = replace(PROBLEM, eta_v=0.0, weight_decay=0.0)
    assert_rates_match_updates(compiled_rates, frozen, samples=40_000)


def without_noise(problem):
    return compiled_rates(replace(problem, sigma=0.0))


@pytest.mark.statistical
def test_wrong_equations_are_refuted():
    message = refuted(
        lambda: assert_rates_match_updates(without_noise, PROBLEM), without_noise=without_noise, problem=PROBLEM
    )
    assert "without_noise" in message
    written = message.rpartition("# problem = ")[2]
    from divprune_sym import OrderParameters

    again = eval(written, {"Problem": Problem, "OrderParameters": OrderParameters, "np": np})
    for ours, theirs in zip(compiled_rates(again), compiled_rates(PROBLEM), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_rates_of_another_shape_are_refused():
    with pytest.raises(BadInput, match=r"dv has shape \(3,\), expected \(2,\)"):
        assert_rates_match_updates(lambda problem: (*compiled_rates(problem)[:2], np.zeros(3)), PROBLEM)
