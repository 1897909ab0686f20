"""Online SGD at finite N: a student of K nodes learns from a teacher of M, and is measured on the way."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
