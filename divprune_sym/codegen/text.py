"""Last pass: the intermediate form as Python that can be compiled, for one target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from divprune_sym.codegen.extents import is_frozen
from divprune_sym.codegen.form import (
    Allocate,
    Assign,
    Barrier,
    Call,
    Entry,
    Expression,
    Loop,
    Name,
    Negative,
    Number,
    Operation,
    Packs,
    Return,
    Whole,
    used,
)

if TYPE_CHECKING:
    from divprune_sym.codegen.form import Body, Routine, Statement
    from divprune_sym.codegen.targets import Target

_SUM, _PRODUCT, _SIGN, _ATOM = range(4)
_BINDING = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "//": _PRODUCT, "%": _PRODUCT}


def printed(routine: Routine, target: Target, decorator: str = "jit") -> str:
    """The text of a function, and above it the constants it reads."""
    body = statements(routine.body, target)
    names = used(routine.body)
    lead = [f"@{decorator}"] if decorator else []
    head = [f"def {routine.name}({', '.join(routine.arguments)}):", f'    """{routine.meaning}"""']
    sizes = [f"    {name} = {value}" for name, value in routine.sizes if name in names]
    above = [*body.constants, "", ""] if body.constants else []
    return "\n".join([*above, *lead, *head, *sizes, *body.lines]) + "\n"


def statements(body: Body, target: Target) -> Printer:
    """Statements as indented lines."""
    printer = Printer(target)
    printer.body(body)
    return printer


def expression(node: Expression, binding: int = _SUM) -> str:
    """An expression on one line, in brackets where what is around it binds at least as strongly as `binding`."""
    match node:
        case Whole(value) | Number(value):
            return repr(value)
        case Name(label):
            return label
        case Entry(array, indices, gathered):
            at = ", ".join(map(expression, indices))
            return f"take({array}, {_tuple(at, len(indices))})" if gathered else f"{array}[{at}]"
        case Call(function, arguments):
            return f"{function}({', '.join(map(expression, arguments))})"
        case Negative(value):
            text, own = f"-{expression(value, _SIGN)}", _SIGN
        case Operation(sign, left, right):
            own = _BINDING[sign]
            text = f"{expression(left, own)} {sign} {expression(right, own + 1)}"
    return f"({text})" if own < binding else text


def _tuple(items: str, count: int) -> str:
    return f"({items}{',' if count == 1 else ''})"


@dataclass
class Printer:
    """Collects lines, and constants that they read."""

    target: Target
    lines: list[str] = field(default_factory=list)
    constants: dict[str, None] = field(default_factory=dict)
    depth: int = 1

    def body(self, body: Body) -> None:
        """Statements one after the other."""
        for statement in body:
            self._statement(statement)

    def _write(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def _inside(self, head: str, body: Body, *first: str) -> None:
        self._write(head)
        self.depth += 1
        for line in first:
            self._write(line)
        self.body(body)
        self.depth -= 1

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Allocate():
                shape = _tuple(", ".join(map(expression, statement.shape)), len(statement.shape))
                if statement.within:
                    room = f"view({statement.within}, {statement.within}_at, {shape})"
                else:
                    frozen = all(map(is_frozen, statement.shape))
                    room = self.target.empty(shape, frozen=frozen, lanes=statement.lanes, shared=statement.shared)
                self._write(f"{statement.array} = {room}")
            case Assign():
                self._assign(statement)
            case Loop(index, stop, body, start, step):
                bounds = [stop] if (start, step) == (Whole(0), Whole(1)) else [start, stop, step]
                self._inside(f"for {index} in range({', '.join(map(expression, bounds))}):", body)
            case Packs():
                self._packs(statement)
            case Barrier():
                self._write("sync()")
            case Return(value):
                self._write(f"return {expression(value)}")

    def _assign(self, statement: Assign) -> None:
        scattered = [x for x in statement.targets if isinstance(x, Entry) and x.gathered]
        if not scattered:
            self._write(" = ".join([*map(expression, statement.targets), expression(statement.value)]))
            return
        self._write(f"value = {expression(statement.value)}")
        for entry in scattered:
            at = _tuple(", ".join(map(expression, entry.indices)), len(entry.indices))
            self._write(f"put({entry.array}, {at}, value)")

    def _packs(self, packs: Packs) -> None:
        extents = list(map(expression, packs.extents))
        pairs = f"half_pairs({extents[0]})" if packs.half else f"all_pairs({', '.join(extents)})"
        names = [f"{'_'.join(['half' if packs.half else 'all', *extents])}_{index}" for index in packs.indices]
        self.constants[f"{', '.join(names)} = {pairs}"] = None
        taken = [f"{x} = packed_indices({rows}, pack)" for x, rows in zip(packs.indices, names, strict=True)]
        self._inside(f"for pack in range(0, len({names[0]}), WIDTH):", packs.body, *taken)
