"""Pass 2: every sub-expression goes to the outermost place where all its indices are bound, and is written once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.codegen.sums import HalfSum, bound_indices, free_indices
from divprune_sym.dynamics.symbols import INDEX_ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Indices = tuple[sp.Idx, ...]


@dataclass(frozen=True)
class Temporary:
    """An intermediate array over `indices` (a scalar if there are none) and what it holds."""

    array: Expr
    indices: Indices
    expression: Expr


@dataclass
class Hoister:
    """Collects the temporaries of a whole system; those inside the nest of one assignment are local to it.

    `inside_only`: all of them are, even those that could serve several turns of the nest. `longest`: the index of a
    loop with so many turns that every operation that can is done before it.
    """

    everywhere: list[Temporary] = field(default_factory=list)
    names: dict[Expr, Expr] = field(default_factory=dict)
    roots: frozenset[Expr] = frozenset()
    inside_only: bool = False
    longest: sp.Idx | None = None
    counter: Iterator[int] = field(default_factory=lambda: count(1))

    def inside_a_loop(self) -> Hoister:
        """A hoister that knows the temporaries so far, for expressions that change with the turns of a loop."""
        return Hoister(names=dict(self.names), roots=self.roots, counter=self.counter)

    def hoist(self, expression: Expr, nest: Indices) -> tuple[Expr, list[Temporary], list[Temporary]]:
        """Rewrite an assignment's right-hand side.

        Returns the rewritten expression, the temporaries to compute before the assignment's loops, and
        those to compute inside them.
        """
        scope, already = _Scope(self, nest), len(self.everywhere)
        rewritten = scope.visit(expression)
        local = [Temporary(scope.stripped(t.array), t.indices, scope.stripped(t.expression)) for t in scope.local]
        return scope.stripped(rewritten), self.everywhere[already:], local

    def name(self, indices: Indices) -> Expr:
        """A fresh array over the indices."""
        number = next(self.counter)
        label = f"t{number}_{_letters(indices)}" if indices else f"t{number}"
        if not indices:
            return sp.Symbol(label, real=True)
        shape = tuple(index.upper + 1 for index in indices)
        return sp.IndexedBase(label, shape=shape, real=True)[indices]

    def shared(self, expression: Expr, indices: Indices) -> Expr:
        """The array of a temporary that is computed before all loops, made at first use."""
        canonical, back = _canonical(expression, indices)
        if canonical not in self.names:
            own = tuple(index.xreplace({old: new for new, old in back.items()}) for index in indices)
            self.names[canonical] = self.name(own)
            self.everywhere.append(Temporary(self.names[canonical], own, canonical))
        return self.names[canonical].xreplace(back)


@dataclass
class _Scope:
    """One assignment: a nest of output indices, and the temporaries local to it."""

    owner: Hoister
    nest: Indices
    local: list[Temporary] = field(default_factory=list)
    _names: dict[Expr, Expr] = field(default_factory=dict)
    _bound: tuple[sp.Idx, ...] = ()

    def visit(self, expression: Expr) -> Expr:
        if isinstance(expression, sp.Indexed):
            return self._nearer(expression)
        if isinstance(expression, sp.Idx) or not expression.args:
            return expression
        if bound := bound_indices(expression):
            outer, self._bound = self._bound, (*self._bound, *bound)
            body = self.visit(expression.args[0])
            self._bound = outer
            return expression.func(body, *expression.args[1:])
        if isinstance(expression, sp.Pow) and not expression.exp.is_nonnegative:
            return self._root(expression)
        args = [self.visit(arg) for arg in expression.args]
        if isinstance(expression, (sp.Add, sp.Mul)):
            args = self._grouped(expression.func, args)
        return expression.func(*args)

    def _nearer(self, entry: sp.Indexed) -> Expr:
        """Entries that a double sum inside the nest reads along one index are brought together for its loops."""
        if isinstance(entry, sp.Indexed) and self._is_read_along_one_index(free_indices(entry)):
            return self._local(entry, tuple(free_indices(entry) - set(self.nest)))
        return entry

    def _is_read_along_one_index(self, indices: frozenset[sp.Idx]) -> bool:
        """Whether something is fixed by the nest but for one index of a double sum inside it."""
        nest = set(self.nest)
        if len(self._bound) < 2 or nest & set(self._bound):
            return False
        return bool(indices & nest) and len(indices - nest) == 1

    def _root(self, power: sp.Pow) -> Expr:
        """1/x, 1/√x and their powers: one division, and one root if any power of x has one."""
        base, exponent = power.args
        if base.is_number:
            return power
        base_visited = self.visit(base)
        if canonical(base) not in self.owner.roots:
            return self._stored(base_visited**exponent)
        root = self._stored(1 / sp.sqrt(base_visited))
        return root ** (-2 * exponent) if isinstance(root, (sp.Indexed, sp.Symbol)) else base_visited**exponent

    def _stored(self, expression: Expr) -> Expr:
        return self._temporary(expression) if expression.args else expression

    def _grouped(self, func: type[Expr], args: list[Expr]) -> list[Expr]:
        """Arguments with the same, smaller, set of indices become one temporary."""
        groups: dict[frozenset[sp.Idx], list[Expr]] = {}
        for arg in args:
            groups.setdefault(free_indices(arg), []).append(arg)
        full = frozenset().union(*groups)
        if self.owner.longest in full:
            groups = _joined(groups, self.owner.longest)
        kept = []
        for indices, members in groups.items():
            combined = func(*members)
            spares = self.owner.longest in full and not self._is_plain(combined, self.owner.longest in indices)
            if indices < full and (spares or self._is_worth_storing(combined)):
                kept.append(self._temporary(combined))
            else:
                kept.extend(members)
        return kept

    def _temporary(self, expression: Expr) -> Expr:
        indices = tuple(sorted(free_indices(expression), key=INDEX_ORDER.index))
        if not self.owner.inside_only and (not self.nest or not set(self.nest) <= set(indices)):
            if not _has_dear(expression) and self._is_read_along_one_index(frozenset(indices)):
                return self._local(expression, tuple(index for index in indices if index not in self.nest))
            return self._nearer(self.owner.shared(expression, indices))
        return self._local(expression, tuple(index for index in indices if index not in self.nest))

    def _is_worth_storing(self, expression: Expr) -> bool:
        """Roots, divisions, functions and sums always; products and sums if that spares an inner loop work."""
        if isinstance(expression, sp.Indexed) or not expression.args:
            return False
        indices = free_indices(expression)
        if not indices or _has_dear(expression):
            return True
        return not self._is_plain(expression, short=True) and self._is_read_along_one_index(indices)

    def _is_plain(self, expression: Expr, short: bool) -> bool:
        """One entry; with `short` also a product or sum of two."""
        operands = [arg for arg in expression.args if not arg.is_Number]
        if isinstance(expression, (sp.Indexed, sp.Symbol)) or not operands:
            return True
        return short and all(isinstance(arg, (sp.Indexed, sp.Symbol)) for arg in operands) and len(operands) <= 2

    def _local(self, expression: Expr, extra: Indices) -> Expr:
        """The array, over indices besides those of the nest, of a temporary inside the nest."""
        canonical, back = _canonical(expression, extra, taken=self.nest)
        if canonical not in self._names:
            own = tuple(index.xreplace({old: new for new, old in back.items()}) for index in extra)
            # the nest's indices stay visible until the pass is over: they decide where things go
            self._names[canonical] = self.owner.name((*self.nest, *own))
            self.local.append(Temporary(self._names[canonical], own, canonical))
        return self._names[canonical].xreplace(back)

    def stripped(self, expression: Expr) -> Expr:
        """Local temporaries without the indices of the nest: inside its loops these are fixed."""
        bases = {temporary.array.base for temporary in self.local}

        def strip(array: sp.Indexed) -> Expr:
            label, letters = str(array.base.label).split("_")
            rest, own = array.indices[len(self.nest) :], letters[len(self.nest) :]
            if not rest:
                return sp.Symbol(label, real=True)
            return sp.IndexedBase(f"{label}_{own}", shape=array.base.shape[len(self.nest) :], real=True)[rest]

        return expression.replace(lambda e: isinstance(e, sp.Indexed) and e.base in bases, strip)


def _joined(groups: dict[frozenset[sp.Idx], list[Expr]], longest: sp.Idx) -> dict[frozenset[sp.Idx], list[Expr]]:
    """Members that do not change with the longest loop join those over more indices that do not either."""
    fixed = [indices for indices in groups if longest not in indices]
    made: dict[frozenset[sp.Idx], list[Expr]] = {}
    for indices, members in groups.items():
        wider = [other for other in fixed if indices < other] if longest not in indices else []
        made.setdefault(max(wider, key=len, default=indices), []).extend(members)
    return made


def _letters(indices: Indices) -> str:
    return "".join(str(index) for index in indices)


def _has_dear(expression: Expr) -> bool:
    """Whether there is anything dearer than sums and products."""
    return any(
        isinstance(x, (sp.Function, sp.Sum, HalfSum))
        or (isinstance(x, sp.Pow) and not (x.exp.is_integer and x.exp.is_positive))
        for x in sp.preorder_traversal(expression)
    )


def canonical(expression: Expr) -> Expr:
    """An expression with its indices renamed in order: equal for f(i, a) and f(i, b)."""
    return _canonical(expression, tuple(sorted(free_indices(expression), key=INDEX_ORDER.index)))[0]


def roots(expressions: Iterable[Expr]) -> frozenset[Expr]:
    """What square roots are taken of, by canonical form."""
    powers = set().union(*[x.atoms(sp.Pow) for x in expressions])
    return frozenset(canonical(x.base) for x in powers if x.exp.is_Rational and x.exp.q == 2)


def _canonical(expression: Expr, indices: Indices, taken: Indices = ()) -> tuple[Expr, dict[Expr, Expr]]:
    """Rename indices to the first of their kind that is not taken, so that f(i, a) and f(i, b) are one array.

    Returns the renamed expression and the map back to the caller's names.
    """
    if expression.has(sp.Sum) or any(bound_indices(part) for part in sp.preorder_traversal(expression)):
        return expression, {}
    used: set[sp.Idx] = set(taken)
    forward: dict[Expr, Expr] = {}
    for index in indices:
        same_range = [other for other in INDEX_ORDER if other.upper == index.upper and other not in used]
        forward[index] = same_range[0]
        used.add(same_range[0])
    return expression.xreplace(forward), {new: old for old, new in forward.items()}
