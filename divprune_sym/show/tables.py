"""Tables for people, in which no number is broken or cut, however narrow the terminal is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBER = re.compile(r"[^\w\s]{0,2}\d")  # how the words begin that are never broken
_ALIGNED = re.compile(r"[^\w\s]*(\d|$)")
_LONG = 16  # characters; other words are broken beyond, if need be


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", *, boxed: bool = True) -> None:
    """Print a table; columns for which the terminal has no room follow below, again beside the first column.

    Parameters
    ----------
    head, rows
        Texts; a head may have several lines. A row of none is a line. Columns of numbers go to the right, if they
        have heads.
    caption
        Printed below.
    boxed : bool
        Whether a box is drawn.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = Console().width
    columns = list(zip(head, *filter(None, rows), strict=True))
    least = [max(map(_least, column)) for column in columns]
    between = 3 if boxed else 2
    if not boxed and sum(least) + between * len(least) > width:
        between = 1
    for part in _parts(least, between, width):
        rooms = _rooms([least[n] for n in part], [columns[n] for n in part], width - between * len(part) - 1)
        table = Table(show_header=any(head), padding=(0, 1, 0, int(between > 1)))
        if not boxed:
            table.box = None
        for n, room in zip(part, rooms, strict=True):
            right = any(head) and all(_ALIGNED.match(cell) for cell in columns[n][1:])
            table.add_column(head[n], justify="right" if right else "left", width=room)
        for row in rows:
            table.add_row(*(Text(row[n].strip(), overflow="fold") for n in part)) if row else table.add_section()
        Console(width=max(width, sum(rooms) + between * len(part) + 1)).print(table)
    if caption:
        print(caption)


def _least(text: str) -> int:
    """The narrowest room for a text."""
    from rich.cells import cell_len

    return max((cell_len(w) if _NUMBER.match(w) else min(cell_len(w), _LONG) for w in text.split()), default=1)


def _parts(least: Sequence[int], between: int, width: int) -> list[list[int]]:
    """The columns that stand beside each other; the first one is in every part."""
    parts = [[0]]
    for n in range(1, len(least)):
        if len(parts[-1]) > 1 and sum(least[m] + between for m in (*parts[-1], n)) >= width:
            parts.append([0])
        parts[-1].append(n)
    return parts


def _rooms(least: Sequence[int], columns: Sequence[Sequence[str]], width: int) -> list[int]:
    """The widths of columns: as wide as they are, or what is to spare shared by how much they lack."""
    from rich.cells import cell_len

    lacking = [
        max(cell_len(line) for cell in column for line in cell.split("\n")) - room
        for column, room in zip(columns, least, strict=True)
    ]
    spare = max(0, width - sum(least))
    share = min(1.0, spare / max(1, sum(lacking)))
    return [room + int(share * lack) for room, lack in zip(least, lacking, strict=True)]
