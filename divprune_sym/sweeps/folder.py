"""A sweep on disk: a Zarr group that xarray opens, and a record of which pieces are whole.

A chunk of the group is one piece of work. A line of `done.jsonl` is written once its chunk files are there, with a
checksum of every one: a lost chunk file would otherwise be read as the fill value, without a word, and a changed one
as numbers. Shapes and types of all arrays are fixed when the folder is made; nothing is ever appended to an axis.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import zlib
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.extras import needed
from divprune_sym.ground.files import written_aside
from divprune_sym.ground.stored import fitted, parsed
from divprune_sym.sweeps.axes import AXES
from divprune_sym.sweeps.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FORMAT = "divprune_sym sweep 1"
_EXTRA = "'divprune-sym[sweep]'"
_GRID: dict[str, Any] = {
    "axes": {str: [(int, float, str)]},
    "alphas": [float],
    "methods": [str],
    "keeps": [float],
    "refits": [str],
    "retrain": (float, None),
    "rtol": float,
}
_ABOUT = {"format": str, "digest": str, "grid": _GRID, "versions": {str: str}, "code": str}
_DONE = {"block": int, "crc32": {str: int}}
_VARIABLES = {
    "generalization_error": (("alpha",), "ε_g while training, label noise excluded"),
    "status": ((), "how the integration ended: 0 reached the last α; 1, 2, 3 stopped before, and the rest is NaN"),
    "plateau_entry": ((), "α at which the longest plateau is entered; NaN: there is none"),
    "plateau_escape": ((), "α at which it is left"),
    "pruned_error": (("pruning", "keep", "refit"), "ε_g after pruning the trained student; NaN: cannot be kept"),
    "retrained_error": (("pruning", "keep", "refit"), "ε_g after training on"),
    "recovery_alpha": (
        ("pruning", "keep", "refit"),
        "α since pruning at which ε_g is back at its value before; NaN: not",
    ),
}


@dataclass(frozen=True)
class Sweep:
    """The results of a grid in a folder, as far as they are there.

    Attributes
    ----------
    folder : Path
    grid : Grid
    """

    folder: Path
    grid: Grid

    @property
    def data(self) -> Path:
        """The Zarr group."""
        return self.folder / "data.zarr"

    @cached_property
    def done(self) -> frozenset[int]:
        """The pieces of work that were whole when this object first looked."""
        return frozenset(_record(self.folder / "done.jsonl", self.grid.blocks))

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return len(self.done) == self.grid.blocks

    def dataset(self) -> Any:
        """An xarray Dataset, read from disk when looked at: dimension `trajectory`, and a coordinate for each axis.

        What is not computed yet is NaN, its status −1.

        Raises
        ------
        BadInput
            xarray or zarr is not installed (extra `sweep`).
        """
        needed("zarr", "a sweep", _EXTRA)
        xarray = needed("xarray", "a sweep", _EXTRA)
        found = xarray.open_zarr(self.data, chunks=None, consolidated=False)
        return found[variables(self.grid)].assign_coords(_coordinates(self.grid))

    def on_grid(self, *names: str) -> Any:
        """The same with one dimension for each axis that varies; of these variables, or all.

        It is read into memory.
        """
        flat = self.dataset()
        # in the order of the table, not of the file system
        flat = flat[list(names or variables(self.grid))]
        varied = self.grid.varied
        lengths = [len(self.grid.values(name)) for name in varied]
        fixed = [name for name in AXES if name not in varied]
        arrays = {}
        for name, array in flat.load().data_vars.items():
            rest = array.dims[1:]
            arrays[name] = ((*varied, *rest), array.values.reshape(*lengths, *array.shape[1:]), array.attrs)
        coordinates = {name: list(self.grid.values(name)) for name in varied}
        kept = {name: flat.coords[name].values for name in ("alpha", "pruning", "keep", "refit") if name in flat.coords}
        told = {name: self.grid.values(name)[0] for name in fixed}
        xarray = needed("xarray", "a sweep", _EXTRA)
        return xarray.Dataset(arrays, coordinates | kept, flat.attrs | told)

    def check(self) -> None:
        """Compare every chunk file that is said to be whole with its checksum.

        Raises
        ------
        BadInput
            One is missing or was changed; the message names it.
        """
        for block, sums in _record(self.folder / "done.jsonl", self.grid.blocks).items():
            for name, expected in sums.items():
                path = self._chunk(name, block)
                found = _checksum(path)
                if found != expected:
                    what = "is missing" if found is None else "was changed after it was written"
                    msg = (
                        f"{path}: this chunk {what}; take the line of block {block} out of "
                        f"{self.folder / 'done.jsonl'}, and run the sweep again: it computes what is missing"
                    )
                    raise BadInput(msg)

    def write(self, block: int, tables: Mapping[str, NDArray[Any]]) -> None:
        """Keep one piece of work: its chunks first, then the line that says so."""
        zarr = needed("zarr", "a sweep", _EXTRA)
        rows = self.grid.rows(block)
        # a chunk that happens to equal the fill value is written too: no file means not computed. Not an option of the
        # arrays, which forget it when they are opened again.
        with zarr.config.set({"array.write_empty_chunks": True}):
            group = zarr.open_group(self.data, mode="r+")
            for name, table in tables.items():
                group[name][rows.start : rows.stop] = table
        sums = {name: _checksum(self._chunk(name, block)) for name in tables}
        line = json.dumps({"block": block, "crc32": sums}) + "\n"
        with (self.folder / "done.jsonl").open("a", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _chunk(self, name: str, block: int) -> Path:
        rest = ["0"] * len(_VARIABLES[name][0])
        return self.data.joinpath(name, "c", str(block), *rest)


def make_folder(folder: Path, grid: Grid, code: str) -> Sweep:
    """A folder for the results of a grid, or the one that holds some of them already.

    Parameters
    ----------
    folder : Path
    grid : Grid
    code : str
        Which compiled equations these are.

    Raises
    ------
    BadInput
        It holds something else, or the results of another grid or of other equations.
    """
    needed("zarr", "a sweep", _EXTRA)
    needed("xarray", "a sweep", _EXTRA)
    if (folder / "sweep.json").exists():
        found = open_sweep(folder)
        if found.grid != grid:
            msg = f"{folder}: holds the results of another grid ({_difference(found.grid, grid)}); name another folder"
            raise BadInput(msg)
        if _about(folder)["code"] != code:
            msg = f"{folder}: was computed by other equations than this version's; name another folder"
            raise BadInput(msg)
        return found
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder}: is there, and is no sweep; name a new folder"
        raise BadInput(msg)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder}: cannot be made a folder ({error.strerror})"
        raise BadInput(msg) from None
    made = Sweep(folder, grid)
    _make_arrays(made)
    about = {"format": FORMAT, "digest": grid.digest, "grid": grid.as_json(), "versions": _versions(), "code": code}
    with written_aside(folder / "sweep.json") as file:
        file.write(json.dumps(about, indent=1, ensure_ascii=False).encode())
    return made


def open_sweep(folder: str | Path) -> Sweep:
    """The results in a folder, every chunk that is said to be whole checked.

    Raises
    ------
    BadInput
        There is no sweep, or a chunk is missing or was changed.
    """
    path = Path(folder)
    found = Sweep(path, grid_of(path))
    found.check()
    return found


def grid_of(folder: Path) -> Grid:
    """The grid whose results a folder holds."""
    about = _about(folder)
    stored = about["grid"]
    grid = Grid(
        axes=tuple((name, tuple(values)) for name, values in stored["axes"].items()),
        alphas=tuple(stored["alphas"]),
        methods=tuple(stored["methods"]),
        keeps=tuple(stored["keeps"]),
        refits=tuple(stored["refits"]),
        retrain=stored["retrain"],
        rtol=stored["rtol"],
    )
    if grid.digest != about["digest"]:
        msg = f"{folder / 'sweep.json'}: the grid there is not the one that the results are of"
        raise BadInput(msg)
    return grid


def _about(folder: Path) -> dict[str, Any]:
    path = folder / "sweep.json"
    try:
        text = path.read_bytes()
    except OSError:
        msg = f"{folder}: holds no sweep (there is no sweep.json)"
        raise BadInput(msg) from None
    try:
        about: dict[str, Any] = fitted(parsed(text), _ABOUT)
        if about["format"] != FORMAT:
            msg = f"format {about['format'][:40]!r}, expected {FORMAT!r}"
            raise BadInput(msg)
    except BadInput as error:
        msg = f"{path}: {error}"
        raise BadInput(msg) from None
    return about


def _record(path: Path, blocks: int) -> dict[int, dict[str, int]]:
    """The checksums of every whole piece. A last line that was torn by a power cut says nothing."""
    if not path.exists():
        return {}
    lines = path.read_bytes().split(b"\n")
    found = {}
    for number, line in enumerate(lines[:-1], 1):
        try:
            entry = fitted(parsed(line), _DONE)
            if not 0 <= entry["block"] < blocks or not entry["crc32"].keys() <= _VARIABLES.keys():
                msg = "no such block or variable"
                raise BadInput(msg)
        except BadInput as error:
            msg = f"{path}: line {number}: {error}"
            raise BadInput(msg) from None
        found[entry["block"]] = entry["crc32"]
    return found


def mend_record(path: Path) -> None:
    """Cut off a last line that a power cut tore, so that the next one begins a line."""
    if not path.exists():
        return
    text = path.read_bytes()
    if text and not text.endswith(b"\n"):
        with written_aside(path) as file:
            file.write(text[: text.rfind(b"\n") + 1])


def _checksum(path: Path) -> int | None:
    try:
        return zlib.crc32(path.read_bytes())
    except OSError:
        return None


def _make_arrays(made: Sweep) -> None:
    """Empty arrays of the final shapes and types."""
    import zarr

    grid = made.grid
    shutil.rmtree(made.data, ignore_errors=True)
    group = zarr.open_group(made.data, mode="w")
    group.attrs.update({"title": "a sweep of divprune_sym", "axes": {name: AXES[name].about for name in AXES}})
    lengths = {
        "alpha": len(grid.alphas),
        "pruning": len(grid.methods),
        "keep": len(grid.keeps),
        "refit": len(grid.refits),
    }
    for name in variables(grid):
        rest, about = _VARIABLES[name]
        shape = tuple(lengths[dim] for dim in rest)
        whole = name == "status"
        array = group.create_array(
            name,
            shape=(grid.size, *shape),
            chunks=(grid.block, *shape),
            dtype="int8" if whole else "float64",
            fill_value=-1 if whole else np.nan,
            dimension_names=["trajectory", *rest],
        )
        array.attrs.update({"long_name": about, "units": "1"})


def variables(grid: Grid) -> list[str]:
    """What is stored of every trajectory."""
    left_out = set()
    if not grid.methods:
        left_out = {"pruned_error", "retrained_error", "recovery_alpha"}
    elif grid.retrain is None:
        left_out = {"retrained_error", "recovery_alpha"}
    return [name for name in _VARIABLES if name not in left_out]


def _coordinates(grid: Grid) -> dict[str, Any]:
    along = {name: ("trajectory", values) for name, values in grid.coordinates().items()}
    other = {"alpha": ("alpha", np.array(grid.alphas))}
    if grid.methods:
        other |= {
            # not "method", which `sel` has for itself
            "pruning": ("pruning", np.array(grid.methods)),
            "keep": ("keep", np.array(grid.keeps)),
            "refit": ("refit", np.array(grid.refits)),
        }
    return along | other


def _difference(one: Grid, other: Grid) -> str:
    """The first thing in which two grids differ."""
    mine, theirs = one.as_json(), other.as_json()
    for name in AXES:
        if mine["axes"][name] != theirs["axes"][name]:
            return f"{name} differs"
    return next((f"{name} differs" for name in mine if mine[name] != theirs[name]), "nothing differs")


def _versions() -> dict[str, str]:
    """What computed this: packages, Python, and the commit where the package lies in a Git checkout."""
    packages = ("divprune-sym", "numpy", "numba", "llvmlite", "scipy", "sympy", "zarr", "xarray")
    found = {name: version(name) for name in packages}
    return found | {"python": platform.python_version(), "commit": _commit()}


def _commit() -> str:
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "none"
    return done.stdout.strip()
