"""Trained networks as plain arrays: reading and writing them, pruning them, and data to measure them on."""

from divprune_sym.ground.lazy import lazy_attributes

_WHERE = {
    "DataSet": "data",
    "DenseNetwork": "network",
    "Mask": "masks",
    "Pruned": "prune",
    "PruneSetting": "prune",
    "ScoredEdges": "scores",
    "ScoredNodes": "scores",
    "apply": "masks",
    "compact": "masks",
    "from_sklearn": "sklearn_models",
    "load_network": "formats",
    "prune_network": "prune",
    "read_data": "data",
    "save_network": "formats",
    "to_sklearn": "sklearn_models",
}
__all__ = list(_WHERE)
__getattr__ = lazy_attributes(__name__, _WHERE)
