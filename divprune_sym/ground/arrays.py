"""npz files, read without pickle."""

from __future__ import annotations

import lzma
import struct
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import refuse_beyond_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# what zipfile and NumPy raise on damaged files, besides OSError
BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, KeyError, IndexError, TypeError,
    NotImplementedError, SyntaxError, TokenError, RuntimeError, OverflowError,
)  # fmt: skip


def read_arrays(path: Path, sizes: Mapping[str, int] | None = None) -> dict[str, NDArray[np.generic]]:
    """Every array of an npz file.

    Parameters
    ----------
    path : Path
    sizes : mapping of str to int, optional
        The arrays that the file must hold, and no others, with the bytes that each takes at most.

    Raises
    ------
    BadInput
        No npz file, a truncated one, one with pickled objects or other arrays, or more than memory holds.
    OSError
        There is no such file, or it cannot be opened.
    """
    with refusing_damage(path):
        entries = _entries(path)
        if sizes is not None:
            _refuse_others(path, entries, sizes)
        refuse_beyond_memory(str(path), 2 * sum(entries.values()))
        with np.load(path, allow_pickle=False) as file:
            return {name: _array(path, name, file[name]) for name in file.files}


def read_text(path: Path, name: str, longest: int) -> str | None:
    """The text that one array of an npz file is, of so many bytes at most; None where there is none.

    Raises
    ------
    BadInput, OSError
        As in `read_arrays`.
    """
    with refusing_damage(path):
        if not 0 < _entries(path).get(name, 0) <= longest:
            return None
        with np.load(path, allow_pickle=False) as file:
            array = _array(path, name, file[name])
    return str(array) if array.dtype.kind == "U" and array.ndim == 0 else None


def _entries(path: Path) -> dict[str, int]:
    """Bytes of each array."""
    with zipfile.ZipFile(path) as archive:
        return {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}


def _array(path: Path, name: str, value: Any) -> NDArray[np.generic]:
    if not isinstance(value, np.ndarray):  # other files in the archive come as bytes
        msg = f"{path}: {name[:60]} is no array; write it with numpy.savez"
        raise BadInput(msg)
    return value


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """What a damaged file raises, and what NumPy warns of on the way, as one refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except BadInput:
        raise
    except ValueError as error:
        reason = "holds pickled objects, which are never read" if "pickle" in str(error) else "a truncated array"
        msg = f"{path}: {reason}; write it with numpy.savez"
        raise BadInput(msg) from None
    except MemoryError:
        # a header inside the archive may claim more than the archive holds
        msg = f"{path}: an array in it says that it is larger than memory"
        raise BadInput(msg) from None
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        msg = f"{path}: is no npz file, or a truncated one; write it with numpy.savez"
        raise BadInput(msg) from None


def _refuse_others(path: Path, entries: Mapping[str, int], sizes: Mapping[str, int]) -> None:
    if entries.keys() != sizes.keys():
        missing, extra = sorted(sizes.keys() - entries.keys()), sorted(entries.keys() - sizes.keys())
        what = f"lacks {', '.join(missing)[:80]}" if missing else f"holds {', '.join(extra)[:80]} too"
        msg = f"{path}: {what}"
        raise BadInput(msg)
    for name, size in entries.items():
        if size > sizes[name]:
            msg = f"{path}: {name} takes {size} bytes, expected at most {sizes[name]}"
            raise BadInput(msg)
