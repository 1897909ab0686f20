"""Derivatives of activations, derived by SymPy from what the activations are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.networks.activations import numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Elementwise = Callable[[NDArray[Any]], NDArray[Any]]


def pieces(name: str) -> list[tuple[Any, float, float]]:
    """An activation as formulas in u, each on an interval (low, high]; a formula is only evaluated there."""
    import sympy as sp

    u = sp.Symbol("u", real=True)
    family, numbers = numbers_of(name)
    everywhere = -np.inf, np.inf
    half = (1 + sp.tanh(u / 2)) / 2  # the logistic function, without overflow
    whole = {
        "sigmoid": half,
        "tanh": sp.tanh(u),
        "erf": sp.erf(u / sp.sqrt(2)),
        "gelu": u * (1 + sp.erf(u / sp.sqrt(2))) / 2,
        "gelu-tanh": u * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (u + sp.Rational(44715, 10**6) * u**3))) / 2,
        "silu": u * half,
        "identity": u,
    }
    if family in whole:
        return [(whole[family], *everywhere)]
    if family == "hard-sigmoid":
        slope, middle = numbers
        if slope == 0.0:
            return [(sp.Float(min(max(middle, 0.0), 1.0)) + 0 * u, *everywhere)]
        ends = sorted((-middle / slope, (1 - middle) / slope))
        low, high = (0, 1) if slope > 0 else (1, 0)
        return [
            (sp.Integer(low), -np.inf, ends[0]),
            (slope * u + middle, ends[0], ends[1]),
            (sp.Integer(high), ends[1], np.inf),
        ]
    below = {
        "relu": lambda: sp.Integer(0),
        "leaky-relu": lambda: numbers[0] * u,
        "elu": lambda: numbers[0] * (sp.exp(u) - 1),
    }
    return [(below[family](), -np.inf, 0.0), (u, 0.0, np.inf)]


def evaluated(name: str, order: int) -> Elementwise:
    """The activation itself (order 0) or its derivative (order 1), from its formulas."""
    import sympy as sp

    u = sp.Symbol("u", real=True)
    parts = [(sp.lambdify(u, sp.diff(f, u, order), "scipy"), low, high) for f, low, high in pieces(name)]

    def function(fields: NDArray[Any]) -> NDArray[Any]:
        total = np.zeros_like(fields)
        for part, low, high in parts:
            inside = (fields > low) & (fields <= high)
            total = np.where(inside, part(np.clip(fields, low, high)), total)
        return total.astype(fields.dtype, copy=False)

    return function


@cache
def derivative(name: str) -> Elementwise:
    """g'(u), elementwise; at a kink the one from the left."""
    return evaluated(name, 1)
