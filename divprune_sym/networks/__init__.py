"""Trained networks as plain arrays: reading and writing them, pruning them, and data to measure them on."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
