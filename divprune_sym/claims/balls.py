"""Expressions as straight-line programs, and their Taylor coefficients in ball arithmetic (Arb, by python-flint).

A program is a list of instructions that JSON can hold; arguments are the numbers of earlier instructions, and the
last one is the value. Powers are products: Arb's own power of a ball around zero may be NaN.
"""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache, reduce
from math import comb, prod
from operator import add, mul
from typing import TYPE_CHECKING, Any

from flint import arb, arb_series, ctx, fmpq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Program = list[list[Any]]
Interval = tuple[Fraction, Fraction]

BITS = 128


@contextmanager
def precision(bits: int = BITS) -> Iterator[None]:
    """Ball arithmetic with so many bits inside the block."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def exact(value: Fraction) -> arb:
    """The smallest ball around a fraction."""
    return arb(fmpq(value.numerator, value.denominator))


def ball(interval: Interval) -> arb:
    """A ball that holds every point of an interval."""
    return exact(interval[0]).union(exact(interval[1]))


def dyadic(x: arb) -> Fraction:
    """The value of a ball without radius."""
    mantissa, exponent = (int(part) for part in x.man_exp())
    return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)


def _inverse_erf(x: arb_series, order: int) -> arb_series:
    """erfinv of a series: y' = (√π/2) exp(y²) x', each round of which gives one coefficient more."""
    start = x.coeffs()[0].erfinv() if x.coeffs() else arb(0)
    y = _constant(start, order)
    for _ in range(order - 1):
        y = _constant(start, order) + ((y * y).exp() * x.derivative() * (arb.pi().sqrt() / 2)).integral()
        y = arb_series(y.coeffs(), order)
    return y


def _constant(value: arb, order: int) -> arb_series:
    return arb_series([value], order)


def _kept_moment(n: int, k: int, x: arb_series, order: int) -> arb_series:
    """E[z^(2n)/(1 + x z²)^k], z ~ N(0, 1), for x ≥ 0, where it is defined.

    Its Taylor coefficient j is (−1)^j C(k+j−1, j) E[z^(2n+2j)/(1 + x z²)^(k+j)], and the mean decreases in x.
    """
    start = x.coeffs()[0] if x.coeffs() else arb(0)
    ends = [start.lower(), start.upper()]
    ends[0] = ends[0] if ends[0] > 0 else arb(0)
    total, distance = _constant(arb(0), order), x - start
    for j in reversed(range(order)):
        low, high = (_moment_at(n + j, k + j, end) for end in ends)
        total = total * distance + (-1) ** j * comb(k + j - 1, j) * low.union(high)
    return total


def _moment_at(n: int, k: int, s: arb) -> arb:
    """At a point: s^(−n−½) Γ(n+½) U(n+½, n+3/2−k, 1/(2s))/√(2π), U by its integral e^(−zt) t^(n−½) (1+t)^(−k)."""
    return _moment_of(n, k, dyadic(s), ctx.prec)


@lru_cache(maxsize=10_000)  # boxes that meet share an end
def _moment_of(n: int, k: int, at: Fraction, bits: int) -> arb:
    if at == 0:
        return arb(prod(range(1, 2 * n, 2)))
    a, s = arb(n) + arb(0.5), exact(at)
    front = a.gamma() / (2 * arb.pi()).sqrt() / (s**n * s.sqrt())
    return front * (1 / (2 * s)).hypgeom_u(a, a + 1 - k)


def _inverse(x: arb_series) -> arb_series:
    """1/x, NaN where the ball of x holds zero."""
    coefficients = x.coeffs()
    if not coefficients or coefficients[0].contains(0):
        return _constant(arb("nan"), x.prec)
    return 1 / x


_UNARY: dict[str, Callable[[arb_series], arb_series]] = {
    "inv": _inverse,
    "sqrt": lambda x: x.sqrt(),
    "asin": lambda x: x.asin(),
    "atan": lambda x: x.atan(),
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "erf": lambda x: x.erf(),
    "erfc": lambda x: x.erfc(),
}
OPERATIONS = ("var", "rat", "pi", "add", "mul", "erfinv", "moment", *_UNARY)


def taylor(program: Program, values: Mapping[str, arb], along: str | None = None, order: int = 0) -> list[arb]:
    """Enclosures of f, ∂f, ∂²f/2! … up to an order in one variable, over all points of the given balls.

    Parameters
    ----------
    program : list of lists
    values : mapping of str to arb
        A ball for every variable.
    along : str, optional
        The variable of the expansion.
    order : int
        How many derivatives.
    """
    length = order + 1
    done: list[arb_series] = []
    for operation, *arguments in program:
        if operation == "var":
            name = arguments[0]
            slope = [arb(1)] if name == along else []
            result = arb_series([values[name], *slope][:length], length)
        elif operation == "rat":
            result = _constant(exact(Fraction(arguments[0])), length)
        elif operation == "pi":
            result = _constant(arb.pi(), length)
        elif operation in ("add", "mul"):
            result = reduce(add if operation == "add" else mul, [done[n] for n in arguments])
        elif operation == "erfinv":
            result = _inverse_erf(done[arguments[0]], length)
        elif operation == "moment":
            n, k, argument = arguments
            result = _kept_moment(n, k, done[argument], length)
        else:
            result = _UNARY[operation](done[arguments[0]])
        done.append(result)
    coefficients = done[-1].coeffs()
    return [*coefficients, *[arb(0)] * (length - len(coefficients))]


def value(program: Program, values: Mapping[str, arb]) -> arb:
    """An enclosure of f over all points of the given balls."""
    return taylor(program, values)[0]


def mean_value(program: Program, variables: Sequence[str], box: Sequence[Interval]) -> arb:
    """An enclosure of f over a box: f(m) + Σ ∂_i f(box)·(box_i − m_i), m the middle."""
    balls = dict(zip(variables, map(ball, box), strict=True))
    middle = {name: exact((low + high) / 2) for name, (low, high) in zip(variables, box, strict=True)}
    total = value(program, middle)
    for name in variables:
        total += taylor(program, balls, name, 1)[1] * (balls[name] - middle[name])
    return total


def deflated(
    program: Program, variables: Sequence[str], box: Sequence[Interval], axis: int, end: int, zero: int
) -> arb:
    """An enclosure of f/(x − a)^r over a box, f having a zero of order r where its variable x is at an end a.

    Taylor's polynomial at a with Lagrange's remainder over the box: Σ c_j(a) (x − a)^(j−r) + c_n(box) (x − a)^(n−r).
    """
    name, last = variables[axis], zero + _MORE_TERMS
    balls = dict(zip(variables, map(ball, box), strict=True))
    at = exact(box[axis][end])
    distance = balls[name] - at
    total = taylor(program, balls, name, last)[last]
    for coefficient in reversed(taylor(program, {**balls, name: at}, name, last - 1)[zero:]):
        total = total * distance + coefficient
    return total


def taylor_model(program: Program, name: str, interval: Interval) -> arb:
    """An enclosure of f, of one variable, over an interval: Taylor's polynomial at its middle, with remainder."""
    x, middle = ball(interval), exact((interval[0] + interval[1]) / 2)
    total = taylor(program, {name: x}, name, _TERMS)[_TERMS]
    for coefficient in reversed(taylor(program, {name: middle}, name, _TERMS - 1)):
        total = total * (x - middle) + coefficient
    return total


_MORE_TERMS = 3
_TERMS = 6
