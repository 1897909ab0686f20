"""The implicit kernels on equations with known solutions: order, stability, growth, symmetry, and turns with others."""

from math import comb

import numpy as np
import pytest

from tests.solvers.stepping import Stepper, as_plain

ORDERS = (1, 2, 3, 4, 5)
LOGISTIC = Stepper(lambda y: y * (1 - y), "bdf")
K = LOGISTIC.kernels


def logistic(t, y0=0.1):
    return 1 / (1 + (1 / y0 - 1) * np.exp(-t))


def fixed_steps(order, h, start, last):
    """The formula of one order, with equal steps from exact differences; the state at `last`."""
    f, c = lambda y: y * (1 - y), h / K["leading"](order)
    history = logistic(start - h * np.arange(order + 1))
    memory = np.zeros((K["JACOBIAN"] + 1, 1))
    for row in range(order + 1):
        memory[row] = sum((-1) ** j * comb(row, j) * history[j] for j in range(row + 1))
    for _ in range(round((last - start) / h)):
        z = memory[: order + 1].sum(axis=0)
        psi = sum(memory[j] * sum(1 / i for i in range(1, j + 1)) for j in range(1, order + 1)) / K["leading"](order)
        d = np.zeros(1)
        for _ in range(30):
            d += (c * f(z + d) - psi - d) / (1 - c * (1 - 2 * (z + d)))
        K["advance_differences"](memory, order, d)
    return memory[0, 0]


@pytest.mark.parametrize("order", ORDERS)
def test_order(order):
    """Steps small enough for the leading term, errors far above rounding."""
    steps = [2.0**-j for j in ({1: range(7, 10), 2: range(7, 10), 5: range(5, 8)}.get(order, range(4, 7)))]
    errors = [abs(fixed_steps(order, h, 1.0, 3.0) - logistic(3.0)) for h in steps]
    assert min(errors) > 1e-13
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("order", ORDERS)
def test_polynomials_are_followed_exactly_up_to_the_order(order):
    """Σ_j ∇^j y/j = h y' at the end of a step, and the next difference times the error constant is what is missed."""
    y = np.polynomial.Polynomial(np.arange(1.0, order + 3))  # degree order + 1
    at = y(-np.arange(order + 2.0))
    differences = [sum((-1) ** j * comb(r, j) * at[j] for j in range(r + 1)) for r in range(order + 2)]
    formula = sum(differences[j] / j for j in range(1, order + 1))
    # the correction d is the next difference: ψ + d = c y' up to the error
    kappa, correction = K["kappa"](order), differences[order + 1]
    missed = formula + -kappa * sum(1 / j for j in range(1, order + 1)) * correction - y.deriv()(0.0)
    assert missed == pytest.approx(-K["error_constant"](order) * correction, rel=1e-10)


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_grows_that_decays(order):
    """For y' = λy with λ < 0 the roots of the formula stay in the unit circle at every step."""
    z = sum(np.polynomial.Polynomial([1.0, -1.0]) ** j / j for j in range(1, order + 1)) - K["kappa"](order) * sum(
        1 / j for j in range(1, order + 1)
    ) * np.polynomial.Polynomial([1.0, -1.0]) ** (order + 1)
    for size in np.geomspace(1e-3, 1e6, 60):
        roots = 1 / (z + size).roots()
        assert np.abs(roots).max() < 1.0


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("share", [0.3, 1.7])
def test_a_new_spacing_keeps_the_polynomial(order, share):
    y = np.polynomial.Polynomial(np.arange(1.0, order + 2))
    memory = np.zeros((8, 1))
    for spacing, check in ((1.0, False), (share, True)):
        at = y(-spacing * np.arange(order + 1.0))
        exact = np.array([[sum((-1) ** j * comb(r, j) * at[j] for j in range(r + 1))] for r in range(order + 1)])
        if check:
            K["respace"](memory, order, share)
            np.testing.assert_allclose(memory[: order + 1], exact, rtol=1e-10, atol=1e-10)
        else:
            memory[: order + 1] = exact


def test_linear_equations_with_exchanged_rows():
    """Matrices whose largest entries are off the diagonal, against NumPy."""
    rng = np.random.default_rng(0)
    for n in (1, 7, 20):
        J, c = rng.standard_normal((n, n)), 100.0
        memory = np.concatenate([np.zeros((K["JACOBIAN"], n)), J.T])
        lower, upper = np.empty((2, n + 1, (n + 3) // 4, 4))
        pivots, x = np.empty(n, dtype=np.int64), rng.standard_normal(n)
        exact = np.linalg.solve(np.eye(n) - c * J, x)
        assert K["factor"](memory, c, lower, upper, pivots)
        K["solve"](lower, upper, pivots, x)
        np.testing.assert_allclose(x, exact, rtol=1e-9)
        assert n == 1 or (pivots != np.arange(n)).any()


def prothero(rate):
    """y' = −rate (y − cos t) − sin t as two equations without t: y = cos t exactly, from any rate."""
    return lambda y: [-rate * (y[0] - np.cos(y[1])) - np.sin(y[1]), 1.0]


@pytest.mark.parametrize("method", ["auto", "bdf"])
def test_a_stiff_equation(method):
    """Far fewer steps than stability leaves an explicit method, and an error near the tolerance."""
    times = np.linspace(1.0, 10.0, 19)
    states, _, status, steps, _, _ = Stepper(prothero(1e5), method).adaptive(
        [1.0, 0.0], times, rtol=1e-6, patience=10.0
    )
    assert status == K["DONE"]
    assert steps < 300  # an explicit method needs rate × time/6 = 1.7e5
    assert np.abs(states[:, 0] - np.cos(times)).max() < 1e-5


def test_the_error_falls_with_rtol():
    times = np.linspace(0.5, 10.0, 20)
    errors = [
        np.abs(LOGISTIC.adaptive([0.1], times, rtol)[0][:, 0] - logistic(times)).max() for rtol in (1e-5, 1e-7, 1e-9)
    ]
    assert all(error < 30 * rtol for error, rtol in zip(errors, (1e-5, 1e-7, 1e-9), strict=True))
    assert errors[2] < errors[1] < errors[0]


def test_growth_from_far_below_the_tolerance_is_not_stepped_over():
    """y' = y(1 − y) from 1e-12 beside something that keeps still: the time to ½ is ln(1e12 − 1)."""
    for start in (1e-6, 1e-12):
        stepper, exact = Stepper(lambda y: [y[0] * (1 - y[0]), -y[1]], "bdf"), np.log(1 / start - 1)
        states = stepper.adaptive([start, 1.0], [exact, 100.0], rtol=1e-6)[0]
        # dy/dt = ¼ there: 1e-3 of the time to it
        assert abs(states[0, 0] - 0.5) < 0.25 * 1e-3 * exact
        assert states[1, 0] == pytest.approx(1.0, abs=1e-4)


def test_what_is_equal_stays_equal():
    """Three coordinates that repel each other keep together to the last bit, while one apart by 1e-9 leaves."""

    def f(y):
        mean = np.mean(y)
        return 0.5 * (y - mean) - 30.0 * (mean - 1.0) - (y - mean) ** 3

    stepper = Stepper(f, "bdf")
    together = stepper.adaptive([0.3, 0.3, 0.3], [10.0, 100.0])[0]
    assert (np.ptp(together, axis=1) == 0.0).all()
    assert together[-1] == pytest.approx(1.0, abs=1e-6)
    apart = stepper.adaptive([0.3, 0.3, 0.3 + 1e-9], [10.0, 100.0])[0]
    assert apart[1, 0] == apart[1, 1]
    assert abs(apart[1, 2] - apart[1, 0]) > 0.5


def test_there_and_back():
    """A fast rate makes a run implicit; where it is gone, and the solution swings fast, the run is explicit again."""

    def f(y):
        rate = 1.0 + 1e3 / (1.0 + np.exp(20.0 * (y[2] - 5.0)))
        swing = 1.0 / (1.0 + np.exp(-20.0 * (y[2] - 6.0)))
        return [-rate * (y[0] - 1.0), swing * 30.0 * np.cos(30.0 * y[2]), 1.0]

    run, (states, _, status, *_) = Stepper(f, "auto").run([2.0, 0.0, 0.0], [4.0, 20.0], patience=10.0, rtol=1e-7)
    assert status == K["DONE"]
    assert len(run.switches) == 2
    assert not run.implicit
    assert run.switches[0] < 1.0
    assert run.switches[1] > 5.0
    assert states[0, 0] == pytest.approx(1.0, abs=1e-6)
    assert states[1, 1] - states[0, 1] == pytest.approx(np.sin(600.0), abs=0.5)


@pytest.mark.parametrize("method", ["auto", "bdf"])
def test_pauses_change_nothing(method):
    """A run that is stopped and goes on has the bits of one that is not, implicit or not."""
    stepper = Stepper(prothero(300.0), method)
    times = np.linspace(0.0, 20.0, 7)
    whole = stepper.adaptive([1.0, 0.0], times, patience=10.0)
    paused = stepper.adaptive([1.0, 0.0], times, pauses=(0, 1, 5, 40, 41, 60, 90), patience=10.0)
    np.testing.assert_array_equal(paused[0], whole[0])
    assert paused[1:] == whole[1:]


def test_the_polynomials_of_the_steps_are_one_curve():
    """Each begins where the last one ended, at the states that are reported, and follows the solution."""
    run, _ = Stepper(prothero(300.0), "auto").run([1.0, 0.0], [10.0], rtol=1e-8, cap=400, patience=10.0)
    steps = run.trace[: int(run.control[run.k["STEPS"]])]
    assert run.switches
    ends = steps[:, :, 2:].sum(axis=1)
    np.testing.assert_allclose(steps[1:, 0, 2:], ends[:-1], rtol=0, atol=1e-13)
    np.testing.assert_allclose(steps[1:, 0, 0], steps[:-1, 0, :2].sum(axis=1), rtol=1e-13)
    middle = np.einsum("p,spj->sj", 0.5 ** np.arange(steps.shape[1]), steps[:, :, 2:])
    assert np.abs(middle[:, 0] - np.cos(middle[:, 1])).max() < 1e-6


def test_ways_to_stop():
    k = K
    runaway = Stepper(lambda y: y * y, "bdf").adaptive([1.0], [2.0])
    assert runaway[2] in (k["STEP_TOO_SMALL"], k["NOT_FINITE"])
    assert runaway[5] == pytest.approx(1.0, abs=1e-3)
    assert Stepper(lambda y: -y, "bdf").adaptive([1.0], [50.0], max_steps=7)[2] == k["TOO_MANY_STEPS"]
    undefined = Stepper(lambda y: np.sqrt(0.5 - y), "bdf").adaptive([1.0], [2.0])
    assert undefined[2] == k["NOT_FINITE"]


@pytest.mark.parametrize(("given", "slopes", "wanted"), [(7.0, 0, 7.0), (np.nan, 2, 1 - 2 * 0.3), (np.inf, 2, 0.4)])
def test_a_derivative_that_is_not_finite_is_made_of_differences(given, slopes, wanted):
    """As at the kinks of a closed form; the right-hand sides that it takes are counted."""
    differentiate = as_plain(call=lambda f, *x: x[2].fill(given) if f == 1 else f(*x))["differentiate"]
    memory, place, z = np.zeros((K["JACOBIAN"] + 1, 1)), np.zeros(1, dtype=np.int64), np.array([0.3])
    rooms = np.zeros((4, 1))
    with np.errstate(invalid="ignore"):
        made = differentiate(LOGISTIC.rhs, 1, np.ones((1, 1, 4)), z, rooms[0], place, place, *rooms[1:], memory, None)
    assert made == slopes
    assert memory[K["JACOBIAN"], 0] == pytest.approx(wanted, abs=1e-6)
