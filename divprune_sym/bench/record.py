"""A run of the benchmarks as JSON, to be compared with later ones."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from divprune_sym.bench.model import Compared, Fact, Goal, MeasuredCase, MeasuredTable, Missing, Spread, Timed
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import written_aside
from divprune_sym.ground.stored import fitted, parsed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = "divprune_sym benchmarks 1"
_GOAL = (None, {"kind": str, "value": float})
_SPREAD = {"median": float, "low": float, "high": float}
_CASE = {
    "label": str,
    "timed": [{"name": str, "seconds": _SPREAD, "rounds": int, "calls": int, "goal": _GOAL}],
    "compared": [{"subject": str, "against": str, "times": _SPREAD, "goal": _GOAL}],
    "facts": [{"name": str, "value": float, "unit": str, "goal": _GOAL}],
    "missing": [{"name": str, "install": str}],
}
_TABLE = {"name": str, "measures": str, "goal": str, "cases": [_CASE]}
_RECORD = {"format": str, "machine": {str: object}, "started": str, "quick": bool, "tables": [_TABLE]}


@dataclass(frozen=True)
class Record:
    """Tables as measured, on which machine, and when."""

    machine: Mapping[str, Any]
    started: str
    quick: bool
    tables: tuple[MeasuredTable, ...]

    def as_json(self) -> dict[str, Any]:
        """Times in seconds per unit of work; speeds in multiples of the other contestant's."""
        return {"format": FORMAT, **asdict(self)}


def write_record(record: Record, path: Path) -> None:
    """Write a run to a JSON file, aside and renamed."""
    text = json.dumps(record.as_json(), indent=1, allow_nan=False)
    with written_aside(path) as file:
        file.write(f"{text}\n".encode())


def read_record(path: Path) -> Record:
    """Read what `write_record` wrote.

    Raises
    ------
    BadInput
        The file is no such JSON.
    """
    try:
        data = fitted(parsed(path.read_bytes()), _RECORD)
        if data["format"] != FORMAT:
            msg = f"format {data['format'][:40]!r}, expected {FORMAT!r}"
            raise BadInput(msg)
    except BadInput as error:
        msg = f"{path}: is no run of the benchmarks ({error}); --json FILE writes one"
        raise BadInput(msg) from None
    del data["format"]
    return Record(**data | {"tables": tuple(map(_table, data["tables"]))})


def _table(data: dict[str, Any]) -> MeasuredTable:
    return MeasuredTable(**data | {"cases": tuple(map(_case, data["cases"]))})


def _case(data: dict[str, Any]) -> MeasuredCase:
    return MeasuredCase(
        label=data["label"],
        timed=tuple(Timed(**_with_goal(x) | {"seconds": Spread(**x["seconds"])}) for x in data["timed"]),
        compared=tuple(Compared(**_with_goal(x) | {"times": Spread(**x["times"])}) for x in data["compared"]),
        facts=tuple(Fact(**_with_goal(x)) for x in data["facts"]),
        missing=tuple(Missing(**x) for x in data["missing"]),
    )


def _with_goal(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"goal": None if data["goal"] is None else Goal(**data["goal"])}
