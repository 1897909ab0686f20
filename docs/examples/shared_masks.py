"""Draws the figure of docs/claims.md: what masks that share less leave, and where they beat DPP nodes."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import brentq

import divprune_sym as dp
from divprune_sym.pruning.methods.coordinated_edge import CoordinatedEdge
from divprune_sym.show.figures import STYLE, look, save

GRID = np.linspace(0.02, 1.0, 99)
COPIES = range(2, 13)
EDGES = {
    "independent": dp.METHODS["random-edge"],
    "told nothing": CoordinatedEdge("layer"),
    "told the copies": CoordinatedEdge(),
}


def node_error(p, M, Z):
    """ε_g of DPP nodes at k = pMZ, v* = 1 (the formula of claim edge-node.region)."""
    share = (M - 1) / (M * (Z - 1) - 1)
    e = 1 - 2 * p + p / Z if p <= 1 / Z else (1 - p) ** 2 + (1 - p) * (p - 1 / Z) * share
    return M / 6 * e


def boundary(method, M, Z):
    """The largest p up to which edges leave less than DPP nodes."""
    state = dp.specialized_state(M, Z, 1.0)

    def lead(p):
        return method.limit(state, p).generalization_error() - node_error(p, M, Z)

    ahead = max(p for p in GRID[:-1] if lead(p) < 0)
    return brentq(lead, ahead, 0.9999)


def main(folder: Path) -> None:
    """Write shared_masks.png and .svg."""
    M, Z = 2, 3
    state = dp.specialized_state(M, Z, 1.0)
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(8.0, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for place, (name, method) in enumerate(EDGES.items()):
            color = look(place, "edge").color
            errors = [method.limit(state, p).generalization_error() for p in GRID]
            left.plot(GRID, errors, color=color, label=f"edges, {name}")
            if name != "told nothing":
                right.plot(COPIES, [boundary(method, M, copies) for copies in COPIES], "o-", color=color)
        nodes = [dp.METHODS["dpp-node"].limit(state, k).generalization_error() for k in range(1, M * Z + 1)]
        left.plot(np.arange(1, M * Z + 1) / (M * Z), nodes, "ks", label="DPP nodes")
        left.set(xlabel="keep fraction p", ylabel="$ε_g$", title=f"M = {M}, Z = {Z}", yscale="log", ylim=(3e-3, None))
        left.legend(fontsize="small")
        right.plot(COPIES, [1 - 1 / copies for copies in COPIES], "k:", label="1 − 1/Z")
        right.set(xlabel="copies Z", ylabel="boundary p*", title=f"M = {M}: edges lead below", ylim=(0, 1))
        right.legend(fontsize="small")
        save(figure, folder, "shared_masks")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
