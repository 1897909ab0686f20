"""Pass 4: hoisted assignments become loops of the intermediate form."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.codegen.arithmetic import Arithmetic, whole
from divprune_sym.codegen.form import Allocate, Assign, Body, Loop, Name, Return, Statement
from divprune_sym.codegen.sums import HalfSum, bound_indices, free_indices
from divprune_sym.dynamics.symbols import INDEX_ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from divprune_sym.codegen.form import Entry
    from divprune_sym.codegen.hoist import Temporary
    from divprune_sym.dynamics.equations import Assignment


@dataclass
class Lowering:
    """Collects statements; shared sub-expressions get names that are not `reserved`."""

    fuses: bool = True
    reserved: frozenset[str] = frozenset()
    statements: list[Statement] = field(default_factory=list)
    _counted: int = 0
    _arithmetic: Arithmetic = field(init=False)

    def __post_init__(self) -> None:
        self._arithmetic = Arithmetic(self.fuses)

    @property
    def body(self) -> Body:
        """What has been collected."""
        return tuple(self.statements)

    def room_for(self, lhs: Expr) -> None:
        """Make room for what an assignment writes, unless there is some by now."""
        made = {x.array for x in self.statements if isinstance(x, Allocate)}
        if isinstance(lhs, sp.Indexed) and str(lhs.base.label) not in made:
            self.allocate(lhs)

    def allocate(self, array: Expr) -> None:
        """Make room for an array."""
        self.statements.append(Allocate(str(array.base.label), tuple(map(whole, array.base.shape))))

    def zeros(self, array: Expr) -> None:
        """Make room for an array and fill it with zeros."""
        self.allocate(array)
        with self.loops(ordered_indices(array)):
            self._write([array], sp.Integer(0))

    def copy(self, source: sp.IndexedBase, target: sp.IndexedBase) -> None:
        """Make room for an array, and copy another."""
        indices: list[sp.Idx] = []
        for extent in target.shape:
            indices.append(next(x for x in INDEX_ORDER if x.upper + 1 == extent and x not in indices))
        self.allocate(target[tuple(indices)])
        with self.loops(indices):
            self._write([target[tuple(indices)]], source[tuple(indices)])

    def temporaries(self, temporaries: Iterable[Temporary]) -> None:
        """Compute temporaries; neighbors over the same indices share their loops."""
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
                self._assign([temporary.array], self._without_sums(temporary.expression))

    def assignment(self, assignment: Assignment, rhs: Expr, inside: Sequence[Temporary], *, add: bool = False) -> None:
        """The loops of one assignment around its local temporaries and its right-hand side.

        `add` the right-hand side to what is there: one turn of a sum over an outer loop.
        """
        lhs = assignment.lhs
        targets = [lhs]
        if assignment.symmetric:
            row, column = lhs.indices[-2:]
            targets.append(lhs.xreplace({row: column, column: row}))
        with self.loops(ordered_indices(lhs), half=lhs.indices[-2:] if assignment.symmetric else ()):
            self.temporaries(inside)
            value = self._without_sums(rhs)
            self._assign(targets, lhs + value if add else value)

    def inside(self, value: sp.Symbol, rhs: Expr, temporaries: Sequence[Temporary], nest: Sequence[sp.Idx]) -> None:
        """What stands inside the loops over a nest: local temporaries, then the value of the right-hand side."""
        self._arithmetic.loops += nest
        self.temporaries(temporaries)
        self._assign([value], self._without_sums(rhs))
        del self._arithmetic.loops[len(self._arithmetic.loops) - len(nest) :]

    def returned(self, expression: Expr) -> None:
        """Return the value of an expression without indices."""
        self._assign([sp.Symbol("value")], expression)
        self.statements.append(Return(Name("value")))

    @contextmanager
    def loops(self, indices: Sequence[sp.Idx], half: tuple[sp.Idx, ...] = ()) -> Iterator[None]:
        """Loops over whole ranges; with `half` = (row, column), over columns up to the row."""
        ranges = [(x, half[0] + 1 if half and x == half[1] else x.upper + 1) for x in indices]
        with self._inside(ranges):
            yield

    @contextmanager
    def _inside(self, ranges: Sequence[tuple[sp.Idx, Expr]]) -> Iterator[None]:
        outer, self.statements = self.statements, []
        self._arithmetic.loops += [index for index, _ in ranges]
        yield
        inner = self.statements
        for index, stop in reversed(ranges):
            inner = [Loop(str(index), whole(stop), tuple(inner))]
        self.statements = [*outer, *inner]
        del self._arithmetic.loops[len(self._arithmetic.loops) - len(ranges) :]

    @contextmanager
    def over(self, index: Expr, stop: Expr) -> Iterator[None]:
        """A loop whose index is a number like any other: nothing is ordered by it."""
        outer, self.statements = self.statements, []
        yield
        self.statements = [*outer, Loop(str(index), whole(stop), self.body)]

    def _assign(self, targets: Sequence[Expr], expression: Expr) -> None:
        shared, (reduced,) = sp.cse([expression], symbols=self._shared_names(), optimizations=None)
        for symbol, value in shared:
            self._arithmetic.depths[symbol] = self._arithmetic.depth(value)
            self._write([symbol], value)
        self._write(targets, reduced)

    def _write(self, targets: Sequence[Expr], value: Expr) -> None:
        entries: list[Name | Entry] = [self._arithmetic.lowered(target) for target in targets]  # type: ignore[misc]
        self.statements.append(Assign(tuple(entries), self._arithmetic.lowered(value)))

    def _shared_names(self) -> Iterable[sp.Symbol]:
        while True:
            self._counted += 1
            if f"x{self._counted}" not in self.reserved:
                yield sp.Symbol(f"x{self._counted}", real=True)

    def _without_sums(self, expression: Expr) -> Expr:
        """Run the sums of an expression into accumulators and put those in their place."""
        if bound_indices(expression):
            return self._accumulate(expression)
        if isinstance(expression, (sp.Indexed, sp.Idx)) or not expression.args:
            return expression
        return expression.func(*[self._without_sums(arg) for arg in expression.args])

    def _accumulate(self, summation: Expr) -> Expr:
        self._counted += 1
        total = sp.Symbol(f"sum{self._counted}", real=True)
        self._arithmetic.depths[total] = self._arithmetic.depth(summation)
        self._write([total], sp.Integer(0))
        if isinstance(summation, HalfSum):
            self._half_sum(summation, total)
            return total
        with self.loops(bound_indices(summation)):
            self._write([total], total + self._without_sums(summation.args[0]))
        return total

    def _half_sum(self, summation: HalfSum, total: sp.Symbol) -> None:
        """Σ_a row(a) (body(a, a) + 2 Σ_{b<a} body(a, b))."""
        body, a, b = summation.args
        row = sp.Mul(*[x for x in sp.Mul.make_args(body) if free_indices(x) == {a}])
        body = body / row
        below = sp.Symbol(f"{total}_below", real=True)
        with self.loops([a]):
            self._write([below], sp.Integer(0))
            with self._inside([(b, a)]):
                self._write([below], below + self._without_sums(body))
            diagonal = self._without_sums(body.xreplace({b: a}))
            self._write([total], total + row * sp.UnevaluatedExpr(diagonal + 2 * below))


def ordered_indices(expression: Expr) -> tuple[sp.Idx, ...]:
    """The free indices of an expression, outermost loop first."""
    return tuple(sorted(free_indices(expression), key=INDEX_ORDER.index))
