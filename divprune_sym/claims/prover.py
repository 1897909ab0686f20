"""Prove that a function of a few variables has one sign on a box: branch and bound in ball arithmetic.

A box is settled by the plain value of the function, by its mean-value form (of one variable: by Taylor's
polynomial at the middle, with remainder), or, where the function is known to vanish
at an end a of a variable's interval, by f/(x − a)^r, enclosed by Taylor's polynomial at a with Lagrange's remainder.
Boxes that are not settled are cut in two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import sympy as sp
from flint import arb_mat
from sympy import Expr

from divprune_sym.claims.balls import (
    BITS,
    Interval,
    ball,
    deflated,
    dyadic,
    exact,
    mean_value,
    precision,
    taylor,
    taylor_model,
    value,
)
from divprune_sym.claims.expansion import NotSmooth, coefficients
from divprune_sym.claims.programs import program_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flint import arb

    Box = tuple[Interval, ...]

_MOST_BOXES = 20_000
_WIDTH = Fraction(1, 10**13)


class NotProved(ArithmeticError):
    """The prover found no proof; the message says where it stopped."""


@dataclass(frozen=True)
class Inequality:
    """f > 0 (sign 1) or f < 0 (sign −1) inside a box.

    Parameters
    ----------
    expression : Expr
        f.
    box : mapping of Symbol to (low, high)
        Rational ends of every variable's interval.
    sign : int
    zeros : mapping of Symbol to (int, int)
        Orders of the zeros that f has, whatever the other variables are, where a variable is at its low and at its
        high end; 0 where it has none. There the inequality holds in the open interval.
    """

    expression: Expr
    box: Mapping[sp.Symbol, tuple[Any, Any]]
    sign: int
    zeros: Mapping[sp.Symbol, tuple[int, int]] = field(default_factory=dict)

    @property
    def relation(self) -> sp.Basic:
        """The inequality as a SymPy relation."""
        return (sp.Gt if self.sign > 0 else sp.Lt)(self.expression, 0, evaluate=False)

    def as_problem(self) -> dict[str, Any]:
        """What the checker is asked to confirm, as JSON can hold it."""
        return {
            "program": program_of(self.expression),
            "variables": [x.name for x in self.box],
            "domain": [[str(sp.Rational(end)) for end in ends] for ends in self.box.values()],
            "zeros": [list(self.zeros.get(x, (0, 0))) for x in self.box],
            "sign": self.sign,
        }

    def unproved_zeros(self) -> list[str]:
        """Those of the stated zeros that SymPy does not confirm: Taylor's coefficients there must simplify to 0."""
        failed = []
        for x, orders in self.zeros.items():
            for end, order in zip(self.box[x], orders, strict=True):
                failed += _not_zero(self.expression, x, sp.Rational(end), order)
        return failed


def _not_zero(expression: Expr, x: sp.Symbol, end: Expr, order: int) -> list[str]:
    if order == 0:
        return []
    try:
        found = coefficients(expression, x, end, order)
    except NotSmooth as error:
        return [f"at {x} = {end}: {error}"]
    return [f"d^{n} at {x} = {end}: {y}" for n, y in enumerate(found) if not _vanishes(y)]


def _vanishes(expression: Expr) -> bool:
    return bool(sp.simplify(sp.expand(expression)) == 0)


def prove(inequality: Inequality, most_boxes: int = _MOST_BOXES, until: float = inf) -> dict[str, Any]:
    """A certificate that the inequality holds.

    Parameters
    ----------
    inequality : Inequality
    most_boxes : int
    until : float
        When to give up, by `time.monotonic`.

    Raises
    ------
    NotProved
        More than `most_boxes` boxes, no time left, or a value of the wrong sign somewhere.
    """
    problem = inequality.as_problem()
    domain = tuple((Fraction(low), Fraction(high)) for low, high in problem["domain"])
    waiting, settled, tried = [domain], list[dict[str, Any]](), 0
    with precision():
        while waiting:
            box = waiting.pop()
            tried += 1
            if tried > most_boxes:
                msg = f"not proved after {most_boxes} boxes, the last one {_words(problem['variables'], box)}"
                raise NotProved(msg)
            if monotonic() > until:
                msg = f"not proved in the time given, after {tried} boxes"
                raise NotProved(msg)
            row = _settled(problem, domain, box)
            if row is None:
                waiting += reversed(_halves(box, _worst_axis(problem, domain, box)))
            else:
                settled.append(row)
    return {"problem": problem, "bits": BITS, "boxes": settled}


def _settled(problem: Mapping[str, Any], domain: Box, box: Box) -> dict[str, Any] | None:
    names, program, sign = problem["variables"], problem["program"], problem["sign"]
    balls = dict(zip(names, map(ball, box), strict=True))
    for axis, end, order in _ends(problem["zeros"], domain, box):
        wanted = sign * (-1 if end == 1 and order % 2 else 1)
        found = deflated(program, names, box, axis, end, order)
        if _has_sign(found, wanted):
            return _row(box, ["zero", axis, end], found)
    found = value(program, balls)
    if _has_sign(found, sign):
        return _row(box, ["value"], found)
    if _has_sign(found, -sign):
        msg = f"the inequality is false: f = {found} on {_words(names, box)}"
        raise NotProved(msg)
    if len(box) == 1:
        found, form = taylor_model(program, names[0], box[0]), "taylor"
    else:
        found, form = mean_value(program, names, box), "mean value"
    return _row(box, [form], found) if _has_sign(found, sign) else None


def _ends(zeros: Sequence[Sequence[int]], domain: Box, box: Box) -> Iterable[tuple[int, int, int]]:
    for axis, orders in enumerate(zeros):
        for end, order in enumerate(orders):
            if order > 0 and box[axis][end] == domain[axis][end]:
                yield axis, end, order


def _has_sign(x: arb, sign: int) -> bool:
    return bool(x > 0 if sign > 0 else x < 0)


def _worst_axis(problem: Mapping[str, Any], domain: Box, box: Box) -> int:
    """The side whose length widens the enclosure most, found by collapsing each side to its middle in turn."""
    if len(box) == 1:
        return 0
    names, program = problem["variables"], problem["program"]
    ends = next(iter(_ends(problem["zeros"], domain, box)), None)
    radii = []
    for axis, (low, high) in enumerate(box):
        collapsed = (*box[:axis], ((low + high) / 2,) * 2, *box[axis + 1 :])
        if ends is None or ends[0] == axis:
            found = value(program, dict(zip(names, map(ball, collapsed), strict=True)))
        else:
            found = deflated(program, names, collapsed, *ends)
        if ends is not None and ends[0] == axis:
            # of f/(x − a)^r, as for the other sides
            found = found / exact((high - low) / 2) ** ends[2]
        radius = float(found.rad()) if found.is_finite() else float("inf")
        # where nothing can be told, the side that is longest in units of the domain's
        radii.append((radius, -(high - low) / (domain[axis][1] - domain[axis][0])))
    return radii.index(min(radii))


def _halves(box: Box, axis: int) -> list[Box]:
    low, high = box[axis]
    middle = (low + high) / 2
    return [(*box[:axis], half, *box[axis + 1 :]) for half in ((low, middle), (middle, high))]


def _row(box: Box, form: list[Any], found: arb) -> dict[str, Any]:
    return {"box": [[str(low), str(high)] for low, high in box], "form": form, "enclosure": list(_outward(found))}


def _outward(x: arb) -> tuple[str, str]:
    """Six digits that enclose a ball; an end that would round to 0 keeps its sign by its exponent."""
    low, high = dyadic(x.lower()), dyadic(x.upper())
    down, up = (Context(prec=6, rounding=way) for way in (ROUND_FLOOR, ROUND_CEILING))
    return tuple(  # type: ignore[return-value]
        str(context.divide(Decimal(end.numerator), Decimal(end.denominator)))
        for context, end in ((down, low), (up, high))
    )


def _words(names: Sequence[str], box: Box) -> str:
    return ", ".join(
        f"{name} in [{float(low):.6g}, {float(high):.6g}]" for name, (low, high) in zip(names, box, strict=True)
    )


# --- roots -------------------------------------------------------------------------------------------


def bracket(inequality: Inequality) -> dict[str, Any]:
    """A certificate that f of one variable changes from −sign to sign inside an interval of width ≤ 10⁻¹².

    Raises
    ------
    NotProved
        f has not these signs at the ends of its interval, or no definite sign at some point in between.
    """
    problem = inequality.as_problem()
    (name,), ((low, high),) = problem["variables"], [(Fraction(a), Fraction(b)) for a, b in problem["domain"]]

    def sign_at(x: Fraction) -> int:
        found = problem["sign"] * value(problem["program"], {name: exact(x)})
        if not (found > 0 or found < 0):
            msg = f"f = {found} at {name} = {float(x):.15g}: no definite sign"
            raise NotProved(msg)
        return 1 if found > 0 else -1

    with precision():
        if (sign_at(low), sign_at(high)) != (-1, 1):
            msg = f"f does not change to sign {inequality.sign:+d} on [{low}, {high}]"
            raise NotProved(msg)
        while high - low > _WIDTH:
            middle = (low + high) / 2
            low, high = (low, middle) if sign_at(middle) > 0 else (middle, high)
    return {"problem": problem, "bits": BITS, "bracket": [str(low), str(high)]}


def bracket_of_minimum(inequality: Inequality, over: sp.Symbol) -> dict[str, Any]:
    """A certificate that the least f(x, y), y in (0, 1), turns positive inside an interval of width ≤ 10⁻¹².

    Parameters
    ----------
    inequality : Inequality
        f > 0 where x, its one variable, is at the high end; f is convex in y.
    over : Symbol
        y.

    Raises
    ------
    NotProved
        The least value has not these signs at the ends of the interval.
    """
    problem = inequality.as_problem() | {"over": over.name}
    (name,), ((low, high),) = problem["variables"], [(Fraction(a), Fraction(b)) for a, b in problem["domain"]]
    program = problem["program"]

    def least(x: Fraction) -> tuple[arb, Fraction]:
        """f and y there, by Newton's method; by halving the interval where it would leave it."""
        left, right = Fraction(0), Fraction(1)
        y = Fraction(1, 2)
        while True:
            f, slope, bend = taylor(program, {name: exact(x), over.name: exact(y)}, over.name, 2)
            step = Fraction(float(slope / (2 * bend)))
            if abs(step) < _WIDTH**2:
                return f, y
            left, right = (left, y) if step > 0 else (y, right)
            y = y - step if left < y - step < right else (left + right) / 2
            y = y.limit_denominator(10**30)

    with precision():
        at_low, at_high = least(low), least(high)
        if not (at_low[0] < 0 and at_high[0] > 0):
            msg = f"the least value does not turn positive on [{low}, {high}]"
            raise NotProved(msg)
        while high - low > _WIDTH:
            middle = (low + high) / 2
            found = least(middle)
            if found[0] > 0:
                high, at_high = middle, found
            else:
                low, at_low = middle, found
    at = [str(y) for _, y in (at_low, at_high)]
    return {"problem": problem, "bits": BITS, "bracket": [str(low), str(high)], "at": at}


# --- systems -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ZeroOfSystem:
    """A system with exactly one zero in a box, for every value of its parameters in theirs.

    Parameters
    ----------
    equations : sequence of Expr
    box, parameters : mapping of Symbol to (low, high)
        Rational ends of every unknown's, and of every parameter's interval.
    """

    equations: Sequence[Expr]
    box: Mapping[sp.Symbol, tuple[Any, Any]]
    parameters: Mapping[sp.Symbol, tuple[Any, Any]]

    def as_problem(self) -> dict[str, Any]:
        """What the checker is asked to confirm, as JSON can hold it."""
        return {
            "programs": [program_of(f) for f in self.equations],
            "variables": [x.name for x in self.box],
            "box": [[str(sp.Rational(end)) for end in ends] for ends in self.box.values()],
            "parameters": [x.name for x in self.parameters],
            "ranges": [[str(sp.Rational(end)) for end in ends] for ends in self.parameters.values()],
        }


class System(Protocol):
    """Equations whose zero is to be enclosed."""

    def as_problem(self) -> dict[str, Any]:
        """What the checker is asked to confirm: programs, variables, their box, parameters and their ranges."""


def enclose_zero(system: System) -> dict[str, Any]:
    """A certificate of the zero: its place by Newton's method from the middle of the box, and the inverse Jacobian.

    Raises
    ------
    NotProved
        Newton's method meets a singular matrix.
    """
    problem = system.as_problem()
    names, programs = problem["variables"], problem["programs"]
    boxes = [[(Fraction(low), Fraction(high)) for low, high in problem[part]] for part in ("box", "ranges")]
    x, theta = ([(low + high) / 2 for low, high in part] for part in boxes)
    fixed = dict(zip(problem["parameters"], theta, strict=True))
    with precision():
        for _ in range(_NEWTON_STEPS):
            at = {name: exact(y) for name, y in {**fixed, **dict(zip(names, x, strict=True))}.items()}
            slopes = arb_mat([[taylor(f, at, name, 1)[1].mid() for name in names] for f in programs])
            try:
                inverse = slopes.inv()
            except ZeroDivisionError:
                msg = f"the Jacobian is singular at {[float(y) for y in x]}"
                raise NotProved(msg) from None
            step = inverse * arb_mat([[value(f, at)] for f in programs])
            x = [y - Fraction(float(step[n, 0])) for n, y in enumerate(x)]
        rows = [[str(Fraction(float(inverse[n, m]))) for m in range(len(names))] for n in range(len(names))]
    return {"problem": problem, "bits": BITS, "center": [str(y) for y in x], "preconditioner": rows}


_NEWTON_STEPS = 8
