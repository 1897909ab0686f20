"""Statements as LaTeX and as MathML, which browsers show without any help."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.printing.mathml import MathMLPresentationPrinter

from divprune_sym.claims.statements import is_true

if TYPE_CHECKING:
    from sympy import Basic

_LONG = 90  # operations: nobody reads more


class _Printer(MathMLPresentationPrinter):  # type: ignore[misc]
    """Cases as a table, which SymPy does not know."""

    def _print_Piecewise(self, expression: sp.Piecewise) -> Any:
        table = self.dom.createElement("mtable")
        for value, condition in expression.args:
            row = self.dom.createElement("mtr")
            for part in (value, sp.Symbol("otherwise") if is_true(condition) else condition):
                cell = self.dom.createElement("mtd")
                cell.appendChild(self._print(part))
                row.appendChild(cell)
            table.appendChild(row)
        whole, brace = self.dom.createElement("mrow"), self.dom.createElement("mo")
        brace.appendChild(self.dom.createTextNode("{"))
        whole.appendChild(brace)
        whole.appendChild(table)
        return whole


def latex(expression: Basic) -> str:
    """LaTeX of an expression, arcsin written out."""
    return str(sp.latex(expression, inv_trig_style="full"))


def mathml(expression: Basic, meaning: Basic | None = None) -> str:
    """Presentation MathML of an expression, or of `expression = meaning`; long ones are named by their size only."""
    whole = expression if meaning is None else sp.Eq(expression, meaning, evaluate=False)
    operations = int(sp.count_ops(whole))
    if operations > _LONG:
        symbols = ", ".join(sorted(map(str, whole.free_symbols)))
        sign = f" {whole.rel_op} {whole.rhs}" if meaning is None and isinstance(whole, sp.Rel) else ""
        return f"<i>f</i>({escape(symbols)}){escape(sign)}, <i>f</i> an expression of {operations} operations"
    body = _Printer({"inv_trig_style": "full"}).doprint(whole)
    return f'<math display="block">{body}</math>'
