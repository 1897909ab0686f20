"""A method's pruned error in the specialized state, as a formula: LaTeX, and Python that stands on its own."""

from __future__ import annotations

import ast
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from sympy import Expr
from sympy.printing.numpy import SciPyPrinter

from divprune_sym.named_activations import resolved
from divprune_sym.pruning import EdgeMethod, EdgePruning, NodeMethod
from divprune_sym.pruning.variant import NumericFunction, SymbolicEdgeMethod
from divprune_sym.specialized.formula import (
    FACTOR,
    SpecializedOverlaps,
    second_moment,
    specialized_error,
    specialized_overlaps,
)
from divprune_sym.specialized.formula import M as M_
from divprune_sym.specialized.formula import V as V_
from divprune_sym.specialized.formula import Z as Z_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from divprune_sym.gaussian import Activation
    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.after.rescaling import Rescaling

_LATEX = {V_: "v^*"}
_LARGEST_DENOMINATOR = 100_000
_SHORT = 3  # operations: a longer overlap gets a letter of its own


class _Printer(SciPyPrinter):  # type: ignore[misc]
    """π from NumPy, which the rest needs anyway."""

    def _print_Pi(self, expr: Expr) -> str:
        return str(self._module_format("numpy.pi"))


@dataclass(frozen=True)
class Formula:
    """ε_g after pruning.

    Attributes
    ----------
    keep : str or None
        The keep fraction it holds for; None: any.
    latex : str
        One equation, then one line for each letter it uses.
    python : str or None
        Source of `pruned_error`; None where some function has no counterpart in NumPy and SciPy, and for a number.
    expression : Expr
        Everything written out.
    """

    keep: str | None
    latex: str
    python: str | None
    expression: Expr

    def as_json(self) -> dict[str, Any]:
        """Without the SymPy object."""
        return {name: value for name, value in asdict(self).items() if name != "expression"}


def node_formulas(method: NodeMethod, state: OrderParameters) -> list[Formula]:
    """The average over what is kept, in general, and as a number for every k of the given specialized state.

    The numbers are rational where the law is; they are recognized from float64, to 1e-13, and left out where
    they are not.
    """
    K, Z = state.K, state.K // state.M
    same_group = np.kron(np.eye(state.M), np.ones((Z, Z)))
    g = resolved(state.activation)
    found = [_node_formula(g)]
    for k in range(1, K):
        pairs = method.limit(state, k).law.pairs
        sums = np.trace(pairs), np.sum(pairs * same_group), np.sum(pairs * (1 - same_group))
        own, others = _unfit(state.M, Z, *map(float, sums))
        exact = _recognized(own, state.M), _recognized(others, state.M * (state.M - 1))
        if None not in exact:
            expression = _node_error(g, *exact)
            found.append(Formula(str(Fraction(k, K)), _equation(expression), None, expression))
    return found


def _unfit(M: Any, Z: Any, single: Any, copies: Any, others: Any) -> tuple[Any, Any]:
    """Σ_n (1 − k_n/Z)² and Σ_{n≠m} (1 − k_n/Z)(1 − k_m/Z), averaged: k_n copies of teacher node n are kept."""
    return M - 2 * single / Z + copies / Z**2, (M - 1) * (M - 2 * single / Z) + others / Z**2


def _node_error(g: Activation, own: Any, others: Any) -> Expr:
    """ε_g of nodes: the two sums of `_unfit`, times what one pair of equal and of independent fields gives."""
    return V_**2 / 2 * second_moment(g, 1, 1, 1) * own + V_**2 / 2 * second_moment(g, 0, 1, 1) * others


def _recognized(total: float, terms: int) -> Expr | None:
    """The sum of so many terms of order 1, if their mean is close to a simple fraction."""
    if terms == 0:
        return sp.Integer(0)
    mean = Fraction(total / terms).limit_denominator(_LARGEST_DENOMINATOR)
    return terms * _rational(mean) if abs(total / terms - mean) < 1e-13 else None


def edge_formulas(method: EdgePruning, rescale: Rescaling, activation: str | Activation = "erf") -> list[Formula]:
    """The method's formulas: one, or one for each share it can keep; none where there is nothing to write down.

    Raises
    ------
    BadInput
        The method's own formulas cannot be used; the message says which and why.
    """
    g = resolved(activation)
    if isinstance(method, EdgeMethod):
        return [_law_formula(rescale, g)]
    if not isinstance(method, SymbolicEdgeMethod):
        return []
    if method.fractions is None:
        return [_edge_formula(specialized_overlaps(method), method.pair.p, None, rescale, g)]
    inner = [share for share in method.fractions if 0 < share < 1]
    return [_edge_formula(specialized_overlaps(method, share), _rational(share), share, rescale, g) for share in inner]


def _rational(share: Fraction) -> Expr:
    return sp.Rational(share.numerator, share.denominator)


def _edge_formula(
    overlaps: SpecializedOverlaps, p: Expr, keep: Fraction | None, rescale: Rescaling, g: Activation
) -> Formula:
    named, letters = _lettered(overlaps)
    return _formula(specialized_error(named, _factor(p, rescale), g), letters, None if keep is None else str(keep))


def _law_formula(rescale: Rescaling, g: Activation) -> Formula:
    """Masks independent given the weights: two moments of π, which such a method states as numbers."""
    m, q = sp.symbols("m q", positive=True)
    zero = sp.Integer(0)
    factor = _factor(sp.Symbol("p", positive=True), rescale)
    error = specialized_error(SpecializedOverlaps(m, q, zero, m, zero), factor, g)
    meaning = r"m = E[z^2 \pi(z)], \quad q = E[z^2 \pi(z)^2], \quad z \sim N(0, 1)"
    return Formula(None, f"{_equation(error)}\n{meaning}", _python(error, {}), error)


def _node_formula(g: Activation) -> Formula:
    """In sums of P(i kept) and P(i and k kept)."""
    single, copies, others = sp.symbols("S_1 S_2 S_3", nonnegative=True)
    error = _node_error(g, *_unfit(M_, Z_, single, copies, others))
    meaning = r"S_1 = \sum_i P(i), \quad S_2 = \sum_{i, k \text{ copies of one node}} P(i, k), \quad P(i, i) = P(i)"
    if error.has(others):
        meaning += r", \quad S_3 = \sum_{i, k \text{ of different nodes}} P(i, k)"
    return Formula(None, f"{_equation(error)}\n{meaning}", _python(error, {}), error)


def _factor(p: Expr, rescale: Rescaling) -> Expr:
    return {"none": sp.Integer(1), "inverse-sqrt": 1 / sp.sqrt(p), "optimal": FACTOR}[rescale]


def _lettered(overlaps: SpecializedOverlaps) -> tuple[SpecializedOverlaps, dict[sp.Symbol, Expr]]:
    """Long overlaps replaced by letters, equal ones by the same."""
    distinct = dict.fromkeys(x for x in vars(overlaps).values() if x.count_ops() > _SHORT)
    names = ["m"] if len(distinct) == 1 else [f"m_{n}" for n in range(1, len(distinct) + 1)]
    # the length of a node is positive: roots and angles of it simplify
    letter = {
        x: sp.Symbol(name, positive=True) if x == overlaps.Q_own else sp.Symbol(name, real=True)
        for x, name in zip(distinct, names, strict=True)
    }
    named = SpecializedOverlaps(**{field: letter.get(x, x) for field, x in vars(overlaps).items()})
    return named, {symbol: x for x, symbol in letter.items()}


def _formula(error: Expr, letters: Mapping[sp.Symbol, Expr], keep: str | None) -> Formula:
    lines = [_equation(error), *(f"{symbol} = {sp.latex(x)}" for symbol, x in letters.items())]
    return Formula(keep, "\n".join(lines), _python(error, letters), error.xreplace(dict(letters)))


def _equation(error: Expr) -> str:
    return rf"\varepsilon_g = {sp.latex(error, symbol_names=_LATEX, inv_trig_style='full')}"


def _python(error: Expr, letters: Mapping[sp.Symbol, Expr]) -> str | None:
    """`pruned_error` as source text that needs NumPy and SciPy only."""
    error, values = _numbers(error), {symbol: _numbers(x) for symbol, x in letters.items()}
    if error.has(NumericFunction) or any(x.has(NumericFunction) for x in values.values()):
        return None
    symbols = (error.free_symbols | {s for x in values.values() for s in x.free_symbols}) - set(letters)
    # p and what stands for it first, then the state, in the order people name it
    state = [M_, Z_, V_]
    arguments = [*sorted(str(s) for s in symbols - set(state)), *map(str, state)]
    printer = _Printer({"strict": False})
    lines = [f"    {symbol} = {printer.doprint(x)}" for symbol, x in values.items()]
    shared, (rest,) = sp.cse(error, symbols=sp.numbered_symbols("x"))
    lines += [f"    {symbol} = {printer.doprint(x)}" for symbol, x in shared]
    lines.append(f"    return {printer.doprint(rest)}")
    source = f"def pruned_error({', '.join(arguments)}):\n" + "\n".join(lines) + "\n"
    imports = "".join(f"import {module}\n" for module in sorted(printer.module_imports))
    whole = f"{imports}\n\n{source}" if imports else source
    return whole if _stands_alone(whole) else None


def _numbers(expression: Expr) -> Expr:
    """Functions of numbers that have no closed form, as numbers."""
    return expression.replace(lambda x: isinstance(x, NumericFunction) and x.is_number, lambda x: x.evalf(17))


def _stands_alone(source: str) -> bool:
    """Whether every name called is imported: the printer writes functions it does not know by their bare names."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return all(not isinstance(function, ast.Name) or function.id == "abs" for function in calls)
