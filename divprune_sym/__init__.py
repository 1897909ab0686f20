"""divprune_sym: the statistical mechanics of neural-network pruning, derived, compiled and checked."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
