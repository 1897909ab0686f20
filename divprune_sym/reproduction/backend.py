"""What runs the numbers of a reproduction: the CPU, or CUDA kernels from the same equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import DPPEdge, DPPNode
from divprune_sym.pruning.registry import Method, paper_methods
from divprune_sym.simulate import Network, Trajectory, train_replicas
from divprune_sym.solvers import Problem, Solution, generalization_error, integrate

if TYPE_CHECKING:
    from numpy.typing import NDArray

BACKENDS = ("cpu", "cuda")


@dataclass(frozen=True)
class Backend:
    """The functions that a reproduction calls.

    Attributes
    ----------
    name : str
        As the report shows it.
    integrate : (problems, alphas) -> solutions
        Problems of one size.
    train_replicas : as `simulate.train_replicas`
    methods : mapping
        The pruning methods; their `draw` selects on this machine.
    covariances : (network, masks) -> (n, K+M, K+M)
        Of the fields of a network under masks (n, K, N), on white inputs.
    errors : (covariance, signed weights) -> ε_g
    simulated : bool
        Whether kernels run in Numba's CUDA simulator: only the smallest sizes come to an end.
    """

    name: str
    integrate: Callable[[Sequence[Problem], Sequence[float]], list[Solution]]
    train_replicas: Callable[..., Sequence[Trajectory]]
    methods: Mapping[str, Method]
    covariances: Callable[[Network, NDArray[np.bool_]], NDArray[np.float64]]
    errors: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    simulated: bool = False


def pruned_covariances(network: Network, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Covariances (n, K+M, K+M) of the fields of the network under masks (n, K, N), white inputs."""
    return np.array([_covariance(network.w * mask, network.B) for mask in masks])


def _covariance(w: NDArray[np.float64], B: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = np.concatenate([w, B])
    return np.asarray(rows @ rows.T / w.shape[1])


def _integrate_each(problems: Sequence[Problem], alphas: Sequence[float]) -> list[Solution]:
    return [integrate(problem, alphas) for problem in problems]


CPU = Backend("CPU", _integrate_each, train_replicas, paper_methods(), pruned_covariances, generalization_error)


def backend(name: str, methods: Mapping[str, Method] | None = None) -> Backend:
    """The backend of this name, "cpu" or "cuda", with the paper's methods if none are given.

    Raises
    ------
    BadInput
        Another name.
    NoCuda
        There is no GPU, and no simulator.
    """
    methods = CPU.methods if methods is None else methods
    if name == "cpu":
        return replace(CPU, methods=methods)
    if name != "cuda":
        msg = f"--backend {name!r}: choose from {', '.join(BACKENDS)}"
        raise BadInput(msg)
    from divprune_sym import cuda

    cuda.require_cuda()
    simulated = cuda.simulated()
    selecting: dict[str, Any] = {
        method.name: method for method in (DPPNode(sampler=cuda.sample_k), DPPEdge(sampler=cuda.sample_k))
    }
    return Backend(
        "CUDA, in Numba's simulator" if simulated else "CUDA",
        # in the simulator a right-hand side takes milliseconds; 1e-5 is still far below every error bar
        partial(cuda.integrate_many, rtol=1e-5) if simulated else cuda.integrate_many,
        cuda.train_replicas,
        {name: selecting.get(name, method) for name, method in methods.items()},
        cuda.pruned_covariances,
        cuda.generalization_error,
        simulated,
    )
