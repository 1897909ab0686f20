"""Kernels as PTX for named GPUs, and what `ptxas` makes of them. Needs no GPU.

`python -m divprune_sym.cuda` prints the table.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from divprune_sym.cuda.device import NoCuda, simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAPABILITIES = ((8, 0), (9, 0))


@dataclass(frozen=True)
class Kernel:
    """A kernel before compilation: the Python function and the Numba types of its arguments."""

    name: str
    function: Callable[..., Any]
    signature: tuple[Any, ...]


@dataclass(frozen=True)
class Assembled:
    """What `ptxas` reports of one kernel on one GPU; memory in bytes, registers and local memory per thread.

    `local` is memory for arrays of the program, `spilled` the stores of registers that did not fit.
    """

    kernel: str
    capability: tuple[int, int]
    registers: int
    shared: int
    local: int
    spilled: int


def kernels() -> Iterator[Kernel]:
    """One kernel of every kind, the equations of motion at several sizes."""
    from numba import boolean, float64, int64

    from divprune_sym.cuda.equations import cuda_module, error_module
    from divprune_sym.cuda.kdpp import choice_kernel, projection_kernel
    from divprune_sym.cuda.odes import layout_for
    from divprune_sym.cuda.pruned import covariance_kernel
    from divprune_sym.cuda.sgd import sgd_kernel
    from divprune_sym.solvers.equations import Equations

    vector, matrix, cube = float64[::1], float64[:, ::1], float64[:, :, ::1]
    solve = (matrix, matrix, vector, cube, matrix, cube, float64, float64, int64)
    for K, M in ((2, 2), (4, 2), (6, 2), (10, 4), (20, 10)):
        layout = layout_for(K, M, 1)
        module = cuda_module(Equations(), K, M, 1, layout)
        yield Kernel(f"trajectory per {layout}, K = {K}, M = {M}", module.solve.py_func, solve)
    indices, index_matrix = int64[::1], int64[:, ::1]
    sgd = (cube, matrix, cube, matrix, cube, cube, matrix, indices, float64, float64, float64, float64)
    yield Kernel("SGD, K = 6, M = 2", sgd_kernel(6, 2, 128).py_func, sgd)
    choose = (cube, matrix, matrix, indices, matrix, index_matrix)
    yield Kernel("k-DPP, which eigenvectors", choice_kernel().py_func, choose)
    project = (cube, indices, index_matrix, matrix, index_matrix, matrix, matrix, cube, matrix, matrix)
    yield Kernel("k-DPP, which items", projection_kernel(128).py_func, project)
    overlaps = (matrix, boolean[:, :, ::1], cube)
    yield Kernel("pruning, covariances", covariance_kernel().py_func, overlaps)
    yield Kernel("pruning, errors at K = 6, M = 2", error_module(8).errors.py_func, (cube, matrix, vector))


def ptx(kernel: Kernel, capability: tuple[int, int]) -> str:
    """PTX text of a kernel.

    Raises
    ------
    NoCuda
        numba-cuda is not installed, or the simulator is on, which compiles nothing.
    """
    if find_spec("numba_cuda") is None or simulated():
        what = "the simulator compiles nothing" if simulated() else "pip install 'divprune-sym[gpu]'"
        msg = f"PTX: numba-cuda and no simulator are needed; {what}"
        raise NoCuda(msg)
    from numba import cuda

    # functions that a kernel calls are compiled for the GPU at hand, whatever `cc` says: here that is the one asked for
    device = SimpleNamespace(compute_capability=capability)
    with patch("numba.cuda.dispatcher.get_current_device", lambda: device):
        text, _ = cuda.compile(
            kernel.function, kernel.signature, cc=capability, output="ptx", device=False, abi="numba"
        )
    return text if isinstance(text, str) else text.decode()


def find_ptxas() -> Path | None:
    """The `ptxas` of the pip package nvidia-cuda-nvcc, or else the one on the path."""
    for folder in map(Path, sys.path):
        found = sorted(folder.glob("nvidia/cu*/bin/ptxas"))
        if found:
            return found[-1]
    on_path = shutil.which("ptxas")
    return Path(on_path) if on_path else None


def assemble(kernel: Kernel, capability: tuple[int, int], ptxas: Path) -> Assembled:
    """Compile a kernel, assemble it and read the report.

    Raises
    ------
    NoCuda
        See `ptx`; or `ptxas` refuses the text: the message is its own.
    """
    text = ptx(kernel, capability)
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_text(text, encoding="utf-8")
        command = [str(ptxas), "-v", f"-arch=sm_{capability[0]}{capability[1]}", str(source), "-o", str(binary)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"{kernel.name}: {ptxas} refuses it: {done.stderr.strip().splitlines()[0]}"
        raise NoCuda(msg)
    return read_report(kernel.name, capability, done.stderr)


def read_report(name: str, capability: tuple[int, int], report: str) -> Assembled:
    """The numbers in the report of `ptxas -v` on a text with one kernel."""

    def number(pattern: str) -> int:
        return sum(int(found) for found in re.findall(pattern, report))

    return Assembled(
        name,
        capability,
        number(r"Used (\d+) registers"),
        number(r"(\d+) bytes smem"),
        number(r"(\d+) bytes stack frame"),
        number(r"(\d+) bytes spill stores"),
    )


def table() -> Iterator[Assembled]:
    """Every kernel on every GPU.

    Raises
    ------
    NoCuda
        There is no `ptxas`, or see `assemble`.
    """
    ptxas = find_ptxas()
    if ptxas is None:
        msg = "ptxas: not found; pip install nvidia-cuda-nvcc"
        raise NoCuda(msg)
    for kernel in kernels():
        for capability in CAPABILITIES:
            yield assemble(kernel, capability, ptxas)
