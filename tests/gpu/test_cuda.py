"""CUDA without a GPU: the simulator in a process of its own, PTX, and what is said where there is no GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from divprune_sym.codegen.distribute import CannotDistribute, distributed
from divprune_sym.codegen.form import Assign, Entry, Loop, Name, Number, Operation, Routine, Whole
from divprune_sym.cuda import assembly, device
from divprune_sym.ground.checks import BadInput

pytestmark = pytest.mark.slow(70)

needs_numba_cuda = pytest.mark.skipif(device.find_spec("numba_cuda") is None, reason="numba-cuda is not installed")


@needs_numba_cuda
def test_everything_in_the_simulator():
    """Numba chooses between simulator and compiler when it is imported."""
    file = Path(__file__).with_name("in_simulator.py")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(
        command, env=os.environ | {device.SIMULATOR: "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_numba_cuda
@pytest.mark.parametrize("capability", assembly.CAPABILITIES)
@pytest.mark.parametrize(
    "name", ["K = 2, M = 2", "K = 10, M = 4", "SGD", "eigenvectors", "items", "covariances", "errors"]
)
def test_kernels_compile_to_ptx(name, capability):
    (kernel,) = [kernel for kernel in assembly.kernels() if name in kernel.name]
    text = assembly.ptx(kernel, capability)
    assert f".target sm_{capability[0]}{capability[1]}" in text
    assert ".visible .entry" in text


@needs_numba_cuda
@pytest.mark.skipif(assembly.find_ptxas() is None, reason="ptxas is not installed")
def test_ptxas_reports_registers():
    (kernel,) = [kernel for kernel in assembly.kernels() if "SGD" in kernel.name]
    report = assembly.assemble(kernel, (9, 0), assembly.find_ptxas())
    assert 0 < report.registers <= 255
    assert report.shared == 8 * ((6 + 2) * 128 + 6)
    assert report.spilled == 0


@needs_numba_cuda
@pytest.mark.skipif(assembly.find_ptxas() is None, reason="ptxas is not installed")
@pytest.mark.parametrize("capability", assembly.CAPABILITIES)
def test_small_problems_spill_no_registers(capability):
    """K + M ≤ 6."""
    (kernel,) = [kernel for kernel in assembly.kernels() if "K = 4, M = 2" in kernel.name]
    assert assembly.assemble(kernel, capability, assembly.find_ptxas()).spilled == 0


def test_the_report_is_read():
    text = "16 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\nUsed 40 registers, 64 bytes smem"
    assert assembly.read_report("k", (9, 0), text) == assembly.Assembled("k", (9, 0), 40, 64, 16, 8)


def test_without_numba_cuda_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(device, "find_spec", lambda name: None)
    with pytest.raises(device.NoCuda, match=r"numba-cuda is not installed; pip install 'divprune-sym\[gpu\]'"):
        device.require_cuda()


@needs_numba_cuda
def test_without_a_gpu_the_simulator_is_named(monkeypatch):
    monkeypatch.delenv(device.SIMULATOR, raising=False)
    monkeypatch.setattr("numba.cuda.is_available", lambda: False)
    with pytest.raises(
        BadInput, match=r"no GPU with a driver was found here; use the functions of the CPU, or .*CUDASIM=1"
    ):
        device.require_cuda()


def test_the_simulator_compiles_nothing(monkeypatch):
    monkeypatch.setenv(device.SIMULATOR, "1")
    with pytest.raises(device.NoCuda, match="PTX: numba-cuda and no simulator are needed"):
        assembly.ptx(assembly.Kernel("k", print, ()), (9, 0))


def test_ptxas_that_is_missing_or_refuses_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(assembly, "find_ptxas", lambda: None)
    with pytest.raises(device.NoCuda, match="ptxas: not found; pip install nvidia-cuda-nvcc"):
        next(assembly.table())
    refusing = tmp_path / "ptxas"
    refusing.write_text("#!/bin/sh\necho too old >&2\nexit 1\n")
    refusing.chmod(0o700)
    monkeypatch.setattr(assembly, "ptx", lambda *_: "")
    with pytest.raises(device.NoCuda, match=r"k: .*ptxas refuses it: too old"):
        assembly.assemble(assembly.Kernel("k", print, ()), (9, 0), refusing)


def test_a_loop_that_carries_a_number_is_not_dealt_out():
    total, index = Name("total"), Name("i")
    step = Assign((total,), Operation("+", total, Entry("x", (index,))))
    body = (
        Assign((total,), Number(0.0)),
        Loop("i", Whole(3), (step,)),
        Assign((Entry("y", (Whole(0),)),), total),
    )
    with pytest.raises(CannotDistribute, match="a loop over i carries total from turn to turn"):
        distributed(Routine("f", ("x", "y"), "A sum.", (), body), frozenset())
