"""What is run: for each command that reads something, a strategy for its words and its files."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from divprune_sym.networks.formats import save_network
from tests.cli.files import kernel, pruned, unpruned
from tests.fuzz.changes import changed_arrays, changed_bytes, changed_json, changed_text, changed_words, npz
from tests.networks.files import network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Case:
    """Words of a command (FOLDER/ stands for where its files lie) and its files."""

    words: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)


def _case(words: Any, **files: Any) -> Any:
    """One strategy of words and files; what is plain is taken as it is."""
    strategies = {name.replace("__", "."): _strategy(held) for name, held in files.items()}
    return st.builds(lambda w, f: Case(tuple(w), f), _strategy(words), st.fixed_dictionaries(strategies))


def _strategy(held: Any) -> Any:
    return held if isinstance(held, st.SearchStrategy) else st.just(held)


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _network(folder: Path, ending: str) -> bytes:
    save_network(network((4, 3, 2), ("tanh", "identity")), folder / f"n.{ending}")
    return (folder / f"n.{ending}").read_bytes()


_rng = np.random.default_rng(0)
_DATA = {"x_train": _rng.normal(size=(20, 4)), "y_train": np.arange(20) % 2}
_DATA |= {"x_test": _rng.normal(size=(10, 4)), "y_test": np.arange(10) % 2}
_INTEGRATE = ("integrate", "FOLDER/p.json", "-o", "FOLDER/out.npz", "--max-steps", "2000", "--json")
_ERROR = ("error", "dpp-node", "--state", "FOLDER/s.json", "--keep", "1", "--json")
_OPTIONS = "error dpp-edge --teachers 2 --copies 2 --second-layer 4 --keep-fraction 0.5 --rescale optimal --json"
_SAMPLE = ("sample", "FOLDER/k.npy", "--size", "2", "--count", "3", "--seed", "1", "-o", "FOLDER/out.npy", "--json")
_DESCRIBE = ("describe", "FOLDER/k.npy")
_CHECK = "2/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))"


def _prune(ending: str) -> tuple[str, ...]:
    words = f"prune FOLDER/n.{ending} --method random-edge --keep 0.5 --data FOLDER/d.npz --seed 1 --json"
    return (*words.split(), "--mask", "FOLDER/m.npz", "-o", f"FOLDER/out.{ending}")


def entrances(folder: Path) -> dict[str, Callable[[], Any]]:
    """Strategies by name; networks are written to `folder` first."""
    problem, classes = unpruned() | {"alphas": [0, 0.5]}, pruned() | {"alphas": [0, 0.5]}
    networks = {ending: _network(folder, ending) for ending in ("npz", "safetensors", "onnx")}
    with np.load(io.BytesIO(networks["npz"]), allow_pickle=False) as file:
        layers = dict(file)
    matrix = {"k": kernel(4, 3)}
    state = {name: value for name, value in unpruned().items() if name != "alphas"} | {"alphas": [0]}
    data = npz(_DATA)
    text = json.dumps(problem).encode()
    return {
        "problem": lambda: _case(_INTEGRATE, p__json=changed_json(problem)),
        "classes": lambda: _case(_INTEGRATE, p__json=changed_json(classes)),
        "integrate-options": lambda: _case(
            changed_words((*_INTEGRATE, "--rtol", "1e-6", "--method", "rk4", "--dt", "0.1")), p__json=text
        ),
        "state": lambda: _case(_ERROR, s__json=changed_json(state)),
        "error-options": lambda: _case(changed_words(_OPTIONS.split())),
        "kernel": lambda: _case(_SAMPLE, k__npy=changed_arrays(matrix, lambda held: _npy(held.get("k", np.zeros(0))))),
        "kernel-bytes": lambda: _case(_DESCRIBE, k__npy=changed_bytes(_npy(matrix["k"]))),
        "sample-options": lambda: _case(changed_words(_SAMPLE), k__npy=_npy(matrix["k"])),
        "npz": lambda: _case(_prune("npz"), n__npz=changed_arrays(layers), d__npz=data),
        "safetensors": lambda: _case(
            _prune("safetensors"), n__safetensors=changed_bytes(networks["safetensors"]), d__npz=data
        ),
        "onnx": lambda: _case(_prune("onnx"), n__onnx=changed_bytes(networks["onnx"]), d__npz=data),
        "data": lambda: _case(_prune("npz"), n__npz=networks["npz"], d__npz=changed_arrays(_DATA)),
        "prune-options": lambda: _case(
            changed_words((*_prune("npz"), "--ridge", "0.1", "--normalize", "0,1", "--layer", "0")),
            n__npz=networks["npz"],
            d__npz=data,
        ),
        "formula": lambda: _case(
            st.builds(
                lambda formula: ("check", formula, "--against", "I2", "--at", "C_ab = 1/2", "--json"),
                changed_text(_CHECK),
            )
        ),
        "definition": lambda: _case(
            st.builds(lambda text: ("check", _CHECK, "--against", text, "--at", "C_ab = 1/2"), changed_text("I2(1,2)"))
        ),
    }
