"""One closed form as one compiled scalar function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.codegen.cache import cached_module
from divprune_sym.codegen.form import Routine
from divprune_sym.codegen.lower import Lowering
from divprune_sym.codegen.targets import CPU, Target
from divprune_sym.codegen.text import printed

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
    routine = scalar_routine("value", expression, "A closed form.")
    source = CPU.preamble + printed(routine, CPU, "entry")
    module = cached_module({"scalar": source}, lambda: source)
    return module.value, routine.arguments


def scalar_routine(name: str, expression: sp.Expr, meaning: str, target: Target = CPU) -> Routine:
    """A function of the symbols of an expression, in alphabetical order.

    Raises
    ------
    CannotPrint
        The expression has a function without a numerical counterpart.
    """
    names = tuple(sorted(str(symbol) for symbol in expression.free_symbols))
    lowering = Lowering(target.fuses, reserved=frozenset(names))
    lowering.returned(expression)
    return Routine(name, names, meaning, (), lowering.body)
