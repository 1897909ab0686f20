"""Kernels L from npy files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from divprune_sym.cli.console import say
from divprune_sym.cli.guards import refusing
from divprune_sym.ground.files import refuse_beyond_memory
from divprune_sym.show.progress import working

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from divprune_sym.dpp import LEnsemble


def kernel_ensemble(path: Path, check_size: Callable[[int], None]) -> LEnsemble:
    """The decomposed kernel of a file; `check_size` may refuse N before anything is read.

    Says on stderr what was set to zero.
    """
    from divprune_sym.dpp import LEnsemble
    from divprune_sym.ground.checks import BadInput

    if path.exists() and not path.is_file():
        msg = f"{path}: is no regular file"
        raise BadInput(msg)
    with path.open("rb") as file:
        N = kernel_size(path, file)
        refuse_beyond_memory(f"{path}: N = {N}", 6 * 8 * N * N)
        check_size(N)
        matrix = kernel_matrix(path, file)
    try:
        with working("decomposing the kernel"):
            L = LEnsemble.from_matrix(matrix)
    except BadInput as refused:
        msg = f"{path}: {refused}"
        raise BadInput(msg) from None
    if L.shift > 0:
        say(f"{path}: eigenvalues up to {L.shift:.3g} in magnitude are rounding, and were taken as 0")
    return L


def kernel_size(path: Path, file: BinaryIO) -> int:
    """N of an npy file with an (N, N) array of real numbers, from its header alone."""
    import numpy as np

    from divprune_sym.ground.checks import BadInput, BadShape

    with refusing(f"{path}: is no npy file, or a truncated one; write it with numpy.save"):
        version = np.lib.format.read_magic(file)
        # a later version than 2 is for field names that are not Latin-1
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.kind not in "buif":
        msg = f"{path}: holds {dtype.name} entries, expected real numbers"
        raise BadInput(msg)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 1:
        msg = f"{path}: shape {shape}, expected (N, N) with N >= 1"
        raise BadShape(msg)
    return int(shape[0])


def kernel_matrix(path: Path, file: BinaryIO) -> Any:
    import numpy as np

    file.seek(0)
    with refusing(f"{path}: truncated, it holds fewer numbers than its header says"):
        return np.load(file, allow_pickle=False)
