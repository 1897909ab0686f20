"""The same equations, simulator and samplers as CUDA kernels (numba-cuda, extra `gpu`): docs/cuda.md."""

from divprune_sym.ground.lazy import lazy_attributes

_WHERE = {
    "NoCuda": "device",
    "generalization_error": "pruned",
    "integrate_many": "odes",
    "pruned_covariances": "pruned",
    "require_cuda": "device",
    "right_hand_sides": "odes",
    "sample_k": "kdpp",
    "simulated": "device",
    "train_replicas": "sgd",
}
__all__ = list(_WHERE)
__getattr__ = lazy_attributes(__name__, _WHERE)
