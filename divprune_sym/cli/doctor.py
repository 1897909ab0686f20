"""`divprune-sym doctor`: what is installed here and what this machine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_json
from divprune_sym.cli.options import Json

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.requirements import Requirement

_EXTRAS = {
    "gpu": "kernels on a CUDA GPU, or in its simulator",
    "io": "networks in ONNX and safetensors files",
    "sweep": "solutions as xarray data sets, in zarr",
    "testing": "divprune_sym.testing in a suite of your own",
}


@app.command(
    sort_key=160,
    help_epilogue="""\
Put what it prints into a report of a fault.

Examples:
  divprune-sym doctor
  divprune-sym doctor --json""",
)
def doctor(*, as_json: Json = False) -> int:
    """Say what is installed here: versions, threads, the cache, the GPU, extras and what they are for.

    Parameters
    ----------
    as_json
        Print the same as JSON.
    """
    from shutil import which

    from divprune_sym.show.tables import print_table

    found: dict[str, Any] = {
        "versions": _versions(),
        "threads": _threads(),
        "cache": _cache(),
        "cuda": _cuda(),
        "coqc": which("coqc"),
        "extras": {extra: _lacking(extra) for extra in _EXTRAS},
    }
    if as_json:
        print_json(found)
        return DONE
    rows = [(name, version) for name, version in found["versions"].items()]
    rows += [("threads", f"{found['threads']['usable']} usable; BLAS: {found['threads']['blas']}")]
    cache = found["cache"]
    rows += [("cache", f"{cache['folder']}: {cache['files']} files, {cache['bytes'] / 1e6:.1f} MB")]
    rows += [("CUDA", found["cuda"]), ("coqc", found["coqc"] or "not found; of the package coq")]
    for extra, lacking in found["extras"].items():
        missing = f"lacks {', '.join(lacking)}; pip install 'divprune-sym[{extra}]'"
        rows.append((f"extra {extra}", f"{_EXTRAS[extra]}: {missing if lacking else 'installed'}"))
    print_table(("", ""), rows)
    return DONE


def _versions() -> dict[str, str]:
    """Of ourselves, Python, and every package that we need."""
    import platform
    from importlib.metadata import version

    needs = [requirement.name for requirement, extra in _requirements() if not extra]
    here = {"Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}"}
    return {"divprune-sym": version("divprune-sym")} | here | {name: version(name) for name in needs}


def _requirements() -> list[tuple[Requirement, str]]:
    """What our package asks for on this machine, each with the extra that asks; an empty one: always."""
    from importlib.metadata import metadata, requires

    from packaging.requirements import Requirement

    wanted = []
    for text in requires("divprune-sym") or ():
        requirement = Requirement(text)
        for extra in ("", *(metadata("divprune-sym").get_all("Provides-Extra") or ())):
            asks = "extra" in str(requirement.marker)
            if asks == bool(extra) and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
                wanted.append((requirement, extra))
    return wanted


def _lacking(extra: str) -> list[str]:
    """The packages of an extra that are not there, or too old."""
    from importlib.metadata import PackageNotFoundError, version

    lacking = []
    for requirement in (requirement for requirement, of in _requirements() if of == extra):
        try:
            if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                lacking.append(str(requirement.name) + str(requirement.specifier))
        except PackageNotFoundError:
            lacking.append(requirement.name)
    return lacking


def _threads() -> dict[str, Any]:
    import numpy as np  # noqa: F401  loads the BLAS that is asked about
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    from divprune_sym.ground.work import usable_cores

    blas = [f"{x['internal_api']} {x['version']}, {x['num_threads']} threads" for x in threadpool_info()]
    return {"usable": usable_cores(), "blas": "; ".join(blas)}


def _cache() -> dict[str, Any]:
    from divprune_sym.codegen.cache import cache_folder

    folder = cache_folder()
    sizes = [_size(path) for path in folder.rglob("*")]
    return {"folder": str(folder), "files": sum(size is not None for size in sizes), "bytes": sum(filter(None, sizes))}


def _size(path: Path) -> int | None:
    """Bytes of a file; None of what is none, or is gone meanwhile."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _cuda() -> str:
    from divprune_sym.cuda.device import NoCuda, require_cuda, simulated

    try:
        require_cuda()
    except NoCuda as missing:
        return str(missing).removeprefix("CUDA: ")
    if simulated():
        return "Numba's simulator"
    from numba import cuda

    device = cuda.get_current_device()
    major, minor = device.compute_capability
    return f"{device.name.decode()}, compute capability {major}.{minor}"
