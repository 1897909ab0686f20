"""The same equations, simulator and samplers as CUDA kernels (numba-cuda, extra `gpu`): docs/cuda.md."""

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
