"""A network read from its ONNX file and run beside it, and moments of hidden units while inputs stream by."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.bench.model import Case, Contestant, Missing, Speed, at_least, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from divprune_sym.networks.network import DenseNetwork

WIDTHS, ROWS = (784, 500, 500, 10), 12_000
PARTS = "onnx and two copies"


@table(
    measures="reading a 784-500-500-10 network of sigmoids from ONNX, checked by running the file, and second moments "
    "of its hidden units over 12 000 inputs",
    goal="checking adds half of the reading at most; moments take 1.25 of onnxruntime and one syrk",
    peers={
        PARTS: "the file parsed by onnx, its tensors as NumPy arrays, twice, and nothing else",
        "onnxruntime": "the hidden units alone, 256 inputs at a time, the session made before",
        "dsyrk": "one product of the hidden units with themselves, all in memory",
    },
)
def network_files(quick: bool) -> Iterator[Case]:
    """Both on files in a temporary folder."""
    with TemporaryDirectory() as folder:
        network = _network()
        yield _reading(Path(folder), network)
        yield _moments(Path(folder), network, 512 if quick else ROWS)


def _network() -> DenseNetwork:
    from divprune_sym.networks.training import random_start

    return random_start(WIDTHS, ("sigmoid", "sigmoid", "softmax"), 0)


def _reading(folder: Path, network: DenseNetwork) -> Case:
    import onnx
    from onnx import numpy_helper

    from divprune_sym.networks import load_network, save_network

    path = folder / "network.onnx"
    save_network(network, path)

    def parts() -> list[Any]:
        arrays = [numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer]
        return [np.array(array.astype(np.float64)) for array in arrays]

    return Case(
        "reading, checked on 9 inputs",
        [Contestant("ours", partial(load_network, path)), Contestant(PARTS, parts)],
        [Speed("ours", PARTS)],
    )


def _moments(folder: Path, network: DenseNetwork, rows: int) -> Case:
    from importlib.util import find_spec

    if find_spec("onnxruntime") is None:
        return Case("moments", [Missing("onnxruntime", "pip install 'divprune-sym[io]'")])
    from scipy.linalg.blas import dsyrk

    from divprune_sym.networks import save_network
    from divprune_sym.networks.blocks.find import find_blocks
    from divprune_sym.networks.blocks.inputs import ROWS as BATCH
    from divprune_sym.networks.blocks.inputs import open_inputs
    from divprune_sym.networks.blocks.moments import moments_of, with_outputs
    from divprune_sym.networks.graphs.model import read_model
    from divprune_sym.networks.graphs.session import session

    path, data = folder / "network.onnx", folder / "inputs.npz"
    save_network(network, path)
    x = np.random.default_rng(1).random((rows, WIDTHS[0]), dtype=np.float32)
    np.savez(data, x=x)
    model = read_model(path)
    inputs, hidden = open_inputs(data, model), find_blocks(path, model)[1].hidden
    running = session(with_outputs(model, [hidden]))
    h = running.run([hidden], {"x": x})[0].astype(np.float64)

    def alone() -> None:
        for start in range(0, rows, BATCH):
            running.run([hidden], {"x": x[start : start + BATCH]})

    def both() -> None:
        alone()
        dsyrk(1.0, h.T)

    work: dict[str, Callable[[], object]] = {
        "ours": lambda: moments_of(model, inputs, [hidden]),
        "onnxruntime": alone,
        "dsyrk": lambda: dsyrk(1.0, h.T),
        "onnxruntime and dsyrk": both,
    }
    goal = at_least(1 / 1.25) if rows == ROWS else None
    return Case(
        f"second moments of {WIDTHS[2]} hidden units, {rows} inputs",
        [Contestant(name, run, threads=2) for name, run in work.items()],
        [Speed("ours", "onnxruntime and dsyrk", goal)],
    )
