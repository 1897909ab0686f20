"""What `divprune-sym compare` prints, draws and writes."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from divprune_sym.ground.files import written_aside
from divprune_sym.networks.compare import FILE
from divprune_sym.pruning.looks import looks
from divprune_sym.show.figures import STYLE, Look, explained, points, save
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from divprune_sym.networks.compare import Comparison

_COLUMNS = (
    "method",
    "keep",
    "reweighted",
    "masks",
    "error",
    "standard_error",
    "error_unit",
    "parameters",
    "field_change_predicted",
    "field_change_measured",
    "field_change_standard_error",
    "field_change_unit",
    "breaks",
    "left_out",
)


def write(found: Comparison, folder: Path) -> list[Path]:
    """compare.csv, compare.png and compare.svg beside compare.json, and theory.png and .svg if that was asked for."""
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(_with_units(found, row) for row in found.rows())
    with written_aside(folder / "compare.csv") as file:
        file.write(text.getvalue().encode())
    names = ["compare"]
    with mpl.rc_context(fname=STYLE):
        figures = {"compare": errors_figure(found)}
        if any("predicted" in row for row in found.rows()):
            names.append("theory")
            figures["theory"] = theory_figure(found)
    for name, picture in figures.items():
        save(picture, folder, name)
    pictures = [folder / f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    return [folder / FILE, folder / "compare.csv", *pictures]


def _with_units(found: Comparison, row: dict[str, Any]) -> dict[str, Any]:
    """A row whose numbers say what they are: a share of answers, or a change of fields, is not the other."""
    plain = dict(row)
    if "error" in row:
        plain["error_unit"] = found.about["error_is"]
    if "predicted" in row:
        for ours, theirs in (
            ("predicted", "predicted"),
            ("measured", "measured"),
            ("measured_standard_error", "standard_error"),
        ):
            plain[f"field_change_{theirs}"] = row[ours]
        plain["field_change_unit"] = "half the mean squared change, summed over the next fields"
    return plain


def errors_figure(found: Comparison) -> Figure:
    """Test error against the share kept, as pruned and reweighted; bars are standard errors over masks."""
    figure = Figure(figsize=(6.4, 7.6))
    panels = figure.subplots(2, 1, sharex=True)
    scale, unit = _scale(found)
    for axes, reweighted, title in zip(
        panels, (False, True), ("as pruned", "reweighted by least squares"), strict=True
    ):
        rows = [row for row in found.rows() if row.get("reweighted") is reweighted]
        for method, look in _looks(rows).items():
            own = sorted((row for row in rows if row["method"] == method), key=lambda row: row["keep"])
            keep, error = [row["keep"] for row in own], [scale * row["error"] for row in own]
            bars = [scale * (row["standard_error"] or 0.0) for row in own]
            points(axes, keep, error, bars, look, method, line=True)
        axes.axhline(scale * found.unpruned.error, color="black", linestyle=":", label="unpruned")
        axes.set_title(title)
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
    panels[1].set_xlabel("share kept in every pruned layer")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle(f"{_widths(found)} network, layers {', '.join(map(str, found.about['layers']))} pruned", fontsize=9)
    return figure


def theory_figure(found: Comparison) -> Figure:
    """Change of the fields behind the first pruned layer: predicted for Gaussian inputs, and measured."""
    figure = Figure(figsize=(6.4, 4.8))
    axes: Axes = figure.add_subplot()
    rows = [row for row in found.rows() if "predicted" in row]
    for method, look in _looks(rows).items():
        own = sorted((row for row in rows if row["method"] == method), key=lambda row: row["keep"])
        keep = [row["keep"] for row in own]
        axes.plot(keep, [row["predicted"] for row in own], color=look.color, linestyle=look.line)
        measured, bars = ([row[name] for row in own] for name in ("measured", "measured_standard_error"))
        points(axes, keep, measured, bars, look, method)
    explained(axes, "predicted, Gaussian inputs", "measured")
    axes.set_xlabel(f"share kept in layer {found.about['layers'][0]}, the others unpruned")
    axes.set_ylabel("½ mean squared change,\nsummed over the next fields")
    figure.legend(loc="outside lower center", ncols=3)
    figure.suptitle(f"{_widths(found)} network", fontsize=9)
    return figure


def _widths(found: Comparison) -> str:
    return str(found.about["network"].partition("(")[2].partition(",")[0])


def _scale(found: Comparison) -> tuple[float, str]:
    return (100.0, "test error (%)") if found.unpruned.wrong is not None else (1.0, "mean squared test error")


def _looks(rows: list[dict[str, Any]]) -> dict[str, Look]:
    return looks({row["method"]: row["unit"] for row in rows})


def print_comparison(found: Comparison, files: list[Path]) -> None:
    """The table of errors, what was left out, and where the prediction breaks."""
    scale, unit = _scale(found)
    rows = [row for row in found.rows() if "error" in row]
    keeps = sorted({row["keep"] for row in rows})
    methods = list(dict.fromkeys(row["method"] for row in rows))
    by_cell = {(row["method"], row["keep"], row["reweighted"]): scale * row["error"] for row in rows}
    table = []
    for keep in keeps:
        cells = [f"{keep:g}"]
        for method in methods:
            plain, refit = (by_cell.get((method, keep, reweighted)) for reweighted in (False, True))
            cells.append("" if plain is None or refit is None else f"{plain:.3g} ({refit:.3g})")
        table.append(cells)
    print(f"{unit}; in brackets, reweighted")
    print_table(("kept", *(method.replace("-", "\n", 1) for method in methods)), table, boxed=False)
    print(f"unpruned: {scale * found.unpruned.error:.3g}")
    for row in found.rows():
        if "left_out" in row:
            print(f"left out: {row['method']} at {row['keep']:g}: {row['left_out']}")
    _print_theory(found)
    print("written: " + ", ".join(map(str, files)))


def _print_theory(found: Comparison) -> None:
    rows = [row for row in found.rows() if "predicted" in row]
    if not rows:
        return
    broken = [row for row in rows if row["breaks"]]
    largest = max(row["kurtosis"] for row in rows)
    print(
        f"prediction for Gaussian inputs of layer {found.about['layers'][0]}: within 10 % or three standard errors of "
        f"what was measured in {len(rows) - len(broken)} of {len(rows)} cells "
        f"(largest excess kurtosis of a field: {largest:.2g}; 0 if Gaussian)"
    )
    for row in broken:
        ratio = row["predicted"] / row["measured"] if row["measured"] > 0 else float("inf")
        print(f"  it breaks for {row['method']} at {row['keep']:g}: predicted/measured = {ratio:.3g}")
