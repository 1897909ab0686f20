"""What a bar shows at every width of a terminal."""

from __future__ import annotations

import io
import re
from unittest.mock import patch

import pytest
from rich.console import Console

from divprune_sym.show.progress import stage

LABEL = "comparing 9 methods at 8 shares of the largest layer"


def shown(width: int) -> str:
    """The last state of a bar on a terminal of so many columns."""
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=width, color_system=None)
    with patch("rich.console.Console", lambda **_: terminal), stage(LABEL) as progress:
        progress(0.5)
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()).replace("\r", "\n").split("\n")
    return [line for line in lines if line.strip()][-1]


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 140, 200])
def test_share_and_seconds_are_never_cut(width):
    line = shown(width)
    assert len(line) <= width
    assert line.startswith(LABEL[:10])
    assert "100%" in line
    assert re.search(r"left \d:\d\d:\d\d$", line.rstrip()), line


def test_a_wide_terminal_shows_everything():
    assert LABEL[:40] in shown(140)
    assert re.search(r"spent \d:\d\d:\d\d left", shown(140))
