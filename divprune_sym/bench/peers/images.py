"""A stand-in for MNIST that needs no download: smooth random images with a dark margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SIDE = 28
PATTERNS = 40
BLOCK = 4096


def image_blocks(count: int, seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """Blocks (up to 4096, 784) of `count` images with entries in [0, 1]; 100 pixels are never lit, as in MNIST."""
    rng = np.random.default_rng(seed)
    at = np.arange(SIDE)
    blur = np.exp(-(((at[:, None] - at) / 2.0) ** 2) / 2)
    patterns = blur @ rng.standard_normal((PATTERNS, SIDE, SIDE)) @ blur
    radius = np.hypot(at[:, None] - 13.5, at - 13.5).ravel()
    fading = np.exp(-((radius / 10) ** 4)) * (radius < 15)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        drawn = rng.standard_normal((size, PATTERNS)) @ patterns.reshape(PATTERNS, -1)
        noise = rng.standard_normal(drawn.shape)
        yield np.clip(0.1 * drawn + 0.05 * noise, 0, 1) * fading


def images(count: int, seed: int = 0) -> NDArray[np.float32]:
    """All of `image_blocks` in one array, (count, 784), in single precision."""
    rows = np.empty((count, SIDE * SIDE), np.float32)
    start = 0
    for block in image_blocks(count, seed):
        rows[start : start + len(block)] = block
        start += len(block)
    return rows


def second_moments(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """E[x xᵀ] over the rows, in double precision, without a copy of them."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK].astype(np.float64)
        total += block.T @ block
    return total / len(rows)
