"""`derive`: every form of every result, and that what is printed as Python or JSON computes what was derived."""

from __future__ import annotations

import importlib.util
import json
import re
from contextlib import suppress

import numpy as np
import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

from divprune_sym.cli import main
from divprune_sym.derive import equations
from divprune_sym.dynamics.update import UpdateRule
from divprune_sym.evaluation.error import generalization_error
from divprune_sym.gaussian import ERF, INTEGRALS, integral
from divprune_sym.named_activations import resolved
from divprune_sym.simulate import random_network
from tests.plain_ode import plain_rhs

pytestmark = pytest.mark.slow(35)

FORMS = ("text", "latex", "python", "json")
WHAT = (*INTEGRALS, "error", "equations")


def run(capsys, *arguments):
    assert main(["derive", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.endswith("\n")
    return out


def loaded(path, source):
    """Generated source as a module: a real file, for Numba caches beside it."""
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", INTEGRALS)
def test_text_ends_in_the_closed_form_and_check_accepts_it(capsys, name):
    lines = run(capsys, name).splitlines()
    closed = lines[-1].strip().removeprefix("= ")
    assert closed == str(integral(name, ERF).closed_form)
    definition = lines[-2].partition(" = ")[2]
    assert main(["check", closed, "--against", definition]) == 0
    assert capsys.readouterr().out.startswith("agree (proved")


@pytest.mark.parametrize("name", INTEGRALS)
def test_steps_show_rule_both_sides_and_conditions(capsys, name):
    steps = integral(name, ERF).steps
    text = run(capsys, name, "--steps")
    for n, step in enumerate(steps, 1):
        assert f"{n}. {step.rule}: {step.before} = " in text
        assert all(str(condition) in text for condition in step.conditions)
    record = json.loads(run(capsys, name, "--steps", "--format", "json"))
    assert [step["rule"] for step in record["steps"]] == [step.rule for step in steps]
    assert [step["before"] for step in record["steps"]] == [str(step.before) for step in steps]
    assert record["steps"][-1]["after"]
    latex = run(capsys, name, "--steps", "--format", "latex")
    assert latex.count(r"\text{") == len(steps)
    assert run(capsys, name, "--steps", "--format", "python").count("# ") == len(steps)


@pytest.mark.parametrize("name", INTEGRALS)
def test_python_of_an_integral_equals_its_closed_form(capsys, tmp_path, name):
    module = loaded(tmp_path / f"{name}.py", run(capsys, name, "--format", "python"))
    closed = integral(name, ERF).closed_form
    symbols = sorted(closed.free_symbols, key=str)
    fields = list(dict.fromkeys(factor.field for factor in INTEGRALS[name]))
    rows = np.random.default_rng(5).normal(size=(len(fields), len(fields) + 1))
    C = rows @ rows.T
    values = {}
    for symbol in symbols:
        first, second = (fields.index(letter) for letter in symbol.name[2:])
        values[symbol] = C[first, second]
    found = getattr(module, name)(**{str(symbol): value for symbol, value in values.items()})
    assert found == pytest.approx(float(closed.subs(values)), rel=1e-13)


CLOSED = [("sign", name) for name in INTEGRALS] + [("relu", name) for name in INTEGRALS if name != "I4"]


@pytest.mark.parametrize(("activation", "name"), CLOSED)
def test_python_of_fully_correlated_fields(capsys, tmp_path, activation, name):
    """Rounding decides the sign of determinants that are 0: no root of it fails, and values that exist are there."""
    closed = integral(name, resolved(activation)).closed_form
    module = loaded(tmp_path / f"{name}.py", run(capsys, name, "--activation", activation, "--format", "python"))
    fields = list(dict.fromkeys(factor.field for factor in INTEGRALS[name]))
    rng = np.random.default_rng(3)
    for scales in rng.normal(size=(200, len(fields))):
        of = dict(zip(fields, map(float, scales), strict=True))
        values = {str(x): of[x.name[2]] * of[x.name[3]] for x in closed.free_symbols}
        if (name, activation) == ("I2", "sign"):
            assert module.I2(**values) == pytest.approx(np.sign(of["a"] * of["b"]), abs=1e-7)
        elif activation == "relu":
            assert np.isfinite(getattr(module, name)(**values))
        else:  # of slopes that are infinite there
            with suppress(ZeroDivisionError):
                assert isinstance(getattr(module, name)(**values), float)


def test_python_of_equal_fields_beyond_rounding(capsys, tmp_path):
    module = loaded(tmp_path / "I2.py", run(capsys, "I2", "--format", "python"))
    assert module.asin(1 + 4e-16) == module.asin(1.0) == np.pi / 2
    assert module.asin(-1 - 4e-16) == -np.pi / 2
    with pytest.raises(ValueError, match="domain"):
        module.asin(1.001)


@pytest.fixture
def state():
    return random_network(np.random.default_rng(2), N=50, K=2, M=3, teacher_v=1.5).order_parameters()


def test_python_of_the_error_equals_the_library(capsys, tmp_path, state):
    module = loaded(tmp_path / "error.py", run(capsys, "error", "--format", "python"))
    C, s = state.covariance, state.signed_weights
    assert module.generalization_error(C, s) == pytest.approx(float(generalization_error(C, s)), rel=1e-14)


@pytest.mark.parametrize("layers", ["both", "first"])
def test_python_of_the_equations_equals_the_plain_ones(capsys, tmp_path, state, layers):
    sizes = ("--students", 2, "--teachers", 3) if layers == "both" else ()
    source = run(capsys, "equations", "--mask", "none", "--layers", layers, *sizes, "--format", "python")
    module = loaded(tmp_path / f"equations_{layers}.py", source)
    learning = {"eta": 0.5, "sigma": 0.2, "weight_decay": 0.05}
    second = {"eta_v": 0.3} if layers == "both" else {}
    rates = module.rates(state.Q, state.R, state.T, state.v, state.A, **learning, **second)
    dQ, dR, dv = plain_rhs(state, eta_v=0.3, **learning)
    expected = (dQ[0], dR[0], dv) if layers == "both" else (dQ[0], dR[0])
    for found, wanted in zip(rates, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-14)


def test_python_of_two_activations_and_batches(capsys, tmp_path, state):
    """A linear student of a linear teacher, by two names of the same function, against the one system."""
    common = ("equations", "--mask", "none", "--activation", "linear", "--format", "python")
    two = run(capsys, *common, "--teacher-activation", "polynomial[0, 1]", "--batches")
    one = run(capsys, *common)
    two, one = (loaded(tmp_path / f"{name}.py", source) for name, source in (("two", two), ("one", one)))
    overlaps = (state.Q, state.R, state.T, state.v, state.A)
    learning = {"eta": 0.5, "eta_v": 0.3, "sigma": 0.2, "weight_decay": 0.05}
    for batch_size in (1.0, 4.0):
        split = two.rates(*overlaps, **learning, batch_size=batch_size)
        whole = one.rates(*overlaps, **learning)
        first_order = one.rates(*overlaps, **learning | {"eta": -0.5})
        # the term in η² is even in η, all others but decay are odd or do not have it
        square = 0.5 * (whole[0] + first_order[0]) + 2 * 0.05 * state.Q
        np.testing.assert_allclose(split[0], whole[0] + square * (1 / batch_size - 1), rtol=1e-11, atol=1e-13)
        for ours, theirs in zip(split[1:], whole[1:], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)


def test_second_layer_alone_needs_no_integral_with_slopes(capsys, tmp_path, state):
    source = run(capsys, "equations", "--mask", "none", "--layers", "second", "--format", "python")
    (found,) = [loaded(tmp_path / "second.py", source).rates(state.Q, state.R, state.T, state.v, state.A, 0.3, 0.05)]
    expected = plain_rhs(state, eta=0.0, eta_v=0.3, sigma=0.0, weight_decay=0.05)[2]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
    text = run(capsys, "equations", "--layers", "second", "--activation", "sign")
    assert "I3(" not in text
    assert "dQ[" not in text
    assert "dv[i] = -eta_v*pull[i] - weight_decay*v[i]" in text


def test_python_of_the_error_of_two_activations(capsys, tmp_path, state):
    source = run(
        capsys, "error", "--activation", "linear", "--teacher-activation", "polynomial[0, 2]", "--format", "python"
    )
    module = loaded(tmp_path / "error_two.py", source)
    C, s = state.covariance, state.signed_weights
    doubled = s * np.where(np.arange(len(s)) < state.K, 1, 2)
    assert module.generalization_error(C, s, state.K) == pytest.approx(0.5 * doubled @ C @ doubled, rel=1e-13)
    given = generalization_error(C, s, "linear", "polynomial[0, 2]", state.K)
    assert float(given) == pytest.approx(0.5 * doubled @ C @ doubled, rel=1e-13)


def test_python_under_any_mask_is_what_the_integrator_compiles(capsys):
    source = run(capsys, "equations", "--format", "python")
    assert "def equations_of_motion(Q, R, T, v, A, mask, fraction, variance, eta, eta_v, sigma" in source
    assert "def rates" not in source
    frozen = run(capsys, "equations", "--students", 4, "--teachers", 2, "--format", "python")
    assert "    K = 4\n    M = 2\n" in frozen
    compile(frozen, "frozen", "exec")


@pytest.mark.parametrize("what", WHAT)
def test_json_is_valid_and_complete(capsys, what):
    record = json.loads(run(capsys, what, "--format", "json"))
    assert record["activation"] == "erf"
    if what in INTEGRALS:
        derived = integral(what, ERF)
        assert record["closed_form"] == str(derived.closed_form)
        assert record["definition"] == str(derived.term)
        assert "steps" not in record
        return
    assert {integral["name"] for integral in record["integrals"]} == ({"I2"} if what == "error" else set(INTEGRALS))
    assert all(set(equation) == {"lhs", "rhs", "latex", "meaning"} for equation in record["equations"])


def braces_balance(text):
    depth = 0
    for character in re.sub(r"\\[{}]", "", text):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


LATEX = [
    *[(name, *steps) for name in INTEGRALS for steps in ((), ("--steps",))],
    ("error",),
    ("error", "--steps"),
    *[
        ("equations", "--mask", mask, "--layers", layers)
        for mask in ("classes", "none")
        for layers in ("both", "first")
    ],
    ("equations", "--steps"),
    ("equations", "--activation", "linear", "--teacher-activation", "sign", "--batches"),
    ("equations", "--mask", "none", "--layers", "second", "--teacher-activation", "linear", "--without", "decay"),
    ("equations", "--activation", "relu", "--small-eta", "--without", "noise"),
    ("error", "--teacher-activation", "linear"),
]


@pytest.mark.parametrize("arguments", LATEX, ids=" ".join)
def test_latex_is_clean(capsys, arguments):
    text = run(capsys, *arguments, "--format", "latex")
    assert braces_balance(text)
    for name in ("align", "gather*", "equation*"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}")
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right")
    # what SymPy makes of an index with a range, and of our names left as they are
    for ugly in ("mathrel", "nobreak", "drift", "spread", "pull", "weight", "fraction", "variance", "mask", "classes"):
        assert ugly not in text.replace("mask classes", "")
    # everything we print is ASCII, and no two subscripts or superscripts follow each other
    assert text.isascii()
    assert not re.search(r"[_^]\{[^{}]*\}[_^]\{[^{}]*\}[_^]", text)


@pytest.mark.parametrize("arguments", LATEX, ids=" ".join)
def test_every_line_of_latex_can_be_typeset(capsys, arguments):
    """By the one TeX engine that is installed everywhere; it knows no environments."""
    parser = MathTextParser("path")
    lines = [line for line in run(capsys, *arguments, "--format", "latex").splitlines() if line.startswith("  ")]
    assert lines
    for line in lines:
        parser.parse(f"${line.strip().removesuffix(' ' + chr(92) * 2).replace('&=', '=')}$")


def test_latex_of_the_equations_says_what_the_notation_page_says(capsys):
    text = run(capsys, "equations", "--mask", "none", "--format", "latex")
    assert r"\frac{\mathrm{d}Q_{ik}}{\mathrm{d}\alpha} &=" in text
    assert (
        r"\frac{\mathrm{d}R_{in}}{\mathrm{d}\alpha} &= "
        r"- \eta \mathbb{E}\left[g'(\lambda_{i})\,\Delta\,\rho_{n}\right] v_{i} - \kappa R_{in}"
    ) in text
    assert r"I_{2}(a, b) &= \frac{2 \arcsin" in text
    classes = run(capsys, "equations", "--format", "latex")
    assert r"\frac{\mathrm{d}R^{c}_{in}}{\mathrm{d}\alpha}" in classes
    assert r"C_{ab} &= \sum_{c} X^{c}_{ab} \omega^{c}" in classes


def test_unpruned_equations_mention_no_class(capsys):
    text = run(capsys, "equations", "--mask", "none")
    assert not re.search(r"mask|class|fraction|variance|\[c\b|\bc,", text.partition("drift[i, b]")[0])
    assert "dR[i, n] = -eta*drift[i, K + n]*v[i] - weight_decay*R[i, n]" in text
    assert "C[i, K + n] = R[i, n]" in text


def test_first_layer_alone_has_no_second(capsys):
    text = run(capsys, "equations", "--layers", "first")
    assert "dv[" not in text
    assert "pull" not in text
    assert "I2(" not in text


def test_unpruned_rates_are_the_general_ones_with_one_class():
    """The text of the general equations with mask, fraction and variance 1 and the class dropped."""

    def rates(classes):
        return {str(e.lhs): e.rhs for e in equations.motion(ERF, UpdateRule(), classes=classes)[:3]}

    arrays = {name: sp.IndexedBase(name) for name in ("Q", "R", "v", "spread", "drift", "pull")}
    for (lhs, general), plain in zip(rates(True).items(), rates(False).values(), strict=True):
        text = re.sub(r"\b(mask|fraction|variance)\[c(, \w)?\]", "1", str(general)).replace("[c, ", "[")
        assert sp.expand(sp.sympify(text, locals=arrays) - sp.sympify(str(plain), locals=arrays)) == 0, lhs


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("WHAT",)),
        (("I5",), ("I5", "I4", "equations")),
        (("equation",), ('Did you mean "equations"?',)),
        (("I2", "--activation", "err"), ("'err'", "did you mean 'erf'?")),
        (("I2", "--activation", ""), ("activation ''", "erf")),
        (("I2", "--format", "tex"), ("--format", "tex", "latex")),
        (("I2", "--mask", "none"), ("--mask", "I2")),
        (("error", "--layers", "first"), ("--layers", "error")),
        (("equations", "--mask", "some"), ("--mask", "some", "classes")),
        (("equations", "--students", 2), ("--students", "--format python")),
        (("I2", "--students", 2, "--format", "python"), ("--students", "I2")),
        (("equations", "--students", 0, "--format", "python"), ("--students = 0", "between 1 and 1000")),
        (("equations", "--teachers", 10**9, "--format", "python"), ("--teachers", "between 1 and 1000")),
        (("equations", "--teachers", 2.5, "--format", "python"), ("--teachers", "whole number")),
        (("I2", "I3"), ("I3",)),
        (("I2", "--step"), ("--step",)),
        (("equations", "--activation", "relu"), ("I4 of relu", "no closed form", "small_eta")),
        (("equations", "--activation", "sign", "--small-eta"), ("J2(i,i) of sign", "diverges")),
        (("equations", "--activation", "erf[0]"), ("erf[0]", "positive")),
        (("equations", "--activation", "he99"), ("he99", "between 0 and 10")),
        (("equations", "--activation", "polynomial[1, 1/0]"), ("1/0", "divides by zero")),
        (("equations", "--teacher-activation", "lineer"), ("'lineer'", "did you mean 'linear'?")),
        (("equations", "--without", "nois"), ("--without", "nois", "noise")),
        (("I2", "--without", "noise"), ("--without", "I2")),
        (("error", "--batches"), ("--batches", "error")),
        (("error", "--small-eta"), ("--small-eta", "error")),
    ],
)
def test_refusals(stops, arguments, words):
    line = stops("derive", *arguments)
    for word in words:
        assert word in line
