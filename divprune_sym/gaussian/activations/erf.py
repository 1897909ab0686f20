"""g(u) = erf(u/√2), the activation of Saad & Solla, PRE 52, 4225 (1995), and Biehl & Schwarze (1995)."""

from __future__ import annotations

import sympy as sp

from divprune_sym.gaussian.functions import sigmoid

ERF = sigmoid(sp.Integer(1))
