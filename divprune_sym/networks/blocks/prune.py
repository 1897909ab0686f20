"""Blocks of a graph pruned in place, by any method, on the moments of what onnxruntime computes for a user's inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.networks.blocks.find import Block, Graph, Numbers, find_blocks
from divprune_sym.networks.blocks.moments import moments_of
from divprune_sym.networks.masks import Mask
from divprune_sym.networks.moments import Moments
from divprune_sym.networks.prune import edges_among, method_for_networks
from divprune_sym.pruning import Layer, PruningMethod, reweighted_edges, reweighted_second_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.networks.blocks.inputs import Inputs
    from divprune_sym.networks.prune import PruneSetting


@dataclass(frozen=True)
class PrunedGraph:
    """A graph whose blocks were pruned.

    Attributes
    ----------
    model : ModelProto
    blocks : tuple of Block
        All blocks of the graph as it was.
    mask : Mask
        Of the chosen blocks, by number.
    """

    model: Any
    blocks: tuple[Block, ...]
    mask: Mask


def chosen_blocks(path: Path, graph: Graph, layers: tuple[int, ...] | None) -> tuple[int, ...]:
    """Numbers of the blocks to prune, in the graph's order.

    Raises
    ------
    BadInput
        The graph has no dense block, or not those.
    """
    if not graph.blocks:
        msg = f"{path}: has no dense block: two matrix products with an elementwise function between, and no other use"
        if graph.left_alone:
            msg = f"{path}: has no dense block of its own; {graph.left_alone[0]}"
        raise BadInput(msg)
    wanted = range(len(graph.blocks)) if layers is None else layers
    return tuple(sorted({integer("--layer", n, 0, len(graph.blocks) - 1) for n in wanted}))


def prune_graph(
    path: Path,
    model: Any,
    inputs: Inputs,
    method: PruningMethod | str,
    shares: Mapping[int, float],
    rng: Rng,
    setting: PruneSetting,
    *,
    compact: bool = False,
    among: Mapping[int, NDArray[np.bool_]] | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> PrunedGraph:
    """Prune the blocks that `shares` names, first to last.

    Parameters
    ----------
    path : Path
        Of the model, for messages.
    model : ModelProto
        Is not changed.
    inputs : Inputs
    method : PruningMethod or str
        Or its name, or FILE.py:CLASS (which is run).
    shares : mapping of int to float
        Share of units, or of every unit's incoming edges, kept in each block.
    rng : Generator or int
    setting : PruneSetting
        source, reweight, fit_bias and ridge; pruned units are removed.
    compact : bool
        Take removed units out of the graph instead of setting them to zero.
    among : mapping of int to bool array, optional
        The edges (K, N) of each block that are left: only these may be kept.

    Raises
    ------
    BadInput
        A share outside [0, 1] or one that leaves no unit; a graph that cannot be run on the inputs.
    """
    from onnx import ModelProto

    left = ModelProto()
    left.CopyFrom(model)
    blocks = find_blocks(path, left)
    method, rng = method_for_networks(method), generator(rng)
    chosen = sorted(shares)
    known: dict[str, Moments] = {}
    if setting.source == "original":
        known = moments_of(model, inputs, [name for n in chosen for name in (blocks[n].up.input, blocks[n].hidden)])
    numbers = Numbers(path, left)
    kept: dict[int, NDArray[np.bool_]] = {}
    streams = rng.integers(0, 2**63, (len(chosen), 2))
    for done, (n, stream) in enumerate(zip(chosen, streams.tolist(), strict=True)):
        block = blocks[n]
        seen = known or moments_of(left, inputs, [block.up.input, block.hidden])
        own = np.random.default_rng(stream)
        left_edges = None if among is None else among[n]
        kept[n] = drawn(numbers, block, method, number("keep", shares[n], 0.0, 1.0), own, seen, left_edges)
        cut(numbers, block, kept[n], seen, setting)
        progress((done + 1) / len(chosen))
    if compact and method.unit == "node":
        for n in chosen:  # at last: what a block puts out may be the units of the next, and moments are of all of them
            _take_out(left, numbers, blocks[n], kept[n])
    return PrunedGraph(left, tuple(blocks), Mask(method.unit, kept, method.name))


def drawn(
    numbers: Numbers,
    block: Block,
    method: PruningMethod,
    share: float,
    rng: np.random.Generator,
    seen: Mapping[str, Moments],
    among: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """A mask of a block's units (K,) or edges (K, N)."""
    W, b = numbers.weights(block.up), numbers.bias(block.up)
    given = seen[block.up.input]
    layer = Layer(
        W,
        numbers.weights(block.down).T,
        activation_kernel=seen[block.hidden].second,
        preactivation_kernel=given.through(W, b).second,
        input_moments=given.second,
    )
    if among is not None:
        return edges_among(layer, method, share, among, rng)
    mask: NDArray[np.bool_] = method.draw_share(layer, share, rng)[0]
    if method.unit == "node" and not mask.any():
        msg = f"keep = {share:g}: keeps 0 of {len(W)} units of block {block.name!r}; at least {0.5 / len(W):.3g}"
        raise BadInput(msg)
    return mask


def cut(
    numbers: Numbers, block: Block, kept: NDArray[np.bool_], seen: Mapping[str, Moments], setting: PruneSetting
) -> None:
    """Prune a block by a mask, and refit it if the setting says so."""
    if kept.ndim == 1:
        _prune_units(numbers, block, kept, seen[block.hidden], setting)
    else:
        _prune_edges(numbers, block, kept, seen[block.up.input], setting)


def _least_squares(moments: Moments, setting: PruneSetting, constant: bool) -> NDArray[np.float64]:
    """What the fit needs: centered if there is a bias to fit too."""
    found = moments.covariance.copy() if constant else moments.second
    found[np.diag_indices_from(found)] += setting.ridge * float(np.mean(np.diag(found)))
    return found


def _prune_units(
    numbers: Numbers, block: Block, kept: NDArray[np.bool_], hidden: Moments, setting: PruneSetting
) -> None:
    W, b = numbers.weights(block.up), numbers.bias(block.up)
    after, bias = numbers.weights(block.down).T, numbers.bias(block.down)
    numbers.put_weights(block.up, W * kept[:, None])
    if b is not None:
        numbers.put_bias(block.up, b * kept)
    new = after * kept[:, None]
    if setting.reweight and not kept.all():
        constant = setting.fit_bias and bias is not None
        chosen = np.flatnonzero(kept)
        moments = _least_squares(hidden, setting, constant)
        new[chosen] = reweighted_second_layer(moments, after, chosen[None])[0]
        if constant and bias is not None:
            numbers.put_bias(block.down, bias + hidden.mean @ (after - new))
    numbers.put_weights(block.down, new.T)


def _prune_edges(
    numbers: Numbers, block: Block, kept: NDArray[np.bool_], given: Moments, setting: PruneSetting
) -> None:
    W, b = numbers.weights(block.up), numbers.bias(block.up)
    new = W * kept
    if setting.reweight and not kept.all():
        constant = setting.fit_bias and b is not None
        new = reweighted_edges(W, kept, _least_squares(given, setting, constant))
        if constant and b is not None:
            numbers.put_bias(block.up, b + (W - new) @ given.mean)
    numbers.put_weights(block.up, new)


def _take_out(model: Any, numbers: Numbers, block: Block, kept: NDArray[np.bool_]) -> None:
    """Make the tensors of a block smaller: only kept units are left in it."""
    numbers.put_weights(block.up, numbers.weights(block.up)[kept])
    bias = None if block.up.bias is None else numbers.array(block.up.bias)
    if block.up.bias is not None and bias is not None and bias.size == len(kept):
        numbers.put(block.up.bias, bias[..., kept])
    numbers.put_weights(block.down, numbers.weights(block.down)[:, kept])
    for name in block.of_units:
        numbers.put(name, numbers.array(name)[..., kept])
    for entry in model.graph.value_info:
        axes = entry.type.tensor_type.shape.dim
        if entry.name in block.between and len(axes) and axes[-1].dim_value:
            axes[-1].dim_value = int(kept.sum())
