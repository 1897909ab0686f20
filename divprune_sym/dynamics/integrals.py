"""The integrals as formal functions of indices, with the symmetries their definitions have.

The equations of motion are written with these; code generation replaces them by the derived closed forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.symbols import VARIANCE, C, X
from divprune_sym.gaussian import INTEGRALS, G, integral
from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from divprune_sym.gaussian import Activation


def _ordered(*indices: Expr) -> tuple[Expr, ...]:
    return tuple(sorted(indices, key=sp.default_sort_key))


class J2(sp.Function):  # type: ignore[misc]
    """E[g'(u_i) g'(u_k)], symmetric."""

    @classmethod
    def eval(cls, i: Expr, k: Expr) -> Expr | None:
        """Sort the indices."""
        return None if (i, k) == _ordered(i, k) else cls(k, i)


class I2(sp.Function):  # type: ignore[misc]
    """E[g(u_a) g(u_b)], symmetric."""

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """Sort the indices."""
        return None if (a, b) == _ordered(a, b) else cls(b, a)


class I3(sp.Function):  # type: ignore[misc]
    """E[g'(u_i) u^c_b g(u_a)] as I3(i, c, b, a): the linear field is the part of u_b that class c carries."""


class I4(sp.Function):  # type: ignore[misc]
    """E[g'(u_i) g'(u_k) g(u_a) g(u_b)], symmetric in (i, k) and in (a, b)."""

    @classmethod
    def eval(cls, i: Expr, k: Expr, a: Expr, b: Expr) -> Expr | None:
        """Sort both pairs."""
        ordered = (*_ordered(i, k), *_ordered(a, b))
        return None if (i, k, a, b) == ordered else cls(*ordered)


FORMAL: dict[str, type[sp.Function]] = {"J2": J2, "I2": I2, "I3": I3, "I4": I4}


def expand_integrals(expression: Expr, activation: Activation) -> Expr:
    """Replace every formal integral by its derived closed form in C[a, b] and X[c, a, b]."""
    for name, formal in FORMAL.items():
        if expression.has(formal):
            expression = expression.replace(formal, _closed_form(name, activation))
    return expression


def _closed_form(name: str, activation: Activation) -> Callable[..., Expr]:
    derived = integral(name, activation).closed_form
    fields = [factor.field for factor in INTEGRALS[name]]
    linear = {factor.field for factor in INTEGRALS[name] if not isinstance(factor, G)}

    def substituted(*indices: Expr) -> Expr:
        if name == "I3":
            i, c, b, a = indices
            indices = (i, b, a)
        index = dict(zip(fields, indices, strict=True))
        entries: dict[Any, Expr] = {}
        for p in fields:
            for q in fields:
                if linear & {p, q}:
                    class_overlap = VARIANCE[c] * X[(c, *_rows(index, p, q, linear))]
                    entries[covariance_symbol(p, q)] = class_overlap
                else:
                    entries[covariance_symbol(p, q)] = C[_ordered(index[p], index[q])]
        return derived.subs(entries, simultaneous=True)

    return substituted


def _rows(index: dict[str, Expr], p: str, q: str, linear: set[str]) -> tuple[Expr, Expr]:
    """(row of the linear field, row of the other), so that X is read along one row."""
    return (index[p], index[q]) if p in linear else (index[q], index[p])
