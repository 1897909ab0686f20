"""Determinantal point processes: exact samples, inclusion probabilities, enumerated laws."""

from divprune_sym.dpp.batches import sample_k_threaded, sample_kernels
from divprune_sym.dpp.conditioning import Conditioned, condition
from divprune_sym.dpp.description import KernelDescription, describe
from divprune_sym.dpp.direct import sample_k
from divprune_sym.dpp.greedy import greedy_map
from divprune_sym.dpp.kernels import (
    KernelWarning,
    activation_kernel,
    cosine_kernel,
    linear_kernel,
    median_beta,
    rbf_kernel,
)
from divprune_sym.dpp.lensemble import LEnsemble
from divprune_sym.dpp.marginal import MarginalKernel
from divprune_sym.dpp.mending import Mended, project_psd
from divprune_sym.dpp.projection import ProjectionDPP
from divprune_sym.dpp.swap_chain import SwapChains, swap_chains

__all__ = [
    "Conditioned",
    "KernelDescription",
    "KernelWarning",
    "LEnsemble",
    "MarginalKernel",
    "Mended",
    "ProjectionDPP",
    "SwapChains",
    "activation_kernel",
    "condition",
    "cosine_kernel",
    "describe",
    "greedy_map",
    "linear_kernel",
    "median_beta",
    "project_psd",
    "rbf_kernel",
    "sample_k",
    "sample_k_threaded",
    "sample_kernels",
    "swap_chains",
]
