"""The specialized state, in which every teacher node is copied: its order parameters, formulas and label noise."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
