"""g(u) = erf(κu/√2); gain κ = 1 is the activation of Saad & Solla, PRE 52, 4225 (1995), and Biehl & Schwarze (1995)."""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from divprune_sym.gaussian.activation import Activation, sigmoid
from divprune_sym.ground.checks import BadInput

ERF = Activation("erf", g=lambda u: sp.erf(u / sp.sqrt(2)))


def erf(gain: Expr | float) -> Activation:
    """erf(κu/√2) for a positive gain κ, a number or a SymPy symbol; κ → ∞ is `SIGN`.

    Raises
    ------
    BadInput
        The gain is not known to be positive and finite.
    """
    value = sp.sympify(gain) if isinstance(gain, (int, float, Expr)) else None
    if value is None or not value.is_positive or value.is_infinite:
        msg = f"gain = {gain}: must be positive and finite; declare a symbol with positive=True, infinite gain is SIGN"
        raise BadInput(msg)
    return ERF if value == 1 else sigmoid(value)
