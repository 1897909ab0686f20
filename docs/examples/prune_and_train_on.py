"""Draws the figure of docs/prune_and_train_on.md: ε_g of every method, pruned at α = 100 and trained on."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import divprune_sym as dp
from divprune_sym.show.figures import STYLE, look, save

BEFORE, AFTER = np.linspace(0.0, 100.0, 401), np.concatenate([[0.0], np.geomspace(0.1, 1000.0, 80)])


def main(folder: Path) -> None:
    """Write prune_and_train_on.png and .svg."""
    start = dp.random_network(4, N=1000, K=4, M=2, teacher_v=2.0).order_parameters()
    problem = dp.Problem(start, eta=0.5, eta_v=0.5, sigma=0.1)
    trained = dp.integrate(problem, BEFORE)
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(8.0, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 2))
        left.plot(BEFORE, trained.generalization_error, "k")
        left.set(xlabel="α", ylabel="$ε_g$", yscale="log", title="trained")
        for place, (name, method) in enumerate(dp.METHODS.items()):
            limit = method.limit(trained.state(), 2 if method.unit == "node" else 0.5)
            after = dp.train_on(problem, limit, AFTER)
            line = "--" if method.unit == "node" else "-"
            right.plot(AFTER, after.generalization_error, line, color=look(place, method.unit).color, label=name)
        right.set(xlabel="α since pruning", title="pruned to half, and trained on")
        right.set_xscale("symlog", linthresh=0.1)
        right.set_xlim(0.0)
        figure.legend(loc="outside right upper", fontsize="small")
        save(figure, folder, "prune_and_train_on")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
