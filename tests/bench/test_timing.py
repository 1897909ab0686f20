"""Timing by turns, judged with a clock that the contestants move themselves: no real time is involved."""

import gc

import pytest

from divprune_sym.bench import Case, Contestant, Fact, Missing, Speed, at_least, at_most
from divprune_sym.bench.timing import Effort, measure_case, spread


class World:
    """A clock, and contestants that take as long as they are told to."""

    def __init__(self):
        self.now = 0.0
        self.log = []

    def clock(self):
        return self.now

    def contestant(self, name, durations, **options):
        """`durations`: one number, or one for each call, the last of which repeats."""
        left = list(durations) if isinstance(durations, list) else [durations]

        def run():
            self.log.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return Contestant(name, run, **options)

    def measure(self, *contestants, effort=None, **options):
        effort = effort or Effort(shortest=0.5, budget=100.0, fewest=3, most=7)
        return measure_case(Case("case", contestants, **options), effort, self.clock)


def test_medians_quartiles_and_speeds():
    world = World()
    # warm-up and calibration, then the rounds
    ours = world.contestant("ours", [9.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    peer = world.contestant("peer", [9.0, 1.0, 2.0, 2.0, 9.0, 4.0, 20.0])
    effort = Effort(shortest=0.5, budget=0.0, fewest=5, most=7)
    found = world.measure(ours, peer, effort=effort, speeds=[Speed("ours", "peer", at_least(2.0))])
    first, second = found.timed
    assert (first.seconds.median, first.seconds.low, first.seconds.high) == (3.0, 2.0, 4.0)
    assert (second.seconds.median, first.rounds, first.calls) == (4.0, 5, 1)
    # the median of the ratios 2, 1, 3, 1, 4 within rounds, not the ratio 4/3 of the medians
    (speed,) = found.compared
    assert (speed.times.median, speed.times.low, speed.times.high) == (2.0, 1.0, 3.0)
    assert speed.goal.is_met(speed.times.median)


def test_the_first_call_is_not_timed():
    world = World()
    found = world.measure(world.contestant("compiles", [1000.0, 1.0]))
    assert found.timed[0].seconds.high == 1.0


def test_turns_rotate():
    world = World()
    world.measure(*(world.contestant(name, 1.0) for name in "abc"), effort=Effort(0.5, 0.0, 4, 4))
    assert "".join(world.log) == "abc" + "abc" + "abc" + "bca" + "cab" + "abc"


def test_short_calls_are_repeated_and_counted_per_unit():
    world = World()
    found = world.measure(world.contestant("short", 0.015625, units=4.0))
    timed = found.timed[0]
    assert timed.calls * 0.015625 >= 0.5
    assert timed.seconds.median == 0.015625 / 4


def test_the_budget_sets_the_number_of_rounds():
    for budget, rounds in ((0.0, 3), (5.0, 5), (100.0, 7)):
        world = World()
        found = world.measure(world.contestant("x", 1.0), effort=Effort(0.5, budget, 3, 7))
        assert found.timed[0].rounds == rounds


def test_before_runs_before_every_call_and_is_not_timed():
    world = World()

    def before():
        world.log.append("before")
        world.now += 50.0

    found = world.measure(world.contestant("x", 0.001, before=before), effort=Effort(0.5, 0.0, 3, 3))
    assert world.log == ["before", "x"] * 4
    assert found.timed[0].calls == 1
    assert found.timed[0].seconds.median == pytest.approx(0.001, rel=1e-9)


def test_what_is_missing_is_named_and_not_compared():
    world = World()
    found = world.measure(
        world.contestant("ours", 1.0),
        Missing("peer", "pip install peer"),
        speeds=[Speed("ours", "peer")],
        facts=[Fact("error", 1e-9, goal=at_most(1e-8))],
    )
    assert [x.name for x in found.timed] == ["ours"]
    assert found.compared == ()
    assert found.missing == (Missing("peer", "pip install peer"),)
    assert found.facts[0].goal.is_met(found.facts[0].value)


def test_a_case_may_have_facts_only():
    assert World().measure(facts=[Fact("bytes", 3.0)]).facts[0].value == 3.0


def test_the_garbage_collector_rests_while_timing_and_works_again_afterwards():
    seen = []
    case = Case("case", [Contestant("x", lambda: seen.append(gc.isenabled()))])
    measure_case(case, Effort(0.0, 0.0, 1, 1))
    assert seen[0]
    assert not any(seen[1:])
    assert gc.isenabled()


def test_blas_has_the_threads_that_a_contestant_asks_for():
    import numpy as np
    from threadpoolctl import threadpool_info

    seen = {1: set(), 2: set()}

    def look(threads):
        np.linalg.norm(np.ones((3, 3)), 2)
        seen[threads] |= {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    def contestant(threads):
        calls = iter(range(100))
        # the first call is the warm-up, which no limit governs
        return Contestant(str(threads), lambda: next(calls) and look(threads), threads=threads)

    measure_case(Case("case", [contestant(1), contestant(2)]), Effort(0.0, 0.0, 2, 2))
    assert seen[1] == {1}
    assert seen[2] <= {1, 2}


def test_spread_interpolates():
    found = spread([4.0, 1.0, 3.0, 2.0])
    assert (found.low, found.median, found.high) == (1.75, 2.5, 3.25)


@pytest.mark.parametrize(("goal", "met"), [(at_most(2.0), [1.0, 2.0]), (at_least(2.0), [2.0, 3.0])])
def test_goals(goal, met):
    assert [x for x in (1.0, 2.0, 3.0) if goal.is_met(x)] == met
