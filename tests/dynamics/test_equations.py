"""The derived equations of motion: as text, against the published forms, and as numbers."""

import itertools

import numpy as np
import pytest
import sympy as sp

from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import (
    equations_of_motion,
    error_equations,
    second_moments,
)
from divprune_sym.dynamics.integrals import I2, I2_GH, I2_HH, I3, I3_H, I4, I4_GH, I4_HH, J2, expand_integrals
from divprune_sym.dynamics.update import (
    MEAN_SLOPE,
    MEAN_VALUE,
    ONE,
    OTHER,
    WEIGHT,
    N,
    UpdateRule,
    first_layer_update,
    in_samples,
    second_layer_update,
)
from divprune_sym.gaussian import ERF
from tests.dynamics.slow import evaluate, plain_integrals, run, state_values
from tests.dynamics.states import random_state, rounding
from tests.plain_ode import plain_generalization_error, plain_rhs

K, M, FIELDS = y.K, y.M, y.FIELDS
a, b, c, i, k, n = y.a, y.b, y.c, y.i, y.k, y.n
m, v, f, omega = y.MASK, y.V, y.FRACTION, y.VARIANCE
eta, kappa = y.ETA, y.DECAY
everywhere_a, everywhere_b = (a, 0, FIELDS - 1), (b, 0, FIELDS - 1)


def right_hand_sides(**rule):
    return {str(x.lhs): x.rhs for x in equations_of_motion(UpdateRule(**rule)).assignments}


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


def test_the_update_is_the_gradient_step_of_the_mean_squared_error():
    """−η ∇ mean ½Δ² over a batch of two inputs, by differentiating it in one weight, scaled as in the docs."""
    w = sp.Symbol("w", positive=True)
    g = sp.Function("g")
    u = sp.Symbol("u")
    samples = [sp.symbols(f"label{mu} rest{mu} x{mu}", positive=True) for mu in (1, 2)]
    fields = [w * x / sp.sqrt(N) + rest for _, rest, x in samples]
    errors = [v[i] * g(field) - label for field, (label, _, _) in zip(fields, samples, strict=True)]
    loss = sum(error**2 / 2 for error in errors) / 2
    slopes = [sp.diff(g(u), u).subs(u, field).doit() for field in fields]
    mean_slope = sum(slope * error * x[2] for slope, error, x in zip(slopes, errors, samples, strict=True)) / 2
    ours = first_layer_update(i) + kappa / N * WEIGHT[i]
    assert sp.simplify(ours.subs({MEAN_SLOPE[i]: mean_slope, m[c, i]: 1}) + eta * sp.diff(loss, w)) == 0
    # the derivative in v_i, where the fields are held
    loss = sum((v[i] * g(field) - x[0]) ** 2 / 2 for field, x in zip(fields, samples, strict=True)) / 2
    mean_value = sum(g(field) * error for field, error in zip(fields, errors, strict=True)) / 2
    ours = second_layer_update(i) + kappa / N * v[i]
    assert sp.simplify(ours.subs({MEAN_VALUE[i]: mean_value}) + y.ETA_V / N * sp.diff(loss, v[i])) == 0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_products_of_batch_means_by_going_through_every_batch(size):
    """Inputs drawn from three kinds, each as likely: all 3^b batches, against one sample and two different ones."""
    kinds = [{"x": 2, "delta": 3, "slope": {i: 5, k: 7}}, {"x": -1, "delta": 2, "slope": {i: 4, k: -3}}]
    kinds.append({"x": 3, "delta": -5, "slope": {i: 1, k: 2}})

    def term(kind, node):
        return kind["slope"][node] * kind["delta"] * kind["x"]

    batches = list(itertools.product(kinds, repeat=size))
    mean = {node: [sp.Rational(sum(term(kind, node) for kind in batch), size) for batch in batches] for node in (i, k)}
    for first, second in ((i, k), (i, i)):
        exact = sum(p * q for p, q in zip(mean[first], mean[second], strict=True)) / len(batches)
        formula = in_samples(MEAN_SLOPE[first] * MEAN_SLOPE[second], sp.Integer(size))
        value = sp.Integer(0)
        for one, other in itertools.product(kinds, repeat=2):
            named = {ONE.x: one["x"], ONE.delta: one["delta"], OTHER.x: other["x"], OTHER.delta: other["delta"]}
            for node in (i, k):
                named |= {ONE.slope[node]: one["slope"][node], OTHER.slope[node]: other["slope"][node]}
            value += formula.subs(named)
        assert value / 9 == exact


def test_a_product_of_three_means_is_not_guessed():
    with pytest.raises(ValueError, match="more than two batch means"):
        in_samples(MEAN_SLOPE[i] ** 3, sp.Integer(2))


def test_batches_only_change_the_term_in_eta_squared():
    one, many = right_hand_sides(), right_hand_sides(batch_size=y.BATCH)
    assert one.keys() == many.keys()
    assert {lhs for lhs in one if one[lhs] != many[lhs]} == {"dQ[c, i, k]"}
    learning = one["dQ[c, i, k]"].coeff(eta, 2)
    assert learning != 0
    assert sp.expand(many["dQ[c, i, k]"] - one["dQ[c, i, k]"] - eta**2 * learning * (1 / y.BATCH - 1)) == 0


@pytest.mark.parametrize("layers", [(True, True), (True, False), (False, True)], ids=["both", "first", "second"])
@pytest.mark.parametrize("sigma", [y.SIGMA, sp.S.Zero], ids=["noise", "no noise"])
@pytest.mark.parametrize("decay", [y.DECAY, sp.S.Zero], ids=["decay", "no decay"])
@pytest.mark.parametrize("small_eta", [False, True])
def test_any_subset_of_the_update_is_the_whole_with_zeros(layers, sigma, decay, small_eta):
    first, second = layers
    part = right_hand_sides(
        first_layer=first, second_layer=second, sigma=sigma, weight_decay=decay, small_eta=small_eta
    )
    whole = right_hand_sides()
    assert {name for name in part if name[0] == "d" and name[1] != "r"} == {
        *(("dQ[c, i, k]", "dR[c, i, n]") if first else ()),
        *(("dv[i]",) if second else ()),
    }
    assert ("spread[i, k]" in part) == (first and not small_eta)
    assert ("pull[i]" in part) == second
    for lhs, rhs in part.items():
        expected = sp.expand(whole[lhs].subs({y.SIGMA: sigma, y.DECAY: decay}))
        if small_eta and lhs == "dQ[c, i, k]":
            expected -= expected.coeff(eta, 2) * eta**2
        assert sp.expand(rhs - expected) == 0, lhs


def test_no_layer_at_all_is_refused():
    with pytest.raises(ValueError, match="no layer is trained"):
        UpdateRule(first_layer=False, second_layer=False)


def test_two_activations_that_are_the_same_make_the_same_numbers():
    """The sums split into students and teachers, against those over all fields."""
    state = random_state(2, 2, 3)
    values = state_values(state, **RATES)
    plain = plain_integrals(state)
    split = plain | {I2_GH: plain[I2], I2_HH: plain[I2], I3_H: plain[I3], I4_GH: plain[I4], I4_HH: plain[I4]}
    ours = run(equations_of_motion(UpdateRule(two_activations=True)).assignments, values | split)
    for name, expected in zip(("dQ", "dR", "dv"), plain_rhs(state, **RATES), strict=True):
        np.testing.assert_allclose(ours[name], expected, rtol=0, atol=rounding(state), err_msg=name)
    values |= {"C": state.covariance, "s": state.signed_weights}
    error = run(error_equations(two_activations=True).assignments, values | split)["generalization_error"]
    assert error == pytest.approx(plain_generalization_error(state.covariance, state.signed_weights), rel=1e-12)


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


@pytest.mark.parametrize("M", [1, 2, 3])
@pytest.mark.parametrize("K", [1, 2, 3])
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


def test_generalization_error_and_second_moments():
    state = random_state(2, 2, 3)
    values = {"K": 2, "M": 2, "C": state.covariance, "s": state.signed_weights} | plain_integrals(state)
    ours = run(error_equations().assignments, values)["generalization_error"]
    assert ours == pytest.approx(
        plain_generalization_error(state.covariance, state.signed_weights), abs=rounding(state)
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
