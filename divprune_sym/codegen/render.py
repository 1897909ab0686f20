"""Pass 3: loops in readable Python that Numba can compile."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr
from sympy.printing.codeprinter import PrintMethodNotImplementedError
from sympy.printing.pycode import PythonCodePrinter

from divprune_sym.codegen.guarded import Root
from divprune_sym.codegen.sums import HalfSum, bound_indices, free_indices
from divprune_sym.codegen.targets import BATCH, CPU, Target, hole, is_hole
from divprune_sym.dynamics.symbols import INDEX_ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from divprune_sym.codegen.hoist import Temporary
    from divprune_sym.dynamics.equations import Assignment


# the functions and constants that every target defines; nothing else may be printed
KNOWN = ("asin", "atan2", "exp", "pi", "sqrt")


class CannotPrint(ValueError):
    """An expression has a function that the target language lacks; the message names it."""


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """SymPy's Python printer for floats, whose sums of products are chains of `fma`.

    Factors are ordered by the loop they change in, outermost first: what stays constant in a loop stands together,
    and the compiler can take it out without changing a bit.
    """

    def __init__(self, fuses: bool) -> None:
        super().__init__({"fully_qualified_modules": False})
        self.fuses = fuses
        self.loops: list[sp.Idx] = []
        self.depths: dict[Expr, int] = {}
        self.packed: frozenset[sp.Idx] = frozenset()

    def depth(self, expression: Expr) -> int:
        """The number of loops outside of which an expression does not change."""
        found = [self.depths.get(x, 0) for x in expression.free_symbols]
        found += [self.loops.index(x) + 1 for x in free_indices(expression) if x in self.loops]
        return max(found, default=0)

    def _ordered(self, args: Iterable[Expr]) -> list[Expr]:
        return sorted(args, key=lambda x: (self.depth(x), sp.default_sort_key(x)))

    def _print_Integer(self, expr: sp.Integer) -> str:
        return repr(float(expr))

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr)) if expr.q == 1 else f"({float(expr.p)!r} / {float(expr.q)!r})"

    def _print_UnevaluatedExpr(self, expr: sp.UnevaluatedExpr) -> str:
        return str(self._print(expr.args[0]))

    def _print_Idx(self, expr: sp.Idx) -> str:
        return str(expr)

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        indices = ", ".join(str(index) for index in expr.indices)
        if self.packed & free_indices(expr):
            return f"take({expr.base.label}, ({indices}{',' if len(expr.indices) == 1 else ''}))"
        return f"{expr.base.label}[{indices}]"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False, sqrt: str = "sqrt") -> str:
        """Powers with integer or half-integer exponents as products and one square root."""
        product = " * ".join(self._factors(*expr.args))
        bracketed = f"({product})" if " * " in product else product
        return bracketed if expr.exp > 0 else f"(1.0 / {bracketed})"

    def _factors(self, base: Expr, exponent: Expr) -> list[str]:
        """|exponent| as factors."""
        if not (2 * exponent).is_integer or abs(exponent) > 8:
            msg = f"cannot print the power {base**exponent}: only multiples of 1/2 up to 8 are generated"
            raise CannotPrint(msg)
        whole, half = divmod(abs(int(2 * exponent)), 2)
        text = self._print(base)
        # sums come in brackets, or as a call
        bracketed = f"({text})" if isinstance(base, sp.Mul) or text.startswith("-") else text
        root = f"sqrt({text[1:-1]})" if isinstance(base, sp.Add) and text.startswith("(") else f"sqrt({text})"
        return [bracketed] * whole + [root] * half

    def _product(self, expr: Expr) -> tuple[bool, list[str], list[str]]:
        """Whether an expression is negative, and the factors of its numerator and denominator."""
        above: list[str] = []
        below: list[str] = []
        coefficient, rest = expr.as_coeff_Mul()
        if abs(coefficient) != 1:
            above.append(self._print(abs(coefficient)))
        for factor in self._ordered(x for x in sp.Mul.make_args(rest) if x != 1):
            base, exponent = factor.as_base_exp() if isinstance(factor, sp.Pow) else (factor, sp.Integer(1))
            (above if exponent > 0 else below).extend(self._factors(base, exponent))
        return bool(coefficient < 0), above, below

    def _print_Mul(self, expr: sp.Mul) -> str:
        negative, above, below = self._product(expr)
        text = ("-" if negative else "") + " * ".join(above or ["1.0"])
        if below:
            text += f" / ({' * '.join(below)})" if len(below) > 1 else f" / {below[0]}"
        return text

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        products: list[tuple[str, str]] = []
        text = ""
        for term in self._ordered(expr.args):
            negative, above, below = self._product(term)
            if self.fuses and len(above) > 1 and not below:
                products.append((("-" if negative else "") + " * ".join(above[:-1]), above[-1]))
            elif not text:
                text = self._print(term)
            else:
                text += f" - {self._print(-term)}" if negative else f" + {self._print(term)}"
        if not text:
            text = " * ".join(products.pop(0))
        for outer, inner in products:
            text = f"fma({outer}, {inner}, {text})"
        return text if products else f"({text})"

    def _print_Root(self, expr: Root) -> str:
        text = self._print(expr.args[0])
        text = text[1:-1] if isinstance(expr.args[0], sp.Add) and text.startswith("(") else text
        # lanes know no max
        return f"root({text})" if self.fuses else f"sqrt(max({text}, 0.0))"

    def _module_format(self, fqn: str, register: bool = True) -> str:
        """Every function and constant of a library passes here, by its full name."""
        name = fqn.rsplit(".", 1)[-1]
        if name not in KNOWN:
            msg = f"cannot print {name}: generated code knows {', '.join(KNOWN)}"
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

    target: Target = CPU
    sizes: Mapping[str, int | str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    constants: dict[str, str] = field(default_factory=dict)
    depth: int = 1
    reserved: frozenset[str] = frozenset()
    _accumulators: int = 0
    _printer: _Printer = field(init=False)

    def __post_init__(self) -> None:
        self._printer = _Printer(self.target.fuses)

    def text(self, expression: Expr) -> str:
        """One expression on one line."""
        try:
            text = str(self._printer.doprint(expression))
        except PrintMethodNotImplementedError:
            msg = f"cannot print {type(expression).__name__} {expression}"
            raise CannotPrint(msg) from None
        return text[1:-1] if isinstance(expression, sp.Add) and text.startswith("(") else text

    def write(self, line: str) -> None:
        """Append one line at the current depth."""
        self.lines.append("    " * self.depth + line)

    def allocate(self, array: Expr) -> None:
        """Make room for an array."""
        shape = tuple(self._frozen(extent) for extent in array.base.shape)
        target = BATCH if self._printer.packed else self.target
        self.write(f"{array.base.label} = {target.empty(shape)}")

    def _frozen(self, extent: Expr) -> str:
        """An extent as text: a number, a hole for one, or an expression that is known at run time only."""
        sizes = {s: self.sizes.get(str(s)) for s in extent.free_symbols}
        if sizes and all(isinstance(size, str) and is_hole(size) for size in sizes.values()):
            return hole(extent)
        return str(extent.subs({s: size for s, size in sizes.items() if isinstance(size, int)}))

    def _is_frozen(self, extent: Expr) -> bool:
        text = self._frozen(extent)
        return text.isdecimal() or is_hole(text)

    def zeros(self, array: Expr) -> None:
        """Make room for an array and fill it with zeros."""
        self.allocate(array)
        with self.loops(ordered_indices(array)):
            self.write(f"{self.text(array)} = 0.0")

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
        for temporary in group:
            if temporary.indices:
                self.allocate(temporary.array)
        with self.loops(group[0].indices):
            for temporary in group:
                self._assign([self.text(temporary.array)], [self._without_sums(temporary.expression)])

    def assignment(self, assignment: Assignment, rhs: Expr, inside: Sequence[Temporary], *, add: bool = False) -> None:
        """The loops of one assignment around its local temporaries and its right-hand side.

        `add` the right-hand side to what is there: one turn of a sum over an outer loop.
        """
        lhs = assignment.lhs
        indices = ordered_indices(lhs)
        targets = [lhs]
        if assignment.symmetric:
            row, column = lhs.indices[-2:]
            targets.append(lhs.xreplace({row: column, column: row}))
        if self._is_worth_packing(indices, rhs, inside):
            with self._packed(indices, assignment.symmetric):
                self.temporaries(inside)
                self._assign(["value"], [self._without_sums(rhs)])
                for target in targets:
                    self.write(f"put({target.base.label}, ({', '.join(map(str, target.indices))}), value)")
            return
        with self.loops(indices, half=lhs.indices[-2:] if assignment.symmetric else ()):
            self.temporaries(inside)
            value = self._without_sums(rhs)
            self._assign([" = ".join(map(self.text, targets))], [lhs + value if add else value])

    def _is_worth_packing(self, indices: Sequence[sp.Idx], rhs: Expr, inside: Sequence[Temporary]) -> bool:
        """Whether these are loops over pairs, of a number known by now, around special functions."""
        if not self.target.packs or len(indices) != 2:
            return False
        if not all(self._is_frozen(index.upper + 1) for index in indices):
            return False
        return any(expression.has(sp.Function) for expression in (rhs, *[t.expression for t in inside]))

    @contextmanager
    def _packed(self, indices: Sequence[sp.Idx], symmetric: bool) -> Iterator[None]:
        """One loop over packs of pairs: inside it the indices hold several values."""
        extents = [self._frozen(index.upper + 1) for index in indices]
        pairs = f"half_pairs({extents[0]})" if symmetric else f"all_pairs({', '.join(extents)})"
        names = [f"{'_'.join(['half' if symmetric else 'all', *extents])}_{index}" for index in indices]
        self.constants[pairs] = ", ".join(names)
        self.write(f"for pack in range(0, len({names[0]}), WIDTH):")
        self.depth += 1
        for index, rows in zip(indices, names, strict=True):
            self.write(f"{index} = packed_indices({rows}, pack)")
        self._printer.packed = frozenset(indices)
        self._printer.loops += indices
        yield
        self.depth -= 1
        self._printer.packed = frozenset()
        del self._printer.loops[-2:]

    def returned(self, expression: Expr) -> None:
        """Return the value of an expression without indices."""
        self._assign(["value"], [expression])
        self.write("return value")

    @contextmanager
    def loops(self, indices: Sequence[sp.Idx], half: tuple[sp.Idx, ...] = ()) -> Iterator[None]:
        """Loops over whole ranges; with `half` = (row, column), over columns up to the row."""
        for index in indices:
            stop = f"{half[0]} + 1" if half and index == half[1] else str(index.upper + 1)
            self.write(f"for {index} in range({stop}):")
            self.depth += 1
            self._printer.loops.append(index)
        yield
        self.depth -= len(indices)
        del self._printer.loops[len(self._printer.loops) - len(indices) :]

    def _assign(self, targets: Sequence[str], expressions: Sequence[Expr]) -> None:
        shared, reduced = sp.cse(expressions, symbols=self._shared_names(), optimizations=None)
        for symbol, expression in shared:
            self._printer.depths[symbol] = self._printer.depth(expression)
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
        self._printer.depths[total] = self._printer.depth(summation)
        self.write(f"{total} = 0.0")
        if isinstance(summation, HalfSum):
            self._half_sum(summation, total)
            return total
        with self.loops(bound_indices(summation)):
            self.write(f"{total} = {self.text(total + self._without_sums(summation.args[0]))}")
        return total

    def _half_sum(self, summation: HalfSum, total: sp.Symbol) -> None:
        """Σ_a row(a) (body(a, a) + 2 Σ_{b<a} body(a, b))."""
        body, a, b = summation.args
        row = sp.Mul(*[x for x in sp.Mul.make_args(body) if free_indices(x) == {a}])
        body = body / row
        below = sp.Symbol(f"{total}_below", real=True)
        with self.loops([a]):
            self.write(f"{below} = 0.0")
            self.write(f"for {b} in range({a}):")
            self.depth += 1
            self._printer.loops.append(b)
            self.write(f"{below} = {self.text(below + self._without_sums(body))}")
            self.depth -= 1
            self._printer.loops.pop()
            diagonal = self._without_sums(body.xreplace({b: a}))
            self.write(f"{total} = {self.text(total + row * sp.UnevaluatedExpr(diagonal + 2 * below))}")


def ordered_indices(expression: Expr) -> tuple[sp.Idx, ...]:
    """The free indices of an expression, outermost loop first."""
    return tuple(sorted(free_indices(expression), key=INDEX_ORDER.index))
