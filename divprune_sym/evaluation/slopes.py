"""How steep an activation is on average: what an error in an overlap can change of ε_g."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.codegen.scalar import scalar_kernel
from divprune_sym.named_activations import resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from divprune_sym.gaussian import Activation


def mean_square_slopes(variances: NDArray[np.float64], activation: str | Activation) -> NDArray[np.float64]:
    """E[g'(u)²] for u ~ N(0, V), elementwise in V; infinite where it diverges, as for a jump."""
    function = _mean_square_slope(activation)
    return np.vectorize(function, otypes=[float])(variances) if variances.size else np.zeros_like(variances)


@cache
def _mean_square_slope(activation: str | Activation) -> Callable[[float], float]:
    from divprune_sym.gaussian import NoClosedForm, integral

    try:
        closed_form = integral("J2(i,i)", resolved(activation)).closed_form
    except NoClosedForm:
        return lambda variance: np.inf
    kernel, names = scalar_kernel(closed_form)
    return kernel if names else lambda variance: kernel()
