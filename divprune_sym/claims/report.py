"""What `divprune-sym verify` prints and writes."""

from __future__ import annotations

import json
from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

from divprune_sym.claims.claim import Verdict
from divprune_sym.claims.maps import svg
from divprune_sym.ground.files import written_aside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from divprune_sym.claims.ledger import Record

_COLORS = {"proved": "#1b6e3c", "certified": "#1f5fa8", "refuted": "#a3262a", "supported": "#7a5a00", "open": "#666"}
_STYLE = """
body { font: 16px/1.5 Georgia, serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-weight: normal; } h2 { font-size: 1.05em; margin: 0; }
section { border-top: 1px solid #ccc; padding: 1em 0; }
.verdict { color: #fff; border-radius: .3em; padding: .1em .6em; font: bold .8em/1.6 sans-serif; }
.statement { margin: .6em 0; padding: .5em; background: #f6f6f2; overflow-x: auto; }
.small { font-size: .85em; color: #555; } .bad { color: #a3262a; font-weight: bold; }
code { font-size: .85em; overflow-wrap: anywhere; } li { margin: .3em 0; overflow-x: auto; }
details ol { margin: .2em 0; }
math { font-size: 1.1em; margin: 0; text-align: left; } math[display=block] { display: block math; width: max-content; }
td { vertical-align: top; padding: .1em .5em .1em 0; } td code { white-space: nowrap; } a { color: inherit; }
svg.map { width: 100%; max-width: 46em; font: 11px sans-serif; margin: .8em 0; }
mtd { text-align: left; padding: .2em .6em; }
"""


def as_json(records: Sequence[Record]) -> dict[str, Any]:
    """What claims.json holds."""
    return {"claims": [record.as_json() for record in records]}


def write(records: Sequence[Record], folder: Path, quick: bool) -> list[Path]:
    """claims.json and claims.html in a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"claims.json": json.dumps(as_json(records), indent=1), "claims.html": page(records, quick)}
    for name, text in texts.items():
        with written_aside(folder / name) as file:
            file.write(text.encode())
    return [folder / name for name in texts]


def page(records: Sequence[Record], quick: bool) -> str:
    """The ledger as one HTML page that needs nothing else."""
    counts = Counter(record.verdict for record in records)
    summary = ", ".join(f"{counts[x]} {x}" for x in Verdict if counts[x])
    how = (
        "Recorded certificates and measurements, checked again."
        if quick
        else "Certificates and measurements made anew, and checked."
    )
    rows = "".join(
        f'<tr><td>{_badge(r.verdict)}</td><td><a href="#{r.id}"><code>{r.id}</code></a></td>'
        f"<td>{escape(r.title)}</td></tr>"
        for r in records
    )
    body = "\n".join(_section(record) for record in records)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>divprune_sym: the ledger of claims</title><style>{_STYLE}</style></head><body>
<h1>What is proved, what is refuted, and by what evidence</h1>
<p>{summary}. {how} A verdict is computed from the evidence shown: <em>proved</em>, by symbolic steps for the whole
domain; <em>certified</em>, ball arithmetic over the whole domain took part; <em>refuted</em>, a point of the domain
where the strict opposite is certain; <em>supported</em>, by tests or measurements only; <em>open</em>, by none of
these. That the evidence entails the statement on its domain has been checked; where it has not, the page says so.</p>
<table>{rows}</table>
{body}
</body></html>
"""


def _badge(verdict: str) -> str:
    return f'<span class="verdict" style="background:{_COLORS[verdict]}">{verdict}</span>'


def _section(record: Record) -> str:
    claim = record.claim
    where = [text for name, text in record.typeset.items() if name.startswith("where")]
    definitions = "".join(f'<div class="small">where {text}</div>' for text in where)
    unexpected = "" if record.as_expected else f' <span class="bad">expected: {record.expected}</span>'
    assumptions = "".join(f"<li>{escape(text)}</li>" for text in claim["assumptions"])
    unlinked = f'<p class="bad">{escape(claim["unlinked"])}</p>' if "unlinked" in claim else ""
    evidence = "".join(_finding(n, found, record.typeset) for n, found in enumerate(claim["evidence"]))
    return f"""<section id="{record.id}">
<h2>{_badge(record.verdict)} <code>{record.id}</code>{unexpected}</h2>
<p>{escape(record.title)}</p>
<div class="statement">{record.typeset["statement"]}{definitions}</div>
<div class="small">Domain: {escape(claim["domain"])}. Source: {escape(record.source)}. {record.seconds:.1f} s.</div>
{unlinked}<ul class="small">{assumptions}</ul>{svg(claim["map"]) if "map" in claim else ""}
<details><summary>{len(claim["evidence"])} pieces of evidence</summary><ol>{evidence}</ol></details>
</section>"""


def _finding(n: int, found: dict[str, Any], typeset: dict[str, str]) -> str:
    mark = "" if found["holds"] else '<span class="bad">does not hold</span> '
    shows = typeset.get(f"shows {n}")
    lines = "".join(f"<li>{escape(line)}</li>" for line in found.get("lines", ()))
    checksum = f"<br><code>{found['file']} sha256 {found['sha256']}</code>" if "sha256" in found else ""
    return (
        f"<li>{mark}<b>{escape(found['kind'])}</b>: {escape(found['summary'])}"
        + (f"<br>{shows}" if shows else "")
        + (f'<ol class="small">{lines}</ol>' if lines else "")
        + f"{checksum}</li>"
    )
