"""What the command `derive` shows: integrals and equations as text, LaTeX, Python or JSON."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
