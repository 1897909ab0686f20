"""The figures of the reproduction, drawn from its results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from divprune_sym.pruning.looks import looks
from divprune_sym.show.figures import STYLE, Look, explained, plain_numbers, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_ERROR = r"generalization error $\varepsilon_g$"
_ZERO = 1e-9  # errors below are 0 but for rounding


def all_figures(results: dict[str, Any]) -> dict[str, Figure]:
    """Every figure of the report, by the name of its files."""
    with mpl.rc_context(fname=STYLE):
        figures = {"training": training(results["training"], results["settings"])}
        for name, rows in results["pruning"].items():
            figures[f"pruning_{name}"] = pruning(rows, results["methods"], results["unpruned"][name])
        figures["retraining"] = retraining(results["retraining"])
        figures["digits"] = digits(results["digits"], results["methods"])
    return figures


def training(curves: dict[str, Any], settings: dict[str, Any]) -> Figure:
    """ε_g(α): theory as lines, simulation as points, and their relative difference."""
    labels = {name: "M = {M}, K = {K}, σ = {sigma:g}".format(**settings[name]) for name in curves}
    return _timed(curves, labels, r"$\alpha$ = steps / $N$")


def retraining(curves: dict[str, Any]) -> Figure:
    """ε_g(α) under the mask, and the relative difference of theory and simulation."""
    return _timed(curves, {name: name for name in curves}, r"$\alpha$ = steps / $N$ after pruning")


def _timed(curves: dict[str, Any], labels: dict[str, str], x: str) -> Figure:
    figure, (axes, rest) = _with_residuals(1, (6.4, 5.6))
    for place, (name, curve) in enumerate(curves.items()):
        look = Look(("#0072B2", "#D55E00", "#009E73")[place], "osD"[place], ("-", "--", "-.")[place])
        _theory_and_simulation(axes, rest, curve, labels[name], look)
    axes.set_yscale("log")
    plain_numbers(axes)
    explained(axes, "theory", "simulation")
    axes.set_ylabel(_ERROR)
    return _finished(figure, (axes,), rest, x, ncols=2)


def _theory_and_simulation(axes: Axes, rest: Axes, curve: dict[str, Any], label: str, look: Look) -> None:
    later = np.array(curve["alpha"]) > 0
    alpha, theory, simulated, bar = (
        np.array(curve[name])[later] for name in ("alpha", "theory", "simulated", "error_bar")
    )
    axes.plot(alpha, theory, color=look.color, linestyle=look.line)
    points(axes, alpha, simulated, bar, look, label)
    axes.set_xscale("log")
    _residuals(rest, alpha, theory, np.array(curve["gaps"])[:, later], look)


def pruning(rows: list[dict[str, Any]], units: dict[str, str], unpruned: float) -> Figure:
    """ε_g against the keep fraction: as pruned, and after reweighting (nodes) or the best rescaling (edges)."""
    figure, (first, second, rest) = _with_residuals(2, (6.4, 9.4))
    for axes, node, edge, title in (
        (first, "plain", "plain", "as pruned"),
        (second, "reweighted", "optimal", "nodes reweighted, edges rescaled optimally"),
    ):
        for method, look in looks(units).items():
            wanted = node if units[method] == "node" else edge
            _compared(axes, [r for r in rows if r["method"] == method and r["variant"] == wanted], method, look)
        if unpruned > _ZERO:
            axes.axhline(unpruned, color="black", linestyle=":", linewidth=1, label="unpruned")
        axes.set_title(title)
        axes.set_ylabel(_ERROR)
    if _spans_decades(rows):
        first.set_yscale("log")
        for axes in (first, second):
            plain_numbers(axes)
    for method, look in looks(units).items():
        own = [r for r in rows if r["method"] == method and r["variant"] == "plain"]
        theory = np.array([row["theory"] for row in own])
        gaps = np.array([row["gaps"] for row in own]).reshape(len(own), -1).T
        _residuals(rest, [row["keep"] for row in own], theory, gaps, look)
    explained(first, "theory", "measured")
    return _finished(figure, (first, second), rest, "fraction of parameters kept", ncols=3)


def _spans_decades(rows: list[dict[str, Any]]) -> bool:
    """Whether the errors need a logarithmic axis; an error of 0 has no place on one."""
    errors = [row["theory"] for row in rows]
    return bool(errors) and min(errors) > _ZERO and max(errors) > 20 * min(errors)


def _compared(axes: Axes, rows: list[dict[str, Any]], method: str, look: Look) -> None:
    keep = [row["keep"] for row in rows]
    axes.plot(keep, [row["theory"] for row in rows], color=look.color, linestyle=look.line)
    points(axes, keep, [row["measured"] for row in rows], [row["error_bar"] for row in rows], look, method)


def _residuals(axes: Axes, x: Any, theory: NDArray[np.float64], gaps: NDArray[np.float64], look: Look) -> None:
    """measured / theory − 1 in percent, on the same networks; nothing where the theory is 0."""
    shown = theory > _ZERO
    relative = 100 * gaps[:, shown] / theory[shown]
    bars = relative.std(axis=0, ddof=1) / np.sqrt(max(len(relative), 1)) if len(relative) > 1 else None
    points(axes, np.asarray(x)[shown], relative.mean(axis=0) if len(relative) else [], bars, look)


def digits(study: dict[str, Any], units: dict[str, str]) -> Figure:
    """Test error against the kept fraction, before and after reweighting."""
    figure, (first, second) = _stacked(sharey=False)
    for axes, reweighted, title in ((first, False, "as pruned"), (second, True, "reweighted by least squares")):
        for method, look in looks(units).items():
            rows = [r for r in study["rows"] if r["method"] == method and r["reweighted"] == reweighted]
            fractions, errors = [row["fraction"] for row in rows], [100 * row["error"] for row in rows]
            bars = [100 * row["standard_error"] for row in rows]
            points(axes, fractions, errors, bars, look, method, line=True)
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


def _with_residuals(panels: int, size: tuple[float, float]) -> tuple[Figure, tuple[Axes, ...]]:
    """Panels that share their axes, above a low one for what is left between theory and measurement."""
    figure = Figure(figsize=size)
    grid = figure.add_gridspec(panels + 1, 1, height_ratios=[3] * panels + [1.2])
    first = figure.add_subplot(grid[0])
    others = [figure.add_subplot(grid[n], sharex=first, sharey=first) for n in range(1, panels)]
    rest = figure.add_subplot(grid[panels], sharex=first)
    rest.axhline(0, color="black", linewidth=0.8)
    rest.set_ylabel("measured / theory\n− 1 (%)")
    for axes in (first, *others):
        axes.tick_params(labelbottom=False)
    return figure, (first, *others, rest)


def _finished(figure: Figure, panels: tuple[Axes, ...], rest: Axes, x: str, ncols: int) -> Figure:
    rest.set_xlabel(x)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=ncols)
    return figure
