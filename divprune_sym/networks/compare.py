"""`divprune-sym compare`: every method at every share on one network, repeated; what is finished is never lost."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.ground.files import written_aside
from divprune_sym.ground.stored import fitted, parsed
from divprune_sym.ground.user_files import file_of, users_code
from divprune_sym.ground.work import each_done_with_blas
from divprune_sym.networks.measure import Measured, measure, refuse_nothing_kept
from divprune_sym.networks.moments import SeenLayer
from divprune_sym.networks.prune import (
    Pruned,
    PruneSetting,
    draw_mask,
    methods_for_networks,
    prune_layer,
    prune_network,
)
from divprune_sym.networks.published import published_method
from divprune_sym.networks.theory import excess_kurtosis, measured_error, predicted_error
from divprune_sym.networks.versions import versions
from divprune_sym.pruning.registry import Method
from divprune_sym.pruning.user_method import as_loaded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from divprune_sym.networks.data import DataSet
    from divprune_sym.networks.network import DenseNetwork
    from divprune_sym.pruning import PruningMethod

FILE = "compare.json"
FORMAT = 2  # of a cell
_HELD = {"fingerprint": str, "about": object, "unpruned": object, "rows": object, "cells": {str: {str: object}}}
_CELL = {"method": str, "unit": str, "from": (str, None), "keep": float}
_THEORY = ("predicted", "bound", "measured", "standard_error", "kurtosis")
# the approximation is said to break where it is off by more than this share, and by more than the data's noise
OFF, STANDARD_ERRORS = 0.1, 3.0


@dataclass(frozen=True)
class CompareSetting:
    """What is compared.

    Parameters
    ----------
    methods : tuple of str or pruning methods
        Registered names, FILE.py:CLASS (the file is run), or methods themselves, which strings become.
    keeps : tuple of float
        Shares kept in every pruned layer.
    repeats : int
        Masks drawn by each method that is random.
    seed : int
    prune : PruneSetting
        `reweight` is ignored: both are measured.
    theory : bool
        Also predict the change of the fields behind the first pruned layer, for Gaussian inputs of that layer.

    Raises
    ------
    BadInput
        An unknown method, two of one name, a share outside [0, 1], no repeat.
    """

    methods: tuple[str | Method, ...]
    keeps: tuple[float, ...]
    repeats: int = 5
    seed: int = 1
    prune: PruneSetting = field(default_factory=PruneSetting)
    theory: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(self._by_name().values()))
        for keep in self.keeps:
            number("keep", keep, 0.0, 1.0)
        integer("repeats", self.repeats, 1)
        integer("seed", self.seed, 0)

    def _by_name(self) -> dict[str, Method]:
        loaded: dict[str, Method] = {}
        for asked in dict.fromkeys(self.methods):
            method = as_loaded(asked)
            if loaded.setdefault(method.name, method) != method:
                msg = f"methods: two are called {method.name}"
                raise BadInput(msg)
        return loaded

    def cells(self) -> list[tuple[Method, float]]:
        """(method, share) of everything that is to be measured, each once however often it is asked for."""
        asked = [(method, keep) for keep in self.keeps for method in self.methods if not isinstance(method, str)]
        return list({_key(*cell): cell for cell in asked}.values())


@dataclass
class Comparison:
    """What has been measured so far, kept in a file of the folder after every cell."""

    fingerprint: str
    about: dict[str, Any]
    unpruned: Measured
    cells: dict[str, dict[str, Any]]

    def rows(self) -> list[dict[str, Any]]:
        """One row for each method, share, and reweighted or not: means and standard errors over masks."""
        return [row for cell in self.cells.values() for row in _rows(cell)]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "fingerprint": self.fingerprint,
            "about": self.about,
            "unpruned": self.unpruned.as_json(),
            "rows": self.rows(),
            "cells": self.cells,
        }


def compare(
    network: DenseNetwork,
    data: DataSet,
    setting: CompareSetting,
    folder: Path,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Comparison:
    """Measure every cell that the folder does not hold yet; the result depends on the seed alone.

    Parameters
    ----------
    folder : Path
        Is made; what it holds of the same network, data and setting is taken over, methods and shares may be added.
    progress : callable
        Takes the share of the work that is done.

    Raises
    ------
    BadInput
        The folder holds another comparison, or network and data do not fit.
    """
    data = data.fitted_to(network)
    layers = setting.prune.chosen(network)
    found = _resumed(network, data, setting, layers, folder)
    todo = [cell for cell in setting.cells() if _key(*cell) not in found.cells]
    unpruned = layers if setting.prune.source == "original" else layers[:1]
    seen = {layer: SeenLayer(network, layer, data.x_train) for layer in unpruned}

    def measured(cell: tuple[Method, float]) -> dict[str, Any]:
        with users_code(file_of(cell[0])):
            return _measured_cell(network, data, setting, layers, seen, *cell)

    for done, (cell, values) in enumerate(each_done_with_blas(measured, todo)):
        found.cells[_key(*cell)] = values
        _save(found, folder)
        progress((done + 1) / len(todo))
    # the order of the question, not that in which cells were finished
    order = [_key(*cell) for cell in setting.cells()]
    found.cells = {key: found.cells[key] for key in [*order, *(k for k in found.cells if k not in order)]}
    _save(found, folder)
    return found


def _save(found: Comparison, folder: Path) -> None:
    with written_aside(folder / FILE) as file:
        file.write(json.dumps(found.as_json(), indent=1, allow_nan=False).encode())


def _key(method: Method, keep: float) -> str:
    return f"{method.name} {keep:.12g}"


def _resumed(
    network: DenseNetwork, data: DataSet, setting: CompareSetting, layers: tuple[int, ...], folder: Path
) -> Comparison:
    """What the folder holds, or nothing measured yet."""
    fingerprint = _fingerprint(network, data, setting, layers)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    cells: dict[str, dict[str, Any]] = {}
    if path.exists():
        held = _read(path)
        if held.get("fingerprint") != fingerprint:
            msg = f"{path}: holds a comparison of another network, data or setting; choose another --out, or remove it"
            raise BadInput(msg)
        sources = {method.name: _source(method) for method, _ in setting.cells()}
        cells = {
            key: cell
            for key, cell in held["cells"].items()
            if sources.get(cell["method"], cell["from"]) == cell["from"]
        }
    about = {
        "network": repr(network),
        "layers": list(layers),
        "error_is": "share of wrong answers" if data.classifies else "mean squared error",
        "repeats": setting.repeats,
        "seed": setting.seed,
        "source": setting.prune.source,
        "pruned_node": setting.prune.pruned_node,
        "fit_bias": setting.prune.fit_bias,
        "ridge": setting.prune.ridge,
        "theory": setting.theory,
        "versions": versions(),
    }
    return Comparison(fingerprint, about, measure(network, data), cells)


def _source(method: Method) -> str | None:
    """What tells whether a user's file has changed; None for what belongs to a package."""
    path = file_of(method)
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        held: dict[str, Any] = fitted(parsed(path.read_bytes()), _HELD)
        for key, cell in held["cells"].items():
            fitted(cell, _left_out_or_measured(cell), f"cell {key}")
    except BadInput as error:
        msg = f"{path}: holds no comparison that could be gone on with ({error}); choose another --out, or remove it"
        raise BadInput(msg) from None
    return held


def _left_out_or_measured(cell: dict[str, Any]) -> dict[str, Any]:
    """What a cell of this kind holds."""
    if "left_out" in cell:
        return _CELL | {"left_out": str}
    measured = _CELL | {"plain": [float], "reweighted": [float], "parameters": [int]}
    if "theory" in cell:
        measured["theory"] = [dict.fromkeys(_THEORY, float)]
    lengths = {len(cell[name]) for name in measured.keys() - _CELL.keys() if isinstance(cell.get(name), list)}
    if lengths != {max(lengths, default=0)} or 0 in lengths:
        msg = "a cell without masks, or with another number of them in each list"
        raise BadInput(msg)
    return measured


def _fingerprint(network: DenseNetwork, data: DataSet, setting: CompareSetting, layers: tuple[int, ...]) -> str:
    digest = hashlib.sha256()
    prune = asdict(replace(setting.prune, layers=layers, reweight=False))
    plain = {
        "format": FORMAT,
        "repeats": setting.repeats,
        "seed": setting.seed,
        "theory": setting.theory,
        "prune": prune,
    }
    digest.update(json.dumps([plain, network.activations], sort_keys=True).encode())
    for array in (*network.weights, *network.biases, data.x_train, data.x_test, data.y_test):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _measured_cell(
    network: DenseNetwork,
    data: DataSet,
    setting: CompareSetting,
    layers: tuple[int, ...],
    seen: Mapping[int, SeenLayer],
    method: Method,
    keep: float,
) -> dict[str, Any]:
    """One method at one share: errors of every mask, plain and reweighted, or why there are none."""
    cell: dict[str, Any] = {"method": method.name, "unit": method.unit, "from": _source(method), "keep": keep}
    (serving,) = methods_for_networks({method.name: method}).values()
    if setting.prune.published:
        serving = published_method(serving, len(data.x_train))
    try:
        refuse_nothing_kept(network, data, serving, dict.fromkeys(layers, keep))
        return cell | _masks(network, data, setting, seen, serving, keep)
    except BadInput as refused:
        return cell | {"left_out": str(refused)}


def _masks(
    network: DenseNetwork,
    data: DataSet,
    setting: CompareSetting,
    seen: Mapping[int, SeenLayer],
    method: PruningMethod,
    keep: float,
) -> dict[str, Any]:
    cell: dict[str, Any] = {"plain": [], "reweighted": [], "parameters": []}
    key = zlib.crc32(method.name.encode()), round(keep * 1e9)

    def rng(*more: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(setting.seed, spawn_key=(*key, *more)))

    count = 1 if method.deterministic else setting.repeats
    # layers of the unpruned network: all their masks come from one look
    drawn = {layer: draw_mask(look, method, keep, rng(layer), count) for layer, look in seen.items()}
    for mask in range(count):
        own = {layer: masks[mask] for layer, masks in drawn.items()}
        for reweight in (False, True):
            how = replace(setting.prune, reweight=reweight)
            stream = rng(mask, len(network.weights))
            pruned = prune_network(network, data.x_train, method, keep, stream, how, drawn=own, seen=seen)
            measured = measure(pruned.smallest, data)
            cell["reweighted" if reweight else "plain"].append(measured.error)
            if not reweight:
                cell["parameters"].append(measured.parameters)
                if setting.theory:
                    cell.setdefault("theory", []).append(_theory(network, data, setting, seen, pruned))
    return cell


def _theory(
    network: DenseNetwork, data: DataSet, setting: CompareSetting, seen: Mapping[int, SeenLayer], pruned: Pruned
) -> dict[str, float]:
    """Predicted and measured change of the fields behind the first pruned layer, that layer alone being pruned."""
    layer = min(pruned.mask.kept)
    look = seen[layer]
    alone = prune_layer(network, look, pruned.mask.kept[layer], replace(setting.prune, reweight=False))
    predicted = predicted_error(network, alone, layer, look.inputs)
    on_test: NDArray[np.float64] = network.inputs_of(layer, data.x_test)
    measured, spread = measured_error(network, alone, layer, on_test)
    return {
        "predicted": predicted.error,
        "bound": predicted.bound,
        "measured": measured,
        "standard_error": spread,
        "kurtosis": excess_kurtosis(network, layer, on_test),
    }


def _rows(cell: dict[str, Any]) -> list[dict[str, Any]]:
    start = {"method": cell["method"], "unit": cell["unit"], "keep": cell["keep"]}
    if "left_out" in cell:
        return [start | {"left_out": cell["left_out"]}]
    rows = []
    for name in ("plain", "reweighted"):
        errors = np.array(cell[name])
        count = len(errors)
        rows.append(
            start
            | {
                "reweighted": name == "reweighted",
                "masks": count,
                "error": float(errors.mean()),
                "standard_error": float(errors.std(ddof=1) / np.sqrt(count)) if count > 1 else None,
                "parameters": float(np.mean(cell["parameters"])),
            }
        )
    if "theory" in cell:
        rows[0] |= _theory_row(cell["theory"])
    return rows


def _theory_row(masks: list[dict[str, float]]) -> dict[str, Any]:
    """Means over masks; the test data are the same for all, so that their noise does not average out."""
    predicted, bound, measured, noise, kurtosis = (float(np.mean([mask[name] for mask in masks])) for name in _THEORY)
    off = abs(predicted - measured)
    return {
        "predicted": predicted,
        "predicted_within": bound,
        "measured": measured,
        "measured_standard_error": noise,
        "breaks": bool(off > OFF * measured + bound and off > STANDARD_ERRORS * noise + bound),
        "kurtosis": kurtosis,
    }
