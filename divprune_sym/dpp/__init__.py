"""Determinantal point processes: exact samples, inclusion probabilities, enumerated laws."""

from divprune_sym.dpp.lensemble import LEnsemble

__all__ = ["LEnsemble"]
