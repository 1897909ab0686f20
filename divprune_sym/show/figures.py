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
# nodes are round or stars, edges have corners: told apart in grey
_MARKERS = {"node": "o*phH8", "edge": "sD^vPX<>"}
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1.2)))


@dataclass(frozen=True)
class Look:
    """How a method is drawn: color, marker and Matplotlib's line style."""

    color: str
    marker: str
    line: Any


def look(place: int, unit: str) -> Look:
    """The look of what has this place (0, 1, …) among all that may be drawn.

    Color and line together are those of no other place below 36, as 9 colors and 4 lines share no divisor.
    """
    markers = _MARKERS[unit]
    return Look(_COLORS[place % len(_COLORS)], markers[place % len(markers)], _LINES[place % len(_LINES)])


def points(axes: Axes, x: Any, y: Any, bars: Any, look: Look, label: str | None = None, *, line: bool = False) -> None:
    """Hollow points with error bars in a method's look, joined by its line if asked."""
    axes.errorbar(
        x,
        y,
        bars,
        linestyle=look.line if line else "",
        marker=look.marker,
        color=look.color,
        markerfacecolor="white",
        label=label,
    )


def explained(axes: Axes, line: str, dots: str) -> None:
    """Entries of the legend that say what lines and points are, in black."""
    axes.plot([], [], color="black", label=f"line: {line}")
    axes.plot([], [], color="black", linestyle="", marker="o", markerfacecolor="white", label=f"points: {dots}")


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
