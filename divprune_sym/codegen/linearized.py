"""A system's derivative along many directions: what no direction changes is computed once, before their loop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from math import prod
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.codegen.adjoint import Gradient, Slope, zero_array
from divprune_sym.codegen.arithmetic import whole
from divprune_sym.codegen.compiler import expanded, inputs_of
from divprune_sym.codegen.extents import with_sizes
from divprune_sym.codegen.form import Allocate, Assign, Entry, Loop, Name, Number, Operation, Routine, Whole, rebuilt
from divprune_sym.codegen.hoist import Hoister, Temporary, roots
from divprune_sym.codegen.lanes import packed
from divprune_sym.codegen.lower import Lowering, ordered_indices
from divprune_sym.codegen.sums import HalfSum, bound_indices, free_indices
from divprune_sym.dynamics.equations import Assignment
from divprune_sym.dynamics.symbols import INDEX_ORDER, VARIANCE, X, t
from divprune_sym.dynamics.tangent import derivative, dot, needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from divprune_sym.codegen.form import Body, Expression, Statement
    from divprune_sym.dynamics.equations import System
    from divprune_sym.gaussian import Activation

DIRECTION, RESULT = str(t), "result"
# numbers, or packs of them
ON_STACK = 400
_PER_CLASS = (X, VARIANCE, dot(X))
_LETTERS = {str(index): index for index in INDEX_ORDER}


@dataclass(frozen=True)
class Row:
    """Where an array lies in each row of a matrix: from `offset` on, with its extents after the first."""

    matrix: str
    offset: Expression
    extents: tuple[Expression, ...]


def linearized(
    system: System,
    variables: tuple[sp.IndexedBase, ...],
    results: tuple[sp.IndexedBase, ...],
    activation: Activation,
    sizes: Mapping[str, int | str],
    teacher: Activation | None = None,
    *,
    transposed: bool = False,
) -> Routine:
    """The derivatives of `results` along rows of `directions`, given to rows of `out`, a pack of lanes to a row.

    Entries of the variables' directions, and of the results, are read and written as entries of arrays with the names
    of `dynamics.tangent.dot`; `in_rows` finds them their places. `transposed`: rows of `directions` are weights of the
    results, and the derivatives of the weighted sums by the variables are added to rows of `out`.
    """
    maker = _Maker(system, activation, teacher)
    maker.differentiate(variables, {dot(base) for base in results})
    given, wanted = ({str(dot(base).label): dot(base) for base in bases} for bases in (variables, results))
    return maker.routine(sizes, given, wanted, transposed=transposed)


def in_rows(routine: Routine, rows: Mapping[str, Row]) -> Routine:
    """The function with entries of some arrays read from, and written to, the rows of matrices."""

    def change(part: object) -> object:
        if not isinstance(part, Entry) or part.array not in rows:
            return part
        row = rows[part.array]
        first, *rest = part.indices
        for index, extent in zip(rest, row.extents, strict=True):
            first = Operation("+", Operation("*", first, extent), index)
        return Entry(row.matrix, (Name(DIRECTION), Operation("+", row.offset, first)))

    return rebuilt(routine, change)


@dataclass
class _Maker:
    system: System
    activation: Activation
    teacher: Activation | None
    values: list[Assignment] = field(default_factory=list)
    dotted: list[Assignment] = field(default_factory=list)
    swept: dict[Expr, Body] = field(default_factory=dict)
    counter: Iterator[int] = field(default_factory=lambda: count(1))

    def differentiate(self, variables: tuple[sp.IndexedBase, ...], results: set[sp.IndexedBase]) -> None:
        """The chain rule, assignment by assignment."""
        dots = {array: dot(array) for array in variables}
        blocks: dict[sp.IndexedBase, list[Assignment]] = {}
        for assignment in self.system.assignments:
            blocks.setdefault(assignment.lhs.base, []).append(assignment)
        for base, block in blocks.items():
            self.values += block
            slopes = [self._slope(assignment, dots) for assignment in block]
            if any(slope != 0 for slope in slopes):
                dots[base] = dot(base)
                self.dotted += [
                    Assignment(dots[base][x.lhs.indices], slope, x.symmetric)
                    for x, slope in zip(block, slopes, strict=True)
                ]
        kept = needed([*self.values, *self.dotted], results)
        self.dotted = [x for x in self.dotted if x in kept]
        # what a sweep computes along with a value is needed even where the value is not
        read = {x.lhs.base for x in self.dotted}
        self.values = [x for x in self.values if x in kept or (x.lhs.base in self.swept and dot(x.lhs.base) in read)]

    def _slope(self, assignment: Assignment, dots: dict[sp.IndexedBase, sp.IndexedBase]) -> Expr:
        closed = expanded(assignment, self.activation, self.teacher)
        if not any(len(bound_indices(part)) > 1 for part in sp.preorder_traversal(closed.rhs)):
            return derivative(assignment.rhs, dots, self.activation, self.teacher)
        body, slopes = swept(closed, frozenset(str(base.label) for base in dots), self.counter)
        self.swept[assignment.lhs.base] = body
        by_name = {str(base.label): base for base in dots}
        return sp.Add(*[_contracted(x, assignment, dots[by_name[x.array]], number) for number, x in enumerate(slopes)])

    def _ready(self, assignment: Assignment) -> Assignment:
        """A derivative as it is hoisted; sums that a sweep has prepared run apart, none waits for another."""
        closed = expanded(assignment, self.activation, self.teacher)
        prepared = any(assignment.lhs.base == dot(base) for base in self.swept)
        return closed if prepared else _gathered(closed)

    def routine(
        self,
        sizes: Mapping[str, int | str],
        given: Mapping[str, sp.IndexedBase],
        wanted: Mapping[str, sp.IndexedBase],
        *,
        transposed: bool,
    ) -> Routine:
        """Values first, then what no direction changes, then the loop over the directions."""
        moving = frozenset({*given, *(str(x.lhs.base.label) for x in self.dotted)})
        closed = [expanded(x, self.activation, self.teacher) for x in self.values]
        dotted = [_along(self._ready(x), moving) for x in self.dotted]
        hoister = Hoister(roots=roots(x.rhs for x in (*closed, *dotted)), longest=t, counter=self.counter)
        before, inside = Lowering(), Lowering()
        for assignment in closed:
            before.room_for(assignment.lhs)
            if assignment.lhs.base in self.swept:
                before.statements += self.swept[assignment.lhs.base]
                continue
            rhs, temporaries, local = hoister.hoist(assignment.rhs, ordered_indices(assignment.lhs))
            before.temporaries(temporaries)
            before.assignment(assignment, rhs, local)
        for assignment in dotted:
            rhs, temporaries, local = hoister.hoist(assignment.rhs, ordered_indices(assignment.lhs))
            before.temporaries(x for x in temporaries if t not in x.indices)
            inside.temporaries(_without_direction(x) for x in temporaries if t in x.indices)
            if str(assignment.lhs.base.label) not in wanted:
                inside.room_for(_stripped(assignment.lhs))
            own = [_without_direction(x) for x in local]
            inside.assignment(replace(assignment, lhs=_stripped(assignment.lhs)), _stripped(rhs), own)
        along = _transposed(inside.body, set(given), wanted.values()) if transposed else inside.body
        along = rebuilt(along, lambda part: replace(part, lanes=True) if isinstance(part, Allocate) else part)
        room = tuple(x for x in along if isinstance(x, Allocate))
        loop = Loop(DIRECTION, Name("packs"), tuple(x for x in along if not isinstance(x, Allocate)))
        body = with_sizes((*before.body, *room, loop), sizes)
        body = _in_two_rooms(body)
        return Routine(
            f"slopes_of_{self.system.name}",
            (*inputs_of(self.system, {str(x.lhs.base.label) for x in self.system.assignments}), "directions", "out"),
            f"Derivative of {self.system.name} along rows of directions. Source: {self.system.source}.",
            (*((name, str(value)) for name, value in sizes.items()), ("packs", "directions.shape[0]")),
            packed(body, sizes),
        )


def _transposed(body: Body, given: set[str], wanted: Iterable[sp.IndexedBase]) -> Body:
    """From weights of what is wanted to what they hand on to what is given."""
    made: list[Statement] = []
    for array in wanted:
        copied = Lowering()
        copied.copy(array, sp.IndexedBase(f"{array.label}_bar", shape=array.shape, real=True))
        made += copied.body
    for statement in body:
        if isinstance(statement, Allocate):
            made += zero_array(replace(statement, array=f"{statement.array}_bar"))
    return (*made, *Gradient(frozenset()).transposed(body, given))


def _is_large(room: Allocate) -> bool:
    """Whether an array that lives as long as the whole function had better not be on the stack."""
    return prod(extent.value if isinstance(extent, Whole) else ON_STACK for extent in room.shape) >= ON_STACK


def _in_two_rooms(body: Body) -> Body:
    """Large arrays as parts of one of floats and one of lanes: room for each apart would cost as much as its loops."""
    rooms: dict[str, list[Allocate]] = {"room": [], "lane_room": []}
    made: list[Statement] = []
    for statement in body:
        if isinstance(statement, Allocate) and _is_large(statement):
            name = "lane_room" if statement.lanes else "room"
            rooms[name].append(statement)
            made.append(replace(statement, within=name))
            made.append(Assign((Name(f"{name}_at"),), Operation("+", Name(f"{name}_at"), _size(statement))))
        else:
            made.append(statement)
    first: list[Statement] = []
    for name, parts_of_it in rooms.items():
        total: Expression = Whole(1)
        for part in parts_of_it:
            total = Operation("+", total, _size(part))
        first += [Allocate(name, (total,), lanes=name == "lane_room"), Assign((Name(f"{name}_at"),), Whole(0))]
        # what is read at the end is not given back before
        made.append(Assign((Entry(name, (Whole(0),)),), Number(0.0)))
    return (*first, *made)


def _size(room: Allocate) -> Expression:
    first, *others = room.shape
    for extent in others:
        first = Operation("*", first, extent)
    return first


def _gathered(assignment: Assignment) -> Assignment:
    """Terms with the same entry of a class's overlaps stand together: the rest of them is the same for all rows."""
    sums: dict[tuple[Expr, ...], dict[Expr, Expr]] = {}
    rest: list[Expr] = []
    for term in sp.Add.make_args(assignment.rhs):
        summed = [x for x in sp.Mul.make_args(term) if isinstance(x, sp.Sum)]
        if len(summed) > 1 or term.has(HalfSum):
            rest.append(term)
            continue
        body, limits = (term.xreplace({summed[0]: summed[0].function}), summed[0].limits) if summed else (term, ())
        others = sums.setdefault(limits, {})
        for part in sp.Add.make_args(sp.expand_mul(body)):
            key = sp.Mul(*[x for x in sp.Mul.make_args(part) if isinstance(x, sp.Indexed) and x.base in _PER_CLASS])
            others[key] = others.get(key, sp.Integer(0)) + part / key
    for limits, others in sums.items():
        rest += [_summed(key, other, limits) for key, other in others.items()]
    return replace(assignment, rhs=sp.Add(*rest))


def _summed(key: Expr, other: Expr, limits: tuple[Expr, ...]) -> Expr:
    if not limits:
        return key * other
    outside = not free_indices(key) & {index for index, *_ in limits}
    return key * sp.Sum(other, *limits) if outside else sp.Sum(key * other, *limits)


def _along(assignment: Assignment, moving: frozenset[str]) -> Assignment:
    """With the direction as an index of all that changes with it."""

    def indexed(entry: sp.Indexed) -> Expr:
        base = entry.base
        return sp.IndexedBase(base.label, shape=(t.upper + 1, *base.shape), real=True)[(t, *entry.indices)]

    def is_moving(entry: Expr) -> bool:
        return isinstance(entry, sp.Indexed) and str(entry.base.label) in moving

    return replace(assignment, lhs=indexed(assignment.lhs), rhs=assignment.rhs.replace(is_moving, indexed))


def _stripped(expression: Expr) -> Expr:
    """Inside the loop over directions these have no index for it."""

    def strip(entry: sp.Indexed) -> Expr:
        rest = entry.indices[1:]
        if not rest:
            return sp.Symbol(str(entry.base.label), real=True)
        return sp.IndexedBase(entry.base.label, shape=entry.base.shape[1:], real=True)[rest]

    return expression.replace(lambda x: isinstance(x, sp.Indexed) and x.indices[0] == t, strip)


def _without_direction(temporary: Temporary) -> Temporary:
    rest = tuple(index for index in temporary.indices if index != t)
    return Temporary(_stripped(temporary.array), rest, _stripped(temporary.expression))


def swept(assignment: Assignment, inputs: frozenset[str], counter: Iterator[int]) -> tuple[Body, list[Slope]]:
    """The loops of an assignment, closed forms expanded, that also write its derivatives by entries of the inputs."""
    nest = ordered_indices(assignment.lhs)
    hoister = Hoister(roots=roots([assignment.rhs]), inside_only=True, counter=counter)
    rhs, before, inside = hoister.hoist(assignment.rhs, nest)
    assert not before
    lowering, value = Lowering(), sp.Symbol(RESULT)
    lowering.inside(value, rhs, inside, nest)
    gradient = Gradient(inputs)
    body = [*gradient.sweep(lowering.body)]
    slopes = list(gradient.slopes.values())
    outer = tuple(Name(str(index)) for index in nest)
    targets = [assignment.lhs]
    if assignment.symmetric:
        row, column = assignment.lhs.indices[-2:]
        targets.append(assignment.lhs.xreplace({row: column, column: row}))
    body.append(Assign(tuple(_entry(x) for x in targets), Name(RESULT)))
    name = str(assignment.lhs.base.label)
    room: list[Statement] = []
    for number, slope in enumerate(slopes):
        label = _label(name, number)
        shape = (*[whole(index.upper + 1) for index in nest], *slope.extents)
        room.append(Allocate(label, shape))
        entry = Entry(label, (*outer, *map(Name, slope.own)))
        statement: Statement = Assign((entry,), slope.value)
        for own, extent in reversed(list(zip(slope.own, slope.extents, strict=True))):
            statement = Loop(own, extent, (statement,))
        body.append(statement)
    made = tuple(body)
    for index in reversed(nest):
        stop = whole(index.upper + 1)
        if assignment.symmetric and index == nest[-1]:
            stop = Operation("+", Name(str(nest[-2])), Whole(1))
        made = (Loop(str(index), stop, made),)
    return (*room, *made), slopes


def _entry(lhs: sp.Indexed) -> Entry:
    return Entry(str(lhs.base.label), tuple(map(whole, lhs.indices)))


def _label(name: str, number: int) -> str:
    return f"{name}_by{number}"


def _contracted(slope: Slope, assignment: Assignment, velocity: sp.IndexedBase, number: int) -> Expr:
    """Σ of the derivatives times what they are by, over one index after the other.

    Zeros above a diagonal are summed too: loops of one length run faster than shorter ones of many lengths.
    """
    nest = ordered_indices(assignment.lhs)
    own = tuple(_LETTERS[name] for name in slope.own)
    shape = tuple(index.upper + 1 for index in (*nest, *own))
    array = sp.IndexedBase(_label(str(assignment.lhs.base.label), number), shape=shape, real=True)
    total = array[(*nest, *own)] * velocity[tuple(map(_sympy, slope.indices))]
    for index in reversed(own):
        # SymPy would make one sum of them, and each turn would wait for the one before
        total = sp.Sum(sp.UnevaluatedExpr(total) if isinstance(total, sp.Sum) else total, (index, 0, index.upper))
    return total


def _sympy(node: Expression) -> Expr:
    match node:
        case Whole(value):
            return sp.Integer(value)
        case Name(label):
            return _LETTERS.get(label, sp.Symbol(label, integer=True, positive=True))
        case Operation("+", left, right):
            return _sympy(left) + _sympy(right)
    raise TypeError(node)
