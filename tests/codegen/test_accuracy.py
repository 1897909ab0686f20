"""Compiled right-hand sides against the same equations in fifty digits."""

from functools import cache
from types import SimpleNamespace

import mpmath as mp
import numpy as np
import pytest

from divprune_sym.codegen.targets import PORTABLE
from divprune_sym.solvers.equations import Equations
from divprune_sym.solvers.modules import flat_parameters, problem_module
from tests.codegen.sources import RATES, generate_equations
from tests.dynamics.states import random_state, rounding

DIGITS = 50
STATES = {
    "well conditioned": [random_state(2, 2, seed=s) for s in range(2)],
    "larger": [random_state(4, 2)],
    "classes": [random_state(3, 2, 4)],
}


@cache
def portable():
    """For all sizes."""
    return generate_equations(target=PORTABLE)


def exact(state):
    """dQ, dR and dv of the portable source, run on numbers of fifty digits."""
    names = {
        "jit": lambda f: f,
        "np": SimpleNamespace(empty=lambda shape: np.empty(shape, dtype=object)),
        "asin": mp.asin,
        "sqrt": mp.sqrt,
        "pi": mp.pi,
    }
    function = portable()
    exec(function.source, names)  # our own generated text
    precise = np.vectorize(lambda x: mp.mpf(float(x)), otypes=[object])
    arrays = {"Q": state.Q_classes, "R": state.R_classes, "T": state.T_classes, "v": state.v, "A": state.A}
    arrays |= {name: getattr(state, name) for name in ("mask", "fraction", "variance")}
    given = {name: precise(array) for name, array in arrays.items()}
    given |= {name: mp.mpf(rate) for name, rate in RATES.items()}
    outputs = {f"d{name}": np.empty(arrays[name].shape, dtype=object) for name in ("Q", "R", "v")}
    with mp.workdps(DIGITS):
        names[function.name](*[(given | outputs)[name] for name in function.arguments])
        return np.concatenate([x.ravel() for x in outputs.values()])


def compiled(state):
    y = np.concatenate([state.Q_classes.ravel(), state.R_classes.ravel(), state.v])
    dydt = np.full_like(y, np.nan)
    problem_module(Equations(), state.K, state.M).rhs(y, dydt, flat_parameters(state, list(RATES.values())))
    return dydt


def error(values, true):
    with mp.workdps(DIGITS):
        return float(max(abs(mp.mpf(float(x)) - y) for x, y in zip(values, true, strict=True)))


@pytest.mark.parametrize("name", STATES)
def test_within_rounding_of_fifty_digits(name):
    for state in STATES[name]:
        true = exact(state)
        wrong = error(compiled(state), true)
        assert wrong < rounding(state)
        assert wrong < 1e-13 * float(max(map(abs, true)))


def test_near_copies_and_a_pruned_node():
    """Covariances that are singular to the last digit: the bound holds, relative accuracy is not promised."""
    for Q, R in (([[1.0, 1 - 1e-15], [1 - 1e-15, 1.0]], [[1.0], [1.0]]), ([[1e-300, 0.0], [0.0, 0.8]], [[0.0], [0.3]])):
        state = random_state(2, 1).with_(
            Q_classes=np.array([Q]), R_classes=np.array([R]), T_classes=np.ones((1, 1, 1)), variance=np.ones(1)
        )
        assert error(compiled(state), exact(state)) < rounding(state)


def test_an_error_of_one_in_a_trillion_is_seen():
    state = STATES["well conditioned"][0]
    true = exact(state)
    assert error(compiled(state) * (1 + 1e-12), true) > 1e-13 * float(max(map(abs, true)))
