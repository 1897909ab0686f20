"""The derived equations of motion: as text, against the published forms, and as numbers."""

import numpy as np
import pytest
import sympy as sp
from plain_ode import plain_generalisation_error, plain_rhs

from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import (
    equations_of_motion,
    first_layer_update,
    generalisation_error,
    second_layer_update,
    second_moments,
)
from divprune_sym.dynamics.integrals import I2, I3, I4, J2, expand_integrals
from divprune_sym.gaussian import ERF

from .slow import evaluate, plain_integrals, run, state_values
from .states import random_state, rounding

K, M, FIELDS = y.K, y.M, y.FIELDS
a, b, c, i, k, n = y.a, y.b, y.c, y.i, y.k, y.n
m, v, f, omega = y.MASK, y.V, y.FRACTION, y.VARIANCE
eta, kappa = y.ETA, y.DECAY
everywhere_a, everywhere_b = (a, 0, FIELDS - 1), (b, 0, FIELDS - 1)


def right_hand_sides(second_layer=True):
    return {str(x.lhs): x.rhs for x in equations_of_motion(second_layer).assignments}


# docs/notation.md, "Exact dynamics under any mask", with white inputs of variance ω_c in class c and weight decay
WRITTEN_OUT = {
    "dR[c, i, n]": -eta * v[i] * m[c, i] * y.DRIFT[c, i, K + n] - kappa * y.X[c, i, K + n],
    "dQ[c, i, k]": -eta * v[i] * m[c, i] * y.DRIFT[c, i, k]
    - eta * v[k] * m[c, k] * y.DRIFT[c, k, i]
    + eta**2 * f[c] * omega[c] * v[i] * v[k] * m[c, i] * m[c, k] * y.SPREAD[i, k]
    - 2 * kappa * y.X[c, i, k],
    "dv[i]": -y.ETA_V * y.PULL[i] - kappa * v[i],
    "drift[c, i, b]": sp.Sum(y.S[a] * I3(i, c, b, a), everywhere_a),
    "spread[i, k]": sp.Sum(y.S[a] * y.S[b] * I4(i, k, a, b), everywhere_a, everywhere_b) + y.SIGMA**2 * J2(i, k),
    "pull[i]": sp.Sum(y.S[a] * I2(i, a), everywhere_a),
    "C[a, b]": sp.Sum(omega[c] * y.X[c, a, b], (c, 0, y.CLASSES - 1)),
    "s[i]": v[i],
    "s[K + n]": -y.TEACHER[n],
}


@pytest.mark.parametrize("lhs", WRITTEN_OUT)
def test_equal_to_the_equations_written_out(lhs):
    assert sp.expand(right_hand_sides()[lhs] - WRITTEN_OUT[lhs]) == 0


def test_first_layer_only_is_the_same_system_without_the_second_layer():
    both, first = right_hand_sides(), right_hand_sides(second_layer=False)
    assert both.keys() - first.keys() == {"dv[i]", "pull[i]"}
    assert all(first[lhs] == both[lhs] for lhs in first)


def test_the_update_is_the_gradient_step_of_the_squared_error():
    """−η ∇½Δ² by differentiating ½(Σ v_i g(λ_i) − y)² in one weight, scaled as in the docs."""
    w, label, rest, N, x, u = sp.symbols("w label rest N x u", positive=True)
    g = sp.Function("g")
    field = w * x / sp.sqrt(N) + rest
    error = v[i] * g(field) - label
    gradient = sp.diff(error**2 / 2, w)
    ours = first_layer_update(i) + y.DECAY / sp.Symbol("N", positive=True) * sp.Symbol(f"w_{i}j", real=True)
    named = {
        sp.Symbol("gprime_i", real=True): sp.diff(g(u), u).subs(u, field).doit(),
        sp.Symbol("Delta", real=True): error,
        sp.Symbol("x_j", real=True): x,
        m[c, i]: 1,
    }
    assert sp.simplify(ours.subs(named) + eta * gradient) == 0
    second = sp.diff((v[i] * g(field) - label) ** 2 / 2, v[i])
    named = {sp.Symbol("g_i", real=True): g(field), sp.Symbol("Delta", real=True): error}
    ours = second_layer_update(i) + y.DECAY / N * v[i]
    assert sp.simplify(ours.subs(named) + y.ETA_V / N * second) == 0


def unpruned_symbols(K, M):
    """Inputs of an unpruned white problem as symbols; the integrals stay formal functions of integers."""
    Q = np.array([[sp.Symbol(f"Q{min(i, k)}{max(i, k)}") for k in range(K)] for i in range(K)], object)
    T = np.array([[sp.Symbol(f"T{min(i, k)}{max(i, k)}") for k in range(M)] for i in range(M)], object)
    R = np.array([[sp.Symbol(f"R{i}{n}") for n in range(M)] for i in range(K)], object)
    one = np.array([sp.Integer(1)], object)
    names = {name: sp.Symbol(name) for name in ("eta", "eta_v", "sigma", "weight_decay")}
    return (
        names
        | {
            "K": K,
            "M": M,
            "classes": 1,
            "exact": lambda number: number,
            "Q": Q[None],
            "R": R[None],
            "T": T[None],
            "v": np.array(sp.symbols(f"v:{K}"), object),
            "A": np.array(sp.symbols(f"A:{M}"), object),
            "mask": np.array([[1] * K], object),
            "fraction": one,
            "variance": one,
            I3: lambda i, c, b, a: I3(i, b, a),
        }
        | {formal: formal for formal in (I2, J2, I4)}
    )


@pytest.mark.parametrize(("K", "M"), [(1, 1), (2, 1), (2, 2)])
def test_unmasked_is_the_published_system(K, M):
    """Saad & Solla 1995 and Goldt et al., arXiv:1906.08632: sums of integrals over nodes, teacher minus student.

    Student nodes are fields 0 … K−1, teacher nodes fields K … K+M−1.
    """
    values = unpruned_symbols(K, M)
    ours = run(equations_of_motion().assignments, values, object)
    eta, eta_v, sigma, kappa = (values[name] for name in ("eta", "eta_v", "sigma", "weight_decay"))
    v, A, students, teachers = values["v"], values["A"], range(K), range(K, K + M)

    def drift(i, y):
        """Teacher minus student: −E[g'(λ_i) Δ u_y]."""
        taught = sum(A[m - K] * I3(i, y, m) for m in teachers)
        return taught - sum(v[j] * I3(i, y, j) for j in students)

    for i in students:
        for n in teachers:
            published = eta * v[i] * drift(i, n) - kappa * values["R"][0, i, n - K]
            assert sp.expand(ours["dR"][0, i, n - K] - published) == 0
        for k in students:
            square = sum(v[p] * v[q] * I4(i, k, p, q) for p in students for q in students)
            square += sum(A[p - K] * A[q - K] * I4(i, k, p, q) for p in teachers for q in teachers)
            square -= 2 * sum(v[j] * A[p - K] * I4(i, k, j, p) for j in students for p in teachers)
            published = eta * v[i] * drift(i, k) + eta * v[k] * drift(k, i)
            published += eta**2 * v[i] * v[k] * (square + sigma**2 * J2(i, k)) - 2 * kappa * values["Q"][0, i, k]
            assert sp.expand(ours["dQ"][0, i, k] - published) == 0
        taught = sum(A[p - K] * I2(i, p) for p in teachers) - sum(v[j] * I2(i, j) for j in students)
        assert sp.expand(ours["dv"][i] - (eta_v * taught - kappa * v[i])) == 0


RATES = {"eta": 0.7, "eta_v": 0.3, "sigma": 0.4, "weight_decay": 0.05}


@pytest.mark.parametrize(("K", "M", "classes"), [(1, 1, 1), (2, 1, 5), (2, 2, 4), (3, 2, 5)])
def test_numbers_agree_with_the_plain_equations(K, M, classes):
    state = random_state(K, M, classes)
    values = state_values(state, **RATES) | plain_integrals(state)
    ours = run(equations_of_motion().assignments, values)
    for name, plain in zip(("dQ", "dR", "dv"), plain_rhs(state, **RATES), strict=True):
        np.testing.assert_allclose(ours[name], plain, rtol=0, atol=rounding(state), err_msg=name)


def test_closed_forms_agree_with_the_published_integrals():
    """The same sums with the derived closed forms put in, instead of the published ones."""
    state = random_state(2, 1, 3)
    system = [type(x)(x.lhs, expand_integrals(x.rhs, ERF), x.symmetric) for x in equations_of_motion().assignments]
    ours = run(system, state_values(state, **RATES))
    for name, plain in zip(("dQ", "dR", "dv"), plain_rhs(state, **RATES), strict=True):
        np.testing.assert_allclose(ours[name], plain, rtol=0, atol=rounding(state), err_msg=name)


def test_generalisation_error_and_second_moments():
    state = random_state(2, 2, 3)
    values = {"K": 2, "M": 2, "C": state.covariance, "s": state.signed_weights} | plain_integrals(state)
    ours = run(generalisation_error().assignments, values)["generalization_error"]
    assert ours == pytest.approx(
        plain_generalisation_error(state.covariance, state.signed_weights), abs=rounding(state)
    )
    moments = run(second_moments().assignments, values)["moments"]
    assert moments[1, 2] == values[I2](1, 2)


def test_formal_integrals_have_the_symmetries_of_their_definitions_and_no_more():
    assert J2(1, 0) == J2(0, 1)
    assert I2(3, 1) == I2(1, 3)
    assert I2(y.i, y.a) == I2(y.a, y.i)
    assert len({I4(*p) for p in ((0, 1, 2, 3), (1, 0, 2, 3), (0, 1, 3, 2), (1, 0, 3, 2))}) == 1
    assert len({I4(*p) for p in ((0, 1, 2, 3), (2, 3, 0, 1), (0, 2, 1, 3), (0, 3, 2, 1))}) == 4
    assert len({I3(*p) for p in ((0, 0, 1, 2), (2, 0, 1, 0), (1, 0, 0, 2), (0, 0, 2, 1))}) == 4
    assert J2(y.i, y.k) != J2(y.i, y.i)


@pytest.mark.parametrize("formal", [J2, I2, I4])
def test_closed_forms_have_the_symmetry_of_the_formal_integrals(formal):
    """The closed form is not symmetric in appearance (one slope is tilted away first); its values are."""
    names = {J2: "ik", I2: "ab", I4: "ikab"}[formal]
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(4, 6)) / 3
    C = rows @ rows.T
    values = {"K": 2, "M": 2, "C": C}
    expression = expand_integrals(formal(*(getattr(y, name) for name in names)), ERF)
    free = [getattr(y, name) for name in names]

    def at(*where):
        return evaluate(expression, values, dict(zip(free, where, strict=True)))

    pairs = [(0, 1), (2, 3)][: len(names) // 2]
    swapped = [tuple(reversed(pair)) for pair in pairs]
    assert at(*sum(pairs, ())) == pytest.approx(at(*sum(swapped, ())), rel=1e-13)
