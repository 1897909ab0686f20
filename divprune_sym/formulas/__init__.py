"""A user's own formulas: read from text by a small closed grammar, and held against their definitions."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
