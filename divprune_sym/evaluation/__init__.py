"""Generalization error and second moments of given order parameters."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
