"""npz files, read without pickle."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import refuse_beyond_memory

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Every array of an npz file.

    Raises
    ------
    BadInput
        No npz file, a truncated one, one with pickled objects, or more than memory holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        refuse_beyond_memory(str(path), 2 * size)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
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
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, SyntaxError, RuntimeError):
        msg = f"{path}: is no npz file, or a truncated one; write it with numpy.savez"
        raise BadInput(msg) from None
