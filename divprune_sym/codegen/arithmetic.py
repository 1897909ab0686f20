"""Pass 3: SymPy expressions become operations in a fixed order, each rounded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr

from divprune_sym.codegen.form import Call, Entry, Expression, Name, Negative, Number, Operation, Whole
from divprune_sym.codegen.guarded import Root
from divprune_sym.codegen.sums import free_indices

if TYPE_CHECKING:
    from collections.abc import Iterable

# the functions and constants that every target defines; nothing else may be generated
FUNCTIONS = {sp.asin: "asin", sp.atan2: "atan2", sp.exp: "exp"}
HIGHEST_POWER = 16  # powers are products; the activations need 10 at most
KNOWN = ("asin", "atan2", "exp", "pi", "sqrt")


class CannotPrint(ValueError):
    """An expression has a function that the target language lacks; the message names it."""


def whole(expression: Expr) -> Expression:
    """Indices and extents: sums and products of integers and names."""
    if expression.is_Integer:
        return Whole(int(expression))
    if isinstance(expression, (sp.Symbol, sp.Idx)):
        return Name(str(expression))
    if expression.is_Pow:
        return _chain("*", [whole(expression.base)] * int(expression.exp))
    sign, terms = ("+", expression.as_ordered_terms()) if expression.is_Add else ("*", expression.as_ordered_factors())
    return _chain(sign, [whole(term) for term in terms])


def _chain(sign: str, operands: list[Expression]) -> Expression:
    """((x₀ ∘ x₁) ∘ x₂) …"""
    made = operands[0]
    for operand in operands[1:]:
        made = Operation(sign, made, operand)  # type: ignore[arg-type]
    return made


class Arithmetic:
    """Puts the operations of an expression in order.

    Factors are ordered by the loop they change in, outermost first: what stays constant in a loop stands together,
    and the compiler can take it out without changing a bit. Where a target fuses, sums of products are chains of `fma`.
    """

    def __init__(self, fuses: bool) -> None:
        self.fuses = fuses
        self.loops: list[sp.Idx] = []
        self.depths: dict[Expr, int] = {}

    def depth(self, expression: Expr) -> int:
        """The number of loops outside of which an expression does not change."""
        found = [self.depths.get(x, 0) for x in expression.free_symbols]
        found += [self.loops.index(x) + 1 for x in free_indices(expression) if x in self.loops]
        return max(found, default=0)

    def lowered(self, expression: Expr) -> Expression:
        """One expression.

        Raises
        ------
        CannotPrint
            It has a function, constant or power that generated code does not know.
        """
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Mul:
            return self._quotient(*self._product(expression))
        if expression.is_Pow:
            factors = _chain("*", self._factors(*expression.args))
            return factors if expression.exp > 0 else Operation("/", Number(1.0), factors)
        if expression.is_Rational or expression.is_Float:
            return _number(expression)
        if isinstance(expression, sp.UnevaluatedExpr):
            return self.lowered(expression.args[0])
        if isinstance(expression, sp.Indexed):
            return Entry(str(expression.base.label), tuple(map(whole, expression.indices)))
        if isinstance(expression, (sp.Symbol, sp.Idx)):
            return Name(str(expression))
        return self._known(expression)

    def _known(self, expression: Expr) -> Expression:
        if expression is sp.pi:
            return Name("pi")
        if isinstance(expression, Root):
            inside = self.lowered(expression.args[0])
            # lanes know no max
            return Call("root", (inside,)) if self.fuses else Call("sqrt", (Call("max", (inside, Number(0.0))),))
        if expression.func in FUNCTIONS:
            return Call(FUNCTIONS[expression.func], tuple(map(self.lowered, expression.args)))
        what = str(expression) if not expression.args else expression.func.__name__
        reason = f"generated code knows {', '.join(KNOWN)}"
        if isinstance(expression, sp.Sum):
            what, reason = str(expression), "sums become loops around a system"
        elif expression is sp.I:
            what, reason = "i", "generated code is real"
        msg = f"cannot print {what}: {reason}"
        raise CannotPrint(msg)

    def _ordered(self, args: Iterable[Expr]) -> list[Expr]:
        return sorted(args, key=lambda x: (self.depth(x), sp.default_sort_key(x)))

    def _factors(self, base: Expr, exponent: Expr) -> list[Expression]:
        """|exponent| as factors: powers with integer or half-integer exponents are products and one square root."""
        if not (2 * exponent).is_integer or abs(exponent) > HIGHEST_POWER:
            msg = f"cannot print the power {base**exponent}: only multiples of 1/2 up to {HIGHEST_POWER} are generated"
            raise CannotPrint(msg)
        plain, half = divmod(abs(int(2 * exponent)), 2)
        factor = self.lowered(base)
        return [factor] * plain + [Call("sqrt", (factor,))] * half

    def _product(self, expression: Expr) -> tuple[bool, list[Expression], list[Expression]]:
        """Whether an expression is negative, and the factors of its numerator and denominator."""
        above: list[Expression] = []
        below: list[Expression] = []
        coefficient, rest = expression.as_coeff_Mul()
        if abs(coefficient) != 1:
            above.append(self.lowered(abs(coefficient)))
        for factor in self._ordered(x for x in sp.Mul.make_args(rest) if x != 1):
            base, exponent = factor.as_base_exp() if isinstance(factor, sp.Pow) else (factor, sp.Integer(1))
            (above if exponent > 0 else below).extend(self._factors(base, exponent))
        return bool(coefficient < 0), above, below

    def _quotient(self, negative: bool, above: list[Expression], below: list[Expression]) -> Expression:
        first, *others = above or [Number(1.0)]
        made = _chain("*", [Negative(first) if negative else first, *others])
        return Operation("/", made, _chain("*", below)) if below else made

    def _sum(self, expression: Expr) -> Expression:
        """Plain terms first, then the products, each added to what is there."""
        products: list[tuple[Expression, Expression]] = []
        total: Expression | None = None
        for term in self._ordered(expression.args):
            negative, above, below = self._product(term)
            if self.fuses and len(above) > 1 and not below:
                products.append((self._quotient(negative, above[:-1], []), above[-1]))
            elif total is None:
                total = self.lowered(term)
            else:
                total = Operation("-" if negative else "+", total, self.lowered(-term if negative else term))
        if total is None:
            total = Operation("*", *products.pop(0))
        for outer, inner in products:
            total = Call("fma", (outer, inner, total))
        return total


def _number(value: Expr) -> Expression:
    if value.is_Rational and value.q != 1:
        return Operation("/", _number(value.p * sp.S.One), _number(value.q * sp.S.One))
    number = float(value)
    return Negative(Number(-number)) if number < 0 else Number(number)
