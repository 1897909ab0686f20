"""Events and checkpoints: times found on the dense output, and runs that go on from a file."""

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers import Checkpoint, ErrorReaches, PlateauEntry, PlateauEscape, Problem, integrate
from divprune_sym.solvers import _kernels as kernels
from divprune_sym.solvers import run as run_module
from tests.dynamics.states import random_state

SMOOTH = Problem(random_state(2, 1), 0.5, 0.4)
ALPHAS = [0.0, 1.0, 20.0]


def plateau():
    """Two students, two teachers, a small asymmetry: a plateau, then specialization."""
    R = np.array([[2e-3, 1e-3], [1e-3, 2e-3]])
    state = OrderParameters.unpruned(0.2 * np.eye(2), R, np.eye(2), np.ones(2), np.ones(2))
    return Problem(state, 1.0)


def error_at(problem, alpha):
    return integrate(problem, [alpha], rtol=1e-11).generalization_error[0]


def test_the_error_reaches_a_threshold():
    start, end = (error_at(SMOOTH, alpha) for alpha in (0.0, 20.0))
    threshold = np.sqrt(start * end)
    solution = integrate(SMOOTH, ALPHAS, rtol=1e-10, events=[ErrorReaches(threshold), ErrorReaches(1e3)])
    (times, never) = solution.events
    assert never == ()
    assert len(times) == 1
    assert error_at(SMOOTH, times[0]) == pytest.approx(threshold, rel=1e-7)
    np.testing.assert_array_equal(solution.Q, integrate(SMOOTH, ALPHAS, rtol=1e-10).Q)


def test_only_the_direction_asked_for():
    threshold = np.sqrt(error_at(SMOOTH, 0.0) * error_at(SMOOTH, 20.0))
    asked = [ErrorReaches(threshold, falling=False), ErrorReaches(threshold, rising=False)]
    rising, falling = integrate(SMOOTH, ALPHAS, events=asked).events
    assert (len(rising), len(falling)) == (0, 1)


def test_entry_to_and_escape_from_a_plateau():
    problem, rate = plateau(), 0.01
    solution = integrate(problem, [200.0], rtol=1e-10, events=[PlateauEntry(rate), PlateauEscape(rate)])
    (entries, escapes) = solution.events
    assert len(entries) >= 1
    assert len(escapes) >= 1
    assert entries[0] < escapes[0]
    for alpha in (entries[0], escapes[0]):
        around = np.log([error_at(problem, alpha - 0.01), error_at(problem, alpha + 0.01)])
        assert -(around[1] - around[0]) / 0.02 == pytest.approx(rate, rel=2e-3)


@pytest.mark.parametrize("event", [ErrorReaches, PlateauEntry, PlateauEscape])
def test_events_refuse_what_is_no_number(event):
    with pytest.raises(BadInput):
        event(float("nan"))


# --- checkpoints --------------------------------------------------------------------------------------


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A run stopped by its user after a few looks at the clock, and the file it left."""
    monkeypatch.setattr(run_module, "_TRIALS_AT_ONCE", 3)
    path = tmp_path / "run.npz"
    pauses = iter(range(4))

    def advance(run, *args, original=run_module.Run.advance):
        if next(pauses, None) is None:
            raise KeyboardInterrupt
        return original(run, *args)

    with monkeypatch.context() as patched:
        patched.setattr(run_module.Run, "advance", advance)
        with pytest.raises(KeyboardInterrupt):
            integrate(SMOOTH, ALPHAS, checkpoint=Checkpoint(path, every=0.0))
    return path


def test_a_run_goes_on_to_the_same_bits(interrupted):
    assert [path.name for path in interrupted.parent.iterdir()] == ["run.npz"]
    resumed = integrate(SMOOTH, ALPHAS, checkpoint=Checkpoint(interrupted))
    whole = integrate(SMOOTH, ALPHAS)
    np.testing.assert_array_equal(resumed.Q, whole.Q)
    np.testing.assert_array_equal(resumed.v, whole.v)
    assert (resumed.nfev, resumed.steps) == (whole.nfev, whole.steps)
    assert not interrupted.exists()


def test_the_file_was_used(interrupted):
    """A file with another state gives another end."""
    with np.load(interrupted) as held:
        arrays = dict(held)
    arrays["y"] = arrays["y"] * 1.01
    with interrupted.open("wb") as file:
        np.savez(file, **arrays)
    resumed = integrate(SMOOTH, ALPHAS, checkpoint=Checkpoint(interrupted))
    assert np.abs(resumed.Q[-1] - integrate(SMOOTH, ALPHAS).Q[-1]).max() > 1e-9


def test_a_checkpoint_of_another_run_is_refused(interrupted):
    for options in ({"rtol": 1e-7}, {"method": "dopri5"}):
        with pytest.raises(BadInput, match="not a checkpoint of this problem"):
            integrate(SMOOTH, ALPHAS, checkpoint=Checkpoint(interrupted), **options)
    with pytest.raises(BadInput, match="not a checkpoint of this problem"):
        integrate(SMOOTH, [3.0], checkpoint=Checkpoint(interrupted))


def changed(name, value):
    def change(arrays):
        arrays[name] = value(arrays[name])

    return change


def counter(place, value):
    """One number of the control replaced."""

    def change(arrays):
        arrays["control"][place] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("y", lambda y: y.astype(np.int64)),
        changed("y", lambda y: y.astype(np.float32)),
        changed("y", lambda y: y * np.nan),
        changed("slope", lambda slope: slope[:-2]),
        changed("out", lambda out: out[:1]),
        changed("start", lambda start: start[:, :1]),
        changed("implicit", lambda implicit: np.array(True)),
        changed("control", lambda control: control[:-1]),
        *(counter(place, 1e6) for place in (kernels.T, kernels.TRIALS, kernels.STEPS, kernels.FILLED, kernels.ORDER)),
        *(counter(place, 0.0) for place in (kernels.T, kernels.H, kernels.PREVIOUS, kernels.FILLED)),
        *(counter(place, 1.5) for place in (kernels.TRIALS, kernels.REJECTED)),
        counter(kernels.FILLED, -1.0),
        lambda arrays: arrays.pop("slope"),
        lambda arrays: arrays.pop("implicit"),
    ],
)
def test_a_checkpoint_is_validated_before_it_is_used(interrupted, change):
    with np.load(interrupted) as held:
        arrays = dict(held)
    change(arrays)
    with interrupted.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(BadInput, match="cannot be read as a checkpoint"):
        integrate(SMOOTH, ALPHAS, checkpoint=Checkpoint(interrupted))


@pytest.mark.parametrize("content", [b"", b"no zip file", b"PK\x03\x04 half"])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read as a checkpoint"):
        integrate(SMOOTH, ALPHAS, checkpoint=Checkpoint(path))


def test_a_place_that_cannot_be_written_to_is_refused_at_once(tmp_path):
    for path in (tmp_path / "nowhere" / "run.npz", tmp_path):
        with pytest.raises(BadInput, match="must be a file in a folder that exists"):
            Checkpoint(path)


def test_a_short_run_leaves_no_file(tmp_path):
    integrate(SMOOTH, ALPHAS, checkpoint=Checkpoint(tmp_path / "run.npz"))
    assert list(tmp_path.iterdir()) == []
