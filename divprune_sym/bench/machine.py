"""The machine a benchmark ran on, as far as a reader of its numbers should know."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from divprune_sym.ground.work import usable_cores

_PACKAGES = ("divprune-sym", "numpy", "numba", "llvmlite", "scipy", "sympy")


def describe_machine() -> dict[str, Any]:
    """CPU, cores, threads, load, and the versions of what does the work; JSON-able.

    `load` is that of the minute before: well above 0 says that other programs were running.
    """
    from llvmlite import binding
    from numba import config
    from threadpoolctl import threadpool_info

    return {
        "cpu": _cpu(),
        "llvm_cpu": binding.get_host_cpu_name(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "numba_threads": config.NUMBA_NUM_THREADS,  # type: ignore[attr-defined]
        "blas": sorted({f"{x['internal_api']} {x['version']}" for x in threadpool_info() if x["user_api"] == "blas"}),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    known = dict(part.split(":", 1) for part in lines if ":" in part)
    fields = {name.strip(): value.strip() for name, value in known.items()}
    model = fields.get("model name", platform.processor() or "unknown")
    speed = f", {float(fields['cpu MHz']) / 1000:.2f} GHz" if "cpu MHz" in fields else ""
    return model + speed


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
