"""What all figures share: style, what methods look like, files."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import ticker

from divprune_sym.ground.files import written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = Path(__file__).parent / "report.mplstyle"

# Okabe & Ito's palette, told apart with any color vision, and two darker ones; black is kept for what stands out
_COLORS = ("#999999", "#E69F00", "#0072B2", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#882255", "#332288")
# nodes are round, edges have corners
_MARKERS = {"node": "o8hp*", "edge": "sD^vP"}


@dataclass(frozen=True)
class Look:
    """How a method is drawn: color, marker and Matplotlib's line style."""

    color: str
    marker: str
    line: Any


def look(place: int, unit: str) -> Look:
    """The look of what has this place (0, 1, …) among all that may be drawn, and of no other.

    Where colors begin again, the marker changes, and the line gets one more dot between its dashes.
    """
    turn, color = divmod(place, len(_COLORS))
    markers = _MARKERS[unit]
    dashes = (0, (5.0, 1.5, *(1.0, 1.5) * turn)) if turn else "-"
    return Look(_COLORS[color], markers[turn % len(markers)], dashes)


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write NAME.png and NAME.svg; returns the SVG's text."""
    with mpl.rc_context(fname=STYLE):
        for kind in ("png", "svg"):
            picture = BytesIO()
            # a fixed salt and no date: the same results give the same file
            with mpl.rc_context({"svg.hashsalt": name}):
                metadata = {"Date": None} if kind == "svg" else None
                figure.savefig(picture, format=kind, metadata=metadata)
            with written_aside(folder / f"{name}.{kind}") as file:
                file.write(picture.getvalue())
    return picture.getvalue().decode()


def plain_numbers(axes: Axes) -> None:
    """Log ticks as 0.2, not 2 × 10⁻¹; of the minor ones only 2 and 5 are labeled."""
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(ticker.FuncFormatter(lambda y, _: f"{y:g}" if f"{y:e}"[0] in "25" else ""))
