"""Every activation, every integral: against quadrature of the definition, in its limits, and in its symmetries."""

import re
from functools import cache
from importlib.metadata import EntryPoint
from math import factorial, prod
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from divprune_sym.activation_names import BUILT_IN
from divprune_sym.gaussian import (
    ACTIVATIONS,
    COINCIDENT,
    ERF,
    INTEGRALS,
    LINEAR,
    RELU,
    SIGN,
    SINE,
    Activation,
    Diverges,
    G,
    NoClosedForm,
    activation,
    closing,
    erf,
    expectation,
    hermite,
    integral,
    named_covariance,
    polynomial,
)
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.ground import plugins
from divprune_sym.ground.checks import BadInput
from divprune_sym.testing import covariance_values
from tests.gaussian import oracle

pytestmark = pytest.mark.slow(50)

FIELDS = {"J2": "ik", "I2": "ab", "I3": "iya", "I4": "ikab"}
# the products of four signs that stop ReLU's I4 are probabilities of orthants in four dimensions
CLOSING = [(name, act) for act in ACTIVATIONS for name in INTEGRALS if (name, act) != ("I4", "relu")]
MIXED = [
    ("erf", "linear"),
    ("erf", "sign"),
    ("erf", "sine"),
    ("erf", "relu"),
    ("erf", "he3"),
    ("relu", "linear"),
    ("relu", "sign"),
    ("relu", "he2"),
    ("sign", "linear"),
    ("sine", "relu"),
    ("he3", "erf"),
    ("linear", "erf"),
]
GELU = Activation("gelu", g=lambda u: u * (1 + sp.erf(u / sp.sqrt(2))) / 2)


@cache
def compiled(expression, arguments):
    """A closed form as a function of the covariances in the order of their names."""
    return sp.lambdify(
        list(map(sp.Symbol, arguments)),
        expression.subs({s: sp.Symbol(s.name) for s in expression.free_symbols}),
        ["scipy", "numpy"],
    )


def value(expression, C, fields):
    entries = covariance_values(C, fields)
    return float(compiled(expression, tuple(entries))(*entries.values()))


def named(*symbols):
    return [covariance_symbol(*pair) for pair in symbols]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "student"), CLOSING)
def test_against_quadrature(name, student, seed):
    C = oracle.covariance(len(FIELDS[name]), seed)
    closed = integral(name, ACTIVATIONS[student]).closed_form
    assert value(closed, C, FIELDS[name]) == pytest.approx(oracle.integral(name, C, student), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("name", ["I2", "I3", "I4"])
@pytest.mark.parametrize(("student", "teacher"), MIXED)
def test_teacher_and_student_may_differ(student, teacher, name):
    C = oracle.covariance(len(FIELDS[name]), seed=7)
    closed = integral(name, ACTIVATIONS[student], ACTIVATIONS[teacher]).closed_form
    expected = oracle.integral(name, C, student, teacher)
    assert value(closed, C, FIELDS[name]) == pytest.approx(expected, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("student", [name for name in oracle.PRECISE if name != "erf"])
def test_I2_in_fifteen_digits(student):
    C = [[0.5, 0.25], [0.25, 1.0]]
    closed = integral("I2", ACTIVATIONS[student]).closed_form
    numbers = {
        covariance_symbol(*pair): sp.Rational(C["ab".index(pair[0])]["ab".index(pair[1])])
        for pair in ("aa", "ab", "bb")
    }
    assert abs(sp.N(closed.subs(numbers), 20) - oracle.precise_I2(C, student)) < 1e-14


@pytest.mark.parametrize(("name", "student"), CLOSING)
def test_symmetries(name, student):
    closed = integral(name, ACTIVATIONS[student]).closed_form
    C = oracle.covariance(len(FIELDS[name]), seed=3)
    swaps = {"J2": [[1, 0]], "I2": [[1, 0]], "I3": [], "I4": [[1, 0, 2, 3], [0, 1, 3, 2]]}
    for order in swaps[name]:
        assert value(closed, C[np.ix_(order, order)], FIELDS[name]) == pytest.approx(
            value(closed, C, FIELDS[name]), rel=1e-11
        )


@pytest.mark.parametrize("student", ACTIVATIONS)
def test_I3_is_linear_in_its_linear_field(student):
    closed = integral("I3", ACTIVATIONS[student]).closed_form
    iy, ay, yy = named("iy", "ay", "yy")
    assert sp.expand(closed.diff(iy, 2)) == sp.expand(closed.diff(ay, 2)) == closed.diff(yy) == 0
    assert closed.subs({iy: 0, ay: 0}) == 0


@pytest.mark.parametrize("student", ACTIVATIONS)
def test_cauchy_schwarz_and_positivity(student):
    closed = integral("I2", ACTIVATIONS[student]).closed_form
    for seed in range(20):
        C = oracle.covariance(5, seed)
        gram = np.array([[value(closed, C[np.ix_([p, q], [p, q])], "ab") for q in range(5)] for p in range(5)])
        # the diagonal through I2(a, a): the pair (a, a) has a singular covariance
        assert np.linalg.eigvalsh((gram + gram.T) / 2).min() > -1e-12
        assert np.all(gram**2 <= np.outer(np.diag(gram), np.diag(gram)) * (1 + 1e-12))


@pytest.mark.parametrize("student", ACTIVATIONS)
def test_price_rule_holds(student):
    """∂I2/∂C_ab = J2(a, b)."""
    C = oracle.covariance(2, seed=1)
    slope = value(integral("I2", ACTIVATIONS[student]).closed_form.diff(covariance_symbol("a", "b")), C, "ab")
    assert slope == pytest.approx(value(integral("J2", ACTIVATIONS[student]).closed_form, C, "ik"), rel=1e-12)


@pytest.mark.parametrize("student", ["erf", "linear", "relu", "sine", "he2", "he3"])
@pytest.mark.parametrize("name", COINCIDENT)
def test_the_same_unit_twice(name, student):
    C = oracle.covariance(3, seed=2)
    closed = integral(name, ACTIVATIONS[student]).closed_form
    g, slope = oracle.FUNCTIONS[student]
    functions = [lambda u: slope(u) ** 2, g, g][: 1 if name == "J2(i,i)" else 3]
    expected = oracle.mean(C[: len(functions), : len(functions)], functions, 48)
    assert value(closed, C, "iab") == pytest.approx(expected, rel=1e-9)


# --- erf with gain, and its two limits ----------------------------------------------------------------

KAPPA = sp.Symbol("kappa", positive=True)


def test_small_gain_is_linear():
    scale = sp.sqrt(2 / sp.pi) * KAPPA
    for name in ("J2", "I2", "I3"):
        limit = sp.limit(integral(name, erf(KAPPA)).closed_form / scale**2, KAPPA, 0)
        assert sp.simplify(limit - integral(name, LINEAR).closed_form) == 0
    C = oracle.covariance(4, seed=0)
    small = (integral("I4", erf(KAPPA)).closed_form / scale**4).subs(KAPPA, 1e-4)
    assert value(small, C, "ikab") == pytest.approx(value(integral("I4", LINEAR).closed_form, C, "ikab"), rel=1e-6)


@pytest.mark.parametrize("name", INTEGRALS)
def test_infinite_gain_is_sign(name):
    C = oracle.covariance(len(FIELDS[name]), seed=4)
    steep = integral(name, erf(KAPPA)).closed_form.subs(KAPPA, 10**6)
    assert value(steep, C, FIELDS[name]) == pytest.approx(
        value(integral(name, SIGN).closed_form, C, FIELDS[name]), rel=1e-9
    )


def test_gain_is_a_change_of_scale():
    C = oracle.covariance(3, seed=5)
    gain = 1.7
    closed = integral("I3", erf(KAPPA)).closed_form.subs(KAPPA, gain)
    # g'_κ(u) = κ g'(κu), and y = κy/κ
    assert value(closed, C, "iya") == pytest.approx(
        value(integral("I3", ERF).closed_form, gain**2 * C, "iya"), rel=1e-12
    )
    assert erf(1) == ERF


def test_a_delta_and_a_sign_of_one_field_are_limits_of_infinite_gain():
    factors = [G("i", 1), G("k", 1), G("i"), G("i")]
    C = oracle.covariance(2, seed=6)
    steep = expectation(factors, erf(KAPPA)).closed_form.subs(KAPPA, 10**4)
    assert value(steep, C, "ik") == pytest.approx(value(expectation(factors, SIGN).closed_form, C, "ik"), rel=1e-5)
    assert expectation([G("i", 1), G("i"), G("a")], SIGN).closed_form == 0


@pytest.mark.parametrize("name", COINCIDENT)
def test_sign_refuses_squared_slopes_by_name(name):
    with pytest.raises(Diverges, match=rf"^{re.escape(name)} of sign: .*diverges: g'\(u_i\) is a δ function"):
        integral(name, SIGN)


# --- ReLU ---------------------------------------------------------------------------------------------


def test_relu_I2_is_the_arc_cosine_kernel():
    """Cho & Saul 2009: I2 = √(C_aa C_bb) (sin θ + (π − θ) cos θ)/2π."""
    theta = sp.Symbol("theta", positive=True)
    for angle in (sp.pi / 7, sp.pi / 2, sp.Rational(5, 2)):
        numbers = dict(zip(named("aa", "bb", "ab"), (2, 3, sp.sqrt(6) * sp.cos(angle)), strict=True))
        kernel = sp.sqrt(6) * (sp.sin(theta) + (sp.pi - theta) * sp.cos(theta)) / (2 * sp.pi)
        assert abs(sp.N(integral("I2", RELU).closed_form.subs(numbers) - kernel.subs(theta, angle), 30)) < 1e-25


def shrunk(expression, unit, e):
    """u_unit → √e u_unit, at C = [[1, 1/2], [1/2, 1]]."""
    scale = {unit: sp.sqrt(e)}
    pairs = {s: s.name[2:] for s in expression.free_symbols}
    entries = {
        s: prod(scale.get(f, 1) for f in p) * (1 if p[0] == p[1] else sp.Rational(1, 2)) for s, p in pairs.items()
    }
    return expression.subs(entries)


@pytest.mark.parametrize("name", ["I2", "I3"])
def test_a_pruned_unit_drops_out_of_relu(name):
    e = sp.Symbol("e", positive=True)
    closed = integral(name, RELU).closed_form
    # SymPy has no limits of atan2(y, x); for x > 0 it is asin(y/√(x² + y²))
    scaled = shrunk(closed, "a", e).replace(sp.atan2, lambda y, x: sp.asin(y / sp.sqrt(sp.simplify(x**2 + y**2))))
    assert sp.limit(scaled, e, 0, "+") == 0
    assert value(closed, np.diag([1.0 if f != "a" else 0.0 for f in FIELDS[name]]), FIELDS[name]) == 0


def test_regular_forms_at_a_pruned_unit():
    pruned = np.diag([0.0, 1.0])
    assert value(integral("J2", RELU).closed_form, pruned, "ik") == 0.25
    assert value(integral("I2", SIGN).closed_form, pruned, "ab") == 0
    zero = named_covariance("iya", [[0, 0, 0], [0, 1, 0.5], [0, 0.5, 1]])
    assert expectation(INTEGRALS["I3"], RELU, covariance=zero).closed_form == sp.Rational(1, 8)


def test_relu_I4_names_what_stopped_it():
    with pytest.raises(
        NoClosedForm, match=r"^I4 of relu: .*sign\(u_i\)·sign\(u_k\)·sign\(u_a\)·sign\(u_b\)\].*small learning rate"
    ):
        integral("I4", RELU)
    found = closing(RELU)
    assert [name for name, result in found.items() if isinstance(result, NoClosedForm)] == ["I4"]


# --- polynomials, waves, others -----------------------------------------------------------------------


@pytest.mark.parametrize("n", range(5))
@pytest.mark.parametrize("m", range(5))
def test_hermite_polynomials_are_orthogonal(n, m):
    rho = covariance_symbol("a", "b")
    closed = expectation([G("a"), G("b")], hermite(n), {"b": hermite(m)}).closed_form
    at_unit_variance = sp.expand(closed.subs(dict.fromkeys(named("aa", "bb"), 1)))
    assert at_unit_variance == (factorial(n) * rho**n if n == m else 0)


def test_polynomials_are_sums_of_their_powers():
    c = sp.symbols("c0:3", real=True)
    aa, ab, bb = named("aa", "ab", "bb")
    closed = integral("I2", polynomial(c)).closed_form
    expected = c[0] ** 2 + c[0] * c[2] * (aa + bb) + c[1] ** 2 * ab + c[2] ** 2 * (aa * bb + 2 * ab**2)
    assert sp.expand(closed - expected) == 0


def test_sine_closes_for_any_frequency_and_phase():
    wave = Activation("wave", g=lambda u: sp.cos(2 * u + 1))
    C = oracle.covariance(2, seed=8)
    g = lambda u: np.cos(2 * u + 1)  # noqa: E731
    assert value(integral("I2", wave).closed_form, C, "ab") == pytest.approx(oracle.mean(C, [g, g], 48), rel=1e-9)


@pytest.mark.parametrize("name", ["J2", "I2"])
def test_gelu(name):
    C = oracle.covariance(2, seed=9)
    cdf = lambda u: (1 + oracle.erf(u / np.sqrt(2))) / 2  # noqa: E731
    g = lambda u: u * cdf(u)  # noqa: E731
    slope = lambda u: cdf(u) + u * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)  # noqa: E731
    function = g if name == "I2" else slope
    expected = oracle.mean(C, [function, function], 48)
    assert value(integral(name, GELU).closed_form, C, FIELDS[name]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "g",
    [
        lambda u: 3 * sp.Abs(u) - u,
        lambda u: u**2 * sp.sign(u),
        lambda u: sp.exp(-(u**2)),
        lambda u: u + sp.sin(u) ** 2,
        lambda u: u * sp.erf(2 * u),
        lambda u: sp.sign(u) ** 2 + sp.sign(u) ** 3,
        lambda u: sp.Integer(0),
    ],
)
def test_user_formulas(g):
    user = Activation("user", g=g)
    for name in ("J2", "I2", "I3"):
        integral(name, user).check(np.random.default_rng(0), points=1)


@pytest.mark.parametrize(
    ("student", "teacher", "stopped"),
    [
        (RELU, SINE, r"sign\(u_k\)·sign\(u_a\)·cos\(u_b\)"),
        (GELU, None, r"erf\(u_i\)·erf\(u_k\)·erf\(u_a\)·erf\(u_b\)\] of gelu"),
        (Activation("tanh", g=sp.tanh), None, r"no rule knows tanh\(u\)"),
        (ERF, Activation("silu", g=lambda u: u / (1 + sp.exp(-u))), r"silu.*no rule knows 1/\(1 \+ exp\(-u\)\)"),
        (Activation("grown", g=sp.exp), None, r"no rule knows exp\(u\)"),
        (Activation("root", g=sp.sqrt), None, r"no rule knows sqrt\(u\)"),
        (Activation("widening", g=lambda u: sp.exp(u**2)), None, r"no rule knows exp\(u\*\*2\)"),
    ],
)
def test_no_closed_form_says_what_stopped_it(student, teacher, stopped):
    with pytest.raises(NoClosedForm, match=stopped):
        integral("I4", student, teacher)


def test_both_outputs_of_I4_may_be_the_teachers():
    C = oracle.covariance(4, seed=10)
    closed = expectation(INTEGRALS["I4"], RELU, {"a": LINEAR, "b": LINEAR}).closed_form
    _, slope = oracle.FUNCTIONS["relu"]
    expected = oracle.mean(C, [slope, slope, *[lambda u: u] * 2], 22)
    assert value(closed, C, "ikab") == pytest.approx(expected, rel=1e-8)


# --- by name ------------------------------------------------------------------------------------------


def test_every_registered_activation_is_found_by_its_name():
    for name, act in ACTIVATIONS.items():
        assert activation(name) is act
        assert str(act) == name


def entry_point(monkeypatch, target):
    point = EntryPoint("plugged", target, plugins.ACTIVATIONS)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == plugins.ACTIVATIONS else [])


OFFERED = Activation("plugged", g=lambda u: u**2)


class Offered(Activation):
    def __init__(self):
        super().__init__("plugged", lambda u: u**2)


@pytest.mark.parametrize("target", ["OFFERED", "Offered"])
def test_a_plugin_is_found_by_its_name(monkeypatch, target):
    entry_point(monkeypatch, f"{__name__}:{target}")
    ab, aa, bb = named("ab", "aa", "bb")
    assert sp.expand(integral("I2", activation("plugged")).closed_form - aa * bb - 2 * ab**2) == 0


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("no_such_module:X", "ModuleNotFoundError"),
        (f"{__name__}:missing", "AttributeError"),
        ("builtins:dict", "dict is no Activation"),
        (f"{__name__}:FIELDS", "TypeError"),
    ],
)
def test_a_bad_plugin_is_refused_by_name(monkeypatch, target, problem):
    entry_point(monkeypatch, target)
    with pytest.raises(BadInput, match=rf"plug-in 'plugged' \({plugins.ACTIVATIONS}: {target}\): {problem}"):
        activation("plugged")


def test_a_bad_plugin_harms_no_other_name(monkeypatch):
    entry_point(monkeypatch, "no_such_module:X")
    assert activation("relu") is RELU
    with pytest.raises(BadInput, match="did you mean 'plugged'"):
        activation("plug")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: activation("rlu"), "activation 'rlu': not known; did you mean 'relu'?"),
        (lambda: activation("softmax"), "activation 'softmax': not known; known: erf, linear"),
        (lambda: integral("J2(i,k)", ERF), r"integral 'J2\(i,k\)': not known; did you mean 'J2\(i,i\)'"),
        (lambda: erf(0), "gain = 0: must be positive and finite"),
        (lambda: erf(sp.Symbol("k")), "gain = k: must be positive"),
        (lambda: erf(float("inf")), "infinite gain is SIGN"),
        (lambda: hermite(-1), "n = -1: must be between 0 and 10"),
        (lambda: polynomial([]), r"coefficients = \[\]: expected a list of 1 to 11 numbers"),
        (lambda: polynomial([1, "x"]), r"coefficients\[1\] = 'x': expected a number"),
        (
            lambda: integral("I2", Activation("numeric", g=np.tanh)),
            "activation 'numeric': g must map a SymPy expression",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()


def test_the_page_on_adding_an_activation_runs(capsys):
    page = (Path(__file__).parents[2] / "docs" / "add_an_activation.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1)
    assert len(code.splitlines()) < 30
    names = {}
    exec(compile(code, "add_an_activation.md", "exec"), names)
    assert "no closed form" in capsys.readouterr().out
    refused = [name for name, result in closing(names["GELU"]).items() if isinstance(result, NoClosedForm)]
    assert refused == ["I4", "I4(i,i,a,b)"]


def test_a_file_in_activations_is_an_activation_of_its_name():
    """Names are known from files alone, before SymPy is imported: a file must keep what its name promises."""
    assert set(BUILT_IN) == ACTIVATIONS.keys()
    assert all(ACTIVATIONS[name].name == name for name in BUILT_IN)
