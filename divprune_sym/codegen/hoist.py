"""Pass 2: every sub-expression goes to the outermost place where all its indices are bound, and is written once."""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp
from sympy import Expr

from divprune_sym.codegen.sums import bound_indices, free_indices
from divprune_sym.dynamics.symbols import INDEX_ORDER

Indices = tuple[sp.Idx, ...]


@dataclass(frozen=True)
class Temporary:
    """An intermediate array over `indices` (a scalar if there are none) and what it holds."""

    array: Expr
    indices: Indices
    expression: Expr


@dataclass
class Hoister:
    """Collects the temporaries of a whole system; those inside the nest of one assignment are local to it."""

    everywhere: list[Temporary] = field(default_factory=list)
    _names: dict[Expr, Expr] = field(default_factory=dict)
    _counter: int = 0

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
        self._counter += 1
        label = f"t{self._counter}_{_letters(indices)}" if indices else f"t{self._counter}"
        if not indices:
            return sp.Symbol(label, real=True)
        shape = tuple(index.upper + 1 for index in indices)
        return sp.IndexedBase(label, shape=shape, real=True)[indices]

    def shared(self, expression: Expr, indices: Indices) -> Expr:
        """The array of a temporary that is computed before all loops, made at first use."""
        canonical, back = _canonical(expression, indices)
        if canonical not in self._names:
            own = tuple(index.xreplace({old: new for new, old in back.items()}) for index in indices)
            self._names[canonical] = self.name(own)
            self.everywhere.append(Temporary(self._names[canonical], own, canonical))
        return self._names[canonical].xreplace(back)


@dataclass
class _Scope:
    """One assignment: a nest of output indices, and the temporaries local to it."""

    owner: Hoister
    nest: Indices
    local: list[Temporary] = field(default_factory=list)
    _names: dict[Expr, Expr] = field(default_factory=dict)

    def visit(self, expression: Expr) -> Expr:
        if isinstance(expression, (sp.Indexed, sp.Idx)) or not expression.args:
            return expression
        if bound_indices(expression):
            body = self.visit(expression.args[0])
            return expression.func(body, *expression.args[1:])
        args = [self.visit(arg) for arg in expression.args]
        if isinstance(expression, (sp.Add, sp.Mul)):
            args = self._grouped(expression.func, args)
        return expression.func(*args)

    def _grouped(self, func: type[Expr], args: list[Expr]) -> list[Expr]:
        """Arguments with the same, smaller, set of indices become one temporary."""
        groups: dict[frozenset[sp.Idx], list[Expr]] = {}
        for arg in args:
            groups.setdefault(free_indices(arg), []).append(arg)
        full = frozenset().union(*groups)
        kept = []
        for indices, members in groups.items():
            combined = func(*members)
            if indices < full and _is_worth_storing(combined):
                kept.append(self._temporary(combined))
            else:
                kept.extend(members)
        return kept

    def _temporary(self, expression: Expr) -> Expr:
        indices = tuple(sorted(free_indices(expression), key=INDEX_ORDER.index))
        if not self.nest or not set(self.nest) <= set(indices):
            return self.owner.shared(expression, indices)
        extra = tuple(index for index in indices if index not in self.nest)
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


def _letters(indices: Indices) -> str:
    return "".join(str(index) for index in indices)


def _is_worth_storing(expression: Expr) -> bool:
    """Anything dearer than one multiplication."""
    if isinstance(expression, sp.Indexed) or not expression.args:
        return False
    operands = [arg for arg in expression.args if not arg.is_Number]
    plain = all(isinstance(arg, (sp.Indexed, sp.Symbol)) for arg in operands)
    return not (isinstance(expression, (sp.Mul, sp.Add)) and plain and len(operands) <= 2)


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
