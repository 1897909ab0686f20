"""Checks offered to users: covariances to draw, exact values, the rounding bound that judges a kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import mpmath as mp
import numpy as np
import sympy as sp

from divprune_sym.gaussian.term import covariance_symbol

try:
    from hypothesis import strategies as st
except ImportError as error:
    msg = "divprune_sym.testing needs Hypothesis: pip install 'divprune-sym[test]'"
    raise ImportError(msg) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

Mpf = Any

# A field near-copies the one before it with correlation 1 − 10^(−k); ten digits is what the tests promise.
MOST_DIGITS_LOST = 10
LARGEST_DEVIATION = 1e6


class Conditioning(Enum):
    """What makes a covariance easy or hard.

    WELL: standard deviations 0.1 to 10, correlation matrix with no eigenvalue below 0.1.
    NEAR_SINGULAR: the same deviations, neighbouring correlations up to ±(1 − 1e-10).
    SINGULAR: some fields are exact copies of others, and fields may be zero (pruned units).
    LARGE: standard deviations 1 to 1e6, correlations of either of the first two kinds.
    BLOCK: two independent groups of fields.
    """

    WELL = "well"
    NEAR_SINGULAR = "near singular"
    SINGULAR = "singular"
    LARGE = "large"
    BLOCK = "block"


def covariances(size: int, *, conditioning: Conditioning | None = None) -> st.SearchStrategy[NDArray[np.float64]]:
    """Covariance matrices of `size` fields, positive semi-definite, shrinking towards the identity.

    Parameters
    ----------
    size : int
        The number of fields; from two on, SINGULAR and BLOCK deserve their names.
    conditioning : Conditioning, optional
        One kind; any kind if left out.
    """
    if conditioning is None:
        return st.one_of([_STRATEGIES[kind](size) for kind in Conditioning])
    return _STRATEGIES[conditioning](size)


def covariance_values(matrix: NDArray[np.float64], fields: Sequence[str]) -> dict[str, float]:
    """The values of the symbols C_ab, by name, for fields in the order of the rows."""
    return {
        covariance_symbol(a, b).name: float(matrix[i, j]) for i, a in enumerate(fields) for j, b in enumerate(fields)
    }


def _scaled(correlation: NDArray[np.float64], deviations: Sequence[float]) -> NDArray[np.float64]:
    upper = np.triu(correlation * np.outer(deviations, deviations))
    return np.asarray(upper + np.triu(upper, 1).T)


def _deviations(size: int, low: float, high: float) -> st.SearchStrategy[list[float]]:
    # Drawn by their logarithm: every order of magnitude is as likely, and they shrink towards 1.
    exponent = st.floats(math.log10(low), math.log10(high), allow_subnormal=False)
    return st.lists(exponent.map(lambda power: 10.0**power), min_size=size, max_size=size)


def _well_conditioned_correlations(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    entries = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=size**2, max_size=size**2)

    def correlation(numbers: list[float]) -> NDArray[np.float64]:
        rows = np.eye(size) + np.tril(np.reshape(numbers, (size, size)), -1)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        mixed = 0.9 * rows @ rows.T
        np.fill_diagonal(mixed, 1.0)
        return mixed

    return entries.map(correlation)


def _near_singular_correlations(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    digits = st.lists(st.integers(1, MOST_DIGITS_LOST), min_size=size - 1, max_size=size - 1)
    signs = st.lists(st.sampled_from([1.0, -1.0]), min_size=size - 1, max_size=size - 1)

    def correlation(lost: list[int], sign: list[float], order: list[int]) -> NDArray[np.float64]:
        # A Markov chain: two fields correlate by the product of the links between them, so it is
        # positive definite for any links below 1.
        links = [s * (1 - 10.0**-k) for s, k in zip(sign, lost, strict=True)]
        chain = np.eye(size)
        for i in range(size):
            for j in range(i + 1, size):
                chain[i, j] = chain[j, i] = math.prod(links[i:j])
        return chain[np.ix_(order, order)]

    return st.builds(correlation, digits, signs, st.permutations(range(size)))


def _well_conditioned(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    return st.builds(_scaled, _well_conditioned_correlations(size), _deviations(size, 0.1, 10))


def _near_singular(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    return st.builds(_scaled, _near_singular_correlations(size), _deviations(size, 0.1, 10))


def _large(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    correlations = st.one_of(_well_conditioned_correlations(size), _near_singular_correlations(size))
    return st.builds(_scaled, correlations, _deviations(size, 1, LARGEST_DEVIATION))


def _singular(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    originals = st.lists(st.integers(0, size - 1), min_size=size, max_size=size)

    def copied(base: NDArray[np.float64], chosen: list[int]) -> NDArray[np.float64]:
        # One field fewer than `size`: some row repeats, or is the zero field that stands at the end.
        padded = np.pad(base, (0, 1))
        return padded[np.ix_(chosen, chosen)]

    return st.builds(copied, _well_conditioned(size - 1), originals)


def _block(size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    def separated(matrix: NDArray[np.float64], cut: int) -> NDArray[np.float64]:
        group = np.arange(size) < cut
        return np.where(group[:, None] == group[None, :], matrix, 0.0)

    return st.builds(separated, _well_conditioned(size), st.integers(1, max(size - 1, 1)))


_STRATEGIES: dict[Conditioning, Callable[[int], st.SearchStrategy[NDArray[np.float64]]]] = {
    Conditioning.WELL: _well_conditioned,
    Conditioning.NEAR_SINGULAR: _near_singular,
    Conditioning.SINGULAR: _singular,
    Conditioning.LARGE: _large,
    Conditioning.BLOCK: _block,
}


@dataclass(frozen=True)
class _Arithmetic:
    """Rounded arithmetic: unit roundoff, spacing of the numbers next to zero, largest number."""

    unit: Mpf
    smallest: Mpf
    largest: Mpf

    def gamma(self, roundings: int) -> Mpf:
        """γ_n = nu/(1 − nu), the most n roundings change a number by (Higham 2002, Lemma 3.1)."""
        return roundings * self.unit / (1 - roundings * self.unit)


_FLOAT64 = _Arithmetic(mp.mpf(2) ** -53, mp.mpf(2) ** -1074, mp.mpf(float(np.finfo(np.float64).max)))

# 53 bits judged with 400: the bound's own rounding is far below anything it bounds.
_JUDGING_BITS = 400
_MOST_BITS = 4096
# Two units in the last place, in unit roundoffs: the common libm implementations keep within this.
_LIBRARY_ROUNDINGS = 4


@dataclass(frozen=True)
class _Bounded:
    """An exact value, and how far its evaluation in rounded arithmetic can stray from it."""

    value: Mpf
    error: Mpf

    @property
    def reach(self) -> Mpf:
        """The largest magnitude the rounded value can have."""
        return abs(self.value) + self.error


# f and its domain. Each increases, so over an interval it strays furthest at the ends.
_INCREASING: dict[type[sp.Function], tuple[Callable[[Mpf], Mpf], float, float]] = {
    sp.asin: (mp.asin, -1, 1),
    sp.atan: (mp.atan, -math.inf, math.inf),
    sp.erf: (mp.erf, -math.inf, math.inf),
    sp.exp: (mp.exp, -math.inf, math.inf),
}


@dataclass(frozen=True)
class _Walk:
    """Bounds the error at each node of an expression from the bounds at its arguments."""

    values: Mapping[str, float]
    arithmetic: _Arithmetic
    seen: dict[sp.Expr, _Bounded] = field(default_factory=dict)

    def __call__(self, node: sp.Expr) -> _Bounded:
        if node not in self.seen:
            bounded = self._bound(node)
            overflows = bounded.reach > self.arithmetic.largest
            self.seen[node] = _Bounded(bounded.value, mp.inf) if overflows else bounded
        return self.seen[node]

    def _bound(self, node: sp.Expr) -> _Bounded:
        if isinstance(node, sp.Symbol):
            return _Bounded(mp.mpf(self.values[node.name]), mp.mpf(0))
        if isinstance(node, (sp.Number, sp.NumberSymbol)):
            return self._constant(node)
        arguments = [self(argument) for argument in node.args]
        if isinstance(node, sp.Add):
            return self._sum(arguments)
        if isinstance(node, sp.Mul):
            return self._product(arguments)
        if isinstance(node, sp.Pow) and (2 * node.exp).is_Integer:
            return self._power(arguments[0], node.exp)
        if type(node) in _INCREASING:
            return self._increasing(arguments[0], *_INCREASING[type(node)])
        msg = f"no rounding bound for {type(node).__name__}: {node}"
        raise TypeError(msg)

    def _constant(self, node: sp.Expr) -> _Bounded:
        value = mp.mpf(node.evalf(mp.mp.dps + 5))
        is_stored_exactly = isinstance(node, sp.Integer) and abs(node) <= 2**53
        return _Bounded(value, mp.mpf(0) if is_stored_exactly else self.arithmetic.unit * abs(value))

    def _sum(self, terms: list[_Bounded]) -> _Bounded:
        # γ_{n−1} Σ|terms| holds for any order of summation (Higham 2002, section 4.2).
        rounding = self.arithmetic.gamma(len(terms) - 1) * sum(term.reach for term in terms)
        return _Bounded(mp.fsum(t.value for t in terms), sum(t.error for t in terms) + rounding)

    def _product(self, factors: list[_Bounded]) -> _Bounded:
        value = mp.fprod(factor.value for factor in factors)
        if any(factor.error == mp.inf for factor in factors):
            return _Bounded(value, mp.inf)
        reach = mp.fprod(factor.reach for factor in factors) * (1 + self.arithmetic.gamma(len(factors) - 1))
        # A partial product may underflow, and the factors still to come magnify what was lost.
        magnified = mp.fprod(max(mp.mpf(1), factor.reach) for factor in factors)
        underflow = len(factors) * self.arithmetic.smallest * magnified
        return _Bounded(value, reach - abs(value) + underflow)

    def _power(self, base: _Bounded, exponent: sp.Rational) -> _Bounded:
        power = mp.mpf(int(2 * exponent)) / 2
        size = abs(base.value) if exponent.is_Integer else base.value
        low, high = size - base.error, size + base.error
        if low < 0 and exponent.is_Integer and exponent > 0:
            low = mp.mpf(0)
        if low < 0 or (low == 0 and exponent < 0):
            return _Bounded(mp.nan, mp.inf)
        strayed = max(abs(end**power - size**power) for end in (low, high))
        rounding = self.arithmetic.gamma(_roundings(exponent)) * (size**power + strayed)
        value = base.value ** int(exponent) if exponent.is_Integer else size**power
        return _Bounded(value, strayed + rounding + self.arithmetic.smallest)

    def _increasing(self, x: _Bounded, f: Callable[[Mpf], Mpf], low: float, high: float) -> _Bounded:
        if x.error == mp.inf or x.value - x.error < low or x.value + x.error > high:
            return _Bounded(mp.nan, mp.inf)
        value = f(x.value)
        strayed = max(f(x.value + x.error) - value, value - f(x.value - x.error))
        rounding = self.arithmetic.gamma(_LIBRARY_ROUNDINGS) * (abs(value) + strayed)
        return _Bounded(value, strayed + rounding + _LIBRARY_ROUNDINGS * self.arithmetic.smallest)


def _roundings(exponent: sp.Rational) -> int:
    # 1/x, x·x, √x, 1/(x·x) and 1/√x take at most two operations; any other power may be a call of pow.
    if abs(exponent) in (sp.Rational(1, 2), 1, 2):
        return 2
    return max(_LIBRARY_ROUNDINGS, math.ceil(abs(float(exponent))) + 1)


def rounding_bound(expr: sp.Expr, values: Mapping[str, float]) -> Mpf:
    """How far a float64 evaluation of an expression can be from its exact value.

    A running error bound walked over the expression: exact values and errors at each node, in 400 bits.
    It holds for every order of the terms of a sum and the factors of a product, for shared
    subexpressions, for a/b computed as a·(1/b), and for functions within two units in the last place.
    Gradual underflow is counted in products, powers and functions, but no denominator may underflow.

    Parameters
    ----------
    expr : sympy.Expr
        Sums, products, integer and half-integer powers, asin, atan, erf, exp.
    values : mapping of str to float
        The value of every symbol, by its name; taken as exact.

    Returns
    -------
    mpmath.mpf
        The bound; infinite where rounding may leave the domain of a function, divide by zero or overflow:
        there the expression promises nothing.
    """
    with mp.workprec(_JUDGING_BITS):
        return _Walk(values, _FLOAT64)(expr).error


def exact(expr: sp.Expr, values: Mapping[str, float], digits: int = 60) -> Mpf:
    """The value of an expression to `digits` correct digits, however many of them cancel on the way.

    A value below the smallest float64 is given to `digits` digits of that number instead.

    Raises
    ------
    ArithmeticError
        4096 bits do not decide on which side of a singularity the values lie.
    """
    wanted = mp.mpf(10) ** -digits
    bits = math.ceil(digits * math.log2(10)) + 10
    while bits <= _MOST_BITS:
        # The bound is for half the precision in use, so it holds for the value with room to spare.
        with mp.workprec(2 * bits):
            result = _Walk(values, _Arithmetic(mp.mpf(2) ** -bits, mp.mpf(0), mp.inf))(expr)
            if result.error <= wanted * max(abs(result.value), _FLOAT64.smallest):
                return result.value
        bits *= 2
    msg = f"{expr} is singular, or too close to it to tell, at {dict(values)}"
    raise ArithmeticError(msg)


def assert_within_rounding(kernel_value: float, expr: sp.Expr, values: Mapping[str, float]) -> None:
    """Assert that a float64 value of an expression is as close to its exact value as rounding allows.

    Raises
    ------
    AssertionError
        It is not, or the bound is infinite; the message ends with a line that repeats the comparison.
    """
    bound = rounding_bound(expr, values)
    error = abs(mp.mpf(kernel_value) - exact(expr, values)) if mp.isfinite(bound) else mp.nan
    if not error <= bound:
        call = f'assert_within_rounding({kernel_value!r}, sympify("{sp.srepr(expr)}"), {dict(values)!r})'
        msg = f"error {mp.nstr(error, 3)}, rounding bound {mp.nstr(bound, 3)}\nreproduce: {call}"
        raise AssertionError(msg)
