"""The equations of motion against the SGD update itself: N times the mean change of the overlaps in one step.

For fixed weights the fields are Gaussian with exactly the covariance that the overlaps give, so the drifts are
exact at finite N. What N → ∞ drops is the covariance of |x_c|²/N with the fields and the square of the decay:
a few 1/N times terms below 1. They count as one more error of 1/N, below the statistical one.
"""

import numpy as np
import pytest
from scipy.special import erf

from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import System, equations_of_motion
from divprune_sym.notation import OrderParameters
from tests.dynamics.slow import plain_integrals, run, state_values

N, K, M, SAMPLES, CHUNK = 1200, 2, 1, 32_000, 1000
RATES = {"eta": 1.5, "eta_v": 0.8, "sigma": 0.9, "weight_decay": 0.6}
SPLIT = np.repeat([0, 1, 2], [400, 500, 300])  # the class of each input
MASK = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
VARIANCE = np.array([1.0, 1.6, 0.4])

# Each entry's mean is normal to better than the tail used here (32 000 samples of bounded slopes), so a right
# equation fails one of its 20 entries with probability 20 · P(|z| > 5.5) = 8e-7.
LIMIT = 5.5


def g(u):
    return erf(u / np.sqrt(2))


def slope(u):
    return np.sqrt(2 / np.pi) * np.exp(-(u**2) / 2)


@pytest.fixture(scope="module")
def network():
    """Student weights (K, N), teacher weights (M, N), second layers v (K,) and A (M,)."""
    rng = np.random.default_rng(20)
    w = 0.9 * rng.normal(size=(K, N))
    B = rng.normal(size=(M, N)) + 0.4 * w[:1]
    return w, B, np.array([1.1, -0.7]), np.array([1.3])


def overlaps(left, right):
    """left·right/N within each class.   (..., I, N), (J, N) → (..., classes, I, J)"""
    parts = [left[..., c == SPLIT] @ right[..., c == SPLIT].swapaxes(-1, -2) for c in range(len(MASK))]
    return np.stack(parts, axis=-3) / N


@pytest.fixture(scope="module")
def state(network):
    w, B, v, A = network
    fraction = np.bincount(SPLIT) / N
    return OrderParameters(overlaps(w, w), overlaps(w, B), overlaps(B, B), v, A, MASK, fraction, VARIANCE)


@pytest.fixture(scope="module")
def measured(network):
    """N times the change of Q^c, R^c and v in one update: means and standard errors by name."""
    w, B, v, A = network
    rng = np.random.default_rng(21)
    before = {"dQ": overlaps(w, w), "dR": overlaps(w, B), "dv": v}
    changes = {name: [] for name in before}
    for _ in range(SAMPLES // CHUNK):
        x = rng.normal(size=(CHUNK, N)) * np.sqrt(VARIANCE)[SPLIT]
        noise = rng.normal(size=CHUNK)
        field, taught = x @ w.T / np.sqrt(N), x @ B.T / np.sqrt(N)
        delta = g(field) @ v - g(taught) @ A - RATES["sigma"] * noise
        signal = RATES["eta"] / np.sqrt(N) * v * slope(field) * delta[:, None]
        step = signal[:, :, None] * MASK.T[:, SPLIT] * x[:, None, :]
        after = (1 - RATES["weight_decay"] / N) * w - step
        v_after = (1 - RATES["weight_decay"] / N) * v - RATES["eta_v"] / N * g(field) * delta[:, None]
        now = {"dQ": overlaps(after, after), "dR": overlaps(after, B), "dv": v_after}
        for name, values in now.items():
            changes[name].append(N * (values - before[name]))
    joined = {name: np.concatenate(parts) for name, parts in changes.items()}
    return {name: (x.mean(axis=0), x.std(axis=0) / np.sqrt(SAMPLES)) for name, x in joined.items()}


def largest_deviation(system, state, measured, **changed):
    """max |z| over all entries of dQ, dR and dv; the masked weights are frozen at non-zero values."""
    values = state_values(state, **RATES) | plain_integrals(state) | changed
    predicted = run(system.assignments, values)
    return max(np.abs((mean - predicted[name]) / (error + 1 / N)).max() for name, (mean, error) in measured.items())


@pytest.mark.statistical
def test_the_mean_change_in_one_step(state, measured):
    assert largest_deviation(equations_of_motion(), state, measured) < LIMIT


@pytest.mark.statistical
def test_masked_weights_only_decay(state, measured):
    mean, error = measured["dR"]
    assert error[1, 1, 0] < 1e-12 < error[1, 0, 0]
    assert mean[1, 1, 0] == pytest.approx(-RATES["weight_decay"] * state.R_classes[1, 1, 0], abs=1e-12)


@pytest.mark.parametrize(
    "changed",
    [
        {"sigma": 0.0},
        {"weight_decay": 0.0},
        {"eta_v": 0.4},
        {"mask": np.ones_like(MASK)},
        {"fraction": np.full(3, 1 / 3)},
    ],
    ids=str,
)
@pytest.mark.statistical
def test_wrong_inputs_would_be_seen(state, measured, changed):
    assert largest_deviation(equations_of_motion(), state, measured, **changed) > 2 * LIMIT


@pytest.mark.statistical
def test_a_wrong_equation_would_be_seen(state, measured):
    """The η² term without the variance of its inputs."""
    right = equations_of_motion()
    learning = y.ETA**2 * y.FRACTION[y.c] * y.VARIANCE[y.c]
    wrong = tuple(
        type(x)(x.lhs, x.rhs.subs(learning, y.ETA**2 * y.FRACTION[y.c]), x.symmetric) for x in right.assignments
    )
    assert [x.lhs for x, old in zip(wrong, right.assignments, strict=True) if x != old] == [y.D_Q[y.c, y.i, y.k]]
    assert largest_deviation(System("wrong", wrong, ""), state, measured) > 2 * LIMIT
