"""The report: one HTML file with everything in it, and the same tables in the terminal."""

from __future__ import annotations

import base64
import html
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divprune_sym.ground.files import written_aside
from divprune_sym.reproduction.figures import all_figures
from divprune_sym.show.figures import save
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CSS = """
:root { color-scheme: light; }
body { font: 17px/1.55 system-ui, sans-serif; color: #1a1a1a; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
figure { margin: 1rem 0; } figure img { width: 100%; max-width: 44rem; height: auto; }
figcaption { color: #333; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
pre { font-size: .8rem; background: #f6f6f6; padding: .7rem; overflow-x: auto; }
.good { color: #00694e; font-weight: 600; } .bad { color: #b3261e; font-weight: 600; }
"""

_SIZES = {
    "quick": "A quick run: small networks, short training. ",
    "full": "",
    "thorough": "A thorough run: many networks. ",
}

_NOTHING = "None of the methods can keep any of these fractions."


def _titles(results: dict[str, Any]) -> dict[str, str]:
    noisy, many = results["settings"]["noisy"], results["settings"]["many_nodes"]
    M, K, hidden = noisy["M"], noisy["K"], "-".join(map(str, results["digits"]["setting"]["hidden"]))
    return {
        "training": "Training: the integrated equations over the simulation",
        "pruning_noiseless": "Pruning trained students, noiseless labels",
        "pruning_noisy": f"Pruning trained students, noisy labels (σ = {noisy['sigma']:g})",
        "pruning_idealized": f"Pruning the idealized specialized state (M = {M}, {K // M} copies each)",
        "pruning_many_nodes": f"More nodes: a teacher with {many['M']}, a student with {many['K']}",
        "retraining": "Training on after pruning half the edges at random, or half the nodes by DPP",
        "digits": f"Real data: scikit-learn's digits, a 64-{hidden}-10 network",
    }


def write_report(folder: Path, results: dict[str, Any]) -> None:
    """Write report.html and the figures as PNG and SVG into a folder."""
    pictures = {name: save(figure, folder, name) for name, figure in all_figures(results).items()}
    with written_aside(folder / "report.html") as file:
        file.write(_page(results, pictures).encode())


def readings(results: dict[str, Any]) -> dict[str, str]:
    """One sentence for each figure, computed from the numbers it shows."""
    agreement = results["agreement"]
    said = {
        "training": _reading_of([v for name, v in agreement.items() if name.startswith("training")]),
        "retraining": _reading_of([v for name, v in agreement.items() if name.startswith("retraining")]),
        "digits": _digits_reading(results["digits"]),
    }
    for name, rows in results["pruning"].items():
        said[f"pruning_{name}"] = _ranking(rows) + " " + _reading_of([agreement[f"pruning, {name}"]])
    return said


def _reading_of(verdicts: Sequence[dict[str, Any]]) -> str:
    """What one section says, or several: the curve that decides, and what would have been seen."""
    curves = [curve for verdict in verdicts for curve in verdict["curves"] if curve["points"]]
    if not curves:
        return "Theory (lines) and measurement (points) are one computation here."
    networks = f"{sum(curve['points'] for curve in curves)} points on {len(curves)} curves"
    off = [curve["name"] for curve in curves if not curve["agrees"]]
    differ = f"DISAGREE ({', '.join(off) or 'all curves together'})" if not _all_agree(verdicts) else "agree"
    together = "; ".join(f"{100 * v['error']:+.1f} ± {100 * v['standard_error']:.1f} %" for v in verdicts)
    detectable = [curve["detectable"] for curve in curves]
    return (
        f"Theory (lines) and measurement (points) {differ}: {networks}, measurement against theory {together} over "
        f"all; an error of {100 * min(detectable):.1f} to {100 * max(detectable):.0f} % of a curve, by which curve, "
        "would have been called a disagreement."
    )


def _all_agree(verdicts: Sequence[dict[str, Any]]) -> bool:
    return all(verdict["agrees"] for verdict in verdicts)


def _ranking(rows: Sequence[dict[str, Any]]) -> str:
    """The best and worst method at the middle keep fraction, as pruned."""
    if not rows:
        return _NOTHING
    keeps = sorted({row["keep"] for row in rows})
    middle = keeps[len(keeps) // 2 - (len(keeps) % 2 == 0)]
    at = [row for row in rows if row["keep"] == middle and row["variant"] == "plain"]
    order = sorted(at, key=lambda row: row["theory"])
    return (
        f"At {middle:.0%} kept, {order[0]['method']} loses least (ε_g = {order[0]['theory']:.3f}) and "
        f"{order[-1]['method']} most ({order[-1]['theory']:.3f})."
    )


def _digits_reading(study: dict[str, Any]) -> str:
    """Errors at the smallest fraction, and how many paired comparisons tell a method from reweighted DPP edges."""
    rows = [row for row in study["rows"] if row["reweighted"]]
    if not rows:
        return _NOTHING
    least = min(row["fraction"] for row in rows)
    order = sorted((row for row in rows if row["fraction"] == least), key=lambda row: row["error"])
    listed = ", ".join(
        f"{row['method']} {100 * row['error']:.1f} ± {100 * row['standard_error']:.1f} %" for row in order
    )
    verdicts = [row["verdict"] for row in study["differences"]]
    said = f"With {least:.0%} kept and reweighting: {listed}; unpruned {100 * study['unpruned_error']:.1f} %."
    if not verdicts:
        return said
    return (
        f"{said} Of {len(verdicts)} paired comparisons with reweighted dpp-edge, {verdicts.count('worse')} find the "
        f"other method worse, {verdicts.count('better')} find it better, and {verdicts.count('undecided')} are "
        "undecided."
    )


def _page(results: dict[str, Any], pictures: dict[str, str]) -> str:
    said, titles = readings(results), _titles(results)
    figures = "".join(
        f"<h2>{html.escape(titles[name])}</h2><figure>"
        f'<img alt="{html.escape(said[name], quote=True)}" '
        f'src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'
        f"<figcaption>{html.escape(said[name])}</figcaption></figure>{_numbers(name, results)}"
        for name, svg in pictures.items()
    )
    size = _SIZES[results["size"]]
    versions = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>divprune_sym reproduction</title><style>{_CSS}</style></head><body>"
        "<h1>Statistical mechanics of neural-network pruning: theory, simulation and real data</h1>"
        "<p>A reproduction of Acharyya, Chattoraj, Zhang, Das and Štefankovič, <i>Statistical Mechanical Analysis of "
        "Neural Network Pruning</i> (UAI 2021). ε_g excludes label noise: a test error on noisy labels is "
        f"2ε_g + σ². {size}Points are means over independently trained networks, error bars their standard error.</p>"
        f"{_agreement_table(results)}{figures}{_ideal_table(results)}{_derivation(results)}"
        f"<h2>How to repeat this</h2><p>seed {results['seed']}, {results['seconds']:.0f} s; {results['backend']}; "
        f"{html.escape(versions)}. Every number is in results.json.</p></body></html>\n"
    )


def _numbers(figure: str, results: dict[str, Any]) -> str:
    """The numbers of a pruning figure, folded away."""
    rows = results["pruning"].get(figure.removeprefix("pruning_"))
    if rows is None:
        return ""
    idealized = figure in ("pruning_idealized", "pruning_many_nodes")
    beside = "theory, idealized state" if idealized else "theory, integrated ODE"
    head = ["method", "variant", "kept", "theory", beside, "measured", "±", "difference", "±"]
    cells = [
        [
            html.escape(row["method"]),
            row["variant"],
            f"{row['keep']:.0%}",
            *(f"{row[name]:.4f}" for name in ("theory", "reference", "measured", "error_bar")),
            *(f"{row[name]:+.4f}" for name in ("difference", "difference_error")),
        ]
        for row in rows
    ]
    return f"<details><summary>the numbers</summary>{_table(head, cells)}</details>"


def _agreement_table(results: dict[str, Any]) -> str:
    settings = results["settings"]["noisy"]
    note = (
        "<p>Every curve of the theory is compared with independent networks, trained or specialized"
        f" ({settings['masks']} masks on each where masks are random). Each network gives one relative difference,"
        " pooled over the points of the curve, and Student's t of these numbers decides: points of one curve move"
        " together, networks do not. A second test looks at the curve's worst point. A verdict is"
        " “disagree” where chance alone would say so anywhere in these tables in 1 of 100 runs. The last"
        " column says what that can see: a theory whose curve is off by this much, everywhere, would have been caught"
        f" with 90 % probability. The theory is the limit N → ∞; these networks have N = {settings['N']} inputs,"
        " and corrections of order 1/N remain.</p>"
    )
    rows = [_verdict_row(name, v) for name, v in results["agreement"].items()]
    curves = [
        _verdict_row(f"{section}: {curve['name']}", curve)
        for section, verdict in results["agreement"].items()
        for curve in verdict["curves"]
    ]
    every = f"<details><summary>every curve</summary>{_table(_VERDICT_HEAD, curves)}</details>"
    return "<h2>Where theory and measurement agree</h2>" + note + _table(_VERDICT_HEAD, rows) + every


_VERDICT_HEAD = (
    "section",
    "verdict",
    "networks",
    "points",
    "measured / theory − 1",
    "±",
    "worst |t|",
    "p",
    "would show",
)


def _verdict_row(name: str, verdict: dict[str, Any]) -> list[str]:
    marks = {True: '<span class="good">agree</span>', False: '<span class="bad">disagree</span>'}
    cells = [*_verdict_cells(verdict), f"{100 * verdict['detectable']:.1f} %"] if verdict["points"] else [""] * 5
    mark = marks[verdict["agrees"]] if verdict["points"] else "one computation"
    return [html.escape(name), mark, str(verdict["networks"]), str(verdict["points"]), *cells]


def _ideal_table(results: dict[str, Any]) -> str:
    rows = []
    for keep in sorted({row["keep"] for row in results["idealized_table"]}):
        errors = {row["method"]: row["plain"] for row in results["idealized_table"] if row["keep"] == keep}
        cells = (f"{abs(errors[method]):.4f}" if method in errors else "" for method in results["methods"])
        rows.append([str(keep), *cells])
    head = ["nodes kept of 6", *results["methods"]]
    title = "<h2>ε_g in the specialized state, N → ∞ (M = 2, Z = 3, v* = 4; edges at p = k/6)</h2>"
    return title + _table(head, rows)


def _derivation(results: dict[str, Any]) -> str:
    integrals = [
        [row["name"], " + ".join(row["rules"]), f"{row['discrepancy']:.1e}"]
        for row in results["derivations"]["integrals"]
    ]
    closed = "\n".join(f"{row['name']} = {row['closed_form']}" for row in results["derivations"]["integrals"])
    equations = "\n".join(results["derivations"]["equations"])
    return (
        "<h2>Derived on the way</h2><p>The four Gaussian integrals, derived in SymPy by tilting, Stein's lemma and "
        "Price's theorem, and their distance from quadrature of the definition at a random covariance.</p>"
        + _table(["integral", "rules", "|closed form − quadrature|"], integrals)
        + f"<pre>{html.escape(closed)}</pre><p>The equations of motion, derived from the SGD update under any mask "
        "(X: overlaps carried by mask class c; indices as in the documentation).</p>"
        f"<pre>{html.escape(equations)}</pre>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells may hold markup made here; text from results is numbers and our own names."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def print_tables(results: dict[str, Any], folder: Path) -> None:
    """The main comparison, the agreement and where the report lies, on stdout."""
    _print_pruning(results["pruning"]["noisy"])
    print("\nmeasurement against theory, and what error of the theory would have shown")
    rows = [
        (
            name,
            str(v["networks"]),
            *_verdict_cells(v)[:2],
            f"{100 * max(curve['detectable'] for curve in v['curves']):.0f} %",
            "agree" if v["agrees"] else "DISAGREE",
        )
        for name, v in results["agreement"].items()
    ]
    print_table(("section", "networks", "difference", "±", "of any curve", ""), rows, boxed=False)
    print()
    print(readings(results)["digits"])
    print(f"ran on {results['backend']}, real data on the CPU")
    print(f"report: {folder / 'report.html'}   numbers: {folder / 'results.json'}")


def _print_pruning(rows: Sequence[dict[str, Any]]) -> None:
    """Theory over measurement for every method."""
    plain = [row for row in rows if row["variant"] == "plain"]
    keeps = sorted({row["keep"] for row in plain})
    table = []
    for method in dict.fromkeys(row["method"] for row in plain):
        own = {row["keep"]: row for row in plain if row["method"] == method}
        here = [own.get(keep) for keep in keeps]
        table.append((method, *("" if row is None else f"{row['theory']:.3f}" for row in here)))
        table.append(("", *("" if row is None else _concise(row["measured"], row["error_bar"]) for row in here)))
    print("ε_g after pruning trained students (σ = 0.25, fraction kept above):\ntheory, then measured(standard error)")
    print_table(("", *(f"{keep:.0%}" for keep in keeps)), table, boxed=False)


def _concise(value: float, error: float) -> str:
    """1.234(56) for 1.234 ± 0.056."""
    digits = 1 - floor(log10(error)) if error > 0 else 4
    return f"{value:.{digits}f}({round(error * 10**digits)})"


def _verdict_cells(verdict: dict[str, Any]) -> list[str]:
    return [
        f"{100 * verdict['error']:+.2f} %",
        f"{100 * verdict['standard_error']:.2f} %",
        f"{verdict['worst_point']:.1f}",
        f"{verdict['p_value']:.2g}",
    ]
