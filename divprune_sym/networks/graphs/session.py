"""Graphs run by onnxruntime."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.work import usable_cores

if TYPE_CHECKING:
    from pathlib import Path


def session(model: Path | bytes, threads: int | None = None) -> Any:
    """An onnxruntime session of a model, on the CPU.

    Raises
    ------
    BadInput
        onnxruntime is not installed, or does not take the model.
    """
    if find_spec("onnxruntime") is None:
        msg = "running a graph needs onnxruntime; pip install 'divprune-sym[io]'"
        raise BadInput(msg)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.log_severity_level = 4
    # its threads would otherwise keep the cores busy while moments are summed
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    where = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(where, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen kinds of its own
        name = "the graph" if isinstance(model, bytes) else f"{model}"
        msg = f"{name}: onnxruntime does not take it ({' '.join(str(error).split())[:160]})"
        raise BadInput(msg) from None
