"""The stepping kernels on equations with known solutions: order, step control, dense output, ways to stop."""

import numpy as np
import pytest

from divprune_sym.solvers import Status
from divprune_sym.solvers.tableaus import DORMAND_PRINCE, EULER, RK4
from tests.solvers.stepping import Stepper

OSCILLATOR = Stepper(lambda y: [y[1], -y[0]])
LOGISTIC = Stepper(lambda y: y * (1 - y))


def logistic(t, y0=0.1):
    return 1 / (1 + (1 / y0 - 1) * np.exp(-t))


def slope(sizes, errors):
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


# --- order --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tableau", [EULER, RK4, DORMAND_PRINCE], ids=lambda t: t.name)
def test_order_with_a_fixed_step(tableau):
    """Steps small enough for the leading term, errors far above rounding."""
    steps = [2.0**-j for j in (range(2, 6) if tableau is not EULER else range(8, 12))]
    exact = np.array([np.cos(8), -np.sin(8)])
    ends = [OSCILLATOR.fixed_step([1.0, 0.0], [8.0], dt, tableau)[0][0] for dt in steps]
    errors = [np.linalg.norm(end - exact) for end in ends]
    assert min(errors) > 1e-11
    assert slope(steps, errors) == pytest.approx(tableau.order, abs=0.1)


def test_order_8_from_one_step_of_many_sizes():
    """One step has an error of O(h⁹), and of O(h⁸) inside it."""
    stepper = Stepper(lambda y: [y[1], -y[0]], "dop853")
    steps = np.array([2.0, 1.6, 1.2, 0.9])
    ends = [stepper.step_of([1.0, 0.0], h, 0.4) for h in steps]
    inside = [np.hypot(x[0] - np.cos(0.4 * h), x[1] + np.sin(0.4 * h)) for (x, _), h in zip(ends, steps, strict=True)]
    at_end = [np.hypot(x[0] - np.cos(h), x[1] + np.sin(h)) for (_, x), h in zip(ends, steps, strict=True)]
    assert min(*at_end, *inside) > 1e-13
    assert slope(steps, at_end) == pytest.approx(9, abs=0.3)
    assert slope(steps, inside) == pytest.approx(8, abs=0.3)


@pytest.mark.parametrize("method", ["dopri5", "dop853"])
def test_pauses_change_nothing(method):
    """A run that is stopped and goes on has the bits of one that is not."""
    stepper = Stepper(lambda y: [y[1], -y[0]], method)
    times = np.linspace(0.0, 20.0, 7)
    whole = stepper.adaptive([1.0, 0.0], times)
    paused = stepper.adaptive([1.0, 0.0], times, pauses=(0, 1, 5, 6, 9))
    np.testing.assert_array_equal(paused[0], whole[0])
    assert paused[1:] == whole[1:]


@pytest.mark.parametrize("theta", [0.3, 0.7])
def test_order_of_the_dense_output(theta):
    """One step: the error inside it is O(h⁵), that of order 4."""
    steps = [2.0**-j for j in range(2, 6)]
    errors = [abs(OSCILLATOR.one_step([1.0, 0.0], h, theta)[0, 0] - np.cos(theta * h)) for h in steps]
    sines = [abs(OSCILLATOR.one_step([1.0, 0.0], h, theta)[0, 1] + np.sin(theta * h)) for h in steps]
    assert slope(steps, np.hypot(errors, sines)) == pytest.approx(5, abs=0.1)


def test_the_error_is_proportional_to_rtol():
    """Tolerance proportionality (Hairer, Nørsett & Wanner, II.4): one constant for six orders of magnitude."""
    times = np.linspace(0.5, 20, 40)
    runs = {rtol: OSCILLATOR.adaptive([1.0, 0.0], times, rtol) for rtol in (1e-4, 1e-6, 1e-8, 1e-10)}
    ratios = [np.abs(run[0][:, 0] - np.cos(times)).max() / rtol for rtol, run in runs.items()]
    assert max(ratios) < 5
    assert max(ratios) < 1.5 * min(ratios)
    accepted = [run[3] for run in runs.values()]
    assert slope(list(runs), accepted) == pytest.approx(-1 / DORMAND_PRINCE.order, abs=0.02)


def test_a_sudden_slope_is_met_by_rejected_steps():
    """y' = logistic(40 (t − 10)) after a long nothing, during which the steps have grown."""
    sudden = Stepper(lambda y: [1.0, 1 / (1 + np.exp(-40 * (y[0] - 10)))])
    times = np.array([9.9, 10.0, 10.1, 11.0])
    states, _, status, steps, nfev, _ = sudden.adaptive([0.0, 0.0], times, 1e-8)
    assert status == Status.DONE
    assert nfev > 6 * steps + 2, "no step was rejected: the example is too easy"
    exact = np.logaddexp(0, 40 * (times - 10)) / 40
    np.testing.assert_allclose(states[:, 1], exact, rtol=0, atol=1e-7)


def test_a_tighter_rtol_than_rounding_still_ends():
    states, _, status, *_ = LOGISTIC.adaptive([0.1], [10.0], 1e-14)
    assert status == Status.DONE
    assert states[0, 0] == pytest.approx(logistic(10.0), rel=1e-13)


# --- landing on the requested times -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_last_time_is_always_reached(seed):
    """Spans of every size, ends that are no round numbers, outputs closer than rounding allows to step."""
    rng = np.random.default_rng(seed)
    for span in 10.0 ** rng.uniform(-12, 1.5, 25):
        times = np.unique(np.concatenate([rng.uniform(0, span, 5), [span * (1 - 1e-15), span]]))
        states, filled, status, *_ = LOGISTIC.adaptive([0.1], times, 1e-9)
        assert (filled, status) == (len(times), Status.DONE)
        np.testing.assert_allclose(states[:, 0], logistic(times), rtol=1e-7)


@pytest.mark.parametrize("span", [1e-300, 1e-30, 1e-13])
def test_tiny_spans(span):
    states, _, status, *_ = LOGISTIC.adaptive([0.1], [0.0, span])
    assert status == Status.DONE
    assert states[1, 0] == 0.1 + span * 0.09


def test_time_zero_only():
    states, filled, status, steps, nfev, t = LOGISTIC.adaptive([0.1], [0.0])
    assert (states[0, 0], filled, status, steps, nfev, t) == (0.1, 1, Status.DONE, 0, 1, 0.0)


def test_outputs_do_not_change_the_steps():
    """Dense output: asking for more times costs no right-hand sides."""
    few = OSCILLATOR.adaptive([1.0, 0.0], [20.0])
    many = OSCILLATOR.adaptive([1.0, 0.0], np.linspace(0, 20, 500))
    assert few[3:] == many[3:]
    assert few[0][-1] == pytest.approx(many[0][-1], abs=1e-14)


def test_right_hand_sides_are_counted():
    calls = []

    def counted(y):
        calls.append(1)
        return -y

    nfev = Stepper(counted).adaptive([1.0], [0.0, 5.0])[4]
    assert nfev == len(calls)
    calls.clear()
    nfev = Stepper(counted).fixed_step([1.0], [0.0, 5.0], 0.1)[4]
    assert nfev == len(calls) == 200


# --- fixed steps --------------------------------------------------------------------------------------


def test_fixed_steps_land_on_every_time():
    times = [0.0, 0.05, 0.31, 2.0]
    states, filled, status, steps, *_ = LOGISTIC.fixed_step([0.1], times, 0.1)
    assert (filled, status) == (4, Status.DONE)
    assert steps == 1 + 3 + 17
    # dt⁴ times a small constant
    np.testing.assert_allclose(states[:, 0], logistic(np.array(times)), rtol=1e-5)


def test_two_times_much_closer_than_the_step():
    """Each of them is still a step of its own: 10⁻⁹ of dt is not nothing."""
    times = [1.0, 1.0 + 1e-10]
    states, *_ = Stepper(lambda y: [1e10]).fixed_step([0.0], times, 1.0)
    assert states[1, 0] - states[0, 0] == pytest.approx(1.0, rel=1e-5)


# --- ways to stop -------------------------------------------------------------------------------------


def test_too_many_steps():
    states, filled, status, steps, _, t = OSCILLATOR.adaptive([1.0, 0.0], [0.01, 100.0], max_steps=5)
    assert (filled, status, steps) == (1, Status.TOO_MANY_STEPS, 5)
    assert 0.01 < t < 100
    assert states[0, 0] == pytest.approx(np.cos(0.01), abs=1e-8)


def test_a_singularity_stops_the_steps():
    """y' = y² from 1 has the pole t = 1."""
    _, filled, status, _, _, t = Stepper(lambda y: y * y).adaptive([1.0], [0.5, 2.0])
    assert filled == 1
    assert status in (Status.STEP_TOO_SMALL, Status.NOT_FINITE)
    assert t == pytest.approx(1.0, abs=1e-6)


def test_a_jump_in_the_slope_stops_the_steps():
    """No step across y = 1 is accurate: the slopes on both sides push back."""
    _, _, status, _, _, t = Stepper(lambda y: [1.0 if y[0] < 1 else -1e12]).adaptive([0.0], [2.0], 1e-13)
    assert status in (Status.STEP_TOO_SMALL, Status.TOO_MANY_STEPS)
    assert t == pytest.approx(1.0, abs=1e-9)


def test_leaving_the_domain_is_not_finite():
    """y' = −1/√y ends at y = 0; the step shrinks towards that point before it gives up."""
    _, filled, status, _, _, t = Stepper(lambda y: -1 / np.sqrt(y)).adaptive([1.0], [0.1, 5.0])
    assert (filled, status) == (1, Status.NOT_FINITE)
    assert t == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize("slope", [np.inf, np.nan])
def test_a_slope_that_is_not_finite_at_the_start(slope):
    _, filled, status, steps, _, t = Stepper(lambda y: [slope]).adaptive([1.0], [0.0, 1.0])
    assert (filled, status, steps, t) == (1, Status.NOT_FINITE, 0, 0.0)


def test_a_first_trial_outside_the_domain_is_only_a_reason_for_smaller_steps():
    """On short times: a step below 1e-12 is no failure."""
    scale = 1e-14
    domain = Stepper(lambda y: [1 / scale if y[0] < 2 else np.nan])
    states, _, status, *_ = domain.adaptive([1.0], [0.5 * scale])
    assert status == Status.DONE
    assert states[0, 0] == pytest.approx(1.5, abs=1e-8)


def test_fixed_steps_stop_when_they_diverge():
    _, filled, status, steps, _, t = Stepper(lambda y: y**3).fixed_step([1.0], [0.1, 100.0], 0.1)
    assert (filled, status) == (1, Status.NOT_FINITE)
    assert 1 < steps < 20
    assert t == pytest.approx(0.1 + (steps - 1) * 0.1)
