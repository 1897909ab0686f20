"""Every derivation runs to its last assertion."""

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow(32)

SCRIPTS = sorted((Path(__file__).parents[1] / "derivations").glob("[0-9]*.py"))


def test_the_derivations_are_found():
    assert len(SCRIPTS) >= 3
    assert [int(path.name[:2]) for path in SCRIPTS] == list(range(1, len(SCRIPTS) + 1))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_derivation(path):
    assert "# %% [markdown]" in path.read_text(encoding="utf-8")
    names = runpy.run_path(str(path))
    assert names
