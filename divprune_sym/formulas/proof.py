"""A small prover: is an expression in covariances zero wherever C is positive definite?

Roots of a product are split where a factor is known to be positive, every root left becomes an unknown r with
r² = its radicand, every transcendental value an unknown of its own; the rest is a question about polynomials.
A yes is a proof. A no only says that this did not suffice.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def proves_zero(expression: Expr, fields: Sequence[str], conditions: Iterable[sp.Basic] = ()) -> bool:
    """Whether an expression in the C_ab is shown to vanish.

    Parameters
    ----------
    expression : Expr
        In the symbols C_ab of the fields.
    fields : sequence of str
        The fields; all principal minors of C and of 1 + C are known to be positive.
    conditions : iterable of inequalities ``x > 0``
        What else may be taken for granted.
    """
    prover = _Prover()
    prover.assume_minors(fields)
    for condition in conditions:
        prover.assume(condition.lhs - condition.rhs)
    return prover.vanishes(prover.normal(expression))


class _Prover:
    """Rewrites expressions as rational functions of covariances, roots and transcendental values."""

    def __init__(self) -> None:
        self.positive: set[Expr] = set()
        self.radicands: dict[sp.Symbol, Expr] = {}
        self.arguments: dict[sp.Symbol, tuple[type[Expr], Expr]] = {}
        self.constants: dict[Expr, sp.Symbol] = {}
        self.seen: dict[Expr, Expr] = {}

    def assume_minors(self, fields: Sequence[str]) -> None:
        C = sp.Matrix(len(fields), len(fields), lambda a, b: covariance_symbol(fields[a], fields[b]))
        for size in range(2, min(len(fields), _LARGEST_MINOR) + 1):
            for chosen in combinations(range(len(fields)), size):
                block = C.extract(list(chosen), list(chosen))
                for matrix in (block, block + sp.eye(size)):
                    # expanded, and irreducible as it stands: nothing to factor
                    self.positive.add(sp.expand(matrix.det(method="berkowitz")))

    def assume(self, positive: Expr) -> None:
        """Take an expression for positive, and its numerator with it where its denominator is known to be."""
        numerator, denominator = sp.fraction(sp.cancel(sp.together(positive)))
        _, factors = sp.factor_list(denominator)
        if all(self.sign(factor) for factor, _ in factors):
            coefficient, factors = sp.factor_list(numerator * self.orientation(denominator))
            if len(factors) == 1 and factors[0][1] == 1:
                self.positive.add(sp.expand(factors[0][0] * sp.sign(coefficient)))

    def orientation(self, denominator: Expr) -> Expr:
        coefficient, factors = sp.factor_list(denominator)
        return sp.Mul(sp.sign(coefficient), *[self.sign(factor) ** power for factor, power in factors])

    def sign(self, factor: Expr) -> int:
        """1 or −1 where the sign of an irreducible polynomial is known, 0 elsewhere."""
        expanded = sp.expand(factor)
        if expanded.is_positive or expanded in self.positive:
            return 1
        return -1 if expanded.is_negative or sp.expand(-factor) in self.positive else 0

    def normal(self, expression: Expr) -> Expr:
        if expression not in self.seen:
            self.seen[expression] = self.rewritten(expression)
        return self.seen[expression]

    def rewritten(self, node: Expr) -> Expr:
        if node.is_Symbol or node.is_Rational:
            return node
        if isinstance(node, sp.NumberSymbol):
            return self.constants.setdefault(node, sp.Dummy(str(node), positive=True))
        if isinstance(node, (sp.Add, sp.Mul)):
            return node.func(*map(self.normal, node.args))
        if isinstance(node, sp.Pow) and (2 * node.exp).is_Integer:
            base = self.normal(node.base)
            return base**node.exp if node.exp.is_Integer else self.root(base) ** (2 * node.exp)
        if isinstance(node, sp.atan2):
            return self.angle(*node.args)
        if isinstance(node, sp.Abs):
            return self.root(self.normal(node.args[0]) ** 2)
        if isinstance(node, (sp.Min, sp.Max)):
            return self.extreme(-1 if isinstance(node, sp.Min) else 1, node.args)
        if isinstance(node, sp.exp):
            return self.exponential(node.args[0])
        if isinstance(node, sp.acos):
            return self.normal(sp.pi) / 2 - self.normal(sp.asin(node.args[0]))
        if isinstance(node, sp.atan):
            x = node.args[0]
            return self.normal(sp.asin(x / sp.sqrt(1 + x**2)))
        if isinstance(node, (sp.sinh, sp.cosh, sp.tanh)):
            return self.normal(node.rewrite(sp.exp))
        if isinstance(node, sp.Function) and len(node.args) == 1:
            return self.value(node.func, self.normal(node.args[0]))
        return self.constants.setdefault(node, sp.Dummy("unknown", real=True))

    def root(self, radicand: Expr) -> Expr:
        """√radicand, with its known positive factors split off."""
        radicand = self.reduced(radicand)
        if radicand.free_symbols & set(self.radicands):
            return self.named_root(radicand)
        outside, inside = sp.Integer(1), sp.Integer(1)
        numerator, denominator = sp.fraction(radicand)
        for part, sense in ((numerator, 1), (denominator, -1)):
            coefficient, factors = sp.factor_list(part)
            inside *= sp.sign(coefficient)
            for prime, power in sp.factorrat(abs(coefficient)).items():
                outside *= self.named_root(sp.Integer(prime)) ** (sense * power)
            for factor, power in factors:
                sign = self.sign(factor)
                if sign == 0:
                    inside *= factor ** (sense * power)
                else:
                    outside *= self.named_root(sp.expand(sign * factor)) ** (sense * power)
                    inside *= sp.Integer(sign) ** power
        return outside if inside == 1 else outside * self.named_root(inside)

    def named_root(self, radicand: Expr) -> Expr:
        for symbol, known in self.radicands.items():
            if known == radicand or self.vanishes(known - radicand):
                return symbol
        symbol = sp.Dummy(f"r{len(self.radicands)}", real=True)
        self.radicands[symbol] = radicand
        return symbol

    def extreme(self, side: int, arguments: Iterable[Expr]) -> Expr:
        """The least (side −1) or greatest (1) of several: half of a + b ± |a − b|, two at a time."""
        first, *others = map(self.normal, arguments)
        for other in others:
            first = (first + other + side * self.root((first - other) ** 2)) / 2
        return first

    def angle(self, y: Expr, x: Expr) -> Expr:
        """atan2(y, x) as the arc sine of y/√(x² + y²) where x is known to be positive."""
        if self.is_positive(self.reduced(self.normal(x))):
            return self.normal(sp.asin(y / sp.sqrt(x**2 + y**2)))
        return self.constants.setdefault(sp.atan2(y, x), sp.Dummy("angle", real=True))

    def is_positive(self, quotient: Expr) -> bool:
        """Whether numerator and denominator are products of roots and of what is known to be positive."""
        for part in sp.fraction(quotient):
            coefficient, factors = sp.factor_list(part)
            if coefficient <= 0 or not all(f in self.radicands or self.sign(f) == 1 for f, _ in factors):
                return False
        return True

    def exponential(self, argument: Expr) -> Expr:
        """exp(Σ terms) as ∏ exp(term/2)^2: halves let cosh(x/2) and cosh(x) meet."""
        product = sp.Integer(1)
        for term in sp.Add.make_args(sp.expand(argument)):
            coefficient, rest = term.as_coeff_Mul()
            doubled = 2 * coefficient
            base, power = (rest / 2, doubled) if doubled.is_Integer else (term, sp.Integer(1))
            product *= self.value(sp.exp, self.normal(base)) ** power
        return product

    def value(self, function: type[Expr], argument: Expr) -> Expr:
        """f(argument) as an unknown, the same one for equal arguments, up to a sign where f is odd."""
        for symbol, (known, at) in self.arguments.items():
            if known is not function:
                continue
            if self.vanishes(at - argument):
                return symbol
            if function in _ODD and self.vanishes(at + argument):
                return -symbol
        symbol = sp.Dummy(f"{function.__name__}{len(self.arguments)}", real=True)
        self.arguments[symbol] = (function, argument)
        return symbol

    def reduced(self, expression: Expr) -> Expr:
        """A quotient of coprime polynomials, with powers of roots lowered in numerator and denominator."""
        numerator, denominator = sp.fraction(sp.cancel(sp.together(expression)))
        return sp.cancel(self.lowered(numerator) / self.lowered(denominator))

    def lowered(self, polynomial: Expr) -> Expr:
        """r^k with k ≥ 2 replaced by radicand^(k//2) r^(k%2), last root first: it may stand on earlier ones."""
        for symbol, radicand in reversed(self.radicands.items()):
            if polynomial.has(symbol):
                terms = sp.Poly(polynomial, symbol).terms()
                polynomial = sp.Add(*[c * radicand ** (k // 2) * symbol ** (k % 2) for (k,), c in terms])
        return polynomial

    def vanishes(self, expression: Expr) -> bool:
        numerator = sp.fraction(sp.together(expression))[0]
        lowered = sp.fraction(sp.together(self.lowered(numerator)))[0]
        return bool(sp.expand(lowered) == 0)


_LARGEST_MINOR = 4
_ODD = (sp.asin, sp.erf, sp.sin, sp.tan, sp.sign)
