"""What the command `derive` shows: integrals and equations as text, LaTeX, Python or JSON."""

from divprune_sym.derive.results import derived_equations, derived_integral

__all__ = ["derived_equations", "derived_integral"]
