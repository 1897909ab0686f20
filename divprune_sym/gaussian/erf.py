"""g(u) = erf(u/√2), the activation of Saad & Solla, PRE 52, 4225 (1995), and Biehl & Schwarze, J. Phys. A 28 (1995)."""

from __future__ import annotations

import sympy as sp

from divprune_sym.gaussian.activation import Activation

ERF = Activation("erf", g=lambda u: sp.erf(u / sp.sqrt(2)))
