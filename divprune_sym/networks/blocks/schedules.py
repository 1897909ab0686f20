"""Blocks of a graph pruned to one budget, or in steps."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.networks.blocks.find import Block, Numbers, find_blocks
from divprune_sym.networks.blocks.moments import moments_of, ran, with_outputs
from divprune_sym.networks.blocks.prune import PrunedGraph, cut, drawn, prune_graph
from divprune_sym.networks.graphs.session import session
from divprune_sym.networks.masks import Mask
from divprune_sym.networks.prune import method_for_networks
from divprune_sym.networks.schedules import GRID, least_damage, step_share
from divprune_sym.pruning.method import edges_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.networks.blocks.inputs import Inputs
    from divprune_sym.networks.moments import Moments
    from divprune_sym.networks.prune import PruneSetting
    from divprune_sym.pruning import PruningMethod

# of inputs on which the damage of a share is measured
BATCHES = 4


def kept_parameters(blocks: Mapping[int, Block], unit: str, shares: Mapping[int, float]) -> int:
    """Weights and biases left in blocks when a share of each one's units, or of their incoming edges, is kept."""
    total = 0
    for n, block in blocks.items():
        inputs, units, outputs = block.widths
        kept = edges_kept(shares[n], units) if unit == "node" else units
        edges = edges_kept(shares[n], inputs) if unit == "edge" else inputs
        biases = (kept if block.up.bias else 0) + (outputs if block.down.bias else 0)
        total += kept * (edges + outputs) + biases
    return total


def allocated_blocks(
    path: Path,
    model: Any,
    inputs: Inputs,
    method: PruningMethod | str,
    chosen: Sequence[int],
    budget: float,
    rng: Rng,
    setting: PruneSetting,
    progress: Callable[[float], None] = lambda fraction: None,
) -> dict[int, float]:
    """A share for each chosen block, so that at most `budget` of their parameters is kept, by least damage.

    The damage of a block at a share is the mean square change of what it puts out, relative to its variance, when that
    block alone is pruned (and refitted, if the setting says so); measured by running the block on what it receives for
    the first of the inputs.

    Parameters
    ----------
    path, model, inputs, method, rng, setting
        As in `prune_graph`.
    chosen : sequence of int
        Blocks, by number.
    budget : float
        Share of the weights and biases of these blocks, 0 to 1.

    Raises
    ------
    BadInput
        Less than what cannot be pruned.
    """
    method, rng = method_for_networks(method), generator(rng)
    found = find_blocks(path, model)
    blocks = {n: found[n] for n in chosen}
    names = [name for block in blocks.values() for name in (block.up.input, block.hidden)]
    seen = moments_of(model, inputs, names)
    received = _received(model, inputs, [block.up.input for block in blocks.values()])
    damage = {}
    for done, (n, block) in enumerate(blocks.items()):
        damage[n] = _damages(path, model, block, method, rng, setting, seen, received[block.up.input])
        progress((done + 1) / len(blocks))
    return least_damage(damage, lambda shares: kept_parameters(blocks, method.unit, shares), budget)


def _received(model: Any, inputs: Inputs, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Some tensors of a graph for the first of the inputs."""
    made = [name for name in dict.fromkeys(names) if name not in inputs.ports]
    running = session(with_outputs(model, made)) if made else None
    parts: dict[str, list[NDArray[Any]]] = {}
    for fed, _ in islice(inputs.batches(), BATCHES):
        found = dict(zip(made, ran(running, made, fed), strict=True)) if running is not None else {}
        for name in names:
            parts.setdefault(name, []).append(fed[name] if name in fed else found[name])
    return {name: np.concatenate([part.reshape(-1, part.shape[-1]) for part in some]) for name, some in parts.items()}


def _damages(
    path: Path,
    model: Any,
    block: Block,
    method: PruningMethod,
    rng: np.random.Generator,
    setting: PruneSetting,
    seen: Mapping[str, Moments],
    rows: NDArray[Any],
) -> list[tuple[float, float]]:
    """(share, damage) from everything kept down, at shares that the method can keep and that keep something."""
    whole = alone(model, block, rows)

    def put_out(part: Any) -> NDArray[np.float64]:
        fed = {block.up.input: rows}
        return np.asarray(ran(session(part.SerializeToString()), None, fed)[0]).astype(np.float64)

    wanted = put_out(whole)
    spread = float(wanted.var(axis=0).sum()) or 1.0
    size = block.widths[1 if method.unit == "node" else 0]
    found = [(1.0, 0.0)]
    for share in GRID[1:]:
        if edges_kept(share, size) == 0:
            break
        part = type(whole)()
        part.CopyFrom(whole)
        numbers = Numbers(path, part)
        try:
            kept = drawn(numbers, block, method, share, rng, seen)
        except BadInput:  # a share that the method cannot keep
            continue
        cut(numbers, block, kept, seen, setting)
        change = float(np.mean(np.sum((put_out(part) - wanted) ** 2, axis=1))) / spread
        found.append((share, max(found[-1][1], change)))
    return found


def alone(model: Any, block: Block, rows: NDArray[Any]) -> Any:
    """A block as a model of its own, from rows (n, inputs) to what it puts out."""
    from onnx import ModelProto, helper

    makers = {name: node for node in model.graph.node for name in node.output}
    wanted, needed = [block.down.output], set()
    while wanted:
        name = wanted.pop()
        if name in needed or name == block.up.input:
            continue
        needed.add(name)
        if name in makers:
            wanted += [given for given in makers[name].input if given]
    part = ModelProto()
    part.CopyFrom(model)
    del part.graph.node[:], part.graph.initializer[:], part.graph.input[:], part.graph.output[:]
    del part.graph.value_info[:], part.graph.quantization_annotation[:]
    part.graph.node.extend(node for node in model.graph.node if needed.intersection(node.output))
    part.graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in needed)
    kind = helper.np_dtype_to_tensor_dtype(rows.dtype)
    for ends, name in ((part.graph.input, block.up.input), (part.graph.output, block.down.output)):
        ends.append(helper.make_tensor_value_info(name, kind, [None, None]))
    return part


def prune_graph_in_steps(
    path: Path,
    model: Any,
    inputs: Inputs,
    method: PruningMethod | str,
    shares: Mapping[int, float],
    steps: int,
    rng: Rng,
    setting: PruneSetting,
    *,
    compact: bool = False,
    progress: Callable[[float], None] = lambda fraction: None,
) -> PrunedGraph:
    """`prune_graph` to share^(1/steps), refitted, and again, until the share is reached: each step prunes what is left.

    Parameters
    ----------
    path, model, inputs, method, shares, rng, setting, compact
        As in `prune_graph`.
    steps : int

    Raises
    ------
    BadInput
        As `prune_graph`, or no step.
    """
    steps = integer("--steps", steps, 1)
    method, rng = method_for_networks(method), generator(rng)
    blocks = find_blocks(path, model)
    now = PrunedGraph(model, tuple(blocks), Mask(method.unit, {}, method.name))
    inner = setting
    kept = {n: _everything(blocks[n], method.unit) for n in shares}
    for step in range(1, steps + 1):
        part = {n: step_share(method, share, step / steps) for n, share in shares.items()}
        if method.unit == "edge":
            now = prune_graph(path, now.model, inputs, method, part, rng, inner, among=kept)
            kept = dict(now.mask.kept)
        else:
            counts = {n: edges_kept(share, len(kept[n])) for n, share in part.items()}
            relative = {n: counts[n] / kept[n].sum() for n in part}
            now = prune_graph(path, now.model, inputs, method, relative, rng, inner, compact=True)
            for n, inside in now.mask.kept.items():
                kept[n][kept[n]] = inside
        progress(step / steps)
    left = now.model if compact or method.unit == "edge" else _in_place(path, model, now.model, blocks, kept)
    return PrunedGraph(left, tuple(blocks), Mask(method.unit, kept, method.name))


def _everything(block: Block, unit: str) -> NDArray[np.bool_]:
    inputs, units, _ = block.widths
    return np.ones(units if unit == "node" else (units, inputs), dtype=np.bool_)


def _in_place(
    path: Path, model: Any, small: Any, blocks: Sequence[Block], kept: Mapping[int, NDArray[np.bool_]]
) -> Any:
    """The numbers of a smaller graph in the graph of the first shape, zeros where units were removed."""
    whole = type(model)()
    whole.CopyFrom(model)
    wide, narrow = Numbers(path, whole), Numbers(path, small)
    for n, units in kept.items():
        up, down = blocks[n].up, blocks[n].down
        W, V = (np.zeros_like(wide.weights(dense)) for dense in (up, down))
        W[units], V[:, units] = narrow.weights(up), narrow.weights(down)
        wide.put_weights(up, W)
        wide.put_weights(down, V)
        b, c = wide.bias(up), narrow.bias(down)
        if b is not None:
            wide.put_bias(up, b * units)
        if c is not None:
            wide.put_bias(down, c)
    return whole
