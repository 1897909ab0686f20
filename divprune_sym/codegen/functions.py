"""An activation and its slope as functions of one float, from the activation's own formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr
from sympy.printing.codeprinter import PrintMethodNotImplementedError
from sympy.printing.pycode import PythonCodePrinter

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation

_U = sp.Symbol("u", real=True)
# what the text below needs besides `math` and `jit`
SIGN_SOURCE = """
@jit
def sign(x):
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)
"""


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """SymPy's printer for `math`, strict about what it does not know."""

    def _print_sign(self, expr: Expr) -> str:
        return f"sign({self._print(expr.args[0])})"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return f"{float(expr.p)!r} / {float(expr.q)!r}"


def output_source(name: str, activation: Activation) -> str:
    """g(u) as text.

    Raises
    ------
    BadInput
        g has a function that `math` lacks.
    """
    return _source(name, activation, activation.formula(_U), "g(u)")


def slope_source(name: str, activation: Activation) -> str:
    """g'(u) as text; at a kink of g it is the mean of both sides.

    Raises
    ------
    BadInput
        g jumps, so that its slope is infinite, or g' has a function that `math` lacks.
    """
    smooth = sp.Integer(0)
    for term in sp.Add.make_args(sp.expand(activation.derivative(_U, 1))):
        for delta in term.atoms(sp.DiracDelta):
            if (term / delta).subs(_U, 0) != 0:
                msg = f"{activation} jumps: no gradient descent can train its first layer, the slope is infinite there"
                raise BadInput(msg)
        smooth += 0 if term.has(sp.DiracDelta) else term
    return _source(name, activation, smooth, "g'(u)")


def _source(name: str, activation: Activation, formula: Expr, letter: str) -> str:
    formula = formula.replace(sp.Heaviside, lambda x, *_: (1 + sp.sign(x)) / 2)
    if formula.is_polynomial(_U):
        formula = sp.horner(formula)
    try:
        text = _Printer({"strict": True}).doprint(formula)
    except (PrintMethodNotImplementedError, NotImplementedError):
        msg = f"{letter} of {activation}: {formula} has no numerical counterpart"
        raise BadInput(msg) from None
    # a float even where the formula is a whole number
    return f'\n@jit\ndef {name}(u):\n    """{letter} of {activation}."""\n    return 1.0 * ({text})\n'
