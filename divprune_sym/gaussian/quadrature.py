"""Both sides of a step by quadrature of what they stand for: none of the rules is used, except the definition of δ.

The fields of a term are integrated in this order. Those with a δ are put to 0, at the density they have
there. Those with a kink at 0 are integrated over u itself, the two half-lines apart. The others are, given
these, u = m + Lz with independent normal z, on a grid of z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from divprune_sym.gaussian import rules
from divprune_sym.gaussian.shape import bell, parts
from divprune_sym.gaussian.term import Covariance, Factor, G, Term, U, Wave

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from divprune_sym.gaussian.functions import Activation

Floats = NDArray[np.float64]
Values = dict[sp.Symbol, float]

# The trapezoidal rule of step h in z, at an eigenvalue λ of C, errs by exp(−2π²/h²(1 + γλ)) for a sigmoid of
# rate γ, and by exp(−(2π/h − ω√λ)²/2) for waves of frequencies that add up to ω: both are e^−30.
GRID_REACH = 7.6
SIGMOID_STEP = np.pi / np.sqrt(15)
WAVE_MARGIN = np.sqrt(60)
HALF_LINE = np.polynomial.legendre.leggauss(32)
REACH = 8.0
CHUNK = 2**21
# central difference of sixth order, for the derivatives of δ
DIFFERENCES = {-3: -1 / 60, -2: 3 / 20, -1: -3 / 4, 1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
DIFFERENCE_STEP = 0.01


def random_values(
    terms: Sequence[Term], conditions: Sequence[sp.Basic], activation: Activation, rng: np.random.Generator
) -> Values | None:
    """A value for every symbol, such that all conditions hold and all covariances are positive definite.

    None: not found in 1000 draws. The fields are those of the first term.
    """
    symbols = set().union(*[rules.symbols_of(term, activation) for term in terms])
    C = terms[0].covariance
    size = len(C.fields)
    for _ in range(1000):
        root = 0.25 * rng.standard_normal((size, size + 2))
        numbers = root @ root.T + 0.08 * np.eye(size)
        values = {C(a, b): float(numbers[i, j]) for i, a in enumerate(C.fields) for j, b in enumerate(C.fields)}
        values = {symbol: value for symbol, value in values.items() if isinstance(symbol, sp.Symbol)}
        for symbol in sorted(symbols - set(values), key=str):
            values[symbol] = rng.uniform(1.1, 1.6) if symbol.is_positive else rng.uniform(-0.3, 0.3)
        if _holds(conditions, values) and all(
            np.linalg.eigvalsh(_matrix(term, values)).min(initial=1.0) > -1e-9 for term in terms
        ):
            return values
    return None


def _holds(conditions: Sequence[sp.Basic], values: Values) -> bool:
    return all(_number(condition.lhs - condition.rhs, values) > 0 for condition in conditions)


def _number(expression: sp.Expr, values: Mapping[sp.Symbol, float]) -> float:
    return float(sp.N(expression.subs(values)))


def _fields(term: Term) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for factor in term.factors for name, _ in factor.combination))


def _matrix(term: Term, values: Values) -> Floats:
    fields = _fields(term)
    rows = [[_number(term.covariance(a, b), values) for b in fields] for a in fields]
    return np.array(rows, dtype=float).reshape(len(fields), len(fields))


def term_value(term: Term, values: Values, activation: Activation) -> float:
    """coefficient · E[∏ factors] at the given values of all symbols."""
    if not term.factors:
        return _number(term.coefficient, values)
    term = _by_argument(term)
    if any(_hides_a_delta(factor, activation) for factor in term.factors):
        return sum(term_value(part, values, activation) for part in rules.spell_out(term, activation))
    deltas = [f for f in term.factors if isinstance(f, G) and rules.is_delta(f, activation)]
    jumping = [f for f in term.factors if f not in deltas and _jumps(f, {d.field for d in deltas}, activation)]
    others = [f for f in term.factors if f not in deltas and f not in jumping]
    heights = [rules.slope_of(f, activation, "quadrature").height * sp.sqrt(sp.pi / 2) for f in deltas + jumping]
    smooth = _Product(_fields(term), _matrix(term, values), tuple(others), activation, values)
    expected = _pinned(smooth, {f.field: f.order - 1 for f in deltas})
    jumps = [_average_over_jump(jumping.count(f)) for f in dict.fromkeys(jumping)]
    return _number(term.coefficient * 2 ** len(deltas) * sp.Mul(*heights), values) * expected * float(np.prod(jumps))


def _jumps(factor: Factor, fields: set[str], activation: Activation) -> bool:
    """Whether a factor is the sign of a field that a δ puts to 0."""
    if not isinstance(factor, G) or factor.field not in fields:
        return False
    slope = bell(rules.function_of(factor, activation))
    return slope is not None and slope.is_delta


def _average_over_jump(power: int) -> float:
    """δ(u) sign(u)^n in the limit of infinite gain: g' du sweeps the values of g from −1 to 1 evenly."""
    x, w = HALF_LINE
    return float(np.sum(w * x**power) / 2)


def _by_argument(term: Term) -> Term:
    """The term with the arguments of its waves for fields, where that makes them fewer."""
    arguments: dict[str, Factor] = {}
    factors: list[Factor] = []
    for n, factor in enumerate(term.factors):
        name = f"wave {n}" if isinstance(factor, Wave) else _fields(replace(term, factors=(factor,)))[0]
        arguments.setdefault(name, factor)
        factors.append(Wave(factor.function, ((name, sp.Integer(1)),)) if isinstance(factor, Wave) else factor)
    if len(arguments) >= len(_fields(term)):
        return term
    between = [[term.covariance.between(x, y) for y in arguments.values()] for x in arguments.values()]
    covariance = Covariance(tuple(arguments), sp.ImmutableMatrix(between))
    return replace(term, factors=tuple(factors), covariance=covariance)


def _hides_a_delta(factor: Factor, activation: Activation) -> bool:
    """Whether a derivative of a function with kinks, not itself a sign, contains a δ."""
    if not isinstance(factor, G) or bell(rules.function_of(factor, activation)) is not None:
        return False
    spelled = parts(rules.function_of(factor, activation), factor.field, factor.order)
    return any(rules.is_delta(f, activation) for _, factors in spelled for f in factors)


@dataclass(frozen=True)
class _Product:
    """A product of factors without δ, to be integrated against a Gaussian."""

    fields: tuple[str, ...]
    covariance: Floats
    factors: tuple[Factor, ...]
    activation: Activation
    values: Values

    def has_kink(self, name: str) -> bool:
        return any(isinstance(f, G) and f.field == name and self._kinked(f) for f in self.factors)

    def _kinked(self, factor: G) -> bool:
        shapes = [shape for shapes in self._spelled(factor) for shape in shapes]
        slopes = [bell(rules.function_of(f, self.activation)) for f in shapes if isinstance(f, G)]
        return any(slope is not None and slope.is_delta for slope in slopes)

    def _spelled(self, factor: Factor) -> list[tuple[Factor, ...]]:
        """The products of known factors that a factor is a sum of."""
        if not isinstance(factor, G):
            return [(factor,)]
        return [shapes for _, shapes in parts(rules.function_of(factor, self.activation), factor.field, factor.order)]

    def is_polynomial(self, name: str) -> bool:
        """Whether the product is a polynomial in a field."""
        on_field = [f for f in self.factors if name in dict(f.combination)]
        return all(isinstance(shape, U) for f in on_field for shapes in self._spelled(f) for shape in shapes)

    def degree(self) -> int:
        """The largest power of linear factors in the product."""
        powers = [[sum(isinstance(x, U) for x in shapes) for shapes in self._spelled(f)] for f in self.factors]
        return sum(max(choices, default=0) for choices in powers)

    def step(self) -> float:
        """The step of the trapezoidal rule in z that its smooth factors need."""
        rate, frequency = 0.0, 0.0
        for factor in self.factors:
            shapes = [shape for shapes in self._spelled(factor) for shape in shapes]
            rate = max([rate, *[self._rate(shape) for shape in shapes if isinstance(shape, G)]])
            waves = [[_number(abs(w), self.values) for _, w in f.combination] for f in shapes if isinstance(f, Wave)]
            frequency += sum(map(sum, waves))
        largest = float(np.linalg.eigvalsh(self.covariance).max(initial=0.0))
        return float(
            min(SIGMOID_STEP / np.sqrt(1 + rate * largest), 2 * np.pi / (WAVE_MARGIN + frequency * largest**0.5))
        )

    def _rate(self, factor: G) -> float:
        slope = rules.slope_of(factor, self.activation, "quadrature")
        return 0.0 if slope.is_delta else _number(slope.rate, self.values)

    def at(self, u: Mapping[str, Floats]) -> Floats:
        result = np.ones(())
        for factor in self.factors:
            argument = sum(_number(weight, self.values) * u[name] for name, weight in factor.combination)
            result = result * _function(factor, self.activation, tuple(sorted(self.values.items(), key=str)))(argument)
        return result


@lru_cache(maxsize=512)
def _function(
    factor: Factor, activation: Activation, values: tuple[tuple[sp.Symbol, float], ...]
) -> Callable[[Any], Floats]:
    u = sp.Dummy("u", real=True)
    if isinstance(factor, U):
        return lambda x: np.asarray(x, dtype=float)
    if isinstance(factor, Wave):
        expression = factor.function(u)
    else:
        derivative = rules.function_of(factor, activation).derivative(u, factor.order)
        # what is left of a δ is multiplied by its argument
        expression = derivative.replace(sp.DiracDelta, lambda *_: sp.Integer(0)).subs(dict(values))
    compiled = sp.lambdify(u, expression, modules=["scipy", "numpy"])
    return lambda x: np.asarray(compiled(x), dtype=float) * np.ones_like(x)


def _pinned(smooth: _Product, orders: dict[str, int]) -> float:
    """E[∏ δ^(n)(u_field) F] = (−∂_t)^n of the density times E[F | u_field = t], at t = 0."""
    stencils = [[(0.0, 1.0)] if order == 0 else _stencil(order) for order in orders.values()]
    total = 0.0
    for points in product(*stencils):
        weight = float(np.prod([w for _, w in points]))
        total += weight * _conditional(smooth, dict(zip(orders, [t for t, _ in points], strict=True)))
    return total


def _stencil(order: int) -> list[tuple[float, float]]:
    """(point, weight) of (−d/dt)^order at 0, by repeated central differences."""
    weights = {0: 1.0}
    for _ in range(order):
        grown: dict[int, float] = {}
        for place, weight in weights.items():
            for step, factor in DIFFERENCES.items():
                grown[place + step] = grown.get(place + step, 0.0) - weight * factor / DIFFERENCE_STEP
        weights = grown
    return [(place * DIFFERENCE_STEP, weight) for place, weight in weights.items()]


def _conditional(smooth: _Product, pinned: dict[str, float]) -> float:
    """Density of the pinned fields times E[∏ factors | pinned]."""
    flat = {name for name, variance in zip(smooth.fields, np.diag(smooth.covariance), strict=True) if variance < 1e-12}
    kinked = [n for n in smooth.fields if n not in pinned and n not in flat and smooth.has_kink(n)]
    smoothly = [n for n in smooth.fields if n not in pinned and n not in flat and n not in kinked]
    # a polynomial in the last z alone needs few nodes
    smoothly.sort(key=smooth.is_polynomial)
    first, weight = _kink_grid(smooth, pinned, kinked)
    rows = first.shape[1]
    z, mass = _normal_grid([smooth.is_polynomial(name) for name in smoothly], smooth.step(), smooth.degree())
    given = [*pinned, *kinked]
    slope, spread = _regression(smooth, smoothly, given)
    total = 0.0
    for start in range(0, rows, max(1, CHUNK // max(1, mass.size))):
        part = slice(start, start + max(1, CHUNK // max(1, mass.size)))
        u = {name: first[n, part, None] for n, name in enumerate(given)} | {name: np.zeros((1, 1)) for name in flat}
        means, noise = slope @ first[:, part], spread @ z
        u |= {name: means[n][:, None] + noise[n][None, :] for n, name in enumerate(smoothly)}
        total += float(np.sum(weight[part, None] * mass[None, :] * smooth.at(u)))
    return total


def _block(smooth: _Product, rows: Sequence[str], columns: Sequence[str]) -> Floats:
    index = smooth.fields.index
    return smooth.covariance[np.ix_([index(n) for n in rows], [index(n) for n in columns])]


def _regression(smooth: _Product, wanted: Sequence[str], given: Sequence[str]) -> tuple[Floats, Floats]:
    """Mean B·u_given and square root of the covariance of fields given others."""
    cross = _block(smooth, wanted, given)
    slope = np.asarray(np.linalg.solve(_block(smooth, given, given), cross.T).T if given else cross, dtype=np.float64)
    spread = np.linalg.cholesky(_block(smooth, wanted, wanted) - slope @ cross.T)
    return slope, np.asarray(spread, dtype=np.float64)


def _kink_grid(smooth: _Product, pinned: dict[str, float], kinked: Sequence[str]) -> tuple[Floats, Floats]:
    """Values of the pinned and kinked fields, one column a point, and density times quadrature weight."""
    given = [*pinned, *kinked]
    axes, weights = [np.array([t]) for t in pinned.values()], [np.ones(1)] * len(pinned)
    x, w = HALF_LINE
    for name in kinked:
        reach = REACH * np.sqrt(_block(smooth, [name], [name])[0, 0])
        half = reach * (1 + x) / 2
        axes.append(np.concatenate([-half, half]))
        weights.append(np.concatenate([w, w]) * reach / 2)
    if not given:
        return np.zeros((0, 1)), np.ones(1)
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
    mass = np.prod(np.stack([m.ravel() for m in np.meshgrid(*weights, indexing="ij")]), axis=0)
    C = _block(smooth, given, given)
    exponent = -0.5 * np.einsum("np,np->p", points, np.linalg.solve(C, points))
    return points, mass * np.exp(exponent) / np.sqrt(np.linalg.det(2 * np.pi * C))


def _normal_grid(is_polynomial: Sequence[bool], step: float, degree: int) -> tuple[Floats, Floats]:
    """Independent standard normal z, one column a point, and their weights."""
    line = step * np.arange(-np.ceil(GRID_REACH / step), np.ceil(GRID_REACH / step) + 1)
    density = step * np.exp(-(line**2) / 2) / np.sqrt(2 * np.pi)
    nodes, hermite = np.polynomial.hermite_e.hermegauss(degree // 2 + 1)
    grids = [nodes if flag else line for flag in is_polynomial]
    weights = [hermite / hermite.sum() if flag else density for flag in is_polynomial]
    if not grids:
        return np.zeros((0, 1)), np.ones(1)
    z: Floats = np.stack([axis.ravel() for axis in np.meshgrid(*grids, indexing="ij")])
    mass: Floats = np.prod(np.stack([m.ravel() for m in np.meshgrid(*weights, indexing="ij")]), axis=0)
    return z, mass
