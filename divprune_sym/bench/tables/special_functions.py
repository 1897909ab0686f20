"""What one asin, erf, exp, square root and division cost: the floor under every right-hand side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.bench.model import Case, Contestant, table

if TYPE_CHECKING:
    from collections.abc import Iterator

ELEMENTS = 1024  # 8 KiB in and 8 KiB out: they stay in the first cache


@table(
    measures="time per element of an array in the first cache, one thread",
    goal="none: these are floors for other tables",
    peers={"numpy": "NumPy's own array function", "libm": "the function of math in a loop compiled by Numba"},
)
def special_functions(quick: bool) -> Iterator[Case]:
    """Each function over an array of arguments spread over (−1, 1), or (0, 1) for sqrt and 1/x."""
    from scipy.special import erf

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
    for name, (numpy, libm, x) in functions.items():
        yield Case(
            name,
            [
                Contestant("numpy", lambda f=numpy, x=x: f(x, out), units=ELEMENTS),  # type: ignore[misc]
                Contestant("libm", lambda f=libm, x=x: f(x, out), units=ELEMENTS),  # type: ignore[misc]
            ],
        )
