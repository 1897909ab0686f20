"""A grid: which trajectories are run, at which times they are reported, and how their students are pruned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, increasing_times, integer, number
from divprune_sym.ground.tables import read_toml, refuse_unknown
from divprune_sym.protocols.steps import RESCALINGS
from divprune_sym.pruning.method import NodeMethod
from divprune_sym.pruning.user_method import load_method
from divprune_sym.sweeps.axes import AXES, axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Value = int | float | str

# trajectories in one piece of work, which is one chunk of the files: trained, also pruned, also trained on
BLOCKS = (256, 32, 8)
MOST = 10**8


@dataclass(frozen=True)
class Grid:
    """Training runs, and what is done to each student at the end.

    Parameters
    ----------
    axes : tuple of (name, values)
        Every combination of the values is one trajectory.
    alphas : tuple of float
        Times at which ε_g is reported.
    methods : tuple of str
        Pruning methods tried on every student at the last time: registered names or FILE.py:CLASS (the file is run).
    keeps : tuple of float
        Shares of nodes or of every node's edges kept, in (0, 1].
    refits : tuple of {"none", "inverse-sqrt", "best"}
        As pruned; kept edges divided by √p; nodes reweighted and edges rescaled by the best common factor.
    retrain : float, optional
        For how long what is left is trained on, at the same rates.
    rtol : float
        Relative error allowed in each step.

    Raises
    ------
    BadInput
        An unknown axis or method, a value out of range or given twice, no trajectory at all, a node method asked for
        half a node, or one activation that a method cannot be evaluated for.
    """

    axes: tuple[tuple[str, tuple[Value, ...]], ...]
    alphas: tuple[float, ...]
    methods: tuple[str, ...] = ()
    keeps: tuple[float, ...] = ()
    refits: tuple[str, ...] = ("none",)
    retrain: float | None = None
    rtol: float = 1e-8

    def __post_init__(self) -> None:
        given = dict(self.axes)
        if len(given) != len(self.axes):
            msg = "an axis is given twice"
            raise BadInput(msg)
        axes = {name: _checked(name, values) for name, values in given.items()}
        ordered = tuple((name, axes.get(name, (AXES[name].usual,))) for name in AXES)
        object.__setattr__(self, "axes", ordered)
        object.__setattr__(self, "alphas", tuple(increasing_times("alphas", self.alphas).tolist()))
        if self.size > MOST:
            msg = f"{self.size} trajectories: at most {MOST} can be asked for"
            raise BadInput(msg)
        object.__setattr__(self, "rtol", number("rtol", self.rtol, 1e-14, 1e-2))
        self._check_pruning()

    def _check_pruning(self) -> None:
        if bool(self.methods) != bool(self.keeps):
            there, lacking = ("method", "keep") if self.methods else ("keep", "method")
            msg = f"{there} is given without {lacking}; pruning needs both"
            raise BadInput(msg)
        object.__setattr__(self, "keeps", tuple(number("keep", p, 1e-12, 1.0) for p in self.keeps))
        for name, values in (("method", self.methods), ("keep", self.keeps), ("refit", self.refits)):
            _refuse_twice(name, values)
        for refit in self.refits:
            if refit not in RESCALINGS:
                msg = f"refit {refit!r}: expected one of {', '.join(RESCALINGS)}"
                raise BadInput(msg)
        if self.retrain is not None:
            object.__setattr__(self, "retrain", number("retrain", self.retrain, 1e-12))
            if not self.methods:
                msg = "retrain is given without method and keep: there is nothing to train on"
                raise BadInput(msg)
        if any(isinstance(load_method(name), NodeMethod) for name in self.methods):
            for K, keep in product(self.values("students"), self.keeps):
                nodes_kept(keep, int(K))

    def values(self, name: str) -> tuple[Value, ...]:
        """Those of one axis."""
        return dict(self.axes)[name]

    @property
    def varied(self) -> tuple[str, ...]:
        """The axes with more than one value."""
        return tuple(name for name, values in self.axes if len(values) > 1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""
        return tuple(len(values) for _, values in self.axes)

    @property
    def size(self) -> int:
        """Number of trajectories."""
        return prod(self.shape)

    @property
    def block(self) -> int:
        """Trajectories in one piece of work."""
        return BLOCKS[bool(self.methods) + (self.retrain is not None)]

    @property
    def blocks(self) -> int:
        """Pieces of work."""
        return -(-self.size // self.block)

    def rows(self, block: int) -> range:
        """The trajectories of one piece."""
        return range(block * self.block, min((block + 1) * self.block, self.size))

    def settings(self, row: int) -> dict[str, Any]:
        """The value of every axis for one trajectory; the last axis varies fastest."""
        places = np.unravel_index(row, self.shape)
        return {name: values[int(at)] for (name, values), at in zip(self.axes, places, strict=True)}

    def coordinates(self) -> dict[str, NDArray[Any]]:
        """The value of every axis for all trajectories, each (size,)."""
        places = np.unravel_index(np.arange(self.size), self.shape)
        return {name: np.asarray(values)[at] for (name, values), at in zip(self.axes, places, strict=True)}

    def as_json(self) -> dict[str, Any]:
        """What `grid_from` makes this grid of again."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain | {"axes": {name: list(values) for name, values in self.axes}}

    @property
    def digest(self) -> str:
        """Tells this grid from others."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()


def _checked(name: str, values: Sequence[Any]) -> tuple[Value, ...]:
    checked = tuple(axis(name).checked(value) for value in values)
    if not checked:
        msg = f"axis {name!r}: has no values"
        raise BadInput(msg)
    _refuse_twice(name, checked)
    return checked


def _refuse_twice(name: str, values: Sequence[Any]) -> None:
    if len(set(values)) != len(values):
        twice = next(value for n, value in enumerate(values) if value in values[:n])
        msg = f"{name}: {twice!r} is given twice"
        raise BadInput(msg)


def nodes_kept(keep: float, K: int) -> int:
    """The number of nodes that a share is.

    Raises
    ------
    BadInput
        It is no whole number: methods would be compared at different parameter counts.
    """
    kept = keep * K
    if round(kept) == 0 or abs(kept - round(kept)) > 1e-9 * K:
        possible = ", ".join(f"{n / K:.4g}" for n in range(1, K + 1)) if K <= 8 else f"multiples of 1/{K}"
        msg = f"keep = {keep:g}: node methods keep whole nodes, of {K} students the shares {possible}"
        raise BadInput(msg)
    return round(kept)


_TABLES = {"alphas", "axes", "fixed", "prune", "retrain", "rtol"}
_RANGE = {"from", "to", "count", "spacing"}


def read_grid(path: Path) -> Grid:
    """A grid from a TOML file; `divprune-sym sweep --help` has the format.

    Raises
    ------
    BadInput
        No such file, no TOML, or no grid; the message names the file and what is wrong in it.
    """
    return read_toml(path, grid_from)


def grid_from(tables: Mapping[str, Any]) -> Grid:
    """A grid from the tables of a file."""
    refuse_unknown("the grid", tables, _TABLES)
    if "alphas" not in tables:
        msg = "alphas is missing: the times to report, such as alphas = {from = 0.1, to = 300, count = 40}"
        raise BadInput(msg)
    axes = {name: _values(name, value) for name, value in _table(tables, "axes").items()}
    for name, value in _table(tables, "fixed").items():
        if name in axes:
            msg = f"{name} stands both in [axes] and in [fixed]"
            raise BadInput(msg)
        axes[name] = (value,)
    prune = _table(tables, "prune")
    refuse_unknown("[prune]", prune, {"method", "keep", "refit"})
    retrain = _table(tables, "retrain")
    refuse_unknown("[retrain]", retrain, {"alpha"})
    return Grid(
        axes=tuple(axes.items()),
        alphas=_values("alphas", tables["alphas"]),
        methods=_values("method", prune.get("method", [])),
        keeps=_values("keep", prune.get("keep", [])),
        refits=_values("refit", prune.get("refit", ["none"])),
        retrain=retrain.get("alpha"),
        rtol=tables.get("rtol", 1e-8),
    )


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        msg = f"{name}: expected a table [{name}]"
        raise BadInput(msg)
    return table


def _values(name: str, value: Any) -> tuple[Any, ...]:
    """A list as it stands, one value, or a range {from, to, count, spacing}."""
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, dict):
        return (value,)
    refuse_unknown(f"{name} = {{…}}", value, _RANGE)
    missing = {"from", "to", "count"} - value.keys()
    if missing:
        msg = f"{name}: a range needs from, to and count; {', '.join(sorted(missing))} is missing"
        raise BadInput(msg)
    low, high = (number(f"{name}: {end}", value[end]) for end in ("from", "to"))
    count = integer(f"{name}: count", value["count"], 1, 10**6)
    spacing = value.get("spacing", "log" if name == "alphas" else "linear")
    if spacing not in ("linear", "log"):
        msg = f"{name}: spacing = {spacing!r}, expected 'linear' or 'log'"
        raise BadInput(msg)
    if spacing == "log" and not (low > 0 and high > 0):
        msg = f"{name}: a range spaced by logarithms needs ends above 0"
        raise BadInput(msg)
    points = np.geomspace(low, high, count) if spacing == "log" else np.linspace(low, high, count)
    whole = name in AXES and AXES[name].kind == "whole"
    if whole and any(point != round(point) for point in points.tolist()):
        msg = f"{name}: a range of {count} from {low:g} to {high:g} has points that are not whole numbers; list them"
        raise BadInput(msg)
    return tuple(round(point) if whole else point for point in points.tolist())
