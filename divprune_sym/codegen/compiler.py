"""The compiler: indexed SymPy sums in, the intermediate form and readable Python out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.codegen.arithmetic import Arithmetic, CannotPrint
from divprune_sym.codegen.extents import with_sizes
from divprune_sym.codegen.form import Name, Return, Routine
from divprune_sym.codegen.guarded import guarded
from divprune_sym.codegen.hoist import Hoister, roots
from divprune_sym.codegen.lanes import packed
from divprune_sym.codegen.lower import Lowering, ordered_indices
from divprune_sym.codegen.schedule import INSIDE, Block, blocks, label
from divprune_sym.codegen.sums import factor_out, halve, share_moments
from divprune_sym.codegen.targets import CPU, Target
from divprune_sym.codegen.text import printed
from divprune_sym.dynamics.closing import integrals_of
from divprune_sym.dynamics.integrals import FORMAL, WITH_LINEAR_FIELD, derivation_of, expand_integrals
from divprune_sym.dynamics.symbols import ARGUMENT_ORDER, CLASSES
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from divprune_sym.dynamics.equations import Assignment, System
    from divprune_sym.gaussian import Activation


# the sum over fields is multiplied out term by term; He_3 has 414 operations in I4, He_4 2613
LARGEST_FORMULA = 1000


class UndeclaredSize(ValueError):
    """A range of the system has no value; the message names it."""


@dataclass(frozen=True)
class Function:
    """Generated source of one function, and its arguments in order."""

    name: str
    arguments: tuple[str, ...]
    source: str


def compile_system(
    system: System,
    activation: Activation,
    sizes: Mapping[str, int | str],
    outputs: tuple[str, ...] = (),
    target: Target = CPU,
    teacher: Activation | None = None,
) -> Function:
    """Source of a function that evaluates a system; everything is as in `lowered`.

    `target` is the machine that the text is for.
    """
    routine = lowered(system, activation, sizes, outputs, teacher, fuses=target.fuses)
    if target.packs:
        routine = replace(routine, body=packed(routine.body, sizes))
    return Function(routine.name, routine.arguments, printed(routine, target))


def lowered(
    system: System,
    activation: Activation,
    sizes: Mapping[str, int | str],
    outputs: tuple[str, ...] = (),
    teacher: Activation | None = None,
    *,
    fuses: bool = True,
) -> Routine:
    """A system as a function in the intermediate form.

    Parameters
    ----------
    system : System
        Assignments over the indices of `dynamics.symbols`.
    activation : Activation
        Supplies the closed forms of J2, I2, I3, I4.
    sizes : mapping
        K, M, classes: an integer freezes the size into the code, a `hole` leaves a place for such an integer, any
        other string, such as ``"v.shape[0]"``, reads the size at run time.
    outputs : tuple of str
        Arrays the caller owns; they are written into. A scalar left-hand side is returned instead.
    teacher : Activation, optional
        That of the teacher's nodes, in systems with two activations.
    fuses : bool
        Whether products are added by `fma`.

    Raises
    ------
    UndeclaredSize
        A range depends on a symbol without a size.
    CannotPrint
        A sum does not run over the whole range of its index, or a function has no numerical counterpart.
    """
    _refuse_partial_ranges(system)
    closed = [expanded(x, activation, teacher) for x in share_moments(system.assignments)]
    writer = _Writer(Lowering(fuses), Hoister(roots=roots(x.rhs for x in closed)), outputs)
    for block in blocks(closed, outputs):
        writer.block(block)
    assigned = dict.fromkeys(label(x.lhs) for x in closed)
    missing = sorted(str(s) for s in _sizes_used(system) if str(s) not in sizes)
    if missing:
        msg = f"{system.name}: no size given for {', '.join(missing)}"
        raise UndeclaredSize(msg)
    scalars = [label for label in assigned if label not in outputs]
    returned = () if outputs else (Return(Name(scalars[-1])),)
    functions = f"{activation} from {teacher}" if teacher else str(activation)
    return Routine(
        system.name,
        (*inputs_of(system, assigned), *outputs),
        f"{system.name} of {functions}. Source: {system.source}.",
        tuple((name, str(value)) for name, value in sizes.items()),
        (*with_sizes(writer.body.body, sizes), *returned),
    )


def expanded(assignment: Assignment, activation: Activation, teacher: Activation | None) -> Assignment:
    """An assignment with closed forms in the place of its integrals, its sums halved and factored."""
    closed = guarded(expand_integrals(halve(assignment.rhs), activation, teacher))
    return replace(assignment, rhs=factor_out(closed))


def refuse_unprintable(system: System, activation: Activation, teacher: Activation | None = None) -> None:
    """Refuse, before the long work of generating code, closed forms that it cannot hold.

    Raises
    ------
    BadInput
        A function without a numerical counterpart, or a formula of more than `LARGEST_FORMULA` operations.
    """
    for name in integrals_of(system):
        closed_form = derivation_of(name, activation, teacher or activation).closed_form
        problem = ""
        if (size := closed_form.count_ops()) > LARGEST_FORMULA:
            problem = f"{size} operations, compiled code takes {LARGEST_FORMULA}"
        try:
            Arithmetic(fuses=True).lowered(closed_form)
        except CannotPrint as refused:
            problem = str(refused)
        if problem:
            pair = f"{activation}{f' and {teacher}' if teacher else ''}"
            way_out = "; small_eta=True (--small-eta) does without it" if name.startswith(("I4", "J2")) else ""
            msg = f"{name} of {pair}: {problem}{way_out}"
            raise BadInput(msg)


def _refuse_partial_ranges(system: System) -> None:
    """Loops run over the whole range of an index, whatever the limits of a sum say."""
    for summation in {part for x in system.assignments for part in x.rhs.atoms(sp.Sum)}:
        for index, low, high in summation.limits:
            if not isinstance(index, sp.Idx) or (low, high) != (index.lower, index.upper):
                msg = f"{system.name}: cannot print {summation}: a sum must run over the whole range of its index"
                raise CannotPrint(msg)


@dataclass
class _Writer:
    """Hoists and lowers the blocks of a system one after the other."""

    body: Lowering
    hoister: Hoister
    outputs: tuple[str, ...]
    _has_room: set[str] = field(default_factory=set)

    def block(self, block: Block) -> None:
        """All assignments of a block, inside its loop over classes if it has one."""
        if block.over_classes:
            self._over_classes(block)
            return
        for assignment in block.assignments:
            rhs, before, inside = self.hoister.hoist(assignment.rhs, ordered_indices(assignment.lhs))
            self.body.temporaries(before)
            self._make_room(assignment)
            self.body.assignment(assignment, rhs, inside)

    def _over_classes(self, block: Block) -> None:
        hoister = self.hoister.inside_a_loop()
        hoisted = [(x, *hoister.hoist(x.rhs, ordered_indices(x.lhs))) for x in block.assignments]
        changing = {INSIDE} | {sp.Symbol(name) for name in block.own}
        fixed = []
        for _, _, before, _ in hoisted:
            for temporary in [*before]:
                if depends(temporary.expression, changing):
                    changing.add(sp.Symbol(label(temporary.array)))
                else:
                    before.remove(temporary)
                    fixed.append(temporary)
        self.body.temporaries(fixed)
        for assignment in block.assignments:
            self._make_room(assignment, zeros=assignment in block.sums)
        with self.body.over(INSIDE, CLASSES):
            for assignment, rhs, before, inside in hoisted:
                self.body.temporaries(before)
                self.body.assignment(assignment, rhs, inside, add=assignment in block.sums)

    def _make_room(self, assignment: Assignment, *, zeros: bool = False) -> None:
        """Allocate what an assignment is the first to write, unless it is a scalar or the caller's."""
        name = label(assignment.lhs)
        if isinstance(assignment.lhs, sp.Indexed) and name not in self._has_room and name not in self.outputs:
            (self.body.zeros if zeros else self.body.allocate)(assignment.lhs)
            self._has_room.add(name)


def depends(expression: sp.Expr, on: set[sp.Symbol]) -> bool:
    """Whether an expression reads any of these scalars or arrays."""
    names = {str(x) for x in on}
    return any(str(x) in names for x in expression.free_symbols if isinstance(x, sp.Symbol))


def inputs_of(system: System, assigned: Collection[str]) -> list[str]:
    """Arrays and symbols the system reads but does not assign, in the order of `ARGUMENT_ORDER`."""
    found: set[str] = _read_by_integrals(system)
    for assignment in system.assignments:
        found |= {str(base.label) for base in assignment.rhs.atoms(sp.IndexedBase)}
        found |= {str(symbol) for symbol in assignment.rhs.free_symbols if isinstance(symbol, sp.Symbol)}
    return [str(name) for name in ARGUMENT_ORDER if str(name) in found and str(name) not in assigned]


def _read_by_integrals(system: System) -> set[str]:
    """What the closed forms read without the formal integrals naming it."""
    used = {part.func for x in system.assignments for part in x.rhs.atoms(sp.Function)} & set(FORMAL.values())
    return ({"C"} if used else set()) | ({"X", "variance"} if used & WITH_LINEAR_FIELD else set())


def _sizes_used(system: System) -> set[sp.Symbol]:
    used: set[sp.Symbol] = set()
    for assignment in system.assignments:
        for index in assignment.lhs.atoms(sp.Idx) | assignment.rhs.atoms(sp.Idx):
            used |= {s for s in index.upper.free_symbols if s.is_integer}
    return used
