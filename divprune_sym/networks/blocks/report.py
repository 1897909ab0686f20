"""What pruning blocks of a graph cost: counts, the error of each block's output, and the graph's own outputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.blocks.find import Block, Numbers
from divprune_sym.networks.blocks.moments import ran, with_outputs
from divprune_sym.networks.graphs.session import session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.networks.blocks.inputs import Inputs
    from divprune_sym.networks.blocks.prune import PrunedGraph


@dataclass(frozen=True)
class BlockReport:
    """One block.

    Attributes
    ----------
    units, kept_units : int
    parameters, kept_parameters, multiply_adds, kept_multiply_adds : int
        Numbers that are not zero; multiplications for one row of the block.
    error : float
        Mean square change of the block's output, relative to its variance. Where the output holds the units of
        another block, those that were pruned there do not count.
    """

    number: int
    name: str
    units: int
    kept_units: int
    parameters: int
    kept_parameters: int
    multiply_adds: int
    kept_multiply_adds: int
    error: float


@dataclass(frozen=True)
class OutputReport:
    """One output of the graph, before and after.

    Attributes
    ----------
    mean_square_difference, variance : float
    agreement : float or None
        Share of rows with the same largest entry; None: one entry each.
    correct_before, correct_after : float or None
        Share of rows whose largest entry is at their label.
    """

    name: str
    mean_square_difference: float
    variance: float
    agreement: float | None
    correct_before: float | None
    correct_after: float | None


def as_json(blocks: list[BlockReport], outputs: list[OutputReport]) -> dict[str, Any]:
    """Plain data."""
    return {"blocks": [asdict(one) for one in blocks], "outputs": [asdict(one) for one in outputs]}


class _Difference:
    """Sums over rows of what one tensor was and is."""

    def __init__(self) -> None:
        self.count = self.rows = self.same = self.right_before = self.right_after = 0
        self.square = self.center = self.first = self.second = 0.0
        self.ranked = False

    def add(self, before: NDArray[Any], after: NDArray[Any], labels: NDArray[Any] | None) -> None:
        old, new = before.astype(np.float64), after.astype(np.float64)
        if self.count == 0:
            self.center = float(old.mean())
        self.square += float(np.sum((old - new) ** 2))
        self.first += float(np.sum(old - self.center))
        self.second += float(np.sum((old - self.center) ** 2))
        self.count += old.size
        if old.ndim >= 2 and old.shape[-1] > 1:
            self.ranked = True
            chosen, now = old.argmax(axis=-1), new.argmax(axis=-1)
            self.same += int(np.count_nonzero(chosen == now))
            self.rows += chosen.size
            if labels is not None and chosen.shape == labels.shape:
                if labels.min() < 0 or labels.max() >= old.shape[-1]:
                    wrong = labels.min() if labels.min() < 0 else labels.max()
                    msg = f"labels: {wrong}, expected 0 to {old.shape[-1] - 1}, the entries of the output"
                    raise BadInput(msg)
                self.right_before += int(np.count_nonzero(chosen == labels))
                self.right_after += int(np.count_nonzero(now == labels))

    @property
    def variance(self) -> float:
        return max(self.second / self.count - (self.first / self.count) ** 2, 0.0)

    def relative(self) -> float:
        mean = self.square / self.count
        return mean / self.variance if self.variance > 0 else (0.0 if mean == 0 else float("inf"))

    def report(self, name: str, labeled: bool) -> OutputReport:
        share = (lambda count: count / self.rows) if self.ranked else (lambda count: None)
        right = share if labeled else (lambda count: None)
        mean = self.square / self.count
        return OutputReport(
            name, mean, self.variance, share(self.same), right(self.right_before), right(self.right_after)
        )


def report(
    path: Path,
    model: Any,
    pruned: PrunedGraph,
    inputs: Inputs,
    progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[list[BlockReport], list[OutputReport]]:
    """Both graphs run on all inputs, batch by batch.

    Raises
    ------
    BadInput
        onnxruntime does not take one of them, or labels that no output has an entry for.
    """
    chosen = sorted(pruned.mask.kept)
    ends = [pruned.blocks[n].down.output for n in chosen]
    floats = [entry.name for entry in model.graph.output if _is_float(entry)]
    names = list(dict.fromkeys([*ends, *floats]))
    old, new = (session(with_outputs(one, names)) for one in (model, pruned.model))
    sums = {name: _Difference() for name in names}
    units = {pruned.blocks[n].up.output: pruned.mask.kept[n] for n in chosen if pruned.mask.unit == "node"}
    done = 0
    for fed, labels in inputs.batches():
        for name, before, after in zip(names, ran(old, names, fed), ran(new, names, fed), strict=True):
            sums[name].add(*_of_kept(units.get(name), before, after), labels)
        done += len(next(iter(fed.values())))
        progress(done / inputs.rows)
    numbers = [Numbers(path, one) for one in (model, pruned.model)]
    blocks = []
    for n in chosen:
        block, kept = pruned.blocks[n], pruned.mask.kept[n]
        left = int(kept.sum()) if kept.ndim == 1 else len(kept)
        counts = [count for one in numbers for count in _counts(one, block)]
        error = sums[block.down.output].relative()
        blocks.append(BlockReport(n, block.name, len(kept), left, counts[0], counts[2], counts[1], counts[3], error))
    return blocks, [sums[name].report(name, inputs.labeled) for name in floats]


def _of_kept(
    kept: NDArray[np.bool_] | None, before: NDArray[Any], after: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The units that are in both graphs: one made compact has no others."""
    if kept is None:
        return before, after
    return before[..., kept], after if after.shape[-1] == kept.sum() else after[..., kept]


def _is_float(entry: Any) -> bool:
    from onnx import TensorProto

    kinds = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    return entry.type.HasField("tensor_type") and entry.type.tensor_type.elem_type in kinds


def _counts(numbers: Numbers, block: Block) -> tuple[int, int]:
    """Parameters and multiply-adds that are not zero."""
    products = sum(int(np.count_nonzero(numbers.weights(dense))) for dense in (block.up, block.down))
    biases = [numbers.bias(dense) for dense in (block.up, block.down)]
    return products + sum(int(np.count_nonzero(b)) for b in biases if b is not None), products
