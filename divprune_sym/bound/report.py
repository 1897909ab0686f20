"""What `divprune-sym bound` prints, draws and writes."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import written_aside
from divprune_sym.pruning.looks import looks
from divprune_sym.pruning.variant import NumericFunction
from divprune_sym.show.figures import STYLE, save
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from divprune_sym.bound.faces import Agreement
    from divprune_sym.bound.regions import Bound, Region

_ROWS_SHOWN = 20
_NOT_COMPARED = {True: "draw was not compared with limit", False: "no draw face: nothing checks the formulas"}
_AFTER = {
    "none": "",
    "inverse-sqrt": ", kept edges multiplied by 1/√p",
    "optimal": ", kept edges multiplied by the factor c that is best for each",
}


def check_folder(folder: Path) -> None:
    """Refuse, before any work, what is there already and is no folder to write to."""
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
        msg = f"--out {folder}: expected a folder that can be written to"
        raise BadInput(msg)


def write(found: Bound, folder: Path) -> list[Path]:
    """bound.json, bound.png and bound.svg, in a folder made if it is not there.

    Raises
    ------
    BadInput
        The folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"--out {folder}: cannot be made a folder ({error.strerror})"
        raise BadInput(msg) from None
    with written_aside(folder / "bound.json") as file:
        file.write(json.dumps(found.as_json(), indent=1, allow_nan=False).encode())
    with mpl.rc_context(fname=STYLE):
        picture = figure(found)
    save(picture, folder, "bound")
    return [folder / f"bound.{kind}" for kind in ("json", "png", "svg")]


def figure(found: Bound) -> Figure:
    """ε_g against the keep fraction: edges as lines, nodes as points, the method in black."""
    drawn = Figure(figsize=(6.4, 4.8))
    axes = drawn.add_subplot()
    for name, look in looks(found.units).items():
        own = name == found.method
        keeps, errors = _drawn(found, name)
        as_line = name in found.curve[0]
        axes.plot(
            keeps,
            errors,
            linestyle=("-" if own else look.line) if as_line else "",
            marker="" if as_line else look.marker,
            color="black" if own else look.color,
            linewidth=2.4 if own else 1.4,
            zorder=3 if own else 2,
            label=name,
        )
    axes.set_xlabel("fraction of parameters kept")
    axes.set_ylabel(r"generalization error $\varepsilon_g$")
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn


def _drawn(found: Bound, name: str) -> tuple[list[float], list[float]]:
    rows = found.curve if name in found.curve[0] else found.table
    known = [(row["keep_fraction"], row[name]) for row in rows if row[name] is not None]
    return [keep for keep, _ in known], [error for _, error in known]


def print_bound(found: Bound, files: list[Path]) -> None:
    """Formula, table, regions and agreement, for people."""
    c = found.comparison
    after = _AFTER[c.rescale] + (", nodes reweighted" if c.reweight else "")
    print(
        f"{found.method}: the error left in the specialized state of {c.activation} nodes, "
        f"M = {c.M}, Z = {c.Z}, v* = {c.second_layer:g}{after}"
    )
    _print_formulas(found)
    _print_table(found)
    _print_regions(found)
    print()
    print(_verdict(found.agreement) if found.agreement else _NOT_COMPARED[found.has_draw])
    print("\nwritten: " + ", ".join(map(str, files)))


def _print_formulas(found: Bound) -> None:
    for formula in found.formulas:
        at = "" if formula.keep is None else f" at p = {formula.keep}"
        print(f"\nLaTeX{at}\n")
        print(_indented(formula.latex))
        if formula.python is not None:
            print(f"\nPython{at}\n")
            print(_indented(formula.python))
        elif formula.expression.has(NumericFunction):
            print("\n  no Python: it needs a function that neither NumPy nor SciPy has")
    if not found.formulas:
        print("\nno formula: the method states numbers only")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.rstrip().splitlines())


def _print_table(found: Bound) -> None:
    names = [name for name in found.table[0] if name not in ("keep", "keep_fraction")]
    last = len(found.table) - 1
    shown = sorted({round(n * last / (_ROWS_SHOWN - 1)) for n in range(_ROWS_SHOWN)})
    rows = [
        (row["keep"], *("" if row[name] is None else f"{row[name]:z.4f}" for name in names))
        for row in (found.table[n] for n in shown)
    ]
    caption = "" if len(shown) > last else f"{len(shown)} of {last + 1} rows; all of them are in bound.json"
    print("\ngeneralization error")
    print_table(("p", *(name.replace("-", "\n", 1) for name in names)), rows, caption, boxed=False)


def _print_regions(found: Bound) -> None:
    print(f"\nwhere {found.method} is better (numerical on a grid of step 0.005, not proved)\n")
    for region in found.regions:
        print(f"  than {region.rival + ':':<18} {_where(region)}")


def _where(region: Region) -> str:
    if region.equal:
        return "nowhere, the two are equal"
    if region.points:
        few = len(region.points) <= 6
        shown = ", ".join(region.points) if few else f"{region.points[0]} … {region.points[-1]}"
        return f"p = {shown}   ({len(region.points)} of {region.compared} compared)"
    if region.intervals:
        return ", ".join(f"{low:.6g} < p < {high:.6g}" for low, high in region.intervals)
    return "nowhere"


def _verdict(agreement: Agreement) -> str:
    worst = agreement.worst
    verdict = "agrees with" if agreement.agrees else "DISAGREES WITH"
    share = Fraction(worst.keep).limit_denominator(1000)
    return (
        f"draw {verdict} limit: {len(agreement.faces)} comparisons on {agreement.networks} Gaussian networks each;\n"
        f"the largest |t| is {abs(worst.t_statistic):.2f}, chance exceeds {agreement.limit:.2f} in one of "
        f"{1 / agreement.false_alarm:.0f} such checks.\n"
        f"That is {worst.quantity} ({worst.state}) at p = {share}: limit {worst.limit:.5f}, drawn {worst.drawn:.5f}, "
        f"difference {worst.difference:.5f} ± {worst.standard_error:.5f}.\n"
        f"A difference below {agreement.resolution:.2g} can go unnoticed."
    )
