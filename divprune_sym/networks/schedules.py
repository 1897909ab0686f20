"""How much of each layer is kept, and in how many steps: one budget for all layers, prune and refit again and again."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.networks.masks import Mask, apply, compact
from divprune_sym.networks.moments import SeenLayer
from divprune_sym.networks.prune import Pruned, PruneSetting, draw_mask, method_for_networks, prune_layer, prune_network
from divprune_sym.pruning.method import edges_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from divprune_sym.networks.network import DenseNetwork
    from divprune_sym.pruning import PruningMethod

    AfterStep = Callable[[Pruned, int], Pruned]

GRID = tuple(n / 20 for n in range(20, 0, -1))
ROWS = 4096


def rounded_to_nothing(
    sizes: Mapping[int, int], method: PruningMethod, shares: Mapping[int, float], part: str = "layer"
) -> list[str]:
    """What is to be said of shares of which nothing is left.

    sizes: of each layer or block, nodes or the inputs of one, as the method prunes them
    """
    said = []
    for n, share in shares.items():
        if share > 0 and edges_kept(share, sizes[n]) == 0:
            what = f"nodes of {part} {n}" if method.unit == "node" else f"edges of each node of {part} {n}"
            said.append(f"keep = {share:g} is 0 of {sizes[n]} {what}; at least {0.5 / sizes[n]:.3g} keeps one")
    return said


def kept_parameters(network: DenseNetwork, unit: str, shares: Mapping[int, float]) -> int:
    """Weights and biases left when a share of each layer's nodes, or of their edges, is kept."""
    widths = list(network.widths)
    edges = dict.fromkeys(range(len(network.weights)), 1.0)
    for layer, share in shares.items():
        if unit == "node":
            widths[layer + 1] = edges_kept(share, widths[layer + 1])
        else:
            edges[layer] = edges_kept(share, widths[layer]) / widths[layer]
    products = (round(edges[n] * a) * b for n, (a, b) in enumerate(pairwise(widths)))
    return sum(products) + sum(widths[1:])


def allocated(
    network: DenseNetwork,
    x: NDArray[np.float64],
    method: PruningMethod | str,
    budget: float,
    rng: Rng,
    setting: PruneSetting,
    progress: Callable[[float], None] = lambda fraction: None,
) -> dict[int, float]:
    """A share for each layer, so that at most `budget` of all parameters is kept, by least damage.

    The damage of a layer at a share is the mean square change of the next layer's fields, relative to their variance,
    when that layer alone is pruned (and refitted, if the setting says so). From everything kept, the layer that pays
    least for each parameter it gives up goes down one step, until the budget is met.

    Parameters
    ----------
    network, x, method, rng, setting
        As in `prune_network`.
    budget : float
        Share of weights and biases, 0 to 1.

    Raises
    ------
    BadInput
        Less than what cannot be pruned, such as the output layer.
    """
    method, rng = method_for_networks(method), generator(rng)
    layers = setting.chosen(network)
    rows = x[:ROWS]
    damage = {}
    for done, layer in enumerate(layers):
        damage[layer] = _damages(network, rows, layer, method, rng, setting)
        progress((done + 1) / len(layers))
    return least_damage(damage, lambda shares: kept_parameters(network, method.unit, shares), budget)


def least_damage(
    damage: Mapping[int, list[tuple[float, float]]], left: Callable[[Mapping[int, float]], int], budget: float
) -> dict[int, float]:
    """A share for each layer: down from everything, by what hurts least for each parameter given up.

    Parameters
    ----------
    damage : mapping of int to list of (share, damage)
        Of each layer, from everything kept down.
    left : callable
        Parameters that shares leave.
    budget : float
        Share of all parameters.

    Raises
    ------
    BadInput
        More is left at the lowest shares.
    """
    budget = number("--keep-parameters", budget, 0.0, 1.0)

    def shares(places: Mapping[int, int]) -> dict[int, float]:
        return {n: damage[n][at][0] for n, at in places.items()}

    place = dict.fromkeys(damage, 0)
    whole = left(shares(place))
    while (now := left(shares(place))) > budget * whole:
        lower = [place | {n: place[n] + 1} for n in damage if place[n] + 1 < len(damage[n])]
        if not lower:
            msg = f"--keep-parameters {budget:g}: at least {now / whole:.3g} of the parameters are left, "
            msg += "as each layer keeps something and the output layer is not pruned"
            raise BadInput(msg)
        pain = [sum(damage[n][at][1] for n, at in places.items()) for places in lower]
        before = sum(damage[n][at][1] for n, at in place.items())
        given_up = [max(now - left(shares(places)), 1) for places in lower]
        prices = [(one - before) / parameters for one, parameters in zip(pain, given_up, strict=True)]
        place = lower[int(np.argmin(prices))]
    return shares(place)


def _damages(
    network: DenseNetwork,
    x: NDArray[np.float64],
    layer: int,
    method: PruningMethod,
    rng: np.random.Generator,
    setting: PruneSetting,
) -> list[tuple[float, float]]:
    """(share, damage) from everything kept down, at shares that the method can keep and that keep something."""
    look = SeenLayer(network, layer, x)
    h = network.inputs_of(layer, x)
    wanted = network.preactivations(layer + 1, network.outputs(layer, h))
    spread = float(np.sum(wanted.var(axis=0))) or 1.0
    found = [(1.0, 0.0)]
    size = network.widths[layer + 1 if method.unit == "node" else layer]
    for share in GRID[1:]:
        if edges_kept(share, size) == 0:
            break
        try:
            kept = draw_mask(look, method, share, rng)
        except BadInput:  # a share that the method cannot keep
            continue
        pruned = prune_layer(network, look, kept, setting)
        change = pruned.preactivations(layer + 1, pruned.outputs(layer, h)) - wanted
        worst = max(found[-1][1], float(np.mean(np.sum(change**2, axis=1))) / spread)
        found.append((share, worst))
    return found


def prune_in_steps(
    network: DenseNetwork,
    x: NDArray[np.float64],
    method: PruningMethod | str,
    shares: Mapping[int, float],
    steps: int,
    rng: Rng,
    setting: PruneSetting,
    after_step: AfterStep = lambda pruned, step: pruned,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Pruned:
    """Prune to share^(1/steps), refit, and again, until the share is reached: each step prunes what the last one left.

    Parameters
    ----------
    network, x, method, rng, setting
        As in `prune_network`; pruned nodes are removed.
    shares : mapping of int to float
        Of each layer at the end.
    steps : int
    after_step : callable
        (pruned, step) -> pruned, such as fine-tuning under the mask.

    Raises
    ------
    BadInput
        Nodes are silenced.
    """
    steps = integer("--steps", steps, 1)
    method, rng = method_for_networks(method), generator(rng)
    if setting.pruned_node != "removed":
        msg = "--steps: pruned nodes are removed; leave out --silenced and --as-published"
        raise BadInput(msg)
    layers = tuple(sorted(shares))
    kept = {n: np.full(_shape(network, method.unit, n), True) for n in layers}
    now = Pruned(network, Mask(method.unit, kept, method.name))
    for step in range(1, steps + 1):
        part = {n: step_share(method, share, step / steps) for n, share in shares.items()}
        how = replace(setting, layers=layers)
        now = after_step(_one_step(network, now, x, method, part, rng, how), step)
        progress(step / steps)
    return now


def step_share(method: PruningMethod, share: float, done: float) -> float:
    """The share after a part of the steps: share^done, or the next larger one that the method can keep."""
    part = share**done
    fractions = getattr(method, "fractions", None)
    return part if fractions is None else min(float(p) for p in fractions if float(p) >= part - 1e-9)


def _shape(network: DenseNetwork, unit: str, layer: int) -> tuple[int, ...]:
    shape: tuple[int, ...] = network.weights[layer].shape
    return shape[:1] if unit == "node" else shape


def _one_step(
    network: DenseNetwork,
    now: Pruned,
    x: NDArray[np.float64],
    method: PruningMethod,
    shares: Mapping[int, float],
    rng: np.random.Generator,
    setting: PruneSetting,
) -> Pruned:
    before = now.mask.kept
    if now.mask.unit == "edge":
        return prune_network(now.network, x, method, shares, rng, setting, among=before)
    small = compact(now.mask, now.network)
    counts = {n: edges_kept(share, len(before[n])) for n, share in shares.items()}
    found = prune_network(small, x, method, {n: counts[n] / before[n].sum() for n in shares}, rng, setting)
    kept = {n: before[n].copy() for n in shares}
    for n, inner in found.mask.kept.items():
        kept[n][before[n]] = inner
    mask = Mask("node", kept, method.name)
    # what was fitted goes back to its place in the network of the first shape
    whole = apply(mask, network)
    units = {-1: np.full(network.widths[0], True), **{n: np.full(len(b), True) for n, b in enumerate(network.biases)}}
    units |= before
    layers = {}
    for n, (W, b) in enumerate(zip(found.network.weights, found.network.biases, strict=True)):
        wide, bias = np.zeros(network.weights[n].shape), np.zeros(len(network.biases[n]))
        wide[np.ix_(units[n], units[n - 1])], bias[units[n]] = W, b
        layers[n] = (wide, bias)
    return Pruned(whole.with_layers(layers), mask)
