"""The specialised state, in which every teacher node is copied: its order parameters, formulas and label noise."""

from divprune_sym.specialised.label_noise import PrunedExcess, pruned_excess
from divprune_sym.specialised.state import specialised_state

__all__ = ["PrunedExcess", "pruned_excess", "specialised_state"]
