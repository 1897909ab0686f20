"""`method="auto"` on the equations of motion: plateaus, long tails, and the same bits however a run is cut up."""

from dataclasses import replace

import numpy as np
import pytest

from divprune_sym.notation import OrderParameters
from divprune_sym.solvers import (
    Checkpoint,
    ErrorReaches,
    IntegrationFailed,
    Problem,
    Status,
    integrate,
    integrate_batch,
)
from divprune_sym.solvers import run as run_module
from tests.solvers.test_batch import assert_same

LAST = 2e4
TIMES = np.geomspace(1.0, LAST, 25)


def problem(overlap, K=4, M=2, seed=0):
    """Overlaps of one size off the diagonal and with the teacher, both layers learning."""
    rng = np.random.default_rng(seed)
    off = np.triu(overlap * rng.standard_normal((K, K)), 1)
    R = overlap * rng.standard_normal((K, M))
    v = 1 + overlap * rng.standard_normal(K)
    state = OrderParameters.unpruned(np.eye(K) + off + off.T, R, np.eye(M), v, np.ones(M))
    return Problem(state, 0.2, 0.2, 0.01)


def escape(problem, **options):
    """When ε_g falls through a value between plateau and tail."""
    (times,) = integrate(problem, [LAST], events=[ErrorReaches(1e-3)], **options).events
    return times


@pytest.mark.parametrize("overlap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_plateaus_are_left_on_time(overlap):
    """To 1e-3 of the time an explicit run at rtol 1e-12 takes; 1e-12 is four digits above rounding."""
    (exact,) = escape(problem(overlap), rtol=1e-12, method="dop853")
    for rtol in (1e-6, 1e-8) if overlap > 1e-12 else (1e-8,):
        for method in ("auto", "bdf"):
            (ours,) = escape(problem(overlap), rtol=rtol, method=method)
            assert ours == pytest.approx(exact, rel=1e-3), (rtol, method)


@pytest.mark.parametrize("method", ["auto", "bdf"])
@pytest.mark.parametrize("with_teacher", [0.0, 1e-3])
def test_symmetry_is_never_left(method, with_teacher):
    """Nodes that start equal stay equal to the last bit, though the plateau they are on is unstable."""
    start = problem(0.0)
    start = replace(start, state=start.state.with_(R_classes=start.state.R_classes + with_teacher))
    solution = integrate(start, [LAST, 1e6], method=method)
    assert np.ptp(solution.R, axis=(1, 2)).tolist() == [0.0, 0.0]
    assert np.ptp(solution.v, axis=1).tolist() == [0.0, 0.0]
    assert solution.generalization_error[-1] == pytest.approx(solution.generalization_error[0], rel=1e-2)
    assert solution.steps < 1000


def test_long_tails_take_few_steps():
    """Accuracy against the explicit method, which stability bounds to h ≈ 35 here."""
    ours, exact = (integrate(problem(1e-3), TIMES, **x) for x in ({}, {"method": "dop853", "rtol": 1e-12}))
    np.testing.assert_allclose(ours.generalization_error, exact.generalization_error, rtol=1e-4)
    assert ours.njev > 0
    assert ours.nfev < exact.nfev / 10


def test_short_runs_stay_explicit():
    short, other = (integrate(problem(1e-3), [1.0, 100.0], method=method) for method in ("auto", "dop853"))
    assert_same([short], [other])
    assert short.njev == short.nlu == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_alone_or_in_a_batch(threads):
    problems = [problem(10.0**-n, seed=n) for n in range(2, 6)]
    alone = [integrate(one, TIMES, rtol=1e-6) for one in problems]
    assert all(one.njev for one in alone)
    assert_same(integrate_batch(problems, TIMES, rtol=1e-6, threads=threads), alone)
    assert_same(
        integrate_batch(problems[1:2], TIMES, rtol=1e-6, method="bdf"),
        [integrate(problems[1], TIMES, rtol=1e-6, method="bdf")],
    )


def test_checkpoints_and_events_change_nothing(tmp_path, monkeypatch):
    """Stopped in the explicit and in the implicit part, written, and gone on from: the same bits."""
    monkeypatch.setattr(run_module, "_TRIALS_AT_ONCE", 15)
    whole = integrate(problem(1e-3), TIMES, rtol=1e-6)
    kept = Checkpoint(tmp_path / "run.npz", every=1e-9)
    saved = run_module.Run._save
    for stop in (1, 3, 4):

        def save_and_stop(run, path, left=[stop]):  # noqa: B006
            saved(run, path)
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        monkeypatch.setattr(run_module.Run, "_save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            integrate(problem(1e-3), TIMES, rtol=1e-6, checkpoint=kept)
    monkeypatch.setattr(run_module.Run, "_save", saved)
    assert_same([integrate(problem(1e-3), TIMES, rtol=1e-6, checkpoint=kept, events=[ErrorReaches(1e-3)])], [whole])
    assert not kept.path.exists()


def test_what_stopped_it_is_named():
    for method in ("auto", "bdf"):
        stopped = integrate(problem(1e-3), TIMES, method=method, max_steps=150, throw=False)
        assert stopped.status == Status.TOO_MANY_STEPS
        assert "max_steps = 150 steps" in stopped.message
        assert 0 < len(stopped.alpha) < len(TIMES)
    with pytest.raises(IntegrationFailed, match="diverged"):
        integrate(replace(problem(1e-3), eta=1e200), TIMES, method="bdf")


def test_the_derivative_is_the_generated_one():
    """Runs by differences count right-hand sides for each Jacobian, and end at the same state to the tolerance."""
    generated = integrate(problem(1e-3), TIMES)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_module, "address_of_derivative", lambda *_: 0)
        by_differences = integrate(problem(1e-3), TIMES)
    assert by_differences.njev > 0
    n = 4 * 5 // 2 + 4 * 2 + 4
    assert by_differences.nfev - generated.nfev > 0.5 * n * by_differences.njev
    np.testing.assert_allclose(generated.generalization_error, by_differences.generalization_error, rtol=1e-4)
