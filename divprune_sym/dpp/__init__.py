"""Determinantal point processes: exact samples, inclusion probabilities, enumerated laws."""

from divprune_sym.dpp.batches import sample_k_threaded, sample_kernels
from divprune_sym.dpp.direct import sample_k
from divprune_sym.dpp.kernels import (
    KernelWarning,
    activation_kernel,
    cosine_kernel,
    linear_kernel,
    median_beta,
    rbf_kernel,
)
from divprune_sym.dpp.lensemble import LEnsemble

__all__ = [
    "KernelWarning",
    "LEnsemble",
    "activation_kernel",
    "cosine_kernel",
    "linear_kernel",
    "median_beta",
    "rbf_kernel",
    "sample_k",
    "sample_k_threaded",
    "sample_kernels",
]
