"""The equations of motion of a network of given size as programs for ball arithmetic, at states with any symmetry.

Of the coordinates Q above and on its diagonal, R and v, four are derived; all others have the same equations with
nodes renamed, since T = 1, A_n = 1 and η_v = η single none out.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations_with_replacement, permutations, product
from typing import TYPE_CHECKING, Any

import sympy as sp

from divprune_sym.claims.balls import exact, precision, value
from divprune_sym.claims.programs import program_of
from divprune_sym.claims.statements import AtRest, Motion, Spectrum
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.symbols import D_Q, D_R, D_V, DECAY, ETA, ETA_V, SIGMA
from divprune_sym.dynamics.symmetric import Entry, Evaluator, EveryField, Field, one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flint import arb
    from sympy import Expr

    from divprune_sym.claims.balls import Program

# (letter, indices from 1): Q_ik with i ≤ k, R_in, v_i
Coordinate = tuple[str, tuple[int, ...]]


def coordinates(K: int, M: int) -> list[Coordinate]:
    """The independent coordinates of a network."""
    students, teachers = range(1, K + 1), range(1, M + 1)
    pairs = combinations_with_replacement(students, 2)
    return [
        *(("Q", pair) for pair in pairs),
        *(("R", pair) for pair in product(students, teachers)),
        *(("v", (i,)) for i in students),
    ]


def name(coordinate: Coordinate) -> str:
    """Its variable in programs."""
    letter, indices = coordinate
    return f"{letter}_{'_'.join(map(str, indices))}"


@cache
def _templates(K: int, M: int) -> dict[Coordinate, tuple[Expr, Program]]:
    """dQ_11, dQ_12, dR_11 and dv_1 over dα, derived for this size."""

    def symbol(letter: str, indices: tuple[int, ...]) -> sp.Symbol:
        return _symbol((letter, indices))

    def covariance(x: Field, y: Field) -> Expr:
        if x.kind == y.kind == "teacher":
            return sp.Integer(x == y)
        if x.kind == y.kind:
            return symbol("Q", tuple(sorted((x.group, y.group))))
        student, teacher = sorted((x, y), key=lambda field: field.kind)
        return symbol("R", (student.group, teacher.group))

    def weight(x: Field) -> Expr:
        return sp.Integer(-1) if x.kind == "teacher" else symbol("v", (x.group,))

    arrays: dict[str, Entry] = {"mask": one, "fraction": one, "variance": one}
    arrays |= {"C": covariance, "X": covariance, "s": weight, "v": weight}
    state = EveryField(arrays, groups=sp.Integer(M), surplus=sp.Integer(K))
    moving = Evaluator(equations_of_motion(), state)
    first, second, teacher = Field("surplus", 1), Field("surplus", 2), Field("teacher", 1)
    derived = {
        ("Q", (1, 1)): moving.rate(D_Q, first, first),
        ("Q", (1, 2)): moving.rate(D_Q, first, second),
        ("R", (1, 1)): moving.rate(D_R, first, teacher),
        ("v", (1,)): moving.rate(D_V, first),
    }
    return {x: (rate, program_of(rate)) for x, rate in derived.items() if x in coordinates(K, M)}


def _symbol(coordinate: Coordinate) -> sp.Symbol:
    return sp.Symbol(name(coordinate), real=True)


@dataclass(frozen=True)
class Setting:
    """Online SGD of K student and M teacher nodes with η_v = η, A_n = 1, T = 1, white inputs and no masks."""

    K: int
    M: int
    eta: sp.Rational
    sigma: sp.Rational
    decay: sp.Rational = sp.S.Zero

    @property
    def motion(self) -> Motion:
        """What statements call it."""
        return Motion(*map(sp.sympify, (self.K, self.M, self.eta, self.sigma, self.decay)))

    def programs(self) -> list[Program]:
        """d/dα of every coordinate, with the learning rates and noise of the setting in place of their symbols."""
        every = coordinates(self.K, self.M)
        named = {x: name(x) for x in every}
        return [self._rate(x, named)[1] for x in every]

    def unequal_programs(self, names: Sequence[str], at: Mapping[str, Fraction]) -> list[Program]:
        """The same where several coordinates may have one variable, without those that are equal then.

        Rates that differ at the point `at` need no algebra to be told apart.
        """
        found: list[tuple[Expr, Program, arb]] = []
        every = coordinates(self.K, self.M)
        named = dict(zip(every, names, strict=True))
        with precision():
            point = {x: exact(y) for x, y in at.items()}
            for x in every:
                rate, program = self._rate(x, named)
                there = value(program, point)
                alike = [y for y, _, other in found if there.overlaps(other)]
                if not any(sp.expand(rate - y) == 0 for y in alike):
                    found.append((rate, program, there))
        return [program for _, program, _ in found]

    def _rate(self, wanted: Coordinate, named: Mapping[Coordinate, str]) -> tuple[Expr, Program]:
        """The first of what all renamings of nodes give that lead to this coordinate: one function, written in ways."""
        values = {ETA.name: self.eta, ETA_V.name: self.eta, SIGMA.name: self.sigma, DECAY.name: self.decay}
        every = coordinates(self.K, self.M)
        found: list[tuple[Program, Expr, dict[Coordinate, str]]] = []
        for students in permutations(range(1, self.K + 1)):
            for teachers in permutations(range(1, self.M + 1)):
                for template, (rate, program) in _templates(self.K, self.M).items():
                    if _renamed(template, students, teachers) == wanted:
                        new = {x: named[_renamed(x, students, teachers)] for x in every}
                        variables = {name(x): y for x, y in new.items()}
                        found.append(([_instruction(step, variables, values) for step in program], rate, new))
        program, rate, new = min(found, key=lambda row: str(row[0]))
        return rate.xreplace({_symbol(x): sp.Symbol(y, real=True) for x, y in new.items()}), program


def _renamed(x: Coordinate, students: tuple[int, ...], teachers: tuple[int, ...]) -> Coordinate:
    letter, indices = x
    if letter == "R":
        return letter, (students[indices[0] - 1], teachers[indices[1] - 1])
    return letter, tuple(sorted(students[i - 1] for i in indices))


def _instruction(step: list[Any], variables: Mapping[str, str], values: Mapping[str, Expr]) -> list[Any]:
    if step[0] != "var":
        return step
    return ["rat", str(values[step[1]])] if step[1] in values else ["var", variables[step[1]]]


@dataclass(frozen=True)
class SymmetricRest:
    """States whose coordinates have a few common values, in a box that is to hold one at rest.

    Parameters
    ----------
    setting : Setting
    state : Tuple
        The unknown that each coordinate is, in the order of `coordinates`.
    box : mapping of Symbol to (low, high)
        Rational ends of every unknown's interval.
    """

    setting: Setting
    state: sp.Tuple
    box: Mapping[sp.Symbol, tuple[Expr, Expr]]

    @property
    def plain(self) -> bool:
        """Whether it is what it says, and no class of a file's own."""
        numbers = (self.setting.eta, self.setting.sigma, self.setting.decay)
        sizes = (self.setting.K, self.setting.M)
        return (
            type(self) is SymmetricRest
            and type(self.setting) is Setting
            and all(type(n) is int and n > 0 for n in sizes)
            and all(isinstance(x, sp.Rational) and x >= 0 for x in numbers)
            and all(type(x) is sp.Symbol for x in self.state)
            and set(self.state) == set(self.box)
        )

    @property
    def at_rest(self) -> AtRest:
        """That exactly one state of the box rests."""
        ends = sp.Tuple(*[sp.Tuple(*pair) for pair in self.box.values()])
        return AtRest(self.setting.motion, self.state, sp.Tuple(*self.box), ends)

    def spectrum(self, right: int) -> Spectrum:
        """That exactly so many eigenvalues have positive real part, and the others negative ones."""
        return Spectrum(self.setting.motion, self.state, sp.Integer(right))

    @property
    def _middle(self) -> dict[str, Fraction]:
        return {x.name: Fraction(str(sp.Rational(low + high) / 2)) for x, (low, high) in self.box.items()}

    def as_problem(self) -> dict[str, Any]:
        """Which equations are to vanish, as JSON can hold it: those of all coordinates, equal ones once."""
        unequal = self.setting.unequal_programs([x.name for x in self.state], self._middle)
        ends = [[str(sp.Rational(end)) for end in pair] for pair in self.box.values()]
        names = [x.name for x in self.box]
        return {"programs": unequal, "variables": names, "box": ends, "parameters": [], "ranges": []}

    def as_spectrum_problem(self) -> dict[str, Any]:
        """Whose Jacobian is asked about, and where, as JSON can hold it."""
        every = coordinates(self.setting.K, self.setting.M)
        known = {x.name: [str(sp.Rational(end)) for end in pair] for x, pair in self.box.items()}
        return {
            "programs": self.setting.programs(),
            "variables": [name(x) for x in every],
            "unknowns": [x.name for x in self.state],
            "box": known,
        }
