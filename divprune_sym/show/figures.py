"""What all figures share: style, a colour and a marker for every method, files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib import ticker

from divprune_sym.ground.files import written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = Path(__file__).parent / "report.mplstyle"

# Okabe & Ito's palette: told apart with any colour vision; nodes are round, edges square
COLOURS = {
    "random-node": "#999999",
    "importance-node": "#E69F00",
    "dpp-node": "#0072B2",
    "random-edge": "#56B4E9",
    "magnitude-edge": "#009E73",
    "dpp-edge": "#D55E00",
}


def marker(method: str) -> str:
    """Nodes are round, edges square."""
    return "o" if method.endswith("node") else "s"


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
    """Log ticks as 0.2, not 2 × 10⁻¹; of the minor ones only 2 and 5 are labelled."""
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(ticker.FuncFormatter(lambda y, _: f"{y:g}" if f"{y:e}"[0] in "25" else ""))
