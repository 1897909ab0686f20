"""The order of evaluation: what belongs to one mask class is computed and used up in one pass over the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.codegen.sums import free_indices
from divprune_sym.dynamics.equations import Assignment
from divprune_sym.dynamics.symbols import c as CLASS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sympy import Expr

# inside a pass over the classes c is a number like any other, no index to hoist by
INSIDE = sp.Symbol("c", integer=True, nonnegative=True)


@dataclass(frozen=True)
class Block:
    """Assignments to be evaluated in order; `over_classes`: all of them for one class after the other.

    `sums` are the assignments that collect a sum over the classes, `own` the arrays that live for one class only.
    """

    assignments: tuple[Assignment, ...]
    over_classes: bool = False
    sums: frozenset[Assignment] = frozenset()
    own: frozenset[str] = frozenset()


def label(lhs: Expr) -> str:
    """The name of what an assignment writes."""
    return str(lhs.base.label) if isinstance(lhs, sp.Indexed) else str(lhs)


def blocks(assignments: Sequence[Assignment], outputs: tuple[str, ...]) -> list[Block]:
    """Assignments, integrals already expanded, in as few passes over the classes as their order allows.

    Where a sum over classes is not a whole right-hand side, everything stays in the order given.
    """
    own = {label(x.lhs) for x in assignments if _over_classes(x) and label(x.lhs) not in outputs}
    waiting = [x for x in assignments if label(x.lhs) not in own]
    sums = [x for x in waiting if not _over_classes(x) and _reads(x) & own]
    if not own or not all(_is_sum_over_classes(x.rhs) for x in sums):
        return [Block(tuple(assignments))]
    given = {label(x.lhs) for x in assignments}
    needs = {x: _needs(x, assignments, own, given) for x in waiting}
    made: list[Block] = []
    while waiting:
        pending = {label(x.lhs) for x in waiting}
        ready = [x for x in waiting if not needs[x] & pending]
        plain = [x for x in ready if x not in sums and not _over_classes(x)]
        collected = [x for x in ready if x in sums]
        chosen = plain or collected or ready
        if not chosen:
            return [Block(tuple(assignments))]
        made.append(Block(tuple(plain)) if plain else _pass(chosen, assignments, own, frozenset(collected)))
        waiting = [x for x in waiting if x not in chosen]
    return made


def _over_classes(assignment: Assignment) -> bool:
    return CLASS in free_indices(assignment.lhs)


def _reads(assignment: Assignment) -> set[str]:
    return {str(base.label) for base in assignment.rhs.atoms(sp.IndexedBase)}


def _is_sum_over_classes(rhs: Expr) -> bool:
    return isinstance(rhs, sp.Sum) and [limit[0] for limit in rhs.limits] == [CLASS] and not rhs.function.has(sp.Sum)


def _closure(names: set[str], assignments: Sequence[Assignment], own: set[str]) -> set[str]:
    """The arrays of one class that these arrays are computed from, and they themselves."""
    found, new = set[str](), names & own
    while new:
        found |= new
        new = {name for x in assignments if label(x.lhs) in new for name in _reads(x) & own} - found
    return found


def _needs(assignment: Assignment, assignments: Sequence[Assignment], own: set[str], given: set[str]) -> set[str]:
    """What has to be there before an assignment, the arrays of one class aside."""
    through = _closure(_reads(assignment), assignments, own)
    read = _reads(assignment).union(*[_reads(x) for x in assignments if label(x.lhs) in through])
    return (read & given) - own - {label(assignment.lhs)}


def _pass(
    chosen: list[Assignment], assignments: Sequence[Assignment], own: set[str], sums: frozenset[Assignment]
) -> Block:
    needed = _closure(set().union(*[_reads(x) for x in chosen]), assignments, own)
    inside = [x for x in assignments if label(x.lhs) in needed] + chosen
    one_class = {x: _for_one_class(x, own, x in sums) for x in inside}
    collected = frozenset(one_class[x] for x in sums)
    return Block(tuple(one_class.values()), True, collected, frozenset(needed))


def _for_one_class(assignment: Assignment, own: set[str], is_sum: bool) -> Assignment:
    """The assignment for a fixed class: no class index on arrays that live for one class."""

    def fixed(array: sp.Indexed) -> Expr:
        _, *rest = array.indices
        if str(array.base.label) in own:
            return sp.IndexedBase(array.base.label, shape=array.base.shape[1:], real=True)[tuple(rest)]
        return array.base[(INSIDE, *rest)]

    def at_class(expression: Expr) -> Expr:
        return expression.replace(lambda e: isinstance(e, sp.Indexed) and e.indices[0] == CLASS, fixed)

    rhs = assignment.rhs.function if is_sum else assignment.rhs
    return Assignment(at_class(assignment.lhs), at_class(rhs), assignment.symmetric)
