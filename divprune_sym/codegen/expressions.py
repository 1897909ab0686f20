"""Expressions of generated text in LLVM's: numbers, packs of them, truth values, and arrays in C order.

Every operator is one IEEE operation, so that the bits are those of the text run by Python, whose `simd` says what
the names mean. Integers divide as C's do: what generated text divides is never negative.
"""

from __future__ import annotations

import ast
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from divprune_sym.codegen.simd import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# what a value is: an integer, a float, a truth value, lanes of floats, lanes of integers
INTEGER, FLOAT, TRUTH, LANES, INDICES = "i64", "double", "i1", f"<{WIDTH} x double>", f"<{WIDTH} x i64>"
_KINDS = (INTEGER, FLOAT, LANES, TRUTH, INDICES)
_RANK = (INTEGER, FLOAT, LANES)
_INTRINSICS = {"fma": "fma", "sqrt": "sqrt", "fabs": "fabs", "abs": "fabs", "copysign": "copysign", "ceil": "ceil"}
_ROOMS = {"local_array": FLOAT, "local_lanes": LANES, "empty": FLOAT, "zeros": FLOAT, "lane_array": LANES}
_SIGNS = {
    ast.Add: ("add", "fadd"),
    ast.Sub: ("sub", "fsub"),
    ast.Mult: ("mul", "fmul"),
    ast.Div: ("", "fdiv"),
    ast.FloorDiv: ("sdiv", ""),
    ast.Mod: ("srem", ""),
}
# of integers and of floats; where there is no number, only != holds
_COMPARISONS = {
    ast.Lt: ("slt", "olt"),
    ast.LtE: ("sle", "ole"),
    ast.Gt: ("sgt", "ogt"),
    ast.GtE: ("sge", "oge"),
    ast.Eq: ("eq", "oeq"),
    ast.NotEq: ("ne", "une"),
}
# the last line of a way on which there is no room; the kind of the result is known at the end of the function
REFUSED = "<nothing is returned>"


class CannotLower(TypeError):
    """The text has something that generated text never has; the message names it."""


@dataclass(frozen=True)
class Value:
    """A number, truth value or pack of numbers, as LLVM's text names it."""

    kind: str
    text: str


@dataclass(frozen=True)
class Array:
    """An array in C order: the kind of its elements, the address of the first, and its extents."""

    kind: str
    address: str
    shape: tuple[Value, ...]


# what an argument is: the kind of a value, or that of an array's elements and its number of dimensions
Kind: TypeAlias = "str | tuple[str, int]"


@dataclass(frozen=True)
class Made:
    """A function as its callers know it: its symbol, the kind of its result, whether there may be no room for it."""

    name: str
    result: str | None
    may_fail: bool


class Functions(Protocol):
    """Where the other functions are, and the lines before all of them."""

    def function(self, function: Callable[..., Any], kinds: Sequence[Kind]) -> Made:
        """A function of arguments of these kinds."""

    def declare(self, line: str) -> None:
        """A line before all functions."""


def is_wider(kind: str | Array, other: str | Array) -> bool:
    """Whether numbers of the other kind become this one where the two meet."""
    return kind in _RANK and other in _RANK and _RANK.index(str(kind)) > _RANK.index(str(other))


def constant(value: float) -> str:
    """A float to the last bit."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


def refused(node: ast.AST) -> CannotLower:
    """Generated text has nothing like this."""
    return CannotLower(f"cannot lower: {ast.unparse(node)}")


def passed(values: Sequence[Value | Array]) -> list[str]:
    """Arguments as LLVM passes them: arrays are an address and their extents."""
    given = []
    for x in values:
        if isinstance(x, Array):
            given += [f"ptr {x.address}", *(f"i64 {extent.text}" for extent in x.shape)]
        else:
            given.append(f"{x.kind} {x.text}")
    return given


@dataclass
class Expressions:
    """Writes what expressions compute, line by line; LLVM turns the places of variables into registers."""

    unit: Functions
    names: Mapping[str, Any]
    digest: str
    lines: list[str] = field(default_factory=list)
    # places on the stack, made when the function is entered
    places: dict[str, None] = field(default_factory=dict)
    # the kind of what a name stands for by now, or the array
    known: dict[str, str | Array] = field(default_factory=dict)
    # what has to be given back, and whether there may be no room: %failed says so to the caller
    rooms: list[str] = field(default_factory=list)
    may_fail: bool = False
    count: int = 0

    # --- lines ---

    def emit(self, line: str) -> str:
        """The name of what a line computes."""
        self.count += 1
        self.lines.append(f"%t{self.count} = {line}")
        return f"%t{self.count}"

    def label(self, name: str) -> str:
        """A name for blocks."""
        self.count += 1
        return f"{name}{self.count}"

    def begin(self, label: str) -> None:
        """Go on in a new block."""
        self.lines += [f"br label %{label}", f"{label}:"]

    def apart(self, write: Callable[[], Any]) -> tuple[list[str], Any]:
        """The lines that something writes, to be put elsewhere, and what it returns."""
        before, self.lines = self.lines, []
        found = write()
        written, self.lines = self.lines, before
        return written, found

    def give_back(self, rooms: Sequence[str]) -> None:
        """Free what was allocated."""
        self.lines += [f"call void @free(ptr {room})" for room in rooms]

    def refuse_if(self, test: str) -> None:
        """Leave the function, and tell the caller that there was no room, if a test holds."""
        self.may_fail = True
        name = self.label("room")
        self.lines += [f"br i1 {test}, label %{name}.none, label %{name}", f"{name}.none:", "store i32 1, ptr %failed"]
        self.give_back(self.rooms)
        self.lines += [REFUSED, f"{name}:"]

    # --- variables ---

    def keep(self, name: str, value: Value | Array) -> None:
        """What a name stands for from here on."""
        if isinstance(value, Array):
            self.known[name] = value
        else:
            self.store(name, value)

    def _place_of(self, name: str, kind: str) -> str:
        place = f"%{name}.{_KINDS.index(kind)}.var"
        self.places[f"{place} = alloca {kind}"] = None
        return place

    def store(self, name: str, value: Value) -> None:
        """Give a variable a value; it may be of another kind than before."""
        self.lines.append(f"store {value.kind} {value.text}, ptr {self._place_of(name, value.kind)}")
        self.known[name] = value.kind

    def load(self, name: str) -> Value:
        """The value of a variable."""
        kind = self.known[name]
        assert isinstance(kind, str)
        return Value(kind, self.emit(f"load {kind}, ptr {self._place_of(name, kind)}"))

    # --- expressions ---

    def value(self, node: ast.expr) -> Value:
        """An expression that is no array."""
        found = self.expression(node)
        if isinstance(found, Array):
            raise refused(node)
        return found

    def of_kind(self, kind: str, node: ast.expr) -> Value:
        """An expression of one kind."""
        found = self.value(node)
        if found.kind != kind:
            raise refused(node)
        return found

    def integer(self, node: ast.expr) -> Value:
        """An expression that is an integer."""
        return self.of_kind(INTEGER, node)

    def array(self, node: ast.expr) -> Array:
        """An expression that is an array."""
        found = self.expression(node)
        if not isinstance(found, Array):
            raise refused(node)
        return found

    def expression(self, node: ast.expr) -> Value | Array:
        """Any expression."""
        match node:
            case ast.Constant(bool() as truth):
                return Value(TRUTH, str(truth).lower())
            case ast.Constant(int() as whole):
                return Value(INTEGER, str(whole))
            case ast.Constant(float() as number):
                return Value(FLOAT, constant(number))
            case ast.Name(name):
                return self.named(name, node)
            case ast.Attribute(ast.Name("np"), "inf" | "nan" as name):
                return Value(FLOAT, constant(float(name)))
            case ast.Subscript(ast.Attribute(array, "shape"), ast.Constant(int() as axis)):
                return self.array(array).shape[axis]
            case ast.Subscript(array, at):
                return self.entry_or_row(self.array(array), at)
            case ast.UnaryOp(ast.USub(), ast.Constant(int() as whole)):
                return Value(INTEGER, str(-whole))
            case ast.UnaryOp(ast.USub(), operand):
                value = self.value(operand)
                line = f"sub i64 0, {value.text}" if value.kind == INTEGER else f"fneg {value.kind} {value.text}"
                return Value(value.kind, self.emit(line))
            case ast.UnaryOp(ast.Not(), operand):
                return Value(TRUTH, self.emit(f"xor i1 {self.of_kind(TRUTH, operand).text}, true"))
            case ast.BinOp(left, sign, right):
                return self.operation(sign, self.value(left), self.value(right), node)
            case ast.Compare(left, [sign], [right]):
                return self.comparison(sign, self.value(left), self.value(right), node)
            case ast.BoolOp(sign, [first, *rest]):
                return self.one_by_one(isinstance(sign, ast.And), first, rest)
            case ast.IfExp(test, yes, no):
                return self.either(self.of_kind(TRUTH, test), yes, no, node)
            case ast.Call(ast.Name() | ast.Attribute() as called, arguments, []):
                found = self.call(called.id if isinstance(called, ast.Name) else called.attr, arguments, node)
                if found is None:
                    raise refused(node)
                return found
        raise refused(node)

    def named(self, name: str, node: ast.AST) -> Value | Array:
        """What a name stands for: a variable, or a number outside."""
        if name in self.known:
            found = self.known[name]
            return found if isinstance(found, Array) else self.load(name)
        outside = self.names.get(name)
        if isinstance(outside, int) and not isinstance(outside, bool):
            return Value(INTEGER, str(outside))
        if isinstance(outside, float):
            return Value(FLOAT, constant(outside))
        if isinstance(outside, np.ndarray) and outside.dtype == np.int64:
            label = f"@divprune_sym.{name}.{self.digest}"
            numbers = ", ".join(f"i64 {x}" for x in outside.tolist())
            self.unit.declare(f"{label} = private constant [{outside.size} x i64] [{numbers}]")
            return Array(INTEGER, label, (Value(INTEGER, str(outside.size)),))
        raise refused(node)

    def operation(self, sign: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """left sign right."""
        kinds = {left.kind, right.kind}
        of_integers, of_floats = _SIGNS.get(type(sign), ("", ""))
        if kinds <= {INTEGER, INDICES} and of_integers:
            kind, name = INDICES if INDICES in kinds else INTEGER, of_integers
        elif kinds <= {*_RANK} and of_floats:
            kind, name = self.common(left, right), of_floats
        elif kinds <= {INTEGER, FLOAT} and isinstance(sign, ast.Pow):
            return self.function_of("pow", [self.cast(x, FLOAT) for x in (left, right)], FLOAT)
        else:
            raise refused(node)
        a, b = self.cast(left, kind), self.cast(right, kind)
        return Value(kind, self.emit(f"{name} {kind} {a.text}, {b.text}"))

    def comparison(self, sign: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
        """Whether left sign right, of numbers."""
        kind = INTEGER if left.kind == right.kind == INTEGER else FLOAT
        if not {left.kind, right.kind} <= {INTEGER, FLOAT} or type(sign) not in _COMPARISONS:
            raise refused(node)
        of_integers, of_floats = _COMPARISONS[type(sign)]
        test = f"icmp {of_integers}" if kind == INTEGER else f"fcmp {of_floats}"
        return Value(TRUTH, self.emit(f"{test} {kind} {self.cast(left, kind).text}, {self.cast(right, kind).text}"))

    def one_by_one(self, every: bool, first: ast.expr, rest: Sequence[ast.expr]) -> Value:
        """`and` (every) or `or`: the rest is looked at only where the first leaves it open."""
        found = self.of_kind(TRUTH, first)
        if not rest:
            return found
        name = self.label("truth")
        self.places[f"%{name} = alloca i1"] = None
        ways = (f"{name}.more", f"{name}.end") if every else (f"{name}.end", f"{name}.more")
        self.lines += [f"store i1 {found.text}, ptr %{name}", f"br i1 {found.text}, label %{ways[0]}, label %{ways[1]}"]
        self.lines.append(f"{name}.more:")
        self.lines.append(f"store i1 {self.one_by_one(every, rest[0], rest[1:]).text}, ptr %{name}")
        self.begin(f"{name}.end")
        return Value(TRUTH, self.emit(f"load i1, ptr %{name}"))

    def either(self, test: Value, yes: ast.expr, no: ast.expr, node: ast.AST) -> Value:
        """One of two expressions; only that one is computed."""
        name, ways = self.label("either"), {}
        for way, chosen in (("yes", yes), ("no", no)):
            ways[way] = self.apart(lambda chosen=chosen: self.value(chosen))  # type: ignore[misc]
        kinds = {value.kind for _, value in ways.values()}
        kind = kinds.pop() if len(kinds) == 1 else self.common(*(value for _, value in ways.values()))
        if not kinds <= {*_RANK}:
            raise refused(node)
        self.places[f"%{name} = alloca {kind}"] = None
        self.lines.append(f"br i1 {test.text}, label %{name}.yes, label %{name}.no")
        for way, (lines, value) in ways.items():
            self.lines += [f"{name}.{way}:", *lines]
            self.lines += [f"store {kind} {self.cast(value, kind).text}, ptr %{name}", f"br label %{name}.end"]
        self.lines.append(f"{name}.end:")
        return Value(kind, self.emit(f"load {kind}, ptr %{name}"))

    def common(self, *values: Value) -> str:
        """What numbers are computed as: lanes if any is, else floats."""
        return LANES if any(x.kind == LANES for x in values) else FLOAT

    def cast(self, value: Value, kind: str) -> Value:
        """A number as a float, or one number in all lanes."""
        if value.kind == kind:
            return value
        if value.kind == INTEGER and kind in (FLOAT, LANES):
            value = Value(FLOAT, self.emit(f"sitofp i64 {value.text} to double"))
        if value.kind == kind:
            return value
        if (value.kind, kind) in ((FLOAT, LANES), (INTEGER, INDICES)):
            first = self.emit(f"insertelement {kind} poison, {value.kind} {value.text}, i32 0")
            zeros = f"<{WIDTH} x i32> zeroinitializer"
            return Value(kind, self.emit(f"shufflevector {kind} {first}, {kind} poison, {zeros}"))
        msg = f"cannot make {kind} of {value.kind}"
        raise CannotLower(msg)

    # --- calls ---

    def call(self, name: str, arguments: Sequence[ast.expr], node: ast.AST) -> Value | Array | None:
        """What a call returns, if anything."""
        match name, arguments:
            case (("empty" | "zeros" | "local_array" | "local_lanes" | "lane_array"), [shape, *kind]):
                return self.room(name, shape, kind)
            case "view", [source, start, shape]:
                array, first = self.array(source), self.integer(start)
                place = self.emit(f"getelementptr inbounds {array.kind}, ptr {array.address}, i64 {first.text}")
                return Array(array.kind, place, self.extents(shape))
            case "as_lanes", [source]:
                array = self.array(source)
                if array.kind != FLOAT:
                    raise refused(node)
                return Array(LANES, array.address, array.shape[:-1])
            case "len", [source]:
                return self.array(source).shape[0]
            case "packed_indices", [source, start]:
                place = self.place(self.array(source), start)
                return Value(INDICES, self.emit(f"load {INDICES}, ptr {place}, align 8"))
            case "take", [source, at]:
                return self.gathered(self.scattered(self.array(source), at))
            case "put", [target, at, given]:
                into, lanes = self.array(target), self.cast(self.value(given), LANES)
                for lane, place in enumerate(self.scattered(into, at)):
                    element = self.emit(f"extractelement {LANES} {lanes.text}, i32 {lane}")
                    self.lines.append(f"store double {element}, ptr {place}, align 8")
                return None
            case "next_ticket", [tickets]:
                return Value(INTEGER, self.emit(f"atomicrmw add ptr {self.array(tickets).address}, i64 1 monotonic"))
            case "call", [address, *rest]:
                self.call_at(self.integer(address), [self.expression(x) for x in rest])
                return None
        return self.of_numbers(name, [self.expression(x) for x in arguments], node)

    def call_at(self, address: Value, given: Sequence[Value | Array]) -> None:
        """Call the entry (see `Unit.entry`) at an address."""
        function = self.emit(f"inttoptr i64 {address.text} to ptr")
        status = self.emit(f"call i32 {function}({', '.join([*passed(given), 'ptr null'])})")
        self.refuse_if(self.emit(f"icmp ne i32 {status}, 0"))

    def of_numbers(self, name: str, given: list[Value | Array], node: ast.AST) -> Value | None:
        """A function of numbers, or one of generated text."""
        function = getattr(self.names.get(name), "py_func", None)
        if function is not None:
            return self.generated(function, given)
        values = [x for x in given if isinstance(x, Value) and x.kind in _RANK]
        if len(values) < len(given) or not values:
            raise refused(node)
        kind = self.common(*values)
        match name, values:
            case "int", [x]:
                return x if x.kind == INTEGER else Value(INTEGER, self.emit(f"fptosi double {x.text} to i64"))
            case "float", [x]:
                return self.cast(x, FLOAT)
            case (("min" | "max"), [x, y]) if kind == FLOAT:
                kind = INTEGER if x.kind == y.kind == INTEGER else FLOAT
                x, y = self.cast(x, kind), self.cast(y, kind)
                test = self.comparison(ast.Lt() if name == "min" else ast.Gt(), y, x, node)
                return Value(kind, self.emit(f"select i1 {test.text}, {kind} {y.text}, {kind} {x.text}"))
        return self.function_of(name, [self.cast(x, kind) for x in values], kind, node)

    def generated(self, function: Callable[..., Any], given: Sequence[Value | Array]) -> Value | None:
        """A call of another function of generated text."""
        kinds: list[Kind] = [(x.kind, len(x.shape)) if isinstance(x, Array) else x.kind for x in given]
        made = self.unit.function(function, kinds)
        arguments = ", ".join([*passed(given), *(["ptr %failed"] if made.may_fail else [])])
        found = None
        if made.result is None:
            self.lines.append(f"call void @{made.name}({arguments})")
        else:
            found = Value(made.result, self.emit(f"call {made.result} @{made.name}({arguments})"))
        if made.may_fail:
            self.refuse_if(self.emit(f"icmp ne i32 {self.emit('load i32, ptr %failed')}, 0"))
        return found

    def function_of(self, name: str, values: Sequence[Value], kind: str, node: ast.AST | None = None) -> Value:
        """A function of floats or lanes."""
        given = ", ".join(f"{kind} {x.text}" for x in values)
        texts = [x.text for x in values]
        if name in _INTRINSICS or name == "pow":
            mangled = f"@llvm.{_INTRINSICS.get(name, name)}.{'f64' if kind == FLOAT else f'v{WIDTH}f64'}"
            self.unit.declare(f"declare {kind} {mangled}({', '.join([kind] * len(values))})")
            return Value(kind, self.emit(f"call {kind} {mangled}({given})"))
        if name == "above":
            test = self.emit(f"fcmp ogt {kind} {texts[0]}, {texts[1]}")
            of = TRUTH if kind == FLOAT else f"<{WIDTH} x i1>"
            return Value(kind, self.emit(f"select {of} {test}, {kind} {texts[2]}, {kind} {texts[3]}"))
        if name == "any_above":
            return self.any_above(kind, texts)
        if name == "power_of_two":
            return self.power_of_two(values[0])
        if name == "atan2":
            return self.lane_by_lane(name, values)
        if name == "isnan" and kind == FLOAT:
            return Value(TRUTH, self.emit(f"fcmp uno double {texts[0]}, {texts[0]}"))
        if name == "isfinite" and kind == FLOAT:
            size = self.function_of("fabs", values, kind)
            return Value(TRUTH, self.emit(f"fcmp olt double {size.text}, {constant(float('inf'))}"))
        assert node is not None
        raise refused(node)

    def any_above(self, kind: str, texts: Sequence[str]) -> Value:
        """Whether x > y in any lane."""
        test = self.emit(f"fcmp ogt {kind} {texts[0]}, {texts[1]}")
        if kind == FLOAT:
            return Value(TRUTH, test)
        bits = self.emit(f"bitcast <{WIDTH} x i1> {test} to i{WIDTH}")
        return Value(TRUTH, self.emit(f"icmp ne i{WIDTH} {bits}, 0"))

    def power_of_two(self, value: Value) -> Value:
        """The exponent's bits: n + 1023, brought to the end of the mantissa by adding 1.5 · 2⁵², then moved up."""
        kind = value.kind
        integers, packed = (INTEGER, FLOAT) if kind == FLOAT else (INDICES, LANES)
        shift = self.cast(Value(FLOAT, constant(1.5 * 2.0**52 + 1023.0)), packed)
        by = self.cast(Value(INTEGER, "52"), integers)
        shifted = self.emit(f"fadd {kind} {value.text}, {shift.text}")
        bits = self.emit(f"bitcast {kind} {shifted} to {integers}")
        moved = self.emit(f"shl {integers} {bits}, {by.text}")
        return Value(kind, self.emit(f"bitcast {integers} {moved} to {kind}"))

    def lane_by_lane(self, name: str, values: Sequence[Value]) -> Value:
        """A function that only floats have."""
        self.unit.declare(f"declare double @{name}({', '.join(['double'] * len(values))})")
        if values[0].kind == FLOAT:
            given = ", ".join(f"double {x.text}" for x in values)
            return Value(FLOAT, self.emit(f"call double @{name}({given})"))
        found = "poison"
        for lane in range(WIDTH):
            own = [self.emit(f"extractelement {LANES} {x.text}, i32 {lane}") for x in values]
            element = self.emit(f"call double @{name}({', '.join(f'double {x}' for x in own)})")
            found = self.emit(f"insertelement {LANES} {found}, double {element}, i32 {lane}")
        return Value(LANES, found)

    # --- arrays ---

    def items(self, node: ast.expr) -> list[ast.expr]:
        """The items of a tuple, or the one that stands alone."""
        return node.elts if isinstance(node, ast.Tuple) else [node]

    def extents(self, node: ast.expr) -> tuple[Value, ...]:
        """A shape."""
        if isinstance(node, ast.Attribute) and node.attr == "shape":
            return self.array(node.value).shape
        return tuple(map(self.integer, self.items(node)))

    def room(self, name: str, shape: ast.expr, given: Sequence[ast.expr]) -> Array:
        """Room on the stack where the extents are numbers in the text, else on the heap."""
        kind, extents = _ROOMS[name], self.extents(shape)
        match given:
            case [ast.Attribute(ast.Name("np"), "int64")]:
                kind = INTEGER
            case [other, *_]:
                raise refused(other)
        if name.startswith("local"):
            place = f"%{self.label('room')}"
            size = int(np.prod([int(x.text) for x in extents]))
            self.places[f"{place} = alloca {kind}, i64 {size}, align 32"] = None
            return Array(kind, place, extents)
        # a byte more than it takes: for no bytes, some systems give no address
        of = 8 * WIDTH if kind == LANES else 8
        bytes_ = self.emit(f"add i64 1, {self._product(Value(INTEGER, str(of)), *extents).text}")
        self.unit.declare("declare void @free(ptr)")
        if name == "zeros":
            self.unit.declare("declare noalias ptr @calloc(i64, i64)")
            place = self.emit(f"call ptr @calloc(i64 {bytes_}, i64 1)")
        else:
            self.unit.declare("declare noalias ptr @malloc(i64)")
            place = self.emit(f"call ptr @malloc(i64 {bytes_})")
        self.refuse_if(self.emit(f"icmp eq ptr {place}, null"))
        self.rooms.append(place)
        return Array(kind, place, extents)

    def _product(self, first: Value, *others: Value) -> Value:
        for other in others:
            first = Value(first.kind, self.emit(f"mul i64 {first.text}, {other.text}"))
        return first

    def position(self, array: Array, at: ast.expr) -> Value:
        """Where an entry or a row stands, counted from the first entry; packs of positions for packs of indices."""
        items = self.items(at)
        if len(items) > len(array.shape):
            raise refused(at)
        position = Value(INTEGER, "0")
        for axis, (item, extent) in enumerate(zip(items, array.shape, strict=False)):
            index = self.value(item)
            if index.kind not in (INTEGER, INDICES):
                raise refused(at)
            if index.text.startswith("-"):
                index = self.operation(ast.Add(), extent, index, at)
            if axis == 0:
                position = index
            else:
                position = self.operation(ast.Add(), self.operation(ast.Mult(), position, extent, at), index, at)
        for extent in array.shape[len(items) :]:
            position = self.operation(ast.Mult(), position, extent, at)
        return position

    def place(self, array: Array, at: ast.expr) -> str:
        """The address of an entry, or of the first one of a row."""
        position = self.position(array, at)
        if position.kind != INTEGER:
            raise refused(at)
        return self.emit(f"getelementptr inbounds {array.kind}, ptr {array.address}, i64 {position.text}")

    def entry_or_row(self, array: Array, at: ast.expr) -> Value | Array:
        """What stands there; fewer indices than the array has give a row of it."""
        place, rest = self.place(array, at), array.shape[len(self.items(at)) :]
        if rest:
            return Array(array.kind, place, rest)
        return Value(array.kind, self.emit(f"load {array.kind}, ptr {place}, align 8"))

    def scattered(self, array: Array, at: ast.expr) -> list[str]:
        """The address of each lane's entry."""
        if len(self.items(at)) != len(array.shape):
            raise refused(at)
        position = self.cast(self.position(array, at), INDICES)
        found = []
        for lane in range(WIDTH):
            own = self.emit(f"extractelement {INDICES} {position.text}, i32 {lane}")
            found.append(self.emit(f"getelementptr inbounds {array.kind}, ptr {array.address}, i64 {own}"))
        return found

    def gathered(self, places: Sequence[str]) -> Value:
        """The floats at these addresses, side by side."""
        found = "poison"
        for lane, place in enumerate(places):
            element = self.emit(f"load double, ptr {place}, align 8")
            found = self.emit(f"insertelement {LANES} {found}, double {element}, i32 {lane}")
        return Value(LANES, found)
