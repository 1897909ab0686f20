"""The page on architecture lists the rooms as the import contracts have them, and where additions go as they do."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.additions.test_additions import ADDITIONS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "divprune_sym"
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
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= {room for layer in layers() for room in layer}


def test_the_page_has_the_lines_of_the_examples():
    for name, text in ADDITIONS.items():
        folder = str(Path(name).parent)
        (lines,) = re.findall(rf"^\| [^|]*\| `{folder}/NAME\.py`[^|]*\| (\d+) \|", PAGE, re.MULTILINE)
        assert int(lines) == len([line for line in text.splitlines() if line.strip()])


def test_the_readme_has_every_room():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## How it is built")[2].partition("\n[")[0]
    assert set(re.findall(r"`([a-z]+)/`", table)) == rooms


PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "derivations").glob("*.py"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    """Names in capitals are placeholders."""
    named = re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.py)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not any((root / name).exists() for root in (ROOT, PACKAGE))] == []
