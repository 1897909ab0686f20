"""Indexed equations in LaTeX, in the letters of docs/notation.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy.printing.latex import LatexPrinter

from divprune_sym.dynamics.symbols import (
    BATCH,
    D_Q,
    D_R,
    D_V,
    DECAY,
    DRIFT,
    ERROR,
    FRACTION,
    MASK,
    PULL,
    SPREAD,
    TEACHER,
    VARIANCE,
    C,
    K,
    Q,
    R,
    S,
    T,
    V,
    X,
    i,
    k,
    l,
    n,
    p,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sympy import Expr

_LETTERS = {
    str(array.label): letter
    for array, letter in (
        (Q, "Q"),
        (R, "R"),
        (T, "T"),
        (V, "v"),
        (TEACHER, "A"),
        (C, "C"),
        (X, "X"),
        (S, "s"),
        (MASK, "m"),
        (FRACTION, "f"),
        (VARIANCE, r"\omega"),
    )
}
_RATES = {str(D_Q.label): "Q", str(D_R.label): "R", str(D_V.label): "v"}
_CLASSWISE = {str(array.label): len(array.shape) for array in (Q, R, T, X, MASK, FRACTION, VARIANCE, D_Q, D_R, DRIFT)}


class _Printer(LatexPrinter):  # type: ignore[misc]
    """Classes as superscripts, averages by their meaning, sums without ranges: SymPy prints those in every index."""

    def _print_Idx(self, index: sp.Idx) -> str:
        return str(index.label)

    def _print_Sum(self, summation: sp.Sum) -> str:
        indices = ",".join(self._print(limit[0]) for limit in summation.limits)
        return rf"\sum_{{{indices}}} {self.parenthesize(summation.function, 45)}"

    def _print_Indexed(self, entry: sp.Indexed) -> str:
        label, indices = str(entry.base.label), entry.indices
        classwise = _CLASSWISE.get(label) == len(indices)
        cls, rest = (self._print(indices[0]), indices[1:]) if classwise else ("", indices)
        if label in _RATES:
            return rf"\frac{{\mathrm{{d}}{self._letter(_RATES[label], cls, rest)}}}{{\mathrm{{d}}\alpha}}"
        if label in (str(DRIFT.label), str(SPREAD.label), str(PULL.label)):
            return self._average(label, cls, rest)
        return self._letter(_LETTERS.get(label) or sp.latex(entry.base.label), cls, rest)

    def _letter(self, letter: str, cls: str, indices: Sequence[Expr]) -> str:
        printed = [self._print(index) for index in indices]
        below = ("" if all(len(index) == 1 for index in printed) else ",").join(printed)
        return letter + (f"^{{{cls}}}" if cls else "") + (f"_{{{below}}}" if below else "")

    def _average(self, label: str, cls: str, indices: Sequence[Expr]) -> str:
        student = rf"(\lambda_{{{self._print(indices[0])}}})"
        if label == str(PULL.label):
            inside = rf"g{student}\,\Delta"
        elif label == str(SPREAD.label):
            inside = rf"g'{student}\,g'(\lambda_{{{self._print(indices[1])}}})\,\Delta^{{2}}"
        else:
            inside = rf"g'{student}\,\Delta\,{self._field(cls, indices[1])}"
        return rf"\mathbb{{E}}\left[{inside}\right]"

    def _field(self, cls: str, index: Expr) -> str:
        """λ for a student, ρ for a teacher, u for any field."""
        if index in (i, k, l):
            return self._letter(r"\lambda", cls, (index,))
        if index in (K + n, K + p):
            return self._letter(r"\rho", cls, (index - K,))
        return self._letter("u", cls, (index,))

    def _print_Function(self, call: sp.Function, exp: str | None = None) -> str:
        name, _, functions = call.func.__name__.partition("_")
        if name not in ("I2", "I3", "I4", "J2"):
            return str(super()._print_Function(call, exp))
        indices = [self._print(index) for index in call.args]
        if name == "I3" and len(indices) == 4:
            student, cls, linear, other = indices
            indices = [student, f"{linear}^{{{cls}}}", other]
        above = f"^{{{functions.lower()}}}" if functions else ""
        return f"{name[0]}_{{{name[1]}}}{above}({', '.join(indices)})" + (f"^{{{exp}}}" if exp else "")

    def _print_Symbol(self, symbol: sp.Symbol, style: str = "plain") -> str:
        special = {DECAY: r"\kappa", ERROR: r"\varepsilon_{g}", BATCH: "b"}
        return special.get(symbol) or str(super()._print_Symbol(symbol, style))


def latex(expression: Expr) -> str:
    """One expression in LaTeX."""
    return str(_Printer({"inv_trig_style": "full"}).doprint(expression))


def aligned(equations: Iterable[tuple[Expr, Expr]], name: str = "align") -> str:
    """An align environment, one equation a line: of left and right sides."""
    return environment(name, [f"{latex(lhs)} &= {latex(rhs)}" for lhs, rhs in equations])


def environment(name: str, lines: Sequence[str]) -> str:
    """Lines of mathematics in an environment of amsmath."""
    body = " \\\\\n".join(f"  {line}" for line in lines)
    return f"\\begin{{{name}}}\n{body}\n\\end{{{name}}}"
