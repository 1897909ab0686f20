"""PROBLEM.json: a problem as a file. Whatever it says that is not expected is refused by name, in one line."""

from __future__ import annotations

import json
from contextlib import contextmanager
from difflib import get_close_matches
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, increasing_times, real_array
from divprune_sym.named_activations import checked_activation
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST_FILE = 64 * 2**20  # bytes; a few hundred nodes need one
LARGEST_NUMBER = 1e100  # products of a few of them stay within float64
RATES = ("eta", "eta_v", "sigma", "weight_decay")
ACTIVATIONS = ("activation", "teacher_activation")
SWITCHES = ("small_eta", "second_layer")
OPTIONS = (*ACTIVATIONS, "batch_size", *SWITCHES)
SECOND_LAYERS = ("v", "A")
OVERLAPS = ("Q", "R", "T")


def read_problem(path: Path) -> tuple[Problem, NDArray[np.float64]]:
    """The problem that a file describes, and the times at which it wants to see the solution.

    Raises
    ------
    BadInput
        Not JSON, keys missing, unknown or given twice, or values that are no problem; the message begins with
        the file's name.
    OSError
        The file cannot be read.
    """
    with _naming(path):
        given = _parsed(path)
        _check_keys("", given, ("eta", "alphas", *_state_keys(given)), (*OPTIONS, *RATES))
        state = _state(given)
        rates: dict[str, Any] = {name: _number(name, given[name]) for name in RATES if name in given}
        problem = Problem(state, **rates, **_options(given))
        return problem, increasing_times("alphas", _array("alphas", given["alphas"], (None,)))


def read_state(path: Path) -> OrderParameters:
    """The order parameters in a problem file; `eta`, `alphas` and the like may be there and are not looked at.

    Raises
    ------
    BadInput, OSError
        As `read_problem`.
    """
    with _naming(path):
        given = _parsed(path)
        _check_keys("", given, _state_keys(given), ("alphas", *OPTIONS, *RATES))
        return _state(given)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except BadInput as error:
        msg = f"{path}: {error}"
        raise BadInput(msg) from None


def _parsed(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        msg = f"more than {LARGEST_FILE // 2**20} MiB, too large for a problem"
        raise BadInput(msg)
    try:
        # whole numbers too: beyond float64 they become infinite, and are refused as such
        given = json.loads(
            content, object_pairs_hook=_without_duplicates, parse_constant=_refused_constant, parse_int=float
        )
    except BadInput:
        raise
    except json.JSONDecodeError as error:
        msg = f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise BadInput(msg) from None
    except UnicodeDecodeError as error:
        msg = f"not JSON: byte {error.start} is no {error.encoding} text"
        raise BadInput(msg) from None
    except RecursionError:
        msg = "nested too deeply for a problem"
        raise BadInput(msg) from None
    return _object("the file", given)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            msg = f"key {shortened(key)} is given twice"
            raise BadInput(msg)
        found[key] = value
    return found


def _refused_constant(name: str) -> float:
    msg = f"{name}: every number must be finite"
    raise BadInput(msg)


def state_in(given: dict[str, Any]) -> OrderParameters:
    """The state in the keys of a problem file, read elsewhere: numbers are float.

    Raises
    ------
    BadInput
        Keys missing or unknown, or values that are no state.
    """
    _check_keys("", given, _state_keys(given), ACTIVATIONS)
    return _state(given)


def _state_keys(given: dict[str, Any]) -> tuple[str, ...]:
    """The keys that hold the state, in the one of the two layouts that is used."""
    overlaps = [name for name in OVERLAPS if name in given]
    if "classes" in given and overlaps:
        msg = f"gives both 'classes' and {', '.join(map(repr, overlaps))}; expected one or the other"
        raise BadInput(msg)
    if "classes" in given:
        return (*SECOND_LAYERS, "classes")
    return (*SECOND_LAYERS, *OVERLAPS)


def _check_keys(where: str, given: dict[str, Any], required: Iterable[str], optional: Iterable[str]) -> None:
    required = tuple(required)
    known = dict.fromkeys((*required, *optional))
    for key in given:
        if key not in known:
            guess = get_close_matches(key[:80], known, n=1)
            hint = f"did you mean {guess[0]!r}?" if guess else f"known: {', '.join(known)}"
            msg = f"{where}unknown key {shortened(key)}; {hint}"
            raise BadInput(msg)
    missing = [name for name in required if name not in given]
    if missing:
        hint = " (or 'classes' instead of Q, R and T)" if set(OVERLAPS) <= set(missing) and not where else ""
        msg = f"{where}missing {', '.join(map(repr, missing))}{hint}"
        raise BadInput(msg)


def _state(given: dict[str, Any]) -> OrderParameters:
    v, A = (_array(name, given[name], (None,)) for name in SECOND_LAYERS)
    functions: dict[str, Any] = {name: _activation(name, given[name]) for name in ACTIVATIONS if name in given}
    shapes: dict[str, tuple[int, ...]] = {"Q": (len(v), len(v)), "R": (len(v), len(A)), "T": (len(A), len(A))}
    if "classes" not in given:
        Q, R, T = (_array(name, given[name], shapes[name]) for name in OVERLAPS)
        return OrderParameters.unpruned(Q, R, T, v, A, **functions)
    shapes |= {"mask": (len(v),), "fraction": (), "variance": ()}
    described = given["classes"]
    if not isinstance(described, list) or not described:
        msg = f"classes: expected a list of at least one mask class, got {_kind(described)}"
        raise BadInput(msg)
    classes = []
    for c, one in enumerate(described):
        name = f"classes[{c}]"
        keys = _object(name, one)
        _check_keys(f"{name}: ", keys, ("mask", "fraction", *OVERLAPS), ("variance",))
        keys = {"variance": 1.0} | keys
        classes.append({key: _array(f"{name}.{key}", keys[key], shape) for key, shape in shapes.items()})
        _check_mask(f"{name}.mask", classes[-1]["mask"])
    arrays = {key: np.stack([one[key] for one in classes]) for key in shapes}
    return OrderParameters(
        arrays["Q"], arrays["R"], arrays["T"], v, A, arrays["mask"], arrays["fraction"], arrays["variance"], **functions
    )


def _check_mask(name: str, mask: NDArray[np.float64]) -> None:
    wrong = np.flatnonzero(~np.isin(mask, (0.0, 1.0)))
    if len(wrong):
        msg = f"{name}: {mask[wrong[0]]:g} for node {wrong[0]}, expected 0 or 1"
        raise BadInput(msg)


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """What is there of batch size and switches."""
    options: dict[str, Any] = {}
    if "batch_size" in given:
        size = _number("batch_size", given["batch_size"])
        if not (size >= 1 and size.is_integer()):
            msg = f"batch_size: {size:g}, expected a whole number of at least 1"
            raise BadInput(msg)
        options["batch_size"] = int(size)
    for name in SWITCHES:
        if name in given:
            if not isinstance(given[name], bool):
                msg = f"{name}: expected true or false, got {_kind(given[name])}"
                raise BadInput(msg)
            options[name] = given[name]
    return options


def _activation(name: str, value: Any) -> str:
    if not isinstance(value, str):
        msg = f"{name}: expected a name, got {_kind(value)}"
        raise BadInput(msg)
    checked_activation(name, value)
    return value


def _number(name: str, value: Any) -> float:
    return float(_array(name, value, ()))


def _array(name: str, value: Any, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """Lists nested as deeply as `shape` says, of JSON numbers: NumPy alone would take `true` for 1."""
    _refuse_other_than_numbers(name, value, len(shape))
    array = real_array(name, value, shape)
    largest = np.abs(array).max(initial=0.0)
    if largest > LARGEST_NUMBER:
        msg = f"{name}: {largest:g} is too large to compute with, the limit is {LARGEST_NUMBER:g}"
        raise BadInput(msg)
    return array


def _refuse_other_than_numbers(name: str, value: Any, axes: int) -> None:
    if axes == 0:
        if not isinstance(value, float):
            msg = f"{name}: expected a number, got {_kind(value)}"
            raise BadInput(msg)
        return
    if not isinstance(value, list):
        msg = f"{name}: expected a list of {'numbers' if axes == 1 else 'rows'}, got {_kind(value)}"
        raise BadInput(msg)
    if axes == 1 and all(type(part) is float for part in value):
        return
    for i, part in enumerate(value):
        _refuse_other_than_numbers(f"{name}[{i}]", part, axes - 1)


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = f"{name}: expected an object, got {_kind(value)}"
        raise BadInput(msg)
    return value


def _kind(value: Any) -> str:
    if value is None or isinstance(value, (bool, float)):
        return json.dumps(value)
    if isinstance(value, str):
        return f"the text {shortened(value)}"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "an object"
