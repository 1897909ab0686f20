"""Equations at states with a permutation symmetry, exact, and with the numbers of nodes left as symbols.

M groups of Z student nodes belong to the M teacher nodes, and L surplus nodes to none. If nothing changes when
groups, copies inside a group, or surplus nodes are permuted, a sum over all fields has only a few different terms:
it is a sum over orbits, each term counted as often as its orbit has members. The counts are polynomials in
M, Z and L, so one evaluation serves all sizes. (The orbits are those of the permutations that leave the fields
named so far in place; hence sums may be nested.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.integrals import expand_integrals
from divprune_sym.gaussian import ERF

if TYPE_CHECKING:
    from divprune_sym.dynamics.equations import Assignment, System
    from divprune_sym.gaussian import Activation

    Labels = Mapping[sp.Idx, "Field"]


@dataclass(frozen=True)
class Field:
    """One field: copy `copy` of student group `group`, teacher node `group`, or surplus student `group`."""

    kind: Literal["student", "surplus", "teacher"]
    group: int = 1
    copy: int = 1


Entry = Callable[..., Expr]


def one(*_: Field) -> Expr:
    """An array of ones."""
    return sp.Integer(1)


def zero(*_: Field) -> Expr:
    """An array of zeros."""
    return sp.Integer(0)


@dataclass(frozen=True)
class SymmetricState:
    """A state given by what its arrays hold at each orbit of fields.

    Parameters
    ----------
    arrays : mapping of str to callable
        By the name of an array, its entry at given fields, e.g. ``"C": lambda a, b: …``. Indices of mask classes
        are dropped: there is one class, of all inputs.
    groups, copies, surplus : Expr
        M, Z and L; integers or symbols.
    """

    arrays: Mapping[str, Entry]
    groups: Expr
    copies: Expr = sp.S.One
    surplus: Expr = sp.S.Zero
    activation: Activation = ERF

    def orbits(self, fixed: frozenset[Field]) -> list[tuple[Field, Expr]]:
        """One field of each orbit, and how many fields it stands for, once the fields `fixed` are named."""
        named = sorted({x.group for x in fixed if x.kind != "surplus"})
        other = max(named, default=0) + 1
        rest = self.groups - len(named)
        found = [(Field("teacher", n), sp.Integer(1)) for n in named] + [(Field("teacher", other), rest)]
        for n in named:
            found += self._with_copies(n, sorted({x.copy for x in fixed if x.kind == "student" and x.group == n}))
        found.append((Field("student", other), rest * self.copies))
        surplus = sorted({x.group for x in fixed if x.kind == "surplus"})
        found += [(Field("surplus", n), sp.Integer(1)) for n in surplus]
        found.append((Field("surplus", max(surplus, default=0) + 1), self.surplus - len(surplus)))
        return [(x, count) for x, count in found if count != 0]

    def _with_copies(self, group: int, named: list[int]) -> list[tuple[Field, Expr]]:
        other = Field("student", group, max(named, default=0) + 1)
        one_each = [(Field("student", group, z), sp.Integer(1)) for z in named]
        return [*one_each, (other, self.copies - len(named))]


@dataclass(frozen=True)
class EveryField(SymmetricState):
    """A state without any symmetry: `groups` teacher nodes and `surplus` student nodes, integers, each on its own."""

    def orbits(self, fixed: frozenset[Field]) -> list[tuple[Field, Expr]]:
        """All fields, whatever is fixed."""
        students = [Field("surplus", i) for i in range(1, int(self.surplus) + 1)]
        teachers = [Field("teacher", n) for n in range(1, int(self.groups) + 1)]
        return [(x, sp.Integer(1)) for x in (*students, *teachers)]


@dataclass(frozen=True)
class Evaluator:
    """Evaluates the assignments of a system at a symmetric state."""

    system: System
    state: SymmetricState
    _known: dict[tuple[Assignment, tuple[Field, ...]], Expr] = field(default_factory=dict)

    def rate(self, array: sp.IndexedBase, *fields: Field, coefficient_of: Expr | None = None) -> Expr:
        """The entry of an assigned array at given fields.

        `coefficient_of` a symbol or its power: only that coefficient of the assignment's right-hand side.
        """
        assignment = self._assigned(str(array.label), fields)
        rhs = assignment.rhs
        if coefficient_of is not None:
            rhs = sp.expand(rhs).coeff(coefficient_of)
        return self.value(rhs, _labels(assignment, fields))

    def value(self, expression: Expr, at: Labels) -> Expr:
        """An expression over indices whose fields `at` names."""
        return self._value(expand_integrals(expression, self.state.activation), at)

    def _value(self, expression: Expr, at: Labels) -> Expr:
        if isinstance(expression, sp.Sum):
            return self._orbit_sum(expression.function, list(expression.limits), at)
        if isinstance(expression, sp.Indexed):
            fields = _fields(expression.indices, at)
            name = str(expression.base.label)
            return self.state.arrays[name](*fields) if name in self.state.arrays else self._derived(name, fields)
        if not expression.args:
            return expression
        return expression.func(*[self._value(arg, at) for arg in expression.args])

    def _orbit_sum(self, body: Expr, limits: list[sp.Tuple], at: Labels) -> Expr:
        if not limits:
            return self._value(body, at)
        *inner, (index, _, _) = limits
        orbits = self.state.orbits(frozenset(at.values()))
        return sp.Add(*[count * self._orbit_sum(body, inner, {**at, index: x}) for x, count in orbits])

    def _derived(self, name: str, fields: tuple[Field, ...]) -> Expr:
        assignment = self._assigned(name, fields)
        key = (assignment, fields)
        if key not in self._known:
            self._known[key] = self.value(assignment.rhs, _labels(assignment, fields))
        return self._known[key]

    def _assigned(self, name: str, fields: tuple[Field, ...]) -> Assignment:
        for assignment in self.system.assignments:
            if str(assignment.lhs.base.label) == name and _accepts(assignment, fields):
                return assignment
        msg = f"{self.system.name}: nothing is assigned to {name} at {fields}"
        raise KeyError(msg)


def _is_class(index: Expr) -> bool:
    return str(index) == "c"


def _fields(indices: tuple[Expr, ...], at: Labels) -> tuple[Field, ...]:
    """The fields that indices name: K + n is the teacher node n, and mask classes are no fields."""
    own = [index if isinstance(index, sp.Idx) else next(iter(index.atoms(sp.Idx))) for index in indices]
    return tuple(at[index] for index in own if not _is_class(index))


def _labels(assignment: Assignment, fields: tuple[Field, ...]) -> dict[sp.Idx, Field]:
    own = [next(iter(index.atoms(sp.Idx))) for index in assignment.lhs.indices if not _is_class(index)]
    return dict(zip(own, fields, strict=True))


def _accepts(assignment: Assignment, fields: tuple[Field, ...]) -> bool:
    """Whether teachers stand where the left-hand side has a teacher's index, and students elsewhere."""
    for index, x in _labels(assignment, fields).items():
        letter = str(index)
        if (letter in "np" and x.kind != "teacher") or (letter in "iklm" and x.kind == "teacher"):
            return False
    return True
