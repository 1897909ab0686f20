"""Determinantal point processes: exact samples, inclusion probabilities, enumerated laws."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
