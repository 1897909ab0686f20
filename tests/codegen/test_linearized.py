"""The generated derivative, run by the interpreter, against differences of the generated equations in 50 digits."""

from functools import cache

import mpmath as mp
import numpy as np
import pytest

from divprune_sym.codegen.compiler import Function, compile_system
from divprune_sym.codegen.linearized import in_rows, linearized
from divprune_sym.codegen.simd import WIDTH
from divprune_sym.codegen.targets import TANGENT
from divprune_sym.codegen.text import printed
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.tangent import moving
from divprune_sym.dynamics.update import UpdateRule
from divprune_sym.gaussian import activation
from divprune_sym.solvers.derivatives import flat_rows
from tests.codegen.sources import NAMES, RATES, SIZES, plain_python
from tests.dynamics.states import random_state, rounding

RULES = {
    "erf": ("erf", UpdateRule(), None),
    "first layer": ("erf", UpdateRule(second_layer=False), None),
    "linear": ("linear", UpdateRule(), None),
    "two activations": ("erf", UpdateRule(two_activations=True), "erf[2]"),
}


@cache
def derivative(name, transposed):
    g, rule, h = RULES[name]
    variables, results = moving(rule)
    made = linearized(
        equations_of_motion(rule), variables, results, activation(g), SIZES, h and activation(h), transposed=transposed
    )
    routine = in_rows(made, flat_rows(transposed=transposed))
    return Function(routine.name, routine.arguments, printed(routine, TANGENT))


@cache
def equations(name):
    g, rule, h = RULES[name]
    outputs = ("dQ", "dR", "dv") if rule.second_layer else ("dQ", "dR")
    return compile_system(equations_of_motion(rule), activation(g), SIZES, outputs, teacher=h and activation(h))


def given(state, **more):
    names = {"Q": state.Q_classes, "R": state.R_classes, "T": state.T_classes, "v": state.v, "A": state.A}
    names |= {"mask": state.mask, "fraction": state.fraction, "variance": state.variance}
    return names | RATES | more


def flat(name, state, Q, R, v):
    """One vector, without v where it does not move."""
    return np.concatenate([Q.ravel(), R.ravel(), v if RULES[name][1].second_layer else []])


def parted(state, y):
    q, r = state.Q_classes.size, state.Q_classes.size + state.R_classes.size
    v = y[r:] if len(y) > r else state.v
    return {"Q": y[:q].reshape(state.Q_classes.shape), "R": y[q:r].reshape(state.R_classes.shape), "v": v}


def in_digits(name, state, y):
    """dy/dα by the equations' text in the digits of mpmath."""
    digits = {"asin": mp.asin, "atan2": mp.atan2, "sqrt": mp.sqrt, "root": mp.sqrt, "pi": +mp.pi}
    names = NAMES | digits | {"local_array": lambda shape: np.empty(shape, object)}
    function = equations(name)
    exec(function.source.replace("np.empty(", "local_array("), names)  # our own generated text
    out = {
        key: np.empty(np.shape(x), object) for key, x in zip(("dQ", "dR", "dv"), parted(state, y).values(), strict=True)
    }
    values = given(state, **parted(state, y)) | out
    exact = [
        np.vectorize(mp.mpf, otypes=[object])(values[x]) if x not in out else values[x] for x in function.arguments
    ]
    names[function.name](*[x if np.ndim(x) else x.item() for x in exact])
    return flat(name, state, *out.values())


def packed(rows):
    padded = np.pad(rows, ((0, -len(rows) % WIDTH), (0, 0)))
    return np.ascontiguousarray(padded.reshape(-1, WIDTH, rows.shape[1]).swapaxes(1, 2))


def swept(name, state, rows, *, transposed=False):
    directions = packed(rows)
    out = np.zeros_like(directions)
    values = given(state, directions=directions, out=out)
    function = derivative(name, transposed)
    plain_python(function)(*[values[x] for x in function.arguments])
    return out.swapaxes(1, 2).reshape(-1, rows.shape[1])[: len(rows)]


def symmetric(state, rows):
    """Directions that keep Q symmetric."""
    made = []
    for row in rows:
        Q = parted(state, row)["Q"]
        made.append(np.concatenate([((Q + Q.swapaxes(1, 2)) / 2).ravel(), row[Q.size :]]))
    return np.array(made)


@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 2, 3)], ids=str)
@pytest.mark.parametrize("name", RULES)
def test_along_directions(name, shape):
    """Each derivative is a sum of averages, as the equations are, times what has a size of 1 like their integrals; the
    closed forms are divided by powers of 1 − ρ², ρ the largest correlation that they read.
    """
    state = random_state(*shape)
    y = flat(name, state, state.Q_classes, state.R_classes, state.v)
    rows = symmetric(state, np.random.default_rng(0).normal(size=(3, len(y))))
    ours = swept(name, state, rows)
    with mp.workdps(50):
        h = mp.mpf(10) ** -12
        for row, slope in zip(rows, ours, strict=True):
            ends = [in_digits(name, state, y + sign * h * row) for sign in (1, -1)]
            exact = np.array([float(x) for x in (ends[0] - ends[1]) / (2 * h)])
            bound = 100 * rounding(state) * np.abs(row).sum()
            assert np.abs(slope - exact).max() <= bound


@pytest.mark.parametrize("name", RULES)
def test_transposed(name):
    """⟨w, J x⟩ = ⟨Jᵀ w, x⟩ for weights of the upper triangle of Q and all else."""
    state = random_state(2, 2, 3)
    y = flat(name, state, state.Q_classes, state.R_classes, state.v)
    rng = np.random.default_rng(1)
    rows, weights = symmetric(state, rng.normal(size=(5, len(y)))), rng.normal(size=(2, len(y)))
    weights[:, : state.Q_classes.size] *= np.tile(np.triu(np.ones((2, 2))).ravel(), 3)
    forwards = swept(name, state, rows) @ weights.T
    backwards = rows @ swept(name, state, weights, transposed=True).T
    scale = np.abs(rows).sum(1)[:, None] * np.abs(weights).sum(1)
    assert (np.abs(forwards - backwards) <= 100 * rounding(state) * scale).all()
