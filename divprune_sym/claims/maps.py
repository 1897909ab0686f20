"""Where a comparison holds, drawn from enclosed boundaries as an inline SVG picture."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from divprune_sym.claims.claim import Finding, Region

_COLORS = ("#0072B2", "#E69F00")
_LEFT, _WIDTH, _ROW, _TOP = 110, 560, 15, 22


def places(region: Region, findings: Sequence[Finding]) -> dict[str, Any]:
    """The region with the enclosures that its boundaries have in findings that hold, as JSON can hold it.

    A row whose boundary is not among them is left out.
    """
    known = {x.place[0]: x.place[1:] for x in findings if x.holds and x.place is not None}
    rows = [
        {"label": row.label, "first": row.first, "places": [list(known[name]) for name in row.boundaries]}
        for row in region.rows
        if all(name in known for name in row.boundaries)
    ]
    return {"variable": region.variable, "sides": list(region.sides), "rows": rows}


def svg(drawn: dict[str, Any]) -> str:
    """One bar a row over 0 … 1, colored by the side that holds; hovering shows the enclosures."""
    rows = drawn["rows"]
    height = _TOP + _ROW * len(rows) + 30
    bars = "".join(_bar(n, row) for n, row in enumerate(rows))
    bottom = _TOP + _ROW * len(rows)
    ticks = "".join(
        f'<line x1="{_x(t)}" x2="{_x(t)}" y1="{_TOP}" y2="{bottom + 3}" stroke="#fff" stroke-width=".7"/>'
        f'<text x="{_x(t)}" y="{bottom + 15}" text-anchor="middle">{t:g}</text>'
        for t in (0, 0.25, 0.5, 0.75, 1)
    )
    keys = "".join(
        f'<rect x="{_LEFT + 280 * n}" y="3" width="11" height="11" fill="{color}"/>'
        f'<text x="{_LEFT + 16 + 280 * n}" y="13">{escape(side)}</text>'
        for n, (color, side) in enumerate(zip(_COLORS, drawn["sides"], strict=True))
    )
    title = escape(f"{drawn['sides'][0]} or {drawn['sides'][1]}, by {drawn['variable']}")
    return (
        f'<svg class="map" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" role="img" aria-label="{title}">'
        f"{keys}{bars}{ticks}"
        f'<text x="{_x(0.5)}" y="{bottom + 28}" text-anchor="middle">{escape(drawn["variable"])}</text></svg>'
    )


def _x(value: float) -> float:
    return round(_LEFT + _WIDTH * value, 1)


def _bar(n: int, row: dict[str, Any]) -> str:
    y = _TOP + _ROW * n
    ends = [0.0, *[(float(low) + float(high)) / 2 for low, high in row["places"]], 1.0]
    side = 0 if row["first"] else 1
    parts = [
        f'<rect x="{_x(low)}" y="{y + 1}" width="{round(_WIDTH * (high - low), 1)}" height="{_ROW - 2}" '
        f'fill="{_COLORS[(side + m) % 2]}"/>'
        for m, (low, high) in enumerate(pairwise(ends))
    ]
    said = ", ".join(f"[{low}, {high}]" for low, high in row["places"]) or "no boundary"
    label = f'<text x="{_LEFT - 6}" y="{y + 11}" text-anchor="end">{escape(row["label"])}</text>'
    return f"<g><title>{escape(row['label'])}: {said}</title>{label}{''.join(parts)}</g>"
