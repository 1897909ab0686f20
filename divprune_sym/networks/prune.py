"""Prune the hidden layers of a network by any method, on real activations, and refit what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from divprune_sym.ground.checks import BadInput, integer, number, real_array
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.values import ByValue
from divprune_sym.networks.activations import activation
from divprune_sym.networks.masks import PRUNED_NODES, Mask, PrunedNode, apply, compact
from divprune_sym.networks.moments import Moments, SeenLayer
from divprune_sym.pruning import DPPNode, Layer, PruningMethod, reweighted_edges, reweighted_second_layer
from divprune_sym.pruning.method import edges_kept
from divprune_sym.pruning.user_method import load_method

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.networks.network import DenseNetwork

Keep = float | Mapping[int, float]
Source = Literal["pruned", "original"]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class PruneSetting:
    """How a network is pruned; the defaults are the sound ones.

    Parameters
    ----------
    layers : tuple of int or None
        Hidden layers, counted from 0; None: all.
    source : {"pruned", "original"}
        Whose activations a layer's masks and refit are made on: those that the pruned layers before it leave, or
        those of the original network.
    reweight : bool
        Refit by least squares what is left to what the layer did before: the outgoing weights of kept nodes to the
        next layer's fields, the kept edges of a node to its own.
    fit_bias : bool
        Whether the bias is part of that fit.
    ridge : float
        Penalty on the change, relative to the mean of the second moments' diagonal.
    pruned_node : {"removed", "silenced"}
        What a pruned node is: gone, or with incoming weights of zero while its bias stays, so that it puts out g(b).
    published : bool
        Refit nodes as the authors' code does: on outputs without biases, and what pruned nodes put out is dropped.

    Raises
    ------
    BadInput
        A value outside these.
    """

    layers: tuple[int, ...] | None = None
    source: Source = "pruned"
    reweight: bool = False
    fit_bias: bool = True
    ridge: float = 0.0
    pruned_node: PrunedNode = "removed"
    published: bool = False

    def __post_init__(self) -> None:
        if self.source not in ("pruned", "original") or self.pruned_node not in PRUNED_NODES:
            msg = f"source {self.source!r}, pruned node {self.pruned_node!r}: pruned or original, removed or silenced"
            raise BadInput(msg)
        number("ridge", self.ridge, 0.0)

    @classmethod
    def as_published(cls, layers: tuple[int, ...] | None = None, reweight: bool = False) -> PruneSetting:
        """As the code of Acharyya et al. (UAI 2021) does; their kernels are in `networks.published`.

        Layers are looked at on the original network, pruned nodes put out g(b), the fit has no bias.
        """
        return cls(layers, "original", reweight, fit_bias=False, pruned_node="silenced", published=True)

    def chosen(self, network: DenseNetwork) -> tuple[int, ...]:
        """The hidden layers to prune, first to last.

        Raises
        ------
        BadInput
            The network has no hidden layer, or not those.
        """
        if network.hidden_layers == 0:
            msg = "the network has no hidden layer to prune"
            raise BadInput(msg)
        wanted = range(network.hidden_layers) if self.layers is None else self.layers
        return tuple(sorted({integer("layer", n, 0, network.hidden_layers - 1) for n in wanted}))


@dataclass(frozen=True, eq=False)
class Pruned(ByValue):
    """A pruned network.

    Attributes
    ----------
    network : DenseNetwork
        Of the original shape, zeros where it is pruned.
    mask : Mask
    """

    network: DenseNetwork
    mask: Mask

    def compact(self) -> DenseNetwork:
        """The same function, without the pruned nodes; see `masks.compact`."""
        return compact(self.mask, self.network)

    @property
    def smallest(self) -> DenseNetwork:
        """Compact where that can be written down: for counts of parameters and multiplications."""
        if self.mask.unit == "node" and all(kept.any() for kept in self.mask.kept.values()):
            return self.compact()
        return self.network


def methods_for_networks(methods: Mapping[str, PruningMethod]) -> dict[str, PruningMethod]:
    """The methods as they serve a real network.

    The k-DPP over nodes takes the moments of what the next layer sees: two saturated nodes with different fields are
    copies to it, and the preactivation kernel would keep both.
    """
    return {name: DPPNode(kernel="activation") if name == DPPNode.name else m for name, m in methods.items()}


def method_for_networks(method: PruningMethod | str) -> PruningMethod:
    """A method of one's own as it is; that of a name, or of FILE.py:CLASS, as it serves a real network."""
    if not isinstance(method, str):
        return method
    loaded = load_method(method)
    return methods_for_networks({loaded.name: loaded})[loaded.name]


def prune_network(
    network: DenseNetwork,
    x: NDArray[np.float64],
    method: PruningMethod | str,
    keep: Keep,
    rng: Rng,
    setting: PruneSetting | None = None,
    progress: Progress = lambda fraction: None,
    *,
    drawn: Mapping[int, NDArray[np.bool_]] | None = None,
    seen: Mapping[int, SeenLayer] | None = None,
    among: Mapping[int, NDArray[np.bool_]] | None = None,
    checkpoint: Path | None = None,
) -> Pruned:
    """Prune hidden layers, first to last; the output layer keeps all edges from kept nodes.

    Parameters
    ----------
    network : DenseNetwork
    x : (n, inputs)
        Data whose moments the method and the refit use.
    method : PruningMethod or str
        Or its name, or FILE.py:CLASS (which is run).
        Nodes: a share of each layer's nodes is kept. Edges: a share of each node's incoming edges.
    keep : float or mapping of int to float
        Share kept, 0 to 1, or one for each pruned layer; counts are rounded, half up.
    rng : numpy.random.Generator or int
        A seed stands for a new generator.
    setting : PruneSetting, optional
    progress : callable
        Takes the share done.
    drawn : mapping of int to bool array, optional
        Masks of layers that are known already.
    seen : mapping of int to SeenLayer, optional
        Layers of this network on these data, whose moments may be known already: they are taken once for many calls.
    among : mapping of int to bool array, optional
        The edges (K, N) of each layer that are left: only these may be kept.
    checkpoint : Path, optional
        Where the masks of DPP edges are kept while they are drawn, in a file NAME.layerN for each layer; the same call
        goes on from there. Removed when the layer is done.

    Raises
    ------
    BadInput
        A share outside [0, 1], layers that are not there, no data.
    BadShape
        x is not as wide as the network's inputs.
    """
    method, rng = method_for_networks(method), generator(rng)
    setting = setting or PruneSetting()
    x = real_array("x", x, (None, None))
    network.refuse_width("x", x)
    if len(x) == 0:
        msg = "x: no rows, expected data to take moments of"
        raise BadInput(msg)
    layers = setting.chosen(network)
    shares = {n: _share(keep, n) for n in layers}
    masks: dict[int, NDArray[np.bool_]] = {}
    left = network
    # a stream for each layer: a layer whose mask is known already leaves the others' as they are
    streams = rng.integers(0, 2**63, (len(layers), 2))
    for done, (layer, stream) in enumerate(zip(layers, streams.tolist(), strict=True)):
        unpruned = setting.source == "original" or layer == layers[0]
        known = (seen or {}).get(layer) if unpruned else None
        look = known or SeenLayer(network if unpruned else left, layer, x)

        def share_done(of_layer: float, before: int = done) -> None:
            progress((before + of_layer) / len(layers))

        own = np.random.default_rng(stream)
        if drawn is not None and layer in drawn:
            masks[layer] = drawn[layer]
        elif among is not None:
            masks[layer] = edges_among(look, method, shares[layer], among[layer], own)
        else:
            file = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}.layer{layer}")
            masks[layer] = draw_mask(look, method, shares[layer], own, progress=share_done, checkpoint=file)
        left = prune_layer(left, look, masks[layer], setting)
        progress((done + 1) / len(layers))
    return Pruned(left, Mask(method.unit, masks, method.name, pruned_node=setting.pruned_node))


def _share(keep: Keep, layer: int) -> float:
    if isinstance(keep, Mapping):
        if layer not in keep:
            msg = f"keep: no share for layer {layer}"
            raise BadInput(msg)
        keep = keep[layer]
    return number("keep", keep, 0.0, 1.0)


def draw_mask(
    look: SeenLayer,
    method: PruningMethod,
    keep: float,
    rng: Rng,
    count: int | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> NDArray[np.bool_]:
    """One mask (K,) or (K, N) of a hidden layer, or `count` of them, (count, …).

    progress, checkpoint: the share of nodes done, and a file that holds them, where the method takes them one by one.
    """
    masks = method.draw_share(look, keep, generator(rng), count or 1, progress=progress, checkpoint=checkpoint)
    return masks[0] if count is None else masks


def edges_among(
    look: Layer, method: PruningMethod, share: float, left: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """A mask (K, N) of a share of all edges, drawn among those that are left, (K, N).

    A method that goes by weights keeps no pruned edge, whose weight is zero. What any other draws, it draws on the
    inputs that are left: nodes with the same ones are one layer, as a method may prune the inputs of all nodes alike.

    Raises
    ------
    BadInput
        The method draws patterns of groups of inputs, at random.
    """
    mask: NDArray[np.bool_] = method.draw_share(look, share, rng)[0]
    if not (mask & ~left).any():
        return mask
    if getattr(method, "fractions", None) is not None:
        msg = f"{method.name}: its pattern cannot be drawn among the edges that an earlier step left; leave out --steps"
        raise BadInput(msg)
    mask = np.zeros_like(left)
    N, moments = left.shape[1], look.input_moments
    patterns, group = np.unique(left, axis=0, return_inverse=True)
    for n, pattern in enumerate(patterns):
        nodes, inputs = np.flatnonzero(group.ravel() == n), np.flatnonzero(pattern)
        part = Layer(
            look.weights[np.ix_(nodes, inputs)],
            look.outgoing[nodes],
            look.activation_kernel[np.ix_(nodes, nodes)],
            look.preactivation_kernel[np.ix_(nodes, nodes)],
            None if moments is None else moments[np.ix_(inputs, inputs)],
        )
        kept = min(edges_kept(share, N), len(inputs)) / len(inputs)
        mask[np.ix_(nodes, inputs)] = method.draw_share(part, kept, rng)[0]
    return mask


def prune_layer(network: DenseNetwork, look: SeenLayer, kept: NDArray[np.bool_], setting: PruneSetting) -> DenseNetwork:
    """Prune one layer by a mask (K,) or (K, N), and refit, on what was seen of it, if the setting says so."""
    unit: Literal["node", "edge"] = "node" if kept.ndim == 1 else "edge"
    pruned = apply(Mask(unit, {look.number: kept}, pruned_node=setting.pruned_node), network)
    if not setting.reweight or kept.all():
        return pruned
    cut = _Cut(network, pruned, look, kept, setting)
    if unit == "edge":
        return cut.refitted_edges()
    return cut.refitted_as_published() if setting.published else cut.refitted_nodes()


@dataclass(frozen=True)
class _Cut:
    """One layer with what was pruned away, and what a refit makes of the rest.

    Parameters
    ----------
    network, pruned : DenseNetwork
        Before and after the layer was pruned.
    look : SeenLayer
        On what it is refitted.
    kept : (K,) or (K, N)
    """

    network: DenseNetwork
    pruned: DenseNetwork
    look: SeenLayer
    kept: NDArray[np.bool_]
    setting: PruneSetting

    def refitted_nodes(self) -> DenseNetwork:
        """Outgoing weights of kept nodes, and the next bias, fitted to the next layer's fields before pruning."""
        layer, kept, network = self.look.number, self.kept, self.network
        after, bias = network.weights[layer + 1].T, network.biases[layer + 1]
        still = np.zeros(len(kept))
        if self.setting.pruned_node == "silenced":
            still[~kept] = activation(network.activations[layer])(network.biases[layer][~kept])
        lost = self.look.outputs.shifted(-still)  # of a pruned node: what it no longer puts out
        change_of_kept = np.zeros_like(after)
        chosen = np.flatnonzero(kept)
        if len(chosen):
            refitted = reweighted_second_layer(_fitted_to(lost, self.setting), after, chosen[None])[0]
            change_of_kept[chosen] = refitted - after[chosen]
        if self.setting.fit_bias:
            bias = bias + lost.mean[~kept] @ after[~kept] - lost.mean @ change_of_kept
        weights = self.pruned.weights[layer + 1] + change_of_kept.T
        return self.pruned.with_layers({layer + 1: (weights, bias)})

    def refitted_as_published(self) -> DenseNetwork:
        """Outputs without biases of kept nodes fitted to those of pruned ones, whose outgoing weights become zero."""
        layer, network = self.look.number, self.network
        after = network.weights[layer + 1].T
        new = np.zeros_like(after)
        chosen = np.flatnonzero(self.kept)
        if len(chosen):
            moments = self.look.outputs_without_biases.second
            new[chosen] = reweighted_second_layer(moments, after, chosen[None])[0]
        return self.pruned.with_layers({layer + 1: (new.T, network.biases[layer + 1])})

    def refitted_edges(self) -> DenseNetwork:
        """Kept edges of every node, and its bias, fitted to its field before pruning; one Gram matrix for all nodes."""
        W, b = self.look.weights, self.look.network.biases[self.look.number]
        refitted = reweighted_edges(W, self.kept, _fitted_to(self.look.inputs, self.setting))
        if self.setting.fit_bias:
            b = b + (W - refitted) @ self.look.inputs.mean
        return self.pruned.with_layers({self.look.number: (refitted, b)})


def _fitted_to(moments: Moments, setting: PruneSetting) -> NDArray[np.float64]:
    """What least squares needs: centered if a bias is fitted too, with the ridge on its diagonal."""
    found = moments.covariance.copy() if setting.fit_bias else moments.second
    if setting.ridge > 0:
        found[np.diag_indices_from(found)] += setting.ridge * float(np.mean(np.diag(found)))
    return found
