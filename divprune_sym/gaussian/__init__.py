"""From an activation to its integrals: expectations of jointly Gaussian fields, reduced step by step."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
