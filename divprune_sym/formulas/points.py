"""Exact covariances: drawn at random, read from a user, and made as simple as a property allows."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from divprune_sym.formulas.definitions import Fields, Gaussian
from divprune_sym.formulas.expressions import parse
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.ground.checks import BadInput, refuse_negative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from divprune_sym.gaussian import Activation


@dataclass(frozen=True)
class Point:
    """A covariance of named fields with rational entries; what is not listed is that of independent unit fields."""

    fields: tuple[str, ...]
    entries: Mapping[sp.Symbol, Fraction]

    def __post_init__(self) -> None:
        complete = {s: self.entries.get(s, _default(s)) for s in self.symbols()}
        object.__setattr__(self, "entries", complete)

    def symbols(self) -> list[sp.Symbol]:
        """The covariances, then the variances."""
        pairs = [(a, b) for n, a in enumerate(self.fields) for b in self.fields[n:]]
        return [covariance_symbol(a, b) for a, b in sorted(pairs, key=lambda pair: pair[0] == pair[1])]

    @property
    def simplicity(self) -> tuple[Fraction, int]:
        """Smaller for simpler points: how far entries are from the default, and how long they are to write."""
        unusual = [value for symbol, value in self.entries.items() if value != _default(symbol)]
        return Fraction(sum(_length(value) for value in unusual)), len(unusual)

    def with_(self, symbol: sp.Symbol, value: Fraction) -> Point:
        """The same but for one entry."""
        return Point(self.fields, {**self.entries, symbol: value})

    @property
    def is_definite(self) -> bool:
        """Whether it is positive definite: the pivots of the exact LDLᵀ decomposition are positive."""
        A = self._rows()
        for j, pivot_row in enumerate(A):
            if pivot_row[j] <= 0:
                return False
            for i in range(j + 1, len(A)):
                ratio = A[i][j] / pivot_row[j]
                A[i] = [x - ratio * y for x, y in zip(A[i], pivot_row, strict=True)]
        return True

    def eigenvalues(self) -> NDArray[np.float64]:
        """Those of the covariance, in floats."""
        matrix = np.array([[float(x) for x in row] for row in self._rows()], dtype=np.float64)
        return np.asarray(np.linalg.eigvalsh(matrix), dtype=np.float64)

    def _rows(self) -> list[list[Fraction]]:
        return [[self.entries[covariance_symbol(a, b)] for b in self.fields] for a in self.fields]

    def __str__(self) -> str:
        unusual = {symbol: value for symbol, value in self.entries.items() if value != _default(symbol)}
        # a list of nothing would be no list: name one variance
        shown = unusual or dict(list(self.entries.items())[-1:])
        return ", ".join(f"{symbol} = {value}" for symbol, value in shown.items())

    def described(self) -> str:
        """The entries that are listed, and what the others are."""
        return f"{self} (else: variance 1, covariance 0)"


def _default(symbol: sp.Symbol) -> Fraction:
    # a symbol C_ab knows whether it is a variance: those are positive
    return Fraction(1 if symbol.is_positive else 0)


def _length(value: Fraction) -> int:
    return abs(value.numerator) + value.denominator + (value < 0)


def random_points(fields: tuple[str, ...], count: int, seed: int = 0) -> Iterator[Point]:
    """Positive definite covariances of many sizes, all correlated, with entries of a few digits."""
    rng = random.Random(seed)
    while count:
        unit = Fraction(1, (1, 10, 100, 1000)[count % 4])
        rows = [[rng.randint(-9, 9) for _ in range(len(fields) + 1)] for _ in fields]
        entries = {}
        for a, row in zip(fields, rows, strict=True):
            for b, other in zip(fields, rows, strict=True):
                entries[covariance_symbol(a, b)] = unit * sum(x * y for x, y in zip(row, other, strict=True))
        point = Point(fields, entries)
        if point.is_definite:
            count -= 1
            yield point


def shrunk(point: Point, holds: Callable[[Point], bool]) -> Point:
    """A point with the same property that no change of one entry makes simpler."""
    while True:
        simpler = (p for p in _simpler(point) if p.is_definite and holds(p))
        found = next(simpler, None)
        if found is None:
            return point
        point = found


_VALUES = [Fraction(p, q) * sign for p, q in ((0, 1), (1, 1), (1, 2), (2, 1), (3, 1), (1, 4)) for sign in (1, -1)]


def _simpler(point: Point) -> Iterator[Point]:
    for symbol, value in point.entries.items():
        rounded = [Fraction(round(value)), Fraction(round(value * 10), 10)]
        for candidate in (_default(symbol), *_VALUES, *rounded):
            changed = point.with_(symbol, candidate)
            if changed.simplicity < point.simplicity:
                yield changed


def read_point(text: str, fields: tuple[str, ...], activation: Activation) -> Point:
    """The covariance that a text such as "C_ia = 1/2, C_ii = 2" gives.

    Raises
    ------
    BadInput
        An entry is unknown, given twice or no number, or two fields are one.
    NotPositiveSemidefinite
        It is no covariance.
    """
    entries: dict[sp.Symbol, Fraction] = {}
    names = Gaussian("--at", Fields(list(fields)), activation)
    for part in text.split(","):
        name, equals, number = part.partition("=")
        if not equals:
            msg = f"--at: expected C_ab = number, found {part.strip()[:40]!r}"
            raise BadInput(msg)
        symbol, value = parse(name, names), parse(number, names)
        if symbol not in names.fields.covariances().values():
            msg = f"--at: {name.strip()[:40]!r} is no covariance; known: {', '.join(names.fields.covariances())}"
            raise BadInput(msg)
        if not value.is_Rational:
            msg = f"--at: {symbol} = {number.strip()[:40]} is no rational number"
            raise BadInput(msg)
        if symbol in entries:
            msg = f"--at: {symbol} is given twice"
            raise BadInput(msg)
        entries[symbol] = Fraction(int(value.p), int(value.q))
    point = Point(fields, entries)
    _refuse_no_covariance(point)
    return point


def _refuse_no_covariance(point: Point) -> None:
    for n, a in enumerate(point.fields):
        for b in point.fields[:n]:
            if len({point.entries[covariance_symbol(*pair)] for pair in ((a, a), (a, b), (b, b))}) == 1:
                msg = f"--at: {b} and {a} are one field under two names; give them one name in the definition"
                raise BadInput(msg)
    refuse_negative(f"--at, covariance of {', '.join(point.fields)}", point.eigenvalues())
