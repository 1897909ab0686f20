"""Peer: what SymPy users do. Our derived equations written out for given K and M, then `lambdify(cse=True)`."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.integrals import FORMAL
from divprune_sym.gaussian import ERF, INTEGRALS, integral
from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_OUTPUTS = ("dQ", "dR", "dv")
_FORMAL = tuple(FORMAL.values())


@cache
def lambdified(K: int, M: int) -> Callable[..., list[float]]:
    """dQ (row by row), dR, dv of an unpruned student on white inputs as one straight-line Python function.

    It takes Q (K K of them), R (K M), T (M M), v, A, eta, eta_v, sigma as separate numbers.
    """
    known, arguments = _inputs(K, M)
    found: list[Expr] = []
    for name, values in _written_out(K, M, known).items():
        if name in _OUTPUTS:
            found += values
    written: Callable[..., list[float]] = sp.lambdify(arguments, found, modules="math", cse=True)
    return written


def flat_right_hand_side(K: int, M: int) -> Callable[..., Any]:
    """The same compiled by Numba, as f(y, dydt, p) with y = (Q, R, v) and p = (T, A, eta, eta_v, sigma)."""
    from numba import njit

    compiled = njit(error_model="numpy")(lambdified(K, M))
    state, constants = K * K + K * M, M * M
    unpacked = [f"y[{j}]" for j in range(state)] + [f"p[{j}]" for j in range(constants)]
    unpacked += [f"y[{state + j}]" for j in range(K)] + [f"p[{constants + j}]" for j in range(M + 3)]
    stores = "; ".join(f"dydt[{j}] = out[{j}]" for j in range(state + K))
    names: dict[str, Any] = {"compiled": compiled}
    # our own text, written two lines above: no user's word is in it
    exec(f"def rhs(y, dydt, p):\n    out = compiled({', '.join(unpacked)})\n    {stores}\n", names)
    return njit(error_model="numpy")(names["rhs"])


def _inputs(K: int, M: int) -> tuple[dict[Expr, Expr], list[sp.Symbol]]:
    """Values of the arrays of the equations, and the symbols among them in the order of arguments."""
    shapes = {y.Q: (1, K, K), y.R: (1, K, M), y.T: (1, M, M), y.V: (K,), y.TEACHER: (M,)}
    known: dict[Expr, Expr] = {}
    arguments: list[sp.Symbol] = []
    for array, shape in shapes.items():
        for index in product(*map(range, shape)):
            symbol = sp.Symbol("_".join([str(array.label), *map(str, index)]), real=True)
            known[array[index]] = symbol
            arguments.append(symbol)
    for c, i in product(range(1), range(K)):
        known[y.MASK[c, i]] = sp.Integer(1)
    known |= {y.FRACTION[0]: sp.Integer(1), y.VARIANCE[0]: sp.Integer(1), y.DECAY: sp.Integer(0)}
    return known, [*arguments, y.ETA, y.ETA_V, y.SIGMA]


def _written_out(K: int, M: int, known: dict[Expr, Expr]) -> dict[str, list[Expr]]:
    """Every assignment of the system for every value of its indices, in terms of the inputs."""
    sizes = {y.K: K, y.M: M, y.CLASSES: 1}
    outputs: dict[str, list[Expr]] = {}
    for assignment in equations_of_motion().assignments:
        indices = sorted(assignment.lhs.atoms(sp.Idx), key=y.INDEX_ORDER.index)
        for values in product(*(range(int(index.upper.subs(sizes)) + 1) for index in indices)):
            at = dict(zip(indices, values, strict=True))
            lhs = _at(assignment.lhs, at, sizes)
            known[lhs] = _summed(assignment.rhs, at, sizes, known)
            outputs.setdefault(str(assignment.lhs.base.label), []).append(known[lhs])
    return outputs


def _at(expression: Expr, at: Mapping[sp.Idx, int], sizes: Mapping[Expr, int]) -> Expr:
    """An array element with its indices replaced by integers; the array keeps its symbolic shape."""
    return expression.base[tuple(sp.Integer(index.subs(at).subs(sizes)) for index in expression.indices)]


def _summed(expression: Expr, at: Mapping[sp.Idx, int], sizes: Mapping[Expr, int], known: dict[Expr, Expr]) -> Expr:
    """An expression with its sums written out, and array elements and integrals replaced by their values."""
    if isinstance(expression, sp.Sum):
        body, *limits = expression.args
        terms = [
            _summed(body, {**at, **dict(zip((limit[0] for limit in limits), values, strict=True))}, sizes, known)
            for values in product(*(_range(limit, sizes) for limit in limits))
        ]
        return sp.Add(*terms)
    if isinstance(expression, sp.Indexed):
        return known[_at(expression, at, sizes)]
    if isinstance(expression, _FORMAL):
        instance = expression.func(*[sp.Integer(index.subs(at).subs(sizes)) for index in expression.args])
        if instance not in known:
            known[instance] = _closed_form(instance, known)
        return known[instance]
    if expression in known:
        return known[expression]
    if not expression.args:
        return expression
    return expression.func(*[_summed(argument, at, sizes, known) for argument in expression.args])


def _closed_form(instance: Expr, known: Mapping[Expr, Expr]) -> Expr:
    """A formal integral of numbered fields in closed form; with one class on white inputs, X[0] = C."""
    name = type(instance).__name__
    fields = [factor.field for factor in INTEGRALS[name]]
    numbers = [instance.args[n] for n in (0, 2, 3)] if name == "I3" else instance.args
    number = dict(zip(fields, numbers, strict=True))
    entries = {covariance_symbol(p, q): known[y.C[number[p], number[q]]] for p in fields for q in fields}
    return integral(name, ERF).closed_form.xreplace(entries)


def _range(limit: Any, sizes: Mapping[Expr, int]) -> Iterator[int]:
    _, low, high = limit
    return iter(range(int(low.subs(sizes)), int(high.subs(sizes)) + 1))
