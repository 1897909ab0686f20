"""The figures of the reproduction, drawn from its results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from divprune_sym.pruning.looks import looks
from divprune_sym.show.figures import STYLE, Look, plain_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def all_figures(results: dict[str, Any]) -> dict[str, Figure]:
    """Every figure of the report, by the name of its files."""
    with mpl.rc_context(fname=STYLE):
        figures = {"training": training(results["training"], results["settings"])}
        for name, rows in results["pruning"].items():
            figures[f"pruning_{name}"] = pruning(rows, results["methods"])
        figures["retraining"] = retraining(results["retraining"])
        figures["digits"] = digits(results["digits"], results["methods"])
    return figures


def training(curves: dict[str, Any], settings: dict[str, Any]) -> Figure:
    """ε_g(α): theory as lines, simulation as points."""
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.add_subplot()
    for name, color in zip(curves, ("#0072B2", "#D55E00", "#009E73"), strict=True):
        x = settings[name]
        _theory_and_simulation(axes, curves[name], f"M = {x['M']}, K = {x['K']}, σ = {x['sigma']:g}", color)
    return _finished(figure, axes, r"$\alpha$ = steps / $N$", r"generalization error $\varepsilon_g$")


def retraining(curves: dict[str, Any]) -> Figure:
    """ε_g(α) under the mask."""
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.add_subplot()
    for name, color in zip(curves, ("#56B4E9", "#0072B2"), strict=True):
        _theory_and_simulation(axes, curves[name], name, color)
    return _finished(figure, axes, r"$\alpha$ = steps / $N$ after pruning", r"generalization error $\varepsilon_g$")


def _theory_and_simulation(axes: Axes, curve: dict[str, Any], label: str, color: str) -> None:
    alpha = np.array(curve["alpha"])
    later = alpha > 0
    simulated, bar = np.array(curve["simulated"])[later], np.array(curve["error_bar"])[later]
    axes.plot(alpha[later], np.array(curve["theory"])[later], color=color, label=f"{label}: theory")
    axes.errorbar(
        alpha[later], simulated, bar, fmt="o", color=color, markerfacecolor="white", label=f"{label}: simulation"
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_numbers(axes)


def pruning(rows: list[dict[str, Any]], units: dict[str, str]) -> Figure:
    """ε_g against the keep fraction: as pruned, and after reweighting (nodes) or the best rescaling (edges)."""
    figure, (first, second) = _stacked()
    for axes, node, edge, title in (
        (first, "plain", "plain", "as pruned"),
        (second, "reweighted", "optimal", "nodes reweighted, edges rescaled optimally"),
    ):
        for method, look in looks(units).items():
            wanted = node if units[method] == "node" else edge
            _compared(axes, [r for r in rows if r["method"] == method and r["variant"] == wanted], method, look)
        axes.set_title(title)
        axes.set_ylabel(r"generalization error $\varepsilon_g$")
    return _finished_pair(figure, first, second, "fraction of parameters kept")


def _compared(axes: Axes, rows: list[dict[str, Any]], method: str, look: Look) -> None:
    keep = [row["keep"] for row in rows]
    axes.plot(keep, [row["theory"] for row in rows], color=look.color, linestyle=look.line)
    axes.errorbar(
        keep,
        [row["measured"] for row in rows],
        [row["error_bar"] for row in rows],
        linestyle="",
        marker=look.marker,
        color=look.color,
        markerfacecolor="white",
        label=method,
    )


def digits(study: dict[str, Any], units: dict[str, str]) -> Figure:
    """Test error against the kept fraction, before and after reweighting."""
    figure, (first, second) = _stacked(sharey=False)
    for axes, reweighted, title in ((first, False, "as pruned"), (second, True, "reweighted by least squares")):
        for method, look in looks(units).items():
            rows = [r for r in study["rows"] if r["method"] == method and r["reweighted"] == reweighted]
            axes.errorbar(
                [row["fraction"] for row in rows],
                [100 * row["error"] for row in rows],
                [100 * row["standard_error"] for row in rows],
                linestyle=look.line,
                marker=look.marker,
                color=look.color,
                markerfacecolor="white",
                label=method,
            )
        axes.axhline(100 * study["unpruned_error"], color="black", linestyle=":", label="unpruned")
        axes.set_yscale("log")
        axes.set_title(title)
        axes.set_ylabel("test error (%)")
        plain_numbers(axes)
    return _finished_pair(figure, first, second, "fraction kept in every hidden layer")


def _stacked(sharey: bool = True) -> tuple[Figure, tuple[Axes, Axes]]:
    """Two panels, one above the other: side by side they cannot be read on a phone."""
    figure = Figure(figsize=(6.4, 7.6))
    first, second = figure.subplots(2, 1, sharex=True, sharey=sharey)
    return figure, (first, second)


def _finished_pair(figure: Figure, first: Axes, second: Axes, x: str) -> Figure:
    second.set_xlabel(x)
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _finished(figure: Figure, axes: Axes, x: str, y: str) -> Figure:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    figure.legend(loc="outside lower center", ncols=2)
    return figure
