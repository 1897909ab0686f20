"""Equations of motion of the order parameters, derived from the SGD update, as indexed SymPy sums."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
