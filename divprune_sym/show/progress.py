"""What the terminal shows while work is going on: progress with time left, on stderr, only on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import ProgressColumn

# columns of a terminal, gaps between them included
_LABEL, _BAR = 30, 30
_TIMES = 4 + 1 + 5 + 1 + 8 + 1 + 4 + 1 + 8 + 2
_LEAST = 4 + 1 + 4 + 1 + 8 + 1


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Say that something takes its time; yields the function that takes what is being done now."""
    if not sys.stderr.isatty():
        yield lambda now: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(what)) as status:
        yield lambda now: status.update(escape(now))


@contextmanager
def stage(label: str) -> Iterator[Callable[[float], None]]:
    """A bar for one stage of work; yields the function that takes the fraction done, 0 to 1."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(*_columns(console.width), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)
        bar.update(task, completed=1.0)


def _columns(width: int) -> list[ProgressColumn]:
    """What there is room for: the share and the time left always, to the second; the label is cut first."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Column

    bar = min(_BAR, width - _LABEL - _TIMES)
    share, left = TaskProgressColumn(), [TextColumn("[dim]left"), TimeRemainingColumn()]
    spent = [TextColumn("[dim]spent"), TimeElapsedColumn()]
    room = width - 1 - (_TIMES + max(bar, 0) if bar > 0 else _LEAST)
    label = TextColumn("{task.description}", table_column=Column(width=min(room, _LABEL + 14), no_wrap=True))
    return [label, BarColumn(bar_width=bar), share, *spent, *left] if bar > 0 else [label, share, *left]
