"""Determinantal point processes: exact samples, inclusion probabilities, enumerated laws."""

from divprune_sym.dpp.direct import sample_k
from divprune_sym.dpp.lensemble import LEnsemble

__all__ = ["LEnsemble", "sample_k"]
