"""Further online SGD after pruning: the masked equations of motion over the simulation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation import errors_of
from divprune_sym.notation import OrderParameters
from divprune_sym.pruning import DPPNode, Layer, RandomEdge
from divprune_sym.pruning.method import edges_kept
from divprune_sym.reproduction.backend import CPU, Backend
from divprune_sym.reproduction.teacher_student import Setting, problem
from divprune_sym.simulate import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from divprune_sym.reproduction.teacher_student import Progress


@dataclass(frozen=True)
class Retrained:
    """ε_g after pruning and during further training, theory and simulation, each (R, S).

    The theory of edge pruning starts from the limit N → ∞ of each network's order parameters; that of node
    pruning from the order parameters of the nodes that were kept.
    """

    label: str
    alphas: NDArray[np.float64]
    simulated: NDArray[np.float64]
    theory: NDArray[np.float64]


def retrain_random_edges(
    networks: Sequence[Network],
    setting: Setting,
    keep: float,
    alphas: Sequence[float],
    rng: np.random.Generator,
    progress: Progress | None = None,
    backend: Backend = CPU,
) -> Retrained:
    """Prune a fraction 1 − keep of every node's edges at random, then train on under the mask."""
    method = RandomEdge()
    pruned = []
    for network in networks:
        mask = method.draw(Layer.on_white_inputs(network.w, network.v, network.activation), keep, rng)[0]
        pruned.append(replace(network, w=network.w * mask, mask=mask.astype(np.float64)))
    # a finite network keeps round(pN) edges: the theory is asked for that fraction
    starts = [method.limit(x.order_parameters(), edges_kept(keep, x.N) / x.N).state for x in networks]
    return _retrained(f"{method.name}, p = {keep:g}", pruned, starts, setting, alphas, rng, progress, backend)


def retrain_dpp_nodes(
    networks: Sequence[Network],
    setting: Setting,
    keep: int,
    alphas: Sequence[float],
    rng: np.random.Generator,
    progress: Progress | None = None,
    backend: Backend = CPU,
) -> Retrained:
    """Keep k nodes drawn by a DPP, remove the others, then train on."""
    method = backend.methods[DPPNode.name]
    pruned = []
    for network in networks:
        kept = method.draw(Layer.on_white_inputs(network.w, network.v, network.activation), keep, rng)[0]
        pruned.append(Network(w=network.w[kept], v=network.v[kept], B=network.B, A=network.A))
    starts = [network.order_parameters() for network in pruned]
    return _retrained(f"{method.name}, k = {keep}", pruned, starts, setting, alphas, rng, progress, backend)


def _retrained(
    label: str,
    pruned: Sequence[Network],
    starts: Sequence[OrderParameters],
    setting: Setting,
    alphas: Sequence[float],
    rng: np.random.Generator,
    progress: Progress | None,
    backend: Backend,
) -> Retrained:
    runs = backend.train_replicas(pruned, setting.training, alphas, rng, progress=progress)
    solutions = backend.integrate([problem(state, setting) for state in starts], alphas)
    return Retrained(
        label,
        np.asarray(alphas),
        np.array([errors_of(run.states) for run in runs]),
        np.array([solution.generalization_error for solution in solutions]),
    )
