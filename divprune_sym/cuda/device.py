"""Whether there is a GPU, and what to say where there is none."""

from __future__ import annotations

import os
from importlib.util import find_spec

from divprune_sym.ground.checks import BadInput

SIMULATOR = "NUMBA_ENABLE_CUDASIM"


class NoCuda(BadInput):
    """Nothing here runs CUDA kernels; the message says what is missing and how to go on without."""


def simulated() -> bool:
    """Whether kernels run in Numba's simulator, thread by thread, in Python."""
    return os.environ.get(SIMULATOR, "0") not in ("", "0")


def require_cuda() -> None:
    """Refuse to go on where no kernel can run.

    Raises
    ------
    NoCuda
        numba-cuda is not installed, or there is neither a GPU with a driver nor the simulator.
    """
    instead = f"or run small sizes in the simulator: {SIMULATOR}=1"
    if find_spec("numba_cuda") is None:
        msg = "CUDA: numba-cuda is not installed; pip install 'divprune-sym[gpu]'"
        raise NoCuda(msg)
    if simulated():
        return
    from numba import cuda

    if not cuda.is_available():
        msg = f"CUDA: no GPU with a driver was found here; use the functions of the CPU, {instead}"
        raise NoCuda(msg)
