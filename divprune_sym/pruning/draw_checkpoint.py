"""Masks drawn node by node, kept in a file so that an interrupted draw can go on."""

from __future__ import annotations

from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any, Self
from zipfile import BadZipFile

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import written_aside

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
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                digest, done, packed = str(saved["draw"]), saved["done"], saved["masks"]
            masks = np.unpackbits(packed, axis=2, count=self.masks.shape[2]).astype(np.bool_)
            fits = done.shape == self.done.shape and masks.shape == self.masks.shape
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
            msg = f"{path}: is no checkpoint of a draw, or a broken one; delete it to start anew"
            raise BadInput(msg) from None
        if digest != self._digest or not fits:
            msg = f"{path}: belongs to another draw (layer, keep fraction or seed differ); delete it to start anew"
            raise BadInput(msg)
        self.masks, self.done = masks, done.astype(np.bool_)

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
            np.savez(file, draw=self._digest, done=self.done, masks=np.packbits(self.masks, axis=2))
        self._saved = monotonic()
