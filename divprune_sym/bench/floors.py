"""What several tables compare with, and how a compiled function is called often enough to be timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.bench.model import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ASIN_FLOOR, SHORT_ASIN_FLOOR = "asin floor", "asin floor, |x| ≤ ⅛"
_ELEMENTS = 1024


def asins(K: int, M: int, second_layer: bool = True) -> int:
    """asin evaluations that one right-hand side cannot do without: one for each pair of pairs of fields."""
    fields = K + M
    pairs = K * (K + 1) // 2 * (fields * (fields + 1) // 2)
    return pairs + (K * (K + 1) // 2 + K * M if second_layer else 0)


def elementwise_asin(times: int = 1) -> Callable[..., None]:
    """`asin(x, out)` by the library's own polynomial, several lanes at a time; sizes are multiples of the width."""
    from divprune_sym.codegen.native import native
    from divprune_sym.codegen.simd import WIDTH, as_lanes
    from divprune_sym.codegen.special import asin

    @native
    def run(x, out):  # type: ignore[no-untyped-def]
        lanes = as_lanes(x)
        results = as_lanes(out)
        for _ in range(times):
            for j in range(lanes.shape[0]):
                results[j] = asin(lanes[j])
            # each round reads what the one before has written
            x[0, 0] += 1e-300 * out[0, 0]

    return lambda x, out: run(x.reshape(-1, WIDTH), out.reshape(-1, WIDTH))


def asin_floors(K: int, M: int) -> list[Contestant]:
    """As many asins as one right-hand side needs, over an array in the first cache, and nothing else.

    The library's asin takes a shorter way where |x| ≤ ⅛, as most arguments are in wide networks: both are timed.
    """
    # Python's call costs as much as a thousand asins
    times = 50
    asin, rng = elementwise_asin(times), np.random.default_rng(0)
    return [
        _floor(name, asin, rng.uniform(-reach, reach, _ELEMENTS), times * _ELEMENTS / asins(K, M))
        for name, reach in ((ASIN_FLOOR, 1.0), (SHORT_ASIN_FLOOR, 0.125))
    ]


def _floor(name: str, asin: Callable[..., None], x: NDArray[np.float64], units: float) -> Contestant:
    out = np.empty_like(x)
    return Contestant(name, lambda: asin(x, out), units=units)


def repeated(function: Callable[..., Any]) -> Callable[..., None]:
    """`run(times, y, dydt, p)`: a compiled f(y, dydt, p) called from compiled code, so that Python's call is not timed.

    Each call reads a y that depends on the call before: none can be left out. f is the library's own, or Numba's.
    """
    from divprune_sym.codegen.native import Native, native

    def run(times, y, dydt, p):  # type: ignore[no-untyped-def]
        for _ in range(times):
            function(y, dydt, p)
            y[0] += 1e-300 * dydt[0]

    if isinstance(function, Native):
        return native(run)
    from numba import njit

    compiled: Callable[..., None] = njit(error_model="numpy")(run)
    return compiled


def repeated_in_lanes(function: Callable[..., Any]) -> Callable[..., None]:
    """The same for an f of lanes, with y, dydt (n, WIDTH) and p (m, WIDTH)."""
    from divprune_sym.codegen.native import native
    from divprune_sym.codegen.simd import as_lanes

    many = repeated(function)

    @native
    def run(times, y, dydt, p):  # type: ignore[no-untyped-def]
        many(times, as_lanes(y), as_lanes(dydt), as_lanes(p))

    return run
