"""Grids that come with the package: one TOML file each, in the folder `presets`."""

from __future__ import annotations

from pathlib import Path

from divprune_sym.ground.checks import BadInput
from divprune_sym.sweeps.grid import Grid, read_grid

FOLDER = Path(__file__).with_name("presets")


def presets() -> list[str]:
    """Their names."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_grid_or_preset(name: str) -> Grid:
    """The grid of a preset, or of a file.

    Raises
    ------
    BadInput
        Neither; see `read_grid`.
    """
    if name in presets():
        return read_grid(FOLDER / f"{name}.toml")
    path = Path(name)
    if not path.exists() and path.suffix != ".toml":
        msg = f"{name[:80]}: no such file, and none of the presets {', '.join(presets())}"
        raise BadInput(msg)
    return read_grid(path)
