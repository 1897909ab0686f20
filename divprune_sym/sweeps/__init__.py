"""Grids of training runs and what pruning does to each, on any executor, written to disk as they finish."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
