"""The picture of a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from divprune_sym.protocols.steps import Train
from divprune_sym.show.figures import STYLE, Look, explained, plain_numbers, points, save

if TYPE_CHECKING:
    from pathlib import Path

    from divprune_sym.protocols.flow import ProtocolSolution
    from divprune_sym.protocols.simulation import ProtocolSimulation

_LOOK = Look("#0072B2", "o", "-")


def draw(theory: ProtocolSolution, measured: ProtocolSimulation | None, out: Path) -> None:
    """Write NAME.png and NAME.svg beside a table NAME.csv: ε_g over α, theory as a line, simulation as points."""
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(7.0, 4.4))
        axes = figure.add_subplot()
        axes.plot(theory.alpha, theory.generalization_error, color=_LOOK.color)
        if measured is not None:
            errors = measured.generalization_error
            bars = errors.std(axis=0, ddof=1) / np.sqrt(len(errors)) if len(errors) > 1 else None
            points(axes, measured.alpha, errors.mean(axis=0), bars, _LOOK)
            explained(axes, "theory", f"{len(errors)} networks, N = {measured.networks[0].N}")
            figure.legend(loc="outside lower center", ncols=2)
        axes.set_yscale("log")
        plain_numbers(axes)
        events = [mark for mark in theory.marks if not mark[1].startswith(Train.__name__.lower())]
        for alpha in dict.fromkeys(alpha for alpha, _ in events):
            names = "\n".join(name for at, name in events if at == alpha)
            axes.axvline(alpha, color="black", linestyle=":", linewidth=1)
            axes.annotate(
                names, (alpha, 1), xycoords=("data", "axes fraction"), rotation=90, va="top", ha="right", fontsize=7
            )
        axes.set_xlabel(r"$\alpha$ = updates / $N$")
        axes.set_ylabel(r"generalization error $\varepsilon_g$")
        save(figure, out.parent, out.stem)
