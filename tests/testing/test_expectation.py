"""`assert_expectation_equals`: right formulas pass, wrong ones are refuted at a small covariance that can be pasted."""

import numpy as np
import pytest
import sympy as sp

from divprune_sym.gaussian import ERF, INTEGRALS, integral
from divprune_sym.ground.checks import BadInput
from divprune_sym.testing import Conditioning, assert_expectation_equals
from divprune_sym.testing import expectation as module
from tests.testing.again import refuted

I2 = "2/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))"


@pytest.mark.parametrize("name", INTEGRALS)
def test_derived_formulas_pass(name):
    assert_expectation_equals(integral(name, ERF).closed_form, name, max_examples=20)


@pytest.mark.parametrize(
    ("formula", "definition", "activation"),
    [
        (I2, "E[g(u_a) * g(u_b)]", "erf"),
        ("C_ya * E[g'(u_a)]", "E[u_y * g(u_a)]", "erf"),
        ("C_ab", "I2", "linear"),
        ("C_ab", "E[g(u_a) * g(u_b)]", "linear"),
    ],
)
def test_text_passes(formula, definition, activation):
    assert_expectation_equals(formula, definition, activation, max_examples=20)


def my_I3(C):
    """E[g'(u_i) u_y g(u_a)], rows i, y, a."""
    root = (1 + C[0, 0]) * (1 + C[2, 2]) - C[0, 2] ** 2
    return 2 / np.pi * (C[1, 2] * (1 + C[0, 0]) - C[0, 1] * C[0, 2]) / ((1 + C[0, 0]) * np.sqrt(root))


def my_wrong_I3(C):
    return my_I3(C) + 1e-9 * C[1, 2]


def test_functions_of_a_covariance():
    assert_expectation_equals(my_I3, "I3")
    message = refuted(lambda: assert_expectation_equals(my_wrong_I3, "I3"), my_wrong_I3=my_wrong_I3)
    assert "assert_expectation_equals(my_wrong_I3, 'I3', at=" in message


def test_a_wrong_formula_is_refuted_at_a_small_covariance():
    message = refuted(lambda: assert_expectation_equals(f"({I2})/2", "I2"))
    assert len(message.splitlines()[0]) < 80
    assert "definition  0." in message


def test_symbols_of_ones_own_are_taken_by_name():
    plain = sp.sympify("2/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))")
    assert all(symbol.is_real is None for symbol in plain.free_symbols)
    assert_expectation_equals(plain, "I2", max_examples=10)
    refuted(lambda: assert_expectation_equals(2 * plain, "I2"))


def test_a_formula_wrong_for_copies_alone_is_refuted_there():
    """sign(C_aa C_bb − C_ab²) is 1 but for copies, where it is 0."""
    C_aa, C_bb, C_ab = sp.symbols("C_aa C_bb C_ab", real=True)
    wrong = integral("I2", ERF).closed_form * sp.sign(C_aa * C_bb - C_ab**2)
    message = refuted(lambda: assert_expectation_equals(wrong, "I2", conditioning=Conditioning.SINGULAR))
    assert "at=[[" in message


def test_numbers_are_formulas():
    assert_expectation_equals(0, "E[g(u_a)]", max_examples=10)
    assert "formula     3" in refuted(lambda: assert_expectation_equals(3.0, "I2"))


def test_a_function_that_gives_nan_is_wrong():
    with pytest.raises(
        AssertionError, match=r"formula     nan(.|\n)*reproduce: assert_expectation_equals\(formula, 'I2'"
    ):
        assert_expectation_equals(lambda C: float("nan"), "I2")


def test_one_covariance():
    assert_expectation_equals(I2, "I2", at="C_ab = 1/2")
    assert_expectation_equals(I2, "I2", at=[[1.0, 0.5], [0.5, 2.0]])
    refuted(lambda: assert_expectation_equals(f"2*{I2}", "I2", at=[[1.0, 0.5], [0.5, 1.0]]))


@pytest.mark.parametrize(
    ("formula", "options", "words"),
    [
        (sp.Symbol("C_xy"), {}, "symbol C_xy is no covariance of the definition's fields: C_aa, C_ab, C_bb"),
        ("1/C_ab", {"at": "C_aa = 2"}, "formula or definition divides by zero, or overflows, at C_aa = 2"),
        (I2, {"at": [[1.0, 2.0], [0.0, 1.0]]}, "at: not symmetric"),
        (None, {}, "formula: expected text, a SymPy expression or a function, got NoneType"),
        (I2, {"at": [[1.0]]}, r"at: shape \(1, 1\), expected \(2, 2\)"),
        ("C_cc", {}, "unknown symbol 'C_cc'; known: C_aa, C_ab, C_bb"),
    ],
)
def test_what_cannot_be_used_is_refused(formula, options, words):
    with pytest.raises(BadInput, match=words):
        assert_expectation_equals(formula, "I2", **options)


def test_a_wrong_derivation_is_found_by_quadrature(monkeypatch):
    """The formula repeats the mistake of the derivation, so that only the definition itself can tell."""
    honest = module.read

    class Copied:
        """Derivations are cached: the mistake must not outlive this test."""

        def __init__(self, derived):
            self.__dict__.update(term=derived.term, closed_form=derived.closed_form, activation=derived.activation)

    def mistaken(formula, definition, activation):
        found = honest(formula, definition, activation)
        (derived,) = (Copied(x) for x in found.derivations)
        derived.closed_form = 2 * derived.closed_form
        return module.replace(found, definition=2 * found.definition, derivations=(derived,))

    monkeypatch.setattr(module, "read", mistaken)
    with pytest.raises(AssertionError, match=r"by quadrature, .* as derived"):
        assert_expectation_equals(f"2*{I2}", "I2", max_examples=5)
