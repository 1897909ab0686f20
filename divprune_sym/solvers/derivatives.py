"""The generated derivative of the right-hand side, along many directions at once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.codegen.cache import cached_module
from divprune_sym.codegen.expressions import FLOAT
from divprune_sym.solvers.coordinates import embedding
from divprune_sym.solvers.modules import unpacked

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.codegen.linearized import Row
    from divprune_sym.solvers.equations import Equations

_GLUE = """

@entry
def directional(y, rows, found, p):
    directions, out = as_lanes(rows), as_lanes(found)
{unpacked}    Q, R = view(y, 0, (classes, {K}, {K})), view(y, q, (classes, {K}, {M}))
    {call}
"""


@cache
def jacobian_module(equations: Equations, K: int, M: int, *, transposed: bool = False) -> ModuleType:
    """Derivatives of the right-hand side, by the derivative derived in SymPy.

    `directional(y, directions, out, p)`: along flat directions, as many side by side as there are lanes; directions and
    out are (packs, n_flat, WIDTH). `transposed`: directions are weights of the right-hand side's entries, and the
    derivatives of the weighted sums by the entries of the state are added to out.
    """

    def generate() -> str:
        from divprune_sym.codegen.linearized import in_rows, linearized
        from divprune_sym.codegen.targets import TANGENT
        from divprune_sym.codegen.text import printed
        from divprune_sym.dynamics.equations import equations_of_motion
        from divprune_sym.dynamics.tangent import moving

        rule, g, h = equations.derived()
        sizes: dict[str, int | str] = {"K": K, "M": M, "classes": "mask.shape[0]"}
        system = equations_of_motion(rule)
        made = linearized(system, *moving(rule), g, sizes, h, transposed=transposed)
        routine = in_rows(made, flat_rows(transposed=transposed))
        in_place = {"v": f"view(y, r, ({K},))"} if equations.second_layer else {}
        call = f"{routine.name}({', '.join(in_place.get(name, name) for name in routine.arguments)})"
        return TANGENT.preamble + printed(routine, TANGENT) + _GLUE.format(K=K, M=M, unpacked=unpacked(K, M), call=call)

    return cached_module({**equations.recipe(), "K": K, "M": M, "tangent": True, "transposed": transposed}, generate)


def flat_rows(*, transposed: bool) -> dict[str, Row]:
    """Where Q, R and v stand in a flat state, for their directions and the derivatives along them."""
    from sympy import Integer

    from divprune_sym.codegen.arithmetic import whole
    from divprune_sym.codegen.linearized import Row
    from divprune_sym.dynamics.symbols import CLASSES, D_Q, D_R, D_V, K, M, Q, R, V
    from divprune_sym.dynamics.tangent import dot

    found: dict[str, Row] = {}
    offsets = (0, CLASSES * K * K, CLASSES * K * K + CLASSES * K * M)
    for matrix, arrays in (("directions", (Q, R, V)), ("out", (D_Q, D_R, D_V))):
        for array, offset in zip(arrays, offsets, strict=True):
            place, extents = whole(Integer(0) + offset), tuple(whole(extent) for extent in array.shape[1:])
            if not transposed:
                found[str(dot(array).label)] = Row(matrix, place, extents)
            elif matrix == "out":
                found[str(dot(array).label)] = Row("directions", place, extents)
            else:
                found[f"{dot(array).label}_bar"] = Row("out", place, extents)
    return found


@cache
def address_of_derivative(equations: Equations, K: int, M: int) -> int:
    """Where the implicit loop calls the derivative, compiled when first asked for; 0 where it cannot be generated."""
    from divprune_sym.codegen.arithmetic import CannotPrint

    try:
        flat, packs = (FLOAT, 1), (FLOAT, 3)
        return int(jacobian_module(equations, K, M).directional.address(flat, packs, packs, flat))
    except CannotPrint:
        return 0


@cache
def coordinate_directions(classes: int, K: int, M: int, learns_v: bool) -> NDArray[np.float64]:
    """(packs, n_flat, WIDTH): the directions of the independent coordinates, side by side."""
    return in_packs(embedding(classes, K, M, learns_v))


def in_packs(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (n, n_flat) as (packs, n_flat, WIDTH), filled up with zeros."""
    from divprune_sym.codegen.simd import WIDTH

    padded = np.pad(rows, ((0, -len(rows) % WIDTH), (0, 0)))
    return np.ascontiguousarray(padded.reshape(-1, WIDTH, rows.shape[1]).swapaxes(1, 2))
