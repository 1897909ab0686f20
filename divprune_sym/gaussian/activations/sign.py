"""g(u) = sign(u), the limit of infinite gain of erf: the perceptron's output.

Its slope is 2δ(u), so E[g'(u_i)² …] diverges: J2(i, i) and I4(i, i, a, b) do not exist. Products of δ(u_i) and
sign(u_i) are limits of infinite gain too: g' g² is g'/3, as it is for every gain.
"""

from __future__ import annotations

import sympy as sp

from divprune_sym.gaussian.functions import sigmoid

SIGN = sigmoid(sp.oo)
