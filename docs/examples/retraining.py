"""Draws the retraining figure of docs/claims.md: ε_g of every method after pruning, as recorded with the ledger."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import divprune_sym as dp
from divprune_sym.claims.ledger import RECORDED
from divprune_sym.show.figures import STYLE, look, save

# the same curves as random edges, by another name
_ALIKE = ("random-nm-edge",)


def main(folder: Path) -> None:
    """Write retraining.png and .svg."""
    found = json.loads((RECORDED / "retraining.starts.json").read_text(encoding="utf-8"))
    alpha = np.array(found["alpha"])
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(8.0, 4.0), layout="constrained")
        axes = figure.subplots()
        for place, (name, errors) in enumerate(found["errors"].items()):
            if name not in _ALIKE:
                unit = dp.METHODS[name].unit
                mean, spread = np.mean(errors, axis=0), np.std(errors, axis=0, ddof=1)
                drawn = look(place, unit)
                line = "--" if unit == "node" else "-"
                axes.plot(alpha, mean, line, color=drawn.color, label=name)
                axes.fill_between(alpha, mean - spread, mean + spread, color=drawn.color, alpha=0.15, linewidth=0)
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set(xlabel="α since pruning", ylabel="$ε_g$", yscale="log", xlim=(0.0, alpha[-1]), ylim=(0.005, 1.0))
        figure.legend(loc="outside right upper", fontsize="small")
        save(figure, folder, "retraining")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
