"""Problem files and kernels for the tests of the command line."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def unpruned() -> dict[str, Any]:
    """K = 2, M = 1."""
    return {
        "activation": "erf",
        "eta": 0.5,
        "eta_v": 0.25,
        "sigma": 0.125,
        "weight_decay": 0.01,
        "alphas": [0, 0.5, 10],
        "v": [1, 0.5],
        "A": [2],
        "Q": [[0.25, 0.125], [0.125, 0.5]],
        "R": [[0.25], [-0.125]],
        "T": [[1]],
    }


def pruned(keep: float = 0.75) -> dict[str, Any]:
    """The same after random edge pruning: one class for each pattern of kept and lost weights."""
    problem = unpruned()
    Q, R, T = (np.array(problem.pop(name)) for name in ("Q", "R", "T"))
    classes = []
    for pattern in product((0, 1), repeat=2):
        m = np.array(pattern)
        f = keep ** m.sum() * (1 - keep) ** (2 - m.sum())
        classes.append(
            {
                "mask": list(pattern),
                "fraction": f,
                "Q": (f * np.outer(m, m) * Q).tolist(),
                "R": (f * m[:, None] * R).tolist(),
                "T": (f * T).tolist(),
            }
        )
    return problem | {"classes": classes}


def written(path: Path, problem: Any) -> Path:
    path.write_text(problem if isinstance(problem, str) else json.dumps(problem))
    return path


def kernel(N: int, rank: int, seed: int = 1) -> NDArray[np.float64]:
    factor = np.random.default_rng(seed).standard_normal((N, rank))
    return np.asarray(factor @ factor.T)


# a protocol of two short stages
PROTOCOL = """
[start]
students = 2
teachers = 2
second_layer = 2.0
overlap = 0.1
[[steps]]
do = "keep"
name = "start"
[[steps]]
do = "train"
alpha = 1
eta = 0.5
eta_v = 0.3
sigma = 0.1
[[steps]]
do = "prune"
method = "dpp-node"
keep = 1
[[steps]]
do = "rewind"
to = "start"
[[steps]]
do = "train"
alpha = 1
eta = {at = [0, 0.5], value = [0.5, 0.25]}
eta_v = 0.3
sigma = 0.1
"""
