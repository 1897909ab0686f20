"""The page on architecture lists the rooms as the import contracts have them, and where additions go as they do."""

import re
import tomllib
from pathlib import Path

from tests.additions.test_additions import ADDITIONS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def layers():
    """The rooms from the top down; those of one layer are alphabetical here and may stand in any order on the page."""
    (contract,) = (contract for contract in CONTRACTS if contract["type"] == "layers")
    return [sorted(room.strip().removeprefix("divprune_sym.") for room in x.split("|")) for x in contract["layers"]]


def test_the_page_has_the_rooms_of_the_contracts_in_their_order():
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    for layer in layers():
        assert sorted(listed[: len(layer)]) == layer
        del listed[: len(layer)]
    assert not listed


def test_every_folder_is_a_room_of_the_contracts():
    folders = {path.parent.name for path in (ROOT / "divprune_sym").glob("*/__init__.py")}
    assert folders <= {room for layer in layers() for room in layer}


def test_the_page_has_the_lines_of_the_examples():
    for name, text in ADDITIONS.items():
        folder = str(Path(name).parent)
        (lines,) = re.findall(rf"^\| [^|]*\| `{folder}/NAME\.py`[^|]*\| (\d+) \|", PAGE, re.MULTILINE)
        assert int(lines) == len([line for line in text.splitlines() if line.strip()])
