"""A pass on the form: loops over pairs with special functions in them run over several pairs at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from divprune_sym.codegen.extents import frozen, is_frozen
from divprune_sym.codegen.form import Allocate, Assign, Call, Entry, Loop, Name, Operation, Packs, Whole, parts, rebuilt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from divprune_sym.codegen.form import Body, Statement

_SPECIAL = frozenset({"asin", "atan2", "exp", "root"})


def packed(body: Body, sizes: Mapping[str, int | str]) -> Body:
    """The statements with such loops packed, where their ranges are numbers, or holes for numbers."""
    return tuple(_packed(statement, sizes) for statement in body)


def _packed(statement: Statement, sizes: Mapping[str, int | str]) -> Statement:
    if not isinstance(statement, Loop):
        return statement
    inner = only_loop(statement)
    if inner is None:
        return replace(statement, body=packed(statement.body, sizes))
    half = ends_at_diagonal(statement, inner)
    extents = frozen(statement.stop, sizes), frozen(statement.stop if half else inner.stop, sizes)
    if not all(map(is_frozen, extents)) or not _has_special(inner.body) or carried(inner.body):
        return replace(statement, body=packed(statement.body, sizes))
    indices = (statement.index, inner.index)
    return Packs(indices, extents, half, rebuilt(inner.body, lambda part: _in_lanes(part, frozenset(indices))))


def only_loop(loop: Loop) -> Loop | None:
    """The loop that is all there is in a loop."""
    first = loop.body[0]
    return first if len(loop.body) == 1 and isinstance(first, Loop) else None


def ends_at_diagonal(outer: Loop, inner: Loop) -> bool:
    """Whether the inner loop goes up to the outer one's index."""
    return inner.stop == Operation("+", Name(outer.index), Whole(1))


def carried(body: Body) -> set[str]:
    """Scalars that are read before they have a value of this turn."""
    known: set[str] = set()
    found: set[str] = set()
    given = {target.label for part in parts(body) if isinstance(part, Assign) for target in _scalars(part)}
    for part in parts(body):
        if isinstance(part, Assign):
            read = {name.label for name in parts(part.value) if isinstance(name, Name)}
            found |= (read & given) - known
            known |= {target.label for target in _scalars(part)}
    return found


def _scalars(assign: Assign) -> list[Name]:
    return [target for target in assign.targets if isinstance(target, Name)]


def _has_special(body: Body) -> bool:
    return any(isinstance(part, Call) and part.function in _SPECIAL for part in parts(body))


def _in_lanes(part: Any, indices: frozenset[str]) -> Any:
    if isinstance(part, Allocate):
        return replace(part, lanes=True)
    if isinstance(part, Entry) and any(isinstance(x, Name) and x.label in indices for x in parts(part.indices)):
        return replace(part, gathered=True)
    return part
