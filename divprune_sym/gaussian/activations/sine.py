"""g(u) = sin(u), whose four integrals are characteristic functions of the Gaussian."""

from __future__ import annotations

import sympy as sp

from divprune_sym.gaussian.functions import Activation

SINE = Activation("sine", g=sp.sin)
