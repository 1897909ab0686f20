"""One closed form as one compiled scalar function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.codegen.cache import cached_module
from divprune_sym.codegen.render import Renderer
from divprune_sym.codegen.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Callable


def scalar_kernel(expression: sp.Expr) -> tuple[Callable[..., float], tuple[str, ...]]:
    """Compile an expression in plain symbols.

    Returns
    -------
    kernel : callable
        Takes one float for each symbol, in the order of `names`.
    names : tuple of str
        The free symbols, sorted.

    Raises
    ------
    CannotPrint
        The expression has a function without a numerical counterpart.
    """
    names = tuple(sorted(str(symbol) for symbol in expression.free_symbols))
    source = _source(expression, names)
    module = cached_module({"scalar": source}, lambda: source)
    return module.value, names


def _source(expression: sp.Expr, names: tuple[str, ...]) -> str:
    renderer = Renderer(reserved=frozenset(names))
    renderer.returned(expression)
    return "\n".join([f"{CPU.preamble}@entry", f"def value({', '.join(names)}):", *renderer.lines]) + "\n"
