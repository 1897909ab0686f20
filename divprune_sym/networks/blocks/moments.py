"""First and second moments of tensors that onnxruntime computes, summed while the inputs stream by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.networks.graphs.session import session
from divprune_sym.networks.moments import Moments, MomentSum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from divprune_sym.networks.blocks.inputs import Inputs


def with_outputs(model: Any, names: Sequence[str]) -> bytes:
    """The model with more declared outputs."""
    from onnx import ModelProto, ValueInfoProto

    wider = ModelProto()
    wider.CopyFrom(model)
    declared = {entry.name for entry in model.graph.output}
    wider.graph.output.extend(ValueInfoProto(name=name) for name in dict.fromkeys(names) if name not in declared)
    return bytes(wider.SerializeToString())


def moments_of(
    model: Any, inputs: Inputs, names: Sequence[str], progress: Callable[[float], None] = lambda fraction: None
) -> dict[str, Moments]:
    """Moments of some tensors of a graph over all inputs.

    Raises
    ------
    BadInput
        The graph cannot be run, or a tensor leaves the finite numbers.
    """
    names = list(dict.fromkeys(names))
    taken = [name for name in names if name in inputs.ports]
    made = [name for name in names if name not in inputs.ports]
    running = session(with_outputs(model, made)) if made else None
    sums = {name: MomentSum() for name in names}
    done = 0
    for fed, _ in inputs.batches():
        found = dict(zip(made, ran(running, made, fed), strict=True)) if running is not None else {}
        for name in names:
            sums[name].add(fed[name] if name in taken else found[name])
        done += len(next(iter(fed.values())))
        progress(done / inputs.rows)
    moments = {name: one.moments() for name, one in sums.items()}
    for name, one in moments.items():
        if not np.isfinite(one.covariance).all():
            msg = f"{inputs.path}: tensor {name!r} holds NaN or infinity on these inputs"
            raise BadInput(msg)
    return moments


def ran(running: Any, names: Sequence[str] | None, fed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """What a session gives for one batch.

    Raises
    ------
    BadInput
        onnxruntime says that it cannot.
    """
    try:
        return list(running.run(names, fed))
    except Exception as error:  # onnxruntime has a dozen kinds of its own
        msg = f"the graph does not take these inputs ({' '.join(str(error).split())[:160]})"
        raise BadInput(msg) from None
