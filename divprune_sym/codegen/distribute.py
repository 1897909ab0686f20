"""Last pass, for CUDA: arrays become local to a thread, or the turns of the loops are dealt out to a block of threads.

Dealt out, arrays made outside the loops are shared, every thread computes the scalars for itself, and a barrier
follows each nest of loops. Loops over mask classes stay in order: sums over classes are collected in them.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_ORDER = ("c",)
ROOM = "local_array"


class CannotDistribute(ValueError):
    """A loop carries something from one turn to the next; the message names it."""


def distributed(source: str) -> str:
    """The text of one function, run by `lanes` threads together.

    Parameters
    ----------
    source : str
        One decorated function as the compiler writes it. Two arguments are added, the number of a thread `lane` and
        that of all threads `lanes`; the text also calls `sync()` and `triangle_row(e)`, the row of entry e of a
        lower triangle.

    Raises
    ------
    CannotDistribute
        A turn of an outer loop reads a number that another turn has written.
    """
    module = ast.parse(source)
    (function,) = (node for node in module.body if isinstance(node, ast.FunctionDef))
    function.args.args += [ast.arg("lane"), ast.arg("lanes")]
    function.body = _statements(function.body, {argument.arg for argument in function.args.args})
    return _text(_Rooms("local").visit(module))


def one_thread(source: str) -> str:
    """The text of one function, its arrays local to a thread."""
    return _text(_Rooms("local").visit(ast.parse(source)))


def flat(source: str, shapes: Mapping[str, tuple[str, ...]]) -> str:
    """The text of one function that takes some of its arrays flat.

    Parameters
    ----------
    source : str
    shapes : mapping
        All extents but the first of each such array, as text; Numba cannot reshape an array in CUDA code without
        a library function that is linked only where there is a GPU.
    """
    return _text(_Flat(shapes).visit(ast.parse(source)))


def _text(module: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(module)) + "\n"


def _statements(body: list[ast.stmt], known: set[str]) -> list[ast.stmt]:
    """Statements outside all dealt-out loops; `known` are the names that have a value by now."""
    made: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.For) and _variable(statement) in IN_ORDER:
            statement.body = _statements(statement.body, known)
            made.append(statement)
        elif isinstance(statement, ast.For):
            made += [*_dealt_out(statement, known), _parse("sync()")]
        else:
            made.append(_Rooms("shared").visit(statement))
            known |= _written(statement)
    return made


class _Rooms(ast.NodeTransformer):
    """Calls of `ROOM(shape)` become Numba's own: a CUDA function cannot return an array."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.func) != ROOM:
            return node
        return _expression(f"cuda.{self.kind}.array({ast.unparse(node.args[0])}, float64)")


class _Flat(ast.NodeTransformer):
    """Entries of some arrays, given flat, by one index."""

    def __init__(self, shapes: Mapping[str, tuple[str, ...]]) -> None:
        self.shapes = shapes

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        name = ast.unparse(node.value)
        if name not in self.shapes or not isinstance(node.slice, ast.Tuple):
            return node
        first, *rest = map(ast.unparse, node.slice.elts)
        for index, extent in zip(rest, self.shapes[name], strict=True):
            first = f"({first}) * {extent} + {index}"
        node.slice = _expression(first)
        return node


def _dealt_out(loop: ast.For, known: set[str]) -> list[ast.stmt]:
    carried = _written(loop) & known
    if carried:
        msg = f"a loop over {_variable(loop)} carries {', '.join(sorted(carried))} from turn to turn"
        raise CannotDistribute(msg)
    outer, row = ast.unparse(_extent(loop)), _variable(loop)
    inner = loop.body[0]
    if len(loop.body) > 1 or not isinstance(inner, ast.For):
        head = f"for {row} in range(lane, {outer}, lanes): pass"
        return [_with_body(head, loop.body)]
    extent, column = ast.unparse(_extent(inner)), _variable(inner)
    if extent == f"{row} + 1":
        count = f"({outer}) * ({outer} + 1) // 2"
        found = f"{row} = triangle_row(e)\n{column} = e - {row} * ({row} + 1) // 2"
    else:
        count = f"({outer}) * ({extent})"
        found = f"{row} = e // ({extent})\n{column} = e % ({extent})"
    body = [*ast.parse(found).body, *inner.body]
    return [_with_body(f"for e in range(lane, {count}, lanes): pass", body)]


def _variable(loop: ast.For) -> str:
    return ast.unparse(loop.target)


def _extent(loop: ast.For) -> ast.expr:
    assert isinstance(loop.iter, ast.Call)
    (extent,) = loop.iter.args
    return extent


def _written(statement: ast.stmt) -> set[str]:
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _parse(text: str) -> ast.stmt:
    return ast.parse(text).body[0]


def _with_body(head: str, body: list[ast.stmt]) -> ast.stmt:
    loop = _parse(head)
    assert isinstance(loop, ast.For)
    loop.body = body
    return loop
