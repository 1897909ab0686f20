"""g(u) = u: the linear network, whose integrals are polynomials in the covariances."""

from __future__ import annotations

from divprune_sym.gaussian.functions import Activation

LINEAR = Activation("linear", g=lambda u: u)
