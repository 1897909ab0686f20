"""Grids that are quick to run: five pieces of work of one compiled size."""

from __future__ import annotations

from divprune_sym.sweeps import Grid


def small(**changes):
    axes = {"students": (4,), "teachers": (2,), "sigma": (0.0, 0.1, 0.3), "eta": (0.1, 0.5), "eta_v": (0.1,)}
    axes |= {"seed": tuple(range(24))}
    given = {
        "axes": tuple(axes.items()),
        "alphas": (0.0, 1.0, 5.0, 20.0),
        "methods": ("random-node", "random-edge"),
        "keeps": (0.5,),
    }
    given |= {"rtol": 1e-5}
    return Grid(**(given | changes))
