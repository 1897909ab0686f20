"""Passes on the form for CUDA: arrays are taken flat, or the turns of the loops are dealt out to a block of threads.

Dealt out, arrays made outside the loops are shared, every thread computes the scalars for itself, and a barrier
follows each nest of loops.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from divprune_sym.codegen.form import (
    Allocate,
    Assign,
    Barrier,
    Call,
    Entry,
    Expression,
    Loop,
    Name,
    Operation,
    Whole,
    rebuilt,
    written,
)
from divprune_sym.codegen.lanes import ends_at_diagonal, only_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from divprune_sym.codegen.form import Body, Routine

_LANE, _LANES, _ENTRY = Name("lane"), Name("lanes"), Name("e")


class CannotDistribute(ValueError):
    """A loop carries something from one turn to the next; the message names it."""


def distributed(routine: Routine, in_order: frozenset[str]) -> Routine:
    """A function run by `lanes` threads together.

    Parameters
    ----------
    routine : Routine
        Two arguments are added, the number of a thread `lane` and that of all threads `lanes`; it also calls
        `triangle_row(e)`, the row of entry e of a lower triangle.
    in_order : frozenset of str
        Indices of loops that are not dealt out: sums are collected in them.

    Raises
    ------
    CannotDistribute
        A turn of an outer loop reads a number that another turn has written.
    """
    arguments = (*routine.arguments, _LANE.label, _LANES.label)
    return replace(routine, arguments=arguments, body=_together(routine.body, set(arguments), in_order))


def flat(routine: Routine, shapes: Mapping[str, tuple[Expression, ...]]) -> Routine:
    """A function that takes some of its arrays flat.

    Parameters
    ----------
    routine : Routine
    shapes : mapping
        All extents but the first of each such array; Numba cannot reshape an array in CUDA code without a library
        function that is linked only where there is a GPU.
    """

    def change(part: Any) -> Any:
        if not isinstance(part, Entry) or part.array not in shapes or len(part.indices) == 1:
            return part
        first, *rest = part.indices
        for index, extent in zip(rest, shapes[part.array], strict=True):
            first = Operation("+", Operation("*", first, extent), index)
        return replace(part, indices=(first,))

    return rebuilt(routine, change)


def _together(body: Body, known: set[str], in_order: frozenset[str]) -> Body:
    """Statements outside all dealt-out loops; `known` are the names that have a value by now."""
    made: list[Any] = []
    for statement in body:
        if isinstance(statement, Loop) and statement.index in in_order:
            made.append(replace(statement, body=_together(statement.body, known, in_order)))
        elif isinstance(statement, Loop):
            made += [_dealt_out(statement, known), Barrier()]
        else:
            made.append(replace(statement, shared=True) if isinstance(statement, Allocate) else statement)
            known |= written(statement)
    return tuple(made)


def _dealt_out(loop: Loop, known: set[str]) -> Loop:
    carried = written(loop) & known
    if carried:
        msg = f"a loop over {loop.index} carries {', '.join(sorted(carried))} from turn to turn"
        raise CannotDistribute(msg)
    inner = only_loop(loop)
    if inner is None:
        return replace(loop, start=_LANE, step=_LANES)
    row, column = Name(loop.index), Name(inner.index)
    if ends_at_diagonal(loop, inner):
        count = _triangle(loop.stop)
        found: tuple[Expression, Expression] = (
            Call("triangle_row", (_ENTRY,)),
            Operation("-", _ENTRY, _triangle(row)),
        )
    else:
        count = Operation("*", loop.stop, inner.stop)
        found = Operation("//", _ENTRY, inner.stop), Operation("%", _ENTRY, inner.stop)
    indices = [Assign((name,), value) for name, value in zip((row, column), found, strict=True)]
    return Loop(_ENTRY.label, count, (*indices, *inner.body), _LANE, _LANES)


def _triangle(rows: Expression) -> Expression:
    """rows (rows + 1)/2"""
    return Operation("//", Operation("*", rows, Operation("+", rows, Whole(1))), Whole(2))
