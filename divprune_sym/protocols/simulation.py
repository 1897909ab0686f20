"""The face of a protocol at finite N: online SGD of networks, masks drawn on their weights, weights set back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation.error import errors_of, moments_of
from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.values import ByValue
from divprune_sym.ground.work import each_done
from divprune_sym.protocols.flow import label, reported
from divprune_sym.protocols.steps import RESCALINGS, Keep, Prune, Rewind, Teacher, Train
from divprune_sym.pruning.after.rescaling import rescaled
from divprune_sym.pruning.after.reweighting import reweighted_second_layer
from divprune_sym.pruning.method import Layer, NodeMethod
from divprune_sym.simulate import Network, Training, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.protocols.steps import Step


@dataclass(frozen=True, eq=False)
class ProtocolSimulation(ByValue):
    """ε_g along a protocol, of networks with N inputs.

    Attributes
    ----------
    alpha : (S,)
        As in `ProtocolSolution`, in whole updates of each stage.
    generalization_error : (replicas, S)
    marks : tuple of (float, str)
    networks : tuple of Network
        As they stand at the end.
    """

    alpha: NDArray[np.float64]
    generalization_error: NDArray[np.float64]
    marks: tuple[tuple[float, str], ...]
    networks: tuple[Network, ...]


def simulate(
    steps: tuple[Step, ...],
    state: OrderParameters,
    N: int,
    rng: Rng,
    replicas: int,
    points: int,
    progress: Callable[[float], None] | None,
) -> ProtocolSimulation:
    """See `Protocol.simulate`."""
    if len(state.fraction) != 1 or state.variance[0] != 1.0 or (state.mask != 1.0).any():
        msg = "a simulation starts from an unpruned student on inputs of variance 1"
        raise BadInput(msg)
    N = integer("N", N, state.K + state.M)
    children = generator(rng).spawn(integer("replicas", replicas, 1))
    ran = {}
    for r, outcome in each_done(lambda r: _one(steps, state, N, children[r], points), range(replicas)):
        ran[r] = outcome
        if progress is not None:
            progress(len(ran) / replicas)
    alphas, marks, clock = [], [], 0.0
    for step in steps:
        marks.append((clock, label(step)))
        if isinstance(step, Train):
            alphas.append(clock + reported(step, points, N))
            clock += step.alpha
    errors = np.array([ran[r][0] for r in range(replicas)])
    return ProtocolSimulation(np.concatenate(alphas), errors, tuple(marks), tuple(ran[r][1] for r in range(replicas)))


def network_of(state: OrderParameters, N: int, rng: np.random.Generator) -> Network:
    """Gaussian weights whose overlaps are those of an unpruned state to rounding."""
    fields = rng.standard_normal((state.K + state.M, N))
    left, _, right = np.linalg.svd(fields, full_matrices=False)
    values, vectors = np.linalg.eigh(state.covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    weights = np.sqrt(N) * root @ vectors.T @ left @ right
    return Network(
        w=weights[: state.K],
        v=state.v,
        B=weights[state.K :],
        A=state.A,
        activation=state.activation,
        teacher_activation=state.teacher_activation,
    )


def _one(
    steps: tuple[Step, ...], state: OrderParameters, N: int, rng: np.random.Generator, points: int
) -> tuple[NDArray[np.float64], Network]:
    """One network's errors (S,), and the network at the end."""
    network = network_of(state, N, rng)
    # rows are those of the first student's nodes that are left
    nodes = np.arange(state.K)
    kept: dict[str, Network] = {}
    errors = []
    for at, step in enumerate(steps, 1):
        if isinstance(step, Train):
            measured, network = _trained(network, step, rng, points)
            errors.append(measured)
        elif isinstance(step, Prune):
            network, left = _pruned(network, step, rng, at)
            nodes = nodes[left]
        elif isinstance(step, Keep):
            kept[step.name] = _whole(network, nodes, state.K)
        elif isinstance(step, Rewind):
            past = kept[step.to]
            network = replace(network, w=network.mask * past.w[nodes], v=past.v[nodes])
        elif isinstance(step, Teacher):
            network = replace(network, A=np.array(step.A))
    return np.concatenate(errors), network


def _whole(network: Network, nodes: NDArray[np.int64], K: int) -> Network:
    """The network with rows for all nodes of the first student; those that are gone are 0."""
    w, v = np.zeros((K, network.N)), np.zeros(K)
    w[nodes], v[nodes] = network.w, network.v
    return replace(network, w=w, v=v, mask=np.ones_like(w))


def _trained(
    network: Network, step: Train, rng: np.random.Generator, points: int
) -> tuple[NDArray[np.float64], Network]:
    times = reported(step, points, network.N)
    errors = np.zeros(len(times))
    for begin, end, rates in step.pieces():
        here = (times >= begin) & (times <= end)
        asked = np.union1d(times[here], [begin, end])
        ran = train(network, Training(**rates, second_layer="second" in step.layers), asked - begin, rng)
        errors[here] = errors_of(ran.states)[np.isin(asked, times[here])]
        network = ran.network
    return errors, network


def _pruned(network: Network, step: Prune, rng: np.random.Generator, at: int) -> tuple[Network, NDArray[np.int64]]:
    """The pruned network, and which of its nodes are left."""
    method = step.loaded()
    layer = Layer.on_white_inputs(network.w, network.v, network.activation)
    if isinstance(method, NodeMethod):
        left = np.flatnonzero(method.draw(layer, int(step.keep), rng)[0])
        v = network.v[left]
        if step.refit == "best":
            moments = moments_of(network.order_parameters())[: network.K, : network.K]
            v = reweighted_second_layer(moments, network.v, left[None])[0]
        return replace(network, w=network.w[left], v=v, mask=network.mask[left]), left
    if (network.mask != 1.0).any():
        msg = f"step {at} ({label(step)}): the edges of this student are pruned already"
        raise BadInput(msg)
    mask = method.draw(layer, step.keep, rng)[0].astype(np.float64)
    pruned = replace(network, w=network.w * mask, mask=mask)
    x = pruned.order_parameters()
    factor = rescaled(
        x.covariance[None],
        x.signed_weights[None],
        x.K,
        float(mask.mean()),
        RESCALINGS[step.refit],
        network.activation,
        network.teacher_activation,
    ).factor[0]
    return replace(pruned, w=factor * pruned.w), np.arange(network.K)
