"""Pruning methods, one file each, and what may follow them: reweighting and rescaling."""

from divprune_sym.pruning.dpp_edge import DPPEdge
from divprune_sym.pruning.dpp_node import DPPNode
from divprune_sym.pruning.edge_kernels import rbf_edge_kernel
from divprune_sym.pruning.importance_node import ImportanceNode
from divprune_sym.pruning.label_noise import PrunedExcess, pruned_excess
from divprune_sym.pruning.magnitude_edge import MagnitudeEdge
from divprune_sym.pruning.mask_classes import SampledClasses, sampled_mask_classes
from divprune_sym.pruning.method import (
    EdgeLimit,
    EdgeMethod,
    EdgePruning,
    Layer,
    NodeLimit,
    NodeMethod,
    PruningMethod,
)
from divprune_sym.pruning.random_edge import RandomEdge
from divprune_sym.pruning.random_node import RandomNode
from divprune_sym.pruning.rescaling import RESCALINGS, rescaled_error
from divprune_sym.pruning.reweighting import reweighted_edges, reweighted_second_layer
from divprune_sym.pruning.specialised import specialised_state

METHODS: dict[str, NodeMethod | EdgeMethod] = {
    method.name: method
    for method in (RandomNode(), ImportanceNode(), DPPNode(), RandomEdge(), MagnitudeEdge(), DPPEdge())
}

__all__ = [
    "METHODS",
    "RESCALINGS",
    "DPPEdge",
    "DPPNode",
    "EdgeLimit",
    "EdgeMethod",
    "EdgePruning",
    "ImportanceNode",
    "Layer",
    "MagnitudeEdge",
    "NodeLimit",
    "NodeMethod",
    "PrunedExcess",
    "PruningMethod",
    "RandomEdge",
    "RandomNode",
    "SampledClasses",
    "pruned_excess",
    "rbf_edge_kernel",
    "rescaled_error",
    "reweighted_edges",
    "reweighted_second_layer",
    "sampled_mask_classes",
    "specialised_state",
]
