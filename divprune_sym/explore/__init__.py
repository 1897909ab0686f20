"""Where does a comparison of pruned errors hold? Maps over (M, Z, k) or (M, Z, p), and what they suggest."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
