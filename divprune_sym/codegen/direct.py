"""Generated functions straight to LLVM's text: Numba types and compiles the small functions around them.

Numba takes seconds for the type inference and lowering of a long function, most of them in Python. Generated text needs
little of it: numbers, lanes, indices, arrays in C order, loops over ranges, and functions of the same kind. Every
operator is one IEEE operation, as `simd` has them: the bits are those of Numba's code.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import struct
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from divprune_sym.codegen.simd import WIDTH, Lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# what a value is: an integer, a float, a truth value, lanes of floats, lanes of integers
INTEGER, FLOAT, TRUTH, LANES, INDICES = "i64", "double", "i1", f"<{WIDTH} x double>", f"<{WIDTH} x i64>"
_RANK = (INTEGER, FLOAT, LANES)
_INTRINSICS = {"fma": 3, "sqrt": 1, "fabs": 1, "copysign": 2}
_ROOMS = {"local_array": FLOAT, "local_lanes": LANES, "empty": FLOAT, "lane_array": LANES}
_FLOAT_OPERATIONS = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
_INTEGER_OPERATIONS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "sdiv", ast.Mod: "srem"}


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


def direct(function: Callable[..., Any]) -> Any:
    """Make a function of generated text known to Numba: `njit` in less time, callable from compiled code only."""

    def typed(typingctx: Any, *arguments: types.Type) -> Any:
        kinds = tuple(map(_kind, arguments))
        unit = Unit()
        name, kind = unit.function(function, kinds)
        result = types.none if kind is None else Lanes(WIDTH) if kind == LANES else types.float64
        sig = signature(result, *map(_plain, arguments))

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            library = context.active_code_library
            frame = library.create_ir_module(name)
            head = f'target triple = "{frame.triple}"\ntarget datalayout = "{frame.data_layout}"\n'
            library.add_llvm_module(binding.parse_assembly(head + unit.text))
            given = [x for of, value in zip(sig.args, args, strict=True) for x in _flat(context, builder, of, value)]
            returned = ir.VoidType() if kind is None else context.get_value_type(sig.return_type)
            prototype = ir.FunctionType(returned, [x.type for x in given])
            found = builder.call(cgutils.get_or_insert_function(builder.module, prototype, name), given)
            return context.get_dummy_value() if kind is None else found

        return sig, codegen

    parameters = inspect.signature(function).parameters.values()
    first = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    typed.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]
    typed.__name__, typed.__doc__ = function.__name__, function.__doc__
    made: Any = intrinsic(typed)
    made.py_func = function
    return made


def _kind(of: types.Type) -> Kind:
    if isinstance(of, types.Array):
        if of.layout != "C" or of.dtype not in (types.float64, Lanes(WIDTH)):
            msg = f"an array of type {of}: generated functions take float64 or lanes in C order"
            raise CannotLower(msg)
        return LANES if of.dtype == Lanes(WIDTH) else FLOAT, of.ndim
    return LANES if isinstance(of, Lanes) else FLOAT


def _plain(of: types.Type) -> types.Type:
    """What Numba casts an argument to."""
    return of if isinstance(of, (types.Array, Lanes)) else types.float64


def _flat(context: Any, builder: Any, of: types.Type, value: Any) -> list[Any]:
    """An argument as LLVM sees it: arrays are an address and their extents."""
    if not isinstance(of, types.Array):
        return [value]
    array = make_array(of)(context, builder, value)
    return [array.data, *cgutils.unpack_tuple(builder, array.shape)]


def is_wider(kind: str | Array, other: str | Array) -> bool:
    """Whether numbers of the other kind become this one where the two meet."""
    return kind in _RANK and other in _RANK and _RANK.index(kind) > _RANK.index(other)


def constant(value: float) -> str:
    """A float to the last bit."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


@dataclass
class Unit:
    """A function and all that it calls, as one text."""

    functions: dict[str, str | None] = field(default_factory=dict)
    results: dict[str, str | None] = field(default_factory=dict)
    declared: dict[str, None] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """LLVM's text."""
        return "\n".join([*self.declared, *(text for text in self.functions.values() if text)])

    def function(self, function: Callable[..., Any], kinds: Sequence[Kind]) -> tuple[str, str | None]:
        """The symbol of a function of arguments of these kinds, and the kind of its result, None if there is none."""
        source = textwrap.dedent(inspect.getsource(function))
        digest = hashlib.sha256(repr((source, kinds, _constants(function))).encode()).hexdigest()[:20]
        name = f"divprune_sym.{function.__name__}.{digest}"
        if name not in self.functions:
            is_inner = bool(self.functions)
            self.functions[name] = None  # its place
            (tree,) = ast.parse(source).body
            assert isinstance(tree, ast.FunctionDef)
            writer = Writer(self, function.__globals__, digest, is_inner)
            self.functions[name], self.results[name] = writer.written(name, tree, kinds)
        return name, self.results[name]

    def declare(self, line: str) -> None:
        """A line before all functions."""
        self.declared[line] = None


def _constants(function: Callable[..., Any]) -> list[Any]:
    """The numbers outside a function that it reads."""
    found = [(name, function.__globals__.get(name)) for name in function.__code__.co_names]
    return [(name, x.tolist() if isinstance(x, np.ndarray) else x) for name, x in found if _is_number(x)]


def _is_number(x: object) -> bool:
    return isinstance(x, (int, float, np.ndarray))


def refused(node: ast.AST) -> CannotLower:
    """Generated text has nothing like this."""
    return CannotLower(f"cannot lower: {ast.unparse(node)}")


@dataclass
class Writer:
    """Writes one function, statement by statement; LLVM turns the places of its variables into registers."""

    unit: Unit
    names: dict[str, Any]
    digest: str
    is_inner: bool
    lines: list[str] = field(default_factory=list)
    # places on the stack, made when the function is entered
    places: dict[str, None] = field(default_factory=dict)
    # the kind of what a name stands for by now, or the array
    known: dict[str, str | Array] = field(default_factory=dict)
    rooms: list[str] = field(default_factory=list)
    count: int = 0
    result: str | None = None
    ended: bool = False

    def written(self, name: str, tree: ast.FunctionDef, kinds: Sequence[Kind]) -> tuple[str, str | None]:
        """The text, and the kind of the result."""
        head = []
        for argument, kind in zip(tree.args.args, kinds, strict=True):
            label = f"%{argument.arg}"
            if isinstance(kind, tuple):
                extents = [f"{label}.{axis}" for axis in range(kind[1])]
                head += [f"ptr {label}", *(f"i64 {x}" for x in extents)]
                self.known[argument.arg] = Array(kind[0], label, tuple(Value(INTEGER, x) for x in extents))
            else:
                head.append(f"{kind} {label}")
                self.store(argument.arg, Value(kind, label))
        self.body(tree.body)
        if not self.ended:
            self.leave("ret void")
        # the one that is called from elsewhere is kept until it is linked
        linkage = "internal" if self.is_inner else "weak_odr"
        opening = f"define {linkage} {self.result or 'void'} @{name}({', '.join(head)}) nounwind {{"
        return "\n".join([opening, "entry:", *self.places, *self.lines, "}"]), self.result

    # --- statements ---

    def body(self, statements: Sequence[ast.stmt]) -> None:
        """Statements one after the other; room made in them is given back at their end."""
        outer = len(self.rooms)
        for statement in statements:
            self.statement(statement)
        if not self.ended:
            self.give_back(self.rooms[outer:])
        del self.rooms[outer:]

    def statement(self, node: ast.stmt) -> None:
        """One statement."""
        match node:
            case ast.Assign(targets, value):
                self.assign(targets, self.expression(value))
            case ast.For(ast.Name(index), ast.Call(ast.Name("range"), arguments), body, []):
                bounds = [self.integer(x) for x in arguments]
                start, stop = bounds[:2] if len(bounds) > 1 else (Value(INTEGER, "0"), bounds[0])
                self.loop(index, start, stop, bounds[2] if len(bounds) == 3 else Value(INTEGER, "1"), body)
            case ast.If(test, body, []) if isinstance(body[-1], ast.Return):
                self.leaving(self.expression(test), body)
            case ast.Return(ast.expr() as value):
                self.give_back(self.rooms)
                found = self.value(value)
                self.result = found.kind
                self.leave(f"ret {found.kind} {found.text}")
            case ast.Expr(ast.Constant()):  # what it is about
                pass
            case ast.Expr(ast.Call(ast.Name("put"), [array, at, value])):
                into = self.array(array)
                given = self.cast(self.value(value), LANES)
                for lane, place in enumerate(self.scattered(into, at)):
                    element = self.emit(f"extractelement {LANES} {given.text}, i32 {lane}")
                    self.lines.append(f"store double {element}, ptr {place}, align 8")
            case _:
                raise refused(node)

    def assign(self, targets: Sequence[ast.expr], value: Value | Array) -> None:
        """One value for all targets."""
        for target in targets:
            match target:
                case ast.Name(name):
                    self.keep(name, value)
                case ast.Subscript(array, at) if isinstance(value, Value):
                    into = self.array(array)
                    given = self.cast(value, into.kind)
                    self.lines.append(f"store {given.kind} {given.text}, ptr {self.place(into, at)}, align 8")
                case _:
                    raise refused(target)

    def loop(self, index: str, start: Value, stop: Value, step: Value, body: Sequence[ast.stmt]) -> None:
        """A loop; a variable that is a number before it, and lanes at its end, holds lanes from the start."""
        while True:
            before, written = dict(self.known), len(self.lines)
            self.turns(index, start, stop, step, body)
            changed = [name for name, kind in before.items() if is_wider(self.known[name], kind)]
            if not changed:
                return
            kinds = [str(self.known[name]) for name in changed]
            self.known = before
            del self.lines[written:]
            for name, kind in zip(changed, kinds, strict=True):
                self.store(name, self.cast(self.load(name), kind))

    def turns(self, index: str, start: Value, stop: Value, step: Value, body: Sequence[ast.stmt]) -> None:
        """The blocks of a loop."""
        self.count += 1
        name = f"loop{self.count}"
        counter = f"%{name}.at"
        self.places[f"{counter} = alloca i64"] = None
        self.lines += [f"store i64 {start.text}, ptr {counter}", f"br label %{name}", f"{name}:"]
        at = self.emit(f"load i64, ptr {counter}")
        test = self.emit(f"icmp slt i64 {at}, {stop.text}")
        self.lines += [f"br i1 {test}, label %{name}.body, label %{name}.end", f"{name}.body:"]
        self.store(index, Value(INTEGER, at))
        heads = dict(self.known)
        self.body(body)
        for label, kind in heads.items():
            # the next turn finds it where this one did; where it is wider now, all is written anew
            if is_wider(kind, self.known[label]):
                self.store(label, self.cast(self.load(label), str(kind)))
        following = self.emit(f"add nsw i64 {at}, {step.text}")
        self.lines += [f"store i64 {following}, ptr {counter}", f"br label %{name}", f"{name}.end:"]

    def leaving(self, test: Value | Array, body: Sequence[ast.stmt]) -> None:
        """The function ends here if a test holds."""
        assert isinstance(test, Value)
        self.count += 1
        name = f"test{self.count}"
        self.lines += [f"br i1 {test.text}, label %{name}.yes, label %{name}.no", f"{name}.yes:"]
        known = dict(self.known)
        self.body(body)
        self.lines.append(f"{name}.no:")
        self.known, self.ended = known, False

    def leave(self, line: str) -> None:
        """The last line of a block that ends the function."""
        self.lines.append(line)
        self.ended = True

    def give_back(self, rooms: Sequence[str]) -> None:
        """Free what was allocated."""
        self.lines += [f"call void @free(ptr {room})" for room in rooms]

    # --- variables ---

    def keep(self, name: str, value: Value | Array) -> None:
        """What a name stands for from here on."""
        if isinstance(value, Array):
            self.known[name] = value
        else:
            self.store(name, value)

    def store(self, name: str, value: Value) -> None:
        """Give a variable a value; it may be of another kind than before."""
        place = f"%{name}.{_RANK.index(value.kind) if value.kind in _RANK else 'x'}.var"
        self.places[f"{place} = alloca {value.kind}"] = None
        self.lines.append(f"store {value.kind} {value.text}, ptr {place}")
        self.known[name] = value.kind

    def load(self, name: str) -> Value:
        """The value of a variable."""
        kind = self.known[name]
        assert isinstance(kind, str)
        place = f"%{name}.{_RANK.index(kind) if kind in _RANK else 'x'}.var"
        return Value(kind, self.emit(f"load {kind}, ptr {place}"))

    def emit(self, line: str) -> str:
        """The name of what a line computes."""
        self.count += 1
        self.lines.append(f"%t{self.count} = {line}")
        return f"%t{self.count}"

    # --- expressions ---

    def value(self, node: ast.expr) -> Value:
        """An expression that is no array."""
        found = self.expression(node)
        if isinstance(found, Array):
            raise refused(node)
        return found

    def integer(self, node: ast.expr) -> Value:
        """An expression that is an integer."""
        found = self.value(node)
        if found.kind != INTEGER:
            raise refused(node)
        return found

    def array(self, node: ast.expr) -> Array:
        """An expression that is an array."""
        found = self.expression(node)
        if not isinstance(found, Array):
            raise refused(node)
        return found

    def expression(self, node: ast.expr) -> Value | Array:
        """Any expression."""
        match node:
            case ast.Constant(int() as whole):
                return Value(INTEGER, str(whole))
            case ast.Constant(float() as number):
                return Value(FLOAT, constant(number))
            case ast.Name(name):
                return self.named(name, node)
            case ast.Subscript(ast.Attribute(array, "shape"), ast.Constant(int() as axis)):
                return self.array(array).shape[axis]
            case ast.Subscript(array, at):
                whole_array = self.array(array)
                place = self.place(whole_array, at)
                return Value(whole_array.kind, self.emit(f"load {whole_array.kind}, ptr {place}, align 8"))
            case ast.UnaryOp(ast.USub(), operand):
                value = self.value(operand)
                line = f"sub i64 0, {value.text}" if value.kind == INTEGER else f"fneg {value.kind} {value.text}"
                return Value(value.kind, self.emit(line))
            case ast.BinOp(left, sign, right):
                return self.operation(sign, self.value(left), self.value(right), node)
            case ast.Call(ast.Name() | ast.Attribute() as called, arguments, []):
                return self.call(called.id if isinstance(called, ast.Name) else called.attr, arguments, node)
        raise refused(node)

    def named(self, name: str, node: ast.AST) -> Value | Array:
        """What a name stands for: a variable, or a number outside."""
        if name in self.known:
            found = self.known[name]
            return found if isinstance(found, Array) else self.load(name)
        outside = self.names.get(name)
        if isinstance(outside, int):
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
        if kinds <= {INTEGER, INDICES} and type(sign) in _INTEGER_OPERATIONS:
            kind = INDICES if INDICES in kinds else INTEGER
            name = _INTEGER_OPERATIONS[type(sign)]
        elif type(sign) in _FLOAT_OPERATIONS and INDICES not in kinds:
            kind, name = self.common(left, right), _FLOAT_OPERATIONS[type(sign)]
        else:
            raise refused(node)
        a, b = self.cast(left, kind), self.cast(right, kind)
        return Value(kind, self.emit(f"{name} {kind} {a.text}, {b.text}"))

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

    def call(self, name: str, arguments: Sequence[ast.expr], node: ast.AST) -> Value | Array:
        """A function of numbers, room for an array, a view of one, or packs of indices and entries."""
        if name in _ROOMS:
            return self.room(name, arguments[0])
        if name == "view":
            array, start = self.array(arguments[0]), self.integer(arguments[1])
            place = self.emit(f"getelementptr inbounds {array.kind}, ptr {array.address}, i64 {start.text}")
            return Array(array.kind, place, tuple(map(self.integer, self.items(arguments[2]))))
        if name == "len":
            return self.array(arguments[0]).shape[0]
        if name == "packed_indices":
            place = self.place(self.array(arguments[0]), arguments[1])
            return Value(INDICES, self.emit(f"load {INDICES}, ptr {place}, align 8"))
        if name == "take":
            found = "poison"
            for lane, place in enumerate(self.scattered(self.array(arguments[0]), arguments[1])):
                element = self.emit(f"load double, ptr {place}, align 8")
                found = self.emit(f"insertelement {LANES} {found}, double {element}, i32 {lane}")
            return Value(LANES, found)
        values = [self.value(x) for x in arguments]
        kind = self.common(*values)
        return self.function_of(name, [self.cast(x, kind) for x in values], kind, node)

    def function_of(self, name: str, values: Sequence[Value], kind: str, node: ast.AST) -> Value:
        """A function of numbers of one kind."""
        given = ", ".join(f"{kind} {x.text}" for x in values)
        texts = [x.text for x in values]
        if name in _INTRINSICS:
            mangled = f"@llvm.{name}.{'f64' if kind == FLOAT else f'v{WIDTH}f64'}"
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
        if not hasattr(self.names.get(name), "py_func"):
            raise refused(node)
        function: Callable[..., Any] = self.names[name].py_func
        symbol, result = self.unit.function(function, [kind] * len(values))
        assert result is not None
        return Value(result, self.emit(f"call {result} @{symbol}({given})"))

    def any_above(self, kind: str, texts: Sequence[str]) -> Value:
        """Whether x > y in any lane."""
        test = self.emit(f"fcmp ogt {kind} {texts[0]}, {texts[1]}")
        if kind == FLOAT:
            return Value(TRUTH, test)
        bits = self.emit(f"bitcast <{WIDTH} x i1> {test} to i{WIDTH}")
        return Value(TRUTH, self.emit(f"icmp ne i{WIDTH} {bits}, 0"))

    def power_of_two(self, value: Value) -> Value:
        """As `simd` has it."""
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

    def room(self, name: str, shape: ast.expr) -> Array:
        """Room on the stack where the extents are numbers in the text, else on the heap."""
        kind, extents = _ROOMS[name], tuple(map(self.integer, self.items(shape)))
        if name.startswith("local"):
            count = int(np.prod([int(x.text) for x in extents]))
            self.count += 1
            place = f"%room{self.count}"
            self.places[f"{place} = alloca {kind}, i64 {count}, align 32"] = None
            return Array(kind, place, extents)
        size = Value(INTEGER, "8" if kind == FLOAT else str(8 * WIDTH))
        for extent in extents:
            size = Value(INTEGER, self.emit(f"mul i64 {size.text}, {extent.text}"))
        self.unit.declare("declare noalias ptr @malloc(i64)")
        self.unit.declare("declare void @free(ptr)")
        place = self.emit(f"call ptr @malloc(i64 {size.text})")
        self.rooms.append(place)
        return Array(kind, place, extents)

    def position(self, array: Array, at: ast.expr) -> Value:
        """Where an entry stands, counted from the first one; several positions if an index holds several values."""
        indices = [self.value(x) for x in self.items(at)]
        if len(indices) != len(array.shape) or not {x.kind for x in indices} <= {INTEGER, INDICES}:
            raise refused(at)
        position = indices[0]
        for index, extent in zip(indices[1:], array.shape[1:], strict=True):
            scaled = self.operation(ast.Mult(), position, extent, at)
            position = self.operation(ast.Add(), scaled, index, at)
        return position

    def place(self, array: Array, at: ast.expr) -> str:
        """The address of an entry."""
        position = self.position(array, at)
        if position.kind != INTEGER:
            raise refused(at)
        return self.emit(f"getelementptr inbounds {array.kind}, ptr {array.address}, i64 {position.text}")

    def scattered(self, array: Array, at: ast.expr) -> list[str]:
        """The address of each lane's entry."""
        position = self.cast(self.position(array, at), INDICES)
        found = []
        for lane in range(WIDTH):
            own = self.emit(f"extractelement {INDICES} {position.text}, i32 {lane}")
            found.append(self.emit(f"getelementptr inbounds {array.kind}, ptr {array.address}, i64 {own}"))
        return found
