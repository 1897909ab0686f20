"""What `divprune-sym explore` prints, draws and writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from divprune_sym.explore.points import Verdict
from divprune_sym.explore.proposals import claims_file
from divprune_sym.ground.files import written_aside
from divprune_sym.show.figures import STYLE, save
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from divprune_sym.explore.maps import Map

CLAIMS_FILE = "proposed_claims.py"
MOST_PANELS = 8
MOST_LINES = 24
MOST_ROWS = 16
# Okabe & Ito's palette, and shapes for those who see no colors
_LOOKS = {
    Verdict.HOLDS: ("o", "#0072B2", "holds"),
    Verdict.FAILS: ("X", "#D55E00", "fails"),
    Verdict.EQUAL: ("s", "#999999", "both sides equal"),
}


def write(found: Map, folder: Path) -> list[Path]:
    """explore.json, explore.png, explore.svg and proposed_claims.py, in a folder made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with written_aside(folder / "explore.json") as file:
        file.write(json.dumps(found.as_json(), indent=1, allow_nan=False).encode())
    with written_aside(folder / CLAIMS_FILE) as file:
        file.write(claims_file(found, CLAIMS_FILE).encode())
    with mpl.rc_context(fname=STYLE):
        picture = figure(found)
    save(picture, folder, "explore")
    return [*(folder / f"explore.{kind}" for kind in ("json", "png", "svg")), folder / CLAIMS_FILE]


def figure(found: Map) -> Figure:
    """One panel for each M (at most eight): Z across, the share kept upwards."""
    numbers = sorted({point.M for point in found.points})
    if len(numbers) > MOST_PANELS:
        chosen = np.linspace(0, len(numbers) - 1, MOST_PANELS).round().astype(int)
        numbers = [numbers[n] for n in chosen]
    columns = min(4, len(numbers))
    rows = -(-len(numbers) // columns)
    drawn = Figure(figsize=(max(2.0 * columns + 1.0, 4.8), 2.4 * rows + 1.0))
    panels = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, M in zip(panels, numbers, strict=False):
        _panel(axes, found, M)
    for axes in panels[len(numbers) :]:
        axes.set_visible(False)
    g = found.question.activation
    drawn.suptitle(f"{found.question}" + ("" if str(g) == "erf" else f"   ({g} nodes)"), fontsize=9)
    for axes in panels[max(len(numbers) - columns, 0) : len(numbers)]:
        axes.set_xlabel("copies Z", fontsize=9)
        axes.tick_params(labelbottom=True)
    drawn.supylabel("share kept, k/K" if found.domain.p is None else "share of edges kept, p", fontsize=9)
    seen = [verdict for verdict in _LOOKS if found.count(verdict)]
    handles = [
        Line2D([], [], linestyle="", marker=_LOOKS[v][0], color=_LOOKS[v][1], markersize=4, label=_LOOKS[v][2])
        for v in seen
    ]
    drawn.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return drawn


def _panel(axes: Axes, found: Map, M: int) -> None:
    points = [point for point in found.points if point.M == M]
    size = 14 if found.domain.p is None else 5
    for verdict, (shape, color, _) in _LOOKS.items():
        some = [point for point in points if point.verdict == verdict]
        across, up = [point.Z for point in some], [float(point.p) for point in some]
        axes.scatter(across, up, s=size, marker=shape, color=color, linewidths=0)
    axes.set_title(f"M = {M}", fontsize=9)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))


def print_map(found: Map, files: list[Path]) -> None:
    """Counts, what fits the map, and the files, for people."""
    counts = {verdict: found.count(verdict) for verdict in Verdict}
    nodes = f"specialized state of {found.question.activation} nodes"
    print(f"{found.question}\nover {found.domain}; {nodes}, errors in units of v*²\n")
    total = len(found.points)
    print(f"  holds at {counts[Verdict.HOLDS]} of {total} points, fails at {counts[Verdict.FAILS]}", end="")
    print(f", both sides are equal at {counts[Verdict.EQUAL]}" if counts[Verdict.EQUAL] else "")
    if found.left_out:
        print(f"  left out: {found.left_out} points at which a method cannot keep that share")
    if found.domain.p is None and found.count(Verdict.HOLDS) and found.count(Verdict.FAILS):
        _print_kept(found)
    print("\nwhat fits every point (numerical, not proved)\n")
    for line in proposals(found):
        print(f"  {line}")
    print("\nwritten: " + ", ".join(map(str, files)))


def _print_kept(found: Map) -> None:
    """The k at which the comparison holds, for every M and Z."""
    copies, teachers = list(found.domain.Z), list(found.domain.M)
    if len(copies) > MOST_ROWS or len(teachers) > MOST_PANELS:
        return
    print("\nk at which it holds, of K = M Z")
    rows = [(str(Z), *(kept_where_it_holds(found, M, Z) for M in teachers)) for Z in copies]
    print_table(("Z", *(f"M = {M}" for M in teachers)), rows, boxed=False)


def kept_where_it_holds(found: Map, M: int, Z: int) -> str:
    """Runs of k where the comparison holds, such as "2-5 8"; "-" for none, "" where nothing was compared."""
    here = [point for point in found.points if (point.M, point.Z) == (M, Z)]
    runs: list[list[int]] = []
    for before, point in zip([None, *here], here, strict=False):
        if point.verdict != Verdict.HOLDS or point.k is None:
            continue
        if before is not None and before.verdict == Verdict.HOLDS and before.k == point.k - 1:
            runs[-1][1] = point.k
        else:
            runs.append([point.k, point.k])
    spelled = " ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
    return spelled or ("-" if here else "")


def _without_a_failure(found: Map) -> str:
    """That it holds everywhere; a strict comparison does not where both sides are equal."""
    ties = found.count(Verdict.EQUAL)
    if ties and not found.count(Verdict.HOLDS):
        return "both sides are equal everywhere"
    if ties and found.question.relation in ("<", ">"):
        return f"holds everywhere that the sides differ; they are equal at {ties} points"
    return "holds everywhere" + (f", with equality at {ties} points" if ties else "")


def proposals(found: Map) -> list[str]:
    """The statements that the map suggests, one line each."""
    if not found.count(Verdict.FAILS):
        return [_without_a_failure(found)]
    if not found.count(Verdict.HOLDS):
        return ["fails everywhere" + (" that the sides differ" if found.count(Verdict.EQUAL) else "")]
    if found.domain.p is None:
        return [f"{rule}   ({rule.points} points)" for rule in found.rules] or ["no simple rule in M, Z and k"]
    lines = [
        f"Z = {b.Z}: {'holds below, fails above' if b.holds_below else 'fails below, holds above'} p* = {b.p:.9f}"
        + f"   (M = {', '.join(map(str, b.M))})"
        for b in found.boundaries
    ]
    rest = len(lines) - MOST_LINES
    return lines if rest <= 0 else [*lines[:MOST_LINES], f"… and {rest} more, in explore.json"]
