"""Functions of generated text as LLVM's text: their statements, and what calls them.

A small part of Python: numbers, lanes, indices, arrays in C order, loops, choices, and functions of the same kind.
Anything else is refused by name. No function raises: where there is no room for an array, what has been allocated is
given back, and the entry says so.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.codegen.expressions import (
    INTEGER,
    REFUSED,
    TRUTH,
    Array,
    CannotLower,
    Expressions,
    Kind,
    Made,
    Value,
    is_wider,
    refused,
)
from divprune_sym.codegen.objects import ENTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass
class Unit:
    """A function and all that it calls, as one text."""

    functions: dict[str, str] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    declared: dict[str, None] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """LLVM's text."""
        return "\n".join([*self.declared, *self.functions.values()])

    def entry(self, function: Callable[..., Any], kinds: Sequence[Kind]) -> str | None:
        """Add what is called from outside; the kind of its result.

        It takes the arguments one after the other, arrays as an address and their extents, and an address for the
        result (it may be null where there is none). It returns 0, or 1 where there was no room for an array.
        """
        made = self.function(function, kinds)
        names = [f"x{n}" for n in range(len(kinds))]
        given = ", ".join(_declared(names, kinds))
        inner = f"{given}, ptr %failed" if made.may_fail else given
        lines = [f"define i32 @{ENTRY}({given}{', ' if given else ''}ptr %result) nounwind {{"]
        lines += ["%failed = alloca i32", "store i32 0, ptr %failed"]
        if made.result is None:
            lines.append(f"call void @{made.name}({inner})")
        else:
            lines.append(f"%found = call {made.result} @{made.name}({inner})")
            lines.append(f"store {made.result} %found, ptr %result, align 8")
        lines += ["%status = load i32, ptr %failed", "ret i32 %status", "}"]
        self.functions[ENTRY] = "\n".join(lines)
        return made.result

    def function(self, function: Callable[..., Any], kinds: Sequence[Kind]) -> Made:
        """A function of arguments of these kinds."""
        source = textwrap.dedent(inspect.getsource(function))
        names = _names_around(function)
        digest = hashlib.sha256(repr((source, kinds, _numbers(function, names))).encode()).hexdigest()[:20]
        name = f"divprune_sym.{function.__name__}.{digest}"
        if name not in self.made:
            (tree,) = ast.parse(source).body
            assert isinstance(tree, ast.FunctionDef)
            writer = Writer(self, names, digest)
            self.functions[name] = writer.written(name, tree, kinds)
            self.made[name] = Made(name, writer.result, writer.may_fail)
        return self.made[name]

    def declare(self, line: str) -> None:
        """A line before all functions."""
        self.declared[line] = None


def _names_around(function: Callable[..., Any]) -> dict[str, Any]:
    return function.__globals__ | dict(inspect.getclosurevars(function).nonlocals)


def _numbers(function: Callable[..., Any], names: Mapping[str, Any]) -> list[Any]:
    """The numbers outside a function that it reads."""
    found = [(name, names.get(name)) for name in (*function.__code__.co_names, *function.__code__.co_freevars)]
    return [
        (name, x.tolist() if isinstance(x, np.ndarray) else x)
        for name, x in found
        if isinstance(x, (int, float, np.ndarray))
    ]


def _declared(names: Sequence[str], kinds: Sequence[Kind]) -> list[str]:
    """Parameters as LLVM's text declares them."""
    head = []
    for name, kind in zip(names, kinds, strict=True):
        if isinstance(kind, tuple):
            head += [f"ptr %{name}", *(f"i64 %{name}.{axis}" for axis in range(kind[1]))]
        else:
            head.append(f"{kind} %{name}")
    return head


@dataclass
class Turns:
    """A loop that is being written: where it goes on and ends, and what every turn finds."""

    following: str
    end: str
    heads: dict[str, str | Array]
    rooms: int
    # variables that hold a wider kind at the end of a turn
    wider: dict[str, str] = field(default_factory=dict)
    is_left: bool = False


@dataclass
class Writer(Expressions):
    """Writes one function, statement by statement."""

    result: str | None = None
    ended: bool = False
    loops: list[Turns] = field(default_factory=list)

    def written(self, name: str, tree: ast.FunctionDef, kinds: Sequence[Kind]) -> str:
        """The text."""
        names = [argument.arg for argument in tree.args.args]
        for argument, kind in zip(names, kinds, strict=True):
            if isinstance(kind, tuple):
                extents = tuple(Value(INTEGER, f"%{argument}.{axis}") for axis in range(kind[1]))
                self.known[argument] = Array(kind[0], f"%{argument}", extents)
            else:
                self.store(argument, Value(kind, f"%{argument}"))
        self.body(tree.body)
        if not self.ended:
            if self.result is not None:
                raise refused(tree)
            self.lines.append("ret void")
        head = [*_declared(names, kinds), *(["ptr %failed"] if self.may_fail else [])]
        opening = f"define internal {self.result or 'void'} @{name}({', '.join(head)}) nounwind {{"
        nothing = f"ret {self.result} zeroinitializer" if self.result else "ret void"
        lines = [nothing if line == REFUSED else line for line in self.lines]
        return "\n".join([opening, "entry:", *self.places, *lines, "}"])

    # --- statements ---

    def body(self, statements: Sequence[ast.stmt]) -> None:
        """Statements one after the other; room made in them is given back at their end."""
        outer = len(self.rooms)
        for statement in statements:
            if self.ended:
                break
            self.statement(statement)
        if not self.ended:
            self.give_back(self.rooms[outer:])
        del self.rooms[outer:]

    def statement(self, node: ast.stmt) -> None:
        """One statement."""
        match node:
            case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if len(targets) == len(values):
                found = [self.expression(x) for x in values]
                for target, value in zip(targets, found, strict=True):
                    self.assign(target, value)
            case ast.Assign(targets, given):
                value = self.expression(given)
                for target in targets:
                    self.assign(target, value)
            case ast.AugAssign(target, sign, given):
                # as `x = x + given` is
                now = ast.Name(target.id) if isinstance(target, ast.Name) else target
                self.assign(target, self.operation(sign, self.value(now), self.value(given), node))
            case ast.For(ast.Name(index), ast.Call(ast.Name("range"), arguments), body, []):
                self.loop("loop", lambda name: self.counted(name, index, arguments, body))
            case ast.While(test, body, []):
                self.loop("while", lambda name: self.tested(name, test, body))
            case ast.If(test, body, otherwise):
                self.choice(self.of_kind(TRUTH, test), body, otherwise)
            case ast.Continue():
                self.leave_turn(self.loops[-1].following)
            case ast.Break():
                self.loops[-1].is_left = True
                self.leave_turn(self.loops[-1].end)
            case ast.Return(None):
                self.give_back(self.rooms)
                self.leave("ret void")
            case ast.Return(ast.expr() as returned):
                found_value = self.value(returned)
                self.give_back(self.rooms)
                if self.result not in (None, found_value.kind):
                    raise refused(node)
                self.result = found_value.kind
                self.leave(f"ret {found_value.kind} {found_value.text}")
            case ast.Expr(ast.Constant()):  # what it is about
                pass
            case ast.Expr(ast.Call(ast.Name(name), arguments, []) as called):
                self.call(name, arguments, called)
            case _:
                raise refused(node)

    def assign(self, target: ast.expr, value: Value | Array) -> None:
        """Give a variable or an entry a value."""
        match target:
            case ast.Name(name):
                self.keep(name, value)
            case ast.Subscript(array, at) if isinstance(value, Value):
                into = self.array(array)
                if len(self.items(at)) != len(into.shape):
                    raise refused(target)
                given = self.cast(value, into.kind)
                self.lines.append(f"store {given.kind} {given.text}, ptr {self.place(into, at)}, align 8")
            case _:
                raise refused(target)

    def leave(self, line: str) -> None:
        """The last line of a block that ends here."""
        self.lines.append(line)
        self.ended = True

    # --- choices ---

    def choice(self, test: Value, body: Sequence[ast.stmt], otherwise: Sequence[ast.stmt]) -> None:
        """Statements where a test holds, others where it does not."""
        name, before = self.label("if"), self.known
        ways = {}
        for way, chosen in (("yes", body), ("no", otherwise)):
            self.known, self.ended = dict(before), False
            lines, _ = self.apart(lambda chosen=chosen: self.body(chosen))  # type: ignore[misc]
            ways[way] = (lines, self.known, self.ended)
        going_on = [known for _, known, ended in ways.values() if not ended]
        self.known = _met(going_on) if going_on else before
        self.lines.append(f"br i1 {test.text}, label %{name}.yes, label %{name}.no")
        for way, (lines, known, ended) in ways.items():
            self.lines += [f"{name}.{way}:", *lines]
            if not ended:
                self.widen(known, self.known)
                self.lines.append(f"br label %{name}.end")
        self.ended = not going_on
        if going_on:
            self.lines.append(f"{name}.end:")

    def widen(self, known: Mapping[str, str | Array], wanted: Mapping[str, str | Array]) -> None:
        """Make the kinds of variables those that are wanted, where these are wider."""
        after, self.known = self.known, dict(known)
        for label, kind in wanted.items():
            if is_wider(kind, known[label]):
                self.store(label, self.cast(self.load(label), str(kind)))
        self.known = after

    # --- loops ---

    def loop(self, kind: str, write: Callable[[str], None]) -> None:
        """A loop; a variable that is a number before it, and lanes at its end, holds lanes from the start."""
        while True:
            before, lines = dict(self.known), len(self.lines)
            name = self.label(kind)
            turns = Turns(f"{name}.next", f"{name}.end", before, len(self.rooms))
            self.loops.append(turns)
            write(name)
            self.loops.pop()
            # what is made in a turn is gone after it
            self.known = dict(before)
            if not turns.wider:
                return
            del self.lines[lines:]
            self.widen(before, turns.wider)
            self.known |= turns.wider
            self.ended = False

    def counted(self, name: str, index: str, arguments: Sequence[ast.expr], body: Sequence[ast.stmt]) -> None:
        """`for` over a range; the sign of a step is that of its text."""
        bounds = [self.integer(x) for x in arguments]
        start, stop = bounds[:2] if len(bounds) > 1 else (Value(INTEGER, "0"), bounds[0])
        step = bounds[2] if len(bounds) == 3 else Value(INTEGER, "1")
        counter = f"%{name}.at"
        self.places[f"{counter} = alloca i64"] = None
        self.lines.append(f"store i64 {start.text}, ptr {counter}")
        self.begin(name)
        at = self.emit(f"load i64, ptr {counter}")
        test = self.emit(f"icmp {'sgt' if step.text.startswith('-') else 'slt'} i64 {at}, {stop.text}")
        self.lines += [f"br i1 {test}, label %{name}.body, label %{name}.end", f"{name}.body:"]
        self.store(index, Value(INTEGER, at))
        self.body(body)
        self.leave_turn(f"{name}.next")
        self.lines.append(f"{name}.next:")
        following = self.emit(f"add nsw i64 {at}, {step.text}")
        self.lines += [f"store i64 {following}, ptr {counter}", f"br label %{name}", f"{name}.end:"]
        self.ended = False

    def tested(self, name: str, test: ast.expr, body: Sequence[ast.stmt]) -> None:
        """`while`."""
        forever = isinstance(test, ast.Constant) and test.value is True
        self.begin(f"{name}.next")
        if not forever:
            found = self.of_kind(TRUTH, test)
            self.lines += [f"br i1 {found.text}, label %{name}.body, label %{name}.end", f"{name}.body:"]
        self.body(body)
        self.leave_turn(f"{name}.next")
        self.lines.append(f"{name}.end:")
        self.ended = False
        if forever and not self.loops[-1].is_left:
            self.leave("unreachable")

    def leave_turn(self, label: str) -> None:
        """Go on with the next turn, which finds variables as this one did, or behind the loop."""
        if self.ended:
            return
        turns = self.loops[-1]
        self.give_back(self.rooms[turns.rooms :])
        for name, kind in turns.heads.items():
            now = self.known.get(name)
            if now is not None and is_wider(now, kind):
                turns.wider[name] = str(now)
            elif now is None or (now != kind and not is_wider(kind, now)):
                msg = f"cannot lower: {name} changes in a loop"
                raise CannotLower(msg)
        if not turns.wider:
            self.widen(self.known, turns.heads)
        self.leave(f"br label %{label}")


def _met(ways: Sequence[Mapping[str, str | Array]]) -> dict[str, str | Array]:
    """What is known where several ways meet: of numbers the wider kind, and nothing of what only one of them has."""
    first, *others = ways
    met = dict(first)
    for other in others:
        for name in [*met]:
            if name not in other:
                del met[name]
            elif is_wider(other[name], met[name]):
                met[name] = other[name]
            elif met[name] != other[name] and not is_wider(met[name], other[name]):
                del met[name]
    return met
