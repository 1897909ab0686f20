"""DPP edge pruning of a 784-500 layer that sees 60 000 images, and one node of it against eigh and scikit-learn."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.bench.model import Case, Contestant, Fact, Speed, at_least, at_most, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from divprune_sym.pruning import Layer

INPUTS, NODES, IMAGES, KEPT = 784, 500, 60_000, 157
SKLEARN, EIGH, DSYTRD = "scikit-learn", "eigh", "dsytrd"

# peak memory, in bytes, of a process that does the whole job
_WHOLE_JOB = """
import resource, sys
from divprune_sym.bench.tables.dpp_layers import whole_job
whole_job(int(sys.argv[1]), int(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak if sys.platform == "darwin" else 1024 * peak)
"""


def layer(moments: NDArray[np.float64], nodes: int) -> Layer:
    """Gaussian weights on inputs with these moments."""
    from divprune_sym.pruning import Layer

    weights = np.random.default_rng(1).standard_normal((nodes, INPUTS)) / np.sqrt(INPUTS)
    return Layer(weights, np.ones((nodes, 1)), np.eye(nodes), np.eye(nodes), moments)


def drawn(look: Layer) -> NDArray[np.bool_]:
    """One DPP edge mask of the layer, (K, N)."""
    from divprune_sym.pruning import DPPEdge

    masks: NDArray[np.bool_] = DPPEdge().draw(look, KEPT / INPUTS, np.random.default_rng(2))[0]
    return masks


def whole_job(count: int, nodes: int) -> None:
    """From images to reweighted weights."""
    from divprune_sym.bench.peers.images import images, second_moments
    from divprune_sym.pruning import reweighted_edges

    moments = second_moments(images(count))
    look = layer(moments, nodes)
    reweighted_edges(look.weights, drawn(look), moments)


@table(
    measures=f"DPP edge pruning, {KEPT} edges a node, of a {INPUTS}-{NODES} layer on {IMAGES} images, and of one node",
    goal="the layer in 10 s, reweighted in 12 s on two cores, in less than 1 GB",
    peers={
        EIGH: "numpy.linalg.eigh of one node's kernel",
        DSYTRD: "LAPACK's tridiagonal form of every node's kernel, lit inputs only, and nothing else: a floor",
        SKLEARN: "LinearRegression of one node's preactivation on its kept inputs",
    },
)
def dpp_layers(quick: bool) -> Iterator[Case]:
    """The whole layer, then single nodes beside what is in use today."""
    from divprune_sym.bench.peers.images import images, second_moments

    count, nodes = (2000, 4) if quick else (IMAGES, NODES)
    rows = images(count)
    moments = second_moments(rows)
    yield _whole_layer(rows, moments, nodes)
    yield _layer_against_its_floor(moments, nodes)
    yield _mask_of_one_node(moments)
    yield _refit_of_one_node(rows, moments)


def _whole_layer(rows: NDArray[np.float32], moments: NDArray[np.float64], nodes: int) -> Case:
    from divprune_sym.bench.peers.images import second_moments
    from divprune_sym.pruning import reweighted_edges

    look = layer(moments, nodes)
    masks = drawn(look)
    whole = nodes == NODES
    command = [sys.executable, "-c", _WHOLE_JOB, str(len(rows)), str(nodes)]
    peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def pruned() -> None:
        second_moments(rows)
        drawn(look)

    def reweighted() -> None:
        pruned()
        reweighted_edges(look.weights, masks, moments)

    return Case(
        f"{nodes} nodes, {len(rows)} images",
        [
            Contestant("moments", lambda: second_moments(rows), threads=2),
            Contestant("moments and masks", pruned, threads=2, goal=at_most(10.0) if whole else None),
            Contestant("moments, masks, reweighting", reweighted, threads=2, goal=at_most(12.0) if whole else None),
        ],
        facts=[
            Fact("peak memory, images included", float(peak) / 1e9, "GB", at_most(1.0) if whole else None),
            Fact("inputs never lit", int((moments.diagonal() == 0).sum())),
        ],
    )


def _layer_against_its_floor(moments: NDArray[np.float64], nodes: int) -> Case:
    from divprune_sym.dpp._lapack import tridiagonalize
    from divprune_sym.ground.work import each_done_with_blas

    look = layer(moments, nodes)
    lit = np.flatnonzero(moments.diagonal())
    block = moments[np.ix_(lit, lit)]
    kernels = [w[:, None] * block * w for w in look.weights[:4, lit]]

    def floor() -> None:
        # the kernels are there already, and few: copying one is a hundredth of the work
        for _ in each_done_with_blas(lambda node: tridiagonalize(kernels[node % len(kernels)].copy()), range(nodes)):
            pass

    goal = at_least(1 / 1.25) if nodes == NODES else None
    return Case(
        f"masks of {nodes} nodes, {len(lit)} inputs lit",
        [Contestant("ours", lambda: drawn(look), threads=2), Contestant(DSYTRD, floor, threads=2)],
        [Speed("ours", DSYTRD, goal)],
    )


def _mask_of_one_node(moments: NDArray[np.float64]) -> Case:
    look = layer(moments, 1)
    w = look.weights[0]
    kernel = w[:, None] * moments * w

    # no DPPy here: at this size it ends in "probabilities do not sum to 1"
    return Case(
        "mask of one node, one thread",
        [
            Contestant("ours", lambda: drawn(look)),
            Contestant(EIGH, lambda: np.linalg.eigh(kernel)),
        ],
        [Speed("ours", EIGH, at_least(1 / 1.1))],
    )


def _refit_of_one_node(rows: NDArray[np.float32], moments: NDArray[np.float64]) -> Case:
    from sklearn.linear_model import LinearRegression

    from divprune_sym.pruning import reweighted_edges

    look = layer(moments, 20)
    masks = drawn(look)
    kept, wanted = masks[0], rows @ look.weights[0].astype(np.float32)

    return Case(
        f"refit of one node, {len(rows)} images, one thread",
        [
            Contestant("ours", lambda: reweighted_edges(look.weights, masks, moments), units=20),
            Contestant(SKLEARN, lambda: LinearRegression(fit_intercept=False).fit(rows[:, kept], wanted)),
        ],
        [Speed("ours", SKLEARN)],
    )
