"""The page of traps and the scripts that show them belong together."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "findings").glob("*.sh"))
PAGE = (ROOT / "docs" / "traps.md").read_text(encoding="utf-8")


def test_every_script_is_on_the_page_and_every_script_on_the_page_exists():
    assert sorted(re.findall(r"`(\w+\.sh)` \|", PAGE)) == [path.name for path in SCRIPTS]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_pins_its_packages_and_says_what_is_expected_and_what_was_seen(path):
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in text
    assert "# Expected: " in text
    assert "# Seen: " in text
    installed = re.search(r"pip\" install --quiet (.+)", text)
    assert installed is not None
    assert all("==" in package for package in installed[1].split())
    assert "divprune" not in text
