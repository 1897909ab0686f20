"""What is read back is checked against a schema before it is used: names, kinds, shapes, ranges and sizes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite, prod
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.arrays import read_arrays, read_text
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# bytes of an array's head, and of a text
_HEAD, _TEXT = 4096, 2**20


@dataclass(frozen=True)
class Stored:
    """What an array of a file must be.

    Parameters
    ----------
    kind : str
        The name of its dtype, such as "float64"; "str" for a text of any length.
    shape : tuple of int
    low, high : float
        Every entry lies in [low, high]; the entries of floats are finite in any case.
    may_be_empty : bool
        All axes may have length 0 instead.
    """

    kind: str
    shape: tuple[int, ...] = ()
    low: float = -np.inf
    high: float = np.inf
    may_be_empty: bool = False

    @property
    def size(self) -> int:
        """Bytes in a file, at most."""
        return _HEAD + (_TEXT if self.kind == "str" else prod(self.shape) * np.dtype(self.kind).itemsize)

    def check(self, name: str, array: NDArray[Any]) -> None:
        """Raise `BadInput` if an array is something else."""
        kind = "str" if array.dtype.kind == "U" else array.dtype.name
        empty = self.may_be_empty and not any(array.shape) and array.ndim == len(self.shape)
        if kind != self.kind or not (array.shape == self.shape or empty) or not array.dtype.isnative:
            msg = f"{name}: {kind} of shape {array.shape}, expected {self.kind} of shape {self.shape}"
            raise BadInput(msg)
        if array.dtype.kind not in "buif":
            return
        wrong = ~np.isfinite(array) | (array < self.low) | (array > self.high)
        if wrong.any():
            msg = f"{name}: {array[wrong][0]}, must lie in [{self.low:g}, {self.high:g}]"
            raise BadInput(msg)


def read_checkpoint(path: Path, key: str, schema: Mapping[str, Stored], work: str) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file that keeps unfinished work: `key`, and no more and no less than the schema names.

    Parameters
    ----------
    path : Path
    key : str
        What tells one piece of work from another.
    schema : mapping of str to Stored
    work : str
        What belongs to the key, for messages.

    Raises
    ------
    BadInput
        The file is something else, belongs to other work, or is damaged.
    """
    schema = {"key": Stored("str"), **schema}
    try:
        found = read_text(path, "key", schema["key"].size)
        arrays = {} if found not in (None, key) else read_arrays(path, {name: x.size for name, x in schema.items()})
        for name, array in arrays.items():
            schema[name].check(name, array)
    except BadInput as error:
        raise broken_checkpoint(path, error) from None
    if not arrays:
        msg = f"{path}: not a checkpoint of this {work}; remove it, or name another file"
        raise BadInput(msg)
    return arrays


def broken_checkpoint(path: Path, error: BadInput) -> BadInput:
    """The refusal of a checkpoint that does not hold together."""
    reason = str(error).removeprefix(f"{path}: ")
    return BadInput(f"{path}: cannot be read as a checkpoint ({reason}); remove it, or name another file")


def parsed(text: str | bytes) -> Any:
    """JSON, without NaN and infinities.

    Raises
    ------
    BadInput
        It is none, or nested beyond what can be read.
    """
    try:
        return json.loads(text, parse_constant=_refused_constant)
    except BadInput:
        raise
    except json.JSONDecodeError as error:
        msg = f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise BadInput(msg) from None
    except RecursionError:
        msg = "JSON that is nested too deeply"
        raise BadInput(msg) from None
    except ValueError as error:  # no text, or a number of thousands of digits
        msg = f"not JSON: {str(error)[:80]}"
        raise BadInput(msg) from None


def _refused_constant(name: str) -> float:
    msg = f"{name}: every number must be finite"
    raise BadInput(msg)


def fitted(value: Any, schema: Any, where: str = "the file") -> Any:
    """A value read from JSON, if it fits; raises `BadInput` with the place that does not.

    Parameters
    ----------
    value : Any
    schema : Any
        `str`, `bool`, `int` (a whole number), `float` (any finite one), `object` (anything) or `None`; `[x]`: a list of
        x; `{"name": x, …}`: an object with these names; `{str: x}`: one with any; `(x, y)`: x or y.
    where : str
        How messages name the value.
    """
    if isinstance(schema, tuple):
        return _one_of(value, schema, where)
    if isinstance(schema, dict):
        _refuse_unless(isinstance(value, dict), value, "an object", where)
        if str not in schema and value.keys() != schema.keys():
            odd = ", ".join(sorted(value.keys() ^ schema.keys()))
            msg = f"{where}: expected {', '.join(schema)}; lacks or has too: {odd[:80]}"
            raise BadInput(msg)
        return {key: fitted(entry, schema.get(key, schema.get(str)), f"{where}: {key}") for key, entry in value.items()}
    if isinstance(schema, list):
        _refuse_unless(isinstance(value, list), value, "a list", where)
        return [fitted(entry, schema[0], f"{where}[{n}]") for n, entry in enumerate(value)]
    fits, expected = _PLAIN[schema]
    _refuse_unless(fits(value), value, expected, where)
    return value


_PLAIN: dict[Any, tuple[Any, str]] = {
    None: (lambda x: x is None, "null"),
    str: (lambda x: isinstance(x, str), "a text"),
    bool: (lambda x: isinstance(x, bool), "true or false"),
    int: (lambda x: type(x) is int and abs(x) < 2**63, "a whole number"),
    float: (lambda x: type(x) in (int, float) and abs(x) < 2.0**1023 and isfinite(x), "a number"),
    object: (lambda x: True, "anything"),
}


def _one_of(value: Any, schemas: tuple[Any, ...], where: str) -> Any:
    for schema in schemas[:-1]:
        try:
            return fitted(value, schema, where)
        except BadInput:
            continue
    return fitted(value, schemas[-1], where)


def _refuse_unless(fits: bool, value: Any, expected: str, where: str) -> None:
    if not fits:
        msg = f"{where}: {shortened(value)}, expected {expected}"
        raise BadInput(msg)
