"""How wrong a network is on data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning.method import edges_kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from divprune_sym.networks.data import DataSet
    from divprune_sym.networks.network import DenseNetwork
    from divprune_sym.pruning import PruningMethod


@dataclass(frozen=True)
class Measured:
    """Of a network on the test data.

    Attributes
    ----------
    error : float
        Share of wrong answers, or of a regression the mean squared error over rows and outputs.
    wrong : int or None
        Number of wrong answers.
    rows : int
    parameters, multiply_adds : int
        Biases and weights that are not zero; multiplications for one input that they need.
    """

    error: float
    wrong: int | None
    rows: int
    parameters: int
    multiply_adds: int

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def measure(network: DenseNetwork, data: DataSet) -> Measured:
    """Error on the test data, and what the network costs."""
    rows = len(data.x_test)
    if data.classifies:
        wrong = int(np.count_nonzero(network.classified(data.x_test) != data.y_test))
        error = wrong / rows
    else:
        wrong = None
        error = float(np.mean((network.forward(data.x_test) - data.y_test) ** 2))
    return Measured(error, wrong, rows, network.parameters, network.multiply_adds)


def refuse_nothing_kept(
    network: DenseNetwork, data: DataSet, method: PruningMethod, shares: Mapping[int, float]
) -> None:
    """Raise where a classifier would lose every node of a layer: it could only answer with one class.

    Raises
    ------
    BadInput
        Naming the layer and the smallest share that keeps a node.
    """
    if method.unit != "node" or not data.classifies:
        return
    for layer, share in shares.items():
        K = network.widths[layer + 1]
        if edges_kept(share, K) == 0:
            msg = f"keep = {share:g}: keeps 0 of {K} nodes of layer {layer} of a classifier; at least {0.5 / K:.3g}"
            raise BadInput(msg)
