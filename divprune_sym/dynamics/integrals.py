"""The integrals as formal functions of indices, with the symmetries their definitions have.

The equations of motion are written with these; code generation replaces them by the derived closed forms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.symbols import VARIANCE, C, X
from divprune_sym.gaussian import INTEGRALS, G, integral
from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from divprune_sym.gaussian import Activation, Derivation


def _ordered(*indices: Expr) -> tuple[Expr, ...]:
    return tuple(sorted(indices, key=sp.default_sort_key))


class _Pair(sp.Function):  # type: ignore[misc]
    """Symmetric in its two fields."""

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """Sort the indices."""
        return None if (a, b) == _ordered(a, b) else cls(b, a)


class _TwoPairs(sp.Function):  # type: ignore[misc]
    """Symmetric in (i, k) and in (a, b)."""

    @classmethod
    def eval(cls, i: Expr, k: Expr, a: Expr, b: Expr) -> Expr | None:
        """Sort both pairs."""
        ordered = (*_ordered(i, k), *_ordered(a, b))
        return None if (i, k, a, b) == ordered else cls(*ordered)


class J2(_Pair):
    """E[g'(u_i) g'(u_k)], symmetric."""


class I2(_Pair):
    """E[g(u_a) g(u_b)], symmetric."""


class I3(sp.Function):  # type: ignore[misc]
    """E[g'(u_i) u^c_b g(u_a)] as I3(i, c, b, a): the linear field is the part of u_b that class c carries."""


class I4(_TwoPairs):
    """E[g'(u_i) g'(u_k) g(u_a) g(u_b)], symmetric in (i, k) and in (a, b)."""


# where the nodes of the teacher have another activation, h


class I2_GH(sp.Function):  # type: ignore[misc]
    """E[g(u_a) h(u_b)]."""


class I2_HH(_Pair):
    """E[h(u_a) h(u_b)], symmetric."""


class I3_H(sp.Function):  # type: ignore[misc]
    """E[g'(u_i) u^c_b h(u_a)] as I3_H(i, c, b, a)."""


class I4_GH(sp.Function):  # type: ignore[misc]
    """E[g'(u_i) g'(u_k) g(u_a) h(u_b)], symmetric in (i, k)."""

    @classmethod
    def eval(cls, i: Expr, k: Expr, a: Expr, b: Expr) -> Expr | None:
        """Sort the slopes."""
        return None if (i, k) == _ordered(i, k) else cls(k, i, a, b)


class I4_HH(_TwoPairs):
    """E[g'(u_i) g'(u_k) h(u_a) h(u_b)], symmetric in (i, k) and in (a, b)."""


# by name; a suffix says which functions the fields without a slope have
FORMAL: dict[str, type[sp.Function]] = {
    function.__name__: function for function in (J2, I2, I2_GH, I2_HH, I3, I3_H, I4, I4_GH, I4_HH)
}
WITH_LINEAR_FIELD = frozenset({I3, I3_H})


@lru_cache(maxsize=256)
def expand_integrals(expression: Expr, activation: Activation, teacher: Activation | None = None) -> Expr:
    """Replace every formal integral by its derived closed form in C[a, b] and X[c, a, b].

    `teacher` is h, the activation of the teacher's nodes, where it is another.
    """
    for name, formal in FORMAL.items():
        if expression.has(formal):
            expression = expression.replace(formal, _closed_form(name, activation, teacher or activation))
    return expression


@lru_cache(maxsize=256)
def derivation_of(name: str, activation: Activation, teacher: Activation) -> Derivation:
    """The derivation of a formal integral, by its name.

    Raises
    ------
    NoClosedForm
        There is none; the message names the integral and what stops it.
    """
    kind, _, functions = name.partition("_")
    if functions == "HH":
        return integral(kind, activation, teacher, all_outputs=True)
    return integral(kind, activation, teacher if functions else None)


def _closed_form(name: str, activation: Activation, teacher: Activation) -> Callable[..., Expr]:
    closed_form = derivation_of(name, activation, teacher).closed_form
    kind = name[:2]
    fields = [factor.field for factor in INTEGRALS[kind]]
    linear = {factor.field for factor in INTEGRALS[kind] if not isinstance(factor, G)}

    def substituted(*indices: Expr) -> Expr:
        if kind == "I3":
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
        return closed_form.subs(entries, simultaneous=True)

    return substituted


def _rows(index: dict[str, Expr], p: str, q: str, linear: set[str]) -> tuple[Expr, Expr]:
    """(row of the linear field, row of the other), so that X is read along one row."""
    return (index[p], index[q]) if p in linear else (index[q], index[p])
