"""Equations of motion of the order parameters, derived from the SGD update, as indexed SymPy sums."""
