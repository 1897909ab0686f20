"""The intermediate form: loops, assignments, room for arrays, lanes and calls, as every target prints them.

Hoisted sums are lowered to it; packing into lanes and dealing out to threads are passes on it. Nothing in it is text to
be parsed again, and nothing in it is SymPy.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Node = TypeVar("Node")


@dataclass(frozen=True)
class Whole:
    """An integer: in indices, extents and loops."""

    value: int


@dataclass(frozen=True)
class Number:
    """A float, zero or more."""

    value: float


@dataclass(frozen=True)
class Name:
    """A scalar, a size, an index, or the hole that a size is filled into."""

    label: str


@dataclass(frozen=True)
class Entry:
    """An entry of an array; `gathered`: one entry for each lane, since an index holds several values."""

    array: str
    indices: tuple[Expression, ...]
    gathered: bool = False


@dataclass(frozen=True)
class Negative:
    """−value."""

    value: Expression


@dataclass(frozen=True)
class Operation:
    """left sign right, rounded once."""

    sign: Literal["+", "-", "*", "/", "//", "%"]
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Call:
    """A function that every target has, or its preamble defines."""

    function: str
    arguments: tuple[Expression, ...] = ()


Expression: TypeAlias = Whole | Number | Name | Entry | Negative | Operation | Call


@dataclass(frozen=True)
class Allocate:
    """Room for an array.

    `lanes`: of several numbers each; `shared`: by all threads of a block; `within`: the flat array that it is
    a part of, from where the number `…_at` says.
    """

    array: str
    shape: tuple[Expression, ...]
    lanes: bool = False
    shared: bool = False
    within: str = ""


@dataclass(frozen=True)
class Assign:
    """One value, written to every target."""

    targets: tuple[Name | Entry, ...]
    value: Expression


@dataclass(frozen=True)
class Loop:
    """The body for index = start, start + step, … below stop."""

    index: str
    stop: Expression
    body: Body
    start: Expression = Whole(0)
    step: Expression = Whole(1)


@dataclass(frozen=True)
class Packs:
    """The body for all pairs of two indices, several pairs at once; `half`: those with second ≤ first."""

    indices: tuple[str, str]
    extents: tuple[Expression, Expression]
    half: bool
    body: Body


@dataclass(frozen=True)
class Barrier:
    """All threads of a block wait for each other."""


@dataclass(frozen=True)
class Return:
    """The function's value."""

    value: Expression


Statement: TypeAlias = Allocate | Assign | Loop | Packs | Barrier | Return
Body: TypeAlias = tuple[Statement, ...]


@dataclass(frozen=True)
class Routine:
    """A whole function: `sizes` are read first, as the texts given for them, those of them that are used."""

    name: str
    arguments: tuple[str, ...]
    meaning: str
    sizes: tuple[tuple[str, str], ...]
    body: Body


def parts(node: Any) -> Iterator[Any]:
    """The node and everything in it, outermost first."""
    if isinstance(node, tuple):
        for part in node:
            yield from parts(part)
    elif is_dataclass(node):
        yield node
        for field in fields(node):
            yield from parts(getattr(node, field.name))


def rebuilt(node: Node, change: Callable[[Any], Any]) -> Node:
    """The node with every part replaced by what `change` makes of it, innermost first."""
    if isinstance(node, tuple):
        return tuple(rebuilt(part, change) for part in node)  # type: ignore[return-value]
    if not is_dataclass(node) or isinstance(node, type):
        return node
    old = {field.name: getattr(node, field.name) for field in fields(node)}
    new = {name: rebuilt(value, change) for name, value in old.items()}
    changed = {name: value for name, value in new.items() if value is not old[name]}
    made: Node = change(replace(node, **changed) if changed else node)
    return made


def written(body: Any) -> set[str]:
    """Scalars and indices that get a value."""
    found: set[str] = set()
    for part in parts(body):
        if isinstance(part, Assign):
            found |= {target.label for target in part.targets if isinstance(target, Name)}
        elif isinstance(part, Loop):
            found.add(part.index)
        elif isinstance(part, Packs):
            found.update(part.indices)
    return found


def used(body: Any) -> set[str]:
    """All names that occur, of scalars, indices, sizes and functions."""
    labels = {part.label for part in parts(body) if isinstance(part, Name)}
    return labels | {part.function for part in parts(body) if isinstance(part, Call)}
