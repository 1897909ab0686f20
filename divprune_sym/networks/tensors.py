"""Networks from tensors by name: which of them are layers, in which order, and with which activations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.network import DenseNetwork
from divprune_sym.networks.reading import Given, ReadNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

_STEPS = 100_000


def network_of(
    tensors: Tensors, named: Sequence[str] | None, given: Given, where: str, classes: Sequence[str] = ()
) -> ReadNetwork:
    """The network of W1, b1, W2, … or of torch's NAME.weight, NAME.bias.

    Parameters
    ----------
    tensors : mapping
    named : sequence of str or None
        Activations that the file names.
    given : Given
        What the user says; it goes before what the file says.
    where : str
        Where the file would name its activations, for the refusal.
    classes : sequence of str
        Names that the file has for the outputs.

    Raises
    ------
    BadInput
        Tensors that are no dense layers, an order that is not the only one, no activations.
    """
    tensors, notes = _masked(*_widened(tensors))
    pairs = _ordered(_pairs(list(tensors)), tensors, given.layers)
    names = given.activations or named
    if names is None:
        example = ",".join(["relu"] * (len(pairs) - 1) + ["identity"])
        msg = f"names no activations ({where}); say them: --activations {example}, one for each of {len(pairs)} layers"
        raise BadInput(msg)
    if len(names) != len(pairs):
        msg = f"{len(names)} activations for {len(pairs)} layers ({', '.join(weight for weight, _ in pairs)[:100]})"
        raise BadInput(msg)
    weights = tuple(tensors[weight] for weight, _ in pairs)
    # a layer without a bias has none to learn: zero
    biases = tuple(
        tensors[bias] if bias in tensors else np.zeros(W.shape[:1]) for (_, bias), W in zip(pairs, weights, strict=True)
    )
    return ReadNetwork(DenseNetwork(weights, biases, tuple(names), tuple(classes)), tuple(notes))


def _widened(tensors: Tensors) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Half precision and less as float64; NumPy knows them by their bytes only."""
    kinds: dict[str, int] = {}
    found = {}
    for name, tensor in tensors.items():
        narrow = tensor.dtype.itemsize <= 2 and (tensor.dtype.kind == "f" or "float" in tensor.dtype.name)
        if narrow:
            kinds[tensor.dtype.name] = kinds.get(tensor.dtype.name, 0) + 1
        found[name] = tensor.astype(np.float64) if narrow else tensor
    return found, [f"{count} {kind} tensors were widened to float64" for kind, count in kinds.items()]


def _masked(tensors: dict[str, NDArray[Any]], notes: list[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Take the masks of torch.nn.utils.prune, NAME_orig and NAME_mask, into NAME."""
    found = dict(tensors)
    for name in [name for name in tensors if name.endswith("_orig")]:
        plain = name.removesuffix("_orig")
        mask = found.get(f"{plain}_mask")
        if mask is None or mask.shape != tensors[name].shape or not np.isin(mask, (0, 1)).all():
            msg = f"{name}: has no mask {plain}_mask of its shape, of zeros and ones"
            raise BadInput(msg)
        found[plain] = tensors[name] * mask
        del found[name], found[f"{plain}_mask"]
        notes.append(f"{plain} was multiplied by its mask, which keeps {float(mask.mean()):.4g} of it")
    return found, notes


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    """(weight, bias) of every layer, in no order."""
    ours = [name for name in names if re.fullmatch(r"W[0-9]+", name)]
    torchs = [name for name in names if name.endswith(".weight") or name == "weight"]
    missing = [f"W{k}" for k in range(1, len(ours) + 1) if f"W{k}" not in ours]
    if missing:
        msg = f"lacks {missing[0]}, and has {', '.join(ours)[:100]}; expected W1, b1, W2, b2, …"
        raise BadInput(msg)
    pairs = [(name, f"b{name[1:]}") for name in ours] or [(name, name[: -len("weight")] + "bias") for name in torchs]
    extra = [name for name in names if name not in {part for pair in pairs for part in pair}]
    if not pairs or extra:
        what = "more than dense layers" if pairs else "no dense layer"
        msg = f"has {what}: {', '.join(extra or names)[:200]}; expected W1, b1, … or NAME.weight, NAME.bias"
        raise BadInput(msg)
    return pairs


def _ordered(pairs: list[tuple[str, str]], tensors: Tensors, wanted: tuple[str, ...] | None) -> list[tuple[str, str]]:
    """First to last: as the user says, or by number where only that differs, or else the only order that fits."""
    for weight, _ in pairs:
        if tensors[weight].ndim != 2:
            msg = f"{weight}: has {tensors[weight].ndim} axes, a dense layer has (out, in)"
            raise BadInput(msg)
    if wanted is not None:
        return _as_said(pairs, wanted)
    if len(pairs) == 1:
        return pairs
    templates = {re.sub(r"[0-9]+", "#", weight) for weight, _ in pairs}
    if len(templates) == 1 and len(_varying(pairs)) == 1:
        return _by_number(pairs)
    orders = _orders(pairs, tensors)
    found = [order for order, _ in zip(orders, range(2), strict=False)]
    if len(found) != 1:
        names = ",".join(_layer_name(weight) for weight, _ in pairs)
        many = "no order" if not found else "more than one order"
        msg = f"{many} of the layers fits their shapes; say which comes first, and so on: --layers {names[:200]}"
        raise BadInput(msg)
    return found[0]


def _layer_name(weight: str) -> str:
    return weight.removesuffix(".weight")


def _as_said(pairs: list[tuple[str, str]], wanted: tuple[str, ...]) -> list[tuple[str, str]]:
    by_name = {_layer_name(weight): (weight, bias) for weight, bias in pairs}
    by_name |= {weight: (weight, bias) for weight, bias in pairs}
    chosen = [by_name.get(name) for name in wanted]
    if None in chosen or len(set(chosen)) != len(pairs) or len(chosen) != len(pairs):
        names = ", ".join(_layer_name(weight) for weight, _ in pairs)
        msg = f"--layers {','.join(wanted)[:100]}: must name each of {names[:200]} once"
        raise BadInput(msg)
    return [pair for pair in chosen if pair is not None]


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", name)]


def _varying(pairs: list[tuple[str, str]]) -> list[int]:
    """Which of the numbers in the names differ."""
    numbers = [_numbers(weight) for weight, _ in pairs]
    return [n for n in range(len(numbers[0])) if len({row[n] for row in numbers}) > 1]


def _by_number(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    (place,) = _varying(pairs)
    ordered = sorted(pairs, key=lambda pair: _numbers(pair[0])[place])
    counted = [_numbers(weight)[place] for weight, _ in ordered]
    # an index of its own, as in 0.weight, counts modules without weights too; fc1 counts layers
    index = re.search(r"(^|\.)#*$", re.sub(r"[0-9]+", "#", ordered[0][0]).split("#")[place]) is not None
    gaps = [n for n in range(counted[0], counted[-1]) if n not in counted]
    if gaps and not index:
        ends = f"{ordered[0][0]} and {ordered[-1][0]}"
        msg = f"lacks a layer between {ends}, number {gaps[0]}; if there is none, say --layers"
        raise BadInput(msg)
    return ordered


def _orders(pairs: list[tuple[str, str]], tensors: Tensors) -> Iterator[list[tuple[str, str]]]:
    """Every order in which each layer takes what the one before it gives; numbers of names that are alike grow."""
    steps = 0

    def fits(before: str, after: str) -> bool:
        return bool(tensors[before].shape[0] == tensors[after].shape[1])

    def may_follow(order: list[tuple[str, str]], weight: str) -> bool:
        template = re.sub(r"[0-9]+", "#", weight)
        alike = [_numbers(name) for name, _ in order if re.sub(r"[0-9]+", "#", name) == template]
        return all(numbers < _numbers(weight) for numbers in alike)

    def grown(order: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
        nonlocal steps
        steps += 1
        if steps > _STEPS:
            return
        if len(order) == len(pairs):
            yield order
        for pair in pairs:
            if pair not in order and (not order or fits(order[-1][0], pair[0])) and may_follow(order, pair[0]):
                yield from grown([*order, pair])

    return grown([])
