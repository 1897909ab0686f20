"""Masks drawn node by node, kept in a file so that an interrupted draw can go on."""

from __future__ import annotations

from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from divprune_sym.ground.files import written_aside
from divprune_sym.ground.stored import Stored, read_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SECONDS = 5.0


class DrawCheckpoint:
    """Masks (count, K, N) that fill up; as a context, it is saved when left by an exception, else removed.

    Parameters
    ----------
    path : Path or None
        None: nothing is written.
    identity : sequence of arrays and numbers
        What determines the masks.
    shape : (count, K, N)

    Raises
    ------
    BadInput
        The file is none of ours, or belongs to another draw.
    """

    def __init__(self, path: Path | None, identity: tuple[Any, ...], shape: tuple[int, int, int]) -> None:
        self.path = path
        self.masks: NDArray[np.bool_] = np.zeros(shape, np.bool_)
        self.done: NDArray[np.bool_] = np.zeros(shape[1], np.bool_)
        self._saved = monotonic()
        if path is not None:
            digest = sha256(repr(shape).encode())
            for part in identity:
                digest.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
            self._digest = digest.hexdigest()
            if path.exists():
                self._load(path)

    def _load(self, path: Path) -> None:
        count, K, N = self.masks.shape
        schema = {"done": Stored("bool", (K,)), "masks": Stored("uint8", (count, K, -(-N // 8)))}
        held = read_checkpoint(path, self._digest, schema, "draw (layer, keep fraction or seed differ)")
        self.masks = np.unpackbits(held["masks"], axis=2, count=N).astype(np.bool_)
        self.done = held["done"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if self.path is None:
            return
        if kind is None:
            self.path.unlink(missing_ok=True)
        else:
            self._save(self.path)

    def missing(self) -> list[int]:
        """The nodes not yet drawn."""
        return [int(node) for node in np.flatnonzero(~self.done)]

    def store(self, node: int, masks: NDArray[np.bool_]) -> None:
        """Take the masks (count, N) of one node."""
        self.masks[:, node] = masks
        self.done[node] = True
        if self.path is not None and monotonic() - self._saved > SECONDS:
            self._save(self.path)

    def _save(self, path: Path) -> None:
        with written_aside(path) as file:
            np.savez(file, key=self._digest, done=self.done, masks=np.packbits(self.masks, axis=2))
        self._saved = monotonic()
