"""Pass 3: loops in readable Python that Numba can compile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr
from sympy.printing.codeprinter import PrintMethodNotImplementedError
from sympy.printing.pycode import PythonCodePrinter

from divprune_sym.codegen.sums import HalfSum, bound_indices, free_indices
from divprune_sym.dynamics.symbols import INDEX_ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from divprune_sym.codegen.hoist import Temporary
    from divprune_sym.dynamics.equations import Assignment


# what the preamble of a generated module imports from math; nothing else may be printed
FROM_MATH = ("asin", "atan2", "exp", "pi", "sqrt")


class CannotPrint(ValueError):
    """An expression has a function that the target language lacks; the message names it."""


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """SymPy's Python printer, with `1.0 / sqrt(x)` for x^(−1/2) and floats for rationals."""

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": False})

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr)) if expr.q == 1 else f"({float(expr.p)!r} / {float(expr.q)!r})"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False, sqrt: str = "sqrt") -> str:
        """Powers with integer or half-integer exponents as products and one square root."""
        base, exponent = expr.args
        if not (2 * exponent).is_integer or abs(exponent) > 4:
            msg = f"cannot print the power {expr}: only multiples of 1/2 up to 4 are generated"
            raise CannotPrint(msg)
        whole, half = divmod(abs(int(2 * exponent)), 2)
        factors = [self.parenthesize(base, 60)] * whole + [f"sqrt({self._print(base)})"] * half
        product = " * ".join(factors)
        bracketed = f"({product})" if len(factors) > 1 else product
        return bracketed if exponent > 0 else f"(1.0 / {bracketed})"

    def _module_format(self, fqn: str, register: bool = True) -> str:
        """Every function and constant of a library passes here, by its full name."""
        name = fqn.rsplit(".", 1)[-1]
        if name not in FROM_MATH:
            msg = f"cannot print {name}: generated code knows {', '.join(FROM_MATH)}"
            raise CannotPrint(msg)
        return str(super()._module_format(fqn, register))

    def _print_Sum(self, expr: sp.Sum) -> str:
        msg = f"cannot print {expr} inside an expression: sums become loops around a system"
        raise CannotPrint(msg)

    def _print_ImaginaryUnit(self, expr: sp.Expr) -> str:
        msg = "cannot print i: generated code is real"
        raise CannotPrint(msg)

    def _print_Function(self, expr: sp.Function) -> str:
        msg = f"cannot print {expr.func.__name__}: no numerical counterpart is known"
        raise CannotPrint(msg)

    def emptyPrinter(self, expr: object) -> str:
        msg = f"cannot print {type(expr).__name__} {expr}"
        raise CannotPrint(msg)


@dataclass
class Renderer:
    """Writes assignments and temporaries as indented lines; shared sub-expressions avoid the `reserved` names."""

    lines: list[str] = field(default_factory=list)
    depth: int = 1
    reserved: frozenset[str] = frozenset()
    _accumulators: int = 0
    _printer: _Printer = field(default_factory=_Printer)

    def text(self, expression: Expr) -> str:
        """One expression on one line."""
        try:
            return str(self._printer.doprint(expression))
        except PrintMethodNotImplementedError:
            msg = f"cannot print {type(expression).__name__} {expression}"
            raise CannotPrint(msg) from None

    def write(self, line: str) -> None:
        """Append one line at the current depth."""
        self.lines.append("    " * self.depth + line)

    def allocate(self, array: Expr) -> None:
        """Make room for an array."""
        shape = ", ".join(self.text(extent) for extent in array.base.shape)
        comma = "," if len(array.base.shape) == 1 else ""
        self.write(f"{array.base.label} = np.empty(({shape}{comma}))")

    def temporaries(self, temporaries: Iterable[Temporary]) -> None:
        """Compute temporaries; neighbours over the same indices share their loops."""
        group: list[Temporary] = []
        for temporary in temporaries:
            if group and (group[0].indices != temporary.indices):
                self._loop_group(group)
                group = []
            group.append(temporary)
        if group:
            self._loop_group(group)

    def _loop_group(self, group: Sequence[Temporary]) -> None:
        indices = group[0].indices
        for temporary in group:
            if indices:
                self.allocate(temporary.array)
        opened = self._open(indices)
        expressions = [self._without_sums(temporary.expression) for temporary in group]
        self._assign([self.text(temporary.array) for temporary in group], expressions)
        self.depth -= opened

    def assignment(self, assignment: Assignment, rhs: Expr, inside: Sequence[Temporary]) -> None:
        """The loops of one assignment around its local temporaries and its right-hand side."""
        lhs = assignment.lhs
        indices = ordered_indices(lhs)
        row, column = lhs.indices[-2:] if assignment.symmetric else (None, None)
        opened = self._open(indices, column, row)
        self.temporaries(inside)
        targets = [self.text(lhs)]
        if assignment.symmetric:
            targets.append(self.text(lhs.xreplace({row: column, column: row})))
        rhs = self._without_sums(rhs)
        self._assign([" = ".join(targets)], [rhs])
        self.depth -= opened

    def returned(self, expression: Expr) -> None:
        """Return the value of an expression without indices."""
        self._assign(["value"], [expression])
        self.write("return value")

    def _open(self, indices: Sequence[sp.Idx], half: sp.Idx | None = None, outer: sp.Idx | None = None) -> int:
        for index in indices:
            stop = f"{outer} + 1" if index == half else self.text(index.upper + 1)
            self.write(f"for {index} in range({stop}):")
            self.depth += 1
        return len(indices)

    def _assign(self, targets: Sequence[str], expressions: Sequence[Expr]) -> None:
        shared, reduced = sp.cse(expressions, symbols=self._shared_names(), optimizations=None)
        for symbol, expression in shared:
            self.write(f"{symbol} = {self.text(expression)}")
        for target, expression in zip(targets, reduced, strict=True):
            self.write(f"{target} = {self.text(expression)}")

    def _shared_names(self) -> Iterable[sp.Symbol]:
        while True:
            self._accumulators += 1
            if f"x{self._accumulators}" not in self.reserved:
                yield sp.Symbol(f"x{self._accumulators}", real=True)

    def _without_sums(self, expression: Expr) -> Expr:
        """Run the sums of an expression into accumulators and put those in their place."""
        if bound_indices(expression):
            return self._accumulate(expression)
        if isinstance(expression, (sp.Indexed, sp.Idx)) or not expression.args:
            return expression
        return expression.func(*[self._without_sums(arg) for arg in expression.args])

    def _accumulate(self, summation: Expr) -> Expr:
        self._accumulators += 1
        total = sp.Symbol(f"sum{self._accumulators}", real=True)
        self.write(f"{total} = 0.0")
        if isinstance(summation, HalfSum):
            self._half_sum(summation, total)
            return total
        opened = self._open(bound_indices(summation))
        self.write(f"{total} += {self.text(self._without_sums(summation.args[0]))}")
        self.depth -= opened
        return total

    def _half_sum(self, summation: HalfSum, total: sp.Symbol) -> None:
        body, a, b = summation.args
        below = f"{total}_below"
        opened = self._open([a])
        self.write(f"{below} = 0.0")
        self.write(f"for {b} in range({a}):")
        self.depth += 1
        self.write(f"{below} += {self.text(self._without_sums(body))}")
        self.depth -= 1
        self.write(f"{total} += 2.0 * {below} + {self.text(self._without_sums(body.xreplace({b: a})))}")
        self.depth -= opened


def ordered_indices(expression: Expr) -> tuple[sp.Idx, ...]:
    """The free indices of an expression, outermost loop first."""
    return tuple(sorted(free_indices(expression), key=INDEX_ORDER.index))
