"""Training in stages, with pruning and rewinding between them: one object, as N → ∞ and at finite N."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
