"""From indexed SymPy sums to compiled loops: halve and factor sums, hoist, lower, print, cache."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
