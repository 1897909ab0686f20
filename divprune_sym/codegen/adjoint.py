"""A pass on the form: derivatives of one number by everything it is computed from, in one sweep backwards.

The body that computes the number runs forwards first; then every statement, last one first, hands on how much the
result changes with its target to what its value was computed from. What an inner loop computes for one turn is computed
anew where the sweep comes by; arrays are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from divprune_sym.codegen.form import (
    Allocate,
    Assign,
    Call,
    Entry,
    Expression,
    Loop,
    Name,
    Negative,
    Number,
    Operation,
    Whole,
    parts,
    rebuilt,
    written,
)
from divprune_sym.codegen.lanes import carried

if TYPE_CHECKING:
    from collections.abc import Iterator

    from divprune_sym.codegen.form import Body, Statement

ONE, HALF = Number(1.0), Number(0.5)
_NAMED = frozenset({"asin", "exp", "atan2", "sqrt", "root"})
# computed once and kept for the way back
_DEAR = frozenset({"asin", "exp", "atan2"})


@dataclass(frozen=True)
class Slope:
    """How a result changes with the entries of an array that have these indices.

    `own` are those of them that run in loops inside, with the ranges `extents`; `label` is where the derivatives are.
    """

    label: str
    array: str
    indices: tuple[Expression, ...]
    own: tuple[str, ...]
    extents: tuple[Expression, ...]

    @property
    def value(self) -> Name | Entry:
        """The derivative by the entry with these indices."""
        return Entry(self.label, tuple(map(Name, self.own))) if self.own else Name(self.label)


@dataclass
class Gradient:
    """Collects the statements of one sweep; `inputs` are the arrays that derivatives are taken by."""

    inputs: frozenset[str]
    slopes: dict[tuple[str, tuple[Expression, ...], tuple[Expression, ...]], Slope] = field(default_factory=dict)
    halves: dict[str, str] = field(default_factory=dict)
    _linear: bool = False
    _active: set[str] = field(default_factory=set)
    _ranges: dict[str, Expression] = field(default_factory=dict)
    _around: list[str] = field(default_factory=list)
    _kept: dict[str, Entry] = field(default_factory=dict)
    _rooms: list[Allocate] = field(default_factory=list)
    _fresh: Iterator[int] = field(default_factory=lambda: count(1))

    def sweep(self, body: Body) -> Body:
        """The body, which ends with the assignment of its result, and after it the derivatives of the result."""
        forward = self._named(body)
        self._active = set(self.inputs)
        self._find_active(forward)
        *_, last = forward
        assert isinstance(last, Assign)
        backward = [*self._handed_on(last.value, ONE, last.targets[0]), *self._backward(forward[:-1])]
        return (*self._rooms, *forward, *self._room(), *self._zeros(forward[:-1]), *backward)

    def transposed(self, body: Body, arrays: set[str]) -> Body:
        """Of a body that is linear in some arrays: what hands the derivatives by what it writes on to those arrays.

        Entry (i, k) of what is written symmetrically counts as one with (k, i).
        """
        self._linear = True
        self._active = set(arrays)
        self._find_active(body)
        return tuple(self._backward(body))

    # --- forwards: every function has a name for its argument and its value ---------------------------------------

    def _named(self, body: Body) -> Body:
        made: list[Statement] = []
        for statement in body:
            if isinstance(statement, Loop):
                made.append(self._named_loop(self._without_fixed(statement, made)))
            elif isinstance(statement, Assign):
                value = self._with_names(statement.value, made, top=True)
                made.append(replace(statement, value=value))
            else:
                made.append(statement)
        return tuple(made)

    def _named_loop(self, loop: Loop) -> Loop:
        stop = loop.stop
        # a loop below the diagonal has entries up to where the one around it ends
        self._ranges[loop.index] = self._ranges.get(stop.label, stop) if isinstance(stop, Name) else stop
        if isinstance(stop, Name) and stop.label in self._ranges:
            self.halves[stop.label] = loop.index
        self._around.append(loop.index)
        body = self._named(loop.body)
        self._around.pop()
        return replace(loop, body=body)

    def _without_fixed(self, loop: Loop, made: list[Statement]) -> Loop:
        """What no turn of a loop changes gets a name before it: it hands on once what all turns hand to it."""
        changing = written(loop) | {
            target.array
            for x in parts(loop)
            if isinstance(x, Assign)
            for target in x.targets
            if isinstance(target, Entry)
        }
        names: dict[Expression, Expression] = {}

        def outside(node: Expression) -> Expression:
            if isinstance(node, (Whole, Number, Name)):
                return node
            if not any(_label(x) in changing for x in parts(node) if isinstance(x, (Name, Entry))):
                if node not in names:
                    names[node] = self._bound(self._with_names(node, made, top=True), made, always=True)
                return names[node]
            match node:
                case Negative(value):
                    return Negative(outside(value))
                case Operation(sign, left, right):
                    return Operation(sign, outside(left), outside(right))
                case Call(function, arguments):
                    return Call(function, tuple(map(outside, arguments)))
            return node

        def moved(body: Body) -> Body:
            return tuple(
                replace(x, body=moved(x.body))
                if isinstance(x, Loop)
                else (replace(x, value=outside(x.value)) if isinstance(x, Assign) else x)
                for x in body
            )

        return replace(loop, body=moved(loop.body))

    def _with_names(self, node: Expression, made: list[Statement], *, top: bool = False) -> Expression:
        if _is_inverse_root(node):
            return node if top else self._bound(node, made)
        match node:
            case Negative(value):
                return Negative(self._with_names(value, made))
            case Operation(sign, left, right):
                return Operation(sign, self._with_names(left, made), self._with_names(right, made))
            case Call(function, arguments):
                found = [self._with_names(argument, made) for argument in arguments]
                if function not in _NAMED:
                    return Call(function, tuple(found))
                named = Call(function, tuple(self._bound(x, made) for x in found))
                return named if top else self._bound(named, made)
        return node

    def _bound(self, node: Expression, made: list[Statement], *, always: bool = False) -> Expression:
        if isinstance(node, (Name, Number)) or (isinstance(node, Entry) and not always):
            return node
        name = Name(f"u{next(self._fresh)}")
        made.append(Assign((name,), node))
        if isinstance(node, Call) and node.function in _DEAR and self._around:
            extents = tuple(self._ranges[index] for index in self._around)
            self._kept[name.label] = Entry(f"{name.label}_kept", tuple(map(Name, self._around)))
            self._rooms.append(Allocate(f"{name.label}_kept", extents))
            made.append(Assign((self._kept[name.label],), name))
        return name

    def _find_active(self, body: Body) -> None:
        for statement in body:
            if isinstance(statement, Loop):
                self._find_active(statement.body)
            elif isinstance(statement, Assign) and self._is_active(statement.value):
                self._active |= {_label(target) for target in statement.targets}

    def _is_active(self, node: Expression) -> bool:
        return any(_label(part) in self._active for part in parts(node) if isinstance(part, (Name, Entry)))

    # --- backwards ---------------------------------------------------------------------------------------------

    def _backward(self, body: Body) -> list[Statement]:
        made: list[Statement] = []
        for statement in reversed(body):
            if isinstance(statement, Assign):
                first, *mirrored = statement.targets
                if first not in self._kept.values() and self._is_active(statement.value):
                    weight: Expression = bar(first)
                    for target in mirrored:
                        weight = Operation("+", weight, bar(target))
                    made += self._handed_on(statement.value, weight, first)
            elif isinstance(statement, Loop):
                made += [_half_of_diagonal(x, statement) for x in statement.body if _is_mirrored(x)]
                again = self._for_one_turn(statement.body, carried(statement.body))
                inner = (*again, *self._zeros(statement.body), *self._backward(statement.body))
                if inner:
                    made.append(replace(statement, body=inner))
        return made

    def _for_one_turn(self, body: Body, outer: set[str]) -> list[Statement]:
        """The statements that compute what is there for one turn of a loop only; of a linear body, what is fixed."""
        made: list[Statement] = []
        for statement in body:
            if isinstance(statement, Loop):
                if inner := tuple(self._for_one_turn(statement.body, outer)):
                    made.append(replace(statement, body=inner))
            elif isinstance(statement, Assign):
                own = all(isinstance(x, Name) and x.label not in outer for x in statement.targets)
                label = _label(statement.targets[0])
                if own and label in self._kept:
                    made.append(Assign(statement.targets, self._kept[label]))
                elif own and not (self._linear and label in self._active):
                    made.append(statement)
        return made

    def _zeros(self, body: Body) -> list[Statement]:
        """Derivatives by what a body makes start at 0."""
        made: list[Statement] = []
        outer = carried(body)
        scalars: dict[str, None] = {}
        for statement in body:
            if isinstance(statement, Allocate) and statement.array in self._active:
                made += zero_array(replace(statement, array=f"{statement.array}_bar"))
            elif isinstance(statement, Assign):
                names = [target.label for target in statement.targets if isinstance(target, Name)]
                scalars |= dict.fromkeys(name for name in names if name in self._active and name not in outer)
        return [*made, *(Assign((Name(f"{name}_bar"),), Number(0.0)) for name in scalars)]

    def _room(self) -> list[Statement]:
        """Derivatives by entries of the inputs start at 0."""
        made: list[Statement] = []
        for slope in self.slopes.values():
            if slope.own:
                made += zero_array(Allocate(slope.label, slope.extents))
            else:
                made.append(Assign((Name(slope.label),), Number(0.0)))
        return made

    def _handed_on(self, node: Expression, weight: Expression, target: Expression | None = None) -> list[Statement]:
        """Add `weight` times the derivative of an expression to those of what it reads."""
        if node == target or not self._is_active(node):
            return []
        made: list[Statement] = []
        if not isinstance(node, (Name, Entry)):
            weight = self._bound(weight, made)
        for part, share in self._shares(node, weight, target, made):
            made += self._handed_on(part, share, target)
        if isinstance(node, (Name, Entry)):
            made.append(_added(self._bar_of(node), weight))
        return made

    def _shares(
        self, node: Expression, weight: Expression, target: Expression | None, made: list[Statement]
    ) -> list[tuple[Expression, Expression]]:
        """What an expression is computed from, each with the derivative by it times the weight."""
        if _is_inverse_root(node):
            assert isinstance(node, Operation)
            assert isinstance(node.right, Call)
            assert target is not None
            return [(node.right.arguments[0], _product(Number(0.5), _negative(weight), target, target, target))]
        match node:
            case Negative(value):
                return [(value, _negative(weight))]
            case Operation("+", left, right):
                return [(left, weight), (right, weight)]
            case Operation("-", left, right):
                return [(left, weight), (right, _negative(weight))]
            case Operation("*", left, right):
                return [(left, _product(weight, right)), (right, _product(weight, left))]
            case Operation("/", left, right):
                inverse = self._bound(Operation("/", ONE, right), made)
                return [
                    (left, _product(weight, inverse)),
                    (right, _product(_negative(weight), inverse, left, inverse)),
                ]
            case Call("fma", (left, right, rest)):
                return [(left, _product(weight, right)), (right, _product(weight, left)), (rest, weight)]
            case Call("asin", (x,)):
                chord = Operation("/", ONE, Call("sqrt", (Call("fma", (Negative(x), x, ONE)),)))
                return [(x, _product(weight, chord))]
            case Call("exp", (x,)):
                return [(x, _product(weight, node if target is None else target))]
            case Call("sqrt" | "root", (x,)):
                return [(x, Operation("/", _product(HALF, weight), node if target is None else target))]
            case Call("atan2", (y, x)):
                square = self._bound(Call("fma", (x, x, Operation("*", y, y))), made)
                return [
                    (y, Operation("/", _product(weight, x), square)),
                    (x, Operation("/", _product(_negative(weight), y), square)),
                ]
        return []

    def _bar_of(self, leaf: Name | Entry) -> Name | Entry:
        if isinstance(leaf, Name) or leaf.array not in self.inputs:
            return bar(leaf)
        own = tuple(
            dict.fromkeys(x.label for x in parts(leaf.indices) if isinstance(x, Name) and x.label in self._ranges)
        )
        if len(own) == 1 and leaf.indices == (Name(own[0]), Name(own[0])) and own[0] in self.halves:
            # the diagonal of what has entries below it too
            triangle = Entry(leaf.array, (Name(own[0]), Name(self.halves[own[0]])))
            self._bar_of(triangle)
            return self._slope(triangle, (own[0], self.halves[own[0]]), own * 2)
        return self._slope(leaf, own, own)

    def _slope(self, leaf: Entry, own: tuple[str, ...], at: tuple[str, ...]) -> Name | Entry:
        """Where the derivative by entries with such indices is collected, `at` some values of its own indices."""
        extents = tuple(self._ranges[name] for name in own)
        places = {Name(name): Name(f"#{number}") for number, name in enumerate(own)}
        key = (leaf.array, rebuilt(leaf.indices, lambda part: places.get(part, part)), extents)
        if key not in self.slopes:
            label = f"{leaf.array}_bar{len(self.slopes) + 1}"
            self.slopes[key] = Slope(label, leaf.array, leaf.indices, own, extents)
        label = self.slopes[key].label
        return Entry(label, tuple(map(Name, at))) if at else Name(label)


def _is_mirrored(statement: Statement) -> bool:
    return isinstance(statement, Assign) and len(statement.targets) > 1


def _half_of_diagonal(statement: Statement, loop: Loop) -> Statement:
    """On the diagonal both targets of a symmetric assignment are one entry, which must not count twice."""
    assert isinstance(statement, Assign)
    entry, outer = bar(statement.targets[0]), loop.stop
    assert isinstance(outer, Operation)
    diagonal = rebuilt(entry, lambda part: outer.left if part == Name(loop.index) else part)
    return Assign((diagonal,), Operation("*", HALF, diagonal))


def _label(leaf: Name | Entry) -> str:
    return leaf.label if isinstance(leaf, Name) else leaf.array


def bar(leaf: Name | Entry) -> Name | Entry:
    """Where the derivative by a scalar or an entry is collected."""
    return Name(f"{leaf.label}_bar") if isinstance(leaf, Name) else replace(leaf, array=f"{leaf.array}_bar")


def _is_inverse_root(node: Expression) -> bool:
    return isinstance(node, Operation) and node.sign == "/" and node.left == ONE and _is_root(node.right)


def _is_root(node: Expression) -> bool:
    return isinstance(node, Call) and node.function == "sqrt"


def _negative(node: Expression) -> Expression:
    return node.value if isinstance(node, Negative) else Negative(node)


def _product(first: Expression, *others: Expression) -> Expression:
    for other in others:
        if first == ONE:
            first = other
        elif other != ONE:
            first = Operation("*", first, other)
    return first


def _added(target: Name | Entry, value: Expression) -> Assign:
    if isinstance(value, Operation) and value.sign == "*":
        return Assign((target,), Call("fma", (value.left, value.right, target)))
    return Assign((target,), Operation("+", target, value))


def zero_array(room: Allocate) -> list[Statement]:
    """Room for an array, and zeros in it."""
    names = [f"z{axis + 1}" for axis in range(len(room.shape))]
    statement: Statement = Assign((Entry(room.array, tuple(map(Name, names))),), Number(0.0))
    for name, extent in zip(reversed(names), reversed(room.shape), strict=True):
        statement = Loop(name, extent, (statement,))
    return [room, statement]
