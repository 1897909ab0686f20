"""What one asin, erf, exp, square root and division cost: the floor under every right-hand side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.bench.model import Case, Contestant, Speed, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

ELEMENTS = 1024  # 8 KiB in and 8 KiB out: they stay in the first cache


@table(
    measures="time per element of an array in the first cache, one thread",
    goal="none: these are floors for other tables",
    peers={
        "numpy": "NumPy's own array function",
        "libm": "the function of math in a loop compiled by Numba",
    },
)
def special_functions(quick: bool) -> Iterator[Case]:
    """Each function over an array of arguments spread over (−1, 1), or (0, 1) for sqrt and 1/x."""
    from scipy.special import erf

    from divprune_sym.bench.floors import elementwise_asin
    from divprune_sym.bench.peers import elementwise

    rng = np.random.default_rng(0)
    anywhere, positive = rng.uniform(-1, 1, ELEMENTS), rng.uniform(0.1, 1, ELEMENTS)
    out = np.empty(ELEMENTS)
    functions = {
        "asin": (np.arcsin, elementwise.asin, anywhere),
        "erf": (erf, elementwise.erf, anywhere),
        "exp": (np.exp, elementwise.exp, anywhere),
        "sqrt": (np.sqrt, elementwise.sqrt, positive),
        "1/x": (np.reciprocal, elementwise.reciprocal, positive),
    }
    own = {"asin": elementwise_asin}
    for name, (numpy, libm, x) in functions.items():
        peers = {"numpy": numpy, "libm": libm}
        contestants = [_elementwise(who, f, x, out) for who, f in peers.items()]
        if name in own:
            contestants.insert(0, _elementwise("ours", own[name](), x, out))
        yield Case(name, contestants, [Speed("ours", who) for who in peers] if name in own else ())


def _elementwise(
    name: str, function: Callable[..., Any], x: NDArray[np.float64], out: NDArray[np.float64]
) -> Contestant:
    return Contestant(name, lambda: function(x, out), units=ELEMENTS)
