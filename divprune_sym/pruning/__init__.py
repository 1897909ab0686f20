"""Pruning methods, one file each, and what may follow them: reweighting and rescaling."""

from divprune_sym.pruning.after.mask_classes import SampledClasses, sampled_mask_classes
from divprune_sym.pruning.after.rescaling import RESCALINGS, rescaled_error
from divprune_sym.pruning.after.reweighting import reweighted_edges, reweighted_second_layer
from divprune_sym.pruning.edge_kernels import rbf_edge_kernel
from divprune_sym.pruning.method import (
    EdgeLimit,
    EdgeMethod,
    EdgePruning,
    Layer,
    NodeLimit,
    NodeMethod,
    PruningMethod,
)
from divprune_sym.pruning.methods.dpp_edge import DPPEdge
from divprune_sym.pruning.methods.dpp_node import DPPNode
from divprune_sym.pruning.methods.importance_node import ImportanceNode
from divprune_sym.pruning.methods.magnitude_edge import MagnitudeEdge
from divprune_sym.pruning.methods.random_edge import RandomEdge
from divprune_sym.pruning.methods.random_node import RandomNode

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
    "PruningMethod",
    "RandomEdge",
    "RandomNode",
    "SampledClasses",
    "rbf_edge_kernel",
    "rescaled_error",
    "reweighted_edges",
    "reweighted_second_layer",
    "sampled_mask_classes",
]
