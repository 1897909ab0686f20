"""The paper's experiment on images: a 784-500-500-10 network of sigmoids is trained, and pruned by six methods."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.files import written_aside
from divprune_sym.networks.formats import load_network, save_network
from divprune_sym.networks.training import TrainSetting, random_start, train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from divprune_sym.networks.data import DataSet
    from divprune_sym.networks.network import DenseNetwork

NETWORK, TRAINING, ABOUT = "network.npz", "training.npz", "training.json"
KEEPS = tuple(n / 10 for n in range(2, 10))


@dataclass(frozen=True)
class ImageNetwork:
    """The network of the experiment, and how it is trained.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the layers of sigmoids.
    training : TrainSetting

    Raises
    ------
    BadInput
        No hidden layer, or one without units.
    """

    hidden: tuple[int, ...] = (500, 500)
    training: TrainSetting = field(default_factory=lambda: TrainSetting(epochs=15, rate=1e-3, batch=100, seed=1))

    def __post_init__(self) -> None:
        if not self.hidden:
            msg = "hidden: no layer to prune; expected widths such as 500, 500"
            raise BadInput(msg)
        for width in self.hidden:
            integer("hidden width", width, 1)


def trained(
    data: DataSet, asked: ImageNetwork, folder: Path, progress: Callable[[float], None] = lambda fraction: None
) -> DenseNetwork:
    """The trained network of a folder; what is there is taken over, an interrupted training goes on.

    Raises
    ------
    BadInput
        The folder holds a network of another setting.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about = json.dumps(_about(data, asked), sort_keys=True)
    if (folder / ABOUT).exists() and (folder / ABOUT).read_text(encoding="utf-8") != about:
        msg = f"{folder / ABOUT}: the folder holds another training; choose another --out, or remove it"
        raise BadInput(msg)
    if (folder / NETWORK).exists() and (folder / ABOUT).exists():
        return load_network(folder / NETWORK)
    with written_aside(folder / ABOUT) as file:
        file.write(about.encode())
    outputs = int(max(data.y_train.max(), data.y_test.max())) + 1
    widths = (data.x_train.shape[1], *asked.hidden, outputs)
    names = (*("sigmoid" for _ in asked.hidden), "softmax")
    start = random_start(widths, names, np.random.default_rng(asked.training.seed))
    kept = folder / TRAINING
    network = train(start, data.x_train, data.y_train, asked.training, progress=progress, checkpoint=kept)
    save_network(network, folder / NETWORK)
    kept.unlink(missing_ok=True)
    return load_network(folder / NETWORK)


def _about(data: DataSet, asked: ImageNetwork) -> dict[str, Any]:
    return {
        "hidden": list(asked.hidden),
        "training": asdict(asked.training),
        "images": [len(data.x_train), len(data.x_test)],
        "sum": float(np.sum(data.x_train, dtype=np.float64)),
    }


def first_images(data: DataSet, count: int | None) -> DataSet:
    """With that many training images, for the moments that masks and refits are made of; None: all."""
    if count is None:
        return data
    return replace(data, x_train=data.x_train[:count], y_train=data.y_train[:count])
