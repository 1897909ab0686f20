"""Pictures of a sweep: learning curves, heat maps over two axes, and which method is best where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning.looks import looks
from divprune_sym.pruning.user_method import load_method
from divprune_sym.show.figures import STYLE, save

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from divprune_sym.sweeps.folder import Sweep

# curves in one picture
_CURVES = 12


def write_figures(found: Sweep) -> list[Path]:
    """Every picture that says something of this sweep, as PNG and SVG in its folder."""
    drawn = {"curves": curves(found)}
    axes = [name for name in found.grid.varied if name not in ("seed", "activation")]
    if len(axes) >= 2 or (axes and found.grid.methods):
        drawn |= {name: heat_map(found, name) for name in _mapped(found)}
    if len(found.grid.methods) > 1 and axes:
        drawn |= {f"best_{name}": best_method(found, name) for name in _errors(found)}
    for name, figure in drawn.items():
        save(figure, found.folder, name)
    return [found.folder / f"{name}.png" for name in drawn]


def _errors(found: Sweep) -> list[str]:
    return ["pruned_error"] + ["retrained_error"] * (found.grid.retrain is not None) if found.grid.methods else []


def _mapped(found: Sweep) -> list[str]:
    numeric = [name for name in found.grid.varied if name not in ("seed", "activation")]
    return ["final_error", "plateau_escape"] if len(numeric) >= 2 else []


def curves(found: Sweep) -> Figure:
    """ε_g(α) along the axis with most values, at the middle of all others; bands are the spread over seeds."""
    whole = found.on_grid("generalization_error")["generalization_error"]
    along = _longest(found)
    middle = {name: whole.sizes[name] // 2 for name in found.grid.varied if name not in (along, "seed")}
    chosen = whole.isel(middle)
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(6.4, 4.6))
        axes = figure.add_subplot()
        values = [None] if along is None else list(found.grid.values(along))
        shown = sorted({round(x) for x in np.linspace(0, len(values) - 1, min(len(values), _CURVES))})
        for place, n in enumerate(shown):
            one = chosen if along is None else chosen.isel({along: n})
            color = mpl.colormaps["viridis"](place / max(len(shown) - 1, 1))
            _curve(axes, one, None if along is None else f"{along} = {_plain(values[n])}", color)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(r"$\alpha$ = steps / $N$")
        axes.set_ylabel(r"generalization error $\varepsilon_g$")
        axes.set_title(", ".join(f"{name} = {_plain(found.grid.values(name)[n])}" for name, n in middle.items()))
        if along is not None:
            figure.legend(loc="outside lower center", ncols=3)
    return figure


def _curve(axes: Axes, one: Any, label: str | None, color: Any) -> None:
    alphas = one["alpha"].values
    later = alphas > 0
    if "seed" in one.dims:
        low, high = one.min("seed").values, one.max("seed").values
        axes.fill_between(alphas[later], low[later], high[later], color=color, alpha=0.25, linewidth=0)
        one = one.median("seed")
    axes.plot(alphas[later], one.values[later], color=color, label=label)


def heat_map(found: Sweep, name: str) -> Figure:
    """One quantity over the two axes with most values: its median over seeds, at the middle of all others.

    Parameters
    ----------
    found : Sweep
    name : str
        A variable of the data set, or "final_error", ε_g at the last time.
    """
    x, y = _two_axes(found)
    table = _table(found, name, (y, x))
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(6.0, 4.6))
        axes = figure.add_subplot()
        positive = table[np.isfinite(table) & (table > 0)]
        norm = LogNorm() if positive.size and positive.max() > 10 * positive.min() else None
        shown = np.where(table > 0, table, np.nan) if norm else table
        mesh = axes.pcolormesh(*_edges(found, axes, x, y), shown, norm=norm, cmap="viridis")
        axes.set_facecolor("#dddddd")
        figure.colorbar(mesh, label=_label(name))
    return figure


def _label(name: str) -> str:
    return {
        "final_error": r"$\varepsilon_g$ at the last $\alpha$",
        "plateau_escape": r"$\alpha$ of escape from the plateau (gray: none)",
    }.get(name, name.replace("_", " "))


def best_method(found: Sweep, name: str) -> Figure:
    """Which method has the least error, by keep fraction and the axis with most values, for every refit.

    Parameters
    ----------
    found : Sweep
    name : {"pruned_error", "retrained_error"}
    """
    along = _longest(found)
    if along is None:
        msg = "a map of the best method needs an axis with several values"
        raise BadInput(msg)
    whole = _reduced(found, name, (along,))
    methods = list(found.grid.methods)
    look = looks({method: load_method(method).unit for method in methods})
    with mpl.rc_context(fname=STYLE):
        refits = list(found.grid.refits)
        figure = Figure(figsize=(6.4, 1.2 + 3.0 * len(refits)))
        panels = np.atleast_1d(figure.subplots(len(refits), 1, sharex=True))
        for axes, refit in zip(panels, refits, strict=True):
            errors = whole.sel(refit=refit).transpose("keep", along, "pruning").values
            axes.set_title(f"{_title(name)}, refit: {refit}")
            _draw_best(axes, errors, [look[method].color for method in methods])
            values = found.grid.values(along)
            axes.set_xticks(range(len(values)), [_plain(value) for value in values], rotation=45)
            axes.set_yticks(range(len(found.grid.keeps)), [f"{keep:.3g}" for keep in found.grid.keeps])
            axes.set_ylabel("fraction kept")
            axes.grid(visible=False)
        panels[-1].set_xlabel(along)
        handles = [mpl.patches.Patch(color=look[method].color, label=method) for method in methods]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _title(name: str) -> str:
    return {"pruned_error": "least error as pruned", "retrained_error": "least error after training on"}[name]


def _draw_best(axes: Axes, errors: NDArray[np.float64], colors: list[str]) -> None:
    """Cells in the color of the best method; a number says by how much the next is worse, in percent."""
    image = np.ones((*errors.shape[:2], 3))
    for at in np.ndindex(*errors.shape[:2]):
        known = np.flatnonzero(np.isfinite(errors[at]))
        if not len(known):
            continue
        order = known[np.argsort(errors[at][known], kind="stable")]
        image[at] = mpl.colors.to_rgb(colors[order[0]])
        if len(order) > 1 and errors[at][order[0]] > 0:
            more = 100 * (errors[at][order[1]] / errors[at][order[0]] - 1)
            dark = float(np.dot(image[at], (0.299, 0.587, 0.114))) < 0.5
            text = f"+{more:.0f}%" if more < 1000 else ">10×"
            axes.text(at[1], at[0], text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    axes.imshow(image, aspect="auto", origin="lower")


def _longest(found: Sweep) -> str | None:
    numeric = [name for name in found.grid.varied if name != "seed"]
    return max(numeric, key=lambda name: len(found.grid.values(name)), default=None)


def _two_axes(found: Sweep) -> tuple[str, str]:
    numeric = [name for name in found.grid.varied if name not in ("seed", "activation")]
    if len(numeric) < 2:
        msg = f"a map needs two axes with several values; this grid varies {', '.join(found.grid.varied) or 'nothing'}"
        raise BadInput(msg)
    longest = sorted(numeric, key=lambda name: -len(found.grid.values(name)))[:2]
    return longest[0], longest[1]


def _reduced(found: Sweep, name: str, kept: tuple[str, ...]) -> Any:
    """A variable at the middle of every axis that is not kept, its median over seeds."""
    if name == "final_error":
        whole = found.on_grid("generalization_error")["generalization_error"].isel(alpha=-1)
    else:
        whole = found.on_grid(name)[name]
    middle = {axis: whole.sizes[axis] // 2 for axis in found.grid.varied if axis not in (*kept, "seed")}
    whole = whole.isel(middle)
    return whole.median("seed") if "seed" in whole.dims else whole


def _table(found: Sweep, name: str, dims: tuple[str, str]) -> NDArray[np.float64]:
    return np.asarray(_reduced(found, name, dims).transpose(*dims).values)


def _edges(found: Sweep, axes: Axes, x: str, y: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Borders between cells; an axis whose values grow by factors is drawn logarithmically."""
    borders = []
    for name, scale, label in ((x, axes.set_xscale, axes.set_xlabel), (y, axes.set_yscale, axes.set_ylabel)):
        values = np.sort(np.array(found.grid.values(name), dtype=np.float64))
        log = values[0] > 0 and values[-1] > 20 * values[0]
        scale("log" if log else "linear")
        label(name)
        at = np.log(values) if log else values
        middle = (at[1:] + at[:-1]) / 2
        edges = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
        borders.append(np.exp(edges) if log else edges)
    return borders[0], borders[1]


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
