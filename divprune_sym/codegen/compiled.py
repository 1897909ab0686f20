"""Numba's files of compiled code: what is damaged is made anew, and where none can be written, they are done without.

Numba raises on a truncated file, and for good; two processes that compile at once may leave an index that leads to
another function's code. Here each entry holds the key it was made for and a hash of itself.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_GENERATED = re.compile(r"g_[0-9a-f]{64}\.")


class CacheWarning(UserWarning):
    """The cache of generated and compiled code cannot be used as it should; the message says what is done instead."""


@cache
def say_once(message: str) -> None:
    """Warn of something about the cache, once in a process."""
    warnings.warn(message, CacheWarning, stacklevel=3)


@cache
def guard_compiled_code() -> None:
    """From here on, Numba's files of generated functions are checked when they are read."""
    from numba.core import caching

    plain: Any = caching.IndexDataCacheFile

    class CheckedFile(plain):  # type: ignore[misc]
        """The index and the data of one function's compiled code."""

        def __init__(self, cache_path: str, filename_base: str, source_stamp: Any) -> None:
            super().__init__(cache_path=cache_path, filename_base=filename_base, source_stamp=source_stamp)
            # functions of the package itself may be decorated before this, and read files that this would have sealed
            self.checked = bool(_GENERATED.match(filename_base))

        def load(self, key: Any) -> Any:
            if not self.checked:
                return super().load(key)
            try:
                held = super().load(key)
                return None if held is None else _opened(key, *held)
            except Exception:  # pickle raises nearly anything on what it has not written
                self._forget()
                return None

        def save(self, key: Any, data: Any) -> None:
            if not self.checked:
                super().save(key, data)
                return
            content = self._dump(data)
            sealed = _seal(key, content), content
            try:
                try:
                    super().save(key, sealed)
                except OSError:
                    raise
                except Exception:  # the index is read before it is written
                    self._forget()
                    super().save(key, sealed)
            except OSError as error:
                reason = error.strerror or error
                say_once(f"cache folder {self._cache_path}: compiled code cannot be kept ({reason}), and is made anew")

        def _forget(self) -> None:
            say_once(f"cache folder {self._cache_path}: compiled code in it is damaged, and is made anew")
            with suppress(OSError):
                Path(self._index_path).unlink(missing_ok=True)

    caching.IndexDataCacheFile = CheckedFile  # type: ignore[misc]


def _seal(key: Any, content: bytes) -> str:
    return hashlib.sha256(repr(key).encode() + content).hexdigest()


def _opened(key: Any, seal: str, content: bytes) -> Any:
    if seal != _seal(key, content):
        msg = "not what was written for this key"
        raise ValueError(msg)
    return pickle.loads(content)
