"""g(u) = max(u, 0), the arc-cosine kernel of order one (Cho & Saul, NeurIPS 2009).

I2, I3, J2 close. I4 contains the probability that four correlated Gaussians are all positive, which has no
elementary form, except where two of its units coincide: the dynamics exist in the limit of a small learning rate.
"""

from __future__ import annotations

import sympy as sp

from divprune_sym.gaussian.functions import Activation

RELU = Activation("relu", g=lambda u: u * sp.Heaviside(u))
